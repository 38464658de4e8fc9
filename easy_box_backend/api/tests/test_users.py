"""GET and POST /api/users/, GET and PATCH /api/users/{id}/"""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from api.models import User
from api.tests.calls import BODY_KINDS, PASSWORD, Caller, check_error, send
from api.tests.cases import each
from api.tests.conftest import LogIn, MakeUser

pytestmark = pytest.mark.django_db
USERS = "/api/users/"
NEW = {"email": "New@Example.com", "username": "Newcomer", "password": "another battery staple"}


def address(user: User | Caller) -> str:
    return f"{USERS}{(user.user if isinstance(user, Caller) else user).pk}/"


def test_only_staff_may_call_anything_here(picker: Caller, guest: APIClient) -> None:
    calls = [
        ("get", USERS, None),
        ("post", USERS, NEW),
        ("get", address(picker), None),
        ("patch", address(picker), NEW),
    ]
    for method, path, body in calls:
        check_error(getattr(picker, method)(path, body), 403, "permission_denied")
        check_error(getattr(guest, method)(path, body), 401, "not_authenticated")
    assert User.objects.count() == 1


def test_a_manager_lists_accounts_without_their_passwords(manager: Caller, picker: Caller) -> None:
    answer = manager.get(USERS)
    assert [row["email"] for row in answer.json()] == ["manager@example.com", "picker@example.com"]
    assert b"md5" not in answer.content
    assert "password" not in answer.json()[0]
    assert manager.get(address(picker)).json()["username"] == "Picker"


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_a_manager_makes_an_account_that_can_log_in(manager: Caller, guest: APIClient, kind: str) -> None:
    answer = send(manager, "POST", USERS, NEW, kind)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["email"], made["is_active"], made["is_staff"]) == ("new@example.com", True, False)
    login = guest.post("/api/auth/token/", {"email": "new@example.com", "password": NEW["password"]})
    assert login.status_code == 200


@pytest.mark.both_databases
@pytest.mark.parametrize("email", ["picker@example.com", "PICKER@EXAMPLE.COM", "\ufeffpicker\u200b@example.com "])
def test_an_email_is_taken_whatever_its_case_and_invisible_signs(manager: Caller, picker: Caller, email: str) -> None:
    own = {"email": email, "current_password": PASSWORD}
    assert "email" in check_error(manager.post(USERS, {**NEW, "email": email}), 400, "email_taken")
    assert "email" in check_error(manager.patch(address(manager), own), 400, "email_taken")
    assert User.objects.count() == 2
    assert manager.get("/api/users/me/").json()["email"] == "manager@example.com"


@each(
    ("field", "value"),
    [("email", "nonsense"), ("email", None), ("email", "a@b\x00.com"), ("email", "x" * 250 + "@example.com"),
     ("username", ""), ("username", "x" * 151), ("username", {"a": 1}), ("password", "12345"), ("password", None),
     ("is_staff", "maybe"), ("is_active", [1]), ("is_active", None)],
)  # fmt: skip
def test_a_bad_field_is_named_and_nothing_is_made(manager: Caller, field: str, value: Any) -> None:
    assert field in check_error(manager.post(USERS, {**NEW, field: value}), 400)
    assert User.objects.count() == 1


# --- Rank ---------------------------------------------------------------------------------------------------------
def test_only_a_superuser_makes_managers(manager: Caller, owner: Caller, picker: Caller) -> None:
    check_error(manager.post(USERS, {**NEW, "is_staff": True}), 403)
    check_error(manager.patch(address(picker), {"is_staff": True}), 403)
    assert owner.patch(address(picker), {"is_staff": True}).json()["is_staff"] is True
    assert owner.post(USERS, {**NEW, "is_staff": True}).status_code == 201


def test_nobody_can_be_made_a_superuser_by_the_api(owner: Caller, picker: Caller) -> None:
    owner.patch(address(picker), {"is_superuser": True})
    assert not User.objects.get(pk=picker.user.pk).is_superuser


@pytest.mark.parametrize("change", [{"password": "another battery staple"}, {"is_active": False}, {"email": "a@b.de"},
                                    {"username": "Fool"}, {"is_staff": False}])  # fmt: skip
