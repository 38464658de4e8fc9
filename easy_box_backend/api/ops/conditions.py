"""Conditions of this server that people should know of: room on the disks, the certificate, the backups, alerts that
can't be sent. There is one alert for each change of a condition, also when it is well again.

The last alert about a condition is its state, so a restart forgets nothing.
"""

import json
import re
import shutil
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.dateparse import parse_datetime

from api.actions import jobs
from api.alerts import outbox
from api.models import Alert
from api.texts.redact import redact

KIND = "condition"
ALERTS = "alerts"
"""The one condition that all hosts share. The others are of one host each."""
WELL, LOW, CRITICAL = "well", "low", "critical"
LOW_DISK, CRITICAL_DISK, HYSTERESIS = 15, 5, 2
"""Percent of a disk that are free. A level is left only HYSTERESIS percent above its limit, so that it does not switch
back and forth."""
CERTIFICATE_DAYS = 21
BACKUP_MAX_AGE = timedelta(hours=26)
QUEUE_MAX_AGE = timedelta(minutes=30)
"""How long an alert may wait before the queue counts as stuck."""
SECONDS = 5
"""The timeout of a connection."""


def note(name: str, level: str, *, at: datetime, **facts: Any) -> None:
    """Save an alert if a condition has another level than before. The first time only if it is not well."""
    if level != level_of(name):
        outbox.tell(KIND, at=at, condition=name, level=level, **facts)


def level_of(name: str) -> str:
    """The level in the last alert about this condition; WELL if there is none."""
    last = Alert.objects.filter(kind=KIND, facts__condition=name).order_by("-id").first()
    return last.facts["level"] if last else WELL


def critical() -> list[str]:
    """The names of the conditions that are critical: those of this host, and ALERTS."""
    names = Alert.objects.filter(kind=KIND).values_list("facts__condition", flat=True).distinct().order_by()
    ours = [name for name in names if name == ALERTS or name == jobs.here(name.partition(" @")[0])]
    return sorted(name for name in ours if level_of(name) == CRITICAL)


