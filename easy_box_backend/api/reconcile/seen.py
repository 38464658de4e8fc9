"""Which states of a product a phone can have shown: from pulls, from other answers and from its own PUTs."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.reconcile.memory import Memory
from api.reconcile.quantity import View


@dataclass(frozen=True, slots=True)
class Base:
    """A quantity to which the phone has since added its own additions.

    since: the revision at which the phone got it. quantity: None for what was on hand at that revision, if the product
    existed then. last_addition: the device's last addition (a movement's id) that the quantity includes; 0 for none.
    """

    since: int
    quantity: int | None = None
    last_addition: int = 0


def bases(memory: Memory, product: int, *, local: bool) -> list[Base]:
    """The quantities from which the phone can have counted, the likeliest first; empty if it never saw the product.

    local: the phone knows the product by its own UUID. It begins with none on hand, whatever the server had.
    """
    shown, before = memory.shown.get(product), memory.shown_before.get(product)
    found: list[Base] = []
    if local and not shown:
        found.append(Base(memory.last_pull, 0))
    if shown:
        found += [Base(revision) for revision in kept_revisions(memory, product) if revision > shown.revision]
        found.append(Base(memory.last_pull, shown.quantity, shown.last_addition))
    for revision in revisions(memory, product):
        if before and not shown and not memory.pull_seen and revision < before.revision:
            # The answer to the last pull may have been lost; then the phone shows what it did before.
            found.append(Base(before.revision, before.quantity, before.last_addition))
            before = None
        if not shown or revision > shown.revision:
            found.append(Base(revision))
    return list(dict.fromkeys(found))


def with_held_back(memory: Memory, product: int, views: Sequence[View]) -> list[View]:
    """The same numbers, preceded by those that include additions which the phone counts and the ledger does not.

    All of these additions or, if some were sent twice, a part of them.
    """
    held_back = [quantity for known, quantity in memory.implausible if known == product]
    sums = [sum(held_back[:n]) for n in range(len(held_back), 0, -1)]
    more = [View(view.quantity + pieces, view.last_addition) for pieces in sums for view in views]
    return list(dict.fromkeys([*more, *views]))


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
