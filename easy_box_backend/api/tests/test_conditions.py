"""Conditions of the server, such as a full disk: each change creates one alert, also the change back to normal."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.alerts import messages, outbox
from api.models import Alert
from api.ops import conditions, worker

pytestmark = pytest.mark.both_databases

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
Usage = namedtuple("Usage", "total used free")
GIGABYTE = 2**30


def condition_alerts() -> list[tuple[str, str]]:
    """Name and level of each alert about a condition."""
    return [(alert.facts["condition"], alert.facts["level"]) for alert in Alert.objects.order_by("id")]


# --- The disks ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_disk_below_15_and_below_5_percent_free_is_reported_and_its_recovery_too(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT, settings.BACKUP_STATUS_FILE = str(tmp_path), str(tmp_path / "status.json")
    seen = []
    for percent in (40, 15, 14, 10, 15, 16, 5, 4, 3, 5, 6, 7, 10, 16, 17, 16, 15):
        free = percent * GIGABYTE
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(100 * GIGABYTE, 0, free))
        before = len(condition_alerts())
        conditions.check_disks(NOW)
        seen += [(percent, *change) for change in condition_alerts()[before:]]
    assert seen == [
        (14, "disk data", "low"), (4, "disk data", "critical"), (7, "disk data", "low"), (17, "disk data", "well"),
    ]  # fmt: skip


@pytest.mark.django_db
def test_the_disk_of_the_backups_is_reported_separately_if_it_is_another_one(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT, settings.BACKUP_STATUS_FILE = str(tmp_path), "/proc/status.json"  # another file system
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100, 0, 4 if str(path) == "/proc" else 50))
    assert conditions.check_disks(NOW) == {"data": 50, "backups": 4}
    assert condition_alerts() == [("disk backups", "critical")]
    assert conditions.critical() == ["disk backups"]


@pytest.mark.django_db
def test_two_hosts_with_one_database_each_report_their_own_disk_and_stop_their_own_heartbeat(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT, settings.BACKUP_STATUS_FILE = str(tmp_path), ""
    for host, percent in (("one", 3), ("two", 50), ("one", 3), ("two", 50), ("one", 50), ("two", 50)):
        settings.HOST_NAME = host
        monkeypatch.setattr(shutil, "disk_usage", lambda _, percent=percent: Usage(100, 0, percent))
        conditions.check_disks(NOW)
        assert conditions.critical() == (["disk data @one"] if (host, percent) == ("one", 3) else [])
    assert condition_alerts() == [("disk data @one", "critical"), ("disk data @one", "well")]


# --- The certificate ----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of a certificate that is valid for thirty days, and of its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key, made = folder / "key.pem", folder / "made.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "30", "-subj", "/CN=box", "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@pytest.mark.django_db
def test_the_certificate_may_be_at_an_ipv6_address(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def refuse(address: Any, timeout: float) -> None:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    settings.CERTIFICATE_AT = "[::1]:8443"
    assert conditions.check_certificate(NOW) == {}
    assert asked == [("::1", 8443)]


@pytest.mark.django_db
def test_the_served_certificate_is_reported_21_days_before_its_end_and_its_renewal_too(
    certificate: tuple[Path, Path], settings: Any
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    now = datetime.now(UTC)

    def serve() -> None:
        for _ in range(5):
            connection, _address = listener.accept()
            with connection, context.wrap_socket(connection, server_side=True) as encrypted:
                encrypted.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    settings.CERTIFICATE_AT = f"127.0.0.1:{listener.getsockname()[1]}"
    days = [conditions.check_certificate(now + timedelta(days=later))["days"] for later in (0, 8, 10, 31, 1)]
    thread.join()
    listener.close()
    assert days == [29, 21, 19, -2, 28]
    assert condition_alerts() == [("certificate", "low"), ("certificate", "critical"), ("certificate", "well")]
    assert conditions.check_certificate(now) == {}, "nothing is served any more"


def test_a_certificate_of_the_far_future_is_read_too() -> None:
    times = b"\x30\x20\x17\x0d260101000000Z\x18\x0f20991231235959Z"
    assert conditions.expiry(b"junk" + times) == datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
    with pytest.raises(ValueError, match="not a certificate"):
        conditions.expiry(b"junk")


# --- Backups ------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({"ok": True, "at": "2026-05-04T03:00:00Z"}, None),
        ({"ok": True, "at": "2026-05-03T03:00:00Z"}, "The last backup is of 2026-05-03"),
        ({"ok": False, "at": "2026-05-04T03:00:00Z", "text": "pg_dump: no space"}, "pg_dump: no space"),
        ({"ok": False, "at": "2026-05-04T03:00:00Z"}, "failed"),
        ({"at": "2026-05-04T03:00:00Z"}, "KeyError"),
        ({"ok": True, "at": "yesterday"}, "ValueError"),
        ({"ok": True, "at": "2026-05-04T03:00:00"}, "ValueError"),
        ([], "TypeError"),
        ({"ok": True, "at": 5}, "TypeError"),
    ],
)
def test_a_backup_that_failed_or_is_old_or_unknown_is_reported(
    settings: Any, tmp_path: Path, status: Any, says: str | None
) -> None:
    settings.BACKUP_STATUS_FILE = str(tmp_path / "status.json")
    (tmp_path / "status.json").write_text(json.dumps(status))
    assert conditions.check_backup(NOW)["failed"] is (says is not None)
    alert = Alert.objects.first()
    assert (alert is None) == (says is None)
    assert says is None or (alert and says in alert.facts["text"])


@pytest.mark.django_db
def test_a_failed_backup_is_reported_once_and_the_next_good_one_too(settings: Any, tmp_path: Path) -> None:
    settings.BACKUP_STATUS_FILE = str(tmp_path / "status.json")
    for good in (True, False, False, False, True, True):
        (tmp_path / "status.json").write_text(json.dumps({"ok": good, "at": "2026-05-04T03:00:00Z"}))
        conditions.check_backup(NOW)
    assert condition_alerts() == [("backup", "critical"), ("backup", "well")]


@pytest.mark.django_db
def test_a_new_server_has_a_night_to_make_its_first_backup(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BACKUP_STATUS_FILE = str(tmp_path / "status.json")
    monkeypatch.setattr(worker, "JOBS", {"check_backup": (conditions.check_backup, timedelta(hours=13))})
    for hours, number in ((0, 0), (13, 0), (26, 0), (39, 1)):
        assert worker.run_due_job(NOW + timedelta(hours=hours)) is True
        assert Alert.objects.count() == number, hours


@pytest.mark.django_db
def test_an_off_site_copy_is_a_condition_of_its_own_once_there_are_any(settings: Any, tmp_path: Path) -> None:
    settings.OFFSITE_STATUS_FILE = str(tmp_path / "status.json")
    assert conditions.check_offsite(NOW) == {}, "there are none"
    for status in ({"ok": True}, {"ok": False, "text": "s3: no such bucket"}, {"ok": True}):
        (tmp_path / "status.json").write_text(json.dumps({"at": "2026-05-04T03:00:00Z", **status}))
        conditions.check_offsite(NOW)
    conditions.check_offsite(NOW + timedelta(hours=30))
    assert condition_alerts() == [("offsite", "critical"), ("offsite", "well"), ("offsite", "critical")]
    assert Alert.objects.first().facts["text"] == "s3: no such bucket"  # type: ignore[union-attr]


@pytest.mark.django_db
def test_off_site_copies_that_never_begin_are_reported_after_26_hours(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a service that does not start."""
    settings.OFFSITE_STATUS_FILE, settings.OPTIONAL_SERVICES = str(tmp_path / "status.json"), ["letsencrypt", "offsite"]
    monkeypatch.setattr(worker, "JOBS", {"check_offsite": (conditions.check_offsite, timedelta(hours=13))})
    for hours, number in ((0, 0), (13, 0), (26, 0), (39, 1)):
        assert worker.run_due_job(NOW + timedelta(hours=hours)) is True
        assert len(condition_alerts()) == number, hours


