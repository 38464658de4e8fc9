"""The worker: sends alerts and does what is due regularly. `manage.py run_worker` runs it, as many as you like.

A loop over the database, without a job library: the outbox and the due times must be rows anyway (an alert commits
with what it tells of; several workers must not repeat a job), and a queue such as huey would hold the same work a
second time, with a state of its own to lose. Steps return whether they found work and are told the time, so they are
tested without the loop around them.
"""

import json
import logging
import os
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from api.actions import jobs, ledger
from api.alerts import messages, outbox, telegram
from api.models import Alert
from api.ops import pruning
from api.texts.redact import redact

log = logging.getLogger(__name__)

IDLE_SECONDS = 2.0
ERROR_SECONDS = 5.0
SECONDS_TO_END = 4.0
"""What is under way at a termination signal may take this long; then it is left (its claim runs out by itself)."""
HEARTBEAT_MAX_AGE = timedelta(minutes=5)
JOB_RETRY = timedelta(minutes=10)
REFUSED_WAIT = timedelta(minutes=15)
"""A wrong token or chat is looked at again after this; everything waits for it and nothing is lost."""
BACKUP_MAX_AGE = timedelta(hours=26)
UNHEARD_KEPT = timedelta(days=1)
"""While alerts are off, older ones are dropped, so that switching them on does not tell of last year."""
_CHANNEL = "telegram"


# --- Alerts -------------------------------------------------------------------------------------------------------
def chat() -> telegram.Chat | None:
    """Where alerts go; None if that was not set up."""
    if not settings.TELEGRAM_BOT_TOKEN:
        return None
    return telegram.Chat(
        chat_id=settings.TELEGRAM_CHAT_ID, token=settings.TELEGRAM_BOT_TOKEN, api_url=settings.TELEGRAM_API_URL
    )


def send_next_message(at: datetime) -> bool:
    """Send what is due of one kind as one message. Returns whether there was something to send."""
    to = chat()
    if to is None or jobs.is_put_off(_CHANNEL, at=at):
        return False
    batch = outbox.claim(at)
    if not batch:
        return False
    try:
        telegram.send(messages.compose(batch), to)  # in no transaction: it may take seconds
    except telegram.Unreachable as failure:
        until = timezone.now() + outbox.wait(max(alert.attempts for alert in batch), failure.retry_after)
        _hold(batch, until, failure)
    except telegram.Refused as failure:
        _hold(batch, timezone.now() + REFUSED_WAIT, failure)
    except telegram.BadMessage as failure:
        log.error("Telegram will never take this message, so it is dropped: %s", failure)
        outbox.drop(batch, at=timezone.now(), error=str(failure))
    else:
        outbox.sent(batch, at=timezone.now())
    return True


def _hold(batch: list[Alert], until: datetime, failure: telegram.Failed) -> None:
    """All messages wait, not this one alone: the next would fail as well, and asking more often makes it worse."""
    log.warning("Alerts wait until %s: %s", until.isoformat(timespec="seconds"), failure)
    outbox.put_back(batch, until=until, error=str(failure))
    jobs.put_off(_CHANNEL, until=until)


# --- Regular jobs -------------------------------------------------------------------------------------------------
def check_ledger(at: datetime) -> dict[str, Any]:
    """Prove the first invariant; tell if it is broken."""
    broken = ledger.broken_ledgers()
    if broken:
        lines = [ledger.describe(found) for found in broken[:20]]
        outbox.count_up("ledger_broken", key="ledger", at=at, broken=len(broken), products=lines)
        log.error("%s ledgers are broken", len(broken))
    return {"broken": len(broken)}


def prune(at: datetime) -> dict[str, Any]:
    """Take away what has had its time (`actions/pruning.py`)."""
    removed = pruning.prune(at)
    if chat() is None:
        unheard = Alert.objects.open().filter(created_at__lt=at - UNHEARD_KEPT)
        removed["unheard"] = unheard.update(dropped_at=at, error="alerts were off")
    return removed


