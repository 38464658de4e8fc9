"""Fixtures of the tests of the API: clients for each kind of user, a product factory, and the surroundings of a test.

`picker` has the permission for most calls, `colleague` is a second user with the same rights, `guest` is an anonymous
client that must be refused. All users log in by the same call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any

import pytest
from django.core.cache import cache as django_cache
from django.utils import translation
from rest_framework.test import APIClient

from api import images
from api.actions import devices
from api.models import Device, Product, User
from api.rest import ready
from api.tests.calls import PASSWORD, Caller

MakeUser = Callable[..., User]
LogIn = Callable[..., Caller]
MakeProduct = Callable[..., Product]


media_folders = count()
decode = images._run_decoder


@cache
def decode_once(kind: str, raw: bytes) -> images.Photo:
    """The decoded photo, from a cache: it is the same each time, and decoding starts a process that takes 0.15 s."""
    return decode(kind, raw, ())


@pytest.fixture(autouse=True)
def own_surroundings(settings: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate each test, and make it fast.

    Photos are stored in a folder of the test's own, passwords are hashed by a quick algorithm, and a photo that was
    decoded before is taken from a cache. Photos have long timeouts, since the machine may be busy. Rate limits and
    cached lists of the previous test are cleared.
    """
    monkeypatch.setattr(images, "WAIT_SECONDS", 120.0)
    monkeypatch.setattr(images, "DECODE_SECONDS", 120.0)
    monkeypatch.setattr(images, "_run_decoder", lambda kind, raw, held: decode_once(kind, raw))
    settings.MEDIA_ROOT = str(tmp_path_factory.getbasetemp() / f"media-{next(media_folders)}")  # created on first use
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django_cache.clear()
    translation.deactivate()  # a request of the previous test has left its language in this thread
    ready.forget()


@pytest.fixture
def make_user(db: None) -> MakeUser:
    """A function that creates an account with PASSWORD. Its e-mail is NAME@example.com."""

    def make(name: str, **fields: Any) -> User:
        fields.setdefault("email", f"{name.lower()}@example.com")
        return User.objects.create_user(username=name, password=PASSWORD, **fields)

    return make


@pytest.fixture
def log_in(db: None) -> LogIn:
    """A function that logs a user in on a new device, of the kind `integration` by default; returns the client."""

    def enter(user: User, kind: str = Device.Kind.INTEGRATION) -> Caller:
        from django.utils import timezone

        device, token = devices.log_in(user, kind=kind, name="tests", at=timezone.now())
        caller = Caller(user=user, device=device, token=token)
        caller.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        return caller

    return enter


@pytest.fixture
def picker(make_user: MakeUser, log_in: LogIn) -> Caller:
    """A client of a user who works in the warehouse: no staff."""
    return log_in(make_user("Picker"))


@pytest.fixture
def colleague(make_user: MakeUser, log_in: LogIn) -> Caller:
    """A client of a second user, with the same rights as `picker` and other devices."""
    return log_in(make_user("Colleague"))


@pytest.fixture
def manager(make_user: MakeUser, log_in: LogIn) -> Caller:
    """A client of a manager: staff, but no superuser."""
    return log_in(make_user("Manager", is_staff=True))


@pytest.fixture
def owner(make_user: MakeUser, log_in: LogIn) -> Caller:
    """A client of an administrator: a superuser."""
    return log_in(make_user("Owner", is_staff=True, is_superuser=True))


@pytest.fixture
def guest() -> APIClient:
    """An anonymous client: it sends no token."""
    return APIClient()


@pytest.fixture
def make_product(db: None) -> MakeProduct:
    """A function that creates a product by the server's own action. quantity: the pieces on hand."""
    from django.utils import timezone

    from api.actions import products
    from api.actor import Actor

    numbers = iter(range(1, 1_000_000))

    def make(sku: str | None = None, quantity: int = 0, **fields: Any) -> Product:
        number = next(numbers)
        fields.setdefault("name", f"Product {number}")
        at = timezone.now()
        return products.create(sku=sku or f"P-{number}", quantity=quantity, by=Actor(None, at=at), **fields)

    return make
