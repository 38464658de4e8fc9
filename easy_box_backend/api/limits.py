"""Rate limits, counted in the database so that they hold across all processes and machines."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet

from api.models import Occurrence


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` times within `period`."""

    most: int
    period: timedelta


def wait(keys: Collection[str], limit: Limit, *, at: datetime) -> timedelta:
    """How long it takes until all of these keys are below the limit; zero if they are below it now."""
    return max((_wait(digest, limit, at) for digest in _digests(keys)), default=timedelta())


@transaction.atomic
def take(keys: Collection[str], limit: Limit, *, at: datetime) -> timedelta:
    """Count one occurrence under each of these keys, unless one of them is at its limit.

    Returns zero if it was counted, else how long to wait. Exact under concurrency: at most `limit.most` callers get
    zero. Call it in a transaction of its own, or a short one: the keys stay locked until its end.
    """
    digests = _digests(keys)
    _lock(digests)
    longest = wait(keys, limit, at=at)
    if not longest:
        Occurrence.objects.bulk_create(Occurrence(key=digest, until=at + limit.period) for digest in digests)
        delete_some(Occurrence.objects.filter(until__lte=at))
    return longest


def _digests(keys: Collection[str]) -> list[str]:
    """The keys as stored, in the order in which they are locked. Hashed, since keys contain e-mails and addresses."""
    return sorted(hashlib.sha256(key.encode(errors="replace")).hexdigest() for key in keys)


def _wait(digest: str, limit: Limit, at: datetime) -> timedelta:
    """How long it takes until one key is below the limit."""
    ends = Occurrence.objects.filter(key=digest, until__gt=at).order_by("-until").values_list("until", flat=True)
    first = ends[limit.most - 1 : limit.most].first()
    return first - at if first is not None else timedelta()


def _lock(digests: Collection[str]) -> None:
    """Lock these keys until the end of the transaction. On SQLite, one transaction writes at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for digest in digests:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [digest])


def delete_some(rows: "QuerySet", *, beyond: int = 0, most: int = 100) -> int:
    """Delete at most `most` of these rows; the first `beyond` are kept. Locked rows are skipped, to avoid deadlocks.
    Returns how many were deleted."""
    found = list(rows.values_list("pk", flat=True)[beyond : beyond + most])
    if not found:
        return 0
    with transaction.atomic():
        free = rows.model._default_manager.filter(pk__in=found).order_by("pk").select_for_update(skip_locked=True)
        return rows.model._default_manager.filter(pk__in=list(free.values_list("pk", flat=True))).delete()[0]
