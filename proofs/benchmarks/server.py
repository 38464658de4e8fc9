"""The server to measure: gunicorn with the baselines, on a PostgreSQL database that is migrated and filled."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from dev.common import BACKEND, ROOT, clean_environment
from proofs.benchmarks.client import Connection, request

PERSON = {"email": "bench@example.com", "password": "correct horse battery"}
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server. pid: of gunicorn's master. products: their ids. start: seconds until the first answer."""

    port: int
    pid: int
    products: list[int]
    start: float

    def log_in(self, agent: str) -> str:
        """Log in as a new device with this user agent. Returns its token."""
        answer = Connection(self.port).ask(request("POST", "/api/auth/token/", body=PERSON, agent=agent))
        assert answer.status == 200, answer
        return answer.json()["token"]  # type: ignore[index]

    def cpu_seconds(self) -> float:
        """User and system time that gunicorn's workers have used so far (Linux's /proc)."""
        stats = [Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split() for child in self._workers()]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICK

    def memory_mb(self) -> float:
        """Memory of gunicorn's workers in MB (PSS: memory that they share is counted once)."""
        rows = (Path(f"/proc/{child}/smaps_rollup").read_text().splitlines() for child in self._workers())
        return sum(int(row.split()[1]) for mine in rows for row in mine if row.startswith("Pss:")) / 1024

    def _workers(self) -> list[str]:
        return Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()


@contextmanager
def served(
    database_url: str,
    folder: Path,
    *,
    workers: int,
    threads: int,
    products: int,
    orders: int = 0,
    lines: int = 0,
) -> Iterator[Served]:
    """Migrate and fill an empty database, and serve it until the end of the block.

    lines: of each order. folder: for the server's files.
    """
    environment = clean_environment(database_url=database_url, folder=folder) | {
        "DJANGO_SUPERUSER_PASSWORD": PERSON["password"],
        "SECRET_KEY": "benchmarks-only-" * 4,
        "LOG_LEVEL": "WARNING",
    }
    for command in (
        ["migrate"],
        ["createsuperuser", "--noinput", "--email", PERSON["email"], "--username", "Bench"],
    ):
        manage = [sys.executable, str(BACKEND / "manage.py"), *command, "--verbosity", "0"]
        subprocess.run(manage, env=environment, check=True)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"]
    command += [
        "--workers",
        str(workers),
        "--threads",
        str(threads),
        "--keep-alive",
        "75",
        "--log-level",
        "warning",
    ]
    began = time.monotonic()
    server = subprocess.Popen(
        [*command, "--no-control-socket", "proofs.benchmarks.baseline_wsgi"], cwd=ROOT, env=environment,
    )  # fmt: skip
    try:
        wait_for(port, server)
        start = time.monotonic() - began
        counts = urlencode({"products": products, "orders": orders, "lines": lines})
        filled = Connection(port).ask(request("GET", f"/bare/fill/?{counts}", agent="bench"))
        assert filled.status == 200, filled
        yield Served(port, server.pid, filled.json()["products"], start)  # type: ignore[index]
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server on this port answers. Raises RuntimeError if it ends, or gives no answer within 60 s."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            Connection(port).ask(request("GET", "/api/health/", agent="bench"))
        except (ConnectionError, OSError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("gunicorn did not start")
