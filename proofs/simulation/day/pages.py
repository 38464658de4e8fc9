"""The product pages of one phone, as the reader by stories sees them."""

from __future__ import annotations

from dataclasses import dataclass, field

from api.reconcile import presses
from api.reconcile.chances import UNSEEN, Timing
from api.reconcile.presses import Base, Number, Page, lateness
from proofs.simulation.day.world import Request

LISTS = 5
"""How many lists are kept, as many as the server keeps (`memory.KEPT_PULLS`)."""


@dataclass(slots=True)
class Known:
    """A product since the last pull. added: the phone's own additions. pieces: what its numbers are read as."""

    bases: list[Base]
    page: Page = field(default_factory=Page)
    added: list[tuple[int, int]] = field(default_factory=list)
    pieces: int = 0

    def read(self) -> list[presses.Reading]:
        return presses.read(self.page, self.bases, [[]] * len(self.page.numbers), self.added)


class Presses:
    """All product pages of one phone."""

    def __init__(self, margin: float) -> None:
        self.margin = margin
        self.lists: list[dict[int, int]] = []
        """What the phone may show, the latest first: the lists of its last pulls, with what it has added since."""
        self.unread: list[float] = []
        """Of each of these: how much likelier it is that the answer was lost than that it was read."""
        self.products: dict[int, Known] = {}
        self.deltas: dict[int, int] = {}
        self.doubts: dict[int, dict[int, float]] = {}
        self.was_pull = False

    def product(self, product: int) -> Known:
        if product not in self.products:
            self.products[product] = Known(self._bases(product))
        return self.products[product]

    def _bases(self, product: int) -> list[Base]:
        """The latest list, or an earlier one if the answers since did not arrive (`seen.pulled`)."""
        weights, weight = dict[int, float](), 1.0
        for shown, unread in zip(self.lists, self.unread, strict=True):
            quantity = shown.get(product, 0)
            weights[quantity] = weights.get(quantity, 0.0) + weight
            weight *= unread
        total = sum(weights.values())
        return [Base(quantity, weight / total) for quantity, weight in weights.items()] or [Base(0, 1.0)]

    def add(self, request: Request) -> None:
        """The phone has added goods."""
        product, quantity = request.product, request.quantity
        added = self.product(product).added
        added.append((len(added) + 1, quantity))
        for shown in self.lists:
            shown[product] = shown.get(product, 0) + quantity

    def arrive(self, request: Request, timing: Timing) -> None:
        """Note a request: right after a pull it says whether the phone has read the list."""
        if self.was_pull:
            self.unread[0] = timing.unread
        self.was_pull = request.kind == "pull"

    def put(self, request: Request, timing: Timing) -> None:
        """A number."""
        known = self.product(request.product)
        late = lateness(timing, *known.page.gaps(request.quantity, request.at))
        known.page.numbers.append(Number(request.quantity, late, revision=len(known.added), at=request.at))
        known.pieces = known.read()[0].pieces

    def pulled(self) -> None:
        """The queue is known now, and nothing more can explain the numbers."""
        before, self.products = self.products, {}
        for product, known in before.items():
            if not known.page.numbers:
                continue
            readings = known.read()
            self.deltas[product] = self.deltas.get(product, 0) + readings[0].pieces
            if change := presses.other(readings, self.margin):
                self.doubts.setdefault(product, {})[change] = 0.0
            old = [number.quantity for number in known.page.numbers[-4:]]
            self.products[product] = Known([], Page(old=old))

    def answered(self, stock: dict[int, int]) -> None:
        """What the pull was answered with."""
        self.lists, self.unread = [dict(stock), *self.lists][:LISTS], [UNSEEN, *self.unread][:LISTS]
        for product, known in self.products.items():
            last, now = known.page.old[-1], stock.get(product, 0)
            known.bases = [Base(now, 0.95), *([Base(last, 0.05)] if last != now else [])]

    def booked(self) -> dict[int, int]:
        """The pieces that all numbers are read as, by product."""
        totals = dict(self.deltas)
        for product, known in self.products.items():
            totals[product] = totals.get(product, 0) + known.pieces
        return totals
