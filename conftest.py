"""Fixtures for all tests."""

import gc
import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

EITHER = pytest.StashKey[set[pytest.Item]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test` splits the suite between three processes, see dev/test.py."""
    parser.addoption("--share", choices=["sqlite", "postgresql", "browser"], help="this share of the suite")
    parser.addoption("--taken", type=Path, help="where the shares note what they run of what either database may")


def pytest_configure(config: pytest.Config) -> None:
    """In a share, a tenth of the examples are tried (api/tests/examples.py)."""
    if config.getoption("--share"):
        from hypothesis import settings

        settings.register_profile("a tenth", max_examples=settings().max_examples // 10)
        settings.load_profile("a tenth")


@pytest.hookimpl(trylast=True)  # once every marker is there
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep this share, by the rule in dev/test.py. What either database may run comes last, from both ends. A test that
    SQLite may skip is left to PostgreSQL, whatever its marker says."""
    share = config.getoption("--share")
    if share is None:
        return
    own, either, others = [], [], []
    for item in items:
        marked = {marker.name for marker in item.iter_markers()}
        if "slow" in marked:
            others.append(item)
        elif share == "browser":
            own.append(item)
        elif not uses_database(item) or ("any_database" in marked and "skipif" not in marked):
            either.append(item)
        elif "both_databases" in marked or share == "postgresql":
            own.append(item)
        else:
            others.append(item)
    config.stash[EITHER] = set(either)
    items[:] = own + (either if share == "sqlite" else either[::-1])
    config.hook.pytest_deselected(items=others)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Leave out what the other database has begun."""
    taken = item.config.getoption("--taken")
    if not taken or item not in item.config.stash[EITHER]:
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
    """Exclude imported modules and collected tests, which stay to the end, from garbage collection, and collect less
    often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """SQLite lets waiting writers in by chance, not in turn, so a test with many writers on a slow machine may keep one
    waiting for longer than the server would. Only a hang may end a test."""
    from django.db import connections

    for connection in connections.all():
        if connection.vendor == "sqlite":
            connection.settings_dict["OPTIONS"]["timeout"] = 250


@pytest.fixture(autouse=True, scope="session")
def static_files_are_listed_once() -> Iterator[None]:
    """Each test client loads the middleware again, and WhiteNoise would list all static files each time (50 ms)."""
    from whitenoise.middleware import WhiteNoiseMiddleware

    listed: dict[tuple[str, ...], dict[str, Any]] = {}

    def once(look_through: Callable[..., None]) -> Callable[..., None]:
        def add(middleware: Any, *places: str) -> None:
            own, key = middleware.files, (middleware.static_prefix, *places)
            if key not in listed:
                middleware.files = {}
                look_through(middleware, *places)
                listed[key] = middleware.files
            middleware.files = own | listed[key]

        return add

    with pytest.MonkeyPatch.context() as patch:
        for name in ("add_files_from_finders", "update_files_dictionary"):
            patch.setattr(WhiteNoiseMiddleware, name, once(getattr(WhiteNoiseMiddleware, name)))
        yield


@pytest.fixture(autouse=True, scope="session")
def live_servers_serve_static_files_as_real_ones_do() -> Iterator[None]:
    """By WhiteNoise. Django's handler does not know the file names with a hash that production uses."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StaticFilesHandler, "_should_handle", lambda handler, path: False)
        yield


class AtWork:
    """Counts the requests that test servers work on. A server still works when its client has the whole answer."""

    def __init__(self) -> None:
        self._number, self._changed = 0, threading.Condition()

    def change(self, by: int) -> None:
        """Add `by` (1 or -1) to the count."""
        with self._changed:
            self._number += by
            self._changed.notify_all()

    def wait(self, seconds: float = 10) -> None:
        """Return once there is none, or after so many seconds."""
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
    """After a test with real transactions every table is emptied, as Django does it, but by DELETE, which takes a tenth
    of TRUNCATE's time for a few rows. Content types and permissions, which never change, stay instead of being
    created again (0.15 s per test). The revision's row is as a migration makes it."""
    from django.db import connections, transaction
    from django.test import TransactionTestCase

    kept = {"django_content_type", "auth_permission"}

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
def no_list_of_the_test_before() -> Iterator[None]:
    """Forget the cached lists: a test's rollback also takes revisions back, which never happens in production."""
    yield
    if ready := sys.modules.get("api.rest.ready"):
        ready.forget()
