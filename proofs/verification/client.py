"""Clients of a server on this machine, for the checks of this folder: the app, raw requests, a steady load."""

from __future__ import annotations

import http.client
import itertools
import json
import secrets
import select
import socket
import threading
import time
from typing import Protocol

from proofs.phone.app import AuthRepository, InventoryRemote, OrderRemote, Session
from proofs.phone.dio import Dio

EMAIL, PASSWORD = "admin@example.com", "correct horse battery"


class Server(Protocol):
    """A server on a port of 127.0.0.1."""

    @property
    def port(self) -> int: ...


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class App:
    """The app's data layer, as on a phone."""

    def __init__(self, url: str) -> None:
        self.dio = Dio(f"{url}/api")
        self.session = Session()
        AuthRepository(self.dio, self.session).login(EMAIL, PASSWORD)
        self.inventory = InventoryRemote(self.dio, self.session)
        self.orders = OrderRemote(self.dio, self.session)

    def send(self, method: str, path: str, data: object = None) -> object:
        return self.dio.request(method, path, data, self.session.headers).data


def new_sku() -> str:
    return f"V-{secrets.token_hex(5).upper()}"


# --- Photos -------------------------------------------------------------------------------------------------------
def jpeg(size: int) -> bytes:
    """A small valid JPEG, made `size` bytes long by random comments that can't be compressed."""
    from proofs.contract.client import RED_JPEG

    parts, left = [RED_JPEG[:2]], size - len(RED_JPEG)
    while left > 0:
        length = min(left, 65535 + 2)
        if 0 < left - length < 8:
            length -= 8
        parts.append(b"\xff\xfe" + (length - 2).to_bytes(2, "big") + secrets.token_bytes(length - 4))
        left -= length
    return b"".join([*parts, RED_JPEG[2:]])


# --- Raw HTTP -----------------------------------------------------------------------------------------------------
def ask(server: Server, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Make one request on a new connection. headers: with `_` for `-`. Returns status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        sent_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, sent_headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed an idle connection. A client must then send nothing on it, as Dart does."""
    poller = select.poll()
    poller.register(connection, select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poller.poll(0))


class Load:
    """Clients that make requests at a steady rate and remember which writes were acknowledged.

    Each adds to the stock of its own product, piece by piece, and reads in between; connections are kept alive as the
    app does. a_second: requests per second of all clients together. writes: the share of writes. seen: the releases
    that have answered, each with the time of its last answer.
    """

    def __init__(self, server: Server, a_second: float, clients: int = 4, writes: float = 0.5) -> None:
        self.server, self.pause, self.writes = server, clients / a_second, writes
        self.done = self.failed = 0
        self.faults: list[str] = []
        self.failed_at: list[float] = []
        self.moments: list[float] = []  # of acknowledged writes
        self.acknowledged: dict[str, int] = {}
        self.unknown: dict[str, int] = {}
        self.seen: dict[str, float] = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        # A program, not the app: the server does not reconcile its requests, so it adds exactly what is sent.
        account = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
        answer = ask(server, "POST", "/api/auth/token/", account, Content_Type="application/json", User_Agent="load/1")
        self.token = json.loads(answer[2])["token"]
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Load:
        app = App(f"http://127.0.0.1:{self.server.port}")
        self.products = [app.inventory.create(f"Load {number}", new_sku()) for number in range(len(self._threads))]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _work(self, number: int) -> None:
        product = self.products[number].id
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        count, due = 0, time.monotonic()
        while not self._stop.is_set():
            due = max(due + self.pause, time.monotonic() - 1)
            count += 1
            write, health = (count * self.writes) % 1 < self.writes, count % 4 == 1
            try:
                if connection.sock and is_closed(connection.sock):
                    connection.close()
                if write:
                    connection.request("POST", f"/api/products/{product}/add_stock/", b'{"quantity":1}', headers)
                else:
                    connection.request("GET", "/api/health/" if health else "/api/orders/", headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                if health and not write and answer.status == 200:
                    self.seen[json.loads(body)["version"]] = time.monotonic()
                fault = "" if answer.status < 400 else f"{answer.status}"
            except (OSError, http.client.HTTPException) as error:
                fault = f"{type(error).__name__}: {error}"
                connection.close()
            with self._lock:
                self.done += 1
                if fault:
                    self.failed += 1
                    self.failed_at.append(time.monotonic())
                    self.faults.append(f"{time.strftime('%H:%M:%S')} {'POST' if write else 'GET'} {fault}")
                if write and not fault:
                    self.acknowledged[product] = self.acknowledged.get(product, 0) + 1
                    self.moments.append(time.monotonic())
                elif write:
                    self.unknown[product] = self.unknown.get(product, 0) + 1
            self._stop.wait(max(0.0, due - time.monotonic()))

    @property
    def versions(self) -> set[str]:
        return set(self.seen)

    def lost(self) -> list[str]:
        """A text for each product whose stock is less than was acknowledged, or more than was sent."""
        shown = {
            product.id: product.quantity for product in App(f"http://127.0.0.1:{self.server.port}").inventory.products()
        }
        wrong = []
        for product in self.products:
            least = self.acknowledged.get(product.id, 0)
            most = least + self.unknown.get(product.id, 0)
            if not least <= shown.get(product.id, -1) <= most:
                wrong.append(f"{shown.get(product.id)} on hand, acknowledged {least}, sent {most}")
        return wrong

    def longest_gap(self, since: float) -> float:
        """The longest time between two acknowledged writes, in seconds, from one second before `since` on."""
        moments = [moment for moment in self.moments if moment > since - 1]
        return max((later - earlier for earlier, later in itertools.pairwise(moments)), default=999.0)
