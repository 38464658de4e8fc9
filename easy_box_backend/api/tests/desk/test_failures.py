"""Pages for what failed: 404, 405, 403, 500, a form that is not accepted, an ended session. What was typed is kept."""

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
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    return answer.content.decode()


@pytest.fixture(autouse=True)
def as_browsers_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """All clients of these tests ask for pages."""
    begin = Client.__init__

    def browser(self: Client, *args: Any, **more: Any) -> None:
        begin(self, *args, **{**more, "headers": {"accept": "text/html,*/*", **(more.get("headers") or {})}})

    monkeypatch.setattr(Client, "__init__", browser)


@pytest.fixture
def strict(vera: User) -> Client:
    """The manager in a browser that has to send the form's own token."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(vera)
    client.cookies["django_language"] = "en"
    return client


def test_a_page_that_is_not_there_leads_back(desk: Client) -> None:
    shown = page(desk.get("/nothing/", headers={"referer": "http://testserver/people/?q=a"}), 404)
    assert "There is no such page." in shown
    assert 'href="http://testserver/people/?q=a"' in shown
    assert 'href="/"' in shown
    assert "evil" not in page(desk.get("/nothing/", headers={"referer": "http://evil.example/"}), 404)


def test_a_program_that_asks_beside_the_api_gets_json(desk: Client) -> None:
    answer = desk.get("/nothing/", headers={"accept": "*/*"})
    assert answer.headers["Content-Type"] == "application/json"


def test_programs_get_json_all_the_same(desk: Client) -> None:
    for path in ("/api/nothing/", "/api", "/media/nothing.jpg"):
        answer = desk.get(path)
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/json", path


def test_an_address_without_its_last_slash_is_found(desk: Client) -> None:
    answer = desk.get("/people")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/people/")
    assert desk.post("/people").status_code == 404
    assert desk.get("/nothing").status_code == 404
    assert desk.get("/api/products").status_code == 404, "the app's addresses are exact"


def test_a_page_of_others_says_whom_to_ask(make_user: MakeUser) -> None:
    shown = page(enter(make_user("Paul")).get("/people/"), 403)
    assert "Ask an administrator" in shown
    assert 'href="/login/"' in shown


def test_a_wrong_method_leads_back(desk: Client, picker: Caller) -> None:
    answer = desk.get(f"/people/{picker.user.pk}/connect/")
    assert 'href="/"' in page(answer, 405)
    assert answer.headers["Allow"] == "POST"
    assert page(desk.put("/people/"), 405)


def test_a_fault_of_the_server_keeps_what_was_typed_and_sends_it_again(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_the_page_of_a_fault_needs_no_database(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.raise_request_exception = False
    broken = property(lambda _self: 1 / 0)
    monkeypatch.setattr("django.contrib.sessions.backends.base.SessionBase._session", broken)
    assert "Something went wrong" in page(desk.get("/people/"), 500)


def test_a_password_is_never_on_a_page_of_a_fault(desk: Client, picker: Caller, monkeypatch: Any) -> None:
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
def carried(client: Client, path: str, sent: dict[str, Any], **headers: str) -> Any:
    """Send a form without a session, then log in with what the page carries along."""
    answer: Any = client.post(path, sent, headers=headers)
    assert answer.status_code in (200, 401)
    assert 'name="password"' in answer.content.decode()
    login = {"email": "vera@example.com", "password": PASSWORD, "typed": answer.context["typed"]}
    return client.post(answer.context["form_action"], login)


def test_what_was_typed_arrives_after_the_login(vera: User) -> None:
    client = Client()
    answer = carried(client, "/people/new/", NEW, referer="http://testserver/people/")
    assert answer.context["back"] == "http://testserver/people/"
    assert client.post(answer.context["target"], dict(answer.context["fields"])).status_code == 302
    assert User.objects.get(email="anna@example.com").username == NEW["username"]


def test_a_button_without_fields_is_pressed_again_after_the_login(vera: User, picker: Caller) -> None:
    client, path = Client(), f"/people/{picker.user.pk}/connect/"
    answer = carried(client, path, {}, referer=f"http://testserver/people/{picker.user.pk}/")
    assert (answer.context["target"], answer.context["fields"]) == (path, [])
    assert client.post(path).status_code == 200


def test_a_wrong_password_in_between_loses_nothing(vera: User) -> None:
    client = Client()
    first: Any = client.post("/people/new/", NEW)
    wrong: Any = client.post(first.context["form_action"],
                             {"email": vera.email, "password": "wrong", "typed": first.context["typed"]})  # fmt: skip
    assert wrong.context["typed"] == first.context["typed"]
    assert wrong.status_code == 200


def test_of_a_form_with_a_password_or_a_file_one_comes_back_to_its_page(vera: User, picker: Caller) -> None:
    before = f"http://testserver/people/{picker.user.pk}/"
    for sent in ({"new_password": "secret words"}, {"photo": SimpleUploadedFile("a.jpg", b"x")}):
        answer = Client().post(f"{before}password/", sent, headers={"referer": before})
        assert answer.status_code == 302
        assert answer.headers["Location"] == f"/login/?next=http%3A%2F%2Ftestserver%2Fpeople%2F{picker.user.pk}%2F"


def test_a_form_sent_by_htmx_is_kept_too(vera: User) -> None:
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
def test_a_login_with_nonsense_carried_along_is_a_plain_login(vera: User, typed: str) -> None:
    answer = Client().post("/login/", {"email": vera.email, "password": PASSWORD, "typed": typed})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_what_is_carried_along_is_sent_to_this_server_only(vera: User) -> None:
    typed = '{"to": "https://evil.example/", "fields": [["a", "b"]]}'
    answer: Any = Client().post("/login/", {"email": vera.email, "password": PASSWORD, "typed": typed})
    assert answer.context["target"] == "/"
