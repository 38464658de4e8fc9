"""Telling people. What they are to hear of is written down in the transaction that it tells of, and sent afterwards by
whoever works the outbox off: claimed by an update whose count says who won, then sent, then marked.

A message is lost by nothing but pruning. It comes twice only if the sender dies (or the network breaks) between
Telegram's taking it and our marking it: Telegram knows no idempotency keys, so that is the price of losing none.
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
"""For so long a claimed message is nobody else's; then its sender is taken for dead."""
MOST_AT_ONCE = 200
"""So many alerts of one kind make one message."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 900.0
"""Seconds before the second try, and at most between two."""

MOST_NEW = Limit(most=20, period=timedelta(hours=6))
"""So many different things of one of the FROM_ANYBODY kinds are told of; what comes beyond is counted in one alert."""
FROM_ANYBODY = {"client_error", "server_error"}


@dataclass(frozen=True, slots=True)
class Pace:
    """gather: how long what happens is collected for one message. quiet: how long the same key is then not heard."""

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


# --- What happens -------------------------------------------------------------------------------------------------
def tell(kind: str, *, at: datetime, **facts: Any) -> Alert:
    """Put something before whoever reads the alert channel. Only inserts, so it takes no lock that others wait for."""
    return Alert.objects.create(kind=kind, facts=facts, created_at=at, next_try_at=_gathered(kind, at))


@transaction.atomic
def count_up(kind: str, *, key: str, at: datetime, **facts: Any) -> None:
    """Tell of something that may happen again and again: under one `key` it is one message with a count.

    Not within a transaction that holds other locks, since it waits for whoever counts the same key.
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
    except IntegrityError:  # somebody was first
        _counted(key)


def _counted(key: str) -> bool:
    return bool(Alert.objects.open().filter(key=key).update(count=F("count") + 1))


def _gathered(kind: str, at: datetime) -> datetime:
    """The end of the window that `at` lies in: all that happens in one window becomes due together."""
    gather = PACES.get(kind, Pace()).gather.total_seconds()
    return datetime.fromtimestamp(math.ceil(at.timestamp() / gather) * gather, tz=UTC) if gather else at


# --- Working the outbox off ---------------------------------------------------------------------------------------
def claim(at: datetime) -> list[Alert]:
    """The alerts that make the next message, all of one kind, now the caller's for LEASE; none if none is due."""
    first = Alert.objects.due(at).order_by("id").first()
    if first is None:
        return []
    same = list(
        Alert.objects.due(at).filter(kind=first.kind).order_by("id").values_list("id", flat=True)[:MOST_AT_ONCE]
    )
    mark = uuid.uuid4().hex
    Alert.objects.due(at).filter(id__in=same).update(
        claim=mark, attempts=F("attempts") + 1, next_try_at=at + LEASE
    )  # whom another worker was quicker to get is not in it: the condition is checked again under the row's lock
    return list(Alert.objects.filter(claim=mark).order_by("id"))


def sent(batch: list[Alert], *, at: datetime) -> None:
    """Mark a claimed batch as sent. What was counted while it was on its way is told later, after the quiet time."""
    for alert in batch:
        mine = Alert.objects.open().filter(pk=alert.pk, claim=alert.claim)
        if not mine.filter(count=alert.count).update(sent_at=at, error=""):
            mine.update(
                count=F("count") - alert.count, created_at=at, attempts=0, claim="", error="",
                next_try_at=at + PACES.get(alert.kind, Pace()).quiet,
            )  # fmt: skip


def put_back(batch: list[Alert], *, until: datetime, error: str) -> None:
    """Give a claimed batch back, to be tried again `until` then."""
    _mine(batch).update(claim="", next_try_at=until, error=error[:500])


def drop(batch: list[Alert], *, at: datetime, error: str) -> None:
    """Give up: Telegram will never take this message. The row stays, with the reason."""
    _mine(batch).update(claim="", dropped_at=at, error=error[:500])


def _mine(batch: list[Alert]) -> Any:
    return Alert.objects.open().filter(claim__in={alert.claim for alert in batch})


def wait(attempts: int, retry_after: float | None = None) -> timedelta:
    """How long to wait after so many tries (1 or more): doubling, with jitter; never less than what was asked for."""
    seconds = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT) * random.uniform(0.75, 1.25)
    return timedelta(seconds=max(seconds, (retry_after or 0.0) + random.uniform(0.1, 1.0) if retry_after else 0.0))
