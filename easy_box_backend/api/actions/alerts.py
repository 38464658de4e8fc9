"""Telling people: what they are to hear of is written down in the transaction that it tells of."""

from datetime import datetime
from typing import Any

from api.models import Alert


def tell(kind: str, *, at: datetime, **facts: Any) -> Alert:
    """Put something before whoever reads the alert channel. Sending it is the worker's matter."""
    return Alert.objects.create(kind=kind, facts=facts, created_at=at)
