"""The short form of the benchmarks, for CI: it counts SQL statements, and compares processor time with that of plain
implementations in interleaved rounds. It takes about a minute.

    python -m proofs.benchmarks.short [--rounds N]

The limits on processor time are wide, so that a busy machine keeps them; a single extra statement is found by the
counts. Exit code 1: a limit is missed. Linux only.
"""

import argparse
import random
import statistics
import sys
from collections.abc import Iterator

from dev.common import temporary_folder
from dev.postgres import temporary_postgres
from proofs.benchmarks.client import Connection, request
from proofs.benchmarks.figures import Requirement, at_most, cpu, ratio, verdict
from proofs.benchmarks.server import Served, served

APP, PROGRAM = "Dart/3.5 (dart:io)", "warehouse-integration/1.0"
PRODUCTS, TIMES = 1000, 100
EARLY, LATE = slice(2, 42), slice(160, 200)
"""Which items of a phone's queue are compared."""
LIST, ORDERS = "/api/products/", "/api/orders/"
BARE_LOOK_UP, BARE_WRITE = "bare look-up", "bare writer"
KEPT, CHANGED, LOOK_UP = "list by a phone", "list by a phone, right after a write", "?sku= by a phone"
ADDITION, ITEM = "addition by a program", "look-up and addition by a phone"

STATEMENTS = {
    "list, unchanged, by a phone": 2, "list, unchanged, by a program": 2, "orders, unchanged, by a phone": 2,
    "?sku= by a program": 2, "?sku= by a phone": 3, "the camera's ?sku= again": 2,
    "addition by a program": 2, "addition by a phone": 2,
}  # fmt: skip
"""The most SQL statements that each request may take."""
CPU = {
    (KEPT, BARE_LOOK_UP): 3.5, (CHANGED, BARE_LOOK_UP): 14.0, (LOOK_UP, BARE_LOOK_UP): 2.0,
    (ADDITION, BARE_WRITE): 2.5, (ITEM, BARE_WRITE): 6.0, ("late item of a queue", "early item of a queue"): 1.6,
}  # fmt: skip
"""(request, request to compare with) -> the most that the ratio of their processor times may be."""


def main() -> int:
    """Measure everything. Returns 0 if all limits are kept, else 1."""
    parser = argparse.ArgumentParser(prog="python -m proofs.benchmarks.short")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; medians are judged")
    rounds: int = parser.parse_args().rounds
    with temporary_folder() as folder, temporary_postgres() as url, served(
        url, folder, workers=1, threads=4, products=PRODUCTS, orders=50, lines=5
    ) as server:  # fmt: skip
        return verdict([*_statements(server), *_cpu(server, rounds)])


class Client:
    """A device: its token, its connection, and the bytes of its requests."""

    def __init__(self, server: Served, agent: str) -> None:
        self.agent, self.token, self.products = agent, server.log_in(agent), server.products
        self.connection = Connection(server.port)

    def get(self, path: str, **more: str) -> bytes:
        return request("GET", path, token=self.token, agent=self.agent, **more)

    def look_up(self, number: int, **more: str) -> bytes:
        return self.get(f"{LIST}?sku=SKU-{number:05d}", **more)

    def add(self, number: int, quantity: int, **more: str) -> bytes:
        path, body = f"{LIST}{self.products[number]}/add_stock/", {"quantity": quantity}
        return request("POST", path, body=body, token=self.token, agent=self.agent, **more)

    def count_statements(self, data: bytes) -> int:
        """Send a request that was made with x_count="1". Returns how many SQL statements it took."""
        answer = self.connection.ask(data)
        assert answer.status == 200, answer
        return int(answer.headers["x-statements"])


def _statements(server: Served) -> list[Requirement]:
    phone, program = Client(server, APP), Client(server, PROGRAM)
    for client in (phone, program):
        for path in (LIST, ORDERS, LIST, ORDERS):
            client.connection.ask(client.get(path))
    counted = {
        "list, unchanged, by a phone": phone.count_statements(phone.get(LIST, x_count="1")),
        "list, unchanged, by a program": program.count_statements(program.get(LIST, x_count="1")),
        "orders, unchanged, by a phone": phone.count_statements(phone.get(ORDERS, x_count="1")),
        "?sku= by a program": program.count_statements(program.look_up(4, x_count="1")),
        "addition by a program": program.count_statements(program.add(4, 2, x_count="1")),
        "?sku= by a phone": phone.count_statements(phone.look_up(4, x_count="1")),
        "addition by a phone": phone.count_statements(phone.add(4, 2, x_count="1")),
    }
    for _ in range(4):
        phone.connection.ask(phone.look_up(5))
    counted["the camera's ?sku= again"] = phone.count_statements(phone.look_up(5, x_count="1"))
    return [
        Requirement(f"{name}: {counted[name]} statements (at most {most})", counted[name] <= most)
        for name, most in STATEMENTS.items()
    ]


def _cpu(server: Served, rounds: int) -> list[Requirement]:
    phone, program, rng = Client(server, APP), Client(server, PROGRAM), random.Random(1)
    spent: dict[str, list[float]] = {}

    def measure(name: str, by: Client, data: bytes | Iterator[bytes], times: int, before: bytes | None = None) -> None:
        spent.setdefault(name, []).append(cpu(server, by.connection, data, times, before)[0])

    def queue(client: Client, items: int) -> Iterator[bytes]:
        for _ in range(items):
            number, quantity = rng.randrange(PRODUCTS), rng.choice([1, 1, 2, 5, 10, 12])
            yield client.look_up(number)
            yield client.add(number, quantity)

    bare_add = f"/bare/{server.products[0]}/add_stock/"
    for _ in range(rounds):
        measure(KEPT, phone, phone.get(LIST), TIMES)
        measure(CHANGED, phone, phone.get(LIST), TIMES, program.add(0, 1))
        measure(BARE_LOOK_UP, phone, request("GET", "/bare/products/?sku=SKU-00004", agent=APP), 2 * TIMES)
        measure(LOOK_UP, phone, map(phone.look_up, rng.sample(range(PRODUCTS), 2 * TIMES)), 2 * TIMES)
        measure(BARE_WRITE, program, request("POST", bare_add, body={"quantity": 1}, agent=PROGRAM), 2 * TIMES)
        measure(ADDITION, program, program.add(0, 1), 2 * TIMES)
        other = Client(server, APP)
        other.connection.ask(other.get(LIST))
        items = queue(other, LATE.stop)
        measure("first items of a queue", other, items, 2 * EARLY.start)
        measure("early item of a queue", other, items, 2 * (EARLY.stop - EARLY.start))
        measure(ITEM, other, items, 2 * (LATE.start - EARLY.stop))
        measure("late item of a queue", other, items, 2 * (LATE.stop - LATE.start))
    spent[ITEM] = [2 * one for one in spent[ITEM]]  # was measured per request, and an item has two
    print(f"CPU of gunicorn's worker, {PRODUCTS:,} products, {rounds} rounds")
    for name, values in spent.items():
        print(f"{name:40}{statistics.median(values):8.2f} ms")
    ratios = {pair: ratio(spent[pair[0]], spent[pair[1]]) for pair in CPU}
    return [at_most(f"{name}, to {plain}:", ratios[name, plain], most) for (name, plain), most in CPU.items()]


if __name__ == "__main__":
    sys.exit(main())
