"""Which additions are new goods, and which are duplicates because the phone sent its queue again.

The app looks a SKU up, adds, and waits for each answer, so within one pass a look-up comes before each addition. A
queue that was broken off is sent again from its beginning, and can only have grown at its end. Nothing else tells a
duplicate from new goods: three boxes scanned offline are three identical additions within a moment.
(docs/flutter-app.md, section 4; docs/reconciliation.md)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from api.reconcile.memory import Arrival, Item, Lookup, Memory, PendingLookup, Phase


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about an addition.

    book: whether to book it. undo: booked additions that turn out to be duplicates; doubted: those of them that came
    alone, so that they may have been received by hand. rebook: additions that were taken for duplicates and turn out to
    be goods. suspects: booked additions that may be duplicates, this one included; withheld: additions that are almost
    certainly duplicates and are not booked. A manager is asked about suspects, withheld and doubted ones.
    """

    book: bool
    undo: list[Item] = field(default_factory=list)
    doubted: list[Item] = field(default_factory=list)
    rebook: list[Item] = field(default_factory=list)
    suspects: list[Item] = field(default_factory=list)
    withheld: list[Item] = field(default_factory=list)


def looked_up(memory: Memory, lookup: Lookup) -> None:
    """The phone looked a SKU up; if it was shown a product, an addition may follow."""
    phase = memory.phases[-1] if memory.phases else None
    if not lookup.product:
        if phase and phase.items and phase.items[-1].number == lookup.number - 1:
            memory.pass_ended(lookup.connection)
        return
    if phase and phase.finished and lookup.quick:
        # A pass goes back to additions only after a pull.
        memory.overlapping = True
    if phase and phase.items:
        # When two passes alternate, both look the next item up before one of them adds it.
        starts_again = phase.items[0].product == lookup.product
        broken_off = phase.unused_lookup is not None and starts_again and not memory.overlapping
        if lookup.quick and not broken_off and _was_looked_up_by(memory, lookup.number - 1):
            memory.overlapping = True
        if not lookup.quick or broken_off or phase.finished:
            if lookup.connection and lookup.connection == phase.items[-1].connection:
                # No request has failed in between.
                phase.finished, phase.unused_lookup = True, None
            memory.phases.append(Phase())
        else:
            phase.unused_lookup = lookup.product
    memory.pending_lookups.append(PendingLookup(lookup.product, lookup.number))


def moved_to_next_queue(memory: Memory, *, quick: bool) -> list[Item]:
    """The phone sent an update or a deletion: directly after additions, its queue of additions is empty.

    Returns the additions to be booked after all, as `queue_finished` does.
    """
    if not quick or not memory.phases or not memory.phases[-1].items or memory.phases[-1].unused_lookup is not None:
        return []
    memory.phases[-1].finished = True
    return queue_finished(memory)


def pulled(memory: Memory, *, quick: bool, in_one_go: bool) -> list[Item]:
    """The phone pulled the list: directly after a look-up that still waits for its addition, that is another pass.

    in_one_go: this pull and every request since the previous one came at machine speed.
    Returns booked additions that may be duplicates sent by two passes.
    """
    if quick and _was_looked_up_by(memory, memory.number - 1):
        memory.overlapping = True
    duplicates = duplicates_of_two_passes(memory)
    return duplicates + _duplicates_before_two_pulls(memory) if in_one_go else duplicates


def _was_looked_up_by(memory: Memory, number: int) -> bool:
    """Whether this request was a look-up that still waits for its addition."""
    return bool(memory.pending_lookups) and memory.pending_lookups[-1].number == number


def queue_finished(memory: Memory) -> list[Item]:
    """The phone's queue is empty. Returns additions to be booked after all.

    They were withheld as the beginning of a queue sent again, whose rest never came. A queue can only have grown, so
    they were no duplicates.
    """
    followed = {phase.repeats for phase in memory.phases}
    real = [item for phase in memory.phases for item in _take_out_of_queue(memory, phase)]
    for index, phase in enumerate(memory.phases):
        repeated = phase.likely or (phase.proven and not memory.overlapping)
        if repeated and _is_short(memory, phase) and index not in followed:
            real += [item for item in phase.items if item.movement is None]
            phase.likely = phase.proven = False
            phase.repeats = None
    return real


