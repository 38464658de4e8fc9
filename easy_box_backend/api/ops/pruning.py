"""Taking away what nobody needs any more. Never history: devices, movements, versions and discrepancies stay."""

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
    """Take everything away that has had its time. Returns how many of each."""
    return {name: step(at) for name, step in _STEPS.items()}


def expired_tokens(at: datetime) -> int:
    """Their devices stay, since history names them."""
    return AuthToken.objects.filter(expiry__lte=at).delete()[1].get("knox.AuthToken", 0)


def memories(at: datetime) -> int:
    """What is remembered of devices whose login has ended, once no other login can go on from there."""
    gone = DeviceMemory.objects.filter(device__token__isnull=True).filter(
        Q(device__revoked_at__isnull=True) | Q(device__revoked_at__lt=at - former_logins.KEPT)
    )
    return gone.delete()[0]


def occurrences(at: datetime) -> int:
    """Wrong passwords and what else is limited; most go when the next one comes."""
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
    """A page that was left open for longer has to be sent anew by hand, so nobody sends it twice by mistake."""
    return SentForm.objects.filter(sent_at__lt=at - FORMS_KEPT).delete()[0]


def orphaned_photos(at: datetime) -> int:
    """Files that no product names, such as what a process that was killed between file and row has left."""
    try:
        names = default_storage.listdir("products")[1]
    except FileNotFoundError:
        return 0
    named = named_photos()
    candidates = [name for name in (f"products/{file}" for file in names) if name not in named]
    # What was stored and named after we looked is young.
    before = at - PHOTO_IS_BEING_STORED
    orphans = [name for name in candidates if default_storage.get_modified_time(name) < before]
    for name in orphans:
        default_storage.delete(name)
        log.info("A photo that no product names was removed: %s", name)
    return len(orphans)


def named_photos() -> set[str]:
    """The files that products name, archived ones included."""
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
