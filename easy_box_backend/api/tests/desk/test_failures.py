"""Error pages: 404, 405, 403, 500, a form that is not accepted, an ended session. What was typed is kept."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from api.desk import people
from api.models import User
from api.tests.calls import PASSWORD, Caller
from api.tests.conftest import MakeUser
from api.tests.desk.conftest import enter

pytestmark = pytest.mark.django_db
NEW = {"username": 'Anna "A" <b>', "email": "anna@example.com", "role": "picker"}


def page(answer: Any, status: int) -> str:
    """The text of a page that has this status code."""
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    return answer.content.decode()


@pytest.fixture(autouse=True)
def accept_html(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all clients of these tests ask for HTML, as browsers do."""
    begin = Client.__init__

    def browser(self: Client, *args: Any, **more: Any) -> None:
        begin(self, *args, **{**more, "headers": {"accept": "text/html,*/*", **(more.get("headers") or {})}})

    monkeypatch.setattr(Client, "__init__", browser)


@pytest.fixture
def strict(vera: User) -> Client:
    """The manager with a client that has to send the CSRF token of the form."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(vera)
    client.cookies["django_language"] = "en"
    return client


def test_an_unknown_page_is_a_404_with_a_link_back(desk: Client) -> None:
    shown = page(desk.get("/nothing/", headers={"referer": "http://testserver/people/?q=a"}), 404)
    assert "There is no such page." in shown
    assert 'href="http://testserver/people/?q=a"' in shown
    assert 'href="/"' in shown
    assert "evil" not in page(desk.get("/nothing/", headers={"referer": "http://evil.example/"}), 404)


def test_a_program_gets_json_for_an_address_outside_the_api(desk: Client) -> None:
    answer = desk.get("/nothing/", headers={"accept": "*/*"})
    assert answer.headers["Content-Type"] == "application/json"


def test_unknown_api_and_media_addresses_are_answered_in_json(desk: Client) -> None:
    for path in ("/api/nothing/", "/api", "/media/nothing.jpg"):
        answer = desk.get(path)
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/json", path


def test_an_address_of_a_page_without_its_last_slash_is_redirected(desk: Client) -> None:
    answer = desk.get("/people")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/people/")
    assert desk.post("/people").status_code == 404
    assert desk.get("/nothing").status_code == 404
    assert desk.get("/api/products").status_code == 404, "the app's addresses are exact"


def test_a_page_for_which_one_has_no_right_says_whom_to_ask(make_user: MakeUser) -> None:
    shown = page(enter(make_user("Paul")).get("/people/"), 403)
    assert "Ask an administrator" in shown
    assert 'href="/login/"' in shown


def test_a_wrong_method_is_a_405_with_a_link_back(desk: Client, picker: Caller) -> None:
    answer = desk.get(f"/people/{picker.user.pk}/connect/")
    assert 'href="/"' in page(answer, 405)
    assert answer.headers["Allow"] == "POST"
    assert page(desk.put("/people/"), 405)


def test_after_a_server_error_the_typed_form_can_be_sent_again(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(people.accounts, "create", lambda **fields: 1 / 0)
        answer = desk.post("/people/new/?x=1", {**NEW, "form_token": "abc"})
    shown = page(answer, 500)
    assert "Nothing of this was saved." in shown
    assert answer.headers["X-Request-ID"] in shown
    assert "<b>" not in shown
    again = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown))
    assert again.pop("csrfmiddlewaretoken")
    assert re.search(r'action="/people/new/\?x=1"', shown)
    assert desk.post("/people/new/?x=1", {**again, "username": NEW["username"]}).status_code == 302
    assert User.objects.filter(email="anna@example.com").exists()


def test_the_page_of_a_server_error_needs_no_session(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.raise_request_exception = False
    broken = property(lambda _self: 1 / 0)
    monkeypatch.setattr("django.contrib.sessions.backends.base.SessionBase._session", broken)
    assert "Something went wrong" in page(desk.get("/people/"), 500)


def test_the_page_of_a_server_error_never_shows_a_password(desk: Client, picker: Caller, monkeypatch: Any) -> None:
    desk.raise_request_exception = False
    monkeypatch.setattr(people.accounts, "change", lambda *args, **fields: 1 / 0)
    shown = page(desk.post(f"/people/{picker.user.pk}/password/", {"new_password": "battery staple", "x": "kept"}), 500)
    assert "battery" not in shown
    assert "kept" in shown
    assert "Send again" not in shown
    assert "Passwords and files" in shown


# --- A form that is not accepted ----------------------------------------------------------------------------------
def test_a_form_from_before_the_last_login_is_sent_again_by_a_click(strict: Client) -> None:
    answer = strict.post("/people/new/", {**NEW, "csrfmiddlewaretoken": "old"}, headers={"origin": "http://testserver"})
    shown = page(answer, 403)
    assert "before your last login" in shown
    assert "anna@example.com" in shown
    again = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown))
    assert strict.post("/people/new/", again).status_code == 302
    assert User.objects.filter(email="anna@example.com").exists()


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"origin": "null"}, {},
                                     {"referer": "http://evil.example/testserver"}])  # fmt: skip
def test_a_form_of_another_site_has_no_button_to_send_it(strict: Client, headers: dict[str, str]) -> None:
    shown = page(strict.post("/people/new/", NEW, headers=headers), 403)
    assert "Send again" not in shown
    assert "<form" not in shown


# --- An ended session ---------------------------------------------------------------------------------------------
def send_then_log_in(client: Client, path: str, sent: dict[str, Any], **headers: str) -> Any:
    """Send a form without a session, then log in with the fields that the login page carries. Returns the response."""
    answer: Any = client.post(path, sent, headers=headers)
    assert answer.status_code in (200, 401)
    assert 'name="password"' in answer.content.decode()
    login = {"email": "vera@example.com", "password": PASSWORD, "typed": answer.context["typed"]}
    return client.post(answer.context["form_action"], login)


def test_a_form_sent_without_a_session_is_sent_again_after_the_login(vera: User) -> None:
    client = Client()
    answer = send_then_log_in(client, "/people/new/", NEW, referer="http://testserver/people/")
    assert answer.context["back"] == "http://testserver/people/"
    assert client.post(answer.context["target"], dict(answer.context["fields"])).status_code == 302
    assert User.objects.get(email="anna@example.com").username == NEW["username"]


def test_a_form_without_fields_is_sent_again_after_the_login(vera: User, picker: Caller) -> None:
    client, path = Client(), f"/people/{picker.user.pk}/connect/"
    answer = send_then_log_in(client, path, {}, referer=f"http://testserver/people/{picker.user.pk}/")
    assert (answer.context["target"], answer.context["fields"]) == (path, [])
    assert client.post(path).status_code == 200


def test_a_wrong_password_at_that_login_keeps_the_typed_form(vera: User) -> None:
    client = Client()
    first: Any = client.post("/people/new/", NEW)
    wrong: Any = client.post(first.context["form_action"],
                             {"email": vera.email, "password": "wrong", "typed": first.context["typed"]})  # fmt: skip
    assert wrong.context["typed"] == first.context["typed"]
    assert wrong.status_code == 200


def test_a_form_with_a_password_or_a_file_is_not_kept_and_the_login_leads_back_to_its_page(
    vera: User, picker: Caller
) -> None:
    before = f"http://testserver/people/{picker.user.pk}/"
    for sent in ({"new_password": "secret words"}, {"photo": SimpleUploadedFile("a.jpg", b"x")}):
        answer = Client().post(f"{before}password/", sent, headers={"referer": before})
        assert answer.status_code == 302
        assert answer.headers["Location"] == f"/login/?next=http%3A%2F%2Ftestserver%2Fpeople%2F{picker.user.pk}%2F"


def test_a_form_sent_by_htmx_without_a_session_is_kept(vera: User) -> None:
    client = Client()
    headers = {
        "hx-request": "true",
        "hx-current-url": "http://testserver/people/",
        "referer": "http://testserver/people/",
    }
    answer: Any = client.post("/people/new/", NEW, headers=headers)
    assert answer.status_code == 200, "htmx shows no 401"
    assert answer.headers["HX-Retarget"] == "#main"
    assert "anna@example.com" in answer.context["typed"]


@pytest.mark.parametrize("typed", ["", "nonsense", "[]", "null", '{"to": "/people/"}', '{"fields": [[1]], "to": "/"}'])
def test_a_login_ignores_a_carried_form_that_cannot_be_read(vera: User, typed: str) -> None:
    answer = Client().post("/login/", {"email": vera.email, "password": PASSWORD, "typed": typed})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_a_carried_form_is_sent_to_this_server_only(vera: User) -> None:
    typed = '{"to": "https://evil.example/", "fields": [["a", "b"]]}'
    answer: Any = Client().post("/login/", {"email": vera.email, "password": PASSWORD, "typed": typed})
    assert answer.context["target"] == "/"