def creation_sent(memory: Memory, fingerprint: str, *, quick: bool) -> None:
    """The phone sent a creation, which it does before additions: the next ones are of another pass, or by hand.

    The same creation again at machine speed means two passes.
    """
    if memory.phases and memory.phases[-1].items:
        memory.phases.append(Phase())
    if quick and fingerprint in memory.created:
        memory.overlapping = True
    memory.created.append(fingerprint)


def added(memory: Memory, product: int, quantity: int, *, arrived_at: int, arrival: Arrival) -> Verdict:
    """Judge an addition of the phone. The caller books it if the verdict says so, and then calls `booked`.

    arrived_at: how many of the device's requests had been read when this one came in. An identical addition read since
    then was under way at the same time, which never happens within one pass.
    """
    item = Item(
        product, quantity, memory.number, connection=arrival.connection, stream=arrival.stream, came_at=memory.last_at
    )
    before = [n for phase in memory.phases for n in phase.items if _same(n, item)]
    item.looked_up, older = _use_lookup(memory, item, before)
    at_once = any(n.number > arrived_at for n in before)
    if older or at_once:
        memory.overlapping = True
        return Verdict(book=False, withheld=[] if at_once else [item])
    if not memory.phases:
        memory.phases.append(Phase())
    phase = memory.phases[-1]
    phase.unused_lookup = None
    apart = [] if phase.items else _compare_with_earlier(memory, phase, item)
    alone = [] if phase.items else _stood_alone(memory, phase)
    phase.items.append(item)
    verdict = _compare(memory, phase, item) if phase.repeats is not None else Verdict(book=True)
    verdict.rebook.extend(apart)
    verdict.withheld.extend(alone)
    alike = [n for n in _others(memory, phase) if _same(n, item) and n is not item]
    if verdict.book and item not in verdict.suspects and any(_may_be_duplicate(memory, item, n) for n in alike):
        verdict.suspects.append(item)
    return verdict


def _others(memory: Memory, phase: Phase) -> Iterator[Item]:
    """The additions that one of this phase may be a duplicate of.

    If the queue is proven to have been sent again, what comes after its known end is not a part of its beginning.
    """
    certain = phase.proven and not phase.likely and not memory.overlapping
    repeated = [id(earlier) for earlier in _chain(memory, phase)] if certain else []
    for other in memory.phases:
        if id(other) not in repeated:
            yield from other.items
    yield from memory.added_before_pull


def _may_be_duplicate(memory: Memory, item: Item, earlier: Item) -> bool:
    """Whether this addition can be a duplicate of that earlier, equal one.

    It cannot if both came over one connection: then nothing failed between them, so no pass started again. Nor if the
    phone had read the earlier one's answer before this one's stream began.
    """
    if earlier.looked_up and not item.looked_up:
        return True
    one_line = earlier.connection == item.connection if item.connection else earlier.stream == item.stream
    if one_line and not memory.overlapping:
        return False
    return not 0 < earlier.confirmed_by < min(item.stream, memory.quick_since)


def duplicates_of_two_passes(memory: Memory) -> list[Item]:
    """The additions that one of two passes with the same queue may have sent before the two were noticed.

    Of all equal additions since the last pull, the later half. Empty without two passes, and after the first call since
    a pull.
    """
    if not memory.overlapping or memory.asked_about_duplicates:
        return []
    memory.asked_about_duplicates = True
    return _later_halves([item for phase in memory.phases for item in phase.items if item.movement])


def _duplicates_before_two_pulls(memory: Memory) -> list[Item]:
    """Two pulls at machine speed end two passes. If everything before them came in pairs, each pass may have sent it.

    Returns the later half of the equal additions.
    """
    sent = [item for item in memory.added_before_pull if item.movement]
    if memory.asked_about_duplicates or any(len(alike) % 2 for alike in _alike(sent)):
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
    """Note the movement as which the last addition was booked."""
    memory.phases[-1].items[-1].movement = movement


def _compare(memory: Memory, phase: Phase, item: Item) -> Verdict:
    """Judge the last addition of a phase that began like an earlier one."""
    index = len(phase.items) - 1
    chain = list(_chain(memory, phase))
    expected, proven = _expected(phase, chain, index)
    if expected is None:
        return Verdict(book=True)
    unbooked = [n for n in phase.items[:-1] if n.movement is None]
    if not _same(expected, item):
        likely, phase.repeats, phase.proven, phase.likely = phase.likely, None, False, False
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
    """The phases that this one repeats, the latest first: a queue can be broken off and sent again several times."""
    while phase.repeats is not None:
        phase = memory.phases[phase.repeats]
        yield phase


