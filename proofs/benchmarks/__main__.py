"""`make bench`: compares our server's cost with that of plain implementations, in one run.

    python -m proofs.benchmarks              everything (about two minutes)
    python -m proofs.benchmarks phones       lists as a phone gets them, through nginx: CPU of nginx and of gunicorn
    python -m proofs.benchmarks lists        GET /api/products/ and /api/orders/: CPU per request
    python -m proofs.benchmarks writes       add_stock on one product from 8 connections: throughput
    python -m proofs.benchmarks queue        a phone's queue of 300 items: the last ones compared with the first ones
    python -m proofs.benchmarks uploads      look-ups (?sku=) of a camera while another phone uploads photos

Each prints its figures; with --write it also puts them into docs/benchmarks.md. Exit code 1: a requirement is missed.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Event, Thread

from PIL import Image

from dev.common import temporary_folder
from dev.postgres import temporary_postgres
from proofs.benchmarks.client import Connection, form, request, saturate
from proofs.benchmarks.edge import Edge, edge
from proofs.benchmarks.figures import Requirement, at_least, at_most, cpu, ratio, show, table, verdict
from proofs.benchmarks.server import Served, served

APP, INTEGRATION = "Dart/3.5 (dart:io)", "warehouse-integration/1.0"
PRODUCTS, ORDERS, LINES = 10_000, 1_000, 5
CONNECTIONS, WORKERS, ROUND_SECONDS = 8, 2, 3.0
PLAIN_PRODUCTS, PLAIN_ORDERS = "products, plain ModelViewSet", f"{ORDERS:,} orders of {LINES} lines, plain ModelViewSet"
WRITER, INTEGRATIONS, PHONES = "bare writer", "integration", "phones: a look-up and an addition each"
STATEMENTS = "the five statements of an item, nothing read"
READY, READY_ORDERS = "bare ready bytes", f"{ORDERS:,} orders, bare ready bytes"
KEPT, KEPT_ORDERS = f"{PRODUCTS:,} products", f"{ORDERS:,} orders of {LINES} lines"
CHANGED, CHANGED_ORDERS = f"{KEPT}, right after a write", f"{KEPT_ORDERS}, right after a write"
BARE_LOOK_UP, LOOK_UP = "`?sku=`, bare look-up", "`?sku=` by a phone, each time another product"
LIST_AT_MOST, READY_AT_MOST, LOOK_UP_AT_MOST, LATE_AT_MOST = 0.1, 2.0, 2.0, 1.25
WRITES_AT_LEAST, PHONES_AT_LEAST, UPLOADS_AT_LEAST = 0.6, 0.35, 0.5
START_AT_MOST, MEMORY_AT_MOST = 3.0, 200
QUEUE, EARLY, LATE = 300, slice(2, 12), slice(290, 300)
"""The number of items in a phone's queue, and which of them are compared."""

Figures = tuple[str, list[Requirement]]
"""The text of a section of docs/benchmarks.md, and its requirements."""


def main() -> int:
    """Measure what the command line names. Returns 0 if all requirements are kept, else 1."""
    parts: dict[str, Callable[[Path, int], Figures]] = {
        "phones": phones, "lists": lists, "writes": writes, "queue": queue, "uploads": uploads,
    }  # fmt: skip
    parser = argparse.ArgumentParser(prog="python -m proofs.benchmarks")
    parser.add_argument("what", nargs="?", choices=[*parts, "all"], default="all")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds; medians are shown")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/benchmarks.md")
    chosen = parser.parse_args()
    requirements: list[Requirement] = []
    for name, measure in parts.items():
        if chosen.what not in (name, "all"):
            continue
        if measure is phones and not shutil.which("nginx"):
            requirements.append(Requirement("nginx is not installed: lists as a phone gets them", False))
            continue
        with temporary_folder() as folder:
            text, required = measure(folder, chosen.rounds)
        show(name, f"{chosen.rounds} rounds. {text}", write=chosen.write)
        requirements += required
    return verdict(requirements)


