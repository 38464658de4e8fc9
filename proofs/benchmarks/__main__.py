"""`make bench`: compares the cost of our server with plain implementations, in one run.

    python -m proofs.benchmarks              everything (about two minutes)
    python -m proofs.benchmarks phones       the list as a phone gets it, with nginx before the server: CPU of both
    python -m proofs.benchmarks lists        GET /api/products/ and /api/orders/: CPU per request
    python -m proofs.benchmarks writes       add_stock on one product from 8 connections: throughput

Exit code 1: a requirement is missed.
"""

import argparse
import shutil
import statistics
import sys
from dataclasses import dataclass

from dev.common import temporary_folder
from dev.postgres import temporary_postgres
from proofs.benchmarks.client import Connection, request, saturate
from proofs.benchmarks.edge import Edge, edge
from proofs.benchmarks.server import Served, served

APP, INTEGRATION = "Dart/3.5 (dart:io)", "warehouse-integration/1.0"
PRODUCTS, ORDERS, LINES = 10_000, 1_000, 5
CONNECTIONS, ROUND_SECONDS = 8, 3.0
PLAIN_PRODUCTS, PLAIN_ORDERS = "products, plain ModelViewSet", "orders, plain ModelViewSet"
READY = "a bare function that sends ready bytes"
LIST_AT_MOST, WRITES_AT_LEAST = 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Requirement:
    text: str
    kept: bool


def main() -> int:
    """Measure what the command line names; returns 0 if all requirements are kept."""
    parser = argparse.ArgumentParser(prog="python -m proofs.benchmarks")
    parser.add_argument("what", nargs="?", choices=["phones", "lists", "writes", "all"], default="all")
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
                    url, folder, workers=2, threads=4, products=1
                ) as server:  # fmt: skip
                    requirements += writes(server, chosen.rounds, name)
    print()
    for requirement in requirements:
        print("kept  " if requirement.kept else "MISSED", requirement.text)
    return 0 if all(requirement.kept for requirement in requirements) else 1


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
    token = server.log_in(INTEGRATION)
    connection = Connection(server.port)

    def get(path: str, **more: str) -> bytes:
        return request("GET", path, token=token, agent=INTEGRATION, **more)

    add = f"/api/products/{server.products[0]}/add_stock/"
    write = request("POST", add, body={"quantity": 1}, token=token, agent=INTEGRATION)
    names = [
        PLAIN_PRODUCTS, "products", "products, right after a write", "products, 304", "products, ?sku=",
        PLAIN_ORDERS, "orders", "orders, right after a write",
    ]  # fmt: skip
    spent: dict[str, list[float]] = {name: [] for name in names}
    size: dict[str, int] = {}

    def measure(name: str, data: bytes, times: int, before: bytes | None = None) -> None:
        milliseconds, size[name] = cpu(server, connection, data, times, before)
        spent[name].append(milliseconds)

    for _ in range(rounds):
        measure(PLAIN_PRODUCTS, get("/plain/products/"), 2)
        measure("products", get("/api/products/"), 20)
        measure("products, right after a write", get("/api/products/"), 20, write)
        tag = connection.ask(get("/api/products/")).headers["etag"]
        measure("products, 304", get("/api/products/", if_none_match=tag), 200)
        measure("products, ?sku=", get("/api/products/?sku=SKU-04711"), 200)
        measure(PLAIN_ORDERS, get("/plain/orders/"), 2)
        measure("orders", get("/api/orders/"), 20)
        measure("orders, right after a write", get("/api/orders/"), 20, write)
    print(f"\nReading, {PRODUCTS:,} products, {ORDERS:,} orders of {LINES} lines: CPU of gunicorn's worker")
    print(f"{'':36}{'ms/request':>12}{'to plain':>10}{'bytes':>12}")
    plain = {name: PLAIN_PRODUCTS if name.startswith("products") else PLAIN_ORDERS for name in names}
    to_plain = {name: ratio(spent[name], spent[plain[name]]) for name in names}
    for name in names:
        print(f"{name:36}{statistics.median(spent[name]):12.2f}{to_plain[name]:10.4f}{size[name]:12,}")
    return [
        Requirement(
            f"{name}: {to_plain[name]:.3f} of a plain ModelViewSet's CPU (at most {LIST_AT_MOST})",
            to_plain[name] <= LIST_AT_MOST,
        )
        for name in ("products", "products, right after a write")
    ]


