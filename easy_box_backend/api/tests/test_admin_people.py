"""People and devices in the admin."""

from __future__ import annotations

from typing import Any

import pytest

from api.models import Device, User
from api.tests.admin_desk import enter, text
from api.tests.calls import PASSWORD, Caller
from api.tests.conftest import LogIn, MakeUser

pytestmark = pytest.mark.django_db
NEW: dict[str, Any] = {"username": "Newcomer", "email": "New@Example.com", "password1": PASSWORD, "password2": PASSWORD}


def test_a_manager_makes_an_account_that_can_log_in(manager: Caller, guest: Any) -> None:
    assert enter(manager.user).save("user", **NEW).status_code == 302
    made = User.objects.get(email="new@example.com")
    assert (made.username, made.is_active, made.is_staff) == ("Newcomer", True, False)
    assert guest.post("/api/auth/token/", {"email": made.email, "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"email": "picker@example.com"}, "An account with this e-mail already exists."),
        ({"email": "\u200bPicker@example.com\ufeff "}, "An account with this e-mail already exists."),
        ({"username": "\u200b"}, "This field is required."),
        ({"email": "nonsense"}, "Enter a valid email address."),
        ({"password1": "123", "password2": "123"}, "This password is too short."),
        ({"password2": "something else"}, "The two passwords differ."),
        ({"password1": "", "password2": ""}, "This field is required."),
    ],
)
def test_nonsense_is_an_error_in_the_form(manager: Caller, picker: Caller, values: dict[str, Any], words: str) -> None:
    answer = enter(manager.user).save("user", **{**NEW, **values})
    assert answer.status_code == 200
    assert words in text(answer)
    assert User.objects.count() == 2


def test_deactivating_logs_all_devices_out(manager: Caller, picker: Caller) -> None:
    desk = enter(manager.user)
    values = desk.open("user", picker.user.pk)
    assert values.pop("is_active") == "on"
    assert desk.send("user", picker.user.pk, values).status_code == 302
    assert picker.get("/api/users/me/").status_code == 401
    assert Device.objects.get(pk=picker.device.pk).revoked_at is not None


def test_a_new_password_logs_the_person_out_everywhere(manager: Caller, picker: Caller) -> None:
    desk = enter(manager.user)
    new = "another battery staple"
    assert desk.save("user", picker.user.pk, password1=new, password2=new).status_code == 302
    assert picker.get("/api/users/me/").status_code == 401
    picker.user.refresh_from_db()
    assert picker.user.check_password(new)


def test_saving_without_a_change_logs_nobody_out(manager: Caller, picker: Caller) -> None:
    assert enter(manager.user).save("user", picker.user.pk).status_code == 302
    assert picker.get("/api/users/me/").status_code == 200


def test_a_manager_makes_no_managers_and_touches_no_superuser(manager: Caller, picker: Caller, owner: Caller) -> None:
    desk = enter(manager.user)
    desk.save("user", picker.user.pk, is_staff="on", is_superuser="on")
    desk.save("user", **NEW, is_staff="on", is_superuser="on")
    assert not User.objects.exclude(pk__in=[manager.user.pk, owner.user.pk]).filter(is_staff=True).exists()
    url = f"/admin/api/user/{owner.user.pk}/change/"
    assert 'name="_save"' not in text(desk.get(url))
    assert desk.post(url, {"username": "Taken over", "email": "x@example.com"}).status_code == 403
    owner.user.refresh_from_db()
    assert owner.user.username == "Owner"


def test_a_manager_touches_no_other_manager(manager: Caller, make_user: MakeUser, log_in: LogIn) -> None:
    peer = log_in(make_user("Peer", is_staff=True))
    desk, url = enter(manager.user), f"/admin/api/user/{peer.user.pk}/change/"
    before = User.objects.filter(pk=peer.user.pk).values().get()
    assert 'name="_save"' not in text(desk.get(url))
    new = "another battery staple"
    sent = {"username": "Fool", "email": "x@example.com", "password1": new, "password2": new}
    assert desk.post(url, sent).status_code == 403
    assert User.objects.filter(pk=peer.user.pk).values().get() == before
    assert "Only an administrator" in text(desk.click("device", peer.device.pk, "revoke"))
    assert "Only an administrator" in text(desk.act("device", "revoke_selected", peer.device.pk))
    assert peer.get("/api/users/me/").status_code == 200


