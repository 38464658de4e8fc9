"""Costs by the size of the warehouse: `python -m proofs.benchmarks.sizes [lists|flat] [--rounds 5] [--write]`.

    lists   lists of 1,000 and of 100,000 products: from the cache, and the first one after a write
    flat    requests whose cost should not depend on the size, with 1,000 and with 1,000,000 products of 10 movements
            each; and the check of the ledger over 10,000,000 movements. Takes 6 GB of disk, and some minutes.

The data is generated in SQL. CPU is that of gunicorn's worker and of PostgreSQL together. --write: put the figures into
docs/benchmarks.md. Exit code 1: a limit is missed. Linux only.
"""

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg

from dev.common import BACKEND, clean_environment, temporary_folder
from dev.postgres import temporary_postgres
from proofs.benchmarks.client import Connection, request
from proofs.benchmarks.figures import Requirement, at_most, show, table, verdict
from proofs.benchmarks.server import TICK, Served, served

APP, PROGRAM = "Dart/3.5 (dart:io)", "warehouse-integration/1.0"
LIST, EACH = "/api/products/", 10
SMALL, LONG, HUGE = 1_000, 100_000, 1_000_000
AFTER_A_WRITE, GROWS = 60.0, 1.5
"""How many milliseconds longer than a cached list the first list after a write may take; and how many times as long a
request whose cost should be flat may take in the large warehouse."""
MOMENT = "timestamptz '2026-01-01' + make_interval(secs => {})"
PRODUCTS = f"""
INSERT INTO api_product (sku, name, location, quantity, min_quantity, image, thumbnail, unverified, revision,
    created_at, updated_at)
SELECT 'SKU-' || lpad(n::text, 7, '0'), 'Футболка базовая № ' || n, 'A' || n %% 97 || '-' || n %% 30, 5 * %(each)s, 5,
    'products/' || sha || '.jpg', 'products/' || sha || '-200.jpg', false, (%(each)s - 1) * %(products)s + n + 1,
    {MOMENT.format("n")}, {MOMENT.format("n")}
FROM generate_series(0, %(products)s - 1) n, LATERAL (SELECT encode(sha256(n::text::bytea), 'hex') sha) digest
"""
TEXTS = """
INSERT INTO api_producttext (product_id, name, words)
SELECT id, lower(name), lower(sku || E'\\n' || name || E'\\n' || location) FROM api_product
"""
VERSIONS = """
INSERT INTO api_productversion (product_id, revision, sku, name, location, image, archived, changed_at)
SELECT id, id, sku, name, location, image, false, created_at FROM api_product
"""
MOVEMENTS = f"""
INSERT INTO api_stockmovement (product_id, kind, quantity_delta, quantity_after, reason, revision, occurred_at,
    recorded_at)
SELECT first + n %% %(products)s, 'receipt', 5, 5 * (n / %(products)s + 1), '', n + 1,
    {MOMENT.format("n")}, {MOMENT.format("n")}
FROM generate_series(0, %(products)s * %(each)s - 1) n, (SELECT min(id) first FROM api_product) known
"""
"""In the order of time: one movement of each product, then the second one of each, and so on."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A server and its database. products: how many. first: the first one's id. postmaster: PostgreSQL's process id."""

    server: Served
    url: str
    products: int
    first: int
    postmaster: int

    def cpu_seconds(self) -> float:
        """Processor time of gunicorn's workers and of PostgreSQL's processes."""
        children = Path(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read_text().split()
        stats = [Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split() for child in children]
        return self.server.cpu_seconds() + sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICK


def filled(stack: ExitStack, folder: Path, products: int, **options: str) -> Warehouse:
    """Serve a warehouse with `products` products, each with EACH movements, until the stack is closed.

    options: of PostgreSQL.
    """
    url = stack.enter_context(temporary_postgres(random_page_cost="1.1", max_wal_size="8GB", **options))
    (folder / str(products)).mkdir()
    server = stack.enter_context(served(url, folder / str(products), workers=1, threads=4, products=0))
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as link:
        # Foreign keys need no check, since the statements above keep them. Indexes are made faster at the end.
        link.execute("SET session_replication_role = replica")
        indexes = link.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('api_stockmovement', 'api_producttext')"
            " AND indexdef NOT LIKE 'CREATE UNIQUE%'"
        ).fetchall()
        for name, _definition in indexes:
            link.execute(f'DROP INDEX "{name}"')
        for statement in (PRODUCTS, TEXTS, VERSIONS, MOVEMENTS):
            link.execute(statement, {"products": products, "each": EACH})
        for _name, definition in indexes:
            link.execute(definition)
        link.execute("UPDATE api_revision SET value = %s", [products * EACH])
        link.execute("VACUUM ANALYZE")
        row = link.execute("SELECT min(id), pg_database_size(current_database()) FROM api_product").fetchone()
        assert row
        parent = Path(f"/proc/{link.info.backend_pid}/stat").read_text().rpartition(")")[2].split()[1]
    print(f"{products:,} products, {products * EACH:,} movements: {row[1] / 2**20:,.0f} MB, "
          f"made in {time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
    return Warehouse(server, url, products, row[0], int(parent))


class Client:
    """A device in a warehouse: its token, its connection, and the bytes of its requests."""

    def __init__(self, warehouse: Warehouse, agent: str) -> None:
        self.warehouse, self.agent, self.token = warehouse, agent, warehouse.server.log_in(agent)
        self.connection = Connection(warehouse.server.port)

    def get(self, path: str) -> bytes:
        return request("GET", path, token=self.token, agent=self.agent)

    def look_up(self, number: int) -> bytes:
        return self.get(f"{LIST}?sku=SKU-{number:07d}")

    def add(self, number: int, quantity: int) -> bytes:
        path = f"{LIST}{self.warehouse.first + number}/add_stock/"
        return request("POST", path, body={"quantity": quantity}, token=self.token, agent=self.agent)

    def cpu(self, data: list[bytes]) -> float:
        """Send these requests. Returns the average milliseconds of CPU for each."""
        start = self.warehouse.cpu_seconds()
        for each in data:
            answer = self.connection.ask(each)
            assert answer.status == 200, answer
        return (self.warehouse.cpu_seconds() - start) / len(data) * 1000

    def cpu_of_list(self) -> float:
        return self.cpu([self.get(LIST)])


def lists(folder: Path, rounds: int, *, write: bool) -> list[Requirement]:
    """Measure a short and a long list, in interleaved rounds."""
    spent: dict[tuple[str, int], list[float]] = {}
    first: dict[int, float] = {}
    with ExitStack() as stack:
        sizes = [filled(stack, folder, size) for size in (SMALL, LONG)]
        for warehouse in sizes:
            first[warehouse.products] = Client(warehouse, APP).cpu_of_list()
        for _ in range(rounds):
            for warehouse in sizes:
                phone, program, size = Client(warehouse, APP), Client(warehouse, PROGRAM), warehouse.products
                phone.cpu_of_list()
                kept = phone.cpu([phone.get(LIST)] * 20)
                alone = program.cpu([program.add(number, 1) for number in range(20)])
                phone.cpu_of_list()
                pairs = [data for number in range(20) for data in (program.add(number * 37, 1), phone.get(LIST))]
                after = 2 * phone.cpu(pairs) - alone
                spent.setdefault(("kept", size), []).append(kept)
                spent.setdefault(("right after a write", size), []).append(after)
                spent.setdefault(("more", size), []).append(after - kept)
    median = {key: statistics.median(values) for key, values in spent.items()}
    names = ("kept", "right after a write")
    rows = [[name, *(f"{median[name, size]:.1f}" for size in (SMALL, LONG))] for name in names]
    rows.insert(0, ["the first one of a process", *(f"{first[size]:,.0f}" for size in (SMALL, LONG))])
    text = table(["list of a phone, CPU ms", f"{SMALL:,} products", f"{LONG:,} products"], rows)
    show("sizes of lists", f"{rounds} rounds:\n\n{text}", write=write)
    more = median["more", LONG]
    return [at_most(f"first list of {LONG:,} after a write, more than a kept one, ms:", more, AFTER_A_WRITE)]


def flat(folder: Path, rounds: int, *, write: bool) -> list[Requirement]:
    """Measure requests that should take as long in a large warehouse as in a small one, in interleaved rounds."""
    spent: dict[str, list[list[float]]] = {}
    with ExitStack() as stack:
        sizes = [filled(stack, folder, size) for size in (SMALL, HUGE)]
        for nth in range(-1, rounds):
            for place, warehouse in enumerate(sizes):
                for name, milliseconds in one_round(warehouse, nth):
                    if nth >= 0:  # the first one warms up
                        spent.setdefault(name, [[], []])[place].append(milliseconds)
        seconds, memory, progress = check_ledger(sizes[1], folder)
    rows, requirements = [], []
    for name, (small, large) in spent.items():
        grown = statistics.median(b / a for a, b in zip(small, large, strict=True))
        rows.append([name, f"{statistics.median(small):.2f}", f"{statistics.median(large):.2f}", f"{grown:.2f}"])
        requirements.append(at_most(f"{name}, {HUGE:,} products to {SMALL:,}:", grown, GROWS))
    head = ["CPU ms", *(f"{size:,} products, {size * EACH:,} movements" for size in (SMALL, HUGE)), "ratio"]
    text = (
        f"{rounds} rounds:\n\n{table(head, rows)}\n\n`check_ledger` over "
        f"{HUGE * EACH:,} movements: {seconds:,.0f} s, {memory:,.0f} MB; it reported its progress {progress} times."
    )
    show("large warehouse", text, write=write)
    return [*requirements, Requirement(f"check_ledger in {memory:,.0f} MB (at most 200)", memory <= 200)]


def one_round(warehouse: Warehouse, nth: int) -> Iterator[tuple[str, float]]:
    """Yields the name of each request whose cost should be flat, and its milliseconds of CPU. nth: seeds the choice of
    products."""
    phone, program, rng = Client(warehouse, APP), Client(warehouse, PROGRAM), random.Random(nth)
    yield "`?sku=` by a phone", phone.cpu([phone.look_up(rng.randrange(warehouse.products)) for _ in range(150)])
    queue = [(rng.randrange(warehouse.products), number % 7 + 1) for number in range(100)]
    both = [data for number, pieces in queue for data in (phone.look_up(number), phone.add(number, pieces))]
    yield "look-up and addition by a phone", 2 * phone.cpu(both)
    yield (
        "addition by a program",
        program.cpu([program.add(rng.randrange(warehouse.products), 1) for _ in range(150)]),
    )
    yield "first page of products", program.cpu([program.get(f"{LIST}?limit=100")] * 40)
    path = f"/api/movements/?limit=100&product={warehouse.first + 7}"
    yield "first page of a product's movements", program.cpu([program.get(path)] * 40)
    yield "first page of all movements", program.cpu([program.get("/api/movements/?limit=100")] * 40)


def check_ledger(warehouse: Warehouse, folder: Path) -> tuple[float, float, int]:
    """Run `manage.py check_ledger`. Returns its seconds, its most memory in MB, and how often it reported progress."""
    environment = clean_environment(database_url=warehouse.url, folder=folder) | {"SECRET_KEY": "benchmarks-only-" * 4}
    command = [sys.executable, str(BACKEND / "manage.py"), "check_ledger"]
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    progress = process.stderr.read().splitlines()
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, progress
    assert isinstance(used, resource.struct_rusage)
    return time.monotonic() - began, used.ru_maxrss / 1024, len(progress)


def main() -> int:
    """Measure what the command line names. Returns 0 if all limits are kept, else 1."""
    parser = argparse.ArgumentParser(prog="python -m proofs.benchmarks.sizes")
    parser.add_argument("what", nargs="?", choices=["lists", "flat", "all"], default="all")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; medians are shown")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/benchmarks.md")
    chosen = parser.parse_args()
    requirements: list[Requirement] = []
    for what, measure in (("lists", lists), ("flat", flat)):
        if chosen.what in (what, "all"):
            with temporary_folder() as folder:
                requirements += measure(folder, chosen.rounds, write=chosen.write)
    return verdict(requirements)


if __name__ == "__main__":
    sys.exit(main())
