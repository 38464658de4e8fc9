"""The server as in production: gunicorn and PostgreSQL, in child processes that can be killed."""

from __future__ import annotations

import atexit
import contextlib
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dev import postgres
from proofs.phone.dio import SocketConnection
from proofs.simulation import plan, scene
from proofs.simulation.network import DAY_AND_HOUR, Wire

ROOT = Path(__file__).resolve().parents[2]
BACKEND = ROOT / "easy_box_backend"
WORKERS, THREADS = 2, 4
PASS_GAP_MILLISECONDS = 150
START_SECONDS = 60
ANSWER_SECONDS = 60
ASK_TOMORROW = f"""
from datetime import timedelta
from django.utils import timezone
from api.ops import worker
worker.ask_about_silent_phones(timezone.now() + timedelta(seconds={DAY_AND_HOUR}))
"""
# fsync is off, since the machine stays up; but acknowledged writes must survive a kill of PostgreSQL's processes.
DATABASE_OPTIONS = {"synchronous_commit": "on", "full_page_writes": "on"}


class Database:
    """A PostgreSQL server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._user = postgres._unprivileged_user(folder)
        self._binaries = postgres._binaries(folder)
        self._port = free_port()
        password = "simulation"
        postgres._make_cluster(self._binaries, folder, self._user, password)
        self.url = f"postgres://postgres:{password}@127.0.0.1:{self._port}/postgres"
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        options = postgres.OPTIONS | DATABASE_OPTIONS
        self._process = postgres._start(self._binaries, self._folder, self._user, self._port, options)
        postgres._wait_until_ready(self._process, self._folder)

    def kill(self) -> None:
        """Stop it immediately: without a checkpoint, and with connections cut."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(START_SECONDS)

    def has_ended(self) -> bool:
        """Whether the server has stopped by itself."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Stop it for the last time."""
        postgres._stop(self._process)


