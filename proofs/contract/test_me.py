"""GET /api/users/me/"""

from __future__ import annotations

from proofs.contract.client import App, Server


def test_the_answer_has_the_email_and_the_shown_name(app: App, server: Server) -> None:
    me = app.auth.me()
    assert me.email == server.email
    assert me.username
    if server.username is not None:
        assert me.username == server.username


def test_the_answer_has_no_password(app: App) -> None:
    assert "password" not in app.send("GET", "/users/me/").data
