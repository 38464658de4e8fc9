"""The server under test, and the clients that call it.

The server is Django's live test server with an account made for the test, or the running server that EASYBOX_URL names,
with the account in EASYBOX_EMAIL and EASYBOX_PASSWORD. Each test makes its own data over HTTP, with new SKUs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proofs.contract.client import App, Server

EMAIL, PASSWORD, USERNAME = "picker@example.com", "correct horse battery", "Пётр Picker"
DART, INTEGRATION = "Dart/3.5 (dart:io)", "warehouse-integration/1.0"

DEPENDING_ON_THE_DATABASE = {"test_products_by_sku", "test_products_list", "test_orders_list", "test_offline_pass"}
"""Test modules whose results may depend on the database: which SKUs it takes for equal, how it sorts and adds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests on Django's live server. It works in its own threads, so they need real transactions."""
    if "EASYBOX_URL" in os.environ:
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.django_db(transaction=True))
            if item.path.stem in DEPENDING_ON_THE_DATABASE:
                item.add_marker(pytest.mark.both_databases)


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Server:
    """The server under test, with an account that may log in."""
    url = os.environ.get("EASYBOX_URL")
    if url:
        return Server(
            url.rstrip("/"),
            os.environ.get("EASYBOX_EMAIL", "admin@example.com"),
            os.environ.get("EASYBOX_PASSWORD", "password"),
        )
    return _live_server(request, tmp_path)


def _live_server(request: pytest.FixtureRequest, media_root: Path) -> Server:
    settings = request.getfixturevalue("settings")
    settings.MEDIA_ROOT = str(media_root)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # each test logs in: be quick
    from django.contrib.auth import get_user_model

    # A manager, since the contract has calls that only managers may make, such as deleting (docs/rights.md).
    get_user_model().objects.create_user(email=EMAIL, password=PASSWORD, username=USERNAME, is_staff=True)
    return Server(request.getfixturevalue("live_server").url, EMAIL, PASSWORD, USERNAME)


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[[str], App]]:
    """A function that makes a client with a user agent, not logged in. Its connections are closed after the test."""
    apps: list[App] = []

    def connect_as(user_agent: str) -> App:
        apps.append(App(server, user_agent))
        return apps[-1]

    yield connect_as
    for app in apps:
        app.dio.close()


@pytest.fixture
def guest(connect: Callable[[str], App]) -> App:
    """The app, not logged in."""
    return connect(DART)


@pytest.fixture
def app(connect: Callable[[str], App]) -> App:
    """The app, logged in."""
    return connect(DART).log_in()


@pytest.fixture
def other_app(connect: Callable[[str], App]) -> App:
    """A second phone of the same person."""
    return connect(DART).log_in()


@pytest.fixture
def integration(connect: Callable[[str], App]) -> App:
    """A logged-in program that is not the app: the API is strict with it."""
    return connect(INTEGRATION).log_in()
