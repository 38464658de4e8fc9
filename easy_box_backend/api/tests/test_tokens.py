"""The token: expiry, last use, refusals; and POST /api/auth/logout/"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from rest_framework.test import APIClient

from api.models import User
from api.tests.calls import Caller, check_error
from api.tests.cases import each
from api.tests.conftest import LogIn
from backend import prepared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
ME = "/api/users/me/"
NOON = datetime(2030, 5, 1, 12, 0, tzinfo=UTC)


@each(
    "header",
    ["Token null", "Token", "Token ", "Token a b", "Bearer x", "Token " + "0" * 64, "token", "Token " + "ф" * 10,
     "Token \x00", "Token " + "a" * 10_000, "Basic YTpi", ""],
)  # fmt: skip
def test_an_invalid_token_is_401(guest: APIClient, header: str) -> None:
    raw = header.encode().decode("latin-1")  # as a server hands it over
    answer = guest.get(ME, HTTP_AUTHORIZATION=raw)
    assert check_error(answer, 401)["code"] in ("not_authenticated", "authentication_failed")
    assert answer["WWW-Authenticate"] == "Token"


def test_a_token_is_case_sensitive(picker: Caller, guest: APIClient) -> None:
    check_error(guest.get(ME, HTTP_AUTHORIZATION=f"Token {picker.token.upper()}"), 401)
    assert guest.get(ME, HTTP_AUTHORIZATION=f"token {picker.token}").status_code == 200


def test_the_stored_digest_is_not_accepted_as_a_token(picker: Caller, guest: APIClient) -> None:
    picker.device.refresh_from_db()
    assert picker.device.token is not None
    check_error(guest.get(ME, HTTP_AUTHORIZATION=f"Token {picker.device.token.digest}"), 401)


def test_a_deactivated_account_is_logged_out_at_once(picker: Caller) -> None:
    User.objects.update(is_active=False)
    check_error(picker.get(ME), 401)


def test_a_token_lives_for_months_after_its_last_use(make_user: Any, log_in: LogIn, settings: Any) -> None:
    assert timedelta(days=180) == settings.TOKEN_TTL
    with time_machine.travel(NOON, tick=False) as clock:
        caller = log_in(make_user("Rare"))
        for _ in range(3):
            clock.shift(timedelta(days=179))
            assert caller.get(ME).status_code == 200
        clock.shift(timedelta(days=180, seconds=1))
        check_error(caller.get(ME), 401)


def test_the_expiry_is_extended_on_use_but_written_at_most_once_a_day(
    make_user: Any, log_in: LogIn, django_assert_max_num_queries: Any
) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        caller = log_in(make_user("Busy"))
        clock.shift(timedelta(minutes=4))
        with django_assert_max_num_queries(1):
            assert caller.get(ME).status_code == 200
        clock.shift(timedelta(days=2))
        with django_assert_max_num_queries(5):  # the token, its expiry, its last use, and the place (two)
            assert caller.get(ME).status_code == 200
        with django_assert_max_num_queries(1):
            assert caller.get(ME).status_code == 200


def test_the_last_use_is_stored_to_within_five_minutes(make_user: Any, log_in: LogIn) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        caller = log_in(make_user("Seen"))
        seen = []
        for minutes in (4, 2, 10):
            clock.shift(timedelta(minutes=minutes))
            caller.get(ME)
            caller.device.refresh_from_db()
            seen.append(caller.device.last_seen_at)
    assert seen == [NOON, NOON + timedelta(minutes=6), NOON + timedelta(minutes=16)]


# --- Logout -------------------------------------------------------------------------------------------------------
def test_logging_out_ends_this_device_only_and_a_second_time_is_401(
    picker: Caller, log_in: LogIn, guest: APIClient
) -> None:
    second = log_in(picker.user)
    assert picker.post("/api/auth/logout/").status_code == 204
    check_error(picker.get(ME), 401)
    check_error(picker.post("/api/auth/logout/"), 401)
    assert second.get(ME).status_code == 200
    check_error(guest.post("/api/auth/logout/"), 401)


def test_a_device_that_logged_out_stays_in_the_list_for_history(picker: Caller, log_in: LogIn) -> None:
    second = log_in(picker.user)
    second.post("/api/auth/logout/")
    listed = {row["id"]: row for row in picker.get("/api/auth/devices/").json()}
    assert listed[second.device.pk]["revoked_at"] is not None
    assert listed[picker.device.pk]["revoked_at"] is None


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_database_has_closed_makes_no_request_fail(manager: Caller) -> None:
    """After a restart of PostgreSQL, the first statement fails, and the second one gets a new connection."""
    real, failed = prepared.one_row, list[str]()

    def closed_once(sql: str, values: Any) -> Any:
        if not failed:
            failed.append(sql)
            connection.ensure_connection()  # as the real one does
            raise OperationalError("terminating connection due to administrator command")
        return real(sql, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepared, "one_row", closed_once)
        assert manager.get("/api/products/").status_code == 200
    assert failed
