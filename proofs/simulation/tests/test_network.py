"""Each fault of a plan does to a request what plan.py says."""

from __future__ import annotations

import pytest

from proofs.simulation.network import Line, Request, Wire
from proofs.simulation.plan import Fault

REQUEST = b"POST /api/x/ HTTP/1.1\r\ncontent-length: 4\r\n\r\nbody"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Echo:
    """A server that answers 200 to all requests, and keeps them."""

    base_url = "http://echo/api"
    concurrent = False
    human_gap = 0.0

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def connect(self) -> Echo:
        return self

    def is_stale(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def deliver(self, request: bytes, cut: int | None = None) -> bytes:
        self.received.append(request[:cut])
        return OK

    def deliver_and_kill(self, request: bytes, wire: Wire, what: str) -> bytes:
        raise ConnectionResetError(what)

    def was_killed_since(self, start: float) -> bool:
        return False

    def wait(self, seconds: float) -> None:
        pass

    def next_day(self) -> None:
        pass

    def elapsed(self) -> float:
        return 0.0


def line_with(kind: str, nth: int = 0) -> tuple[Line, Echo, list[Request]]:
    server, log = Echo(), list[Request]()
    line = Line("Anna", server, log)
    line.begin(1, [Fault(kind, nth)])
    return line, server, log


def test_a_dropped_request_never_arrives() -> None:
    line, server, log = line_with("drop")
    with pytest.raises(OSError, match="dropped"):
        line.exchange(REQUEST, server)
    assert (server.received, line.delivered, log[0].seen) == ([], False, False)


def test_a_lost_answer_is_delivered_but_not_seen() -> None:
    line, server, log = line_with("lose")
    assert line.exchange(REQUEST, server) == b""
    assert (server.received, line.delivered, log[0].status, log[0].seen) == ([REQUEST], True, 200, False)


def test_a_cut_request_arrives_in_part() -> None:
    line, server, _ = line_with("cut")
    with pytest.raises(OSError, match="cut"):
        line.exchange(REQUEST, server)
    assert server.received == [REQUEST[:-2]]


def test_a_doubled_request_arrives_twice_and_is_answered_once() -> None:
    line, server, _ = line_with("twice")
    assert line.exchange(REQUEST, server) == OK
    assert server.received == [REQUEST, REQUEST]


@pytest.mark.parametrize(("kind", "arrives"), [("gateway", 0), ("late-gateway", 1)])
def test_a_gateway_fails_before_or_after_the_server(kind: str, arrives: int) -> None:
    line, server, _ = line_with(kind)
    assert line.exchange(REQUEST, server).startswith(b"HTTP/1.1 502 ")
    assert len(server.received) == arrives


def test_a_fault_hits_only_the_request_that_it_names() -> None:
    line, server, _ = line_with("drop", nth=1)
    assert line.exchange(REQUEST, server) == OK
    with pytest.raises(OSError, match="dropped"):
        line.exchange(REQUEST, server)
    assert line.exchange(REQUEST, server) == OK
    assert len(server.received) == 2
