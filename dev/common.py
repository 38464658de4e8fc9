"""Shared by the scripts of this folder: paths, clean environments, the two databases."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from dev.postgres import temporary_postgres

ROOT = Path(__file__).resolve().parent.parent
BACKEND = ROOT / "easy_box_backend"
ENV_EXAMPLE = ROOT / ".env.example"
GRACE_SECONDS = 15
ROOM = 2**30
"""Free bytes that a folder in memory must have."""


def settings_defaults(*, of_stack: bool = False) -> dict[str, str]:
    """The variables in `.env.example` with their defaults: those of the backend, or of the production stack alone."""
    lines = ENV_EXAMPLE.read_text(encoding="utf-8").split("# === The production stack")[of_stack].splitlines()
    pairs = (line.lstrip("# ").partition("=") for line in lines if "=" in line)
    return {name: value for name, _, value in pairs if name.isidentifier() and name.isupper()}


def settings_variables(*, of_stack: bool = False) -> set[str]:
    """The names of the variables of `settings_defaults`."""
    return set(settings_defaults(of_stack=of_stack))


def clean_environment(*, database_url: str, folder: Path) -> dict[str, str]:
    """The environment for a check: without the person's own settings and `.env`, and with all files in `folder`."""
    ours = settings_variables()
    (folder / "static").mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in ours}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # otherwise each process compiles everything again
    return kept | {
        "DATABASE_URL": database_url,
        "ENV_FILE": os.devnull,
        "MEDIA_ROOT": str(folder / "media"),
        "STATIC_ROOT": str(folder / "static"),
        "TEST_SQLITE_PATH": str(folder / "test.sqlite3"),
        "PYTHONPATH": os.pathsep.join([str(BACKEND), str(ROOT)]),
        "PYTHONUNBUFFERED": "1",
    }


def memory_folder() -> str | None:
    """A folder in memory, where writes do not wait for a disk; None if there is none with ROOM bytes free."""
    memory = Path("/dev/shm")
    return str(memory) if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM else None


@contextmanager
def temporary_folder(within: str | None = None) -> Iterator[Path]:
    """A folder that is removed afterwards, also after an error, Ctrl-C or a termination signal."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    folder = Path(tempfile.mkdtemp(prefix="easybox-", dir=within))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The DATABASE_URL of a database of `kind` ("sqlite" or "postgresql") to check on.

    PostgreSQL is the server of TEST_DATABASE_URL, or else a temporary one that stops at the end of the block.
    """
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'easybox.sqlite3'}"
    elif given := os.environ.get("TEST_DATABASE_URL"):
        yield given
    else:
        with temporary_postgres() as url:
            yield url


def run(command: list[str], **options: Any) -> int:
    """Run `command` and return its exit code. If this process is interrupted, `command` gets time to clean up."""
    with subprocess.Popen(command, **options) as child:
        try:
            return child.wait()
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt):  # Ctrl-C in a terminal has reached the child already
                child.send_signal(signal.SIGINT)
            try:
                child.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
            raise


def _stop(signal_number: int, _frame: FrameType | None) -> None:
    """Exit by an exception, so that context managers clean up."""
    sys.exit(128 + signal_number)
