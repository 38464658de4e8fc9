"""The health probes: whether the process is alive, and whether it can serve."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection
from rest_framework.test import APIClient

from api.ops import health

pytestmark = pytest.mark.both_databases


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", set())


def test_healthz_uses_no_database_and_accepts_any_host(guest: APIClient, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["box.example.com"]
    settings.VERSION = "abc1234"
    answer = guest.get("/healthz", HTTP_HOST="10.0.0.7:8000")  # a test without a database mark: a query would fail
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": "abc1234"})
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_readyz_says_which_database_it_is(guest: APIClient, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["box.example.com"]
    settings.MIN_FREE_DISK_MB = 0
    answer = guest.get("/readyz", HTTP_HOST="127.0.0.1")
    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "ok")
    assert body["database"] == {
        "kind": connection.vendor, "version": ".".join(map(str, connection.get_database_version()))
    }  # fmt: skip
    assert body["disk_free_mb"] > 0


def check_unavailable(answer: Any, reason: str) -> None:
    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (503, "unavailable", reason)
    assert int(answer["Retry-After"]) > 0
    assert answer["Content-Type"] == "application/json"


@pytest.mark.django_db
def test_without_its_database_it_is_not_ready(guest: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection to server at secret-host failed")

    monkeypatch.setattr(connection, "cursor", refuse)
    answer = guest.get("/readyz")
    check_unavailable(answer, "database")
    assert b"secret-host" not in answer.content


@pytest.mark.django_db
def test_with_a_pending_migration_it_is_not_ready_and_the_next_probe_checks_again(
    guest: APIClient, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.MIN_FREE_DISK_MB = 0
    with monkeypatch.context() as patch:
        patch.setattr("api.ops.health.MigrationExecutor.migration_plan", lambda *_args: [("one", False)])
        check_unavailable(guest.get("/readyz"), "migrations")
    assert guest.get("/readyz").status_code == 200
    monkeypatch.setattr("api.ops.health.MigrationExecutor.migration_plan", lambda *_args: 1 / 0)
    assert guest.get("/readyz").status_code == 200, "once all migrations have run, the probe does not check again"


@pytest.mark.django_db
def test_with_a_full_disk_it_is_not_ready(guest: APIClient, settings: Any) -> None:
    settings.MIN_FREE_DISK_MB = 10**12
    check_unavailable(guest.get("/readyz"), "disk")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_only_read(guest: APIClient, path: str) -> None:
    for method in ("post", "put", "delete", "patch", "options"):
        answer = getattr(guest, method)(path)
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


def test_head_is_fine_too(guest: APIClient) -> None:
    assert guest.head("/healthz").status_code == 200


def test_probes_leave_no_line_in_the_log(guest: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        guest.get("/healthz")
    assert not caplog.records
