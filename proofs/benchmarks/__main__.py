"""`make bench`: compares the cost of our server with plain implementations, in one run.

    python -m proofs.benchmarks              everything (about two minutes)
    python -m proofs.benchmarks phones       the list as a phone gets it, with nginx before the server: CPU of both
    python -m proofs.benchmarks lists        GET /api/products/ and /api/orders/: CPU per request
    python -m proofs.benchmarks writes       add_stock on one product from 8 connections: throughput
    python -m proofs.benchmarks queue        a queue of 300 items: the last ones beside the first ones
    python -m proofs.benchmarks uploads      ?sku= of a camera while another phone uploads photos

Exit code 1: a requirement is missed.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from threading import Event, Thread

from PIL import Image

from dev.common import temporary_folder
from dev.postgres import temporary_postgres
from proofs.benchmarks.client import Connection, form, request, saturate
from proofs.benchmarks.edge import Edge, edge
from proofs.benchmarks.figures import Requirement, at_least, at_most, cpu, ratio, verdict
from proofs.benchmarks.server import Served, served

APP, INTEGRATION = "Dart/3.5 (dart:io)", "warehouse-integration/1.0"
PRODUCTS, ORDERS, LINES = 10_000, 1_000, 5
CONNECTIONS, ROUND_SECONDS = 8, 3.0
PLAIN_PRODUCTS, PLAIN_ORDERS = "products, plain ModelViewSet", "orders, plain ModelViewSet"
PHONES = "app, look-up and addition"
STATEMENTS = "its five statements, nothing read"
READY = "a bare function that sends ready bytes"
BARE_LOOK_UP, LOOK_UP = "?sku=, a bare function", "?sku=, by a phone"
LIST_AT_MOST, LOOK_UP_AT_MOST, WRITES_AT_LEAST, PHONES_AT_LEAST, LATE_AT_MOST = 0.1, 2.0, 0.5, 0.35, 1.25
QUEUE, EARLY, LATE = 300, slice(2, 12), slice(290, 300)
"""How many items a phone's queue has, and which of them are compared."""


def main() -> int:
    """Measure what the command line names; returns 0 if all requirements are kept."""
    parser = argparse.ArgumentParser(prog="python -m proofs.benchmarks")
    parser.add_argument(
        "what", nargs="?", choices=["phones", "lists", "writes", "queue", "uploads", "all"], default="all"
    )
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds; medians are shown")
    chosen = parser.parse_args()
    requirements: list[Requirement] = []
    with temporary_folder() as folder:
        if chosen.what == "all" and not shutil.which("nginx"):
            print("nginx is not installed: the list as a phone gets it is not measured.")
        elif chosen.what in ("phones", "all"):
            with temporary_postgres() as url, served(
                url, folder, workers=1, threads=4, products=PRODUCTS
            ) as server, edge(server.port, folder) as nginx:  # fmt: skip
                requirements += phones(server, nginx, chosen.rounds)
        if chosen.what in ("lists", "all"):
            with temporary_postgres() as url, served(
                url, folder, workers=1, threads=4, products=PRODUCTS, orders=ORDERS, lines=LINES
            ) as server:  # fmt: skip
                requirements += lists(server, chosen.rounds)
        if chosen.what in ("writes", "all"):
            # In memory a commit costs nothing, which shows the code's cost; on disk, as in production, it dominates.
            for name, durable in (("commits in memory", "off"), ("commits on disk, as in production", "on")):
                options = dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), durable)
                with temporary_postgres(**options) as url, served(
                    url, folder, workers=2, threads=4, products=100
                ) as server:  # fmt: skip
                    requirements += writes(server, chosen.rounds, name)
        if chosen.what in ("queue", "all"):
            with temporary_postgres() as url, served(url, folder, workers=2, threads=4, products=100) as server:
                requirements += queue(server, chosen.rounds)
        if chosen.what in ("uploads", "all"):
            with temporary_postgres() as url, served(url, folder, workers=2, threads=4, products=100) as server:
                requirements += uploads(server, chosen.rounds)
    return verdict(requirements)


