"""Accounts: creates and changes them, and checks who may change which."""

from datetime import datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from api.actions import devices
from api.errors import Forbidden, Invalid
from api.models import Device, User
from api.texts import tidy

Role = User.Role
RANK = ("is_staff", "is_superuser")
"""The flags by which programs and Django's admin set the two highest roles."""


class WrongPassword(Invalid):
    code, sentence, field = "wrong_password", _("The current password is wrong."), "current_password"


class PasswordNeeded(Invalid):
    code, field = "password_needed", "current_password"
    sentence = _("Enter your current password to make this change.")


class OwnRights(Forbidden):
    code = "own_rights"
    sentence = _("You cannot take away your own rights or deactivate your own account.")


def needs_password(user: User, by: User, changes: dict[str, Any]) -> bool:
    """Whether `by` must give their current password for these changes: they change their own e-mail or password."""
    email = tidy(changes.get("email", user.email)).lower()
    return user.pk == by.pk and bool(changes.get("password") or email != user.email)


@transaction.atomic
def create(*, by: User, email: str, username: str, password: str | None, **fields: Any) -> User:
    """Create an account, a picker's unless `role` (or a flag of RANK) says otherwise. Without a password the person can
    only connect a phone (`connecting`). Raises Forbidden, and Invalid for an e-mail that is taken or a weak password.
    """
    role = _role_in(fields, Role.PICKER)
    _check_role(Role.PICKER, role, by)
    user = User(email=tidy(email).lower(), username=username, **fields)
    try:
        with transaction.atomic():
            user.set_unusable_password()
            user.save(force_insert=True)
    except IntegrityError as error:
        raise _email_taken() from error
    user.take_role(role)
    if password is not None:
        _set_password(user, password)
    return user


@transaction.atomic
def change(
    user: User, *, by: User, at: datetime, device: Device | None = None, password: str | None = None,
    weak: str = "password", **fields: Any,
) -> User:  # fmt: skip
    """Change an account's fields, role and password. Raises Forbidden, OwnRights, and Invalid as `create`.

    A deactivated account, or one with a new password, is logged out on all devices except `device`, the one that a
    person changes their own account from, and loses its one-time password. The caller has checked the current password
    if `needs_password`. weak: the field that the error for a weak password names.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not by.may_change(user):
        raise Forbidden(_("Only an administrator can change another manager's account."))
    before = user.role
    role = _role_in(fields, before)
    if user.pk == by.pk and (not fields.get("is_active", True) or _ROLES.index(role) < _ROLES.index(before)):
        raise OwnRights
    _check_role(before, role, by)
    for field, value in fields.items():
        setattr(user, field, tidy(value).lower() if field == "email" else value)
    try:
        with transaction.atomic():
            user.save(update_fields=list(fields))
    except IntegrityError as error:
        raise _email_taken() from error
    if role != before:
        user.take_role(role)
    if password is not None:
        _set_password(user, password, weak)
    if not user.is_active or password is not None:
        user.one_time_until = None
        user.save(update_fields=["one_time_until"])
        devices.revoke_all(user, at=at, but=device)
    return user


_ROLES = list(Role.values)


def _role_in(fields: dict[str, Any], now: str) -> str:
    """Remove the role from `fields` and return it: `role`, or else the present role changed by the flags of RANK."""
    flags = {name: fields.pop(name) for name in RANK if name in fields}
    role = fields.pop("role", None)
    if role or not flags:
        return str(role or now)
    is_staff = flags.get("is_staff", now in (Role.MANAGER, Role.ADMINISTRATOR))
    if flags.get("is_superuser", is_staff and now == Role.ADMINISTRATOR):
        return Role.ADMINISTRATOR
    if is_staff:
        return Role.MANAGER
    return Role.PICKER if now in (Role.MANAGER, Role.ADMINISTRATOR) else now


def _check_role(before: str, role: str, by: User) -> None:
    """Raise Forbidden if `by` may not change this role. An administrator may change every role, a manager may make a
    picker a storekeeper and back."""
    if role == before or by.is_superuser:
        return
    if not by.is_staff or {role, before} & {Role.MANAGER, Role.ADMINISTRATOR}:
        raise Forbidden(_("Only an administrator can give or take away a manager's rights."))


def _set_password(user: User, new: str, field: str = "password") -> None:
    """Save a new password. Raises Invalid, with the reasons, if it is too weak. field: the one that the error names."""
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise Invalid(error.messages[0], code="weak_password", fields={field: list(error.messages)}) from error
    user.set_password(new)
    user.save(update_fields=["password"])


def _email_taken() -> Invalid:
    return Invalid(_("An account with this e-mail already exists."), code="email_taken", field="email")
