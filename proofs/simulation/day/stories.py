"""Reading additions by stories: what a phone can have been doing, how likely each story is, and what each one books.

A story is a state of the phone's program. Each addition extends every story in the few ways in which the program, or
the person, could have sent it. Equal states merge. The likeliest story is booked; where another one that is not much
less likely books something else, a manager is asked. (docs/flutter-app.md, section 4)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from proofs.simulation.day.world import Request

KEPT_SECONDS = 15.0
"""How long the phone keeps an idle connection."""
MOST_SECONDS = 20.0
"""A pass hardly ever waits longer for an answer."""
MOST_STORIES = 64
WINDOW = 12.0
"""Stories that cost so much more than the likeliest one, in nats, are dropped."""

IDLE, DIRECT, PASS = "idle", "direct", "pass"

# Chances, of all that can come next. What is said in one state sums to at most 1 (a test says so).
BROKEN = 0.035
"""A request failed, so that a pass ended or a person was shown an error."""
UNSEEN = 0.035
"""The pull after a success never arrived."""
SECOND_PASS = 0.01
AGAIN = 0.75
"""A person who was shown an error enters the same again."""
AGAIN_IN_A_RUN = 0.4
"""The same, among equal boxes: the next addition is as likely to be the next box."""
MORE = 0.75
"""The queue goes on after the last known item."""
CONTRADICTION = 1e-4
"""What the program cannot do, as far as it is known here."""


Item = tuple[int, int]
"""A product, and how many pieces of it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How an addition, or a pull, came.

    gap: seconds between the request before its look-up and that look-up. kept: whether that look-up came on the same
    connection; None if the phone would have closed it. new: how often such a one is not kept. interleaved: whether
    another request came between the look-up and the addition. looked_up: whether there was a look-up.
    """

    gap: float
    kept: bool | None = None
    new: float = 1.0
    interleaved: bool = False
    looked_up: bool = True

    @property
    def machine(self) -> float:
        """The chance of the gap and the connection if the app went on by itself."""
        return self.pace * (self.new if self.kept is False else 1.0)

    @property
    def failed(self) -> float:
        """The chance of the connection if the request before has failed: it would have broken."""
        return 0.03 if self.kept else 1.0

    @property
    def pace(self) -> float:
        """The chance of the gap if the app went on by itself, or one of two passes did."""
        return next(chance for limit, chance in ((0.3, 0.75), (1.5, 0.2), (6.0, 0.045), (MOST_SECONDS, 0.005), (1e18, 0.0003)) if self.gap < limit)

    @property
    def human(self) -> float:
        """The chance of the gap if a person had to do something first."""
        return next(chance for limit, chance in ((0.3, 0.002), (1.5, 0.03), (1e18, 0.968)) if self.gap < limit)

    def passes(self, two: bool) -> float:
        """The chance of the order of the requests, with one pass or with two at once."""
        return (0.6 if two else 0.02) if self.interleaved else (0.4 if two else 0.98)


def content(item: Item, before: Item | None, run: int) -> float:
    """The chance that a new addition is this one. before: the last one of its kind; run: how many equal ones in a row."""
    product, quantity = item
    sizes = 0.3 if quantity == 1 else 0.4 / 11 if quantity <= 12 else 0.25 / 88 if quantity <= 100 else 5e-5
    other = sizes / 100
    if before is None:
        return other
    if item == before:
        return 0.9 if run > 1 else 0.25
    return (0.1 if run > 1 else 0.75) * ((0.1 * sizes if product == before[0] else 0.0) + 0.9 * other)


class Queue:
    """The items of a queue, as far as they have been seen. Stories with the same beginning share one."""

    __slots__ = ("branches", "items", "root", "runs")

    def __init__(self, items: list[Item] | None = None, root: Queue | None = None) -> None:
        self.root = root or self
        self.items: list[Item] = []
        self.runs: list[int] = []
        for item in items or []:
            self._append(item)
        self.branches: dict[tuple[int, Item], Queue] = {}

    def _append(self, item: Item) -> None:
        self.runs.append(self.runs[-1] + 1 if self.items and self.items[-1] == item else 1)
        self.items.append(item)

    def new(self, length: int, item: Item) -> float:
        """The chance that the item after the first `length` is this one."""
        return content(item, self.items[length - 1], self.runs[length - 1]) if length else content(item, None, 0)

    def grown(self, length: int, item: Item) -> Queue:
        """A queue whose first `length` items are these, and then `item`."""
        if 0 < length == len(self.items):
            self._append(item)
        if length < len(self.items) and self.items[length] == item:
            return self
        key = (length, item)
        if key not in self.branches:
            self.branches[key] = Queue([*self.items[:length], item], self.root)
        return self.branches[key]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What the phone is doing. Two equal ones have the same future.

    queue, length: what is known of its stock queue. at: how many items of it the latest pass has sent. other: how many
    a second pass has sent of the same queue, or of `ghost` once the first has cleared that; -1 for no second pass. unsure: additions by hand that the person may have been
    shown as failed, with whether the list was pulled since. before, run: the last addition by hand.
    """

    mode: str = IDLE
    queue: Queue = field(default_factory=Queue)
    length: int = 0
    at: int = 0
    ghost: Queue = field(default_factory=Queue)
    ghost_length: int = 0
    other: int = -1
    unsure: tuple[tuple[tuple[int, int], bool], ...] = ()
    before: tuple[int, int] | None = None
    run: int = 0

    def key(self) -> tuple[object, ...]:
        return (
            self.mode, id(self.queue) if self.length else 0, self.length, self.at,
            *((id(self.ghost), self.ghost_length) if self.other >= 0 and not self.length else (0, 0)), self.other, self.unsure, self.before, self.run,
        )  # fmt: skip


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


