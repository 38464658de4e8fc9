"""Which states of a product a phone's page can have shown: those of its pulls, of the answers to its own creations, and
of its own PUTs. A page is opened from the list, so the answer to a look-up is not what it shows
(docs/flutter-app.md, section 3)."""

from itertools import accumulate
from operator import mul

from api.reconcile.chances import UNSEEN
from api.reconcile.memory import KEPT_PULLS, Memory

OF_CREATION = 10.0
"""The weight of the answer to a creation, beside a pull's 1."""


def revisions(memory: Memory, product: int) -> list[int]:
    """At which revisions the phone can have seen the product, the likeliest first.

    An older pull is included only while it is not certain that the answer to the latest one arrived.
    """
    pulls = memory.pulls[-1:] if memory.pull_seen else memory.pulls[::-1]
    return list(dict.fromkeys([*of_creations(memory, product), *pulls]))


def of_creations(memory: Memory, product: int) -> list[int]:
    """The revisions of the product in the answers to the phone's creations, the latest first."""
    return [answer.revision for answer in memory.created[::-1] if answer.product == product]


def pulled(memory: Memory) -> list[tuple[int, float]]:
    """The revisions of the lists that the phone can show, each with its weight."""
    lost = [1.0, memory.pull_unread, *memory.unread[::-1], *[UNSEEN] * KEPT_PULLS]  # older releases noted only the last
    return list(zip(memory.pulls[::-1], accumulate(lost, mul), strict=False))


def answered(memory: Memory, product: int, request: int) -> list[tuple[int, float]]:
    """The revisions of the product in the answers to creations since the request with this number, each with its
    weight, the latest first."""
    answers = [answer for answer in memory.created[::-1] if answer.product == product and answer.number > request]
    return [(answer.revision, OF_CREATION) for answer in answers]
