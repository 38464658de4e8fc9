"""Reads the numbers of + and −: each PUT says one more or one less than the product page showed.

The numbers of a product since the last pull are read together, and again with each new one, since a later number can
show what an earlier one meant: that it was a late copy, or that the page counted goods that still waited in the queue.
(docs/flutter-app.md, section 3; docs/reconciliation.md)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from api.reconcile.chances import Timing

MOST_READINGS = 24
STEP, SAME, LATE, GREW, OTHER = 0.42, 0.08, 0.0006, 0.02, 0.00002
"""The chances that a PUT is a step, a repetition of the previous number, a late copy of an earlier number, a step after
goods that the phone added meanwhile, or none of these."""
PRESS_SECONDS, TOO_QUICK, IN_TURN = (0.3, 3.0), 10.0, 0.2
"""PRESS_SECONDS: the next press of a series comes between so many seconds after the previous number, since the page
shows its number only after the answer. A late copy is TOO_QUICK times as likely sooner than that, and IN_TURN times
within that span."""
OTHER_UNCHANGED, OTHER_EDITED = 0.00003, 0.01
"""The chances that a number without an explanation is no press, and that it is none where the PUT changes the
description."""
GUESSES = frozenset((OTHER, OTHER_UNCHANGED, OTHER_EDITED))
BACK, AHEAD = 0.0001, 0.0008
"""The chances for a repaired app, which queues its PUTs: that a series is sent again from this number, and that a step
overtakes another one, which still waits on the phone."""
EDITED = 0.001
"""The factor of a step where the same PUT changes the description: saving a page does not change the number."""
SAVED = 0.005
"""The chance that a page just opened is saved as it is."""
OF_A_PASS_BEFORE = 0.5
"""The chance that a number is a copy of one from before the pull, where another pass may still be sending that."""
WAITING, FEWER = 0.3, 0.1
"""The chances that a page, when it is opened, includes some of the phone's additions that still wait in its queue, and
that it lacks some that have come, since the answer to one was lost."""
NUMBER_LOST = 0.1
"""The chance that the answer to the last number before a lost list was lost too: then the page does not show it."""
MOST_GROWN = 40
"""How many of the phone's latest additions a page may or may not include."""


class Base(msgspec.Struct, array_like=True, frozen=True):
    """A number that the page may have been opened with. included: how many of the phone's own additions are in it."""

    quantity: int
    chance: float
    included: int = 0


class Number(msgspec.Struct, array_like=True):
    """A PUT of a quantity.

    late: the chance that it is a copy of an earlier number. edited: whether it changes the description too. answers:
    the revisions of answers to creations since the number before, with their weights: the page may show one of them.
    revision: of the product when it came. at: when it came, in seconds.
    """

    quantity: int
    late: float
    edited: bool = False
    answers: list[tuple[int, float]] = []
    revision: int = 0
    at: float = -1e9


