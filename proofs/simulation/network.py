"""The network between one client and the server. It carries bytes, and makes the faults of the plan."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from proofs.phone.dio import DART_IDLE_SECONDS, ExchangeConnection
from proofs.simulation import plan
from proofs.simulation.plan import Fault


class Wire(Protocol):
    """One TCP connection to the server."""

    def deliver(self, request: bytes, cut: int | None = None) -> bytes:
        """Send a request's bytes, or only the first `cut` of them. Returns the answer's bytes. Raises OSError."""

    def is_stale(self) -> bool:
        """Whether the server has closed the connection."""

    def close(self) -> None:
        """Close; never raises."""


class Server(Protocol):
    """The server under test: connections, and a clock. See inprocess.py and real.py."""

    base_url: str
    concurrent: bool
    """Whether it handles two requests at once."""
    human_gap: float
    """The least number of seconds between two acts of one person."""

    def elapsed(self) -> float:
        """Seconds on the server's clock, from an arbitrary start."""

    def connect(self) -> Wire:
        """A new connection. Raises OSError."""

    def deliver_and_kill(self, request: bytes, wire: Wire, what: str) -> bytes:
        """Deliver a request while the process `what` (see plan.KILLS) is killed and started again. Raises OSError."""

    def was_killed_since(self, start: float) -> bool:
        """Whether a process of the server was down at any time since `start`, in its `elapsed` seconds."""

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass between two acts of people; a real server may wait less."""

    def next_day(self) -> None:
        """Let a day pass: the worker asks about the phones that have been silent since."""


DAY_AND_HOUR = 25 * 3600
"""In seconds. The worker looks every hour for phones that have been silent for a day."""

BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 22\r\nconnection: close\r\n\r\n"
    b"<h1>502 Bad Gateway</h1>"[:22]
)


@dataclass
class Request:
    """One request in the log of a schedule.

    Attributes:
        act: the act's number, -1 for requests of the simulation itself.
        fault: what the network did to it, or "".
        status: of the server's answer, 0 if the request did not reach it.
        seen: whether the client got the answer.
        excused: whether a process of the server was killed meanwhile, so that a 5xx is allowed.
    """

    who: str
    act: int
    line: str
    body: str
    fault: str
    status: int = 0
    answer: str = ""
    seen: bool = False
    excused: bool = False

    def __str__(self) -> str:
        outcome = str(self.status or "-") + ("" if self.seen else " unseen")
        fault = f"   <- {self.fault}" if self.fault else ""
        return f"{self.who:>6}  {self.line} {self.body}  -> {outcome} {self.answer}{fault}".rstrip()


class LineConnection(ExchangeConnection):
    """The connection of a client, for its Dio."""

    def __init__(self, line: Line, wire: Wire) -> None:
        super().__init__(lambda request: line.exchange(request, wire))
        self._wire = wire

    def is_stale(self) -> bool:
        return super().is_stale() or self._wire.is_stale()

    def close(self) -> None:
        super().close()
        self._wire.close()


@dataclass
class Line:
    """The network of one client: a transport for its Dio that makes the faults of the current act.

    Attributes:
        second: whether the current request goes over a second connection, since the first one is busy.
        log: every request of the schedule, shared by all lines.
        on_answer: called with each request and the server's answer, also if the client does not get the answer.
        last_request: when the last request was sent, in the server's ``elapsed`` seconds.
        delivered: whether the server answered the last request with 2xx, seen by the client or not.
    """

    who: str
    server: Server
    log: list[Request]
    on_answer: Callable[[bytes, bytes], None] = lambda request, answer: None
    last_request: float = 0.0
    delivered: bool = False
    act: int = -1
    second: bool = False
    _faults: list[Fault] = field(default_factory=list)
    _nth: int = 0
    _verb: str = ""
    _second_wire: Wire | None = None
    _second_used: float = 0.0
    _late: list[tuple[bytes, Wire]] = field(default_factory=list)

    def connect(self, host: str, port: int) -> LineConnection:
        """A connection for ``proofs.phone.dio``. Raises OSError."""
        return LineConnection(self, self.server.connect())

    def begin(self, act: int, faults: Sequence[Fault] = ()) -> None:
        """Assign the next requests to this act, with its faults."""
        self.act, self._faults, self._nth, self.second = act, list(faults), 0, False

    def announce(self, verb: str) -> None:
        """Set the verb of the next request (see ``proofs.phone.offline.Call``)."""
        self._verb = verb

    def exchange(self, request: bytes, wire: Wire) -> bytes:
        """Send a request and return the answer. If the network fails, raises OSError or returns no bytes."""
        if self.second:
            now = self.server.elapsed()
            if self._second_wire is None or now - self._second_used >= DART_IDLE_SECONDS:
                self._second_wire = self.server.connect()
            wire, self._second_used = self._second_wire, now
        late, self._late = self._late, []
        try:
            return self._exchange(request, wire)
        finally:
            for late_request, late_wire in late:
                self._deliver_late(late_request, late_wire)

    def _exchange(self, request: bytes, wire: Wire) -> bytes:
        fault = self._next_fault()
        entry = _entry(self.who, self.act, request, fault)
        self.log.append(entry)
        start = self.last_request = self.server.elapsed()
        self.delivered = False
        if fault == plan.LATE:
            self._late.append((request, wire))
            raise ConnectionResetError("the network broke; the request is still on its way")
        if fault == plan.DROP:
            raise ConnectionResetError("the network dropped the request")
        if fault == plan.BAD_GATEWAY:
            return BAD_GATEWAY
        if fault == plan.CUT:
            head = request.index(b"\r\n\r\n") + 4
            cut = head + (len(request) - head) // 2
            if cut < len(request):
                wire.deliver(request, cut)
            raise ConnectionResetError("the network cut the request")
        answer = self._deliver(request, wire, fault)
        entry.status = int(answer[9:12])
        entry.excused = self.server.was_killed_since(start)
        entry.answer = _short(answer) if entry.status >= 300 or entry.line.startswith("GET") else ""
        self.delivered = 200 <= entry.status < 300
        self.on_answer(request, answer)
        if entry.status >= 500:
            answer = answer.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)  # as nginx does (nginx/site.conf)
        if fault == plan.LOSE:
            return b""
        if fault == plan.LATE_GATEWAY:
            return BAD_GATEWAY
        entry.seen = True
        return answer

    def _next_fault(self) -> str:
        nth, verb = self._nth, self._verb
        self._nth += 1
        self._verb = ""
        for fault in self._faults:
            if fault.nth == nth or (verb and fault.verb == verb):
                self._faults.remove(fault)
                return fault.kind
        return ""

    def _deliver_late(self, request: bytes, wire: Wire) -> None:
        """Deliver a request whose connection broke after it was sent; no client waits for the answer."""
        entry = _entry(self.who, self.act, request, "the late one")
        self.log.append(entry)
        with contextlib.suppress(OSError):
            entry.status = int(wire.deliver(request)[9:12])

    def _deliver(self, request: bytes, wire: Wire, fault: str) -> bytes:
        if fault in plan.KILLS:
            return self.server.deliver_and_kill(request, wire, fault)
        return self._twice(request, wire) if fault == plan.TWICE else wire.deliver(request)

    def _twice(self, request: bytes, wire: Wire) -> bytes:
        """Deliver a request twice, at the same time if the server is concurrent. Returns one of the answers."""
        if not self.server.concurrent:
            answer = wire.deliver(request)
            wire.deliver(request)
            return answer
        other = self.server.connect()
        twin = threading.Thread(target=other.deliver, args=(request,))
        twin.start()
        try:
            return wire.deliver(request)
        finally:
            twin.join()
            other.close()


def _entry(who: str, act: int, request: bytes, fault: str) -> Request:
    head, _, body = request.partition(b"\r\n\r\n")
    line = head.split(b"\r\n", 1)[0].decode("latin-1").removesuffix(" HTTP/1.1")
    if b"multipart/form-data" in head:
        parts = [part.split(b"\r\n\r\n", 1)[-1].strip() for part in body.split(b"\r\n--")[:-1]]
        body = b" ".join(part[:40] if part.isascii() else b"<file>" for part in parts)
    return Request(who, act, line, body.decode(errors="replace")[:300], fault)


def _short(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"content-encoding: gzip" in head.lower():
        body = gzip.decompress(body)
    return body.decode(errors="replace")[:160]
