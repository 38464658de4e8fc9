"""Checks that `make run` does what the README promises: starts it as a new user would, and opens the printed addresses.

python3 dev/check_run.py    standard library only; stops every server that it starts
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 300
BANNER_ROWS = ("API for the phones", "Desk", "API documentation", "Log in as")


class Server:
    """One `make run`, in a process group of its own."""

    def __init__(self, port: int, folder: Path) -> None:
        self.started = time.monotonic()
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            ["make", "--no-print-directory", "run"],
            cwd=ROOT,
            env=environment(port, folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, text: str) -> float:
        """Wait until `text` is printed; returns the seconds since the start."""
        while time.monotonic() < self.started + START_SECONDS:
            if any(text in line for line in self.lines):
                return time.monotonic() - self.started
            if self.process.poll() is not None:
                time.sleep(0.2)
                break
            time.sleep(0.05)
        raise AssertionError(f"`make run` never printed {text!r}:\n" + "\n".join(self.lines))

    def banner(self, name: str) -> str:
        """The text after `name` in the banner."""
        found = re.search(rf"^  {name} +(.+)$", "\n".join(self.lines), re.MULTILINE)
        assert found, f"{name!r} is missing in:\n" + "\n".join(self.lines)
        return found[1]

    def stop(self) -> None:
        """Send Ctrl-C to the whole process group, as a terminal does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                raise AssertionError("Ctrl-C did not end the server within 20 s") from None


def environment(port: int, folder: Path) -> dict[str, str]:
    """The person's environment, with a port, a database and a photo folder for this check."""
    ours = {
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "MEDIA_ROOT": str(folder / "media"),
        "ENV_FILE": os.devnull,
    }
    return os.environ | ours | {"DATABASE_URL": f"sqlite:///{folder / 'easybox.sqlite3'}", "MODE": "development"}


@contextmanager
def running(port: int, folder: Path) -> Iterator[tuple[Server, float]]:
    """A running server, and how many seconds its start took."""
    server = Server(port, folder)
    try:
        yield server, server.wait_for("Ctrl-C stops it")
    finally:
        server.stop()


def fetch(url: str, *, token: str = "", body: Any = None) -> bytes:
    """Send `body` as JSON by POST, or a GET if it is None; returns the response's body. Raises HTTPError."""
    headers = {"Authorization": f"Token {token}"} if token else {}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
        content: bytes = answer.read()
        return content


def use(server: Server) -> int:
    """Log in as the banner says, call the API, and open the pages of the banner; returns the number of products."""
    api = server.banner("API for the phones")
    email, password = server.banner("Log in as").split(" / ")
    token = json.loads(fetch(f"{api}/auth/token/", body={"email": email, "password": password}))["token"]
    assert json.loads(fetch(f"{api}/users/me/", token=token))["username"] == "Admin User"
    products = json.loads(fetch(f"{api}/products/", token=token))
    orders = json.loads(fetch(f"{api}/orders/", token=token))
    assert len(products) >= 10, f"only {len(products)} demo products"
    assert {order["status"] for order in orders} == {"open", "inProgress", "picked", "cancelled"}
    photo = next(product["thumbnail_url"] for product in products if product["thumbnail_url"])
    assert fetch(photo)[:3] == b"\xff\xd8\xff" or fetch(photo)[:4] in (b"\x89PNG", b"RIFF"), f"no picture: {photo}"
    for page in (fetch(server.banner("Desk")).decode(), fetch(server.banner("API documentation")).decode()):
        files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
        assert files, "a page without its style sheets"
        for file in files:
            fetch(api.removesuffix("/api") + file)
    return len(products)


def check_busy_port(port: int, folder: Path) -> None:
    """Check that a second server on the same port says that the port is taken, and exits with an error."""
    second = Server(port, folder)
    try:
        second.wait_for(f"Port {port} is taken")
        assert second.process.wait(30), "a busy port must be a failure"
    finally:
        second.stop()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Start twice on one database, and meanwhile try a second server on the same port."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="easybox-run-") as name:
        folder = Path(name)
        with running(port, folder) as (server, first):
            for row in BANNER_ROWS:
                print(f"{row}: {server.banner(row)}")
            products = use(server)
            check_busy_port(port, folder)
        with running(port, folder) as (server, second):
            assert use(server) == products, "the second start changed the data"
    print(f"{products} products; first start {first:.1f} s, second start {second:.1f} s")


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, urllib.error.URLError) as error:
        sys.exit(f"make run failed the check: {error}")