# --- Phones: CPU of gunicorn and nginx ---
def phones(server: Served, nginx: Edge, rounds: int) -> list[Requirement]:
    """CPU of the one worker and of nginx for each list that a phone gets, in interleaved rounds."""
    connection, token = Connection(nginx.port), server.log_in(APP)
    ready = request("GET", "/bare/ready/", agent=APP)
    whole = request("GET", "/api/products/", token=token, agent=APP)
    plain = request("GET", "/api/products/", token=token, agent=APP, accept_encoding="br")
    add = f"/api/products/{server.products[0]}/add_stock/"
    integration = server.log_in(INTEGRATION)
    write = request("POST", add, body={"quantity": 1}, token=integration, agent=INTEGRATION)
    spent: dict[str, list[tuple[float, float]]] = {}
    size: dict[str, int] = {}

    def measure(name: str, data: bytes, before: bytes | None = None) -> None:
        connection.ask(data)
        backend, size[name] = cpu(server, connection, data, 50, before)
        spent.setdefault(name, []).append((backend, cpu(nginx, connection, data, 50, before)[0]))

    for _ in range(rounds):
        measure(READY, ready)
        measure("products", whole)
        tag = connection.ask(whole).headers["etag"]
        measure("products, 304", request("GET", "/api/products/", token=token, agent=APP, if_none_match=tag))
        measure("products, right after a write", whole, write)
        measure("products, not compressed", plain)
    print(f"\nA phone's list of {PRODUCTS:,} products, through nginx: CPU per request")
    print(f"{'':36}{'gunicorn ms':>12}{'nginx ms':>12}{'to ready':>10}{'bytes':>12}")
    both = {name: [sum(pair) for pair in pairs] for name, pairs in spent.items()}
    for name, pairs in spent.items():
        backend, front = (statistics.median(pair[n] for pair in pairs) for n in (0, 1))
        to_ready = ratio(both[name], both[READY])
        print(f"{name:36}{backend:12.2f}{front:12.2f}{to_ready:10.2f}{size[name]:12,}")
    passed = statistics.median(pair[1] for pair in spent["products"])
    bare = statistics.median(pair[1] for pair in spent[READY])
    return [Requirement(f"nginx passes a list on: {passed:.2f} ms, ready bytes {bare:.2f} ms", passed < 3 * bare + 1)]


# --- Lists: CPU ---
def lists(server: Served, rounds: int) -> list[Requirement]:
    """CPU of the one worker for each way of reading, in interleaved rounds."""
    token, phone = server.log_in(INTEGRATION), server.log_in(APP)
    connection = Connection(server.port)

    def get(path: str, **more: str) -> bytes:
        return request("GET", path, token=token, agent=INTEGRATION, **more)

    add = f"/api/products/{server.products[0]}/add_stock/"
    write = request("POST", add, body={"quantity": 1}, token=token, agent=INTEGRATION)
    names = [
        PLAIN_PRODUCTS, "products", "products, right after a write", "products, 304", BARE_LOOK_UP, "?sku=", LOOK_UP,
        PLAIN_ORDERS, "orders", "orders, right after a write",
    ]  # fmt: skip
    spent: dict[str, list[float]] = {name: [] for name in names}
    size: dict[str, int] = {}

    def measure(name: str, data: bytes | Iterator[bytes], times: int, before: bytes | None = None) -> None:
        milliseconds, size[name] = cpu(server, connection, data, times, before)
        spent[name].append(milliseconds)

    for _ in range(rounds):
        measure(PLAIN_PRODUCTS, get("/plain/products/"), 2)
        measure("products", get("/api/products/"), 20)
        measure("products, right after a write", get("/api/products/"), 20, write)
        tag = connection.ask(get("/api/products/")).headers["etag"]
        measure("products, 304", get("/api/products/", if_none_match=tag), 200)
        measure(BARE_LOOK_UP, get("/bare/products/?sku=SKU-04711"), 200)
        measure("?sku=", get("/api/products/?sku=SKU-04711"), 200)
        connection.ask(request("GET", "/api/products/", token=phone, agent=APP))  # as the app does before it looks up
        by_phone = iter([request("GET", f"/api/products/?sku=SKU-{n:05d}", token=phone, agent=APP) for n in range(200)])
        measure(LOOK_UP, by_phone, 200)
        measure(PLAIN_ORDERS, get("/plain/orders/"), 2)
        measure("orders", get("/api/orders/"), 20)
        measure("orders, right after a write", get("/api/orders/"), 20, write)
    print(f"\nReading, {PRODUCTS:,} products, {ORDERS:,} orders of {LINES} lines: CPU of gunicorn's worker")
    print(f"{'':36}{'ms/request':>12}{'to plain':>10}{'bytes':>12}")
    plain = {name: PLAIN_ORDERS if name.startswith("orders") else PLAIN_PRODUCTS for name in names}
    to_plain = {name: ratio(spent[name], spent[plain[name]]) for name in names}
    for name in names:
        print(f"{name:36}{statistics.median(spent[name]):12.2f}{to_plain[name]:10.4f}{size[name]:12,}")
    return [
        Requirement(
            f"{name}: {to_plain[name]:.3f} of a plain ModelViewSet's CPU (at most {LIST_AT_MOST})",
            to_plain[name] <= LIST_AT_MOST,
        )
        for name in ("products", "products, right after a write")
    ] + [at_most(f"{LOOK_UP}: to the bare one", ratio(spent[LOOK_UP], spent[BARE_LOOK_UP]), LOOK_UP_AT_MOST)]