def test_a_manager_touches_neither_a_superuser_nor_another_manager(
    manager: Caller, owner: Caller, make_user: MakeUser, change: dict[str, Any]
) -> None:
    peer = make_user("Peer", is_staff=True)
    for target in (owner.user, peer):
        before = User.objects.filter(pk=target.pk).values().get()
        check_error(manager.patch(address(target), change), 403)
        assert User.objects.filter(pk=target.pk).values().get() == before


@pytest.mark.parametrize("change", [{"password": "another battery staple"}, {"email": "thief@example.com"}])
@pytest.mark.parametrize("confirmation", [{}, {"current_password": "guess"}, {"current_password": ""}])
def test_ones_own_email_and_password_are_not_changed_without_the_current_password(
    manager: Caller, owner: Caller, change: dict[str, Any], confirmation: dict[str, Any]
) -> None:
    for caller in (manager, owner):
        before = User.objects.filter(pk=caller.user.pk).values().get()
        assert "current_password" in check_error(caller.patch(address(caller), {**change, **confirmation}), 400)
        assert User.objects.filter(pk=caller.user.pk).values().get() == before


def test_a_change_of_ones_own_password_logs_out_all_other_devices(manager: Caller, log_in: LogIn) -> None:
    other = log_in(manager.user)
    change = {"password": "another battery staple", "email": "Boss@Example.com", "current_password": PASSWORD}
    assert manager.patch(address(manager), change).json()["email"] == "boss@example.com"
    assert manager.get("/api/users/me/").status_code == 200
    check_error(other.get("/api/users/me/"), 401)
    assert User.objects.get(pk=manager.user.pk).check_password("another battery staple")


def test_a_shown_name_and_an_unchanged_email_need_no_password(manager: Caller) -> None:
    change = {"username": "Chief", "email": "MANAGER@example.com"}
    assert manager.patch(address(manager), change).json()["username"] == "Chief"


@pytest.mark.parametrize("right", ["is_active", "is_staff"])
def test_nobody_removes_their_own_rights(manager: Caller, owner: Caller, right: str) -> None:
    for caller in (manager, owner):
        check_error(caller.patch(address(caller), {right: False}), 403, "own_rights")
        assert getattr(User.objects.get(pk=caller.user.pk), right)
        assert caller.get("/api/users/me/").status_code == 200


# --- What a change does -------------------------------------------------------------------------------------------
def test_deactivating_an_account_logs_out_all_its_devices_at_once(
    manager: Caller, picker: Caller, log_in: LogIn
) -> None:
    second = log_in(picker.user)
    assert manager.patch(address(picker), {"is_active": False}).json()["is_active"] is False
    for device in (picker, second):
        check_error(device.get("/api/users/me/"), 401)
    manager.patch(address(picker), {"is_active": True})
    check_error(picker.get("/api/users/me/"), 401)


def test_a_password_set_by_a_manager_logs_out_all_devices(manager: Caller, picker: Caller, guest: APIClient) -> None:
    assert manager.patch(address(picker), {"password": "another battery staple"}).status_code == 200
    check_error(picker.get("/api/users/me/"), 401)
    login = {"email": "picker@example.com", "password": PASSWORD}
    check_error(guest.post("/api/auth/token/", login), 401)
    assert guest.post("/api/auth/token/", {**login, "password": "another battery staple"}).status_code == 200


def test_a_form_without_a_right_does_not_remove_it(manager: Caller, picker: Caller) -> None:
    for kind in BODY_KINDS:
        assert send(manager, "PATCH", address(picker), {"username": "Same"}, kind).json()["is_active"] is True


@pytest.mark.parametrize("key", ["0", "99999999", "me2", "-1", "99999999999999999999", "%00"])
def test_an_unknown_account_is_404(manager: Caller, key: str) -> None:
    for method, body in (("get", None), ("patch", {"username": "X"})):
        check_error(getattr(manager, method)(f"{USERS}{key}/", body), 404, "no_such_user")


def test_an_account_is_never_deleted(owner: Caller, picker: Caller) -> None:
    check_error(owner.delete(address(picker)), 405)


def test_a_fixed_number_of_queries_however_many_accounts(
    manager: Caller, make_user: MakeUser, django_assert_num_queries: Any
) -> None:
    for n in range(30):
        make_user(f"Person{n}")
    with django_assert_num_queries(2):
        assert len(manager.get(USERS).json()) == 31
