"""Requests over plain sockets: the bytes are made beforehand, so that the client needs little CPU."""

import json
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> object:
        return json.loads(self.body)


def request(method: str, path: str, *, body: object = None, token: str = "", agent: str, **more: str) -> bytes:
    """A whole HTTP request. more: further headers, `_` for `-`."""
    headers = {"host": "127.0.0.1", "user-agent": agent, "accept-encoding": "gzip"}
    if token:
        headers["authorization"] = f"Token {token}"
    payload = b""
    if body is not None:
        payload = json.dumps(body).encode()
        headers |= {"content-type": "application/json", "content-length": str(len(payload))}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + payload


@dataclass(slots=True)
class Connection:
    """One kept-alive connection."""

    port: int
    link: socket.socket = field(init=False)
    _rest: bytearray = field(init=False, default_factory=bytearray)

    def __post_init__(self) -> None:
        self.link = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self.link.sendall(data)

    def take(self) -> Answer | None:
        """The answer if it is complete, else None. Raises ConnectionError if the server has closed the connection."""
        more = self.link.recv(1 << 20)
        if not more:
            raise ConnectionError("The server closed the connection.")
        self._rest += more
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self._rest[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ", 2)[1])
        length = 0 if status in (204, 304) else int(headers["content-length"])
        if len(self._rest) < end + 4 + length:
            return None
        body = bytes(self._rest[end + 4 : end + 4 + length])
        del self._rest[: end + 4 + length]
        return Answer(status, headers, body)

    def ask(self, data: bytes) -> Answer:
        """Send a request and wait for its answer."""
        self.send(data)
        while (answer := self.take()) is None:
            pass
        return answer


def saturate(port: int, scripts: list[list[bytes]], seconds: float) -> tuple[int, float]:
    """Each script is repeated on a connection of its own, every request as soon as the last answer is there.

    Each script is completed after the time is over; the time until the last one has ended counts.
    Returns how often scripts were completed, and in how many seconds.
    """
    chooser = selectors.DefaultSelector()
    open_connections = [Connection(port) for _ in scripts]
    turns: list[Iterator[bytes]] = []
    done = 0
    start = time.perf_counter()
    for connection, script in zip(open_connections, scripts, strict=True):
        turns.append(iter(script))
        chooser.register(connection.link, selectors.EVENT_READ, len(turns) - 1)
        connection.send(next(turns[-1]))
    while chooser.get_map():
        for key, _ in chooser.select():
            answer = open_connections[key.data].take()
            if answer is None:
                continue
            assert answer.status == 200, answer
            following = next(turns[key.data], None)
            if following is None:
                done += 1
                if time.perf_counter() - start >= seconds:
                    chooser.unregister(key.fileobj)
                    continue
                turns[key.data] = iter(scripts[key.data])
                following = next(turns[key.data])
            open_connections[key.data].send(following)
    taken = time.perf_counter() - start
    for connection in open_connections:
        connection.link.close()
    return done, taken
