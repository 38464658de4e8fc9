"""The heartbeat: a request to an outside service, sent only while the server is healthy. Its URL is in no log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from api.models import Job
from api.ops import conditions, health, heartbeat, worker
from api.tests.servers import serving

pytestmark = pytest.mark.any_database

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
SECRET = "0a1b2c3d-secret-uuid"


class Outside:
    """A fake outside service. paths: those of the requests. statuses: of responses, by path; 200 for other paths."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.statuses: dict[str, int] = {}
        self.url = ""


@pytest.fixture
def outside(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    """A running fake service that receives the heartbeat. It also stands in for our own nginx (`/readyz`)."""
    monkeypatch.setenv("no_proxy", "*")
    kept = Outside()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kept.paths.append(self.path)
            self.send_response(kept.statuses.get(self.path, 200))
            self.send_header("Location", "/elsewhere")
            self.end_headers()

    with serving(Handler) as kept.url:
        settings.HEARTBEAT_URL, settings.HEARTBEAT_CHECK = f"{kept.url}/{SECRET}", f"{kept.url}/readyz"
        yield kept


@pytest.mark.django_db
def test_a_healthy_server_sends_a_heartbeat(outside: Outside) -> None:
    assert heartbeat.send(NOW) == {"sent": True, "reason": ""}
    assert outside.paths == ["/readyz", f"/{SECRET}"]


@pytest.mark.django_db
def test_a_server_whose_own_nginx_gives_no_good_response_sends_no_heartbeat(outside: Outside, settings: Any) -> None:
    outside.statuses["/readyz"] = 503
    assert heartbeat.send(NOW) == {"sent": False, "reason": "not ready (it answered 503)"}
    settings.HEARTBEAT_CHECK = "http://127.0.0.1:1/readyz"
    assert heartbeat.send(NOW)["reason"] == "not ready (ConnectionRefusedError)"
    assert outside.paths == ["/readyz"]


@pytest.mark.django_db
def test_without_an_nginx_the_worker_checks_readiness_itself(
    outside: Outside, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HEARTBEAT_CHECK, settings.MIN_FREE_DISK_MB = "", 0
    monkeypatch.setattr(health, "_migrated", set())
    assert heartbeat.send(NOW)["sent"] is True
    settings.MIN_FREE_DISK_MB = 10**12
    assert heartbeat.send(NOW)["reason"] == "not ready (disk)"


@pytest.mark.django_db
def test_a_critical_condition_stops_the_heartbeat_until_it_is_over(outside: Outside) -> None:
    conditions.note("disk data", conditions.LOW, at=NOW)
    assert heartbeat.send(NOW)["sent"] is True
    conditions.note("backup", conditions.CRITICAL, at=NOW)
    assert heartbeat.send(NOW) == {"sent": False, "reason": "backup"}
    conditions.note("backup", conditions.WELL, at=NOW)
    assert heartbeat.send(NOW)["sent"] is True


@pytest.mark.django_db
@pytest.mark.parametrize("status", [301, 404, 500, None])
def test_a_failed_heartbeat_is_logged_without_its_url(
    outside: Outside,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    status: int | None,
) -> None:
    monkeypatch.setattr(worker, "JOBS", {"heartbeat": worker.JOBS["heartbeat"]})
    outside.statuses[f"/{SECRET}"] = status or 200
    if status is None:
        settings.HEARTBEAT_URL = f"http://no-such-host.invalid/{SECRET}"
    with caplog.at_level(logging.DEBUG):
        worker.run_due_job(NOW)
    assert "The heartbeat could not be sent" in caplog.text
    report = Job.objects.get(name="heartbeat").report
    assert report["sent"] is False
    for where in (caplog.text, str(report), repr(caplog.records)):
        assert SECRET not in where
        assert "no-such-host" not in where
    assert "/elsewhere" not in outside.paths


@pytest.mark.django_db
def test_without_a_url_no_request_is_sent(outside: Outside, settings: Any) -> None:
    settings.HEARTBEAT_URL = ""
    assert heartbeat.send(NOW) == {}
    assert outside.paths == []
