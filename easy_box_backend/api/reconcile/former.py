"""A queue that outlives the login: what a former device sent of it is compared as if this device had sent it.

The phone's queue stays on the phone when somebody logs out, and is sent from its beginning under the next token.
Nothing names the phone; the only sign is that the same items come again. Another phone may have the same ones, so this
is no proof: a manager is asked about additions that are not booked because of it. (docs/reconciliation.md, rule 22)
"""

import msgspec

from api.reconcile.memory import Item, Memory, Phase

FORMER = "former login"
"""The connection of additions sent under another token; no connection of this device has this name."""


def begins_a_pass(memory: Memory) -> bool:
    """Whether an addition now is the first of a pass, on a device that has never pulled; a pull would end the queue."""
    return not memory.pulls and not (memory.phases and memory.phases[-1].items)


def queue_with(former: Memory, product: int, quantity: int) -> Phase | None:
    """What the former device sent of a queue that begins with this addition; None if there is none."""
    begun = (phase for phase in reversed(former.phases) if phase.items and not phase.outside_queue)
    for phase in begun:
        if (phase.items[0].product, phase.items[0].quantity) == (product, quantity):
            items = list(phase.items)
            finished = phase.finished
            while phase.repeats is not None:
                phase = former.phases[phase.repeats]
                items += phase.items[len(items) :]
            return Phase(items=items, finished=finished)
    return None


def take_over(memory: Memory, former: Memory, queue: Phase) -> None:
    """Have the next addition compared with this queue of the former device, and with its other additions."""
    rest = [item for phase in former.phases for item in phase.items if all(item is not n for n in queue.items)]
    numbers = iter(range(-len(rest) - len(queue.items), 0))
    phases = [Phase(items=rest, outside_queue=True), queue] if rest else [queue]
    for phase in phases:
        phase.items = [_as_former(item, next(numbers)) for item in phase.items]
    at_hand = memory.phases.pop() if memory.phases else Phase()
    memory.phases += [*phases, at_hand]


def _as_former(item: Item, number: int) -> Item:
    return msgspec.structs.replace(item, number=number, stream=number, connection=FORMER, confirmed_by=0)
