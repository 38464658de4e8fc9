"""Logging in to the admin, its languages, one's own password."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from api.models import Device
from api.tests.admin_desk import enter, text
from api.tests.calls import PASSWORD, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
LOGIN = "/admin/login/"


def log_in(client: Client, email: str, password: str, **headers: Any) -> Any:
    return client.post(LOGIN, {"username": email, "password": password, "next": "/admin/"}, **headers)


def test_a_manager_logs_in_by_email_whatever_its_case(manager: Caller) -> None:
    answer = log_in(Client(), " Manager@Example.com ", PASSWORD)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


@pytest.mark.parametrize("email", ["picker@example.com", "nobody@example.com", "not an address"])
def test_a_picker_and_a_stranger_stay_outside(picker: Caller, email: str) -> None:
    client = Client()
    assert log_in(client, email, PASSWORD).status_code == 200
    assert client.get("/admin/api/product/").status_code == 302


def test_a_picker_who_is_logged_in_sees_and_changes_nothing(picker: Caller) -> None:
    desk = enter(picker.user)
    for page in ("product", "order", "user", "device", "stockmovement", "discrepancy", "clienterror"):
        assert desk.list(page).status_code == 302
    assert desk.post("/admin/api/stockmovement/1/do/reverse/").status_code == 302


def test_a_deactivated_manager_is_out_at_once(manager: Caller) -> None:
    desk = enter(manager.user)
    assert desk.list("product").status_code == 200
    type(manager.user).objects.filter(pk=manager.user.pk).update(is_active=False)
    assert desk.list("product").status_code == 302


def test_the_tenth_failure_in_a_minute_closes_the_door_with_a_page_in_russian(manager: Caller) -> None:
    client = Client()
    answers = [log_in(client, "manager@example.com", "wrong") for _ in range(10)]
    assert [answer.status_code for answer in answers[:9]] == [200] * 9
    shut = log_in(client, "manager@example.com", PASSWORD)
    assert shut.status_code == 429
    assert 1 <= int(shut["Retry-After"]) <= 60
    assert shut["Content-Type"].startswith("text/html")
    assert "Слишком много неудачных попыток входа" in text(shut)
    client.cookies["django_language"] = "de"
    assert "Zu viele fehlgeschlagene Anmeldungen" in text(log_in(client, "manager@example.com", PASSWORD))


def test_the_admin_is_russian_until_one_chooses_another_language(manager: Caller) -> None:
    client = Client()
    page = text(client.get(LOGIN, headers={"accept-language": "de"}))
    assert "Эл. почта" in page
    assert "Войти" in page
    client.post(reverse("set_language"), {"language": "de", "next": LOGIN})
    assert "Anmelden" in text(client.get(LOGIN))


@pytest.mark.parametrize(
    ("language", "words"),
    [("ru", ["Товары", "Открытые расхождения"]), ("de", ["Artikel", "Offene Abweichungen"]), ("en", ["Products"])],
)
def test_the_front_page_counts_what_waits_in_each_language(owner: Caller, language: str, words: list[str]) -> None:
    page = text(enter(owner.user, language).get("/admin/"))
    assert all(word in page for word in words)


def test_tables_of_packages_are_not_shown(owner: Caller) -> None:
    page = text(enter(owner.user).get("/admin/"))
    assert "/admin/api/product/" in page
    for path in ("/admin/knox/", "/admin/axes/", "/admin/auth/"):
        assert path not in page
        assert enter(owner.user).get(path).status_code == 404


def test_changing_ones_own_password_logs_ones_phones_out_and_stays_at_the_desk(manager: Caller) -> None:
    desk = enter(manager.user)
    new = "quite another battery"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert desk.post("/admin/password_change/", data)["Location"] == "/admin/password_change/done/"
    assert desk.get("/admin/").status_code == 200
    assert Device.objects.get(pk=manager.device.pk).token is None
    assert log_in(Client(), "manager@example.com", new).status_code == 302


def test_guessing_ones_current_password_at_the_desk_has_a_limit(manager: Caller, owner: Caller) -> None:
    desk, new = enter(manager.user), "quite another battery"
    data = {"old_password": "guess", "new_password1": new, "new_password2": new}
    for _ in range(10):
        assert "The current password is wrong." in text(desk.post("/admin/password_change/", data))
    shut = desk.post("/admin/password_change/", {**data, "old_password": PASSWORD})
    assert "Too many failed logins" in text(shut)
    manager.user.refresh_from_db()
    assert manager.user.check_password(PASSWORD)
    assert log_in(Client(), "manager@example.com", PASSWORD).status_code == 302, "from elsewhere one still logs in"


def test_a_browser_that_was_at_the_desk_is_let_in_whoever_guesses_from_wherever(manager: Caller) -> None:
    home = Client()
    assert log_in(home, "manager@example.com", PASSWORD, REMOTE_ADDR="10.0.0.1").status_code == 302
    home.post("/admin/logout/")
    for n in range(12):
        log_in(Client(), "manager@example.com", "wrong", REMOTE_ADDR=f"10.7.0.{n}")
        log_in(Client(), "manager@example.com", "wrong", REMOTE_ADDR="10.0.0.1")
    assert log_in(Client(), "manager@example.com", PASSWORD, REMOTE_ADDR="10.8.0.1").status_code == 429
    assert log_in(home, "manager@example.com", PASSWORD, REMOTE_ADDR="10.8.0.1").status_code == 302


def test_a_browser_is_known_for_the_account_it_logged_in_and_for_no_other(manager: Caller, owner: Caller) -> None:
    thief = Client()
    log_in(thief, "manager@example.com", PASSWORD, REMOTE_ADDR="10.0.0.1")
    thief.post("/admin/logout/")
    for n in range(10):
        log_in(Client(), "owner@example.com", "wrong", REMOTE_ADDR=f"10.7.0.{n}")
    assert log_in(thief, "owner@example.com", PASSWORD, REMOTE_ADDR="10.8.0.1").status_code == 429


@pytest.mark.parametrize("cookie", ["nonsense", "1:abc", "1:abc:sig:nature", ""])
def test_a_forged_cookie_makes_no_browser_known(manager: Caller, cookie: str) -> None:
    client = Client()
    client.cookies["known_browser"] = cookie
    for n in range(10):
        assert log_in(client, "manager@example.com", "wrong", REMOTE_ADDR=f"10.7.0.{n}").status_code == 200
    assert log_in(client, "manager@example.com", PASSWORD, REMOTE_ADDR="10.8.0.1").status_code == 429
