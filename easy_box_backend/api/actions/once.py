"""Forms that are sent twice act once."""

from datetime import datetime
from typing import Any

from api.models import SentForm


def claim(key: str, *, at: datetime) -> SentForm | None:
    """Take a form as sent. Returns None the first time, else what was kept of it.

    Where the first is still in its transaction, the second waits here until that ends. If it is rolled back, the form
    counts as not sent.
    """
    form, is_first = SentForm.objects.get_or_create(key=key, defaults={"sent_at": at})
    return None if is_first else form


def keep(key: str, answer: dict[str, Any]) -> None:
    """Keep how a form was answered, JSON-able."""
    SentForm.objects.filter(key=key).update(answer=answer)


def forget(key: str) -> None:
    """Nothing came of it: the form may be sent again."""
    SentForm.objects.filter(key=key).delete()
