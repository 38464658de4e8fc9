"""What phones report of themselves."""

import hashlib
import re
from datetime import datetime

from django.db import transaction
from django.db.models import F

from api.actions import alerts
from api.models import ClientError

MAX_MESSAGE = 8_000
"""Characters kept of a message; a stack trace fits."""

_VARYING = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\d+")


def fingerprint(message: str) -> str:
    """The same for messages that differ only in numbers, addresses and UUIDs."""
    return hashlib.sha256(_VARYING.sub("#", message[:MAX_MESSAGE]).encode()).hexdigest()


@transaction.atomic
def record_client_error(message: str, *, user_agent: str, at: datetime) -> ClientError:
    """Keep an error that a phone reports, and tell of it; one like an earlier one counts up instead."""
    message = "".join(c for c in message[:MAX_MESSAGE] if c.isprintable() or c in "\n\t")
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
    if not created:
        ClientError.objects.filter(pk=error.pk).update(count=F("count") + 1, last_seen_at=at)
    alerts.count_up("client_error", key=f"client_error:{key}", at=at, error=error.pk, text=message[:400])
    return error