# --- The disks ----------------------------------------------------------------------------------------------------
def check_disks(at: datetime) -> dict[str, Any]:
    """Note how full the disks of the photos and of the backups are. A disk that holds both is noted once."""
    folders = {"data": settings.MEDIA_ROOT}
    if settings.BACKUP_STATUS_FILE:
        folders["backups"] = str(Path(settings.BACKUP_STATUS_FILE).parent)
    free: dict[str, Any] = {}
    seen = set()
    for name, folder in folders.items():
        path = Path(folder)
        if not path.exists() or (disk := path.stat().st_dev) in seen:
            continue
        seen.add(disk)
        usage = shutil.disk_usage(path)
        free[name] = percent = 100 * usage.free // usage.total
        condition = jobs.here(f"disk {name}")
        level = disk_level(percent, level_of(condition))
        note(condition, level, at=at, percent=percent, megabytes=usage.free // 2**20)
    return free


def disk_level(percent: int, before: str) -> str:
    """The level of a disk. percent: how much of it is free. before: the level that it had."""
    if percent < CRITICAL_DISK + (HYSTERESIS if before == CRITICAL else 0):
        return CRITICAL
    return LOW if percent < LOW_DISK + (HYSTERESIS if before != WELL else 0) else WELL


# --- The certificate ----------------------------------------------------------------------------------------------
def check_certificate(at: datetime) -> dict[str, Any]:
    """Note how long the certificate served at CERTIFICATE_AT (host:port) is valid. Without HTTPS it does nothing."""
    if not settings.CERTIFICATE_AT:
        return {}
    try:
        served = _served(settings.CERTIFICATE_AT)
    except OSError:  # no server listens there, as on every host without a certificate
        return {}
    left = (expiry(served) - at) // timedelta(days=1)
    level = CRITICAL if left < 0 else LOW if left < CERTIFICATE_DAYS else WELL
    note(jobs.here("certificate"), level, at=at, days=left)
    return {"days": left}


def _served(address: str) -> bytes:
    """The certificate (DER) of a server. It is only read, so it need not be valid or trusted."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")  # of an IPv6 address
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host, int(port)), SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=host) as encrypted,
    ):
        return encrypted.getpeercert(binary_form=True) or b""


_TIME = rb"(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)"
_VALIDITY = re.compile(rb"\x30[\x1e-\x22]" + _TIME + _TIME)  # RFC 5280, section 4.1: two times, of two kinds


def expiry(certificate: bytes) -> datetime:
    """The end of a certificate's validity. certificate: DER. Raises ValueError if it is none."""
    found = _VALIDITY.search(certificate)
    if found is None:
        raise ValueError("not a certificate")
    if found[3]:  # a year of two digits: 50 to 99 are 1950 to 1999
        century = b"19" if found[3] >= b"50" else b"20"
        return datetime.strptime((century + found[3]).decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return datetime.strptime(found[4].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)


# --- Backups ------------------------------------------------------------------------------------------------------
def check_backup(at: datetime) -> dict[str, Any]:
    """Note whether the last backup failed or is too old. The backup script writes BACKUP_STATUS_FILE:
    `{"ok": true, "at": "2026-05-04T03:00:00Z", "text": "what went wrong, if it did"}`."""
    return _check_copies("backup", settings.BACKUP_STATUS_FILE, at) if settings.BACKUP_STATUS_FILE else {}


def check_offsite(at: datetime) -> dict[str, Any]:
    """Note whether the last off-site copy failed or is too old, by OFFSITE_STATUS_FILE, as `check_backup` does.

    Does nothing where such copies are not set up: the stack has no service `offsite`, and there is no such file."""
    file = settings.OFFSITE_STATUS_FILE
    is_expected = "offsite" in settings.OPTIONAL_SERVICES or Path(file).is_file()
    return _check_copies("offsite", file, at) if file and is_expected else {}


def _check_copies(name: str, file: str, at: datetime) -> dict[str, Any]:
    """Note whether the last copy failed, is too old, or is still missing after BACKUP_MAX_AGE.

    name: of the condition. file: with the status, as `check_backup` describes it. Returns the job's report.
    """
    report: dict[str, Any] = {}
    try:
        text = _backup_problem(json.loads(Path(file).read_bytes()), at)
    except FileNotFoundError:  # normal on a new server until its first night is over
        report["missing_since"] = jobs.last_report(jobs.here(f"check_{name}")).get("missing_since") or at.isoformat()
        is_late = at - datetime.fromisoformat(report["missing_since"]) > BACKUP_MAX_AGE
        text = "There is none yet." if is_late else ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = f"The status can't be read: {type(error).__name__}"
    note(jobs.here(name), CRITICAL if text else WELL, at=at, text=redact(text)[:1000])
    return {"failed": bool(text), **report}


def _backup_problem(status: dict[str, Any], at: datetime) -> str:
    """The problem that a status file reports, "" if there is none. Raises KeyError, TypeError or ValueError for an
    invalid status."""
    made_at = parse_datetime(status["at"])
    if made_at is None or made_at.tzinfo is None:
        raise ValueError(status["at"])
    if status["ok"] is not True:
        return str(status.get("text") or "failed")
    return f"The last backup is of {made_at.isoformat(timespec='minutes')}." if at - made_at > BACKUP_MAX_AGE else ""


# --- The queue of alerts --------------------------------------------------------------------------------------------
def check_queue(at: datetime) -> dict[str, Any]:
    """Note whether alerts that were due long ago are still not sent. The alert about it is sent only when sending works
    again, but until then the heartbeat stops."""
    if not settings.TELEGRAM_BOT_TOKEN:
        return {}
    late = Alert.objects.open().filter(created_at__lt=at - QUEUE_MAX_AGE, attempts__gt=0)
    waiting = late.exclude(kind=KIND, facts__condition=ALERTS).count()
    note(ALERTS, CRITICAL if waiting else WELL, at=at, waiting=waiting)
    return {"waiting": waiting}
