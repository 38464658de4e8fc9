"""What a phone's order PUT changed: a three-way merge of the composition, and picks that count once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Lines = Mapping[int, tuple[int, int]]
"""By product: (quantity_to_pick, quantity_picked)."""


@dataclass(slots=True)
class Merge:
    """lines: the composition as it is to be. Then by product, what needs a manager, in pieces:
    twice: picked by two. gone: picked for a line that was taken out. short: still missing."""

    lines: dict[int, tuple[int, int]]
    twice: dict[int, int] = field(default_factory=dict)
    gone: dict[int, int] = field(default_factory=dict)
    short: dict[int, int] = field(default_factory=dict)


def merge(sent: Lines, seen: Lines, now: Lines, *, composes: bool = True) -> Merge:
    """Bring together what the phone sent, what it had seen, and what is so now.

    What the phone left as it saw it keeps its present value; what it changed is applied; picks are the difference to
    the picked number that it had seen.

    composes: whether the person may change what belongs to the order. Else only picks are taken over.
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
