"""Accounts: create and change them, and who may change whose."""

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

RANK = ("is_staff", "is_superuser")


class WrongPassword(Invalid):
    code, sentence, field = "wrong_password", _("The current password is wrong."), "current_password"


class PasswordNeeded(Invalid):
    code, field = "password_needed", "current_password"
    sentence = _("Enter your current password to make this change.")


class OwnRights(Forbidden):
    code = "own_rights"
    sentence = _("You cannot take away your own rights or deactivate your own account.")


def needs_password(user: User, by: User, changes: dict[str, Any]) -> bool:
    """Whether `by` must confirm these changes with their password: those of their own e-mail or password."""
    email = tidy(changes.get("email", user.email)).lower()
    return user.pk == by.pk and bool(changes.get("password") or email != user.email)


@transaction.atomic
def create(*, by: User, email: str, username: str, password: str, **fields: Any) -> User:
    """Create an account. Raises Forbidden, and Invalid for an e-mail that is taken or a weak password."""
    user = User(email=tidy(email).lower(), username=username, **fields)
    _check_rank(user, by, fields)
    try:
        with transaction.atomic():
            user.set_unusable_password()
            user.save(force_insert=True)
    except IntegrityError as error:
        raise _email_taken() from error
    _set_password(user, password)
    return user


@transaction.atomic
def change(
    user: User, *, by: User, at: datetime, device: Device | None = None, password: str | None = None,
    weak: str = "password", **fields: Any,
) -> User:  # fmt: skip
    """Change an account's fields and password. Raises Forbidden, OwnRights, and Invalid as `create`.

    A deactivated account, or one with a new password, is logged out on all devices except `device`, the one that a
    person changes their own account from. The caller has checked the current password if `needs_password`.
    weak: the field that the error for a weak password names.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not by.may_change(user):
        raise Forbidden(_("Only an administrator can change another manager's account."))
    if user.pk == by.pk and any(not value and getattr(user, name) for name, value in fields.items()
                                if name in ("is_active", *RANK)):  # fmt: skip
        raise OwnRights
    _check_rank(user, by, fields)
    for field, value in fields.items():
        setattr(user, field, tidy(value).lower() if field == "email" else value)
    try:
        with transaction.atomic():
            user.save(update_fields=list(fields))
    except IntegrityError as error:
        raise _email_taken() from error
    if password is not None:
        _set_password(user, password, weak)
    if not user.is_active or password is not None:
        devices.revoke_all(user, at=at, but=device)
    return user


def _check_rank(user: User, by: User, fields: dict[str, Any]) -> None:
    """Raises Forbidden unless an administrator gives or takes the rights of a manager or administrator."""
    if not by.is_superuser and any(fields[name] != (getattr(user, name) if user.pk else False)
                                   for name in RANK if name in fields):  # fmt: skip
        raise Forbidden(_("Only an administrator can give or take away a manager's rights."))


def _set_password(user: User, new: str, field: str = "password") -> None:
    """Raises Invalid, with the reasons, if it is too weak."""
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise Invalid(error.messages[0], code="weak_password", fields={field: list(error.messages)}) from error
    user.set_password(new)
    user.save(update_fields=["password"])


def _email_taken() -> Invalid:
    return Invalid(_("An account with this e-mail already exists."), code="email_taken", field="email")
