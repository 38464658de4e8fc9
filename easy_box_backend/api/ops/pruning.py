"""Deletes rows and files that are no longer needed. History stays: devices, movements, versions, discrepancies."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.db.models import Q
from knox.models import AuthToken

from api.actions import logins
from api.models import Alert, ClientError, DeviceMemory, KnownPlace, Occurrence, Product, SentForm
from api.phones import former_logins

log = logging.getLogger(__name__)

REPORTS_KEPT = timedelta(days=90)
FORMS_KEPT = timedelta(days=1)
PHOTO_IS_BEING_STORED = timedelta(days=1)
"""A file younger than this may belong to a row that is not committed yet."""


def prune(at: datetime) -> dict[str, int]:
    """Delete everything that has expired. Returns the number of deleted rows or files by name of the step."""
    return {name: step(at) for name, step in _STEPS.items()}


def expired_tokens(at: datetime) -> int:
    """Delete expired tokens. Their devices stay, since history refers to them."""
    return AuthToken.objects.filter(expiry__lte=at).delete()[1].get("knox.AuthToken", 0)


def memories(at: datetime) -> int:
    """Delete the memory of devices whose login has ended, once no later login can continue from it."""
    gone = DeviceMemory.objects.filter(device__token__isnull=True).filter(
        Q(device__revoked_at__isnull=True) | Q(device__revoked_at__lt=at - former_logins.KEPT)
    )
    return gone.delete()[0]


def occurrences(at: datetime) -> int:
    """Delete expired records of wrong passwords and other limits. Most are deleted when the next one is recorded."""
    return Occurrence.objects.filter(until__lte=at).delete()[0]


def places(at: datetime) -> int:
    return KnownPlace.objects.filter(seen_at__lt=at - logins.PLACE_KEPT).delete()[0]


def told_alerts(at: datetime) -> int:
    before = at - REPORTS_KEPT
    return Alert.objects.filter(Q(sent_at__lt=before) | Q(dropped_at__lt=before)).delete()[0]


def client_errors(at: datetime) -> int:
    return ClientError.objects.filter(last_seen_at__lt=at - REPORTS_KEPT).delete()[0]


def sessions(at: datetime) -> int:
    return Session.objects.filter(expire_date__lt=at).delete()[0]


def sent_forms(at: datetime) -> int:
    """Delete old form tokens: a double click sends the same form within seconds, not days."""
    return SentForm.objects.filter(sent_at__lt=at - FORMS_KEPT).delete()[0]


def orphaned_photos(at: datetime) -> int:
    """Delete photos that no product refers to, such as one whose process was killed before it wrote the row."""
    try:
        names = default_storage.listdir("products")[1]
    except FileNotFoundError:
        return 0
    in_use = named_photos()
    candidates = [name for name in (f"products/{file}" for file in names) if name not in in_use]
    # A file that was stored after the query above is younger than this.
    before = at - PHOTO_IS_BEING_STORED
    orphans = [name for name in candidates if default_storage.get_modified_time(name) < before]
    for name in orphans:
        default_storage.delete(name)
        log.info("Deleted a photo that no product refers to: %s", name)
    return len(orphans)


def named_photos() -> set[str]:
    """The files that products refer to, archived products included."""
    rows = Product.objects.exclude(image="").values_list("image", "thumbnail")
    return {name for row in rows for name in row if name}


_STEPS: dict[str, Callable[[datetime], int]] = {
    "expired_tokens": expired_tokens,
    "memories": memories,
    "occurrences": occurrences,
    "places": places,
    "alerts": told_alerts,
    "client_errors": client_errors,
    "sessions": sessions,
    "forms": sent_forms,
    "photos": orphaned_photos,
}
