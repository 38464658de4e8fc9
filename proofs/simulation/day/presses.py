"""Reading the numbers of + and −: each PUT says one more or one less than the product page showed.

The numbers of a product since the last pull are read together, each time one is added, since a later one can show what
an earlier one meant: what seemed a press was a late copy, or the page counted goods that still waited in the queue.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from api.reconcile.chances import UNSEEN, Timing
from proofs.simulation.day.world import Request

MOST_READINGS = 24
STEP, SAME, LATE, GREW, OTHER = 0.42, 0.08, 0.0004, 0.02, 0.00002
"""The chances that a PUT is a step, the number before again, an earlier one that comes late, a step after goods that
the phone added meanwhile, or none of these."""
UNSEEN_BUT_KEPT = 0.002
"""The answer to a pull was not read, although its connection was used again."""


@dataclass(slots=True)
class Page:
    """A product on the phone since the last pull.

    bases: what its list can say, with the chance of each. sums: by how much the phone's own additions have raised it,
    from 0 on. numbers: the PUTs, each with the chance that it is an earlier one that comes late. pieces: what they are
    read as.
    """

    bases: list[tuple[int, float]]
    sums: list[int] = field(default_factory=lambda: [0])
    numbers: list[tuple[int, float]] = field(default_factory=list)
    pieces: int = 0
    old: tuple[int, ...] = ()
    """Numbers from before the last pull, of which one can still come late."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the numbers so far. shown: what the page shows; grown: how many of the additions are in it."""

    cost: float
    shown: int | None
    grown: int
    pieces: int


class Presses:
    """All product pages of one phone."""

    def __init__(self, margin: float) -> None:
        self.margin = margin
        self.list: dict[int, int] = {}
        self.before: dict[int, int] = {}
        self.arrived = False
        """Whether a request came on the last pull's connection, so that its answer was read."""
        self.pages: dict[int, Page] = {}
        self.deltas: dict[int, int] = {}
        self.doubts: dict[int, dict[int, float]] = {}
        self.was_pull = False

    def page(self, product: int) -> Page:
        if product not in self.pages:
            self.pages[product] = Page(self._bases(product))
        return self.pages[product]

    def _bases(self, product: int) -> list[tuple[int, float]]:
        """The list, or the one before if the answer to the last pull did not arrive."""
        now, before = self.list.get(product, 0), self.before.get(product, 0)
        unseen = UNSEEN_BUT_KEPT if self.arrived else UNSEEN
        return [(now, 1.0)] if now == before else [(now, 1 - unseen), (before, unseen)]

    def add(self, request: Request) -> None:
        """The phone has added goods."""
        page = self.page(request.product)
        page.sums.append(page.sums[-1] + request.quantity)

    def arrive(self, request: Request, timing: Timing) -> None:
        """Note a request: on the connection of the pull before, it says that the phone has read the list."""
        self.arrived = self.arrived or (self.was_pull and timing.kept is True)
        self.was_pull = request.kind == "pull"

    def put(self, request: Request, timing: Timing) -> None:
        """A number. An earlier one cannot come late on the phone's connection. On a new one that is the likelier, the
        rarer new ones are; a balancer's are always new, and say nothing."""
        page = self.page(request.product)
        late = LATE * (min(1 / timing.new, 30.0) if timing.kept is False else 0.02)
        page.numbers.append((request.quantity, late))
        page.pieces = read(page)[0].pieces

    def pulled(self) -> None:
        """The queue is known now, and nothing more can explain the numbers."""
        before, self.pages = self.pages, {}
        for product, page in before.items():
            if not page.numbers:
                continue
            readings = read(page)
            best = readings[0]
            self.deltas[product] = self.deltas.get(product, 0) + best.pieces
            for other in readings[1:]:
                change, extra = other.pieces - best.pieces, other.cost - best.cost
                if change and extra <= self.margin:
                    doubts = self.doubts.setdefault(product, {})
                    doubts[change] = min(extra, doubts.get(change, extra))
            self.pages[product] = Page([], old=tuple(number for number, _ in page.numbers[-4:]))

    def answered(self, stock: dict[int, int]) -> None:
        """What the pull was answered with."""
        self.before, self.list, self.arrived = self.list or stock, dict(stock), False
        for product, page in self.pages.items():
            last = page.old[-1]
            page.bases = [(stock.get(product, 0), 0.95), *([(last, 0.05)] if last != stock.get(product, 0) else [])]

    def booked(self) -> dict[int, int]:
        """The pieces that all numbers are read as, by product."""
        totals = dict(self.deltas)
        for product, page in self.pages.items():
            totals[product] = totals.get(product, 0) + page.pieces
        return totals


def read(page: Page) -> list[Reading]:
    """The ways to read a page's numbers, the likeliest first."""
    readings = [Reading(0.0, None, 0, 0)]
    for nth, (number, late) in enumerate(page.numbers):
        earlier = (*page.old, *(earlier for earlier, _ in page.numbers[:nth]))
        best: dict[tuple[int | None, int, int], Reading] = {}
        for reading in readings:
            for chance, shown, grown, pieces in ways(page, reading, number, late if number in earlier else 0.0):
                cost, key = reading.cost - math.log(chance), (shown, grown, reading.pieces + pieces)
                if key not in best or cost < best[key].cost:
                    best[key] = Reading(cost, shown, grown, reading.pieces + pieces)
        readings = sorted(best.values(), key=lambda reading: reading.cost)[:MOST_READINGS]
    return readings


def ways(page: Page, reading: Reading, number: int, late: float) -> Iterator[tuple[float, int | None, int, int]]:
    """How a number can have come about. late: the chance that it is an earlier one.

    Yields the chance, what the page shows then, how many additions are in that, and the pieces.
    """
    if reading.shown is None:
        for base, chance in page.bases:
            for grown, total in enumerate(page.sums):
                share = chance * (1.0 if len(page.sums) == 1 else 0.5 if not grown else 0.5 / (len(page.sums) - 1))
                if abs(number - base - total) == 1:
                    yield share * STEP, number, grown, number - base - total
                elif number == base + total:
                    yield share * SAME, number, grown, 0
    else:
        if abs(number - reading.shown) == 1:
            yield STEP, number, reading.grown, number - reading.shown
        elif number == reading.shown:
            yield SAME, number, reading.grown, 0
        for grown in range(reading.grown + 1, len(page.sums)):
            step = number - reading.shown - page.sums[grown] + page.sums[reading.grown]
            if abs(step) == 1:
                yield GREW, number, grown, step
    if late:
        yield late, reading.shown, reading.grown, 0
    for step in (1, -1):
        yield OTHER, number, reading.grown, step
    yield OTHER, reading.shown, reading.grown, 0
