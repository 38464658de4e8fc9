"""Tokens: who is calling, from which device. Knox makes and hashes the tokens; one belongs to one device."""

import logging
import math
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessFailureLog
from django.conf import settings
from django.contrib.auth import authenticate
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from rest_framework import exceptions, status
from rest_framework.request import Request

from api import prepared
from api.actor import Actor
from api.http import client_address, user_agent
from api.models import Device, User
from api.texts import tidy

log = logging.getLogger(__name__)

LAST_SEEN_STEP = timedelta(minutes=5)
"""`last_seen_at` is written no more often than this: it is for people, and a write on each read would cost more."""


# The columns of each table in the order of its model's fields, as `Model.from_db` takes them.
_USER = ("id", "is_superuser", "email", "username", "is_active", "is_staff")
_DEVICE = ("id", "user_id", "token_id", "kind", "name", "last_seen_at")
_TOKEN = ("digest", "expiry")
_LOOK_UP = """
SELECT person.id, person.is_superuser, person.email, person.username, person.is_active, person.is_staff,
    device.id, device.user_id, device.token_id, device.kind, device.name, device.last_seen_at,
    token.digest, token.expiry,
    COALESCE(memory.number, 0)
FROM knox_authtoken token
JOIN api_device device ON device.token_id = token.digest
JOIN api_user person ON person.id = device.user_id
LEFT JOIN api_devicememory memory ON memory.device_id = device.id
WHERE token.digest = %s AND person.is_active
"""


class DeviceTokenAuthentication(TokenAuthentication):
    """`Authorization: Token <key>`, looked up by its digest in one SELECT, which every request pays for.

    Knox's own look-up reads all tokens of the user each time, and the ORM's costs three times this one's CPU
    (docs/benchmarks.md). Expired tokens are removed by a job.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, Device]:
        now = timezone.now()
        try:
            digest = hash_token(token.decode("ascii"))
        except (ValueError, TypeError) as error:
            raise exceptions.AuthenticationFailed(_("Invalid token.")) from error
        device = find_device(digest)
        if device is None or device.token is None or (device.token.expiry and device.token.expiry <= now):
            raise exceptions.AuthenticationFailed(_("Invalid token."))
        slide_expiry(device.token, now)
        if device.last_seen_at is None or now - device.last_seen_at > LAST_SEEN_STEP:
            Device.objects.filter(pk=device.pk).update(last_seen_at=now)
        return device.user, device


def _look_up(digest: str) -> Any:
    return prepared.one_row(_LOOK_UP, [digest])


def find_device(digest: str) -> Device | None:
    """The device with the token of this digest, with its user and token; None if there is none who may log in."""
    try:
        row = _look_up(digest)
    except OperationalError:
        if connection.in_atomic_block:
            raise
        # The first statement of a request: the database has been started anew since this connection was made, and so
        # have the others in the pool.
        connection.close()
        if pool := getattr(connection, "pool", None):
            pool.check()
        row = _look_up(digest)
    if row is None:
        return None
    # What is not read here is loaded when it is asked for.
    user = User.from_db("default", _USER, [bool(value) if n in (1, 4, 5) else value for n, value in enumerate(row[:6])])
    device = Device.from_db("default", _DEVICE, (*row[6:11], time_of(row[11])))
    device.user, device.token = user, AuthToken.from_db("default", _TOKEN, (row[12], time_of(row[13])))
    device.requests_read = row[14]
    return device


def time_of(value: Any) -> datetime | None:
    """A time as the database's cursor gives it: SQLite's is text, or naive, in UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


def slide_expiry(token: AuthToken, now: datetime) -> None:
    """Put a used token's expiry off to its full time, written down at most once an interval (`REST_KNOX`)."""
    expiry = now + settings.TOKEN_TTL
    if token.expiry and (expiry - token.expiry).total_seconds() > settings.REST_KNOX["MIN_REFRESH_INTERVAL"]:
        # An update, not a save: the token may have been revoked in this very moment, which is no error.
        AuthToken.objects.filter(digest=token.digest).update(expiry=expiry)


class NoAuthentication(DeviceTokenAuthentication):
    """For what is open to all: a token that is sent along, even a bad one, is not looked at."""

    def authenticate(self, request: Request) -> None:
        return None


