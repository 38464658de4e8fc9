"""Reading additions by stories: what a phone can have been doing, how likely each story is, and what each one books.

Each addition extends every story in the few ways in which the program, or the person, could have sent it. Equal states
merge. The likeliest story is booked; where another one that is not much less likely books something else, a manager is
asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from proofs.simulation.day import program
from proofs.simulation.day.chances import KEPT_SECONDS, MOST_SECONDS, Timing
from proofs.simulation.day.program import State, Way
from proofs.simulation.day.world import Request

MOST_STORIES = 64
WINDOW = 12.0
"""Stories that cost so much more than the likeliest one, in nats, are dropped."""
MARGIN = 7.0
"""A manager is asked about a story that costs at most so much more than the likeliest one, in nats."""


@dataclass(slots=True)
class Effect:
    """What one addition books in a story, linked to the one before."""

    number: int
    product: int
    pieces: int
    before: Effect | None
    way: str


@dataclass(slots=True)
class Story:
    """cost: how unlikely, in nats. doubts: for a product, by how many pieces another story that ended in the same
    state differs, and how much more it costs."""

    state: State
    cost: float = 0.0
    effects: Effect | None = None
    doubts: dict[int, dict[int, float]] = field(default_factory=dict)


class Stories:
    """All stories of one phone since its last pull."""

    def __init__(self, margin: float = MARGIN) -> None:
        self.margin = margin
        self.stories = [Story(State())]
        self.number = 0
        self.last_at = -1e9
        self.requests = 0
        self.connection = ""
        self.kept = {True: 0, False: 0}
        """How often a connection that the phone would keep was kept."""
        self.found: dict[int, list[tuple[int, float, Timing]]] = {}
        """By product: its look-ups without an addition, as the request's number and time, and how it came."""

    def booked(self) -> dict[int, int]:
        """The pieces that the likeliest story books, by product."""
        totals: dict[int, int] = {}
        for effect in self.told():
            totals[effect.product] = totals.get(effect.product, 0) + effect.pieces
        return totals

    def told(self) -> list[Effect]:
        """The likeliest story: what each addition books in it, and which way it came, the first one first."""
        effects: list[Effect] = []
        effect = self.stories[0].effects
        while effect is not None:
            effects.append(effect)
            effect = effect.before
        return effects[::-1]

    def arrive(self, request: Request) -> Timing:
        """Note that a request came."""
        gap, kept = request.at - self.last_at, None
        if gap < KEPT_SECONDS:
            kept = request.connection == self.connection
            self.kept[kept] += 1
        self.last_at, self.connection = request.at, request.connection
        self.requests += 1
        return Timing(gap, kept, (self.kept[False] + 1) / (self.kept[True] + self.kept[False] + 5))

    def find(self, request: Request, timing: Timing) -> None:
        if request.product:
            waiting = self.found.setdefault(request.product, [])
            waiting.append((self.requests, request.at, timing))
            del waiting[:-3]

    def add(self, request: Request, timing: Timing) -> None:
        """Extend every story by an addition."""
        self.number += 1
        item = (request.product, request.quantity)
        waiting = [entry for entry in self.found.get(request.product, []) if request.at - entry[1] < MOST_SECONDS]
        if waiting:
            # Within one pass the look-up comes directly before; otherwise two passes look up and add in turn.
            direct = waiting[-1][0] == self.requests - 1
            number, _, found = waiting.pop(-1 if direct else 0)
            timing = replace(found, interleaved=number != self.requests - 1)
            self.found[request.product] = [entry for entry in waiting if request.at - entry[1] < 3]
        else:
            timing = replace(timing, looked_up=False)
        self._extend(lambda state: program.ways(state, item, timing), request.product)

    def pull(self, request: Request, timing: Timing) -> None:
        """Extend every story by a pull."""
        for product, waiting in self.found.items():
            self.found[product] = [entry for entry in waiting if request.at - entry[1] < 3]
        self._extend(lambda state: program.pull_ways(state, timing), 0)

    def _extend(self, ways_of: Callable[[State], Iterable[Way]], product: int) -> None:
        """Extend every story, merge equal states, and drop what is too unlikely."""
        after: list[Story] = []
        for story in self.stories:
            for name, chance, pieces, state in ways_of(story.state):
                if chance <= 0:
                    continue
                effects = Effect(self.number, product, pieces, story.effects, name) if product else story.effects
                after.append(Story(state, story.cost - math.log(chance), effects, story.doubts))
        after.sort(key=lambda story: story.cost)
        kept: dict[tuple[object, ...], Story] = {}
        least = after[0].cost
        for story in after:
            story.cost -= least
            if story.cost > WINDOW:
                break
            known = kept.get(story.state.key())
            if known is None:
                if len(kept) < MOST_STORIES:
                    kept[story.state.key()] = story
            else:
                merge(known, story, self.margin)
        self.stories = list(kept.values())

    def doubts(self) -> dict[int, dict[int, float]]:
        """By product: what other stories within the margin book more or less than the likeliest, and their cost."""
        best = Story(self.stories[0].state, 0.0, self.stories[0].effects, self.stories[0].doubts)
        for story in self.stories[1:]:
            merge(best, story, self.margin)
        return best.doubts


def merge(known: Story, other: Story, margin: float) -> None:
    """Both stories come to the same: the likelier stays, and what the other books differently is a doubt."""
    extra = other.cost - known.cost
    if extra > margin:
        return
    differences = difference(known.effects, other.effects)
    doubts = {product: dict(found) for product, found in known.doubts.items()}
    for product in differences.keys() | other.doubts.keys():
        change = differences.get(product, 0)
        options = {change: extra}
        for more, cost in other.doubts.get(product, {}).items():
            total = change + more
            options[total] = min(options.get(total, 1e9), extra + cost)
        for total, cost in options.items():
            if total and cost <= margin:
                mine = doubts.setdefault(product, {})
                mine[total] = min(mine.get(total, 1e9), cost)
    known.doubts = doubts


def difference(one: Effect | None, other: Effect | None) -> dict[int, int]:
    """By product: the pieces that the second chain books more than the first."""
    totals: dict[int, int] = {}
    while one is not other:
        if other is None or (one is not None and one.number >= other.number):
            assert one is not None
            totals[one.product] = totals.get(one.product, 0) - one.pieces
            one = one.before
        else:
            totals[other.product] = totals.get(other.product, 0) + other.pieces
            other = other.before
    return {product: total for product, total in totals.items() if total}
