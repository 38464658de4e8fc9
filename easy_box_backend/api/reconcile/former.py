"""A queue that outlives the login: what another device had sent of it is read as this one's own, with a doubt.

The phone's queue stays on the phone when somebody logs out, and is sent from its beginning under the next token.
Nothing names the phone; what tells is that the same items come again. Another phone may have the same ones, so this is
never a proof: what is not booked for it goes before a manager. (docs/reconciliation.md, rule 22)
"""

import msgspec

from api.reconcile.memory import Item, Memory, Phase

FORMER = "former login"
"""The connection of what was sent under another token: none that this device has."""


def begins_a_pass(memory: Memory) -> bool:
    """Whether an addition now is the first of a pass, of a device that has not pulled yet: a pull ends its queue."""
    return not memory.pulls and not (memory.phases and memory.phases[-1].items)


def queue_with(former: Memory, product: int, quantity: int) -> Phase | None:
    """What the other device had sent of a queue that begins with this addition; None if there is none."""
    begun = (phase for phase in reversed(former.phases) if phase.items and not phase.apart)
    for phase in begun:
        if (phase.items[0].product, phase.items[0].quantity) == (product, quantity):
            items = list(phase.items)
            closed = phase.closed
            while phase.follows is not None:
                phase = former.phases[phase.follows]
                items += phase.items[len(items) :]
            return Phase(items=items, closed=closed)
    return None


def take_over(memory: Memory, former: Memory, queue: Phase) -> None:
    """Read the next addition against this queue of another device, and against what else that one had added."""
    rest = [item for phase in former.phases for item in phase.items if all(item is not n for n in queue.items)]
    numbers = iter(range(-len(rest) - len(queue.items), 0))
    phases = [Phase(items=rest, apart=True), queue] if rest else [queue]
    for phase in phases:
        phase.items = [_as_former(item, next(numbers)) for item in phase.items]
    at_hand = memory.phases.pop() if memory.phases else Phase()
    memory.phases += [*phases, at_hand]


def _as_former(item: Item, number: int) -> Item:
    return msgspec.structs.replace(item, number=number, stream=number, connection=FORMER, closed=0)
