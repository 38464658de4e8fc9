"""Phones, a camera and a program send requests for a while, below the server's full rate: does anything grow or fail?

    python -m proofs.benchmarks.soak [--minutes 15] [--load 0.7] [--write]

First all clients send as fast as they can for half a minute; this gives the full rate. Then they keep to the share
`--load` of it. Commits are on disk, as in production. There are limits on errors, memory, the processor time of a
request, and lost pieces. Latencies are only shown, since they depend on the machine. --write: put the figures into
docs/benchmarks.md. Linux only.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from threading import Thread

from dev.common import temporary_folder
from dev.postgres import temporary_postgres
from proofs.benchmarks.client import Connection, request
from proofs.benchmarks.figures import Requirement, at_most, show, table, verdict
from proofs.benchmarks.server import Served, served

APP, PROGRAM = "Dart/3.5 (dart:io)", "warehouse-integration/1.0"
PRODUCTS, PHONES, QUEUE, FULL_SECONDS, WINDOWS = 1000, 8, 20, 30.0, 15
MEMORY_GROWS, CPU_GROWS = 1.15, 1.3
"""The highest ratios of the last third of the time to the first third."""
LIST, ORDERS = "/api/products/", "/api/orders/"


@dataclass(slots=True)
class Sender:
    """A client with one connection.

    script: its requests, each with the pieces that it adds. latencies: in milliseconds. pieces: the sum of all
    acknowledged additions.
    """

    port: int
    script: Iterator[tuple[bytes, int]]
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    pieces: int = 0

    def run(self, end: float, interval: float) -> None:
        """Send one request every `interval` seconds until `end`, by time.monotonic; with 0, as fast as possible.

        Latency is measured from the time when a request was due, but from at most one second before it is sent.
        """
        connection, due = Connection(self.port), time.monotonic() + random.random() * interval
        while (now := time.monotonic()) < end:
            if due > now:
                time.sleep(due - now)
            began = max(due, now - 1.0) if interval else now
            data, pieces = next(self.script)
            try:
                answer = connection.ask(data)
            except OSError as error:
                self.errors.append(repr(error))
                connection = Connection(self.port)
            else:
                self.pieces += pieces if answer.status == 200 else 0
                if answer.status not in (200, 304):
                    self.errors.append(f"{answer.status} {answer.body[:200]!r}")
            ended = time.monotonic()
            self.latencies.append((ended - began) * 1000)
            due = began + interval


def phone(server: Served, rng: random.Random) -> Iterator[tuple[bytes, int]]:
    """The requests of a phone, endlessly: both lists, then a queue whose items are a look-up and an addition each."""
    token = server.log_in(APP)
    while True:
        for path in (LIST, ORDERS):
            yield request("GET", path, token=token, agent=APP), 0
        for _ in range(QUEUE):
            number, quantity = rng.randrange(PRODUCTS), rng.choice([1, 1, 2, 5, 10, 12])
            yield request("GET", f"{LIST}?sku=SKU-{number:05d}", token=token, agent=APP), 0
            path = f"{LIST}{server.products[number]}/add_stock/"
            yield request("POST", path, body={"quantity": quantity}, token=token, agent=APP), quantity


def camera(server: Served, rng: random.Random) -> Iterator[tuple[bytes, int]]:
    """The requests of a camera, endlessly: each label is looked up 30 times, and every fifth label is unknown."""
    token = server.log_in(APP)
    yield request("GET", LIST, token=token, agent=APP), 0
    for nth in count():
        sku = f"SKU-{rng.randrange(PRODUCTS):05d}" if nth % 5 else f"NONE-{nth}"
        yield from [(request("GET", f"{LIST}?sku={sku}", token=token, agent=APP), 0)] * 30


def program(server: Served, rng: random.Random) -> Iterator[tuple[bytes, int]]:
    """The requests of a program, endlessly: it looks a product up, adds to it, and reads the list."""
    token = server.log_in(PROGRAM)
    while True:
        number = rng.randrange(PRODUCTS)
        path = f"{LIST}{server.products[number]}/add_stock/"
        yield request("GET", f"{LIST}?sku=SKU-{number:05d}", token=token, agent=PROGRAM), 0
        yield request("POST", path, body={"quantity": 3}, token=token, agent=PROGRAM), 3
        yield request("GET", LIST, token=token, agent=PROGRAM), 0


@dataclass(frozen=True, slots=True)
class Window:
    """The figures of a part of the time. memory: of the workers, in MB. cpu: their milliseconds per request."""

    requests: int
    latencies: list[float]
    memory: float
    cpu: float


def send(server: Served, senders: list[Sender], seconds: float, rate: float) -> None:
    """Let all senders send for `seconds`. rate: requests per second of all together; 0: as fast as they can."""
    interval, end = (len(senders) / rate if rate else 0.0), time.monotonic() + seconds
    threads = [Thread(target=sender.run, args=(end, interval)) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> int:
    """Measure. Returns 0 if all limits are kept, else 1."""
    parser = argparse.ArgumentParser(prog="python -m proofs.benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--load", type=float, default=0.7, help="the share of the rate at full speed")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/benchmarks.md")
    chosen = parser.parse_args()
    durable = dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit", "autovacuum"), "on")
    with temporary_folder() as folder, temporary_postgres(**durable) as url, served(
        url, folder, workers=2, threads=4, products=PRODUCTS, orders=100, lines=5
    ) as server:  # fmt: skip
        return soak(server, chosen.minutes, chosen.load, write=chosen.write)


def soak(server: Served, minutes: float, load: float, *, write: bool) -> int:
    """Measure a running server, as the module says. Returns 0 if all limits are kept, else 1."""
    rng, before, reader = random.Random(1), 100 * PRODUCTS, server.log_in(PROGRAM)
    scripts = [*(phone(server, rng) for _ in range(PHONES)), camera(server, rng), program(server, rng)]
    senders = [Sender(server.port, script) for script in scripts]
    send(server, senders, FULL_SECONDS, 0)
    full = sum(len(sender.latencies) for sender in senders) / FULL_SECONDS
    print(f"At full speed {full:.0f} requests a second; now {minutes:g} minutes at {load:.0%} of that.", flush=True)
    windows = list[Window]()
    for nth in range(WINDOWS):
        for sender in senders:
            sender.latencies.clear()
        cpu = server.cpu_seconds()
        send(server, senders, minutes * 60 / WINDOWS, full * load)
        latencies = [milliseconds for sender in senders for milliseconds in sender.latencies]
        spent = (server.cpu_seconds() - cpu) / len(latencies) * 1000
        windows.append(Window(len(latencies), latencies, server.memory_mb(), spent))
        print(f"{nth + 1:3}: {len(latencies):7,} requests, {windows[-1].memory:6.1f} MB, {spent:5.2f} ms of CPU, "
              f"{sum(len(sender.errors) for sender in senders)} errors", flush=True)  # fmt: skip
    errors = [error for sender in senders for error in sender.errors]
    answer = Connection(server.port).ask(request("GET", LIST, token=reader, agent=PROGRAM, accept_encoding="identity"))
    lost = before + sum(sender.pieces for sender in senders) - sum(row["quantity"] for row in json.loads(answer.body))
    thirds = [windows[: WINDOWS // 3], windows[-(WINDOWS // 3) :]]
    memory = [statistics.median(window.memory for window in third) for third in thirds]
    spent_in = [statistics.median(window.cpu for window in third) for third in thirds]
    text = report(thirds, memory, spent_in, full, sum(window.requests for window in windows), minutes, load)
    show("soak", f"{text}\n\nErrors: {len(errors)}. Pieces lost or too many: {lost}.", write=write)
    print(*errors[:3], sep="\n")
    return verdict([
        Requirement(f"{len(errors)} errors (0)", not errors),
        Requirement(f"{lost} pieces lost or too many (0)", not lost),
        at_most("memory, the last third to the first:", memory[1] / memory[0], MEMORY_GROWS),
        at_most("CPU of a request, the last third to the first:", spent_in[1] / spent_in[0], CPU_GROWS),
    ])  # fmt: skip


def report(
    thirds: list[list[Window]], memory: list[float], cpu: list[float], full: float, requests: int, minutes: float,
    load: float,
) -> str:  # fmt: skip
    """The figures as Markdown. thirds, memory, cpu: of the first and the last third."""
    rows = []
    for name, third, mine, spent in zip(("first third", "last third"), thirds, memory, cpu, strict=True):
        latencies = sorted(milliseconds for window in third for milliseconds in window.latencies)
        shown = [latencies[int(len(latencies) * share)] for share in (0.5, 0.95, 0.99)]
        cells = [f"{mine:.0f}", f"{spent:.2f}", *(f"{one:.0f}" for one in (*shown, latencies[-1]))]
        rows.append([name, *cells])
    head = ["", "memory of 2 workers, MB", "CPU, ms a request", "median, ms", "95 %, ms", "99 %, ms", "longest, ms"]
    rate = requests / minutes / 60
    return (
        f"{minutes:g} minutes, {PHONES} phones with queues of {QUEUE}, a camera and a program:\n"
        f"{requests:,} requests, {rate:.0f} a second ({load:.0%} of the {full:.0f} at full speed were asked for).\n\n"
    ) + table(head, rows)


if __name__ == "__main__":
    sys.exit(main())
