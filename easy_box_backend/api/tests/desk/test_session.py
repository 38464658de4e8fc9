"""Login, the ended session, one's own password."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from api.models import User
from api.tests.calls import PASSWORD
from api.tests.conftest import MakeUser

pytestmark = pytest.mark.django_db


def test_a_manager_logs_in_and_gets_the_page_that_was_asked_for(vera: User) -> None:
    client = Client()
    answer = client.get("/password/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login/?next=%2Fpassword%2F"
    answer = client.post(answer.headers["Location"], {"email": "VERA@example.com ", "password": PASSWORD})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/password/"
    assert client.get("/password/").status_code == 200


def test_a_page_of_another_server_is_not_the_target(vera: User) -> None:
    answer = Client().post("/login/?next=//evil.example/", {"email": vera.email, "password": PASSWORD})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("email", ["vera@example.com", "paul@example.com"])
def test_a_wrong_password_and_a_pickers_account_look_alike(vera: User, make_user: MakeUser, email: str) -> None:
    make_user("Paul")
    given = "wrong" if email.startswith("vera") else PASSWORD
    answer = Client(headers={"accept-language": "en"}).post("/login/", {"email": email, "password": given})
    assert answer.status_code == 200
    assert answer.context["form"].non_field_errors()


def test_ten_wrong_passwords_lock_the_login_for_a_minute(vera: User) -> None:
    client = Client()
    for _try in range(10):
        client.post("/login/", {"email": vera.email, "password": "wrong"})
    answer = client.post("/login/", {"email": vera.email, "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_what_was_typed_before_the_session_ended_is_sent_after_the_login(vera: User) -> None:
    client = Client()
    answer = client.post("/password/?x=1", {"customer": 'Anna "A" <b>', "line": ["1", "2"]})
    assert answer.status_code == 401
    page = answer.content.decode()
    assert "/login/?next=%2Fpassword%2F%3Fx%3D1" in page
    typed = answer.context["typed"]
    answer = client.post("/login/?next=/password/%3Fx%3D1", {"email": vera.email, "password": PASSWORD, "typed": typed})
    assert answer.context["target"] == "/password/?x=1"
    assert answer.context["fields"] == [("customer", 'Anna "A" <b>'), ("line", "1"), ("line", "2")]
    assert "<b>" not in answer.content.decode()


def test_a_password_that_was_typed_is_not_carried_through_a_login() -> None:
    answer = Client().post("/people/", {"new_password": "secret", "email": "x@example.com"})
    assert answer.status_code in (302, 404)
    assert "secret" not in answer.content.decode()


def test_a_page_that_polls_without_a_session_stays_and_says_so() -> None:
    """A redirect would lose what somebody is typing there."""
    answer = Client().get("/live/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/orders/"})
    assert answer.status_code == 286, "htmx shows it and stops polling"
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reselect"]) == ("#messages", "#ended")
    assert "HX-Redirect" not in answer.headers
    assert 'href="/login/?next=http%3A%2F%2Ftestserver%2Forders%2F"' in answer.content.decode()


def test_changing_ones_own_password_needs_the_old_one(desk: Client, vera: User) -> None:
    wrong = desk.post("/password/", {"current": "wrong", "new": "a brand new one 7"})
    assert wrong.context["form"].errors["current"]
    assert desk.post("/password/", {"current": PASSWORD, "new": "a brand new one 7"}).status_code == 302
    vera.refresh_from_db()
    assert vera.check_password("a brand new one 7")
    assert desk.get("/password/").status_code == 200  # still logged in


def test_logging_out_ends_the_session(desk: Client) -> None:
    assert desk.get("/logout/").status_code == 405
    desk.post("/logout/")
    assert desk.get("/").status_code == 302


def test_pages_load_nothing_from_other_servers_and_have_no_inline_script(desk: Client) -> None:
    answer = desk.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    page = answer.content.decode()
    assert not re.search(r"<script(?![^>]*src=)|style=|https?://(?!www\.w3\.org)", page)