@pytest.mark.parametrize("said", ["", "guess"])
def test_a_session_that_was_left_open_does_not_take_the_account_over(owner: Caller, said: str) -> None:
    desk, new = enter(owner.user), "another battery staple"
    before = User.objects.filter(pk=owner.user.pk).values("email", "password").get()
    for change in ({"email": "thief@example.com"}, {"password1": new, "password2": new}):
        answer = desk.save("user", owner.user.pk, current_password=said, **change)
        assert answer.status_code == 200
        assert "current password" in text(answer)
    assert User.objects.filter(pk=owner.user.pk).values("email", "password").get() == before


def test_with_the_current_password_one_changes_ones_own_and_stays_at_the_desk(manager: Caller) -> None:
    desk, new = enter(manager.user), "another battery staple"
    sent = {"email": "Boss@Example.com", "password1": new, "password2": new, "current_password": PASSWORD}
    assert desk.save("user", manager.user.pk, **sent).status_code == 302
    assert desk.list("product").status_code == 200
    assert manager.get("/api/users/me/").status_code == 401
    manager.user.refresh_from_db()
    assert (manager.user.email, manager.user.check_password(new)) == ("boss@example.com", True)
    assert desk.save("user", manager.user.pk, username="Chief").status_code == 302, "a name needs no password"


def test_a_superuser_makes_a_manager(owner: Caller, picker: Caller) -> None:
    enter(owner.user).save("user", picker.user.pk, is_staff="on")
    picker.user.refresh_from_db()
    assert picker.user.is_staff


def test_nobody_locks_themselves_out(owner: Caller) -> None:
    desk = enter(owner.user)
    values = {k: v for k, v in desk.open("user", owner.user.pk).items() if not k.startswith("is_")}
    assert desk.send("user", owner.user.pk, values).status_code == 302
    owner.user.refresh_from_db()
    assert (owner.user.is_active, owner.user.is_staff, owner.user.is_superuser) == (True, True, True)


def test_accounts_are_not_deleted(owner: Caller, picker: Caller) -> None:
    assert enter(owner.user).post(f"/admin/api/user/{picker.user.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=picker.user.pk).exists()


def test_a_device_is_logged_out_by_one_click(manager: Caller, picker: Caller) -> None:
    desk = enter(manager.user)
    assert "Log this device out" in text(desk.list("device"))
    assert "The device is logged out." in text(desk.click("device", picker.device.pk, "revoke"))
    assert picker.get("/api/users/me/").status_code == 401
    assert manager.get("/api/users/me/").status_code == 200


def test_several_devices_are_logged_out(manager: Caller, picker: Caller, log_in: LogIn) -> None:
    second = log_in(picker.user)
    answer = enter(manager.user).act("device", "revoke_selected", picker.device.pk, second.device.pk)
    assert "2 devices are logged out." in text(answer)
    assert {caller.get("/api/users/me/").status_code for caller in (picker, second)} == {401}


def test_devices_are_only_looked_at(owner: Caller, picker: Caller) -> None:
    desk = enter(owner.user)
    assert desk.get("/admin/api/device/add/").status_code == 403
    assert desk.post(f"/admin/api/device/{picker.device.pk}/delete/", {"post": "yes"}).status_code == 403
    assert desk.get(f"/admin/api/device/{picker.device.pk}/do/revoke/").status_code == 405
    assert desk.post(f"/admin/api/device/{picker.device.pk}/do/explode/").status_code == 404
    assert "Nothing" not in text(desk.get(f"/admin/api/device/{picker.device.pk}/change/"))


def test_lists_take_a_fixed_number_of_queries(
    manager: Caller, picker: Caller, log_in: LogIn, django_assert_num_queries: Any
) -> None:
    desk = enter(manager.user)
    for _ in range(10):
        log_in(picker.user)
    with django_assert_num_queries(6):  # session, person, count, rows, two of the menu
        desk.list("device")
    with django_assert_num_queries(6):
        desk.list("user")
