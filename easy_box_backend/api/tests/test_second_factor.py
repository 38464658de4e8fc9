"""The second factor at the desk, TOTP: a code is valid in its time and once. None is needed while it is off."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest

from api.actions import second_factor
from api.actions.second_factor import WrongCode, is_right, remove, set_up
from api.errors import Forbidden
from api.models import User
from api.tests.calls import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
RFC = base64.b32encode(b"12345678901234567890").decode()
"""The secret of RFC 6238, appendix B."""
AT = datetime(2030, 5, 1, 12, 0, 10, tzinfo=UTC)
STEP = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def on(settings: Any) -> None:
    settings.SECOND_FACTOR = True


@pytest.fixture
def user(manager: Caller) -> User:
    """A manager who has set the second factor up an hour ago."""
    set_up(manager.user, RFC, code(AT - timedelta(hours=1)), at=AT - timedelta(hours=1))
    return fresh(manager.user)


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


def code(at: datetime) -> str:
    return pyotp.TOTP(RFC).at(at)


@pytest.mark.parametrize(
    ("seconds", "right"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_the_codes_are_those_of_the_rfc(manager: Caller, seconds: int, right: str) -> None:
    set_up(manager.user, RFC, right, at=datetime.fromtimestamp(seconds, UTC))
    assert fresh(manager.user).totp_secret == RFC


@pytest.mark.parametrize("wrong", ["", "000000", "28708", "2870820", "abc", "١٢٣"])
def test_the_second_factor_is_not_set_up_with_a_wrong_code(manager: Caller, wrong: str) -> None:
    with pytest.raises(WrongCode):
        set_up(manager.user, RFC, wrong, at=datetime.fromtimestamp(59, UTC))
    assert fresh(manager.user).totp_secret == ""


def test_an_invalid_secret_sets_nothing_up(manager: Caller) -> None:
    for secret in ("", "!", "ж" * 16):
        with pytest.raises(WrongCode):
            set_up(manager.user, secret, "287082", at=AT)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_is_accepted_half_a_minute_early_or_late(user: User, steps: int) -> None:
    assert is_right(user, code(AT + steps * STEP), at=AT)


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_an_older_or_later_code_is_refused(user: User, steps: int) -> None:
    assert not is_right(user, code(AT + steps * STEP), at=AT)


def test_a_code_is_accepted_once_and_then_no_earlier_one(user: User) -> None:
    assert is_right(user, code(AT), at=AT)
    assert not is_right(fresh(user), code(AT), at=AT)
    assert not is_right(user, code(AT), at=AT), "also if the row was read before the code was used"
    assert not is_right(fresh(user), code(AT - STEP), at=AT)
    assert is_right(fresh(user), f" {code(AT + STEP)[:3]} {code(AT + STEP)[3:]}", at=AT + STEP)


def test_the_code_that_set_it_up_does_not_log_in(manager: Caller) -> None:
    set_up(manager.user, RFC, code(AT), at=AT)
    assert not is_right(fresh(manager.user), code(AT), at=AT)


def test_without_a_second_factor_and_while_the_setting_is_off_any_code_is_accepted(
    user: User, owner: Caller, settings: Any
) -> None:
    assert is_right(owner.user, "", at=AT)
    assert not is_right(user, "", at=AT)
    settings.SECOND_FACTOR = False
    assert is_right(user, "", at=AT)


def test_an_administrator_may_remove_a_managers_second_factor_and_a_peer_may_not(
    user: User, owner: Caller, picker: Caller, make_user: Any
) -> None:
    for by in (picker.user, make_user("Peer", is_staff=True)):
        with pytest.raises(Forbidden):
            remove(user, by=by)
    assert fresh(user).totp_secret
    remove(user, by=owner.user)
    assert is_right(fresh(user), "", at=AT)


def test_the_otpauth_url_has_the_account_and_the_secret(manager: Caller) -> None:
    secret = second_factor.new_secret()
    assert len(secret) == 32
    assert secret != second_factor.new_secret()
    assert second_factor.address(manager.user, secret) == (
        f"otpauth://totp/Easy%20Box:manager%40example.com?secret={secret}&issuer=Easy%20Box"
    )