@contextmanager
def small(folder: Path) -> Iterator[Served]:
    """A server with 100 products and, as in production, 2 workers of 4 threads."""
    with temporary_postgres() as url, served(url, folder, workers=WORKERS, threads=4, products=100) as server:
        yield server


# --- Phones: CPU of gunicorn and nginx ---
def phones(folder: Path, rounds: int) -> Figures:
    """Measure the CPU of one worker and of nginx for each list that a phone gets."""
    with temporary_postgres() as url, served(
        url, folder, workers=1, threads=4, products=PRODUCTS, orders=ORDERS, lines=LINES
    ) as server, edge(server.port, folder) as nginx:  # fmt: skip
        spent, size = _measure_phones(server, nginx, rounds)
    both = {name: [sum(pair) for pair in pairs] for name, pairs in spent.items()}
    compared = {name: READY_ORDERS if "orders" in name else READY for name in spent}
    rows, to_ready = [], {name: ratio(both[name], both[compared[name]]) for name in spent}
    for name, pairs in spent.items():
        backend, front = (statistics.median(pair[n] for pair in pairs) for n in (0, 1))
        rows.append([name, f"{backend:.1f}", f"{front:.1f}", f"{to_ready[name]:.2f}", f"{size[name]:,}"])
    passed = statistics.median(pair[1] for pair in spent[KEPT])
    bare = statistics.median(pair[1] for pair in spent[READY])
    return "nginx before one worker of 4 threads:\n\n" + table(
        ["list of a phone", "gunicorn, CPU ms", "nginx, CPU ms", "to bare", "bytes sent"], rows
    ), [
        Requirement(f"nginx passes a list on: {passed:.2f} ms, ready bytes {bare:.2f} ms", passed < 3 * bare + 1),
        *(at_most(f"{name}: to bare ready bytes", to_ready[name], READY_AT_MOST) for name in (KEPT, KEPT_ORDERS)),
    ]


def _measure_phones(
    server: Served, nginx: Edge, rounds: int
) -> tuple[dict[str, list[tuple[float, float]]], dict[str, int]]:
    """Milliseconds of the worker and of nginx in each round, and bytes sent, for each list."""
    connection, token = Connection(nginx.port), server.log_in(APP)
    whole, orders = (request("GET", f"/api/{what}/", token=token, agent=APP) for what in ("products", "orders"))
    plain = request("GET", "/api/products/", token=token, agent=APP, accept_encoding="br")
    add = f"/api/products/{server.products[0]}/add_stock/"
    integration = server.log_in(INTEGRATION)
    write = request("POST", add, body={"quantity": 1}, token=integration, agent=INTEGRATION)
    spent: dict[str, list[tuple[float, float]]] = {}
    size: dict[str, int] = {}

    def measure(name: str, data: bytes, before: bytes | None = None) -> None:
        connection.ask(data)
        backend, size[name] = cpu(server, connection, data, 200, before)
        spent.setdefault(name, []).append((backend, cpu(nginx, connection, data, 200, before)[0]))

    for _ in range(rounds):
        measure(READY, request("GET", "/bare/ready/products/", agent=APP))
        measure(KEPT, whole)
        tag = connection.ask(whole).headers["etag"]
        measure("304", request("GET", "/api/products/", token=token, agent=APP, if_none_match=tag))
        measure("right after a write", whole, write)
        measure("for a client without gzip", plain)
        measure(READY_ORDERS, request("GET", "/bare/ready/orders/", agent=APP))
        measure(KEPT_ORDERS, orders)
    return spent, size