def _longest(memory: Memory, phase: Phase) -> int:
    """How many items the phases that this one repeats had at most; its later items are new."""
    return max((len(earlier.items) for earlier in _chain(memory, phase)), default=0)


def _is_short(memory: Memory, phase: Phase) -> bool:
    """Whether this phase is shorter than what it repeats, including the item that was looked up last there."""
    known = [len(earlier.items) + (earlier.unused_lookup is not None) for earlier in _chain(memory, phase)]
    return len(phase.items) < max(known, default=0)


def _expected(phase: Phase, chain: list[Phase], index: int) -> tuple[Item | None, bool]:
    """The addition known at this place of the queue, None after its known end; and whether it is the same queue for
    certain."""
    proven = phase.proven
    for earlier in chain:
        if index < len(earlier.items):
            return earlier.items[index], proven
        proven = proven and earlier.proven
    return None, False


def _compare_with_earlier(memory: Memory, phase: Phase, item: Item) -> list[Item]:
    """Note that a new phase repeats the previous one, if that begins with the same addition and may be broken off.

    Returns earlier additions that turn out not to be part of the queue, to be booked after all.
    """
    real = [item for earlier in memory.phases[:-1] for item in _take_out_of_queue(memory, earlier)]
    index = next((n for n in range(len(memory.phases) - 2, -1, -1) if _is_of_queue(memory.phases[n])), None)
    if index is None:
        return real
    earlier = memory.phases[index]
    if earlier.finished or not _same(earlier.items[0], item):
        return real
    incomplete = earlier.proven and _is_short(memory, earlier)
    phase.repeats, phase.proven = index, earlier.unused_lookup is not None or incomplete
    phase.likely = earlier.unused_lookup is None and incomplete and earlier.likely
    return real


def _stood_alone(memory: Memory, phase: Phase) -> list[Item]:
    """The only addition of the phase that this one repeats, if it was taken for a duplicate.

    No second addition in order has confirmed that it was of the queue, so it may have been received by hand.
    """
    earlier = memory.phases[phase.repeats] if phase.repeats is not None else None
    if earlier is None or not earlier.proven or len(earlier.items) > 1 or earlier.unused_lookup is not None:
        return []
    return [item for item in earlier.items if item.movement is None and not item.asked]


def _is_of_queue(phase: Phase) -> bool:
    return bool(phase.items) and not phase.outside_queue


def _take_out_of_queue(memory: Memory, phase: Phase) -> list[Item]:
    """Correct a phase that was taken for the beginning of a queue sent again, and is not.

    It is not if the phone did something else over the same connection before the rest of the queue. Returns the
    additions of it that were not booked.
    """
    ended = bool(phase.items) and (phase.finished or bool(phase.items[-1].confirmed_by)) and not memory.overlapping
    followed = any(later.repeats is not None and memory.phases[later.repeats] is phase for later in memory.phases)
    if followed or phase.likely or not (ended and _is_short(memory, phase)):
        return []
    phase.outside_queue, phase.proven, phase.repeats = True, False, None
    return [item for item in phase.items if item.movement is None]


def _use_lookup(memory: Memory, item: Item, before: list[Item]) -> tuple[bool, bool]:
    """Remove the look-up that belongs to this addition. Returns whether there is one, and whether it is older than an
    identical addition.

    An older one belongs to a second pass with the same queue: within one pass the next look-up comes after the answer
    to the previous addition.
    """
    mine = [lookup for lookup in memory.pending_lookups if lookup.product == item.product]
    if not mine:
        return False, False
    lookup = mine[-1]
    if lookup.number != item.number - 1:
        # Within one pass nothing comes between a look-up and its addition.
        memory.overlapping = True
    memory.pending_lookups.remove(lookup)
    memory.seen_products = [seen for seen in memory.seen_products if seen.number != lookup.number]
    return True, lookup.number < max((n.number for n in before), default=0)


def _same(one: Item, other: Item) -> bool:
    return one.product == other.product and one.quantity == other.quantity
