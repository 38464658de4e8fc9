"""Figures for Prometheus, only when METRICS_TOKEN is set. All processes of a machine count requests in files of
METRICS_DIR; figures from the database are read on request.

It uses `prometheus_client` with two instruments, not django-prometheus: 12 to 20 µs a request instead of 70, measured.
"""

import os
from collections.abc import Iterator
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
    """The request counter and the histogram of durations.

    The library reads PROMETHEUS_MULTIPROC_DIR once, when it is imported, so it must not be imported earlier.
    """
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
    """Count an answered request. `route` is a pattern of the URL configuration, so the number of labels is bounded."""
    method = method if method in _METHODS else "OTHER"
    requests, durations = _instruments()
    requests.labels(method, route or "none", status).inc()
    durations.labels(method, route or "none").observe(seconds)


class DatabaseFigures:
    """A collector of the figures that are read from the database."""

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily as Gauge

        waiting = Alert.objects.open()
        dropped = Alert.objects.filter(dropped_at__isnull=False)
        yield Gauge("easybox_alerts_waiting", "Alerts not sent yet", waiting.count())
        yield Gauge("easybox_alerts_failing", "Alerts not sent yet that were tried", waiting.exclude(error="").count())
        yield Gauge("easybox_alerts_dropped", "Alerts that were given up", dropped.count())
        yield Gauge("easybox_discrepancies_open", "Discrepancies to be settled", Discrepancy.objects.open().count())
        yield Gauge("easybox_revision", "The revision counter", revision.current())
        ok = Gauge("easybox_job_ok", "Whether the job went well", labels=["job"])
        ended = Gauge("easybox_job_ended_timestamp_seconds", "When the job ended", labels=["job"])
        for job in Job.objects.exclude(ended_at=None).order_by("name"):
            ok.add_metric([job.name], bool(job.ok))
            ended.add_metric([job.name], job.ended_at.timestamp())  # type: ignore[union-attr]
            if job.name == "check_ledger" and "broken" in job.report:
                yield Gauge("easybox_ledgers_broken", "Found by the last check", job.report["broken"])
        yield from (ok, ended)


def render() -> bytes:
    """All figures in Prometheus' text format: requests of all processes of this machine, and the database's."""
    _instruments()
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=settings.METRICS_DIR)
    registry.register(DatabaseFigures())  # not a subclass of Collector, which can't be imported above
    return bytes(generate_latest(registry))
