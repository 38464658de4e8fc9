"""The product pages of one phone, as the reader by stories sees them."""

from __future__ import annotations

from dataclasses import dataclass, field

from api.reconcile import presses
from api.reconcile.chances import UNSEEN, Timing
from api.reconcile.presses import Base, Number, Page, lateness
from proofs.simulation.day.world import Request


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
        self.list: dict[int, int] = {}
        self.before: dict[int, int] = {}
        self.unread = UNSEEN
        """How much likelier it is that the answer to the last pull was lost."""
        self.products: dict[int, Known] = {}
        self.deltas: dict[int, int] = {}
        self.doubts: dict[int, dict[int, float]] = {}
        self.was_pull = False

    def product(self, product: int) -> Known:
        if product not in self.products:
            self.products[product] = Known(self._bases(product))
        return self.products[product]

    def _bases(self, product: int) -> list[Base]:
        """The list, or the one before if the answer to the last pull did not arrive."""
        now, before = self.list.get(product, 0), self.before.get(product, 0)
        total = 1 + self.unread
        return [Base(now, 1.0)] if now == before else [Base(now, 1 / total), Base(before, self.unread / total)]

    def add(self, request: Request) -> None:
        """The phone has added goods."""
        product, quantity = request.product, request.quantity
        added = self.product(product).added
        added.append((len(added) + 1, quantity))
        self.list[product] = self.list.get(product, 0) + quantity  # shown until another list is read

    def arrive(self, request: Request, timing: Timing) -> None:
        """Note a request: right after a pull it says whether the phone has read the list."""
        if self.was_pull:
            self.unread = timing.unread
        self.was_pull = request.kind == "pull"

    def put(self, request: Request, timing: Timing) -> None:
        """A number."""
        known = self.product(request.product)
        late = lateness(timing, known.page.seconds_since(request.quantity, request.at))
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
        self.before, self.list, self.unread = self.list or stock, dict(stock), UNSEEN
        for product, known in self.products.items():
            last, now = known.page.old[-1], stock.get(product, 0)
            known.bases = [Base(now, 0.95), *([Base(last, 0.05)] if last != now else [])]

    def booked(self) -> dict[int, int]:
        """The pieces that all numbers are read as, by product."""
        totals = dict(self.deltas)
        for product, known in self.products.items():
            totals[product] = totals.get(product, 0) + known.pieces
        return totals
