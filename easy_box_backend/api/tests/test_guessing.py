"""Guessing passwords is slowed down for the guesser, but not for the owner or other people of the warehouse."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from rest_framework.test import APIClient

from api.actions import logins
from api.models import KnownPlace, Occurrence, User
from api.tests.calls import PASSWORD, Caller
from api.tests.conftest import MakeUser

pytestmark = pytest.mark.django_db
LOGIN = "/api/auth/token/"
NOON = datetime(2030, 5, 1, 12, 0, tzinfo=UTC)
WAREHOUSE, ELSEWHERE = "198.51.100.7", "203.0.113.66"


def enter(account: str, password: str = PASSWORD, address: str = WAREHOUSE, **extra: Any) -> int:
    body = {"email": f"{account}@example.com", "password": password}
    return int(APIClient().post(LOGIN, body, REMOTE_ADDR=address, **extra).status_code)


def guess(account: str, times: int, address: str = ELSEWHERE) -> list[int]:
    return [enter(account, "wrong", address) for _ in range(times)]


@pytest.fixture
def people(make_user: MakeUser) -> dict[str, User]:
    return {name: make_user(name) for name in ("anna", "boris", "clara")}


# --- The owner ----------------------------------------------------------------------------------------------------
def test_guesses_from_elsewhere_do_not_lock_the_owner_out_at_a_known_address(people: dict[str, User]) -> None:
    assert enter("anna") == 200
    for n in range(30):
        enter("anna", "wrong", f"203.0.113.{n}")
    assert enter("anna", address="203.0.113.200") == 429
    assert enter("anna") == 200


def test_the_owners_own_typing_error_is_still_a_401_while_strangers_guess(people: dict[str, User]) -> None:
    enter("anna")
    guess("anna", 12)
    assert [enter("anna", "tpyo") for _ in range(10)] == [401] * 10
    assert enter("anna", "tpyo") == 429


def test_guesses_at_one_account_do_not_lock_out_the_other_people_of_the_warehouse(people: dict[str, User]) -> None:
    for name in ("anna", "boris"):
        assert enter(name) == 200
    assert guess("anna", 11, WAREHOUSE) == [401] * 10 + [429]
    assert guess("nobody", 11, WAREHOUSE) == [401] * 10 + [429]
    assert enter("boris") == 200


def test_guesses_from_a_known_address_are_limited_too(people: dict[str, User]) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        enter("anna")
        assert guess("anna", 12, WAREHOUSE) == [401] * 10 + [429] * 2
        clock.shift(timedelta(minutes=1))
        assert enter("anna") == 200


def test_an_address_is_known_for_thirty_days_after_its_last_use(people: dict[str, User]) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        enter("anna")
        clock.shift(timedelta(days=29, hours=23))
        guess("anna", 10)
        assert enter("anna") == 200
        clock.shift(timedelta(days=30, seconds=1))
        guess("anna", 10)
        assert enter("anna") == 429


def test_a_phone_that_stays_logged_in_keeps_its_address_known(people: dict[str, User]) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        body = {"email": "anna@example.com", "password": PASSWORD}
        token = APIClient().post(LOGIN, body, REMOTE_ADDR=WAREHOUSE).json()["token"]
        for _ in range(3):
            clock.shift(timedelta(days=20))
            me = APIClient().get("/api/users/me/", REMOTE_ADDR=WAREHOUSE, HTTP_AUTHORIZATION=f"Token {token}")
            assert me.status_code == 200
        guess("anna", 10)
        assert enter("anna") == 200


def test_a_device_that_sends_its_token_is_known_at_any_address_and_has_a_limit_of_its_own(
    people: dict[str, User], picker: Caller
) -> None:
    guess("picker", 10)
    shown = {"HTTP_AUTHORIZATION": f"Token {picker.token}"}
    assert enter("picker", address="192.0.2.1") == 429
    assert enter("picker", address="192.0.2.1", **shown) == 200
    assert [enter("picker", "wrong", "192.0.2.9", **shown) for _ in range(11)] == [401] * 10 + [429]
    assert enter("picker", address="192.0.2.1") == 200, "the previous login made this address known"
    guess("anna", 10, "203.0.113.67")
    assert enter("anna", address="192.0.2.1", **shown) == 429, "somebody else's token"


# --- The guesser --------------------------------------------------------------------------------------------------
def test_a_successful_login_allows_no_more_guesses_at_another_account(people: dict[str, User]) -> None:
    assert guess("anna", 9) == [401] * 9
    assert enter("boris", address=ELSEWHERE) == 200
    assert guess("anna", 2) == [401, 429]
    assert guess("clara", 1) == [429]


def test_a_whole_ipv6_64_network_is_one_caller(people: dict[str, User]) -> None:
    for n in range(10):
        assert enter(f"nobody{n}", "wrong", f"2001:db8:0:1:{n}::{n}") == 401
    assert enter("anna", address="2001:db8:0:1:ffff:ffff:ffff:ffff") == 429
    assert enter("anna", address="2001:db8:0:2::1") == 200


def test_an_ipv4_address_is_the_same_when_it_is_written_as_ipv6(people: dict[str, User]) -> None:
    for n in range(10):
        enter(f"nobody{n}", "wrong", "::ffff:203.0.113.66")
    assert enter("anna", address=ELSEWHERE) == 429
    assert enter("anna", address="::ffff:203.0.113.67") == 200


def test_every_address_in_a_known_ipv6_network_is_known(people: dict[str, User]) -> None:
    assert enter("anna", address="2001:db8:0:1::1") == 200
    guess("anna", 10)
    assert enter("anna", address="2001:db8:0:1:1234::9") == 200


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [False, True])
def test_parallel_guesses_have_the_same_limit_as_sequential_ones(people: dict[str, User], known: bool) -> None:
    if known:
        enter("anna")

    def one(number: int) -> int:
        try:
            return enter("anna", "wrong", WAREHOUSE if known else f"203.0.113.{number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(40)))
    assert sorted(answers) == [401] * 10 + [429] * 30


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_no_lock_of_the_database_is_held_while_a_password_is_hashed(
    people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.auth import passwords

    seen = []
    real = passwords.authenticate

    def authenticate(*args: Any, **kwargs: Any) -> Any:
        seen.append(connection.in_atomic_block)
        return real(*args, **kwargs)

    monkeypatch.setattr(passwords, "authenticate", authenticate)
    assert [enter("anna"), enter("anna", "wrong")] == [200, 401]
    assert seen == [False, False]


# --- Nothing is revealed, and nothing piles up --------------------------------------------------------------------
def test_strangers_get_the_same_responses_for_an_account_and_an_unknown_email(people: dict[str, User]) -> None:
    enter("anna")
    with time_machine.travel(NOON, tick=False):
        real = [enter("anna", "wrong", f"203.0.113.{n}") for n in range(12)]
        made_up = [enter("nobody", "wrong", f"203.0.114.{n}") for n in range(12)]
    assert real == made_up


def test_an_inactive_account_has_no_known_address(people: dict[str, User]) -> None:
    enter("anna")
    User.objects.filter(email="anna@example.com").update(is_active=False)
    guess("nobody", 10, WAREHOUSE)
    assert enter("anna") == 429


def test_the_counters_are_removed_after_a_while_and_hold_no_names(people: dict[str, User]) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for n in range(60):
            enter(f"nobody{n}", "wrong", f"203.0.113.{n}")
            clock.shift(timedelta(seconds=10))
    assert Occurrence.objects.count() <= 14
    assert all("nobody" not in row.key and "203.0" not in row.key for row in Occurrence.objects.all())


def test_the_number_of_known_addresses_of_a_person_is_limited_and_the_latest_are_kept(
    people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "PLACES_KEPT", 5)
    for n in range(12):
        enter("anna", address=f"203.0.113.{n}")
    kept = KnownPlace.objects.order_by("seen_at", "pk").values_list("network", flat=True)
    assert list(kept) == [f"203.0.113.{n}" for n in range(7, 12)]
