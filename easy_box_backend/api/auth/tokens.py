"""Tokens: who calls, from which device. Knox creates and hashes the tokens; each belongs to one device."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from rest_framework import exceptions
from rest_framework.request import Request

from api.actions import logins
from api.actor import Actor
from api.auth import callers
from api.auth.callers import client_network
from api.models import Device, User, loaded
from backend import prepared

log = logging.getLogger(__name__)

LAST_SEEN_STEP = timedelta(minutes=5)
"""`last_seen_at` is written at most this often: it is for people to read, and a write per request would be slow."""


# The columns that are read, by table.
_COLUMNS = {
    "person": ("id", "is_superuser", "email", "username", "is_active", "is_staff"),
    "device": ("id", "user_id", "token_id", "kind", "name", "last_seen_at"),
    "token": ("digest", "expiry"),
}
_NAMES = {table: [f"{table}.{column}" for column in columns] for table, columns in _COLUMNS.items()}
_SELECTED = [*(name for names in _NAMES.values() for name in names), "memory.state"]
_LOOK_UP = f"""
SELECT {", ".join(_SELECTED)}
FROM knox_authtoken token
JOIN api_device device ON device.token_id = token.digest
JOIN api_user person ON person.id = device.user_id
LEFT JOIN api_devicememory memory ON memory.device_id = device.id
WHERE token.digest = %s AND person.is_active
"""  # noqa: S608 (all names are constants)


class DeviceTokenAuthentication(TokenAuthentication):
    """Authenticates by `Authorization: Token <key>`. The token is looked up by its digest in one SELECT per request,
    which also reads the memory of a phone.

    Knox's own look-up reads all tokens of the user each time, and the ORM's costs three times this one's CPU
    (docs/benchmarks.md). Expired tokens are removed by a job.
    """

    def authenticate(self, request: Request) -> tuple[User, Device] | None:
        found: tuple[User, Device] | None = super().authenticate(request)
        if found:
            note_use(request._request, found[1], timezone.now())
        return found

    def authenticate_credentials(self, token: bytes) -> tuple[User, Device]:
        device = device_with(token.decode("latin-1"), timezone.now())
        if device is None:
            raise exceptions.AuthenticationFailed(_("Invalid token."))
        return device.user, device


def note_use(request: HttpRequest, device: Device, now: datetime) -> None:
    """Record the use of a token: when (every few minutes), where and its new expiry (once per MIN_REFRESH_INTERVAL)."""
    token, expiry = device.token, now + settings.TOKEN_TTL
    step = timedelta(seconds=cast(int, settings.REST_KNOX["MIN_REFRESH_INTERVAL"]))
    if token and token.expiry and expiry - token.expiry > step:
        # An update, not a save: the token may just have been revoked, which is no error.
        AuthToken.objects.filter(digest=token.digest).update(expiry=expiry)
        logins.was_here(device.user, client_network(request), at=now)
    if device.last_seen_at is None or now - device.last_seen_at > LAST_SEEN_STEP:
        Device.objects.filter(pk=device.pk).update(last_seen_at=now)


def device_with(key: str, now: datetime) -> Device | None:
    """The device with this token. None if it is unknown or has expired, or its user is inactive."""
    device = find_device(hash_token(key)) if key.isascii() else None
    if device is None or device.token is None or (device.token.expiry and device.token.expiry <= now):
        return None
    return device


def find_device(digest: str) -> Device | None:
    """The device with the token of this digest, with its user and token. None if unknown, or the user is inactive."""
    try:
        row = prepared.one_row(_LOOK_UP, [digest])
    except OperationalError:
        if connection.in_atomic_block:
            raise
        # The database was restarted since this connection was opened. This is the first statement of a request, so it
        # can be retried. The other connections of the pool are checked too.
        connection.close()
        if pool := getattr(connection, "pool", None):
            pool.check()
        row = prepared.one_row(_LOOK_UP, [digest])
    if row is None:
        return None
    found = dict(zip(_SELECTED, row, strict=True))
    for name in ("person.is_superuser", "person.is_active", "person.is_staff"):
        found[name] = bool(found[name])  # SQLite has 0 and 1
    for name in ("device.last_seen_at", "token.expiry"):
        found[name] = time_of(found[name])
    values = {table: [found[name] for name in names] for table, names in _NAMES.items()}
    user, token = (
        loaded(model, _COLUMNS[table], values[table]) for table, model in (("person", User), ("token", AuthToken))
    )
    device = loaded(Device, _COLUMNS["device"], values["device"], user=user, token=token)
    device.remembered = found["memory.state"]
    return device


def time_of(value: Any) -> datetime | None:
    """A time from a database cursor, as an aware datetime. SQLite returns a text or a naive datetime, in UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


class NoAuthentication(DeviceTokenAuthentication):
    """No authentication: a token, even an invalid one, is ignored."""

    def authenticate(self, request: Request) -> None:
        return None


def actor(request: Request) -> Actor:
    """The person and device behind an authenticated request."""
    at, connection = timezone.now(), callers.connection(request._request)
    return Actor(person(request), device_of(request), at=at, connection=connection)


def person(request: Request) -> User:
    """Who sent an authenticated request."""
    return cast(User, request.user)


def device_of(request: Request) -> Device:
    """From which device an authenticated request came."""
    return cast(Device, request.auth)


def managers_only(request: Request) -> None:
    """Raise PermissionDenied for pickers and storekeepers (docs/rights.md), on any kind of device."""
    if not person(request).is_manager:
        raise exceptions.PermissionDenied


def storekeepers_only(request: Request) -> None:
    """Raise PermissionDenied for pickers: they may not set what is on hand (docs/rights.md)."""
    if not person(request).keeps_stock:
        raise exceptions.PermissionDenied
