"""A queue that outlives the login: it may be sent from its beginning under the next token.

Nothing names the phone; the only sign is that the same items come again. Another phone may have the same ones, so this
is one story more, and no proof.
"""

from api.reconcile.memory import Memory
from api.reconcile.program import Item
from api.reconcile.stored_stories import restored

COST = 1.5
"""How much less likely it is than a phone that begins anew, in nats, before any item has come again."""


def begins(memory: Memory) -> bool:
    """Whether an addition now is the first of a device that has never pulled; a pull would end the queue."""
    return not memory.pulls and not memory.stories.number


def queues_of(former: Memory) -> list[tuple[list[Item], float]]:
    """The queues of which the former device can have sent a part, and how much less likely it is that this phone has
    each than that it begins anew, in nats."""
    return [(queue, COST + cost) for queue, cost in restored(former.stories).queues()]
