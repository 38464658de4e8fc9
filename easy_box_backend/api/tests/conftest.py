"""Who calls the API in the tests. One who may, one beside, one who must be refused; all log in by the same call."""

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
def decoded(kind: str, raw: bytes) -> images.Photo:
    """What the decoder makes of a file. It is the same each time, and takes a process of 0.15 s."""
    return decode(kind, raw, ())


@pytest.fixture(autouse=True)
def own_surroundings(settings: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos in a folder of the test's own, quick passwords, time for a photo on a machine that has much else to do, no
    rate and no list kept from the test before. A photo that was decoded before is not decoded again."""
    monkeypatch.setattr(images, "WAIT_SECONDS", 120.0)
    monkeypatch.setattr(images, "DECODE_SECONDS", 120.0)
    monkeypatch.setattr(images, "_run_decoder", lambda kind, raw, held: decoded(kind, raw))
    settings.MEDIA_ROOT = str(tmp_path_factory.getbasetemp() / f"media-{next(media_folders)}")  # made if it is needed
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django_cache.clear()
    translation.deactivate()  # a request of the test before has left its language in this thread
    ready.forget()


@pytest.fixture
def make_user(db: None) -> MakeUser:
    """Makes an account with PASSWORD; its e-mail comes from the name."""

    def make(name: str, **fields: Any) -> User:
        fields.setdefault("email", f"{name.lower()}@example.com")
        return User.objects.create_user(username=name, password=PASSWORD, **fields)

    return make


@pytest.fixture
def log_in(db: None) -> LogIn:
    """Logs an account in on a new device; strict REST unless told that it is the app."""

    def enter(user: User, kind: str = Device.Kind.INTEGRATION) -> Caller:
        from django.utils import timezone

        device, token = devices.log_in(user, kind=kind, name="tests", at=timezone.now())
        caller = Caller(user=user, device=device, token=token)
        caller.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        return caller

    return enter


@pytest.fixture
def picker(make_user: MakeUser, log_in: LogIn) -> Caller:
    """One who may: works in the warehouse."""
    return log_in(make_user("Picker"))


@pytest.fixture
def colleague(make_user: MakeUser, log_in: LogIn) -> Caller:
    """One beside: the same rights, other devices."""
    return log_in(make_user("Colleague"))


@pytest.fixture
def manager(make_user: MakeUser, log_in: LogIn) -> Caller:
    """Staff, no superuser."""
    return log_in(make_user("Manager", is_staff=True))


@pytest.fixture
def owner(make_user: MakeUser, log_in: LogIn) -> Caller:
    """A superuser."""
    return log_in(make_user("Owner", is_staff=True, is_superuser=True))


@pytest.fixture
def guest() -> APIClient:
    """One who must be refused: no token."""
    return APIClient()


@pytest.fixture
def make_product(db: None) -> MakeProduct:
    """Makes a product by the server's own action, with so many pieces on hand."""
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
