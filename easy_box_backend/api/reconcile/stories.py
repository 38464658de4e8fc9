"""Reads additions by stories: what a phone can have been doing, how likely each story is, and what each one books.

Each addition extends every story by the few ways in which the app, or the person, can have sent it. Stories with equal
states merge. The likeliest story is booked. Where another story is not much less likely and books something else, a
manager is asked. (docs/reconciliation.md)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from api.reconcile import program
from api.reconcile.chances import Timing
from api.reconcile.program import Queue, State, Way

MOST_STORIES = 64
WINDOW = 12.0
"""Stories that cost so much more than the likeliest one, in nats, are dropped."""
MARGIN = 7.0
"""A manager is asked about a story that costs at most so much more than the likeliest one, in nats."""
MOST_DOUBTS = 8
"""How many different doubts about a product are kept, the likeliest ones."""


@dataclass(slots=True)
class Effect:
    """What one addition books in a story, linked to the one before. number: of the addition."""

    number: int
    product: int
    pieces: int
    before: Effect | None
    way: str


class Doubt(NamedTuple):
    """What another story books differently from the likeliest one.

    cost: how much less likely it is, in nats. additions: the numbers of the additions that only one of the two books,
    each with its pieces: positive if the other story books them, negative if the likeliest one does.
    """

    cost: float
    additions: tuple[tuple[int, int], ...]

    @property
    def change(self) -> int:
        """How many pieces more the other story books."""
        return sum(pieces for _, pieces in self.additions)

    @property
    def latest(self) -> int:
        """The number of its latest addition."""
        return max(number for number, _ in self.additions)


Doubts = dict[int, dict[int, Doubt]]
"""By product, and by how many pieces more the other story books."""


@dataclass(slots=True)
class Story:
    """One explanation of all requests so far.

    cost: how unlikely it is, in nats. effects: the latest one. doubts: what other stories that ended in the same state
    book differently.
    """

    state: State
    cost: float = 0.0
    effects: Effect | None = None
    doubts: Doubts = field(default_factory=dict)

    def chain(self) -> Iterator[Effect]:
        """The effects of the story, the latest addition first."""
        effect = self.effects
        while effect is not None:
            yield effect
            effect = effect.before


class Stories:
    """All stories of one phone, the likeliest first."""

    def __init__(self, margin: float = MARGIN) -> None:
        self.margin = margin
        self.stories = [Story(State())]
        self.number = 0
        """How many additions have been read."""
        self.pulled_at = 0
        """How many additions had been read at the last pull."""

    # --- Requests -----------------------------------------------------------------------------------------------------
    def find_nothing(self, timing: Timing) -> None:
        """A look-up that was answered with nothing."""
        self._extend(lambda state: program.unknown_ways(state, timing), timing)

    def act(self, timing: Timing) -> None:
        """A creation, an update or a deletion."""
        self._extend(lambda state: program.acted_ways(state, timing), timing)

    def add(self, product: int, quantity: int, timing: Timing) -> int:
        """An addition. timing: of its look-up. Returns its number."""
        self.number += 1
        self._extend(lambda state: program.ways(state, (product, quantity), timing), timing, product)
        return self.number

    def pull(self, timing: Timing) -> Doubts:
        """A pull. Returns the doubts about additions from before the previous pull: nothing later can decide them."""
        self._extend(lambda state: program.pull_ways(state, timing), timing)
        final = {p: mine for p, mine in self.doubts().items() if all(d.latest <= self.pulled_at for d in mine.values())}
        decided = {number for mine in final.values() for doubt in mine.values() for number, _ in doubt.additions}
        self.pin({e.number: e.pieces for e in self.stories[0].chain() if e.number in decided})
        for story in self.stories:
            story.doubts = {product: mine for product, mine in story.doubts.items() if product not in final}
        self.pulled_at = self.number
        return final

    def _extend(self, ways_of: Callable[[State], Iterable[Way]], timing: Timing, product: int = 0) -> None:
        """Extend every story, merge equal states, and drop what is too unlikely."""
        after: list[Story] = []
        for story in self.stories:
            begun = program.begun(story.state, timing)
            for name, chance, pieces, state in ways_of(story.state):
                if chance <= 0:
                    continue
                effects = Effect(self.number, product, pieces, story.effects, name) if product else story.effects
                after.append(Story(state, story.cost - math.log(begun * chance), effects, story.doubts))
        after.sort(key=lambda story: story.cost)
        kept: dict[tuple[object, ...], Story] = {}
        least = after[0].cost
        for story in after:
            story.cost -= least
            if story.cost > WINDOW:
                break
            key = story.state.key()
            known = kept.get(key)
            if known is None:
                if len(kept) < MOST_STORIES:
                    kept[key] = story
            else:
                merge(known, story, self.margin)
        self.stories = list(kept.values())

    # --- Results ------------------------------------------------------------------------------------------------------
    def told(self) -> list[Effect]:
        """The effects of the likeliest story, the first addition first, without additions that are settled."""
        return list(self.stories[0].chain())[::-1]

    def ways(self) -> dict[int, dict[bool, str]]:
        """By number of the addition: the names of the likeliest way that books it (True) and that does not (False)."""
        found, seen = dict[int, dict[bool, str]](), set[int]()
        for story in self.stories:
            for effect in story.chain():
                if id(effect) in seen:
                    break  # the rest of the chain is a likelier story's too
                seen.add(id(effect))
                found.setdefault(effect.number, {}).setdefault(bool(effect.pieces), effect.way)
        return found

    def doubts(self) -> Doubts:
        """What other stories within the margin book differently from the likeliest."""
        first = self.stories[0]
        best = Story(first.state, 0.0, first.effects, first.doubts)
        for story in self.stories[1:]:
            merge(best, story, self.margin)
        return best.doubts

    def settle(self) -> None:
        """Forget the additions about which all stories agree."""
        booked = [{effect.number: effect.pieces for effect in story.chain()} for story in self.stories]
        open_ones = {n for n in set().union(*booked) if len({mine.get(n, 0) for mine in booked}) > 1}
        for story in self.stories:
            story.effects = _next_of(story.effects, open_ones)
            for effect in story.chain():
                effect.before = _next_of(effect.before, open_ones)

    def pin(self, booked: Mapping[int, int]) -> None:
        """Let every story book these additions as decided. booked: the pieces of each, by its number."""
        for story in self.stories:
            for product, mine in story.doubts.items():
                left = [
                    Doubt(cost, tuple(a for a in additions if a[0] not in booked)) for cost, additions in mine.values()
                ]
                story.doubts = story.doubts | {product: likeliest(left, math.inf)}
            for effect in story.chain():
                effect.pieces = booked.get(effect.number, effect.pieces)

    def named(self, doubts: Doubts) -> set[int]:
        """The numbers of the additions that are not settled. doubts: see `doubts`."""
        numbers = {effect.number for story in self.stories for effect in story.chain()}
        for found in (doubts, *(story.doubts for story in self.stories)):
            numbers.update(
                number for mine in found.values() for doubt in mine.values() for number, _ in doubt.additions
            )
        return numbers

    def queues(self) -> list[tuple[list[program.Item], float]]:
        """The beginnings that the phone's queue can have, each with the cost of its likeliest story; empty if it has no
        queue."""
        found: dict[tuple[program.Item, ...], float] = {}
        for story in self.stories:
            if story.state.length:
                found.setdefault(tuple(story.state.queue.items[: story.state.length]), story.cost)
        return [(list(items), cost) for items, cost in found.items()]

    def begin_with(self, items: list[program.Item], cost: float) -> None:
        """Add a story: the phone still has this queue, whose items it sent under another login. cost: in nats."""
        queue = Queue(items)
        state = State(queue=queue, length=len(items), at=len(items), ghost=queue.root)
        self.stories.append(Story(state, cost))


def _next_of(effect: Effect | None, numbers: set[int]) -> Effect | None:
    """The first effect of a chain whose number is one of these."""
    while effect is not None and effect.number not in numbers:
        effect = effect.before
    return effect


def parts(doubts: dict[int, Doubt]) -> list[dict[int, int]]:
    """The doubts about a product as questions that can be answered one by one.

    Each is the additions, with their pieces, that all doubts have together or not at all.
    """
    together: dict[tuple[int, ...], dict[int, int]] = {}
    for number, pieces in sorted({addition for doubt in doubts.values() for addition in doubt.additions}):
        those = tuple(change for change, doubt in doubts.items() if (number, pieces) in doubt.additions)
        together.setdefault(those, {})[number] = pieces
    return list(together.values())


def merge(known: Story, other: Story, margin: float) -> None:
    """Merge two stories with the same state: the likelier one stays, and what the other one books differently is a
    doubt."""
    extra = other.cost - known.cost
    if extra > margin:
        return
    differences = difference(known.effects, other.effects)
    doubts = dict(known.doubts)
    for product in differences.keys() | other.doubts.keys():
        here = differences.get(product, {})
        options = [Doubt(extra, tuple(here.items()))]
        for cost, additions in other.doubts.get(product, {}).values():
            sums = dict(here)
            for number, pieces in additions:
                sums[number] = sums.get(number, 0) + pieces
            options.append(Doubt(extra + cost, tuple((number, pieces) for number, pieces in sums.items() if pieces)))
        doubts[product] = likeliest([*doubts.get(product, {}).values(), *options], margin)
    known.doubts = {product: mine for product, mine in doubts.items() if mine}


def likeliest(options: list[Doubt], margin: float) -> dict[int, Doubt]:
    """The likeliest of these doubts about a product within the margin, by the pieces that they change."""
    found: dict[int, Doubt] = {}
    for option in sorted(options):
        if option.change and option.cost <= margin and len(found) < MOST_DOUBTS:
            found.setdefault(option.change, option)
    return found


def difference(one: Effect | None, other: Effect | None) -> dict[int, dict[int, int]]:
    """By product and addition: the pieces that the second chain books more than the first, where they differ."""
    found: dict[int, dict[int, int]] = {}
    while one is not other:
        if other is None or (one is not None and one.number >= other.number):
            assert one is not None
            later, sign, one = one, -1, one.before
        else:
            later, sign, other = other, 1, other.before
        if later.pieces:
            mine = found.setdefault(later.product, {})
            mine[later.number] = mine.get(later.number, 0) + sign * later.pieces
            if not mine[later.number]:
                del mine[later.number]
    return {product: mine for product, mine in found.items() if mine}
