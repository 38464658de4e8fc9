"""A model of the installed app: the states that it can be in, and the ways in which it can have sent a request.

(docs/flutter-app.md, section 4; docs/reconciliation.md)
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from api.reconcile.chances import (
    AGAIN,
    APP_SECONDS,
    BESIDE,
    BROKEN,
    CONTRADICTION,
    FAILED,
    FIRST,
    LATE,
    LOST_BY_HAND,
    MOST_SECONDS,
    ONE_OF_TWO,
    SAME_AS_BY_HAND,
    SAME_AS_QUEUED,
    SAME_LIST,
    SAME_NEXT,
    SECOND_PASS,
    UNSEEN,
    Item,
    Timing,
    content,
    more,
    series,
    share,
)

NONE, NO_LATE_ONE = -1, -2
"""There is no second pass; or none, and it is too late for one to begin."""
IDLE, DIRECT, PASS = "idle", "direct", "pass"
"""The modes of a state: at rest; the last addition came by hand, and may have failed on the screen; a pass is running
or has broken off."""


class Queue:
    """The items of a queue that have been seen so far. Stories whose queues begin alike share one object."""

    __slots__ = (
        "before", "branches", "expected", "followed", "items", "read", "right", "root", "run", "runs", "times", "told",
    )  # fmt: skip

    def __init__(self, items: list[Item] | None = None, root: Queue | None = None) -> None:
        self.root = root or self
        self.items: list[Item] = items or []
        self.branches: dict[tuple[int, Item], Queue] = {}
        self._begin()

    def _begin(self) -> None:
        """Reset the statistics of the items read."""
        self.read = 0
        """How many items have been read. The other attributes are statistics of these."""
        self.before: Item | None = None
        """The last item."""
        self.run = self.runs = 0
        """The length of the last run of equal items, and the number of runs."""
        self.times: dict[int, int] = {}
        """By product: in how many runs it came."""
        self.followed: dict[Item, Item] = {}
        """By item: the different item that followed it last time."""
        self.expected: Item | None = None
        """The item that followed the last item last time."""
        self.right = self.told = 0
        """How many items were the expected ones, and for how many one was expected."""

    def _read(self, length: int) -> None:
        """Update the statistics to the first `length` items. This is done on demand: queues are restored at every
        request of a phone, and most requests need the statistics of few of them."""
        if length < self.read:
            self._begin()
        before, run, runs, expected, times, followed = (
            self.before, self.run, self.runs, self.expected, self.times, self.followed,
        )  # fmt: skip
        for item in self.items[self.read : length]:
            if expected is not None:
                self.told += 1
                self.right += item == expected
            if item == before:
                run += 1
                continue
            run, runs = 1, runs + 1
            times[item[0]] = times.get(item[0], 0) + 1
            if before:
                followed[before] = item
            before, expected = item, followed.get(item)
        self.read, self.before, self.run, self.runs, self.expected = length, before, run, runs, expected

    def with_items(self, items: list[Item]) -> Queue:
        """The queue of this root with these items, to restore stored stories."""
        queue = Queue(items, self)
        if items:
            self.branches.setdefault((0, items[0]), queue)
        return queue if items else self

    def new(self, length: int, item: Item) -> float:
        """The chance that `item` follows the first `length` items."""
        if not length:
            return content(item, None)
        self._read(length)
        its_share = share(item[0], self.times, self.runs)
        new = content(item, self.before, (self.run + 7) / (self.run + 8) if self.run > 1 else 0.25, its_share)
        expected = self.expected
        if expected is None:
            return new
        in_turn = (self.right + 0.2) / (self.told + 2)  # two kinds of boxes in turns
        return (in_turn if item == expected else 0.0) + (1 - in_turn) * new

    def grown(self, length: int, item: Item) -> Queue:
        """The queue of the first `length` items and `item`."""
        if 0 < length == len(self.items):
            self.items.append(item)
        if length < len(self.items) and self.items[length] == item:
            return self
        key = (length, item)
        if key not in self.branches:
            self.branches[key] = Queue([*self.items[:length], item], self.root)
        return self.branches[key]


class State(msgspec.Struct, frozen=True, eq=False):
    """What the phone is doing. States with the same key have the same ways from there on.

    mode: IDLE, DIRECT or PASS. queue, length: the first `length` items of `queue` are the known items of its stock
    queue. at: how many of them the latest pass has sent. other: how many a second pass has sent of the same queue, or
    of `ghost` once the first pass has cleared the queue; NONE or NO_LATE_ONE. ghost, ghost_length: the previous queue,
    which was sent completely. before, run: the last addition by hand, and how many equal ones came in a row.
    """

    mode: str = IDLE
    queue: Queue = msgspec.field(default_factory=Queue)
    length: int = 0
    at: int = 0
    ghost: Queue = msgspec.field(default_factory=Queue)
    ghost_length: int = 0
    other: int = NONE
    before: Item | None = None
    run: int = 0

    def key(self) -> tuple[object, ...]:
        ghost = (id(self.ghost), self.ghost_length) if self.ghost_length else ()
        queue = id(self.queue) if self.length else 0
        return (self.mode, queue, self.length, self.at, ghost, self.other, self.before, self.run)


Way = tuple[str, float, int, State]
"""The way's name, its chance, the pieces that it books, and the state after it."""


