"""The outbox of alerts. An alert is saved in the transaction that causes it, and sent later by a worker, which claims
it with a conditional UPDATE, sends it, and marks it as sent.

Delivery is at least once; only pruning removes an alert that was not sent. A duplicate arises if the sender or the
network fails after Telegram has accepted the message and before it is marked: Telegram has no idempotency keys.
"""

import math
import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from api.limits import Limit, take
from api.models import Alert

LEASE = timedelta(minutes=2)
"""How long a claim holds. After that its sender counts as crashed."""
MOST_AT_ONCE = 200
"""The most alerts, all of one kind, in one message."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 900.0
"""Seconds before the second try, and the most between two tries."""

MOST_NEW = Limit(most=20, period=timedelta(hours=6))
"""How many different alerts of each FROM_ANYBODY kind are sent; the others are counted in one alert."""
FROM_ANYBODY = {"client_error", "server_error"}
"""Kinds that anybody can cause, without a login."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often alerts of a kind are sent. gather: how long they are collected for one message. quiet: how long after a
    message further alerts with the same key are held back."""

    gather: timedelta = timedelta()
    quiet: timedelta = timedelta()


PACES = {
    "server_error": Pace(gather=timedelta(seconds=30), quiet=timedelta(hours=1)),
    "client_error": Pace(gather=timedelta(minutes=5), quiet=timedelta(hours=6)),
    "discrepancy": Pace(gather=timedelta(minutes=1)),
    "low_stock": Pace(gather=timedelta(minutes=1)),
    "job_failed": Pace(quiet=timedelta(hours=6)),
    "ledger_broken": Pace(quiet=timedelta(hours=20)),
    "backup_failed": Pace(quiet=timedelta(hours=20)),
}


# --- Saving alerts ------------------------------------------------------------------------------------------------
def tell(kind: str, *, at: datetime, **facts: Any) -> Alert:
    """Save an alert. It only inserts a row, so it takes no lock that others wait for."""
    return Alert.objects.create(kind=kind, facts=facts, created_at=at, next_try_at=_gathered(kind, at))


def withdraw(kind: str, **facts: Any) -> None:
    """Drop the alerts of this kind with these facts, if they are not sent yet."""
    same = {f"facts__{name}": value for name, value in facts.items()}
    Alert.objects.open().filter(kind=kind, claim="", **same).delete()


@transaction.atomic
def count_up(kind: str, *, key: str, at: datetime, **facts: Any) -> None:
    """Save an alert that may repeat: repeated alerts with the same `key` are one message with a count.

    Do not call it in a transaction that holds other locks: it waits for others that count the same key.
    """
    key = key[:200]
    if _counted(key):
        return
    if kind in FROM_ANYBODY and take([f"alerts {kind}"], MOST_NEW, at=at):
        key, facts = f"{kind}:others", {}
        if _counted(key):
            return
    last = Alert.objects.filter(key=key, sent_at__isnull=False).order_by("-sent_at").first()
    first_try = _gathered(kind, at)
    if last is not None and last.sent_at is not None:
        first_try = max(first_try, last.sent_at + PACES.get(kind, Pace()).quiet)
    try:
        with transaction.atomic():
            Alert.objects.create(kind=kind, key=key, facts=facts, created_at=at, next_try_at=first_try)
    except IntegrityError:  # another process was first
        _counted(key)


def _counted(key: str) -> bool:
    """Count a repeated alert. Returns whether there is an unsent one with this key."""
    return bool(Alert.objects.open().filter(key=key).update(count=F("count") + 1))


def _gathered(kind: str, at: datetime) -> datetime:
    """The end of the time window that contains `at`: all alerts of one window become due together."""
    gather = PACES.get(kind, Pace()).gather.total_seconds()
    return datetime.fromtimestamp(math.ceil(at.timestamp() / gather) * gather, tz=UTC) if gather else at


# --- Sending them --------------------------------------------------------------------------------------------------
def claim(at: datetime) -> list[Alert]:
    """Claim the alerts of the next message, all of one kind, for LEASE. Returns them; empty if none are due."""
    first = Alert.objects.due(at).order_by("id").first()
    if first is None:
        return []
    same = list(
        Alert.objects.due(at).filter(kind=first.kind).order_by("id").values_list("id", flat=True)[:MOST_AT_ONCE]
    )
    mark = uuid.uuid4().hex
    Alert.objects.due(at).filter(id__in=same).update(
        claim=mark, attempts=F("attempts") + 1, next_try_at=at + LEASE
    )  # skips those that another worker claimed first: the condition is checked again under the row's lock
    return list(Alert.objects.filter(claim=mark).order_by("id"))


def sent(batch: list[Alert], *, at: datetime) -> None:
    """Mark a claimed batch as sent. Repeats that were counted meanwhile are sent later, after the quiet time."""
    for alert in batch:
        mine = Alert.objects.open().filter(pk=alert.pk, claim=alert.claim)
        if not mine.filter(count=alert.count).update(sent_at=at, error=""):
            mine.update(
                count=F("count") - alert.count, created_at=at, attempts=0, claim="", error="",
                next_try_at=at + PACES.get(alert.kind, Pace()).quiet,
            )  # fmt: skip


def put_back(batch: list[Alert], *, until: datetime, error: str) -> None:
    """Release a claimed batch, to be tried again at `until`."""
    _mine(batch).update(claim="", next_try_at=until, error=error[:500])


def drop(batch: list[Alert], *, at: datetime, error: str) -> None:
    """Give up a batch that Telegram will never accept. The rows stay, with the reason."""
    _mine(batch).update(claim="", dropped_at=at, error=error[:500])


def _mine(batch: list[Alert]) -> Any:
    """The alerts of a batch whose claim still holds."""
    return Alert.objects.open().filter(claim__in={alert.claim for alert in batch})


def wait(attempts: int, retry_after: float | None = None) -> timedelta:
    """How long to wait after `attempts` tries (1 or more): exponential, with jitter, at least `retry_after` seconds."""
    seconds = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT) * random.uniform(0.75, 1.25)
    return timedelta(seconds=max(seconds, (retry_after or 0.0) + random.uniform(0.1, 1.0) if retry_after else 0.0))
