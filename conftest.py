"""What holds for all tests."""

import gc
import sys
from collections.abc import Iterator
from typing import Any

import pytest


def pytest_collection_finish() -> None:
    """What is imported and collected stays to the end: the garbage collector need not look through it each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def static_files_are_listed_once() -> Iterator[None]:
    """Each test client loads the middleware anew; WhiteNoise would look through all static files each time (50 ms)."""
    from whitenoise.middleware import WhiteNoiseMiddleware

    listed: dict[str, dict[str, Any]] = {}
    look_through = WhiteNoiseMiddleware.add_files_from_finders

    def add(middleware: Any) -> None:
        own = middleware.files
        if middleware.static_prefix not in listed:
            middleware.files = {}
            look_through(middleware)
            listed[middleware.static_prefix] = middleware.files
        middleware.files = own | listed[middleware.static_prefix]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add)
        yield


@pytest.fixture(autouse=True, scope="session")
def live_servers_answer_at_once() -> Iterator[None]:
    """Django's test server sends head and body one by one, and the kernel holds the second back for 40 ms, until the
    client has acknowledged the first. A real server switches that off."""
    from django.test.testcases import QuietWSGIRequestHandler

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QuietWSGIRequestHandler, "disable_nagle_algorithm", True)
        yield


@pytest.fixture(autouse=True, scope="session")
def real_transactions_are_cleaned_up_quickly() -> Iterator[None]:
    """After a test with real transactions every table is emptied, as Django does it, but by DELETE, which takes a tenth
    of TRUNCATE's time for a few rows; and what is the same for ever (kinds of content, permissions) stays, instead of
    being made anew (0.15 s a test)."""
    from django.db import connections, transaction
    from django.test import TransactionTestCase

    kept = {"django_content_type", "auth_permission"}

    def empty(case: TransactionTestCase) -> None:
        for name in case._databases_names(include_mirrors=False):
            connection = connections[name]
            existing = connection.introspection.django_table_names(only_existing=True, include_views=False)
            with transaction.atomic(using=name), connection.cursor() as cursor:
                for table in set(existing) - kept:  # foreign keys are checked at the end
                    cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(autouse=True)
def no_list_of_the_test_before() -> Iterator[None]:
    """A test's database goes back to where it was, and so do its revisions, which never happens to a real one."""
    yield
    if feeds := sys.modules.get("api.feeds"):
        feeds.forget()