def ways(state: State, item: Item, timing: Timing) -> Iterator[Way]:
    """The ways in which the program can have sent an addition."""
    if not timing.looked_up:
        yield from ways_without_look_up(state, item)
        return
    one, two = timing.passes(two=False), timing.passes(two=True)
    if timing.gap > MOST_SECONDS and state.other >= 0 and state.mode != PASS:
        one, state = one * ONE_OF_TWO, replace(state, other=NONE)
    ghost, ghost_length = behind(state)
    beside = 1.0 if timing.interleaved else timing.pace  # of two passes either look-up may be the first
    is_alone = state.other >= 0 and state.mode != PASS  # the first has ended
    if 0 <= state.other < ghost_length and ghost.items[state.other] == item:
        chance = 0.7 * one * timing.machine if is_alone else 0.5 * two * timing.pace_of_two
        yield "second pass", chance, 0, replace(state, other=state.other + 1)
    is_late = timing.interleaved or timing.gap < APP_SECONDS
    at_rest = state.mode == IDLE and state.other == NONE and not state.length
    if at_rest and is_late and ghost.items[:1] == [item]:
        # It has read the queue before the first pass cleared it.
        yield "second pass begins late", 0.5 * SECOND_PASS * beside, 0, replace(state, other=1)
    share = 0.3 * one if is_alone else 0.5 * two if state.other >= 0 else one
    if state.mode == PASS:
        yield from goes_on(share * (1 - BROKEN - UNSEEN - SECOND_PASS), state, item, timing)
        if state.other < 0 and state.queue.items[0] == item:
            chance = SECOND_PASS * two * beside * timing.another
            yield "second pass begins", chance, 0, replace(state, other=1)
        yield from by_hand(share * BROKEN * timing.failed, replace(state, mode=IDLE, other=NONE), item, timing)
        if state.at == state.length:
            yield from by_hand(share * UNSEEN * timing.failed, cleared(state), item, timing)
    else:
        if state.mode == DIRECT and state.before == item:
            yield "entered again", share * FAILED * AGAIN * timing.retried, 0, state
        yield from by_hand(share * 0.6 * (timing.moved_on if state.mode == DIRECT else 1.0), state, item, timing)
        if state.length and state.at == state.length:
            yield from by_hand(share * 0.06, cleared(state), item, timing)
        if timing.crossed and state.length and state.at in (0, state.length):
            # A late request of the pass that has broken off, at its end. Since an addition by hand none has begun.
            after = replace(state, queue=state.queue.grown(state.length, item), length=state.length + 1)
            yield "new at the queue's end", LATE * state.queue.new(state.length, item), item[1], after


def begun(state: State, timing: Timing) -> float:
    """The chance that a product was looked up directly after the previous request and then not added. A pass that
    breaks off does that; a person is not so quick."""
    return LOST_BY_HAND if timing.lost and state.mode != PASS and state.other < 0 else 1.0


def behind(state: State) -> tuple[Queue, int]:
    """The queue that a second pass sends, and its length: the present one, or the previous one if that was cleared."""
    return (state.queue, state.length) if state.length else (state.ghost, state.ghost_length)


def cleared(state: State) -> State:
    """The state after the end of the pass, which clears the queue."""
    ghost, ghost_length = behind(state)
    return replace(
        state, mode=IDLE, queue=state.queue.root, length=0, at=0, other=NONE, ghost=ghost, ghost_length=ghost_length
    )


def goes_on(chance: float, state: State, item: Item, timing: Timing) -> Iterator[Way]:
    """The ways in which the running pass can have sent its next item."""
    queue, length, at = state.queue, state.length, state.at
    chance *= timing.pace_of_two if state.other >= 0 else timing.machine
    if at < length:
        if queue.items[at] == item:
            yield "next of the pass", chance, 0, replace(state, at=at + 1)
        return
    new = like_before(state, item, queue.new(length, item))
    after = replace(state, queue=queue.grown(length, item), length=length + 1, at=length + 1)
    yield "new at the queue's end", chance * more(length) * new, item[1], after


def like_before(state: State, item: Item, new: float) -> float:
    """The chance of the next new item of a queue, which may have the same items as the previous queue. new: the chance
    if it has not."""
    length, before = state.length, state.ghost.items[: state.ghost_length]
    if length >= len(before) or state.queue.items[:length] != before[:length]:
        return new
    by_chance = math.prod(state.queue.new(at, before[at]) for at in range(min(length, 4)))
    same = min(SAME_NEXT, SAME_LIST / (SAME_LIST + (1 - SAME_LIST) * by_chance)) if length else SAME_LIST
    return (same if item == before[length] else 0.0) + (1 - same) * new


