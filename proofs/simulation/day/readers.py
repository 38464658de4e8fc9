"""The readers in memory. That by stories is the server's own, without its tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from api.reconcile.line import Line
from api.reconcile.stories import MARGIN, Doubts, Effect, Stories
from proofs.simulation.day.pages import Presses
from proofs.simulation.day.world import Reader, Request


class Model:
    """A reader that needs to know nothing of the stock but what the phone is shown."""

    def begin(self, start: dict[int, int], others: Mapping[int, int]) -> None:
        pass

    def changed(self, product: int, change: int, at: float) -> None:
        pass


class StoryReader(Model):
    """Additions by stories, numbers by the pages that the phone can show. One phone."""

    def __init__(self, margin: float = MARGIN) -> None:
        self.stories, self.line = Stories(margin), Line()
        self.effects: dict[int, Effect] = {}
        """How each addition was read, by its number."""
        self.presses = Presses(margin, self.effects)
        self.final: list[Doubts] = []

    def read(self, request: Request) -> None:
        stories, line, product = self.stories, self.line, request.product
        timing = line.arrive(request.kind, request.at, request.connection)
        self.presses.arrive(request, timing)
        if request.kind == "find" and product:
            line.find(product, timing)
        elif request.kind == "find":
            stories.find_nothing(timing)
        elif request.kind == "add":
            stories.add(product, request.quantity, line.add(product, timing))
        elif request.kind == "put":
            stories.act(timing)
        elif request.kind == "pull":
            line.pull()
            self.final.append(stories.pull(timing))
        self.effects |= {effect.number: effect for effect in stories.told()}
        stories.settle()
        if request.kind == "put":
            self.presses.put(request, timing, line, stories.number)
        elif request.kind == "pull":
            self.presses.pulled()

    def answered(self, stock: dict[int, int]) -> None:
        self.presses.answered(stock, self.stories.number)

    def booked(self) -> dict[int, int]:
        totals = self.presses.booked()
        for effect in self.effects.values():
            totals[effect.product] = totals.get(effect.product, 0) + effect.pieces
        return totals

    def questions(self) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        told: list[Mapping[int, Mapping[int, object]]] = [*self.final, self.stories.doubts(), self.presses.doubts]
        for doubts in told:
            for product, changes in doubts.items():
                mine = found.setdefault(product, set())
                mine |= {a + b for a in mine for b in changes} | set(changes)
        return found


class EachPhone(Model):
    """A reader for each phone."""

    def __init__(self, make: Callable[[], Reader]) -> None:
        self.readers: dict[str, Reader] = defaultdict(make)
        self.last = ""

    def read(self, request: Request) -> None:
        self.last = request.phone
        self.readers[request.phone].read(request)

    def answered(self, stock: dict[int, int]) -> None:
        self.readers[self.last].answered(stock)

    def booked(self) -> dict[int, int]:
        totals: Counter[int] = Counter()
        for reader in self.readers.values():
            totals.update(reader.booked())
        return totals

    def questions(self) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        for reader in self.readers.values():
            for product, changes in reader.questions().items():
                mine = found.setdefault(product, set())
                mine |= {a + b for a in mine for b in changes} | changes
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