# --- Writes: throughput ---
def writes(server: Served, rounds: int, name: str) -> list[Requirement]:
    """Additions per second from 8 connections, for each implementation in interleaved rounds. Programs add to one
    product; phones send queues, each its own, as the app does: a look-up and an addition for each item, then the list.
    """
    integrations = [server.log_in(INTEGRATION) for _ in range(CONNECTIONS)]
    phones = [server.log_in(APP) for _ in range(CONNECTIONS)]
    shelf, chance = server.products, random.Random(1)

    def add(token: str, agent: str, product: int = 0, quantity: int = 1, door: str = "api/products") -> bytes:
        path = f"/{door}/{shelf[product]}/add_stock/"
        return request("POST", path, body={"quantity": quantity}, token=token, agent=agent)

    def item(token: str) -> list[bytes]:
        product, quantity = chance.randrange(len(shelf)), chance.choice([1, 1, 2, 5, 10, 12])
        path = f"/api/products/?sku=SKU-{product:05d}"
        return [request("GET", path, token=token, agent=APP), add(token, APP, product, quantity)]

    def statements(token: str) -> list[bytes]:
        product = chance.randrange(len(shelf))
        path = f"/bare/same/{shelf[product]}/"
        add = request("POST", path, body={"quantity": 1}, token=token, agent=APP)
        return [request("GET", f"{path}?sku=SKU-{product:05d}", token=token, agent=APP), add]

    bare_phones = [server.log_in(APP) for _ in range(CONNECTIONS)]
    for token in bare_phones:
        Connection(server.port).ask(statements(token)[0])  # makes the memory
    ways = {
        "bare writer": [[[add("", INTEGRATION, door="bare")]]] * CONNECTIONS,
        "integration": [[[add(token, INTEGRATION)]] for token in integrations],
        STATEMENTS: [[statements(token) for _ in range(QUEUE)] for token in bare_phones],
        PHONES: [],
    }  # fmt: skip
    rates: dict[str, list[float]] = {way: [] for way in ways}
    lost = dict.fromkeys(ways, 0)
    for _ in range(rounds):
        # The queues of a round are new: the same ones again would be read as sent twice.
        ways[PHONES] = [[item(token) for _ in range(QUEUE)] for token in phones]
        for script, token in zip(ways[PHONES], phones, strict=True):
            pull = request("GET", "/api/products/", token=token, agent=APP)
            script[0].insert(0, pull)
            Connection(server.port).ask(pull)
        for way, scripts in ways.items():
            before = on_hand(server, integrations[0])
            done, seconds = saturate(server.port, scripts, ROUND_SECONDS)
            lost[way] += before + pieces(scripts, done) - on_hand(server, integrations[0])
            rates[way].append(sum(done) / seconds)
    print(f"\nadd_stock, {CONNECTIONS} connections, 2 workers of 4 threads, {name}")
    print(f"{'':36}{'additions/s':>12}{'requests/s':>12}{'to bare':>10}")
    for way, scripts in ways.items():
        rate, to_bare = statistics.median(rates[way]), ratio(rates[way], rates["bare writer"])
        print(f"{way:36}{rate:12.0f}{rate * len(scripts[0][-1]):12.0f}{to_bare:10.2f}")
    least = {"integration": WRITES_AT_LEAST, PHONES: PHONES_AT_LEAST}
    return [
        at_least(f"add_stock, {way}, {name}: of a bare writer's", ratio(rates[way], rates["bare writer"]), least[way])
        for way in least
    ] + [
        Requirement(f"add_stock, {way}, {name}: {lost[way]} pieces lost or too many (0)", not lost[way]) for way in ways
    ]


