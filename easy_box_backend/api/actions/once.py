"""Idempotent forms: one that is sent twice takes effect once."""

from datetime import datetime
from typing import Any

from api.models import SentForm


def claim(key: str, *, at: datetime) -> SentForm | None:
    """Mark a form as sent. Returns None the first time, and the stored form for a duplicate.

    A duplicate waits here for the transaction of the first. If that is rolled back, the form counts as not sent.
    """
    form, is_first = SentForm.objects.get_or_create(key=key, defaults={"sent_at": at})
    return None if is_first else form


def keep(key: str, answer: dict[str, Any]) -> None:
    """Store the answer to a form, JSON-able."""
    SentForm.objects.filter(key=key).update(answer=answer)


def forget(key: str) -> None:
    """Allow a form that had no effect to be sent again."""
    SentForm.objects.filter(key=key).delete()
