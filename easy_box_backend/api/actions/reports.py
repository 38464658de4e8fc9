"""What phones report of themselves."""

import hashlib
import re
from datetime import datetime

from django.db import transaction
from django.db.models import F

from api import limits
from api.alerts import outbox
from api.models import ClientError

MAX_BYTES = 8_000
"""Kept of a message, as UTF-8; a stack trace fits."""
MAX_ROWS = 1_000
"""Different errors kept, the latest; so all of them take 10 MB at most, whoever sends however many."""

_VARYING = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\d+")


def fingerprint(message: str) -> str:
    """The same for messages that differ only in numbers, addresses and UUIDs."""
    return hashlib.sha256(_VARYING.sub("#", message).encode()).hexdigest()


@transaction.atomic
def record_client_error(message: str, *, user_agent: str, at: datetime) -> ClientError:
    """Keep an error that a phone reports, and tell of it; one like an earlier one counts up instead.

    Anybody can send them, so there are ceilings: of a message (MAX_BYTES), of rows (MAX_ROWS, beside those that are
    being written in this moment), and of alerts (`alerts.MOST_NEW`). A new row makes room for itself, an old one at a
    time or a hundred, so that a report costs the same whatever there is already.
    """
    message = "".join(c for c in message[:MAX_BYTES] if c.isprintable() or c in "\n\t")
    message = message.encode(errors="replace")[:MAX_BYTES].decode(errors="ignore")
    key = fingerprint(message)
    error, created = ClientError.objects.get_or_create(
        fingerprint=key,
        defaults={
            "message": message,
            "user_agent": user_agent[:255],
            "first_seen_at": at,
            "last_seen_at": at,
        },
    )
    if created:
        limits.keep_newest(ClientError.objects.order_by("-last_seen_at", "-pk"), MAX_ROWS)
    else:
        ClientError.objects.filter(pk=error.pk).update(count=F("count") + 1, last_seen_at=at)
    outbox.count_up("client_error", key=f"client_error:{key}", at=at, error=error.pk, text=message[:400])
    return error
