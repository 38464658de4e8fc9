"""Regular jobs. Each is a row with its due time; of several workers, one wins the conditional UPDATE that claims it."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from api.models import Job

LEASE = timedelta(minutes=30)
"""A job that has not ended after this time counts as crashed and is started again."""


def here(name: str) -> str:
    """The name of a job or condition that each host has of its own: with HOST_NAME after it, if that is set."""
    return f"{name} @{settings.HOST_NAME}" if settings.HOST_NAME else name


def claim(name: str, *, at: datetime) -> bool:
    """Claim a job if it is due. Returns whether the caller is to run it. An unknown job is due at once."""
    job, _new = Job.objects.get_or_create(name=name, defaults={"due_at": at})
    return job.due_at <= at and bool(Job.objects.filter(name=name, due_at=job.due_at).update(due_at=at + LEASE))


def ended(name: str, *, next_at: datetime, ok: bool, report: dict[str, Any] | None = None) -> None:
    """Record how a job went, and when it is due again."""
    facts = {"due_at": next_at, "ended_at": timezone.now(), "ok": ok, "report": report or {}}
    Job.objects.update_or_create(name=name, defaults=facts)


def put_off(name: str, *, until: datetime) -> None:
    """Make a job due at `until`."""
    Job.objects.update_or_create(name=name, defaults={"due_at": until})


def is_put_off(name: str, *, at: datetime) -> bool:
    return Job.objects.filter(name=name, due_at__gt=at).exists()


def last_report(name: str) -> dict[str, Any]:
    """The report of the job's last run; empty if there was none."""
    return Job.objects.filter(name=name).values_list("report", flat=True).first() or {}
