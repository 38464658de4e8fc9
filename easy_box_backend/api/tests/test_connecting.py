"""Connecting a phone: a one-time password that the app's login accepts once, within a day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from api.actions import accounts, connecting
from api.errors import DomainError, Forbidden, Invalid
from api.models import Device, User
from api.tests.calls import PASSWORD, Caller
from api.tests.conftest import MakeUser

pytestmark = pytest.mark.django_db
NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moving:
        yield moving


def connect(user: User, by: Caller) -> str:
    return connecting.one_time_password(user, by=by.user, at=timezone.now())


def log_in(password: str, email: str = "picker@example.com", **headers: Any) -> int:
    sent = {"email": email, "password": password}
    return int(APIClient().post("/api/auth/token/", sent, headers={"User-Agent": "Dart/3.5"}, **headers).status_code)


def test_the_app_logs_in_with_a_one_time_password_and_keeps_its_token(
    clock: Any, manager: Caller, make_user: MakeUser
) -> None:
    user = accounts.create(by=manager.user, email="new@example.com", username="New", password=None)
    word = connect(user, manager)
    answer = APIClient().post("/api/auth/token/", {"email": "New@Example.com", "password": word},
                              headers={"User-Agent": "Dart/3.5"})  # fmt: skip
    assert answer.status_code == 200
    clock.shift(timedelta(days=30))
    phone = APIClient(headers={"Authorization": f"Token {answer.json()['token']}"})
    assert phone.get("/api/users/me/").json()["email"] == "new@example.com"
    assert Device.objects.get(user=user).is_app


def test_one_time_passwords_differ_and_are_stored_as_hashes_only(manager: Caller, picker: Caller) -> None:
    words = [connect(picker.user, manager) for _ in range(5)]
    assert len(set(words)) == 5
    assert all(re.fullmatch(r"[a-hjkmnp-z2-9]{4}(-[a-hjkmnp-z2-9]{4}){2}", word) for word in words)
    stored = str(User.objects.filter(pk=picker.user.pk).values().get())
    assert not any(part in stored for part in words[-1].split("-"))
    assert [log_in(word) for word in words] == [401] * 4 + [200], "a new one replaces the previous one"


def test_a_one_time_password_may_be_typed_in_any_case_and_with_separators(manager: Caller, picker: Caller) -> None:
    word = connect(picker.user, manager)
    for typed in (word.capitalize(), word.upper(), word.replace("-", ""), f" {word.replace('-', ' ')} "):
        assert log_in(typed) == 200
    assert log_in(word[:-1]) == log_in(word + "a") == 401


def test_after_the_first_login_a_one_time_password_works_for_ten_more_minutes(
    clock: Any, manager: Caller, picker: Caller
) -> None:
    word = connect(picker.user, manager)
    clock.shift(timedelta(hours=1))
    assert log_in(word) == 200
    clock.shift(timedelta(minutes=6))
    assert log_in(word) == 200, "the response to the first login may have been lost"
    clock.shift(timedelta(minutes=5))
    assert log_in(word) == 401, "the second login does not prolong it"


def test_an_unused_one_time_password_expires_after_a_day(clock: Any, manager: Caller, picker: Caller) -> None:
    word = connect(picker.user, manager)
    clock.shift(timedelta(hours=24))
    assert log_in(word) == 401
    assert log_in(PASSWORD) == 200, "the person's own password stays as it was"


def test_a_one_time_password_neither_opens_the_desk_nor_confirms_a_change(manager: Caller, owner: Caller) -> None:
    word = connect(manager.user, owner)
    desk = Client()
    desk.post("/admin/login/", {"username": "manager@example.com", "password": word, "next": "/admin/"})
    assert "_auth_user_id" not in desk.session
    change = {"current_password": word, "new_password": "another battery staple"}
    assert manager.post("/api/users/me/password/", change).status_code == 400
    assert log_in(word, "manager@example.com") == 200


def test_a_one_time_password_works_for_one_account_only(manager: Caller, picker: Caller, colleague: Caller) -> None:
    word = connect(picker.user, manager)
    assert log_in(word, "colleague@example.com") == 401
    assert log_in(word, "nobody@example.com") == 401


@pytest.mark.parametrize("change", [{"password": "another battery staple"}, {"is_active": False}])
def test_a_new_password_or_a_closed_account_ends_a_one_time_password(
    manager: Caller, picker: Caller, change: dict[str, Any]
) -> None:
    word = connect(picker.user, manager)
    accounts.change(picker.user, by=manager.user, at=timezone.now(), **change)
    assert log_in(word) == 401
    accounts.change(picker.user, by=manager.user, at=timezone.now(), is_active=True)
    assert log_in(word) == 401


def test_guesses_of_a_one_time_password_are_limited_like_those_of_a_password(
    manager: Caller, make_user: MakeUser
) -> None:
    make_user("Far")
    word = connect(User.objects.get(username="Far"), manager)
    guesses = [log_in(f"aaaa-aaaa-aaa{letter}", "far@example.com") for letter in "abcdefghjk"]
    assert guesses == [401] * 10
    assert log_in(word, "far@example.com") == 429


def test_managers_create_one_time_passwords_for_lower_ranks_only(
    owner: Caller, manager: Caller, picker: Caller, make_user: MakeUser
) -> None:
    peer, keeper = make_user("Peer", is_staff=True), make_user("Keeper", role="storekeeper")
    assert connect(picker.user, manager)
    assert connect(keeper, manager)
    assert connect(peer, owner)
    for user, by in ((peer, manager), (owner.user, manager), (manager.user, manager), (keeper, picker)):
        with pytest.raises(Forbidden):
            connect(user, by)
    away = make_user("Away", is_active=False)
    with pytest.raises(Invalid):
        connect(away, manager)


def test_a_refusal_leaves_the_existing_one_time_password(manager: Caller, owner: Caller) -> None:
    word = connect(manager.user, owner)
    with pytest.raises(DomainError):
        connect(manager.user, manager)
    assert log_in(word, "manager@example.com") == 200
