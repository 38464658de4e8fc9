"""The clock, the network and the server of a day, in memory. All times are seconds since the morning."""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

IDLE_SECONDS = 15.0
"""How long the phone keeps an idle connection (docs/flutter-app.md, section 1)."""

FAILED = object()
"""What a request returns when the phone gets no answer."""

Task = Generator["Request | float", Any, None]


@dataclass(slots=True)
class Request:
    """One request of a phone.

    kind: find, add, put, pull. product: its number, 0 for an unknown SKU. quantity: pieces of an addition, or the
    number of a PUT. intent: which act of the person it belongs to, and how many pieces that act stands for.
    """

    kind: str
    product: int = 0
    quantity: int = 0
    intent: tuple[int, int] = (0, 0)
    sku: str = ""
    at: float = 0.0
    phone: str = ""
    connection: str = ""
    pieces: int = 0
    """The truth: how many pieces of stock it stands for. 0 for a duplicate."""
    fault: str = ""


class Reader(Protocol):
    """What decides how many pieces the requests of the phones stand for."""

    def begin(self, start: dict[int, int], others: Mapping[int, int]) -> None:
        """start: the stock of the morning, by product. others: what others than the phones change, as the day goes."""

    def changed(self, product: int, change: int, at: float) -> None:
        """Somebody else changed the stock, which `others` says already."""

    def read(self, request: Request) -> None:
        """Read one request."""

    def answered(self, stock: dict[int, int]) -> None:
        """The pull that was read last was answered with these numbers."""

    def booked(self) -> dict[int, int]:
        """The pieces booked so far, by product."""

    def questions(self) -> dict[int, set[int]]:
        """The open questions: by product, the changes that a manager can choose besides 0."""


@dataclass(slots=True)
class Network:
    """How bad it is now, and how connections are made.

    bad: the chance that a request fails. own_connections: whether every request has a connection of its own.
    """

    random: random.Random
    bad: float = 0.0
    own_connections: bool = False

    def fault(self) -> str:
        """ "" or: lost (never arrives), answer (its answer is lost), late (arrives after the phone has given up)."""
        if self.random.random() >= self.bad:
            return ""
        return self.random.choices(("lost", "answer", "late"), (5, 4, 1))[0]


@dataclass
class World:
    """The server, the truth and the clock."""

    random: random.Random
    reader: Reader
    products: int = 40
    now: float = 0.0
    others: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """What others than the people with phones changed, by product: the server knows it for certain."""
    truth: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """What the people with phones really changed, as far as a request of it has arrived."""
    acts: int = 0
    """How many acts there were of people with phones."""
    arrived: set[int] = field(default_factory=set)
    log: list[Request] = field(default_factory=list)
    wronged: set[int] = field(default_factory=set)
    """Products of which a request, or the pull after it, was lost or came twice."""
    recent: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """By phone, the products of its requests since its last pull."""
    touched: dict[int, float] = field(default_factory=dict)
    """When a request about a product was last sent, or arrived."""
    start: dict[int, int] = field(default_factory=dict)
    _heap: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        self.start = {product: self.random.randint(5, 80) for product in range(1, self.products + 1)}
        self.reader.begin(self.start, self.others)

    def change(self, product: int, change: int) -> None:
        """Somebody without a phone changes the stock."""
        self.others[product] += change
        self.reader.changed(product, change, self.now)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something after so many seconds."""
        self._number += 1
        heapq.heappush(self._heap, (self.now + seconds, self._number, act))

    def run(self) -> None:
        """Let time pass until nothing is left to do."""
        while self._heap:
            self.now, _, act = heapq.heappop(self._heap)
            act()

    def stock(self) -> dict[int, int]:
        """What the server believes."""
        booked = self.reader.booked()
        return {p: n + self.others.get(p, 0) + booked.get(p, 0) for p, n in self.start.items()}

    def true_stock(self) -> dict[int, int]:
        return {p: n + self.others.get(p, 0) + self.truth.get(p, 0) for p, n in self.start.items()}

    def handle(self, request: Request) -> Any:
        """The server's work on a request. Returns the answer."""
        request.at = self.touched[request.product] = self.now
        number, pieces = request.intent
        if number and number not in self.arrived and request.product:
            self.arrived.add(number)
            request.pieces = pieces
            self.truth[request.product] += pieces
        elif number:
            self.wronged.add(request.product)
        self.log.append(request)
        self.reader.read(request)
        if request.kind == "pull":
            stock = self.stock()
            self.reader.answered(stock)
            self.recent[request.phone].clear()
            return stock
        self.recent[request.phone].add(request.product)
        return request.product or None


@dataclass
class Link:
    """One phone's way to the server."""

    world: World
    network: Network
    name: str
    _idle: list[tuple[str, float]] = field(default_factory=list)
    _made: int = 0

    def start(self, task: Task) -> None:
        """Run a task of the app or its person beside the others."""
        self._go_on(task, None)

    def _go_on(self, task: Task, value: Any) -> None:
        try:
            wanted = task.send(value)
        except StopIteration:
            return
        if isinstance(wanted, Request):
            self._exchange(task, wanted)
        else:
            self.world.later(wanted, lambda: self._go_on(task, None))

    def _connection(self) -> str:
        while self._idle and not self.network.own_connections:
            name, last = self._idle.pop()
            if self.world.now - last < IDLE_SECONDS:
                return name
        self._made += 1
        return f"{self.name}:{self._made}"

    def _exchange(self, task: Task, request: Request) -> None:
        rng, world = self.network.random, self.world
        request.phone, request.connection, request.fault = self.name, self._connection(), self.network.fault()
        world.touched[request.product] = world.now
        way = rng.uniform(0.015, 0.06) * (3 if self.network.bad else 1)
        if request.fault:
            world.wronged |= world.recent[self.name] if request.kind == "pull" else {request.product}
            patience = rng.uniform(0.3, 12.0)
            if request.fault == "late":
                world.later(patience + rng.uniform(0.1, 4.0), lambda: world.handle(request))
            elif request.fault == "answer":
                world.later(way, lambda: world.handle(request))
            world.later(patience, lambda: self._go_on(task, FAILED))
            return

        def arrive() -> None:
            answer = world.handle(request)
            world.later(way, lambda: back(answer))

        def back(answer: Any) -> None:
            self._idle.append((request.connection, world.now))
            self._go_on(task, answer)

        world.later(way, arrive)