def actor(request: Request) -> Actor:
    """The person and device behind an authenticated request."""
    return Actor(user=person(request), device=device_of(request))


def person(request: Request) -> User:
    """Who sent an authenticated request."""
    return cast(User, request.user)


def device_of(request: Request) -> Device:
    """From which device an authenticated request came."""
    return cast(Device, request.auth)


def kind_of_device(request: Request, asked: str | None) -> str:
    """`app` or `integration`: what the login asks for, else by the user agent (docs/flutter-app.md, section 1)."""
    if asked:
        return asked
    return Device.Kind.APP if user_agent(request).startswith("Dart/") else Device.Kind.INTEGRATION


class TooManyLogins(exceptions.Throttled):
    default_detail = _("Too many failed logins. Try again in a minute.")
    extra_detail_singular = extra_detail_plural = ""


class FailuresOfTheLastMinute(AxesDatabaseHandler):
    """Counts failed logins one by one: ten within a minute close the door, older ones don't count.

    Axes' own handler adds up in one row that lives on with each failure, so that ten within ten minutes would do.
    An account that does not exist is counted like one that does, so nothing can be learnt from being locked out.
    """

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """The most failures within the last minute, of this account or this address. Notes how long to wait."""
        now = timezone.now()
        limit, minute = settings.AXES_FAILURE_LIMIT, settings.AXES_COOLOFF_TIME
        failures = AccessFailureLog.objects.filter(attempt_time__gt=now - minute).order_by("-attempt_time")
        found, wait = 0, timedelta()
        for who in _callers(request, credentials):
            times = list(failures.filter(**who).values_list("attempt_time", flat=True)[:limit])
            found = max(found, len(times))
            if len(times) == limit:
                wait = max(wait, times[-1] + minute - now)
        request.login_wait = math.ceil(wait.total_seconds())  # type: ignore[attr-defined]
        return found

    def user_login_failed(
        self, sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
    ) -> None:
        """Write a failure down. One behind the closed door is not counted: the door opens by itself."""
        if request is None or getattr(request, "axes_locked_out", False):
            return
        AccessFailureLog.objects.filter(attempt_time__lte=timezone.now() - settings.AXES_COOLOFF_TIME).delete()
        AccessFailureLog.objects.create(
            username=axes_username(request, credentials),
            ip_address=client_address(request),
            user_agent=user_agent(request)[:255],
            path_info=request.path[:255].replace("\0", ""),
        )
        log.warning("Failed login from %s", client_address(request))

    def user_logged_in(self, sender: object, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        """Nothing: a right password does not make the wrong ones before it undone."""

    def user_logged_out(self, sender: object, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        """Nothing."""


def _callers(request: HttpRequest, credentials: dict[str, Any] | None) -> list[dict[str, str]]:
    """By whose failures a login is judged: the account's and the address's."""
    who = {"username": axes_username(request, credentials), "ip_address": client_address(request)}
    return [{name: value} for name, value in who.items() if value]


def check_password(request: Request, email: str, password: str) -> User | None:
    """The active account with these credentials; None whatever is wrong with them, after the same time.

    Raises TooManyLogins after ten failures in a minute from one address or for one account.
    """
    user = authenticate(request._request, username=tidy(email).lower(), password=password)
    if getattr(request._request, "axes_locked_out", False):
        raise TooManyLogins(wait=request._request.login_wait)  # type: ignore[attr-defined]
    return user if isinstance(user, User) else None


def axes_username(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The account that a login is for, so that failures are counted whatever the case it is typed in."""
    return tidy(str((credentials or {}).get("username") or "")).lower()[:255]


def locked_out(
    request: HttpRequest, response: HttpResponseBase, credentials: dict[str, Any] | None
) -> HttpResponseBase:
    """The answer after too many failed logins: the API has made its own, the admin gets a page."""
    if response.status_code == status.HTTP_429_TOO_MANY_REQUESTS:
        return response
    wait = getattr(request, "login_wait", 60)
    page = render(
        request,
        "admin/locked_out.html",
        {"title": TooManyLogins.default_detail, "sentence": TooManyLogins.default_detail},
        status=status.HTTP_429_TOO_MANY_REQUESTS,
    )
    page.headers["Retry-After"] = str(max(1, wait))
    return page