class Page(msgspec.Struct):
    """What a phone's PUTs say of a product since its last pull, or since a count.

    shown, since: what it showed after a count, and the revision of that; None after a pull. before: what it shows if
    the answer to the last pull was lost; None if no number was sent before that. old: its numbers from before, of which
    one can still come late. booked: the pieces in the ledger for these numbers, by movement. came_at: of the last one,
    in seconds since 1970. request: the number of that request. local: whether the phone knows the product by its own
    UUID: it began with none on hand there.
    """

    numbers: list[Number] = []
    shown: int | None = None
    since: int = 0
    before: int | None = None
    old: list[int] = []
    booked: dict[int, int] = {}
    came_at: float = 0.0
    request: int = 0
    local: bool = False

    def gaps(self, quantity: int, at: float) -> tuple[float, float, float]:
        """For a number that comes at `at`: the seconds since the last different number, infinite if there is none; how
        many seconds after its predecessor this number came the last time, 0 if there was none; and the seconds since
        the first different number that came after this one, 0 if there is none."""
        places = [nth for nth, number in enumerate(self.numbers) if number.quantity == quantity]
        before = self.numbers[places[-1]].at - self.numbers[max(places[-1] - 1, 0)].at if places else 0.0
        others = [number.at for number in self.numbers if number.quantity != quantity]
        after = [moment for moment in others if places and moment >= self.numbers[places[0]].at]
        return at - others[-1] if others else math.inf, before, at - after[0] if after else 0.0

    def is_next(self, quantity: int, at: float) -> bool:
        """Whether a number that comes at `at` is surely the next press of a series: then the phone has read the answer
        to the number before."""
        before = self.numbers[-1] if self.numbers else None
        is_step = before is not None and abs(quantity - before.quantity) == 1 and at - before.at < PRESS_SECONDS[1]
        return is_step and all(quantity != number.quantity for number in self.numbers)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the numbers so far.

    cost: in nats. shown: what the page shows; grown: how many of the phone's additions are in it. pieces: what the
    numbers stand for. waits: a number that must still come, of a step that waits on the phone. guesses: how many
    numbers nothing explains. past: for each number sent, what grown and pieces were then. steps: for each number, the
    pieces that it stands for, and whether nothing explains it.
    """

    cost: float
    shown: int | None
    grown: int
    pieces: int
    waits: int | None = None
    guesses: int = 0
    past: dict[int, tuple[int, int]] = field(default_factory=dict)
    steps: tuple[tuple[int, bool], ...] = ()


def lateness(timing: Timing, gap: float = math.inf, before: float = 0.0, passed: float = 0.0) -> float:
    """The chance that a number seen before is an earlier PUT that comes late, given its connection and the time.

    It cannot come late on the phone's connection, nor on any that has been used since the next number came: a
    connection keeps the order. On a new one that is the likelier, the rarer new ones are; a balancer's are always new,
    and say nothing. gap, before, passed: see `Page.gaps`. A copy comes at any time, mostly once an error was shown, and
    the number pressed again; presses come one soon after the other, but never at once.
    """
    shortest, longest = PRESS_SECONDS
    in_turn = shortest <= gap and max(gap, before) < longest
    pace = TOO_QUICK if gap < shortest else IN_TURN if in_turn else 1.0
    if not timing.elsewhere or timing.used <= passed:
        return pace * LATE * 0.02
    return pace * LATE * timing.bad / (timing.turned if in_turn else max(timing.fresh, 1 / 30))


def read(
    page: Page, bases: Sequence[Base], answers: Sequence[Sequence[Base]], added: Sequence[tuple[int, int]]
) -> list[Reading]:
    """The ways to read a page's numbers, the likeliest first.

    bases: what the page can have been opened with; their chances sum to 1. answers: the same for the answers before
    each number. added: the phone's own additions in order, each the revision and the pieces.
    """
    sums = [0]
    for _, pieces in added:
        sums.append(sums[-1] + pieces)
    readings = [Reading(0.0, None, 0, 0)]
    for nth, (number, shown_since) in enumerate(zip(page.numbers, answers, strict=True)):
        earlier = {*page.old, *(before.quantity for before in page.numbers[:nth])}
        late = number.late if number.quantity in earlier else 0.0
        came = sum(revision <= number.revision for revision, _ in added)
        best: dict[tuple[object, ...], Reading] = {}
        for reading in readings:
            for chance, shown, grown, pieces, waits in _ways(
                reading, number, late, bases, shown_since, sums, came, page.before
            ):
                total, guess = reading.pieces + pieces, chance in GUESSES
                guesses = reading.guesses + guess
                cost, key = reading.cost - math.log(chance), (shown, grown, total, waits)
                if key not in best or cost < best[key].cost:
                    past = reading.past | ({shown: (grown, total)} if shown == number.quantity else {})
                    steps = (*reading.steps, (pieces, guess))
                    best[key] = Reading(cost, shown, grown, total, waits, guesses, past, steps)
        readings = sorted(best.values(), key=lambda reading: (reading.cost, abs(reading.pieces)))[:MOST_READINGS]
    return [reading for reading in readings if reading.waits is None]


Way = tuple[float, int | None, int, int, int | None]
"""The chance, what the page shows then, how many additions are in that, the pieces, and the number that waits."""


def _ways(
    reading: Reading, number: Number, late: float, bases: Sequence[Base], answers: Sequence[Base], sums: list[int],
    came: int, before: int | None = None,
) -> Iterator[Way]:  # fmt: skip
    """How a number can have come about. came: how many additions came before it. before: see `Page`."""
    sent, step, waits = number.quantity, STEP * (EDITED if number.edited else 1.0), reading.waits
    if reading.shown is None:
        yield from _opened(sent, step, bases, sums, came, 1.0, before)
    else:
        yield from _opened(sent, step, answers, sums, came, 0.9)
        share = 0.1 if answers else 1.0
        if abs(sent - reading.shown) == 1:
            yield share * step, sent, reading.grown, sent - reading.shown, waits
        elif sent == reading.shown:
            yield share * (STEP if number.edited else SAME), sent, reading.grown, 0, waits
        for grown in range(max(reading.grown + 1, len(sums) - MOST_GROWN), len(sums)):
            pieces = sent - reading.shown - sums[grown] + sums[reading.grown]
            if abs(pieces) == 1:
                yield share * GREW * step / STEP, sent, grown, pieces, waits
    if sent == waits and reading.shown is not None:
        yield STEP, reading.shown, reading.grown, sent - reading.shown, None
    if late:
        yield late, reading.shown, reading.grown, 0, waits
        if sent in reading.past and sent != reading.shown:
            grown, pieces = reading.past[sent]
            yield BACK, sent, grown, pieces - reading.pieces, waits
    if number.edited:
        yield OTHER_EDITED, sent, reading.grown, 0, waits
    else:
        known = reading.shown if reading.shown is not None else bases[0].quantity if bases else sent
        if sent != known:
            for pieces in (1, -1) if sent > known else (-1, 1):
                yield OTHER, sent, reading.grown, pieces, waits
        yield OTHER_UNCHANGED, sent, reading.grown, 0, waits


def _opened(
    sent: int, step: float, bases: Sequence[Base], sums: list[int], came: int, share: float, before: int | None = None
) -> Iterator[Way]:
    """The page was opened with one of these numbers, or shows it again.

    before: see `Page`. A page that is open shows it behind a pull too, and if its answer was lost, it is sent again.
    """
    for base in bases:
        places = range(max(base.included, len(sums) - MOST_GROWN), len(sums))
        for grown in places:
            shown = base.quantity + sums[grown] - sums[base.included]
            chance = share * base.chance
            fewer, waiting = max(came - places[0], 0), places[-1] - came
            if grown < came:
                chance *= FEWER / fewer
            elif grown > came:
                chance *= WAITING / waiting
            else:
                chance *= 1 - FEWER * (fewer > 0) - WAITING * (waiting > 0)
            if abs(sent - shown) == 1:
                yield chance * step, sent, grown, sent - shown, None
            elif sent == shown:
                yield chance * (STEP if step < STEP else SAME if sent == before else SAVED), sent, grown, 0, None
                if step == STEP:
                    yield chance * AHEAD, sent, grown, 1, sent - 1
                    yield chance * AHEAD, sent, grown, -1, sent + 1


def other(readings: Sequence[Reading], margin: float) -> int | None:
    """How many pieces more the likeliest reading with other pieces stands for; None if there is none in the margin."""
    best = readings[0]
    costs = ((reading.cost - best.cost, reading.pieces - best.pieces) for reading in readings[1:])
    return next((change for cost, change in costs if change and cost <= margin), None)