# --- The queue of alerts ------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_alerts_that_can_not_be_sent_are_reported_as_a_condition(settings: Any) -> None:
    settings.TELEGRAM_BOT_TOKEN = "123456:abcdefghijklmnopqrstuvwxyz"
    alert = outbox.tell("job_failed", at=NOW)
    assert conditions.check_queue(NOW + timedelta(hours=2)) == {"waiting": 0}, "nobody has tried to send it yet"
    Alert.objects.update(attempts=1)
    assert conditions.check_queue(NOW + timedelta(minutes=29)) == {"waiting": 0}
    for later in (31, 40, 50):
        assert conditions.check_queue(NOW + timedelta(minutes=later)) == {"waiting": 1}
        Alert.objects.filter(kind="condition").update(attempts=1)
    assert conditions.critical() == ["alerts"]
    outbox.sent([alert], at=NOW)
    conditions.check_queue(NOW + timedelta(hours=3))
    assert conditions.critical() == []
    levels = Alert.objects.filter(kind="condition").order_by("id").values_list("facts__level", flat=True)
    assert list(levels) == ["critical", "well"]


# --- The texts ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "ru", "de"])
def test_each_level_of_each_condition_has_a_sentence(settings: Any, language: str) -> None:
    settings.ADMIN_LANGUAGE_CODE = language
    facts = {"percent": 4, "megabytes": 900, "days": 5, "text": "no room; password=hunter2", "waiting": 3}
    sentences = set()
    for name in ("disk data", "disk backups", "disk data @two", "certificate", "backup", "offsite", "alerts"):
        for level in ("well", "low", "critical"):
            text = messages.compose([outbox.tell("condition", at=NOW, condition=name, level=level, **facts)])
            assert "%" not in text.replace(" %", ""), text
            assert "hunter2" not in text
            assert ("<b>two</b>: " in text) is name.endswith("two")
            sentences.add(text.split("\n")[1])
    assert len(sentences) >= 12