def check_backup(at: datetime) -> dict[str, Any]:
    """Tell if the last backup failed or is too old. What makes backups writes BACKUP_STATUS_FILE:
    `{"ok": true, "at": "2026-05-04T03:00:00Z", "text": "what went wrong, if it did"}`."""
    if not settings.BACKUP_STATUS_FILE:
        return {}
    report: dict[str, Any] = {}
    try:
        text = _said_of_backup(json.loads(Path(settings.BACKUP_STATUS_FILE).read_bytes()), at)
    except FileNotFoundError:  # a new server has until after its first night
        report["missing_since"] = jobs.last_report("check_backup").get("missing_since") or at.isoformat()
        is_late = at - datetime.fromisoformat(report["missing_since"]) > BACKUP_MAX_AGE
        text = "There is no backup yet." if is_late else ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = f"The status of the backup can't be read: {type(error).__name__}"
    if text:
        outbox.count_up("backup_failed", key="backup", at=at, text=redact(text)[:1000])
    return {"failed": bool(text), **report}


def _said_of_backup(status: dict[str, Any], at: datetime) -> str:
    """What is wrong, "" if nothing is. Raises KeyError, TypeError or ValueError for what is no status."""
    made_at = parse_datetime(status["at"])
    if made_at is None or made_at.tzinfo is None:
        raise ValueError(status["at"])
    if status["ok"] is not True:
        return str(status.get("text") or "failed")
    return f"The last backup is of {made_at.isoformat(timespec='minutes')}." if at - made_at > BACKUP_MAX_AGE else ""


Job = Callable[[datetime], dict[str, Any]]
JOBS: dict[str, tuple[Job, timedelta]] = {
    "check_ledger": (check_ledger, timedelta(days=1)),
    "prune": (prune, timedelta(hours=6)),
    "check_backup": (check_backup, timedelta(minutes=15)),
}


def run_due_job(at: datetime) -> bool:
    """Do one job that is due. Returns whether there was one."""
    for name, (job, period) in JOBS.items():
        if jobs.claim(name, at=at):
            _do(name, job, period, at)
            return True
    return False


def _do(name: str, job: Job, period: timedelta, at: datetime) -> None:
    try:
        jobs.ended(name, next_at=at + period, ok=True, report=job(at))
    except Exception as error:
        log.exception("The job %s failed", name)
        text = redact(f"{type(error).__name__}: {error}")[:1000]
        jobs.ended(name, next_at=at + JOB_RETRY, ok=False, report={"error": text})
        outbox.count_up("job_failed", key=f"job:{name}", at=at, job=name, text=text)


# --- The loop -----------------------------------------------------------------------------------------------------
STEPS: tuple[Callable[[datetime], bool], ...] = (send_next_message, run_due_job)


def turn() -> bool:
    """Each step once. Returns whether any found work."""
    worked = [step(timezone.now()) for step in STEPS]
    return any(worked)


def run(stop: threading.Event) -> None:
    """Work until `stop`. A database that is away is waited for."""
    log.info("The worker works%s", "" if chat() else "; alerts are off: TELEGRAM_BOT_TOKEN is not set")
    while not stop.is_set():
        try:
            close_old_connections()
            pause = 0.0 if turn() else IDLE_SECONDS
        except DatabaseError as error:
            log.error("The worker waits for the database: %s", redact(str(error)).strip())
            pause = ERROR_SECONDS
        except Exception:
            log.exception("The worker stumbled and goes on")
            pause = ERROR_SECONDS
        beat()
        stop.wait(pause)
    close_old_connections()


def run_until(stop: threading.Event) -> bool:
    """`run` in a thread of its own, so that nothing that blocks can hold up the end. Whether it ended by itself."""
    thread = threading.Thread(target=run, args=[stop], name="worker", daemon=True)
    thread.start()
    while thread.is_alive() and not stop.wait(60):
        pass
    thread.join(SECONDS_TO_END)
    return not thread.is_alive()


def beat() -> None:
    """Show that the loop turns."""
    try:
        Path(settings.WORKER_HEARTBEAT).touch()
        os.utime(settings.WORKER_HEARTBEAT)
    except OSError as error:
        log.warning("The heartbeat can't be written: %s", error)


def is_alive() -> bool:
    """Whether the loop on this machine has turned lately."""
    try:
        age = timezone.now().timestamp() - Path(settings.WORKER_HEARTBEAT).stat().st_mtime
    except OSError:
        return False
    return age < HEARTBEAT_MAX_AGE.total_seconds()
