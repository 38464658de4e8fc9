"""Takes over the people of a former backend, with their passwords, and the logins of their phones."""

from collections import Counter
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.hashers import identify_hasher
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import CONSTANTS

from api.actions.old_tables import OldBackend
from api.actor import Actor
from api.models import Device, DeviceMemory, User
from api.texts import tidy

DEVICE = "Easy Box"
"""The name of the devices whose logins were taken over."""


@dataclass
class Taken:
    """What was taken over: numbers by kind, and sentences about what a person should know."""

    numbers: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    pictures: dict[int, str] = field(default_factory=dict)
    """By id of a product without a photo: the address or the name of its picture in the former backend."""


def take_over(old: OldBackend, taken: Taken) -> dict[int, User]:
    """Create the accounts, with their old password hashes. Returns the new ones by their old ids."""
    here = {user.email.lower() for user in User.objects.all()}
    new: dict[int, User] = {}
    for row in old.users:
        email = tidy(row["email"] or "").lower()
        if "@" not in email:
            taken.notes.append(f"The person {row['username']} has no e-mail, so nobody can log in: left out.")
        elif email in here:
            taken.numbers["people who were here"] += 1
        else:
            role = User.Role.MANAGER if row["is_staff"] else User.Role.PICKER
            user = User.objects.create_user(
                email, username=row["username"] or email, is_active=bool(row["is_active"]),
                role=User.Role.ADMINISTRATOR if row["is_superuser"] else role,
            )  # fmt: skip
            User.objects.filter(pk=user.pk).update(password=row["password"])
            if not _is_known(row["password"]):
                taken.notes.append(f"The password of {email} is stored in an unknown way: give them a new one.")
            new[row["id"]] = user
            here.add(email)
            taken.numbers["people"] += 1
    return new


def _is_known(password: str) -> bool:
    try:
        identify_hasher(password)
    except ValueError:
        return False
    return True


def keep_logged_in(old: OldBackend, users: dict[int, User], taken: Taken, *, by: Actor) -> None:
    """Phones of new people stay logged in. Others do not: the login of a person who was here may have been ended."""
    for old_id, user in users.items():
        key = old.tokens.get(old_id)
        if not key or not user.is_active:
            continue
        start, expiry = key[: CONSTANTS.TOKEN_KEY_LENGTH], by.at + settings.TOKEN_TTL
        token = AuthToken(digest=hash_token(key), token_key=start, user=user, expiry=expiry)
        token.save(force_insert=True)
        device = Device.objects.create(user=user, token=token, kind=Device.Kind.APP, name=DEVICE, last_seen_at=by.at)
        DeviceMemory.objects.create(device=device)
        taken.numbers["logins"] += 1
