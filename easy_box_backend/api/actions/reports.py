"""Errors that phones report."""

import hashlib
import re
from datetime import datetime

from django.db import transaction
from django.db.models import F

from api import limits
from api.alerts import outbox
from api.models import ClientError

MAX_BYTES = 8_000
"""The most bytes (UTF-8) kept of a message; a stack trace fits."""
MAX_ROWS = 1_000
"""How many different errors are kept, the latest ones: at most 10 MB in all."""

_VARYING = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\d+")


def fingerprint(message: str) -> str:
    """A digest that is the same for messages that differ only in numbers, addresses and UUIDs."""
    return hashlib.sha256(_VARYING.sub("#", message).encode()).hexdigest()


@transaction.atomic
def record_client_error(message: str, *, user_agent: str, at: datetime) -> ClientError:
    """Save an error that a phone reports, and alert about it. A repeated error only increases its count.

    Anybody can send errors, so there are limits: on a message (MAX_BYTES), on rows (MAX_ROWS, beside those that are
    being written at this moment) and on alerts (`outbox.MOST_NEW`). A new row deletes a bounded number of old ones, so
    the cost of a report does not depend on the number of rows.
    """
    message = "".join(c for c in message[:MAX_BYTES] if c.isprintable() or c in "\n\t")
    message = message.encode(errors="replace")[:MAX_BYTES].decode(errors="ignore")
    key = fingerprint(message)
    values = {"message": message, "user_agent": user_agent[:255], "first_seen_at": at, "last_seen_at": at}
    error, created = ClientError.objects.get_or_create(fingerprint=key, defaults=values)
    if created:
        limits.delete_some(ClientError.objects.order_by("-last_seen_at", "-pk"), beyond=MAX_ROWS)
    else:
        ClientError.objects.filter(pk=error.pk).update(count=F("count") + 1, last_seen_at=at)
    outbox.count_up("client_error", key=f"client_error:{key}", at=at, error=error.pk, text=message[:400])
    return error
