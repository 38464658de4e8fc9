"""Errors that phones report."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from api import limits
from api.actions.logins import PLACE_KEPT
from api.alerts import outbox
from api.models import ClientError, Device, KnownPlace, User

MAX_BYTES = 8_000
"""The most bytes (UTF-8) kept of a message; a stack trace fits."""
MAX_ROWS = 1_000
"""How many different errors are kept, the latest ones: at most 10 MB in all."""

BUSY = timedelta(minutes=10)
"""How long after its last request a phone counts as busy. That time is written every five minutes at most."""
_HEAD = 400
"""How many first characters of a report are searched for the person's e-mail."""
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,190}\w")
_VARYING = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\d+")


def fingerprint(message: str) -> str:
    """A digest that is the same for messages that differ only in numbers, addresses and UUIDs."""
    return hashlib.sha256(_VARYING.sub("#", message).encode()).hexdigest()


@transaction.atomic
def record_client_error(message: str, *, user_agent: str, network: str = "", at: datetime) -> ClientError:
    """Save an error that a phone reports, and alert about it. A repeated error only increases its count.

    Anybody can send errors, so there are limits: on a message (MAX_BYTES), on rows (MAX_ROWS, plus those that are
    being written at this moment) and on alerts (`outbox.MOST_NEW`). A new row deletes a bounded number of old ones, so
    the cost of a report does not depend on the number of rows.
    """
    message = "".join(c for c in message[:MAX_BYTES] if c.isprintable() or c in "\n\t")
    message = message.encode(errors="replace")[:MAX_BYTES].decode(errors="ignore")
    key, (user, device) = fingerprint(message), probable_sender(message, network, at=at)
    latest = {"user_agent": user_agent[:255], "user": user, "device": device, "last_seen_at": at}
    values = {"message": message, "first_seen_at": at, **latest}
    error, created = ClientError.objects.get_or_create(fingerprint=key, defaults=values)
    if created:
        limits.delete_some(ClientError.objects.order_by("-last_seen_at", "-pk"), beyond=MAX_ROWS)
    else:
        ClientError.objects.filter(pk=error.pk).update(count=F("count") + 1, **latest)
    outbox.count_up("client_error", key=f"client_error:{key}", at=at, error=error.pk, text=message[:400])
    return error


def probable_sender(message: str, network: str, *, at: datetime) -> tuple[User | None, Device | None]:
    """Who probably sent a report, and from which phone; None where it is not clear. A report has no token.

    The app begins it with the person's name, id and e-mail (docs/flutter-app.md, section 3); of several phones it is
    the one that was busy just now. Without an e-mail it is the only busy phone in this network. Anybody can write
    anything, so this is for people to read, never to act by.
    """
    emails = [email.lower() for email in _EMAIL.findall(message[:_HEAD])[:3]]
    user = User.objects.filter(email__in=emails).first() if emails else None
    phones = Device.objects.filter(kind=Device.Kind.APP, token__isnull=False, last_seen_at__isnull=False)
    phones = phones.order_by("-last_seen_at")
    if user is not None:
        mine = list(phones.filter(user=user)[:2])
        busy = [phone for phone in mine if phone.last_seen_at and phone.last_seen_at > at - BUSY]
        return user, only(busy) or only(mine)
    places = KnownPlace.objects.filter(network=network, seen_at__gt=at - PLACE_KEPT).values("user")
    here = phones.filter(last_seen_at__gt=at - BUSY, user__in=places).select_related("user")
    phone = only(list(here[:2])) if network else None
    return (phone.user, phone) if phone else (None, None)


def only(found: Sequence[Device]) -> Device | None:
    """The only one of them, None if there are none or several."""
    return found[0] if len(found) == 1 else None


def forget(error_id: int) -> None:
    """Delete a report: it is not part of the warehouse's history."""
    ClientError.objects.filter(pk=error_id).delete()
