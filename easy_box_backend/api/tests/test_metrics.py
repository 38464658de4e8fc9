"""Metrics for Prometheus: only with the token, and added up over all processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from api import revision
from api.actions import discrepancies, jobs
from api.actor import Actor
from api.alerts import outbox
from api.models import Discrepancy, Job
from api.tests.calls import Caller, check_error

pytestmark = pytest.mark.both_databases

BACKEND = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
TOKEN = "a-long-token-of-metrics"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("metrics")


@pytest.fixture
def counting(settings: Any, folder: Path) -> Iterator[None]:
    settings.METRICS_TOKEN, settings.METRICS_DIR = TOKEN, str(folder)
    yield
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)


def page(client: APIClient) -> str:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return answer.content.decode()


def read(client: APIClient) -> dict[str, float]:
    lines = [line for line in page(client).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.mark.django_db
def test_without_a_token_there_is_no_such_page(owner: Caller) -> None:
    check_error(owner.get("/metrics"), 404, "not_found")
    check_error(owner.get("/metrics", headers={"Authorization": "Bearer "}), 404, "not_found")


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Bearer \u00e9", f"Token {TOKEN}x", f"Basic {TOKEN}"])
def test_a_wrong_token_gets_nothing(guest: APIClient, counting: None, given: str) -> None:
    answer = guest.get("/metrics", headers={"Authorization": given.encode().decode("latin-1")})
    assert answer.status_code == 401
    assert b"easybox" not in answer.content


@pytest.mark.django_db
def test_requests_are_counted_by_route_not_by_address(picker: Caller, guest: APIClient, counting: None) -> None:
    before = read(guest)
    for number in range(3):
        assert picker.get(f"/api/products/{990 + number}/").status_code == 404
    guest.get("/some/nonsense/42")
    picker.generic("STRANGE", "/api/products/")
    after = read(guest)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert grown('easybox_requests_total{method="GET",route="api/products/<str:key>/",status="404"}') == 3
    assert grown('easybox_request_seconds_count{method="GET",route="api/products/<str:key>/"}') == 3
    assert grown('easybox_requests_total{method="GET",route="none",status="404"}') == 1
    assert grown('easybox_requests_total{method="OTHER",route="api/products/",status="405"}') == 1
    assert not [name for name in after if "99" in re.sub(r'le="[^"]*"', "", name) or "metrics" in name]


@pytest.mark.django_db
def test_the_figures_from_the_database_are_included(guest: APIClient, counting: None) -> None:
    discrepancies.record(Discrepancy.Kind.SKU_TAKEN, by=Actor(None, at=NOW), sku="A")
    outbox.tell("backup_failed", at=NOW)
    jobs.ended("check_ledger", next_at=NOW, ok=True, report={"broken": 2})
    figures = {name: value for name, value in read(guest).items() if not name.startswith("easybox_request")}
    ended_at = Job.objects.get().ended_at
    assert ended_at is not None
    assert figures == pytest.approx({
        "easybox_discrepancies_open": 1,
        "easybox_alerts_waiting": 2,
        "easybox_alerts_failing": 0,
        "easybox_alerts_dropped": 0,
        "easybox_revision": revision.current(),
        "easybox_ledgers_broken": 2,
        'easybox_job_ok{job="check_ledger"}': 1,
        'easybox_job_ended_timestamp_seconds{job="check_ledger"}': ended_at.timestamp(),
    }, abs=0.001)  # fmt: skip


@pytest.mark.django_db
def test_each_figure_is_described(guest: APIClient, counting: None) -> None:
    jobs.ended("check_ledger", next_at=NOW, ok=True, report={"broken": 2})
    guest.get("/api/health/")
    text = page(guest)
    from prometheus_client.parser import text_string_to_metric_families  # not above: see api/ops/metrics.py

    described = {family.name: (family.type, family.documentation) for family in text_string_to_metric_families(text)}
    figures = {name: help_text for name, (kind, help_text) in described.items() if kind == "gauge"}
    assert figures == {
        "easybox_alerts_dropped": "Alerts that were given up",
        "easybox_alerts_failing": "Alerts not sent yet that were tried",
        "easybox_alerts_waiting": "Alerts not sent yet",
        "easybox_discrepancies_open": "Discrepancies to be settled",
        "easybox_job_ended_timestamp_seconds": "When the job ended",
        "easybox_job_ok": "Whether the job went well",
        "easybox_ledgers_broken": "Found by the last check",
        "easybox_revision": "The revision counter",
    }
    assert described["easybox_requests"][0] == "counter"
    assert described["easybox_request_seconds"][0] == "histogram"


def test_the_figures_of_all_processes_are_added_up(tmp_path: Path) -> None:
    script = """
import os, django
django.setup()
from api.ops import metrics
for _ in range(3):
    if not (child := os.fork()):
        metrics.observe("GET", "api/products/", 200, 0.01)
        metrics.observe("GET", "api/products/", 200, 0.02)
        os._exit(0)
    os.waitpid(child, 0)
metrics.DatabaseFigures.collect = lambda self: ()
print(metrics.render().decode())
"""
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(BACKEND), "ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "backend.settings", "METRICS_TOKEN": "x", "METRICS_DIR": str(tmp_path / "m"),
    }  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert 'easybox_requests_total{method="GET",route="api/products/",status="200"} 6.0' in result.stdout