# --- Lists: CPU ---
def lists(folder: Path, rounds: int) -> Figures:
    """Measure the CPU of one worker for each way of reading lists, without nginx."""
    with temporary_postgres() as url, served(
        url, folder, workers=1, threads=4, products=PRODUCTS, orders=ORDERS, lines=LINES
    ) as server:  # fmt: skip
        spent = _measure_lists(server, rounds)
    compared = {KEPT: PLAIN_PRODUCTS, CHANGED: PLAIN_PRODUCTS, KEPT_ORDERS: PLAIN_ORDERS, CHANGED_ORDERS: PLAIN_ORDERS,
                LOOK_UP: BARE_LOOK_UP, "`?sku=`": BARE_LOOK_UP}  # fmt: skip
    ratios = {name: ratio(spent[name], spent[other]) for name, other in compared.items()}
    rows = [
        [name, f"{statistics.median(times):.1f}", f"{ratios[name]:.2g}" if name in ratios else ""]
        for name, times in spent.items()
    ]
    return "1 worker of 4 threads:\n\n" + table(["reading by an integration", "CPU ms", "to plain or bare"], rows), [
        *(at_most(f"{name}: to a plain ModelViewSet", ratios[name], LIST_AT_MOST) for name in (KEPT, CHANGED)),
        at_most(f"{LOOK_UP}: to the bare one", ratios[LOOK_UP], LOOK_UP_AT_MOST),
    ]


def _measure_lists(server: Served, rounds: int) -> dict[str, list[float]]:
    """Milliseconds in each round for each way of reading."""
    token, phone = server.log_in(INTEGRATION), server.log_in(APP)
    connection = Connection(server.port)

    def get(path: str, **more: str) -> bytes:
        return request("GET", path, token=token, agent=INTEGRATION, **more)

    add = f"/api/products/{server.products[0]}/add_stock/"
    write = request("POST", add, body={"quantity": 1}, token=token, agent=INTEGRATION)
    spent: dict[str, list[float]] = {}

    def measure(name: str, data: bytes | Iterator[bytes], times: int, before: bytes | None = None) -> None:
        spent.setdefault(name, []).append(cpu(server, connection, data, times, before)[0])

    for _ in range(rounds):
        measure(PLAIN_PRODUCTS, get("/plain/products/"), 2)
        measure(KEPT, get("/api/products/"), 20)
        measure(CHANGED, get("/api/products/"), 20, write)
        tag = connection.ask(get("/api/products/")).headers["etag"]
        measure("products, 304", get("/api/products/", if_none_match=tag), 200)
        measure(BARE_LOOK_UP, get("/bare/products/?sku=SKU-04711"), 200)
        measure("`?sku=`", get("/api/products/?sku=SKU-04711"), 200)
        connection.ask(request("GET", "/api/products/", token=phone, agent=APP))  # as the app does before it looks up
        by_phone = iter([request("GET", f"/api/products/?sku=SKU-{n:05d}", token=phone, agent=APP) for n in range(200)])
        measure(LOOK_UP, by_phone, 200)
        measure(PLAIN_ORDERS, get("/plain/orders/"), 2)
        measure(KEPT_ORDERS, get("/api/orders/"), 20)
        measure(CHANGED_ORDERS, get("/api/orders/"), 20, write)
    return spent


# --- Writes: throughput ---
def writes(folder: Path, rounds: int) -> Figures:
    """Measure additions per second from 8 connections, with commits in memory (which cost nothing) and on disk."""
    rows, required = [], list[Requirement]()
    for place, durable in (("in memory", "off"), ("on disk, as in production", "on")):
        options = dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), durable)
        with temporary_postgres(**options) as url, served(
            url, folder, workers=WORKERS, threads=4, products=100
        ) as server:  # fmt: skip
            memory = server.memory_mb()
            rates, lost = _measure_writes(server, rounds)
        to_bare = {way: ratio(rates[way], rates[WRITER]) for way in rates}
        for way in rates:
            name = f"{way}, commits {place}" if way == WRITER else way
            rows.append([name, f"{statistics.median(rates[way]):.0f}", f"{to_bare[way]:.2f}"])
        for way, least in ((INTEGRATIONS, WRITES_AT_LEAST), (PHONES, PHONES_AT_LEAST)):
            required.append(at_least(f"{way}, commits {place}: to the bare writer", to_bare[way], least))
        required += [Requirement(f"{way}, commits {place}: {lost[way]} pieces lost or too many", not lost[way])
                     for way in rates]  # fmt: skip
    text = "2 workers of 4 threads, 8 connections:\n\n" + table(["add_stock", "items a second", "to bare"], rows)
    text += f"\n\nStart to the first answer: {server.start:.1f} s. Memory of both workers, idle: {memory:.0f} MB."
    required += [
        at_most("start to the first answer, s:", server.start, START_AT_MOST),
        at_most("memory of two idle workers, MB:", memory, MEMORY_AT_MOST),
    ]
    return text, required


