"""POST /api/auth/token/"""

from __future__ import annotations

import pytest

from proofs.contract.client import BODY_KINDS, App, Server, body_of
from proofs.phone.app import AuthException


def test_the_right_password_gives_a_token_that_works(guest: App, server: Server) -> None:
    token = guest.auth.login(server.email, server.password)
    assert token
    assert guest.auth.me().email == server.email


def test_the_answer_is_200_and_json(guest: App, server: Server) -> None:
    answer = guest.dio.request("POST", "/auth/token/", {"email": server.email, "password": server.password})
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")


def test_each_login_has_its_own_token_and_the_older_one_goes_on_working(app: App, other_app: App) -> None:
    assert app.session.token != other_app.session.token
    assert app.auth.me() == other_app.auth.me()


def test_a_wrong_password_and_an_unknown_email_are_the_same_401(guest: App, server: Server) -> None:
    wrong = guest.refused("POST", "/auth/token/", {"email": server.email, "password": "wrong"})
    unknown = guest.refused("POST", "/auth/token/", {"email": "nobody@example.com", "password": "wrong"})
    assert wrong.status == unknown.status == 401
    assert wrong.data == unknown.data


def test_the_app_shows_invalid_credentials(guest: App, server: Server) -> None:
    with pytest.raises(AuthException, match=r"^Invalid credentials$"):
        guest.auth.login(server.email, "неверный")


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_any_kind_of_body_is_understood(guest: App, server: Server, kind: str) -> None:
    body, content_type = body_of(kind, {"email": server.email, "password": server.password})
    headers = {"content-type": content_type} if content_type else {}
    answer = guest.dio.request("POST", "/auth/token/", body, headers)
    assert isinstance(answer.data["token"], str)


def test_a_stale_token_in_the_header_does_not_stop_a_login(guest: App, server: Server) -> None:
    guest.session.token = "0" * 64
    credentials = {"email": server.email, "password": server.password}
    assert guest.send("POST", "/auth/token/", credentials).status == 200
