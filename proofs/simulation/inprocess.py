"""The server without a network: its WSGI application, SQLite in files that are held in memory, and a simulated clock.

The only module of the simulation that imports Django. It exchanges the bytes that a socket would carry, so that all
other modules work as with a real server.
"""

# ruff: noqa: TID251  (imports Django)

from __future__ import annotations

import atexit
import contextlib
import io
import logging
import os
import random
import shutil
import sys
import tempfile
import threading
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from proofs.simulation.network import DAY_AND_HOUR, Wire

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PASS_GAP_MILLISECONDS = 1500
FIRST_PORT = 40_000


class InProcessServer:
    """Only one per process, since Django has one set of settings per process. See network.Server.

    Args:
        email, password: the manager's account, which is created in the empty database.
        database_url: a database to use instead of the SQLite file; `restore` does not work with it.
    """

    base_url = "http://testserver/api"
    concurrent = False
    human_gap = 3.0

    def __init__(self, email: str, password: str, database_url: str = "") -> None:
        memory = Path("/dev/shm")
        self._folder = Path(tempfile.mkdtemp(prefix="easybox-sim-", dir=memory if memory.is_dir() else None))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        self._file = self._folder / "easybox.sqlite3"
        self._moment = START
        self._rng = random.Random(0)
        self._lock = threading.Lock()
        self.last_traceback = ""
        self._connections = 0
        self._application = self._load(database_url or f"sqlite:///{self._file}?conn_max_age=600")
        from django.contrib.auth import get_user_model

        get_user_model().objects.create_superuser(email=email, password=password, username=email)

    def _load(self, database_url: str) -> Any:
        os.environ.update(
            {
                "DJANGO_SETTINGS_MODULE": "backend.settings",
                "DATABASE_URL": database_url,
                "ENV_FILE": os.devnull,
                "MODE": "development",
                "MEDIA_ROOT": str(self._folder / "media"),
                "STATIC_ROOT": str(self._folder / "static"),
                "LOG_LEVEL": "ERROR",
                "PASS_GAP_MILLISECONDS": str(PASS_GAP_MILLISECONDS),
            }
        )
        sys.path.insert(0, str(ROOT / "easy_box_backend"))
        from django.utils import timezone

        timezone.now = self.now
        (self._folder / "static").mkdir()
        with contextlib.redirect_stdout(io.StringIO()):  # the configuration check prints a line
            from backend.wsgi import application

        self._keep_quiet()
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
        return application

    def _keep_quiet(self) -> None:
        """Switch logs off, and remember the traceback of an unhandled exception."""
        from django.core.signals import got_request_exception

        logging.disable(logging.CRITICAL)
        got_request_exception.connect(self._remember_traceback, weak=False)

    def _remember_traceback(self, **_kwargs: object) -> None:
        self.last_traceback = "".join(traceback.format_exception(*sys.exc_info())[-4:])

    def now(self) -> datetime:
        """The simulation's time, in place of ``django.utils.timezone.now``."""
        return self._moment

    def wait(self, seconds: float) -> None:
        """Advance the simulated clock."""
        with self._lock:
            self._moment += timedelta(seconds=seconds)

    def next_day(self) -> None:
        """Advance the clock by a day, and run the worker's job. See network.Server."""
        from api.ops import worker

        self.wait(DAY_AND_HOUR)
        worker.ask_about_silent_phones(self._moment)

    def elapsed(self) -> float:
        """Seconds of simulated time since START."""
        return (self._moment - START).total_seconds()

    def keep(self) -> None:
        """Save a copy of the database, to which `restore` goes back."""
        self._close()
        shutil.copyfile(self._file, self._folder / "template")
        self._kept_moment = self._moment

    def restore(self, seed: str) -> None:
        """Go back to the database that `keep` saved. seed: of the durations of the requests from now on."""
        self._close()
        for ending in ("-wal", "-shm"):
            Path(f"{self._file}{ending}").unlink(missing_ok=True)
        shutil.copyfile(self._folder / "template", self._file)
        from api.rest import ready

        ready.forget()
        self._moment = self._kept_moment
        self._rng.seed(seed)
        self._connections = 0

    def _close(self) -> None:
        from django.db import connections

        connections.close_all()

    def end_thread(self) -> None:
        """Must be called at the end of a thread that has used the server."""
        self._close()

    def close(self) -> None:
        """Remove all files."""
        self._close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def connect(self) -> InProcessWire:
        """A new connection, from a client port of its own."""
        with self._lock:
            self._connections += 1
            return InProcessWire(self, FIRST_PORT + self._connections % 20_000)

    def deliver(self, request: bytes, port: int) -> bytes:
        """Handle a request's bytes; returns the answer's bytes. port: of the client."""
        with self._lock:
            self._moment += timedelta(milliseconds=self._rng.randint(20, 80))
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            started[:] = [status, headers]

        body_iterator = self._application(environment(request, port), start_response)
        try:
            body = b"".join(body_iterator)
        finally:
            body_iterator.close()
        status, headers = started
        lines = [f"HTTP/1.1 {status}"] + [f"{name}: {value}" for name, value in headers]
        if not any(name.lower() == "content-length" for name, _ in headers):
            lines.append(f"content-length: {len(body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def was_killed_since(self, start: float) -> bool:
        """There is no process to kill."""
        return False

    def deliver_and_kill(self, request: bytes, wire: Wire, what: str) -> bytes:
        """There is no process to kill."""
        raise NotImplementedError(what)


class InProcessWire:
    """A connection to the in-process server. See network.Wire."""

    def __init__(self, server: InProcessServer, port: int) -> None:
        self._server, self._port = server, port

    def deliver(self, request: bytes, cut: int | None = None) -> bytes:
        return self._server.deliver(request[:cut], self._port)

    def is_stale(self) -> bool:
        return False

    def close(self) -> None:
        pass


def environment(request: bytes, port: int) -> dict[str, Any]:
    """The WSGI environment of a request's bytes (PEP 3333)."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _version = first.split(" ")
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": str(port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for line in lines:
        name, _, value = line.partition(":")
        name = name.strip().upper().replace("-", "_")
        environ[name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"] = value.strip()
    return environ