class RealServer:
    """gunicorn and PostgreSQL, with the account of a manager. See network.Server.

    Args:
        application: what gunicorn serves.
        settings: more settings of the server, as environment variables.
    """

    concurrent = True
    human_gap = 0.2

    def __init__(self, application: str = "backend.wsgi", **settings: str) -> None:
        self._application = application
        self._folder = Path(tempfile.mkdtemp(prefix="easybox-sim-"))
        self._folder.chmod(0o755)
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        self._rng = random.Random(0)
        # A child process ends with the thread that started it, and two passes at once have threads of their own.
        self._starter = ThreadPoolExecutor(1)
        self._killing, self._back_at = False, float("-inf")
        self._database = Database(self._folder / "postgresql")
        self._port = free_port()
        self.base_url = f"http://127.0.0.1:{self._port}/api"
        self._environment = self._make_environment() | settings
        self._manage("migrate", "--no-input")
        self._manage("createsuperuser", "--no-input")
        self._start()

    def _make_environment(self) -> dict[str, str]:
        media, static = self._folder / "media", self._folder / "static"
        media.mkdir()
        static.mkdir()
        return os.environ | {
            "DATABASE_URL": self._database.url,
            "ENV_FILE": os.devnull,
            "MODE": "development",
            "MEDIA_ROOT": str(media),
            "STATIC_ROOT": str(static),
            "LOG_LEVEL": "ERROR",
            "PYTHONPATH": os.pathsep.join([str(BACKEND), str(ROOT)]),
            "PASS_GAP_MILLISECONDS": str(PASS_GAP_MILLISECONDS),
            "DJANGO_SUPERUSER_EMAIL": scene.EMAIL,
            "DJANGO_SUPERUSER_USERNAME": scene.EMAIL,
            "DJANGO_SUPERUSER_PASSWORD": scene.PASSWORD,
        }

    def _manage(self, *words: str) -> None:
        command = [sys.executable, str(BACKEND / "manage.py"), *words]
        subprocess.run(command, env=self._environment, check=True, capture_output=True, cwd=self._folder)

    def _start(self) -> None:
        command = [
            sys.executable, "-m", "gunicorn", "--workers", str(WORKERS), "--threads", str(THREADS),
            "--worker-class", "gthread", "--preload", "--bind", f"127.0.0.1:{self._port}", "--keep-alive", "75",
            "--chdir", str(BACKEND), "--log-level", "critical", self._application,
        ]  # fmt: skip
        with (self._folder / "gunicorn.log").open("ab") as log:
            self._gunicorn = subprocess.Popen(
                command,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=postgres._end_with_parent,  # noqa: PLW1509 (one system call between fork and exec)
            )
        self._wait_until_healthy()

    def _wait_until_healthy(self) -> None:
        """Wait until as many simultaneous requests as there are threads in all workers succeed: then no thread has a
        broken database connection any more."""
        deadline = time.monotonic() + START_SECONDS
        at_once = 3 * WORKERS * THREADS
        with ThreadPoolExecutor(at_once) as pool:
            while not all(list(pool.map(lambda _: self._is_healthy(), range(at_once)))):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the server did not start:\n{self.log_tail()}")

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/api/health/")
            return connection.getresponse().status == 200
        except OSError:
            time.sleep(0.1)
            return False
        finally:
            connection.close()

    def log_tail(self) -> str:
        """The last lines of gunicorn's log."""
        return (self._folder / "gunicorn.log").read_text(errors="replace")[-3000:]

    # --- network.Server

    def wait(self, seconds: float) -> None:
        """Sleep. Times over `human_gap` are skipped; schedule.py keeps the acts of one person apart."""
        time.sleep(seconds if seconds <= self.human_gap else 0)

    def next_day(self) -> None:
        """Run the worker's job with the time of tomorrow, since the clock goes on as it is. See network.Server."""
        self._manage("shell", "--no-imports", "-c", ASK_TOMORROW)

    def elapsed(self) -> float:
        return time.monotonic()

    def reseed(self, seed: str) -> None:
        """Seed the pauses after which processes are killed, and the choice of the worker."""
        self._rng.seed(seed)

    def connect(self) -> RealWire:
        """A new connection."""
        return RealWire(self._port)

    def deliver_and_kill(self, request: bytes, wire: Wire, what: str) -> bytes:
        """Kill the process within 30 ms of sending the request. See network.Server."""
        answers: list[bytes] = []

        def send() -> None:
            with contextlib.suppress(OSError):
                answers.append(wire.deliver(request))

        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(self._rng.uniform(0, 0.03))
        self._killing = True
        self._starter.submit(self._kill, what).result()
        self._killing, self._back_at = False, time.monotonic()
        sender.join()
        if not answers:
            raise ConnectionResetError("the server was killed")
        return answers[0]

    def was_killed_since(self, start: float) -> bool:
        return self._killing or self._back_at >= start

    def _kill(self, what: str) -> None:
        if what == plan.KILLS[2]:
            self._database.kill()
            self._database.start()
        elif what == plan.KILLS[1]:
            self._kill_gunicorn()
            self._start()
        else:
            os.kill(self._rng.choice(self._workers()), signal.SIGKILL)
        self._wait_until_healthy()

    def _workers(self) -> list[int]:
        pid = self._gunicorn.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def _kill_gunicorn(self) -> None:
        """Kill the master and all workers: a remaining worker would keep the port and answer for the next one."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._gunicorn.pid, signal.SIGKILL)
        self._gunicorn.wait()

    def close(self) -> None:
        """End all processes and remove all files."""
        self._kill_gunicorn()
        self._database.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


class RealWire:
    """A kept-alive connection over a real socket. See network.Wire."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._socket = socket.create_connection(self._address, timeout=ANSWER_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._dio_connection = SocketConnection(self._socket)

    def deliver(self, request: bytes, cut: int | None = None) -> bytes:
        if self._socket.fileno() < 0:  # a late request on a connection that its client has closed
            self._socket = socket.create_connection(self._address, timeout=ANSWER_SECONDS)
        self._socket.sendall(request[:cut])
        return b"" if cut is not None else read_answer(self._socket)

    def is_stale(self) -> bool:
        return self._dio_connection.is_stale()

    def close(self) -> None:
        self._socket.close()


def read_answer(connection: socket.socket) -> bytes:
    """Read one answer; returns its bytes, with a chunked body put together. Raises OSError if it ends early."""
    response = http.client.HTTPResponse(connection)
    try:
        response.begin()
        body = response.read()
    except http.client.HTTPException as error:
        raise ConnectionResetError(f"the answer ended early: {error!r}") from error
    finally:
        response.close()
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    skipped = ("transfer-encoding", "content-length")
    lines += [f"{name}: {value}" for name, value in response.getheaders() if name.lower() not in skipped]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def free_port() -> int:
    """A free TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
