"""Accounts and their devices: log in, log out, revoke; make and change accounts."""

from datetime import datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken

from api.errors import Invalid, NotFound
from api.models import Device, DeviceMemory, User
from api.texts import tidy


@transaction.atomic
def log_in(user: User, *, kind: str, name: str, at: datetime) -> tuple[Device, str]:
    """A new device for a person who has shown their password. Returns it and its token, which is told only now."""
    token, key = AuthToken.objects.create(user=user)
    device = Device.objects.create(user=user, token=token, kind=kind, name=name[:200], last_seen_at=at)
    DeviceMemory.objects.create(device=device)
    user.last_login = at
    user.save(update_fields=["last_login"])
    return device, key


@transaction.atomic
def revoke(device: Device, *, at: datetime) -> None:
    """End a device's login at once. The device stays, since history names it. Twice is once."""
    device = Device.objects.select_for_update().get(pk=device.pk)
    token = device.token
    if token is None:
        return
    device.token, device.revoked_at = None, at
    device.save(update_fields=["token", "revoked_at"])
    token.delete()


class NoSuchDevice(NotFound):
    code = "no_such_device"

    def __init__(self, device_id: object) -> None:
        super().__init__(_("There is no such device."), facts={"device": device_id})


def revoke_of(user: User, device_id: int, *, at: datetime) -> None:
    """Revoke one of the devices that `user` may revoke: their own, any for a manager. Raises NoSuchDevice."""
    mine = Device.objects.all() if user.is_staff else Device.objects.filter(user=user)
    device = mine.filter(id=device_id).first()
    if device is None:
        raise NoSuchDevice(device_id)
    revoke(device, at=at)


def revoke_all(user: User, *, at: datetime, but: Device | None = None) -> None:
    """End all logins of a person, except the device `but`."""
    for device in user.devices.filter(token__isnull=False):
        if device != but:
            revoke(device, at=at)


class WrongPassword(Invalid):
    code = "wrong_password"

    def __init__(self) -> None:
        detail = _("The current password is wrong.")
        super().__init__(detail, fields={"current_password": [detail]})


def set_password(user: User, new: str, *, field: str = "new_password") -> None:
    """Give an account a new password. Raises Invalid, with the reasons, when it is too weak."""
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise Invalid(error.messages[0], code="weak_password", fields={field: list(error.messages)}) from error
    user.set_password(new)
    user.save(update_fields=["password"])


@transaction.atomic
def change_password(user: User, *, current: str, new: str, at: datetime, device: Device | None) -> None:
    """A person changes their own password; their other devices must log in again. Raises WrongPassword, Invalid."""
    if not user.check_password(current):
        raise WrongPassword
    set_password(user, new)
    revoke_all(user, at=at, but=device)


@transaction.atomic
def create_user(*, email: str, username: str, password: str, **fields: Any) -> User:
    """A new account. Raises Invalid for an e-mail that is taken or a weak password."""
    user = User(email=tidy(email).lower(), username=username, **fields)
    try:
        with transaction.atomic():
            user.set_unusable_password()
            user.save(force_insert=True)
    except IntegrityError as error:
        raise _email_taken() from error
    set_password(user, password, field="password")
    return user


@transaction.atomic
def update_user(user: User, *, at: datetime, password: str | None = None, **fields: Any) -> User:
    """Change an account's fields. One that may no longer log in loses its devices at once. Raises Invalid."""
    for field, value in fields.items():
        setattr(user, field, tidy(value).lower() if field == "email" else value)
    try:
        with transaction.atomic():
            user.save(update_fields=list(fields))
    except IntegrityError as error:
        raise _email_taken() from error
    if password is not None:
        set_password(user, password, field="password")
    if not user.is_active or password is not None:
        revoke_all(user, at=at)
    return user


def _email_taken() -> Invalid:
    detail = _("An account with this e-mail already exists.")
    return Invalid(detail, code="email_taken", fields={"email": [detail]})
