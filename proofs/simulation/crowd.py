"""Many simultaneous requests: eight threads add to one product, two create the same SKU, readers follow by revision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from proofs.phone.dio import DioException
from proofs.simulation.invariants import Violation
from proofs.simulation.network import Server
from proofs.simulation.reader import Reader
from proofs.simulation.scene import MANAGER, READER, SHOP, Scene, program

WRITERS, ADDITIONS, READERS = 8, 4, 2
PAIRS = 2
RENAMERS = 3


class Crowd:
    """One round of simultaneous requests. The server is strict with programs, so the sums of additions must be exact.

    end_thread: called at the end of each thread.
    """

    def __init__(self, server: Server, scene: Scene, end_thread: Callable[[], None] = lambda: None) -> None:
        self.server, self.scene, self._end_thread = server, scene, end_thread
        self.problems: list[str] = []
        self.created: list[str] = []
        self._writing = threading.Event()

    def rush(self) -> list[Violation]:
        """Run all threads to their end. Returns the broken invariants."""
        product = self._send("POST", "/products/", {"sku": self.scene.sku("CROWD"), "name": "Crowd"})["id"]
        other = self._send("POST", "/products/", {"sku": self.scene.sku("CROWD2"), "name": "Crowd"})["id"]
        readers = [Reader(self.server, self.scene.tokens[READER], f"reader {n}") for n in range(READERS)]
        polling = self._threads([partial(self._poll, reader) for reader in readers])
        jobs = [partial(self._add, product if n % 2 else other, product, n) for n in range(WRITERS)]
        jobs += [partial(self._create, n // 2) for n in range(2 * PAIRS)]
        jobs += [partial(self._rename, n) for n in range(RENAMERS)]
        for thread in self._threads(jobs):
            thread.join()
        self._writing.set()
        for thread in polling:
            thread.join()
        for reader in readers:
            reader.poll()
            self.problems += reader.problems
        violations = [Violation("revisions", problem) for problem in self.problems]
        return violations + list(self._count(product, other))

    def _count(self, product: int, other: int) -> Iterator[Violation]:
        for product_id, wanted in ((product, WRITERS * ADDITIONS + WRITERS // 2), (other, WRITERS // 2)):
            found = self._send("GET", f"/products/{product_id}/")["quantity"]
            if found != wanted:
                yield Violation("nothing is lost in a crowd", f"{found} on hand, {wanted} were acknowledged")
        for sku in set(self.created):
            if self.created.count(sku) > 1:
                yield Violation("one product per SKU", f"{sku} was created {self.created.count(sku)} times at once")

    def _threads(self, jobs: Sequence[Callable[[], None]]) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._guarded, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        return threads

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except (OSError, DioException) as error:
            self.problems.append(f"in a crowd: {error!r}")
        finally:
            self._end_thread()

    def _add(self, first: int, product: int, n: int) -> None:
        """Add one piece to the product `first`, then ADDITIONS pieces to `product`, to which all threads add."""
        token = MANAGER if n % 2 else SHOP
        self._send("POST", f"/products/{first}/add_stock/", {"quantity": 1}, token)
        for _ in range(ADDITIONS):
            self._send("POST", f"/products/{product}/add_stock/", {"quantity": 1}, token)

    def _create(self, n: int) -> None:
        sku = self.scene.sku(f"PAIR{n}")
        try:
            self._send("POST", "/products/", {"sku": sku, "name": "Pair"})
            self.created.append(sku)
        except DioException as error:
            if error.status != 400:
                raise

    def _rename(self, n: int) -> None:
        body = {"sku": self.scene.sku(f"RENAMED{n}"), "name": "Renamed"}
        product = self._send("POST", "/products/", body)["id"]
        for number in range(ADDITIONS):
            self._send("PATCH", f"/products/{product}/", {"name": f"Renamed {number}"})

    def _poll(self, reader: Reader) -> None:
        while not self._writing.is_set():
            reader.poll()

    def _send(self, method: str, path: str, body: object = None, token: str = MANAGER) -> Any:
        dio, headers = program(self.server, self.scene.tokens[token], "crowd")
        return dio.request(method, path, body, headers).data