def pieces(scripts: list[list[list[bytes]]], done: list[int]) -> int:
    """How many pieces so many first steps of each script add."""
    return sum(
        json.loads(script[n % len(script)][-1].rpartition(b"\r\n\r\n")[2])["quantity"]
        for script, count in zip(scripts, done, strict=True)
        for n in range(count)
    )


# --- A long queue ---
def queue(server: Served, rounds: int) -> list[Requirement]:
    """How long an item of a phone's queue takes, its look-up and its addition: the first ones and the last ones."""
    rates: list[float] = []
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
        rates.append(late[-1] / early[-1])
    print(f"\nA phone's queue of {QUEUE} items: milliseconds for a look-up and its addition")
    print(f"items {EARLY.start + 1} to {EARLY.stop}: {statistics.median(early):.2f}")
    print(f"items {LATE.start + 1} to {LATE.stop}: {statistics.median(late):.2f}")
    return [at_most("the last items of a long queue: to the first ones", statistics.median(rates), LATE_AT_MOST)]


def on_hand(server: Served, token: str) -> int:
    """How many pieces of all products are on hand."""
    # Not the whole list, which is kept: the bare writer takes no revision.
    answer = Connection(server.port).ask(request("GET", "/api/products/?limit=500", token=token, agent=INTEGRATION))
    return sum(product["quantity"] for product in answer.json())  # type: ignore[attr-defined]


# --- Photos ---
def uploads(server: Served, rounds: int) -> list[Requirement]:
    """Look-ups per second of one camera, alone and while another phone uploads one photo after the other."""
    camera, other = server.log_in(APP), server.log_in(APP)
    look_up = [[[request("GET", "/api/products/?sku=SKU-00001", token=camera, agent=APP)]]]
    path = f"/api/products/{server.products[0]}/upload_image/"
    upload = form("POST", path, photo(), token=other, agent=APP)
    alone, beside, photos = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        done, seconds = saturate(server.port, look_up, ROUND_SECONDS)
        alone.append(sum(done) / seconds)
        ended, sent = Event(), list[int]()

        def send(ended: Event = ended, sent: list[int] = sent) -> None:
            connection = Connection(server.port)
            while not ended.is_set():
                sent.append(connection.ask(upload).status)

        thread = Thread(target=send)
        thread.start()
        done, seconds = saturate(server.port, look_up, ROUND_SECONDS)
        ended.set()
        thread.join()
        assert set(sent) == {200}, sent
        beside.append(sum(done) / seconds)
        photos.append(len(sent) / seconds)
    print("\n?sku= of a camera, 2 workers of 4 threads")
    print(f"alone: {statistics.median(alone):.0f} a second")
    print(f"while photos of 12 megapixels are uploaded: {statistics.median(beside):.0f} a second; "
          f"{statistics.median(photos):.1f} photos a second")  # fmt: skip
    return [at_least("?sku= while photos are uploaded: of the rate without", ratio(beside, alone), 0.5)]


def photo() -> bytes:
    """A photo as a phone's camera makes it: 12 megapixels, some 3 MB."""
    noise = Image.effect_noise((1000, 750), 40).resize((4000, 3000)).convert("RGB")
    file = BytesIO()
    noise.save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
