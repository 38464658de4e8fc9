"""Devices: log in, log out, revoke."""

from contextlib import suppress
from datetime import datetime

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken

from api import errors
from api.errors import Forbidden, NoSuch
from api.models import Device, DeviceMemory, User
from api.texts import storable, tidy

MOST_LOGINS = 200
"""The most logins of a person at once. One more ends the login that was unused for longest."""


@transaction.atomic
def log_in(user: User, *, kind: str, name: str, at: datetime) -> tuple[Device, str]:
    """Create a device for a person whose password was checked. Returns it and its token, which is shown only once."""
    token, key = AuthToken.objects.create(user=user)
    device = Device.objects.create(user=user, token=token, kind=kind, name=name[:200], last_seen_at=at)
    DeviceMemory.objects.create(device=device)
    user.last_login = at
    user.save(update_fields=["last_login"])
    _end_the_oldest(user, at=at)
    return device, key


def _end_the_oldest(user: User, *, at: datetime) -> None:
    """End a person's oldest logins beyond MOST_LOGINS: a program that logs in for each request must not fill the table.
    Devices that history refers to are kept."""
    live = user.devices.filter(token__isnull=False).order_by("-last_seen_at", "-pk")
    for device in live[MOST_LOGINS : MOST_LOGINS + 10]:
        revoke(device, at=at)
        with suppress(ProtectedError):
            device.delete()


@transaction.atomic
def revoke(device: Device, *, at: datetime) -> None:
    """End a device's login at once. The device stays, since history refers to it. Idempotent."""
    device = Device.objects.select_for_update().get(pk=device.pk)
    token = device.token
    if token is None:
        return
    device.token, device.revoked_at = None, at
    device.save(update_fields=["token", "revoked_at"])
    token.delete()


class NoSuchDevice(NoSuch):
    code, sentence = "no_such_device", _("There is no such device.")


def revoke_of(user: User, device_id: int, *, at: datetime) -> None:
    """Revoke a device of `user`, or of a person whose account `user` may change.

    Raises Forbidden, and NoSuchDevice, for a picker also if the device is another person's.
    """
    revoke(_device_of(user, device_id, _("Only an administrator can log out another manager's devices.")), at=at)


def rename(user: User, device_id: int, name: str) -> None:
    """Name a device, so that people know which phone it is. Raises as `revoke_of`."""
    device = _device_of(user, device_id, _("Only an administrator can name another manager's devices."))
    device.name = tidy(storable(name))[:200]
    device.save(update_fields=["name"])


def _device_of(user: User, device_id: int, refusal: errors.Text) -> Device:
    """The device, which `user` may change. Raises as `revoke_of`. refusal: the sentence of Forbidden."""
    device = Device.objects.select_related("user").filter(id=device_id).first()
    if device is None or not (user.is_manager or device.user == user):
        raise NoSuchDevice(device_id)
    if not user.may_change(device.user):
        raise Forbidden(refusal)
    return device


def revoke_all(user: User, *, at: datetime, but: Device | None = None) -> None:
    """End all logins of a person, except on the device `but`."""
    for device in user.devices.filter(token__isnull=False):
        if device != but:
            revoke(device, at=at)
