"""Which states of a product a phone can have shown: from pulls, from other answers and from its own PUTs."""

from itertools import accumulate
from operator import mul

from api.reconcile.chances import UNSEEN
from api.reconcile.memory import KEPT_PULLS, Memory

KEPT, SINGLE = 10.0, 0.3
"""The weights of an answer that the app shows from then on, and of a look-up, beside a pull's 1."""


def revisions(memory: Memory, product: int) -> list[int]:
    """At which revisions the phone can have seen the product, the likeliest first.

    An older pull is included only while it is not certain that the answer to the latest one arrived.
    """
    single = [seen.revision for seen in memory.seen_products[::-1] if seen.product == product and not seen.kept]
    pulls = memory.pulls[::-1]
    older = [] if memory.pull_seen else pulls[1:]
    return list(dict.fromkeys([*kept_revisions(memory, product), *pulls[:1], *single, *older]))


def kept_revisions(memory: Memory, product: int) -> list[int]:
    """The revisions of the product in answers that the app shows from then on, the latest first."""
    return [seen.revision for seen in memory.seen_products[::-1] if seen.product == product and seen.kept]


def pulled(memory: Memory) -> list[tuple[int, float]]:
    """The revisions of the lists that the phone can show, each with its weight."""
    lost = [1.0, memory.pull_unread, *memory.unread[::-1], *[UNSEEN] * KEPT_PULLS]  # older releases noted only the last
    return list(zip(memory.pulls[::-1], accumulate(lost, mul), strict=False))


def answered(memory: Memory, product: int, request: int) -> list[tuple[int, float]]:
    """The same for the answers about this product alone since the request with this number, the latest first."""
    answers = [seen for seen in memory.seen_products[::-1] if seen.product == product and seen.number > request]
    return [(seen.revision, KEPT if seen.kept else SINGLE) for seen in answers]
