"""What a phone's order PUT changed: a three-way merge of the composition, and picks that count once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Lines = Mapping[int, tuple[int, int]]
"""By product: (quantity_to_pick, quantity_picked)."""


@dataclass(slots=True)
class Merge:
    """The merged order.

    lines: the new composition. The rest is what a manager must look at, in pieces by product. twice: picked by two
    people. gone: picked for a line that was removed. short: still missing.
    """

    lines: dict[int, tuple[int, int]]
    twice: dict[int, int] = field(default_factory=dict)
    gone: dict[int, int] = field(default_factory=dict)
    short: dict[int, int] = field(default_factory=dict)


def without_unknown(sent: Lines, seen: Lines, now: Lines, *, archived: Mapping[int, bool]) -> Lines:
    """The sent lines whose products can be picked; the others are left out, so that the phone's queue is not blocked.

    archived: of the products that exist, whether each is archived. Such a product must be in the order already.
    """
    return {
        product: quantities for product, quantities in sent.items()
        if product in archived and (product in now or product in seen or not archived[product])
    }  # fmt: skip


def merge(sent: Lines, seen: Lines, now: Lines, *, composes: bool = True) -> Merge:
    """Merge what the phone sent, what it had seen, and the order as it is now.

    A value that the phone did not change keeps its present value; a changed one is applied. What was picked is the
    difference to the number that the phone had seen.

    composes: whether the person may change the composition. If not, only picks are applied.
    """
    result = Merge(dict(now))
    if not composes:
        ordered = {**now, **seen}
        sent = {**seen, **{product: (ordered.get(product, (0, 0))[0], picked) for product, (_, picked) in sent.items()}}
    for product, (to_pick, picked) in sent.items():
        old_to_pick, old_picked = seen.get(product, (None, 0))
        newly = picked - old_picked
        if product not in now:
            if old_to_pick is None and composes:
                result.lines[product] = (to_pick, picked)
            elif newly > 0:
                result.gone[product] = newly
            continue
        now_to_pick, now_picked = now[product]
        wanted = now_to_pick if to_pick == old_to_pick else to_pick
        if now_picked == old_picked:
            result.lines[product] = (wanted, picked)
        else:
            result.lines[product] = (wanted, now_picked)
            if newly > 0:
                result.twice[product] = newly
    for product in set(seen) - set(sent):
        result.lines.pop(product, None)
    result.short = {
        product: to_pick - picked for product, (to_pick, picked) in result.lines.items() if picked < to_pick
    }
    return result
