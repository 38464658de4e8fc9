"""The readers that a day can be played with."""

from __future__ import annotations

from proofs.simulation.day.presses import Presses
from proofs.simulation.day.stories import MARGIN, Stories
from proofs.simulation.day.world import Request


class Model:
    """A reader that needs to know nothing of the stock but what the phone is shown."""

    def begin(self, start: dict[int, int]) -> None:
        pass

    def changed(self, product: int, change: int, at: float) -> None:
        pass


class StoryReader(Model):
    """Additions by stories, numbers by the pages that the phone can show."""

    def __init__(self, margin: float = MARGIN) -> None:
        self.stories, self.presses = Stories(margin), Presses(margin)

    def read(self, request: Request) -> None:
        timing = self.stories.arrive(request)
        self.presses.arrive(request, timing)
        if request.kind == "find":
            self.stories.find(request, timing)
        elif request.kind == "add":
            self.stories.add(request, timing)
            self.presses.add(request)
        elif request.kind == "put":
            self.presses.put(request, timing)
        elif request.kind == "pull":
            self.stories.pull(request, timing)
            self.presses.pulled()

    def answered(self, stock: dict[int, int]) -> None:
        self.presses.answered(stock)

    def booked(self) -> dict[int, int]:
        totals = self.presses.booked()
        for product, pieces in self.stories.booked().items():
            totals[product] = totals.get(product, 0) + pieces
        return totals

    def questions(self) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        for doubts in (self.stories.doubts(), self.presses.doubts):
            for product, changes in doubts.items():
                mine = found.setdefault(product, set())
                mine |= {a + b for a in mine for b in changes} | set(changes)
        return found


class Naive(Model):
    """Books every addition and believes no number, for comparison."""

    def __init__(self, margin: float = 0.0) -> None:
        self.totals: dict[int, int] = {}

    def read(self, request: Request) -> None:
        if request.kind == "add":
            self.totals[request.product] = self.totals.get(request.product, 0) + request.quantity

    def answered(self, stock: dict[int, int]) -> None:
        pass

    def booked(self) -> dict[int, int]:
        return self.totals

    def questions(self) -> dict[int, set[int]]:
        return {}
