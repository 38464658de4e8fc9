"""The worker: due jobs run once, failures create alerts, and a signal ends it. Also the management commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from knox.models import AuthToken

from api import limits, revision
from api.actions import devices, jobs, logins, reports
from api.alerts import outbox
from api.models import Alert, ClientError, Device, DeviceMemory, Job, Occurrence, Product, StockMovement
from api.ops import pruning, worker
from api.tests.calls import Caller
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.both_databases

BACKEND = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


# --- Jobs ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The times at which the only job has run."""
    times: list[datetime] = []

    def note(at: datetime) -> dict[str, Any]:
        times.append(at)
        return {"times": len(times)}

    monkeypatch.setattr(worker, "JOBS", {"note": (note, timedelta(hours=1))})
    return times


@pytest.mark.django_db
def test_a_job_is_done_when_it_is_due_and_not_before(done: list[datetime]) -> None:
    for minutes, due in ((0, True), (0, False), (59, False), (60, True), (61, False), (500, True)):
        assert worker.run_due_job(NOW + timedelta(minutes=minutes)) is due, minutes
    assert len(done) == 3
    job = Job.objects.get()
    assert (job.ok, job.report) == (True, {"times": 3})


@pytest.mark.django_db
def test_a_job_that_another_worker_has_claimed_is_free_again_once_the_claim_expires(done: list[datetime]) -> None:
    assert jobs.claim("note", at=NOW) is True
    assert jobs.claim("note", at=NOW) is False
    assert worker.run_due_job(NOW + timedelta(minutes=29)) is False
    assert worker.run_due_job(NOW + timedelta(minutes=31)) is True


@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "times"), [("check_disks", 2), ("heartbeat", 2), ("check_ledger", 1)])
def test_with_two_hosts_jobs_of_a_host_run_on_each_and_common_ones_on_one(
    done: list[datetime], monkeypatch: pytest.MonkeyPatch, settings: Any, kind: str, times: int
) -> None:
    monkeypatch.setattr(worker, "JOBS", {kind: worker.JOBS["note"]})
    for settings.HOST_NAME in ("one", "two", "one"):
        worker.run_due_job(NOW)
    assert len(done) == times


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_runs_the_job() -> None:
    won: list[bool] = []

    def compete() -> None:
        from django.db import connection

        try:
            won.append(jobs.claim("race", at=NOW))
        finally:
            connection.close()

    jobs.put_off("race", until=NOW)
    threads = [threading.Thread(target=compete) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]