def _measure_writes(server: Served, rounds: int) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Additions per second in each round, and pieces lost in all rounds, for each implementation.

    Programs add to one product. Each phone sends its own queue, as the app does: a look-up and an addition for each
    item, then the list.
    """
    integrations = [server.log_in(INTEGRATION) for _ in range(CONNECTIONS)]
    phones = [server.log_in(APP) for _ in range(CONNECTIONS)]
    shelf, rng = server.products, random.Random(1)

    def add(token: str, agent: str, product: int = 0, quantity: int = 1, prefix: str = "api/products") -> bytes:
        path = f"/{prefix}/{shelf[product]}/add_stock/"
        return request("POST", path, body={"quantity": quantity}, token=token, agent=agent)

    def item(token: str) -> list[bytes]:
        product, quantity = rng.randrange(len(shelf)), rng.choice([1, 1, 2, 5, 10, 12])
        path = f"/api/products/?sku=SKU-{product:05d}"
        return [request("GET", path, token=token, agent=APP), add(token, APP, product, quantity)]

    def statements(token: str) -> list[bytes]:
        product = rng.randrange(len(shelf))
        path = f"/bare/same/{shelf[product]}/"
        add = request("POST", path, body={"quantity": 1}, token=token, agent=APP)
        return [request("GET", f"{path}?sku=SKU-{product:05d}", token=token, agent=APP), add]

    bare_phones = [server.log_in(APP) for _ in range(CONNECTIONS)]
    for token in bare_phones:
        Connection(server.port).ask(statements(token)[0])  # creates the row of the device's memory
    ways = {
        WRITER: [[[add("", INTEGRATION, prefix="bare")]]] * CONNECTIONS,
        INTEGRATIONS: [[[add(token, INTEGRATION)]] for token in integrations],
        STATEMENTS: [[statements(token) for _ in range(QUEUE)] for token in bare_phones],
        PHONES: [],
    }  # fmt: skip
    rates: dict[str, list[float]] = {way: [] for way in ways}
    lost = dict.fromkeys(ways, 0)
    for _ in range(rounds):
        # The queues of each round are new: if the old ones were sent again, the server would take them for duplicates.
        ways[PHONES] = [[item(token) for _ in range(QUEUE)] for token in phones]
        for script, token in zip(ways[PHONES], phones, strict=True):
            pull = request("GET", "/api/products/", token=token, agent=APP)
            script[0].insert(0, pull)
            Connection(server.port).ask(pull)
        for way, scripts in ways.items():
            before = on_hand(server, integrations[0])
            done, seconds = saturate(server.port, scripts, ROUND_SECONDS, WORKERS)
            lost[way] += before + pieces(scripts, done) - on_hand(server, integrations[0])
            rates[way].append(sum(done) / seconds)
    return rates, lost


def pieces(scripts: list[list[list[bytes]]], done: list[int]) -> int:
    """How many pieces the completed steps add. done: for each script, how many; at its end a script begins anew."""
    return sum(
        json.loads(script[n % len(script)][-1].rpartition(b"\r\n\r\n")[2])["quantity"]
        for script, count in zip(scripts, done, strict=True)
        for n in range(count)
    )


# --- A long queue ---
def queue(folder: Path, rounds: int) -> Figures:
    """Measure how long the first and the last items of a phone's queue take, each a look-up and an addition."""
    with small(folder) as server:
        early, late = _measure_queues(server, rounds)
    longer = ratio(late, early)
    first, last = statistics.median(early), statistics.median(late)
    return (
        f"A look-up and its addition take {first:.2f} ms as items {EARLY.start + 1} to {EARLY.stop} of a queue, "
        f"{last:.2f} ms as items {LATE.start + 1} to {LATE.stop}: {longer:.2f} times as long."
    ), [at_most("the last items of a long queue: to the first ones", longer, LATE_AT_MOST)]


