"""Figures for Prometheus, only when METRICS_TOKEN is set. Requests are counted by all processes of a machine into files
of METRICS_DIR; what the database knows is read when it is asked for.

prometheus_client with the two instruments we need, not django-prometheus: 12 to 20 against 70 µs a request, measured.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from api import revision
from api.models import Alert, Discrepancy, Job

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@lru_cache(maxsize=1)
def _instruments() -> tuple[Any, Any]:
    """Counter and histogram. The library looks at the folder's variable once, when it is imported: not before this."""
    Path(settings.METRICS_DIR).mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = settings.METRICS_DIR
    from prometheus_client import CollectorRegistry, Counter, Histogram

    ours = CollectorRegistry()
    return (
        Counter("easybox_requests", "Requests answered", ["method", "route", "status"], registry=ours),
        Histogram(
            "easybox_request_seconds", "Time to answer", ["method", "route"], registry=ours, buckets=_BUCKETS
        ),
    )  # fmt: skip


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered. Routes are those of the address table, so their number is bounded."""
    method = method if method in _METHODS else "OTHER"
    requests, durations = _instruments()
    requests.labels(method, route or "none", status).inc()
    durations.labels(method, route or "none").observe(seconds)


def facts() -> dict[str, tuple[str, float]]:
    """Name to help text and value, of what the database knows."""
    waiting = Alert.objects.open()
    figures: dict[str, tuple[str, float]] = {
        "easybox_alerts_waiting": ("Alerts not sent yet", waiting.count()),
        "easybox_alerts_failing": ("Alerts not sent yet that were tried", waiting.exclude(error="").count()),
        "easybox_alerts_dropped": ("Alerts that were given up", Alert.objects.filter(dropped_at__isnull=False).count()),
        "easybox_discrepancies_open": ("Discrepancies to be settled", Discrepancy.objects.open().count()),
        "easybox_revision": ("The revision counter", revision.current()),
    }
    for job in Job.objects.filter(ended_at__isnull=False):
        figures[f'easybox_job_ok{{job="{job.name}"}}'] = ("Whether the job went well", float(bool(job.ok)))
        ended = job.ended_at.timestamp() if job.ended_at else 0.0
        figures[f'easybox_job_ended_timestamp_seconds{{job="{job.name}"}}'] = ("When the job ended", ended)
        if job.name == "check_ledger" and "broken" in job.report:
            figures["easybox_ledgers_broken"] = ("Found by the last check", job.report["broken"])
    return figures


def render() -> bytes:
    """All figures, in Prometheus' text format."""
    return counted() + known()


def counted() -> bytes:
    """What all processes of this machine have counted."""
    _instruments()
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return bytes(generate_latest(registry))


def known() -> bytes:
    """What the database knows."""
    lines, described = [], set()
    for name, (help_text, value) in sorted(facts().items()):
        family = name.partition("{")[0]
        if family not in described:
            described.add(family)
            lines.append(f"# HELP {family} {help_text}\n# TYPE {family} gauge\n")
        lines.append(f"{name} {value:.15g}\n")
    return "".join(lines).encode()
