"""Which additions are goods, and which are the phone's queue sent again.

The app looks a SKU up, adds, and awaits each answer, so within one pass a look-up stands before each addition. A queue
that was broken off is sent again from its beginning, and can only have grown at its end meanwhile. Nothing else tells
a repetition from more goods: three boxes scanned offline are three identical additions within a moment.
(docs/flutter-app.md, section 4; docs/reconciliation.md)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from api.reconcile.memory import Arrival, Item, Look, Memory, Phase, Ticket


@dataclass(frozen=True, slots=True)
class Verdict:
    """How to take an addition.

    book: whether goods have arrived. undo: booked additions that turn out to be repetitions; doubted: those of them
    that stood alone, so that they may have been received by hand. rebook: additions taken for repetitions that turn out
    to be goods. suspects: booked additions that may be repetitions, the one at hand included; withheld: additions that
    are almost surely repetitions and are not booked. These and the doubted ones go before a manager.
    """

    book: bool
    undo: list[Item] = field(default_factory=list)
    doubted: list[Item] = field(default_factory=list)
    rebook: list[Item] = field(default_factory=list)
    suspects: list[Item] = field(default_factory=list)
    withheld: list[Item] = field(default_factory=list)


def looked_up(memory: Memory, look: Look) -> None:
    """The phone asked for a SKU and was shown a product; an addition may follow."""
    phase = memory.phases[-1] if memory.phases else None
    if not look.product:
        if phase and phase.items and phase.items[-1].number == look.number - 1:
            memory.pass_ended(look.connection)
        return
    if phase and phase.closed and look.quick:
        # Within one pass nothing leads back to additions but a pull.
        memory.overlapping = True
    if phase and phase.items:
        # Of two passes in turns, both look the next item up before either adds it.
        broken_off = phase.dangling is not None and phase.items[0].product == look.product and not memory.overlapping
        if look.quick and not broken_off and memory.tickets and memory.tickets[-1].number == look.number - 1:
            memory.overlapping = True
        if not look.quick or broken_off or phase.closed:
            if look.connection and look.connection == phase.items[-1].connection:
                # No request has failed in between.
                phase.closed, phase.dangling = True, None
            memory.phases.append(Phase())
        else:
            phase.dangling = look.product
    memory.tickets.append(Ticket(look.product, look.number))


def went_on(memory: Memory, *, quick: bool) -> list[Item]:
    """The phone sent an update or a deletion: right behind additions, it is through with that queue.

    Returns the additions to be booked after all, as `through` does.
    """
    if not quick or not memory.phases or not memory.phases[-1].items or memory.phases[-1].dangling is not None:
        return []
    memory.phases[-1].closed = True
    return through(memory)


def pulled(memory: Memory, *, quick: bool) -> None:
    """The phone pulled the list: right behind a look-up that still waits for its addition, that is another pass."""
    if quick and memory.tickets and memory.tickets[-1].number == memory.number - 1:
        memory.overlapping = True


def through(memory: Memory) -> list[Item]:
    """The phone's queue is through. Returns the additions that were withheld as the beginning of a repetition of which
    the rest never came: the queue can only have grown, so they were no repetition, and are to be booked."""
    followed = {phase.follows for phase in memory.phases}
    real = [item for phase in memory.phases for item in _set_apart(memory, phase)]
    for index, phase in enumerate(memory.phases):
        repeated = phase.likely or (phase.proven and not memory.overlapping)
        if repeated and _is_short(memory, phase) and index not in followed:
            real += [item for item in phase.items if item.movement is None]
            phase.likely = phase.proven = False
            phase.follows = None
    return real


def begins_again(memory: Memory) -> None:
    """The phone sent a creation, which it does before additions: what comes next is another pass, or receiving."""
    if memory.phases and memory.phases[-1].items:
        memory.phases.append(Phase())


def added(memory: Memory, product: int, quantity: int, *, arrived_at: int, arrival: Arrival) -> Verdict:
    """Read an addition of the phone. The caller books it as the verdict says, and then calls `booked`.

    arrived_at: how many of the device's requests had been read when this one came in; an identical addition read since
    was under way at the same time, which one pass never does.
    """
    item = Item(
        product, quantity, memory.number, connection=arrival.connection, stream=arrival.stream, came_at=memory.last_at
    )
    before = [n for phase in memory.phases for n in phase.items if _same(n, item)]
    item.looked_up, older = _take_ticket(memory, item, before)
    at_once = any(n.number > arrived_at for n in before)
    if older or at_once:
        memory.overlapping = True
        return Verdict(book=False, withheld=[] if at_once else [item])
    if not memory.phases:
        memory.phases.append(Phase())
    phase = memory.phases[-1]
    phase.dangling = None
    apart = [] if phase.items else _compare_with_earlier(memory, phase, item)
    alone = [] if phase.items else _stood_alone(memory, phase)
    phase.items.append(item)
    verdict = _compare(memory, phase, item) if phase.follows is not None else Verdict(book=True)
    verdict.rebook.extend(apart)
    verdict.withheld.extend(alone)
    alike = [n for n in _others(memory, phase) if _same(n, item) and n is not item]
    if verdict.book and item not in verdict.suspects and any(_may_repeat(memory, item, n) for n in alike):
        verdict.suspects.append(item)
    return verdict


def _others(memory: Memory, phase: Phase) -> Iterator[Item]:
    """The additions of which one of this phase may be a repetition. Of a queue that is proven to come again, what is
    behind its known end is none of its beginning."""
    certain = phase.proven and not phase.likely and not memory.overlapping
    repeated = [id(earlier) for earlier in _chain(memory, phase)] if certain else []
    for other in memory.phases:
        if id(other) not in repeated:
            yield from other.items
    yield from memory.earlier


def _may_repeat(memory: Memory, item: Item, earlier: Item) -> bool:
    """Whether this addition can be that earlier one, alike, once more.

    It can't if both came over one connection: nothing failed between them then, so no pass began anew. Nor if the
    phone was done with the earlier one before the stream began that this one is in.
    """
    if earlier.looked_up and not item.looked_up:
        return True
    one_line = earlier.connection == item.connection if item.connection else earlier.stream == item.stream
    if one_line and not memory.overlapping:
        return False
    return not 0 < earlier.closed < min(item.stream, memory.burst)


def repeats_of_two_passes(memory: Memory) -> list[Item]:
    """Once it has shown that two passes with the same queue are under way: of all alike additions since the last pull,
    the later halves, since either pass may have sent some before it showed. Asked once a pull; empty otherwise."""
    if not memory.overlapping or memory.repeats_asked:
        return []
    memory.repeats_asked = True
    return _later_halves([item for phase in memory.phases for item in phase.items if item.movement])


def repeats_behind_two_pulls(memory: Memory) -> list[Item]:
    """Two pulls in one go end two passes. If everything before them came in pairs, either pass may have sent it."""
    sent = [item for item in memory.earlier if item.movement]
    if memory.repeats_asked or any(len(alike) % 2 for alike in _alike(sent)):
        return []
    return _later_halves(sent)


def _alike(items: list[Item]) -> list[list[Item]]:
    groups: dict[tuple[int, int], list[Item]] = {}
    for item in items:
        groups.setdefault((item.product, item.quantity), []).append(item)
    return list(groups.values())


def _later_halves(items: list[Item]) -> list[Item]:
    return [item for alike in _alike(items) for item in alike[(len(alike) + 1) // 2 :]]


def booked(memory: Memory, movement: int) -> None:
    """Note what the last addition became in the ledger."""
    memory.phases[-1].items[-1].movement = movement


def _compare(memory: Memory, phase: Phase, item: Item) -> Verdict:
    """The addition at hand, the last of a phase that began like an earlier one."""
    index = len(phase.items) - 1
    chain = list(_chain(memory, phase))
    expected, proven = _expected(phase, chain, index)
    if expected is None:
        return Verdict(book=True)
    unbooked = [n for n in phase.items[:-1] if n.movement is None]
    if not _same(expected, item):
        likely, phase.follows, phase.proven, phase.likely = phase.likely, None, False, False
        return Verdict(book=True, rebook=unbooked) if likely else Verdict(book=True, withheld=unbooked)
    whole = index + 1 == max(len(earlier.items) for earlier in chain)
    if proven:
        return Verdict(book=False, withheld=[*unbooked, item] if whole and phase.likely else [])
    partial = [n for earlier in chain[:-1] for n in earlier.items[: _longest(memory, earlier)] if n.movement]
    if index == 0:
        return Verdict(book=True, suspects=[*partial, item] if whole else [])
    phase.proven = phase.likely = True
    own = [n for n in phase.items[:-1] if n.movement]
    return Verdict(book=False, undo=partial + own, doubted=partial, withheld=[*own, item] if whole else [])


def _chain(memory: Memory, phase: Phase) -> Iterator[Phase]:
    """The phases that this one repeats, the nearest first: a repetition can be broken off and repeated in turn."""
    while phase.follows is not None:
        phase = memory.phases[phase.follows]
        yield phase


def _longest(memory: Memory, phase: Phase) -> int:
    """How many items the phases that this one repeats had at most; what it holds behind them is new."""
    return max((len(earlier.items) for earlier in _chain(memory, phase)), default=0)


def _is_short(memory: Memory, phase: Phase) -> bool:
    """Whether this phase ended before what it repeats did, the item included that was looked up last."""
    known = [len(earlier.items) + (earlier.dangling is not None) for earlier in _chain(memory, phase)]
    return len(phase.items) < max(known, default=0)


def _expected(phase: Phase, chain: list[Phase], index: int) -> tuple[Item | None, bool]:
    """What stands at this place of the queue as far as it is known, and whether it is certain that it is the same
    queue. None behind its known end."""
    proven = phase.proven
    for earlier in chain:
        if index < len(earlier.items):
            return earlier.items[index], proven
        proven = proven and earlier.proven
    return None, False


def _compare_with_earlier(memory: Memory, phase: Phase, item: Item) -> list[Item]:
    """Let a new phase follow the one before it, if that begins with the same addition and may have been broken off.

    Returns additions before it that turn out to be none of the queue, to be booked after all.
    """
    real = [item for earlier in memory.phases[:-1] for item in _set_apart(memory, earlier)]
    index = next((n for n in range(len(memory.phases) - 2, -1, -1) if _counts(memory.phases[n])), None)
    if index is None:
        return real
    earlier = memory.phases[index]
    if earlier.closed or not _same(earlier.items[0], item):
        return real
    incomplete = earlier.proven and _is_short(memory, earlier)
    phase.follows, phase.proven = index, earlier.dangling is not None or incomplete
    phase.likely = earlier.dangling is None and incomplete and earlier.likely
    return real


def _stood_alone(memory: Memory, phase: Phase) -> list[Item]:
    """The only addition of the phase that this one follows, if it was taken for a repetition: no second one in order
    has shown that it was of the queue, so it may have been received by hand."""
    earlier = memory.phases[phase.follows] if phase.follows is not None else None
    if earlier is None or not earlier.proven or len(earlier.items) > 1 or earlier.dangling is not None:
        return []
    return [item for item in earlier.items if item.movement is None and not item.asked]


def _counts(phase: Phase) -> bool:
    return bool(phase.items) and not phase.apart


def _set_apart(memory: Memory, phase: Phase) -> list[Item]:
    """What was taken for the beginning of a repetition is none if the phone went on to something else over the same
    connection, with more of the queue to come. Returns what of it was not booked."""
    went_on = bool(phase.items) and (phase.closed or bool(phase.items[-1].closed)) and not memory.overlapping
    followed = any(later.follows is not None and memory.phases[later.follows] is phase for later in memory.phases)
    if followed or phase.likely or not (went_on and _is_short(memory, phase)):
        return []
    phase.apart, phase.proven, phase.follows = True, False, None
    return [item for item in phase.items if item.movement is None]


def _take_ticket(memory: Memory, item: Item, before: list[Item]) -> tuple[bool, bool]:
    """Use up the look-up that belongs to this addition. Returns whether there is one, and whether it is older than an
    identical addition: then it belongs to a second pass with the same queue, since within one pass the next look-up
    comes after the answer to the addition before."""
    mine = [ticket for ticket in memory.tickets if ticket.product == item.product]
    if not mine:
        return False, False
    ticket = mine[-1]
    if ticket.number != item.number - 1:
        # Within one pass nothing comes between a look-up and its addition.
        memory.overlapping = True
    memory.tickets.remove(ticket)
    memory.glances = [glance for glance in memory.glances if glance.number != ticket.number]
    return True, ticket.number < max((n.number for n in before), default=0)


def _same(one: Item, other: Item) -> bool:
    return one.product == other.product and one.quantity == other.quantity
