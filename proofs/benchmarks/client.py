"""Requests over plain sockets. Their bytes are made in advance, so that the client needs little CPU."""

import json
import selectors
import socket
import time
from dataclasses import dataclass, field
from itertools import cycle

WORKER = "/bare/worker/"
"""A path that answers with the id of the worker process that serves the connection."""
BOUNDARY = "--dio-boundary-2806428157"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> object:
        return json.loads(self.body)


def request(method: str, path: str, *, body: object = None, token: str = "", agent: str, **more: str) -> bytes:
    """The bytes of an HTTP request. body: sent as JSON. agent: user agent. more: other headers, with `_` for `-`."""
    headers = {"host": "127.0.0.1", "user-agent": agent, "accept-encoding": "gzip"}
    if token:
        headers["authorization"] = f"Token {token}"
    payload = b""
    if body is not None:
        payload = json.dumps(body).encode()
        headers |= {"content-type": "application/json", "content-length": str(len(payload))}
    return _whole(method, path, headers | {name.replace("_", "-"): value for name, value in more.items()}, payload)


def form(method: str, path: str, image: bytes, *, token: str, agent: str) -> bytes:
    """The bytes of a request that uploads a photo as the app does."""
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="image"; filename="a.jpg"\r\n'
    payload = (
        f"{head}content-type: application/octet-stream\r\n\r\n".encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()
    )
    return _whole(method, path, {
        "host": "127.0.0.1", "user-agent": agent, "authorization": f"Token {token}",
        "content-type": f"multipart/form-data; boundary={BOUNDARY}", "content-length": str(len(payload)),
    }, payload)  # fmt: skip


def _whole(method: str, path: str, headers: dict[str, str], payload: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + payload


@dataclass(slots=True)
class Connection:
    """A kept-alive connection to the server on this port of 127.0.0.1."""

    port: int
    sock: socket.socket = field(init=False)
    _buffer: bytearray = field(init=False, default_factory=bytearray)

    def __post_init__(self) -> None:
        self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def receive(self) -> Answer | None:
        """Read what has arrived. Returns the answer if it is complete, else None.

        Raises ConnectionError if the server has closed the connection.
        """
        more = self.sock.recv(1 << 20)
        if not more:
            raise ConnectionError("The server closed the connection.")
        self._buffer += more
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ", 2)[1])
        length = 0 if status in (204, 304) else int(headers["content-length"])
        if len(self._buffer) < end + 4 + length:
            return None
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        return Answer(status, headers, body)

    def ask(self, data: bytes) -> Answer:
        """Send a request and wait for its answer."""
        self.send(data)
        while (answer := self.receive()) is None:
            pass
        return answer


def spread(port: int, count: int, workers: int) -> list[Connection]:
    """Open `count` connections, spread evenly over the `workers` processes of the server.

    The kernel gives a connection to any process, and connections that are opened at once often all to the same one.
    That one would then serve all requests while the others have no work.
    """
    by_worker: dict[bytes, list[Connection]] = {}
    while sum(map(len, by_worker.values())) < count:
        connection = Connection(port)
        same_worker = by_worker.setdefault(connection.ask(request("GET", WORKER, agent="bench")).body, [])
        if len(same_worker) < -(-count // workers):
            same_worker.append(connection)
        else:
            connection.sock.close()
            time.sleep(0.001)
    return [connection for same_worker in by_worker.values() for connection in same_worker]


def saturate(port: int, scripts: list[list[list[bytes]]], seconds: float, workers: int) -> tuple[list[int], float]:
    """Send requests as fast as the server answers them, for `seconds`.

    scripts: one for each connection. A script is a list of steps, and a step one or more requests. A connection sends
    its next request as soon as it has the answer to the last one; at its end a script begins anew. When the time is
    over, steps that have begun are completed. workers: how many processes the server has.

    Returns how many steps of each script were completed, and the seconds until the last one was.
    """
    chooser = selectors.DefaultSelector()
    open_connections = spread(port, len(scripts), workers)
    requests = [cycle((data, data is step[-1]) for step in script for data in step) for script in scripts]
    done, ends = [0] * len(scripts), [False] * len(scripts)

    def send(number: int) -> None:
        data, ends[number] = next(requests[number])
        open_connections[number].send(data)

    start = time.perf_counter()
    for number, connection in enumerate(open_connections):
        chooser.register(connection.sock, selectors.EVENT_READ, number)
        send(number)
    while chooser.get_map():
        for key, _ in chooser.select():
            answer = open_connections[key.data].receive()
            if answer is None:
                continue
            assert answer.status == 200, answer
            done[key.data] += ends[key.data]
            if ends[key.data] and time.perf_counter() - start >= seconds:
                chooser.unregister(key.fileobj)
            else:
                send(key.data)
    taken = time.perf_counter() - start
    for connection in open_connections:
        connection.sock.close()
    return done, taken
