"""The product pages of one phone, as the reader by stories sees them."""

from __future__ import annotations

from collections.abc import Mapping

from api.reconcile import presses
from api.reconcile.chances import UNSEEN, Timing
from api.reconcile.line import Line
from api.reconcile.presses import NUMBER_LOST, Base, Number, Page, lateness
from api.reconcile.stories import Effect
from proofs.simulation.day.world import Request

LISTS = 5
"""How many lists are kept, as many as the server keeps (`memory.KEPT_PULLS`)."""


class Presses:
    """All product pages of one phone. effects: how its additions are read now, by their numbers."""

    def __init__(self, margin: float, effects: Mapping[int, Effect]) -> None:
        self.margin, self.effects = margin, effects
        self.lists: list[tuple[dict[int, int], int]] = []
        """What the phone may show: the lists of its last pulls, the latest first, each with how many additions had
        been read by then."""
        self.unread: list[float] = []
        """Of each of these: how much likelier it is that the answer was lost than that it was read."""
        self.pages: dict[int, Page] = {}
        """By product, since the last pull."""
        self.pieces: dict[int, int] = {}
        """By product, what these numbers are read as."""
        self.deltas: dict[int, int] = {}
        self.doubts: dict[int, dict[int, float]] = {}
        self.before = Request("")
        """The request before the one that is read."""

    def _read(self, product: int, page: Page) -> list[presses.Reading]:
        """The readings of a page's numbers (`history.page_of`)."""
        added = self._added(product)
        return presses.read(page, self._bases(product, page, added), [[]] * len(page.numbers), added)

    def _added(self, product: int) -> list[tuple[int, int]]:
        """The phone's own additions since the oldest list, in order: the number of each and its pieces."""
        since = self.lists[-1][1] if self.lists else 0
        own = (effect for effect in self.effects.values() if effect.product == product and effect.pieces)
        return [(effect.number, effect.pieces) for effect in own if effect.number > since]

    def _bases(self, product: int, page: Page, added: list[tuple[int, int]]) -> list[Base]:
        """The latest list; or, if its answer did not arrive, the last number with what was added since, or an earlier
        list (`history.page_of`)."""
        weights, weight = dict[tuple[int, int], float](), 1.0
        for nth, ((stock, additions), unread) in enumerate(zip(self.lists, self.unread, strict=True)):
            share = NUMBER_LOST if nth and page.before is not None else 1.0
            options = [(stock.get(product, 0), additions, share)]
            if page.before is not None:
                options += [(page.before, self.lists[0][1], 1 - share)]
            for shown, until, its_share in options:
                key = (shown, sum(number <= until for number, _ in added))
                weights[key] = weights.get(key, 0.0) + weight * its_share
            weight *= unread
        total = sum(weights.values())
        bases = [Base(shown, weight / total, included) for (shown, included), weight in weights.items() if weight]
        return bases or [Base(0, 1.0, len(added))]

    def arrive(self, request: Request, timing: Timing) -> None:
        """Note a request: right after a pull it says whether the phone has read the list."""
        if self.before.kind == "pull":
            self.unread[0] = timing.unread
        self.before = request if request.kind != "put" else self.before

    def put(self, request: Request, timing: Timing, line: Line, additions: int) -> None:
        """A number. additions: how many have been read."""
        page = self.pages.setdefault(request.product, Page())
        late = lateness(timing, *page.gaps(request.quantity, request.at))
        is_behind = (self.before.kind, self.before.product) == ("put", request.product)
        if is_behind and page.is_next(request.quantity, request.at):
            line.pressed_next(timing)
        self.before = request
        page.numbers.append(Number(request.quantity, late, revision=additions, at=request.at))
        self.pieces[request.product] = self._read(request.product, page)[0].pieces

    def pulled(self) -> None:
        """The queue is known now, and nothing more can explain the numbers."""
        before, self.pages, self.pieces = self.pages, {}, {}
        for product, page in before.items():
            if not page.numbers:
                continue
            readings = self._read(product, page)
            self.deltas[product] = self.deltas.get(product, 0) + readings[0].pieces
            if change := presses.other(readings, self.margin):
                self.doubts.setdefault(product, {})[change] = 0.0
            best = readings[0]
            more = sum(pieces for _, pieces in self._added(product)[best.grown :])
            shown = best.shown + more if best.shown is not None else None
            self.pages[product] = Page(before=shown, old=[number.quantity for number in page.numbers[-4:]])

    def answered(self, stock: dict[int, int], additions: int) -> None:
        """What the pull was answered with. additions: how many have been read."""
        self.lists = [(dict(stock), additions), *self.lists][:LISTS]
        self.unread = [UNSEEN, *self.unread][:LISTS]

    def booked(self) -> dict[int, int]:
        """The pieces that all numbers are read as, by product."""
        totals = dict(self.deltas)
        for product, pieces in self.pieces.items():
            totals[product] = totals.get(product, 0) + pieces
        return totals