Way = tuple[str, float, int, State]
"""Its name, its chance, the pieces that it books, and the state after it."""


def changed(state: State, **changes: object) -> State:
    values = {name: getattr(state, name) for name in State.__slots__}
    values.update(changes)
    return State(**values)  # type: ignore[arg-type]


def ways(state: State, item: Item, timing: Timing) -> Iterator[Way]:
    """The ways in which the program can have sent an addition."""
    if not timing.looked_up:
        yield from ways_without_look_up(state, item)
        return
    one, two = timing.passes(two=False), timing.passes(two=True)
    broken, unseen = BROKEN * timing.failed, UNSEEN * timing.failed
    if timing.gap > MOST_SECONDS and state.other >= 0 and state.mode != PASS:
        state = changed(state, other=-1)
    ghost, ghost_length = behind(state)
    if 0 <= state.other < ghost_length and ghost.items[state.other] == item:
        yield "second pass", 0.5 * two * timing.pace, 0, changed(state, other=state.other + 1)
    share = 0.5 * two if state.other >= 0 else one
    if state.mode == PASS:
        yield from goes_on(share * (1 - BROKEN - UNSEEN - SECOND_PASS), state, item, timing)
        if state.other < 0 and state.queue.items[0] == item:
            chance = SECOND_PASS * two * timing.pace * timing.failed
            yield "second pass begins", chance, 0, changed(state, other=1)
        yield from by_hand(share * broken, changed(state, mode=IDLE, other=-1), item, timing)
        if state.at == state.length:
            yield from by_hand(share * unseen, cleared(state), item, timing)
    elif state.mode == DIRECT:
        done = changed(state, unsure=(), at=0)
        yield from goes_on(share * (0.9 if state.length else 0.1), done, item, timing)
        if state.unsure[-1:] == ((item, False),):
            again = changed(state, mode=DIRECT, at=0)
            yield "entered again", share * broken * (AGAIN_IN_A_RUN if state.run > 1 else AGAIN) * timing.human, 0, again
        yield from by_hand(share * broken * (1 - AGAIN), changed(state, mode=IDLE), item, timing)
        yield from by_hand(share * unseen, changed(done, mode=IDLE), item, timing)
    else:
        yield from by_hand(share * 0.6, state, item, timing)
        if state.length and state.at == state.length:
            yield from by_hand(share * 0.06, cleared(state), item, timing)


def behind(state: State) -> tuple[Queue, int]:
    """The queue of the second pass."""
    return (state.queue, state.length) if state.length else (state.ghost, state.ghost_length)


def cleared(state: State) -> State:
    """The same after the end of its pass."""
    return changed(state, mode=IDLE, queue=state.queue.root, length=0, at=0, other=-1, unsure=())


def goes_on(chance: float, state: State, item: Item, timing: Timing) -> Iterator[Way]:
    """The running pass sends its next item."""
    queue, length, at = state.queue, state.length, state.at
    chance *= timing.pace if state.other >= 0 else timing.machine
    if at < length:
        if queue.items[at] == item:
            yield "next of the pass", chance, 0, changed(state, mode=PASS, at=at + 1)
        return
    new = queue.new(length, item)
    grown = queue.grown(length, item)
    after = changed(state, mode=PASS, queue=grown, length=length + 1, at=length + 1)
    yield "new at the queue's end", chance * MORE * new, item[1], after


