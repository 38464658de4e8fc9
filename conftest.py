"""Fixtures for all tests."""

import gc
import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ANY_DATABASE = pytest.StashKey[set[pytest.Item]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test` splits the suite between two processes, see dev/test.py."""
    parser.addoption("--share", choices=["sqlite", "postgresql"], help="this share of the suite")
    parser.addoption("--taken", type=Path, help="where the shares mark the tests that they have begun")


def pytest_configure(config: pytest.Config) -> None:
    """With --share, try a tenth of the examples (api/tests/examples.py)."""
    if config.getoption("--share"):
        from hypothesis import settings

        settings.register_profile("a tenth", max_examples=settings().max_examples // 10)
        settings.load_profile("a tenth")


@pytest.hookimpl(trylast=True)  # after the hooks that add markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of this share, by the rules in dev/test.py, and deselect the others.

    Tests that may run on either database come last: SQLite takes them from the first one on, PostgreSQL from the last
    one on. A test with `skipif` always runs on PostgreSQL, since SQLite may skip it.
    """
    share = config.getoption("--share")
    if share is None:
        return
    own, either, others = [], [], []
    for item in items:
        marked = {marker.name for marker in item.iter_markers()}
        if "slow" in marked:
            others.append(item)
        elif not uses_database(item) or ("any_database" in marked and "skipif" not in marked):
            either.append(item)
        elif "both_databases" in marked or share == "postgresql":
            own.append(item)
        else:
            others.append(item)
    config.stash[ANY_DATABASE] = set(either)
    items[:] = own + (either if share == "sqlite" else either[::-1])
    config.hook.pytest_deselected(items=others)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Leave out a test that the process of the other database has begun. It is marked by a file named after it."""
    taken = item.config.getoption("--taken")
    if not taken or item not in item.config.stash[ANY_DATABASE]:
        return None
    try:
        (taken / hashlib.sha256(item.nodeid.encode()).hexdigest()).touch(exist_ok=False)
    except FileExistsError:
        item.session._setupstate.teardown_exact(nextitem)  # as if it had been run
        return True
    return None


def uses_database(item: pytest.Item) -> bool:
    """Whether pytest-django gives this test access to the database."""
    fixtures = {"db", "transactional_db", "live_server", "django_db_setup"}
    return bool(item.get_closest_marker("django_db") or fixtures & set(getattr(item, "fixturenames", ())))


def pytest_collection_finish() -> None:
    """Exclude imported modules and collected tests from garbage collection, since they stay until the end, and collect
    less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Raise SQLite's lock timeout, so that only a real hang ends a test.

    SQLite lets waiting writers in by chance, not in turn. In a test with many writers on a slow machine one of them may
    wait for longer than the server's timeout.
    """
    from django.db import connections

    for connection in connections.all():
        if connection.vendor == "sqlite":
            connection.settings_dict["OPTIONS"]["timeout"] = 250


@pytest.fixture(autouse=True, scope="session")
def static_files_are_listed_once() -> Iterator[None]:
    """Each test client loads the middleware again, and WhiteNoise would list all static files each time (50 ms)."""
    from whitenoise.middleware import WhiteNoiseMiddleware

    listed: dict[tuple[str, ...], dict[str, Any]] = {}

    def once(list_files: Callable[..., None]) -> Callable[..., None]:
        def add(middleware: Any, *places: str) -> None:
            own, key = middleware.files, (middleware.static_prefix, *places)
            if key not in listed:
                middleware.files = {}
                list_files(middleware, *places)
                listed[key] = middleware.files
            middleware.files = own | listed[key]

        return add

    with pytest.MonkeyPatch.context() as patch:
        for name in ("add_files_from_finders", "update_files_dictionary"):
            patch.setattr(WhiteNoiseMiddleware, name, once(getattr(WhiteNoiseMiddleware, name)))
        yield


@pytest.fixture(autouse=True, scope="session")
def live_servers_serve_static_files_as_real_ones_do() -> Iterator[None]:
    """Let WhiteNoise serve the static files. Django's own handler does not know production's file names with a hash."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StaticFilesHandler, "_should_handle", lambda handler, path: False)
        yield


class AtWork:
    """Counts the requests that test servers are working on.

    A server is still at work for a moment after its client has received the whole response.
    """

    def __init__(self) -> None:
        self._number, self._changed = 0, threading.Condition()

    def change(self, by: int) -> None:
        """Add `by` (1 or -1) to the count."""
        with self._changed:
            self._number += by
            self._changed.notify_all()

    def wait(self, seconds: float = 10) -> None:
        """Return once no request is being worked on, or after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._number == 0, seconds)


at_work = AtWork()


@pytest.fixture(autouse=True, scope="session")
def live_servers_answer_at_once() -> Iterator[None]:
    """Django's test server sends head and body separately, and the kernel delays the body for 40 ms, until the client
    has acknowledged the head (Nagle's algorithm). Real servers switch that off."""
    from django.core.servers.basehttp import ServerHandler
    from django.test.testcases import QuietWSGIRequestHandler

    answer = ServerHandler.run

    def run(handler: Any, application: Any) -> None:
        at_work.change(1)
        try:
            answer(handler, application)
        finally:
            at_work.change(-1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QuietWSGIRequestHandler, "disable_nagle_algorithm", True)
        patch.setattr(ServerHandler, "run", run)
        yield


@pytest.fixture(autouse=True, scope="session")
def real_transactions_are_cleaned_up_quickly() -> Iterator[None]:
    """After a test with real transactions, empty every table, as Django does, but by DELETE, which takes a tenth of
    TRUNCATE's time for a few rows. Content types, permissions and groups never change, so they stay instead of being
    created again (0.15 s per test). The row of `api_revision` is created again as a migration creates it."""
    from django.db import connections, transaction
    from django.test import TransactionTestCase

    kept = {"django_content_type", "auth_permission", "auth_group"}

    def empty(case: TransactionTestCase) -> None:
        at_work.wait()
        for name in case._databases_names(include_mirrors=False):
            connection = connections[name]
            existing = connection.introspection.django_table_names(only_existing=True, include_views=False)
            with transaction.atomic(using=name), connection.cursor() as cursor:
                for table in set(existing) - kept:  # foreign keys are checked at the end
                    cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
                if "api_revision" in existing:
                    cursor.execute("INSERT INTO api_revision (id, value, epoch) VALUES (1, 0, 'tests')")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(autouse=True)
def no_cached_lists_of_the_test_before() -> Iterator[None]:
    """Clear the cache of lists after each test. It is keyed by revision, and a test's rollback takes revisions back,
    which never happens in production."""
    yield
    if ready := sys.modules.get("api.rest.ready"):
        ready.forget()