def _measure_queues(server: Served, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of an early and of a late item: the medians of each queue. One queue is sent per round."""
    early, late = list[float](), list[float]()
    for nth in range(rounds):
        token, connection, taken = server.log_in(APP), Connection(server.port), list[float]()
        connection.ask(request("GET", "/api/products/", token=token, agent=APP))
        for n in range(QUEUE):
            product = server.products[(n * n + nth) % len(server.products)]
            sku = f"SKU-{server.products.index(product):05d}"
            add = f"/api/products/{product}/add_stock/"
            begun = time.perf_counter()
            connection.ask(request("GET", f"/api/products/?sku={sku}", token=token, agent=APP))
            answer = connection.ask(request("POST", add, body={"quantity": n % 7 + 1}, token=token, agent=APP))
            taken.append((time.perf_counter() - begun) * 1000)
            assert answer.status == 200, answer
        early.append(statistics.median(taken[EARLY]))
        late.append(statistics.median(taken[LATE]))
    return early, late


def on_hand(server: Served, token: str) -> int:
    """The sum of the quantities of all products."""
    # Reads a page: the whole list is cached by revision, and the bare writer takes no revision.
    answer = Connection(server.port).ask(request("GET", "/api/products/?limit=500", token=token, agent=INTEGRATION))
    return sum(product["quantity"] for product in answer.json())  # type: ignore[attr-defined]


# --- Photos ---
def uploads(folder: Path, rounds: int) -> Figures:
    """Measure look-ups per second of one camera, alone and while another phone uploads one photo after the other."""
    with small(folder) as server:
        alone, beside, photos = _measure_uploads(server, rounds)
    slower = ratio(beside, alone)
    rate, with_photos, sent = (statistics.median(each) for each in (alone, beside, photos))
    return (
        f"`?sku=` of a camera: {rate:.0f} a second alone, {with_photos:.0f} while photos of 12 megapixels are sent, "
        f"{sent:.1f} a second: {slower:.2f} of the rate."
    ), [at_least("`?sku=` while photos are uploaded: of the rate without", slower, UPLOADS_AT_LEAST)]


def _measure_uploads(server: Served, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """In each round: look-ups per second alone, look-ups per second during uploads, and photos per second."""
    camera, other = server.log_in(APP), server.log_in(APP)
    look_up = [[[request("GET", "/api/products/?sku=SKU-00001", token=camera, agent=APP)]]]
    path = f"/api/products/{server.products[0]}/upload_image/"
    upload = form("POST", path, photo(), token=other, agent=APP)
    alone, beside, photos = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        done, seconds = saturate(server.port, look_up, ROUND_SECONDS, WORKERS)
        alone.append(sum(done) / seconds)
        ended, sent = Event(), list[int]()

        def send(ended: Event = ended, sent: list[int] = sent) -> None:
            connection = Connection(server.port)
            while not ended.is_set():
                sent.append(connection.ask(upload).status)

        thread = Thread(target=send)
        thread.start()
        done, seconds = saturate(server.port, look_up, ROUND_SECONDS, WORKERS)
        ended.set()
        thread.join()
        assert set(sent) == {200}, sent
        beside.append(sum(done) / seconds)
        photos.append(len(sent) / seconds)
    return alone, beside, photos


def photo() -> bytes:
    """A photo as a phone's camera makes it: 12 megapixels, about 3 MB."""
    noise = Image.effect_noise((1000, 750), 40).resize((4000, 3000)).convert("RGB")
    file = BytesIO()
    noise.save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
