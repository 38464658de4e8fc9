"""Tokens: who is calling, from which device. Knox makes and hashes the tokens; one belongs to one device."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework import exceptions
from rest_framework.request import Request

from api.actor import Actor
from api.http import answer_error
from api.models import Device, User

LAST_SEEN_STEP = timedelta(minutes=5)
"""`last_seen_at` is written no more often than this: it is for people, and a write on each read would cost more."""


class DeviceTokenAuthentication(TokenAuthentication):
    """`Authorization: Token <key>`, looked up by its digest in one SELECT.

    Knox's own look-up reads all tokens of the user on every request; expired ones are removed by a job instead.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, Device]:
        now = timezone.now()
        try:
            digest = hash_token(token.decode("ascii"))
            device = Device.objects.select_related("user", "token").get(token__digest=digest)
        except (ValueError, TypeError, Device.DoesNotExist) as error:
            raise exceptions.AuthenticationFailed(_("Invalid token.")) from error
        auth_token = device.token
        assert auth_token is not None
        if not device.user.is_active or (auth_token.expiry is not None and auth_token.expiry <= now):
            raise exceptions.AuthenticationFailed(_("Invalid token."))
        if auth_token.expiry is not None:
            self.renew_token(auth_token)
        if device.last_seen_at is None or now - device.last_seen_at > LAST_SEEN_STEP:
            device.last_seen_at = now
            device.save(update_fields=["last_seen_at"])
        return device.user, device


class NoAuthentication(DeviceTokenAuthentication):
    """For what is open to all: a token that is sent along, even a bad one, is not looked at."""

    def authenticate(self, request: Request) -> None:
        return None


def actor(request: Request) -> Actor:
    """The person and device behind an authenticated request."""
    return Actor(user=request.user, device=request.auth)


def kind_of_device(request: Request, asked: str | None) -> str:
    """`app` or `integration`: what the login asks for, else by the user agent (docs/flutter-app.md, section 1)."""
    if asked:
        return asked
    agent = request.headers.get("User-Agent", "")
    return Device.Kind.APP if agent.startswith(("Dart/", "Mozilla/")) else Device.Kind.INTEGRATION


class TooManyLogins(exceptions.Throttled):
    default_detail = _("Too many failed logins. Try again in a minute.")
    extra_detail_singular = extra_detail_plural = ""


def check_password(request: Request, email: str, password: str) -> User | None:
    """The active account with these credentials; None whatever is wrong with them, after the same time.

    Raises TooManyLogins after ten failures in a minute from one address or for one account.
    """
    user = authenticate(request._request, username=email.strip().lower(), password=password)
    if getattr(request._request, "axes_locked_out", False):
        raise TooManyLogins(wait=settings.AXES_COOLOFF_TIME.total_seconds())
    return user if isinstance(user, User) else None


def axes_username(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The account that a login is for, so that failures are counted whatever the case it is typed in."""
    name = (credentials or {}).get("username") or request.POST.get("username", "")
    return str(name).strip().lower()[:255]


def locked_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """The admin's answer after too many failed logins."""
    response: HttpResponse = answer_error(request, "throttled", TooManyLogins.default_detail, 429)
    response.headers["Retry-After"] = str(int(settings.AXES_COOLOFF_TIME.total_seconds()))
    return response


