"""What holds for all tests."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_list_of_the_test_before() -> Iterator[None]:
    """A test's database goes back to where it was, and so do its revisions, which never happens to a real one."""
    yield
    if feeds := sys.modules.get("api.feeds"):
        feeds.forget()
