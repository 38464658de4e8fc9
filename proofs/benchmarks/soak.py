"""Phones, a camera and a program for a while, at a share of what the server can do: does anything grow or fail?

    python -m proofs.benchmarks.soak [--minutes 15] [--load 0.7] [--write]

First everybody sends as fast as they can, for half a minute, which tells how much that is. Then they keep to their
share of it. Commits are on disk, as in production. Judged: errors, memory, processor time of a request, and that no
piece is lost. Latencies are shown; they are those of the machine as well. --write: into docs/benchmarks.md. Linux only.
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
"""The most of the last third, to the first third."""
LIST, ORDERS = "/api/products/", "/api/orders/"


@dataclass(slots=True)
class Sender:
    """One connection. script: its requests, each with the pieces that it adds. taken: their milliseconds. pieces: what
    was added, as far as it was answered."""

    port: int
    script: Iterator[tuple[bytes, int]]
    taken: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    pieces: int = 0

    def run(self, until: float, interval: float) -> None:
        """Send until then, one request each `interval` seconds; what is late counts from when it was due."""
        connection, due = Connection(self.port), time.monotonic() + random.random() * interval
        while (now := time.monotonic()) < until:
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
            self.taken.append((ended - began) * 1000)
            due = began + interval


def phone(server: Served, chance: random.Random) -> Iterator[tuple[bytes, int]]:
    """Passes of a queue: each item a look-up and an addition, then both lists."""
    token = server.log_in(APP)
    while True:
        for path in (LIST, ORDERS):
            yield request("GET", path, token=token, agent=APP), 0
        for _ in range(QUEUE):
            number, quantity = chance.randrange(PRODUCTS), chance.choice([1, 1, 2, 5, 10, 12])
            yield request("GET", f"{LIST}?sku=SKU-{number:05d}", token=token, agent=APP), 0
            path = f"{LIST}{server.products[number]}/add_stock/"
            yield request("POST", path, body={"quantity": quantity}, token=token, agent=APP), quantity


def camera(server: Served, chance: random.Random) -> Iterator[tuple[bytes, int]]:
    """One label after the other, each looked up again and again; every fifth is unknown."""
    token = server.log_in(APP)
    yield request("GET", LIST, token=token, agent=APP), 0
    for nth in count():
        sku = f"SKU-{chance.randrange(PRODUCTS):05d}" if nth % 5 else f"NONE-{nth}"
        yield from [(request("GET", f"{LIST}?sku={sku}", token=token, agent=APP), 0)] * 30


def program(server: Served, chance: random.Random) -> Iterator[tuple[bytes, int]]:
    """Reads the list, looks a product up and adds to it."""
    token = server.log_in(PROGRAM)
    while True:
        number = chance.randrange(PRODUCTS)
        path = f"{LIST}{server.products[number]}/add_stock/"
        yield request("GET", f"{LIST}?sku=SKU-{number:05d}", token=token, agent=PROGRAM), 0
        yield request("POST", path, body={"quantity": 3}, token=token, agent=PROGRAM), 3
        yield request("GET", LIST, token=token, agent=PROGRAM), 0


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen in a part of the time. cpu: milliseconds of the workers for a request."""

    requests: int
    milliseconds: list[float]
    memory: float
    cpu: float


def send(server: Served, senders: list[Sender], seconds: float, rate: float) -> None:
    """Have all send for so long, `rate` requests a second in all; 0: as fast as they can."""
    interval, until = (len(senders) / rate if rate else 0.0), time.monotonic() + seconds
    threads = [Thread(target=sender.run, args=(until, interval)) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> int:
    """Measure; returns 0 if nothing has grown, failed or got lost."""
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
    """See the module. Returns the exit code."""
    chance, before, reader = random.Random(1), 100 * PRODUCTS, server.log_in(PROGRAM)
    scripts = [*(phone(server, chance) for _ in range(PHONES)), camera(server, chance), program(server, chance)]
    senders = [Sender(server.port, script) for script in scripts]
    send(server, senders, FULL_SECONDS, 0)
    full = sum(len(sender.taken) for sender in senders) / FULL_SECONDS
    print(f"At full speed {full:.0f} requests a second; now {minutes:g} minutes at {load:.0%} of that.", flush=True)
    windows = list[Window]()
    for nth in range(WINDOWS):
        for sender in senders:
            sender.taken.clear()
        cpu = server.cpu_seconds()
        send(server, senders, minutes * 60 / WINDOWS, full * load)
        taken = [milliseconds for sender in senders for milliseconds in sender.taken]
        spent = (server.cpu_seconds() - cpu) / len(taken) * 1000
        windows.append(Window(len(taken), taken, server.memory_mb(), spent))
        print(f"{nth + 1:3}: {len(taken):7,} requests, {windows[-1].memory:6.1f} MB, {spent:5.2f} ms of CPU, "
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
    """The figures as Markdown."""
    rows = []
    for name, third, mine, spent in zip(("first third", "last third"), thirds, memory, cpu, strict=True):
        taken = sorted(milliseconds for window in third for milliseconds in window.milliseconds)
        shown = [taken[int(len(taken) * share)] for share in (0.5, 0.95, 0.99)]
        cells = [f"{mine:.0f}", f"{spent:.2f}", *(f"{one:.0f}" for one in (*shown, taken[-1]))]
        rows.append([name, *cells])
    head = ["", "memory of 2 workers, MB", "CPU, ms a request", "median, ms", "95 %, ms", "99 %, ms", "longest, ms"]
    rate = requests / minutes / 60
    return (
        f"{minutes:g} minutes, {PHONES} phones with queues of {QUEUE}, a camera and a program:\n"
        f"{requests:,} requests, {rate:.0f} a second ({load:.0%} of the {full:.0f} at full speed were asked for).\n\n"
    ) + table(head, rows)


if __name__ == "__main__":
    sys.exit(main())