def by_hand(chance: float, state: State, item: Item, timing: Timing) -> Iterator[Way]:
    """The ways that begin with a person and a phone at rest: goods are received, or the list is opened, which starts a
    pass."""
    chance *= timing.human
    new = content(item, state.before, series(state.run, timing.gap if state.mode == DIRECT else math.inf))
    if state.length and state.queue.items[0] == item:
        new = max(new, SAME_AS_QUEUED)
    run = state.run + 1 if item == state.before else 1
    after = replace(state, mode=DIRECT, at=0, before=item, run=run)
    yield "by hand", chance * (0.65 if state.mode == DIRECT else 0.5) * new, item[1], after
    if not state.length:
        first = replace(state, mode=PASS, queue=state.queue.grown(0, item), length=1, at=1)
        new = SAME_AS_BY_HAND if item == state.before else content(item, None)
        yield "first of a queue", chance * FIRST * like_before(state, item, new), item[1], first
    elif state.queue.items[0] == item:
        yield "pass from the beginning", chance * 0.3, 0, replace(state, mode=PASS, at=1)


def ways_without_look_up(state: State, item: Item) -> Iterator[Way]:
    """The ways of an addition without a look-up: it is a late or second copy, or its look-up was not seen."""
    sent = [state.before, *state.queue.items[: state.length], *state.ghost.items[: state.ghost_length]]
    queue, length = behind(state)
    if 0 <= state.other < length and queue.items[state.other] == item:
        yield "second pass", 0.4, 0, replace(state, other=state.other + 1)
    if item in sent:
        yield "came twice", 0.4, 0, state
    if 0 < state.length == state.at:  # of the pass that had broken off
        after = replace(state, queue=state.queue.grown(state.at, item), length=state.length + 1)
        yield "new at the queue's end", 0.05 * state.queue.new(state.at, item), item[1], after
    after = replace(state, mode=PASS if state.mode == PASS else DIRECT, before=item, run=1)
    yield "without a look-up", 0.01 * content(item, None), item[1], after


def pull_ways(state: State, timing: Timing) -> Iterator[Way]:
    """The ways in which a pull can have come: only after a pass has sent the whole queue."""
    machine, human, unseen = timing.machine, timing.human, UNSEEN * timing.failed
    ghost, ghost_length = behind(state)
    is_idle = state.mode == IDLE
    done = replace(
        state, mode=IDLE, queue=state.queue.root, length=0, at=0, ghost=ghost, ghost_length=ghost_length,
        other=max(state.other, NONE), before=None if is_idle else state.before, run=0 if is_idle else state.run,
    )  # fmt: skip
    if 0 <= state.other == ghost_length:
        # The second pass is through. The first may still run, and its queue is empty.
        yield "the second pass ends", 0.2 * max(timing.pace, 0.2), 0, replace(done, other=NONE)
    if state.mode == PASS:
        if state.at == state.length:
            pace = timing.pace if state.other >= 0 else machine
            yield "the pass ends", 0.85 * (1 - more(state.length)) * pace, 0, done
            yield "cleared before", unseen * human * 0.3, 0, done
    elif not state.length:
        opened = 0.15 * human if state.other >= 0 else 0.3 * human + (0.05 if is_idle else 0.01) * machine
        # The queue before is forgotten: what could still come of it would have come before this.
        known = done if state.other >= 0 else replace(done, ghost=state.queue.root, ghost_length=0)
        yield "the screen was opened", opened, 0, known
    elif state.at == state.length:
        yield "cleared before", unseen * 0.3, 0, done
    yield "late, of a pass before", 0.002 * timing.failed * timing.late, 0, state
    yield "by a pass that nobody saw", CONTRADICTION, 0, done


def unknown_ways(state: State, timing: Timing) -> Iterator[Way]:
    """The ways in which a look-up of an unknown SKU can have come, whose answer is empty.

    Such an answer ends a pass, although no request has failed: the next request may come on the same connection.
    """
    first, second = state.mode == PASS and state.at == state.length, 0 <= state.other == behind(state)[1]
    share = 0.25 if first and second else 0.5
    if first:
        pace = timing.pace if state.other >= 0 else timing.machine
        yield "the pass ends at an unknown SKU", share * pace, 0, replace(state, mode=IDLE)
    if second:
        yield "the second pass ends at an unknown SKU", share * timing.pace, 0, replace(state, other=NONE)
    yield "somebody looks", 0.5 * (timing.human if state.mode == PASS else 1.0), 0, state


def acted_ways(state: State, timing: Timing) -> Iterator[Way]:
    """The ways in which a creation, an update or a deletion can have come: by hand, or from a queue of its own."""
    by = 0.1 * timing.human
    if state.mode != PASS:
        other = NO_LATE_ONE if state.other == NONE and timing.gap >= APP_SECONDS else state.other
        by *= timing.moved_on if state.mode == DIRECT else 1.0
        yield "by hand", by, 0, replace(state, mode=IDLE, other=other)
        return
    if state.at == state.length:
        after = replace(cleared(state), other=max(state.other, NONE))
        yield "the pass moves on", 0.1 * timing.machine, 0, after
        yield "by hand, and the pull before was lost", by * UNSEEN * timing.failed, 0, cleared(state)
    yield "by hand, and the pass had broken off", by * BROKEN * timing.failed, 0, replace(state, mode=IDLE)
    yield "by hand, while the pass runs", 0.1 * BESIDE * timing.another, 0, state