@pytest.mark.django_db(transaction=True)
def test_of_many_senders_one_claims_the_message() -> None:
    for _ in range(5):
        outbox.tell("backup_failed", at=NOW, text="x")
    got: list[int] = []

    def compete() -> None:
        from django.db import connection

        try:
            got.extend(alert.pk for alert in outbox.claim(NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=compete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(Alert.objects.values_list("id", flat=True))


@pytest.mark.django_db
def test_a_failed_job_creates_an_alert_and_is_retried_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(at: datetime) -> dict[str, Any]:
        raise ValueError("password=hunter2")

    monkeypatch.setattr(worker, "JOBS", {"bad": (fail, DAY)})
    assert worker.run_due_job(NOW) is True
    assert worker.run_due_job(NOW + timedelta(minutes=9)) is False
    assert worker.run_due_job(NOW + timedelta(minutes=10)) is True
    alert = Alert.objects.get()
    assert (alert.kind, alert.count, alert.facts["job"]) == ("job_failed", 2, "bad")
    assert alert.facts["text"] == "ValueError: password=***"
    assert Job.objects.get().ok is False


@pytest.mark.django_db
def test_a_broken_ledger_creates_an_alert(make_product: MakeProduct) -> None:
    product = make_product("TSH-1", quantity=5)
    assert worker.check_ledger(NOW) == {"broken": 0}
    assert not Alert.objects.exists()
    Product.objects.filter(pk=product.pk).update(quantity=6)
    assert worker.check_ledger(NOW) == {"broken": 1}
    assert "TSH-1" in Alert.objects.get(kind="ledger_broken").facts["products"][0]


# --- Pruning ------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_pruning_removes_only_expired_rows(
    picker: Caller, colleague: Caller, manager: Caller, make_product: MakeProduct
) -> None:
    now = timezone.now()
    AuthToken.objects.filter(digest=picker.device.token_id).update(expiry=now - timedelta(seconds=1))
    devices.revoke(manager.device, at=now - 8 * DAY)
    for age in (1, 91):
        outbox.tell("sent", at=now).__class__.objects.filter(sent_at=None).update(sent_at=now - age * DAY)
        reports.record_client_error("x" * age, user_agent="", at=now - age * DAY)
        Session.objects.create(session_key=f"s{age}", expire_date=now + (45 - age) * DAY)
    Alert.objects.filter(kind="client_error").delete()
    outbox.tell("waiting", at=now - 200 * DAY)
    Occurrence.objects.all().delete()
    limits.take(["x"], limits.Limit(1, timedelta(minutes=1)), at=now - DAY)
    limits.take(["x"], limits.Limit(1, timedelta(days=2)), at=now - DAY)
    logins.was_here(picker.user, "10.0.0.1", at=now - 31 * DAY)
    logins.was_here(picker.user, "10.0.0.2", at=now - 29 * DAY)
    jobs.put_off("heartbeat @gone", until=now - 8 * DAY)
    jobs.put_off("heartbeat @here", until=now - 6 * DAY)
    make_product(quantity=3)
    assert pruning.prune(now) == {
        "expired_tokens": 1, "memories": 2, "occurrences": 1, "places": 1, "alerts": 1, "client_errors": 1,
        "sessions": 1, "uploads": 0, "forms": 0, "jobs": 1, "photos": 0,
    }  # fmt: skip
    assert Device.objects.count() == 3
    assert Device.objects.get(pk=picker.device.pk).token is None
    assert [memory.device_id for memory in DeviceMemory.objects.all()] == [colleague.device.pk]
    assert colleague.get("/api/users/me/").status_code == 200
    assert sorted(Alert.objects.values_list("kind", flat=True)) == ["sent", "waiting"]
    assert (ClientError.objects.count(), Session.objects.count(), StockMovement.objects.count()) == (1, 1, 1)
    assert Job.objects.get().name == "heartbeat @here"
    assert set(pruning.prune(now).values()) == {0}


@pytest.mark.django_db
def test_pruning_removes_old_photo_files_that_no_product_names(make_product: MakeProduct, settings: Any) -> None:
    product = make_product()
    for name in ("named", "named-200", "orphan", "young"):
        default_storage.save(f"products/{name}.jpg", ContentFile(b"x"))
        age = 3600 if name == "young" else 2 * 86400
        os.utime(Path(settings.MEDIA_ROOT) / f"products/{name}.jpg", (time.time() - age,) * 2)
    Product.objects.filter(pk=product.pk).update(
        image="products/named.jpg", thumbnail="products/named-200.jpg", archived_at=NOW
    )
    assert pruning.orphaned_photos(timezone.now()) == 1
    assert sorted(default_storage.listdir("products")[1]) == ["named-200.jpg", "named.jpg", "young.jpg"]


# --- After a restore ----------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_begin_epoch_reports_existing_and_missing_rows_and_photos(make_product: MakeProduct) -> None:
    product = make_product("TSH-1", quantity=5)
    make_product("TSH-2")
    before, out = revision.epoch(), StringIO()
    call_command("begin_epoch", stdout=out)
    assert revision.epoch() != before
    for line in ("products: 2 live, 0 archived", "orders: 0", "movements: 1, the last one of", "broken ledgers: 0",
                 "photo files missing: 0"):  # fmt: skip
        assert line in out.getvalue()
    Product.objects.filter(pk=product.pk).update(quantity=6, image="products/lost.jpg")
    with pytest.raises(CommandError, match="incomplete or wrong"):
        call_command("begin_epoch", stdout=out)
    for line in (
        "broken ledgers: 1",
        "on hand 6, movements add up to 5",
        "photo files missing: 1",
        "products/lost.jpg",
    ):
        assert line in out.getvalue()


# --- The loop -----------------------------------------------------------------------------------------------------
def run_for(turns: list[Callable[[], bool]], monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> float:
    """Run the loop with these turns, without really pausing; returns the sum of its pauses in seconds."""
    settings.WORKER_HEARTBEAT = str(tmp_path / "beat")
    stop, paused, left = threading.Event(), [], list(turns)

    def wait(seconds: float) -> bool:
        paused.append(seconds)
        if not left:
            stop.set()
        return stop.is_set()

    monkeypatch.setattr(stop, "wait", wait)

    def turn() -> bool:
        return left.pop(0)()

    monkeypatch.setattr(worker, "turn", turn)
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    worker.run(stop)
    return sum(paused)


def test_the_loop_survives_database_errors_and_exceptions(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def no_database() -> bool:
        raise OperationalError("server at postgres://u:hunter2@db/x closed the connection")

    def mistake() -> bool:
        raise KeyError("x")

    turns = [no_database, mistake, lambda: True, lambda: False]
    assert run_for(turns, monkeypatch, settings, tmp_path) == 2 * worker.ERROR_SECONDS + worker.IDLE_SECONDS
    assert "waits for the database" in caplog.text
    assert "the worker continues" in caplog.text
    assert "hunter2" not in caplog.text
    assert worker.is_alive()
    os.utime(settings.WORKER_HEARTBEAT, (time.time() - 400,) * 2)
    assert not worker.is_alive()


def test_that_alerts_are_off_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TELEGRAM_BOT_TOKEN = ""
    with caplog.at_level("INFO"):
        run_for([lambda: False] * 5, monkeypatch, settings, tmp_path)
    assert caplog.text.count("alerts are off") == 1


def test_work_that_hangs_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    hang, stop = threading.Event(), threading.Event()
    monkeypatch.setattr(worker, "run", lambda _stop: hang.wait(30))
    monkeypatch.setattr(worker, "SECONDS_TO_END", 0.1)
    stop.set()
    assert worker.run_until(stop) is False
    hang.set()


def test_health_is_bad_without_a_heartbeat(settings: Any, tmp_path: Path) -> None:
    settings.WORKER_HEARTBEAT = str(tmp_path / "beat")
    with pytest.raises(CommandError):
        call_command("worker_health")
    worker.beat()
    call_command("worker_health")


def test_a_real_worker_ends_in_time_at_a_termination_signal(tmp_path: Path) -> None:
    """It may take SECONDS_TO_END; after that its work would be abandoned, with a message."""
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(BACKEND), "ENV_FILE": os.devnull, "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}", "WORKER_HEARTBEAT": str(tmp_path / "beat"),
    }  # fmt: skip
    command = [sys.executable, str(BACKEND / "manage.py"), "run_worker"]  # the tables are missing, so it waits for them
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            for _ in range(1200):
                if (tmp_path / "beat").exists():
                    break
                time.sleep(0.1)
            assert (tmp_path / "beat").exists(), "the loop runs, though there are no tables"
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0
        finally:
            process.kill()
        errors = process.stderr.read() if process.stderr else ""
        assert "waits for the database" in errors
        assert "was stopped during a job" not in errors