def cpu(
    server: Served | Edge, connection: Connection, data: bytes, times: int, before: bytes | None = None
) -> tuple[float, int]:
    """Milliseconds of CPU for one such request, on average, and the answer's size in bytes.

    before: a request to make before each; its own cost is subtracted.
    """
    alone = cpu(server, connection, before, 100)[0] if before else 0.0
    start = server.cpu_seconds()
    for _ in range(times):
        if before:
            connection.ask(before)
        answer = connection.ask(data)
        assert answer.status in (200, 304), answer
    return (server.cpu_seconds() - start) / times * 1000 - alone, len(answer.body)


# --- Writes: throughput ---
def writes(server: Served, rounds: int, name: str) -> list[Requirement]:
    """Additions per second to one product, from 8 connections, for each implementation in interleaved rounds."""
    (product,) = server.products
    integrations = [server.log_in(INTEGRATION) for _ in range(CONNECTIONS)]
    phones = [server.log_in(APP) for _ in range(CONNECTIONS)]

    def add(path: str, token: str, agent: str) -> bytes:
        return request("POST", path, body={"quantity": 1}, token=token, agent=agent)

    def look_up(token: str) -> bytes:
        return request("GET", "/api/products/?sku=SKU-00000", token=token, agent=APP)

    ours = f"/api/products/{product}/add_stock/"
    # The requests that each connection repeats; the addition comes last.
    ways = {
        "bare writer": [[add(f"/bare/{product}/add_stock/", "", INTEGRATION)]] * CONNECTIONS,
        "integration": [[add(ours, token, INTEGRATION)] for token in integrations],
        "app, look-up and addition": [[look_up(token), add(ours, token, APP)] for token in phones],
        "app, addition only": [[add(ours, token, APP)] for token in phones],
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    lost = 0
    for _ in range(rounds):
        for way, scripts in ways.items():
            if way.startswith("app"):
                # As the app does. Otherwise equal additions over new connections look like a resent queue.
                for token in phones:
                    Connection(server.port).ask(request("GET", "/api/products/", token=token, agent=APP))
            before = on_hand(server, integrations[0])
            additions, seconds = saturate(server.port, scripts, ROUND_SECONDS)
            lost += before + additions - on_hand(server, integrations[0])
            rates[way].append(additions / seconds)
    print(f"\nadd_stock on one product, {CONNECTIONS} connections, 2 workers of 4 threads, {name}")
    print(f"{'':36}{'additions/s':>12}{'requests/s':>12}{'to bare':>10}")
    for way, scripts in ways.items():
        rate, to_bare = statistics.median(rates[way]), ratio(rates[way], rates["bare writer"])
        print(f"{way:36}{rate:12.0f}{rate * len(scripts[0]):12.0f}{to_bare:10.2f}")
    reached = ratio(rates["integration"], rates["bare writer"])
    return [
        Requirement(
            f"add_stock, {name}: {reached:.2f} of a bare writer's throughput (at least {WRITES_AT_LEAST})",
            reached >= WRITES_AT_LEAST,
        ),
        Requirement(f"add_stock, {name}: {lost} pieces lost or too many (0)", lost == 0),
    ]


def on_hand(server: Served, token: str) -> int:
    """The quantity on hand of the first product."""
    path = f"/api/products/{server.products[0]}/"
    answer = Connection(server.port).ask(request("GET", path, token=token, agent=INTEGRATION))
    quantity: int = answer.json()["quantity"]  # type: ignore[index]
    return quantity


def ratio(ours: list[float], plain: list[float]) -> float:
    """The median of the rounds' ratios: a temporary slowdown of the machine affects both numbers of a round."""
    return statistics.median(a / b for a, b in zip(ours, plain, strict=True))


if __name__ == "__main__":
    sys.exit(main())
