"""Deletes rows and files that are no longer needed. History stays: devices, movements, versions, discrepancies."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet
from knox.models import AuthToken

from api.actions import logins
from api.models import Alert, ClientError, DeviceMemory, Import, Job, KnownPlace, Occurrence, Product, SentForm
from api.phones import former_logins

log = logging.getLogger(__name__)

REPORTS_KEPT = timedelta(days=90)
FORMS_KEPT = timedelta(days=1)
JOBS_KEPT = timedelta(days=7)
"""How long a job may be overdue: after that it is of a host that is gone, or of an older release."""
UPLOADS_KEPT = timedelta(days=7)
"""How long a sheet is kept that was uploaded and not imported. Those imported stay, with their report."""
PHOTO_IS_BEING_STORED = timedelta(days=1)
"""A file younger than this may belong to a row that is not committed yet."""


def prune(at: datetime) -> dict[str, int]:
    """Delete everything that has expired. Returns the number of deleted rows or files, by kind."""
    long_ago = at - REPORTS_KEPT
    # Tokens go first. Their devices stay, since history refers to them.
    removed = {"expired_tokens": AuthToken.objects.filter(expiry__lte=at).delete()[1].get("knox.AuthToken", 0)}
    expired: dict[str, QuerySet[Any]] = {
        "memories": old_memories(at),
        "occurrences": Occurrence.objects.filter(until__lte=at),  # most go when the next one is recorded
        "places": KnownPlace.objects.filter(seen_at__lt=at - logins.PLACE_KEPT),
        "alerts": Alert.objects.filter(Q(sent_at__lt=long_ago) | Q(dropped_at__lt=long_ago)),
        "client_errors": ClientError.objects.filter(last_seen_at__lt=long_ago),
        "sessions": Session.objects.filter(expire_date__lt=at),
        "uploads": Import.objects.filter(done_at__isnull=True, created_at__lt=at - UPLOADS_KEPT),
        "jobs": Job.objects.filter(due_at__lt=at - JOBS_KEPT),
        "forms": SentForm.objects.filter(sent_at__lt=at - FORMS_KEPT),  # a double click comes within seconds
    }
    removed |= {name: rows.delete()[0] for name, rows in expired.items()}
    return {**removed, "photos": orphaned_photos(at)}


def old_memories(at: datetime) -> "QuerySet[DeviceMemory]":
    """The memory of devices whose login has ended, once no later login can continue from it."""
    return DeviceMemory.objects.filter(device__token__isnull=True).filter(
        Q(device__revoked_at__isnull=True) | Q(device__revoked_at__lt=at - former_logins.KEPT)
    )


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
    """The names of the files that products refer to, archived products included."""
    rows = Product.objects.exclude(image="").values_list("image", "thumbnail")
    return {name for row in rows for name in row if name}
