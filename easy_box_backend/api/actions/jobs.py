"""What is due regularly. The due times are rows, claimed by an update whose count says which worker won."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from api.models import Job

LEASE = timedelta(minutes=30)
"""A job that has not ended after this is taken for dead and begun again."""


def claim(name: str, *, at: datetime) -> bool:
    """Whether the job is due and now the caller's to do. A job that nobody has heard of is due at once."""
    job, _new = Job.objects.get_or_create(name=name, defaults={"due_at": at})
    return job.due_at <= at and bool(Job.objects.filter(name=name, due_at=job.due_at).update(due_at=at + LEASE))


def ended(name: str, *, next_at: datetime, ok: bool, report: dict[str, Any] | None = None) -> None:
    """Write down how a job went, and when it is due again."""
    facts = {"due_at": next_at, "ended_at": timezone.now(), "ok": ok, "report": report or {}}
    Job.objects.update_or_create(name=name, defaults=facts)


def put_off(name: str, *, until: datetime) -> None:
    """Not before `until`."""
    Job.objects.update_or_create(name=name, defaults={"due_at": until})


def is_put_off(name: str, *, at: datetime) -> bool:
    return Job.objects.filter(name=name, due_at__gt=at).exists()


def last_report(name: str) -> dict[str, Any]:
    """What the job said the last time that it ended; empty if it never did."""
    return Job.objects.filter(name=name).values_list("report", flat=True).first() or {}