def by_hand(chance: float, state: State, item: Item, timing: Timing) -> Iterator[Way]:
    """What a person does with a phone that is at rest."""
    chance *= timing.human
    for nth, (known, pulled) in enumerate(reversed(state.unsure)):
        if known == item:
            yield "entered again", chance * (0.02 if pulled else 0.1) / (nth + 1), 0, changed(state, mode=DIRECT, at=0)
            break
    new = content(item, state.before, state.run)
    after = changed(
        state, mode=DIRECT, at=0, unsure=(*state.unsure, (item, False))[-3:],
        before=item, run=state.run + 1 if item == state.before else 1,
    )  # fmt: skip
    yield "by hand", chance * (0.6 if state.run > 1 else 0.4) * new, item[1], after
    if not state.length:
        first = changed(state, mode=PASS, queue=state.queue.grown(0, item), length=1, at=1)
        yield "first of a queue", chance * 0.3 * content(item, None, 0), item[1], first
    elif state.queue.items[0] == item:
        yield "pass from the beginning", chance * (0.2 if state.run > 1 else 0.45), 0, changed(state, mode=PASS, at=1)


def ways_without_look_up(state: State, item: Item) -> Iterator[Way]:
    """An addition without a look-up of its own is the network's copy of one, or a look-up was lost from view."""
    if state.before == item or (state.length and state.queue.items[max(0, state.at - 1)] == item):
        yield "came twice", 0.5, 0, state
    unsure = (*state.unsure, (item, False))[-3:]
    yield "without a look-up", 0.01 * content(item, state.before, state.run), item[1], changed(state, unsure=unsure)


def pull_ways(state: State, timing: Timing) -> Iterator[Way]:
    """The ways in which a pull can have come: only after a pass has sent the whole queue."""
    machine, human, unseen = timing.machine, timing.human, UNSEEN * timing.failed
    aged = tuple((item, True) for item, pulled in state.unsure if not pulled)
    ghost, ghost_length = behind(state)
    done = changed(
        state, mode=IDLE, queue=state.queue.root, length=0, at=0, unsure=aged, ghost=ghost, ghost_length=ghost_length,
        before=state.before if state.mode == DIRECT else None, run=state.run if state.mode == DIRECT else 0,
    )  # fmt: skip
    known = changed(done, unsure=())
    if 0 <= state.other == ghost_length:
        # The second pass is through. The first may still run, and its queue is empty.
        yield "the second pass ends", 0.2 * max(timing.pace, 0.2), 0, changed(known, other=-1)
    if state.mode == PASS:
        if state.at == state.length:
            yield "the pass ends", (1 - BROKEN - UNSEEN) * (1 - MORE) * (timing.pace if state.other >= 0 else machine), 0, known
            yield "cleared before", unseen * human * 0.3, 0, known
    elif state.mode == DIRECT:
        if not state.length:
            yield "after an addition", 0.8 * machine, 0, known
            yield "after a failure", BROKEN * timing.failed * human * 0.3, 0, done
            yield "the pull before was lost", unseen * human * 0.3, 0, known
    elif not state.length:
        yield "the screen was opened", 0.3 * human + 0.05 * machine, 0, done
    elif state.at == state.length:
        yield "cleared before", unseen * 0.3, 0, known
    yield "late, of a pass before", 0.002 * timing.failed, 0, state
    yield "by a pass that nobody saw", CONTRADICTION, 0, done


class Stories:
    """All stories of one phone since its last pull."""

    def __init__(self, margin: float = 7.0) -> None:
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
        self.most = 0

    def booked(self) -> dict[int, int]:
        """The pieces that the likeliest story books, by product."""
        totals: dict[int, int] = {}
        effect = self.stories[0].effects
        while effect is not None:
            totals[effect.product] = totals.get(effect.product, 0) + effect.pieces
            effect = effect.before
        return totals

    def arrive(self, request: Request) -> Timing:
        """Note that a request came."""
        gap, kept = request.at - self.last_at, None
        if gap < KEPT_SECONDS:
            kept = request.connection == self.connection
            self.kept[kept] += 1
        self.last_at, self.connection = request.at, request.connection
        self.requests += 1
        return Timing(gap, kept, (self.kept[False] + 1) / (self.kept[True] + self.kept[False] + 10))

    def find(self, request: Request) -> None:
        timing = self.arrive(request)
        if request.product:
            waiting = self.found.setdefault(request.product, [])
            waiting.append((self.requests, request.at, timing))
            del waiting[:-3]

    def add(self, request: Request) -> None:
        """Extend every story by an addition."""
        self.number += 1
        timing = self.arrive(request)
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
        self._extend(lambda state: ways(state, item, timing), request.product)

    def pull(self, request: Request) -> None:
        """Extend every story by a pull."""
        timing = self.arrive(request)
        for product, waiting in self.found.items():
            self.found[product] = [entry for entry in waiting if request.at - entry[1] < 3]
        self._extend(lambda state: pull_ways(state, timing), 0)

    def _extend(self, ways_of: object, product: int) -> None:
        after: list[Story] = []
        for story in self.stories:
            for name, chance, pieces, state in ways_of(story.state):  # type: ignore[operator]
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
        self.most = max(self.most, len(self.stories))

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
