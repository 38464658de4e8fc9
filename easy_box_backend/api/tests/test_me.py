"""GET and PATCH /api/users/me/, POST /api/users/me/password/"""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from api.models import User
from api.tests.calls import BODY_KINDS, PASSWORD, Caller, check_error, send
from api.tests.conftest import LogIn

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
ME, PASSWORDS = "/api/users/me/", "/api/users/me/password/"
NEW = "another battery staple"


def test_get_returns_the_callers_own_account(picker: Caller) -> None:
    assert picker.get(ME).json() == {
        "id": picker.user.pk,
        "username": "Picker",
        "email": "picker@example.com",
        "is_staff": False,
        "is_active": True,
    }


def test_a_guest_has_no_account(guest: APIClient) -> None:
    check_error(guest.get(ME), 401)
    check_error(guest.patch(ME, {"username": "X"}), 401)
    check_error(guest.post(PASSWORDS, {"current_password": PASSWORD, "new_password": NEW}), 401)


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_a_user_may_change_their_own_shown_name(picker: Caller, colleague: Caller, kind: str) -> None:
    answer = send(picker, "PATCH", ME, {"username": "Пётр 📦"}, kind)
    assert (answer.status_code, answer.json()["username"]) == (200, "Пётр 📦")
    assert picker.get(ME).json()["username"] == "Пётр 📦"
    assert colleague.get(ME).json()["username"] == "Colleague"


def test_a_user_may_change_nothing_else_of_their_own_account(picker: Caller) -> None:
    before = picker.get(ME).json()
    sent = {"is_staff": True, "is_superuser": True, "is_active": False, "id": 1,
            "password": NEW}  # fmt: skip
    assert picker.patch(ME, sent).status_code == 200
    assert picker.get(ME).json() == before
    person = User.objects.get(pk=picker.user.pk)
    assert not person.is_superuser
    assert person.check_password(PASSWORD)


@pytest.mark.parametrize("confirmation", [{}, {"current_password": "guess"}])
def test_the_email_is_not_changed_without_the_current_password(picker: Caller, confirmation: dict[str, Any]) -> None:
    answer = picker.patch(ME, {"email": "thief@example.com", "username": "Thief", **confirmation})
    assert "current_password" in check_error(answer, 400)
    assert picker.get(ME).json()["email"] == "picker@example.com"
    assert picker.get(ME).json()["username"] == "Picker"


def test_with_the_current_password_the_email_is_changed_and_can_log_in(picker: Caller, guest: APIClient) -> None:
    answer = picker.patch(ME, {"email": " New@Example.com ", "current_password": PASSWORD})
    assert (answer.status_code, answer.json()["email"]) == (200, "new@example.com")
    assert picker.get(ME).status_code == 200
    for email, status in (("picker@example.com", 401), ("new@example.com", 200)):
        assert guest.post("/api/auth/token/", {"email": email, "password": PASSWORD}).status_code == status


def test_an_email_that_is_taken_is_refused(picker: Caller, colleague: Caller) -> None:
    answer = picker.patch(ME, {"email": "COLLEAGUE@example.com", "current_password": PASSWORD})
    assert "email" in check_error(answer, 400, "email_taken")


@pytest.mark.parametrize("name", ["", "   ", None, "x" * 151, "a\x00b", True, ["x"], {"a": 1}])
def test_an_invalid_name_is_400(picker: Caller, name: Any) -> None:
    assert "username" in check_error(picker.patch(ME, {"username": name}), 400, "invalid")


def test_put_and_delete_are_not_allowed(picker: Caller) -> None:
    check_error(picker.put(ME, {}), 405)
    check_error(picker.delete(ME), 405)


# --- Password -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", BODY_KINDS)
def test_after_a_change_only_the_new_password_works_and_other_devices_are_logged_out(
    picker: Caller, colleague: Caller, log_in: LogIn, guest: APIClient, kind: str
) -> None:
    other = log_in(picker.user)
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert send(picker, "POST", PASSWORDS, body, kind).status_code == 204
    assert picker.get(ME).status_code == 200
    check_error(other.get(ME), 401)
    assert colleague.get(ME).status_code == 200
    for password, status in ((PASSWORD, 401), (NEW, 200)):
        answer = guest.post("/api/auth/token/", {"email": "picker@example.com", "password": password})
        assert answer.status_code == status


def test_a_wrong_current_password_changes_nothing(picker: Caller) -> None:
    answer = picker.post(PASSWORDS, {"current_password": "guess", "new_password": NEW})
    assert "current_password" in check_error(answer, 400, "wrong_password")
    assert User.objects.get(pk=picker.user.pk).check_password(PASSWORD)


@pytest.mark.parametrize("weak", ["short", "password123", "28501947362", "picker@example.com"])
def test_a_weak_password_is_refused_with_the_reason(picker: Caller, log_in: LogIn, weak: str) -> None:
    other = log_in(picker.user)
    answer = picker.post(PASSWORDS, {"current_password": PASSWORD, "new_password": weak})
    assert check_error(answer, 400, "weak_password")["new_password"]
    assert other.get(ME).status_code == 200


@pytest.mark.parametrize("body", [{}, {"current_password": PASSWORD}, {"new_password": NEW},
                                  {"current_password": None, "new_password": [NEW]},
                                  {"current_password": PASSWORD, "new_password": "a\x00" * 9}])  # fmt: skip
def test_an_incomplete_request_is_400(picker: Caller, body: dict[str, Any]) -> None:
    check_error(picker.post(PASSWORDS, body), 400, "invalid")


def test_passwords_are_argon2(settings: Any) -> None:
    from django.test.utils import override_settings

    from backend import settings as ours

    with override_settings(PASSWORD_HASHERS=ours.PASSWORD_HASHERS):
        person = User(email="x@example.com")
        person.set_password(NEW)
    assert person.password.startswith("argon2")


def test_guessing_the_current_password_is_locked_like_a_login_and_for_this_device_only(
    picker: Caller, log_in: LogIn, guest: APIClient
) -> None:
    other = log_in(picker.user)
    for path, change in ((PASSWORDS, {"new_password": NEW}), (ME, {"email": "thief@example.com"})) * 5:
        send_as = picker.post if path == PASSWORDS else picker.patch
        check_error(send_as(path, {"current_password": "guess", **change}), 400, "wrong_password")
    answer = picker.post(PASSWORDS, {"current_password": PASSWORD, "new_password": NEW})
    check_error(answer, 429, "throttled")
    assert 1 <= int(answer["Retry-After"]) <= 60
    check_error(picker.patch(ME, {"email": "thief@example.com", "current_password": PASSWORD}), 429)
    login = {"email": "picker@example.com", "password": PASSWORD}
    assert guest.post("/api/auth/token/", login).status_code == 200
    assert other.post(PASSWORDS, {"current_password": PASSWORD, "new_password": NEW}).status_code == 204
    check_error(picker.get(ME), 401)
