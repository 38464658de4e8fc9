"""The desk's cookies: those that were set over HTTPS are never sent over plain HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from api.tests.calls import PASSWORD
from api.tests.conftest import MakeUser

pytestmark = pytest.mark.any_database


@pytest.mark.django_db
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_cookie_is_secure_over_https_and_can_be_used_over_http(
    make_user: MakeUser, settings: Any, scheme: str
) -> None:
    """nginx tells the server by which scheme a request came."""
    settings.TRUSTED_PROXIES, settings.SECURE_PROXY_SSL_HEADER = 1, ("HTTP_X_FORWARDED_PROTO", "https")
    make_user("Manager", is_staff=True)
    client = Client(headers={"X-Forwarded-Proto": scheme})
    client.get("/login/")
    answer = client.post("/login/", {"email": "manager@example.com", "password": PASSWORD})
    assert answer.status_code == 302
    assert client.cookies["sessionid"].value
    assert len(client.cookies) >= 2
    assert {bool(cookie["secure"]) for cookie in client.cookies.values()} == {scheme == "https"}
