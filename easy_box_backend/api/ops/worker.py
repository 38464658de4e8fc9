"""The worker: sends alerts and runs regular jobs. Start it with `manage.py run_worker`; several may run at once.

A loop over the database, without a job library: the outbox and the due times must be rows anyway (an alert commits
together with its cause; several workers must not repeat a job), and a queue such as huey would store the same work a
second time. Each step is given the time and returns whether it found work, so tests need no loop.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from api.actions import jobs, ledger
from api.alerts import messages, outbox, telegram
from api.models import Alert
from api.ops import conditions, heartbeat, pruning
from api.phones import numbers
from api.texts.redact import redact

log = logging.getLogger(__name__)

IDLE_SECONDS = 2.0
ERROR_SECONDS = 5.0
SECONDS_TO_END = 4.0
"""How long a step may still run after a termination signal. Then it is abandoned, and its claim expires."""
HEARTBEAT_MAX_AGE = timedelta(minutes=5)
JOB_RETRY = timedelta(minutes=10)
REFUSED_WAIT = timedelta(minutes=15)
"""How long all alerts wait after Telegram refused the token or the chat. None is lost."""
UNSENT_KEPT = timedelta(days=1)
"""While alerts are off, older alerts are dropped, so that switching alerts on sends no old ones."""
_CHANNEL = "telegram"
"""The name of the job that is put off while sending fails."""


# --- Alerts -------------------------------------------------------------------------------------------------------
def chat() -> telegram.Chat | None:
    """The Telegram chat for alerts; None if alerts are off."""
    if not settings.TELEGRAM_BOT_TOKEN:
        return None
    return telegram.Chat(
        chat_id=settings.TELEGRAM_CHAT_ID, token=settings.TELEGRAM_BOT_TOKEN, api_url=settings.TELEGRAM_API_URL
    )


def send_next_message(at: datetime) -> bool:
    """Send the due alerts of one kind as one message. Returns whether there were any."""
    to = chat()
    if to is None or jobs.is_put_off(_CHANNEL, at=at):
        return False
    batch = outbox.claim(at)
    if not batch:
        return False
    try:
        telegram.send(messages.compose(batch), to)  # outside a transaction: it may take seconds
    except telegram.Unreachable as failure:
        until = timezone.now() + outbox.wait(max(alert.attempts for alert in batch), failure.retry_after)
        _hold(batch, until, failure)
    except telegram.Refused as failure:
        _hold(batch, timezone.now() + REFUSED_WAIT, failure)
    except telegram.BadMessage as failure:
        log.error("Telegram rejected the message, so it is dropped: %s", failure)
        outbox.drop(batch, at=timezone.now(), error=str(failure))
    else:
        outbox.sent(batch, at=timezone.now())
    return True


def _hold(batch: list[Alert], until: datetime, failure: telegram.Failed) -> None:
    """Delay all messages, not only this one: the next would fail too, and more requests would prolong a rate limit."""
    log.warning("Alerts wait until %s: %s", until.isoformat(timespec="seconds"), failure)
    outbox.put_back(batch, until=until, error=str(failure))
    jobs.put_off(_CHANNEL, until=until)


# --- Regular jobs -------------------------------------------------------------------------------------------------
def check_ledger(at: datetime) -> dict[str, Any]:
    """Check the first invariant (docs/architecture.md); alert if it is broken."""
    broken = ledger.broken_ledgers()
    if broken:
        lines = [ledger.describe(found) for found in broken[:20]]
        outbox.count_up("ledger_broken", key="ledger", at=at, broken=len(broken), products=lines)
        log.error("%s ledgers are broken", len(broken))
    return {"broken": len(broken)}


def prune(at: datetime) -> dict[str, Any]:
    """Delete what has expired (`ops/pruning.py`), and drop old alerts while alerts are off."""
    removed = pruning.prune(at)
    if chat() is None:
        unsent = Alert.objects.open().filter(created_at__lt=at - UNSENT_KEPT)
        removed["unheard"] = unsent.update(dropped_at=at, error="alerts were off")
    return removed


def ask_about_silent_phones(at: datetime) -> dict[str, Any]:
    """Ask about the numbers of phones that have been silent for so long that they may be lost."""
    return {"phones": numbers.ask_about_silent_phones(at)}


Job = Callable[[datetime], dict[str, Any]]
JOBS: dict[str, tuple[Job, timedelta]] = {
    "check_ledger": (check_ledger, timedelta(days=1)),
    "prune": (prune, timedelta(hours=6)),
    "check_disks": (conditions.check_disks, timedelta(minutes=5)),
    "check_certificate": (conditions.check_certificate, timedelta(hours=6)),
    "check_backup": (conditions.check_backup, timedelta(minutes=5)),
    "check_offsite": (conditions.check_offsite, timedelta(minutes=5)),
    "check_queue": (conditions.check_queue, timedelta(minutes=5)),
    "heartbeat": (heartbeat.send, timedelta(minutes=1)),
    "ask_about_silent_phones": (ask_about_silent_phones, timedelta(hours=1)),
}


OF_A_HOST = {"check_disks", "check_certificate", "check_backup", "check_offsite", "heartbeat"}
"""Jobs about a host itself: each host runs its own. The other jobs run once for all hosts."""


def run_due_job(at: datetime) -> bool:
    """Run one due job. Returns whether there was one."""
    for kind, (job, period) in JOBS.items():
        name = jobs.here(kind) if kind in OF_A_HOST else kind
        if jobs.claim(name, at=at):
            _run_job(name, job, period, at)
            return True
    return False


def _run_job(name: str, job: Job, period: timedelta, at: datetime) -> None:
    """Run a claimed job, and record how it went. An error is logged and alerted, and the job is due again soon."""
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
    """Run each step once. Returns whether any found work."""
    worked = [step(timezone.now()) for step in STEPS]
    return any(worked)


def run(stop: threading.Event) -> None:
    """Run until `stop` is set. If the database can't be reached, waits for it."""
    log.info("The worker runs%s", "" if chat() else "; alerts are off: TELEGRAM_BOT_TOKEN is not set")
    while not stop.is_set():
        try:
            close_old_connections()
            pause = 0.0 if turn() else IDLE_SECONDS
        except DatabaseError as error:
            log.error("The worker waits for the database: %s", redact(str(error)).strip())
            pause = ERROR_SECONDS
        except Exception:
            log.exception("A step of the worker failed; the worker continues")
            pause = ERROR_SECONDS
        beat()
        stop.wait(pause)
    close_old_connections()


def run_until(stop: threading.Event) -> bool:
    """`run` in its own thread, so that a blocked step can't delay the exit. Returns whether it ended in time."""
    thread = threading.Thread(target=run, args=[stop], name="worker", daemon=True)
    thread.start()
    while thread.is_alive() and not stop.wait(60):
        pass
    thread.join(SECONDS_TO_END)
    return not thread.is_alive()


def beat() -> None:
    """Touch the heartbeat file."""
    try:
        Path(settings.WORKER_HEARTBEAT).touch()
    except OSError as error:
        log.warning("The heartbeat can't be written: %s", error)


def is_alive() -> bool:
    """Whether the worker on this machine has touched its heartbeat file within HEARTBEAT_MAX_AGE."""
    try:
        age = timezone.now().timestamp() - Path(settings.WORKER_HEARTBEAT).stat().st_mtime
    except OSError:
        return False
    return age < HEARTBEAT_MAX_AGE.total_seconds()
