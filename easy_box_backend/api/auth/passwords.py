"""Checking passwords, with a limit on wrong ones (docs/rights.md)."""

import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.crypto import hash_token

from api import limits
from api.actions import accounts, connecting, logins, second_factor
from api.auth.callers import client_address, client_network
from api.auth.tokens import find_device, log
from api.errors import TooSoon
from api.models import Device, User
from api.texts import tidy

BROWSER = "known_browser"
"""The name of the cookie that `remember_browser` sets."""
BROWSER_KEPT = timedelta(days=180)


class TooManyGuesses(TooSoon):
    def __init__(self, wait: timedelta) -> None:
        super().__init__(_("Too many failed logins. Try again in a minute."), wait)


def check_password(
    request: HttpRequest, email: str, password: str, *, one_time: bool = False, code: str | None = None
) -> User | None:
    """The active account with these credentials, None if there is none. Both cases take the same time.

    one_time: accept a one-time password too (`actions/connecting.py`). code: the second factor, at the desk; a wrong
    one counts as a wrong password. None where no second factor is asked for.
    Raises TooManyGuesses after ten wrong passwords in a minute (`actions/logins.py` says for whom they are counted).
    """
    account = tidy(email).lower()[:255]
    device = known_device(request, account)
    keys = logins.keys(account, client_network(request), device=device, at=timezone.now())
    return _check(request, account, password, keys, one_time=one_time, code=code)


def confirm_password(request: HttpRequest, user: User, password: str, device: Device | None) -> None:
    """Check the password of a person who is logged in. Raises PasswordNeeded, WrongPassword, TooManyGuesses.

    Each device has its own limit, so a stolen device cannot keep another one from changing the password.
    """
    if not password:
        raise accounts.PasswordNeeded
    key = f"device {device.pk}" if device else f"session {request.session.session_key}"
    if _check(request, user.email, password, [key]) != user:
        raise accounts.WrongPassword


def _check(
    request: HttpRequest, account: str, password: str, keys: list[str], *, one_time: bool = False,
    code: str | None = None,
) -> User | None:  # fmt: skip
    """Check credentials, as `check_password` does. keys: those under which a wrong password is counted.

    The limit is checked before and after the hashing. So no lock is held meanwhile, and of parallel guesses those
    beyond the limit get no answer.
    """
    if wait := limits.wait(keys, logins.LIMIT, at=timezone.now()):
        raise TooManyGuesses(wait)
    user: Any = authenticate(request, username=account, password=password)
    at = timezone.now()
    if user is None and one_time:
        user = connecting.person_with(account, password, at=at)
    if user and code is not None and not second_factor.is_right(user, code, at=at):
        user = None
    if not isinstance(user, User):
        if wait := limits.take(keys, logins.LIMIT, at=at):
            raise TooManyGuesses(wait)
        log.warning("Wrong password from %s", client_address(request))
        return None
    if wait := limits.wait(keys, logins.LIMIT, at=at):
        raise TooManyGuesses(wait)
    return user


def known_device(request: HttpRequest, account: str) -> str:
    """A name of the caller's device, if this account has logged in on it before; else "". The device shows it by the
    token that it sends with the login, or by the cookie of `remember_browser`."""
    scheme, _space, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "token" and key.isascii():
        device = find_device(hash_token(key))
        return str(device.pk) if device and device.user.email == account else ""
    owner, _colon, name = str(request.get_signed_cookie(BROWSER, "", salt=BROWSER, max_age=BROWSER_KEPT)).partition(":")
    return f"browser {name}" if name and User.objects.filter(pk=owner, email=account).exists() else ""


def remember_browser(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Set the cookie by which `known_device` recognises a browser in which a person has logged in."""
    response.set_signed_cookie(
        BROWSER, f"{user.pk}:{secrets.token_hex(16)}", salt=BROWSER, max_age=BROWSER_KEPT, path="/",
        httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip
