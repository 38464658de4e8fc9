"""Look-ups that mean nothing: the camera's, and those of the search box.

While a label is in view, the app looks its SKU up again as soon as the answer is there. One pass never asks twice in
a row, and two passes at once ask twice at most. So look-ups are judged only when it shows what comes behind them:
three in one go are a scan, of which nothing is left but the one that an addition follows.
(docs/flutter-app.md, section 3; docs/reconciliation.md, rule 6)
"""

from datetime import datetime

from api.reconcile import additions
from api.reconcile.memory import Arrival, Look, Memory

LOOKS_OF_A_SCAN = 3


def arrive(memory: Memory, kind: str, at: datetime, connection: str, *, product: int = 0) -> Arrival:
    """Count a request of the device in, and judge the look-ups before it.

    product: the one that goods are added to, 0 for other requests.
    """
    arrival = memory.arrive(kind, at, connection)
    if kind != "find" or not arrival.quick:
        _judge(memory, product)
    return arrival


def looked(memory: Memory, sku: str, product: int, arrival: Arrival) -> None:
    """Note a look-up. product: the one that was shown, 0 for none."""
    memory.in_a_row += 1
    memory.last_sku = sku
    if is_scan(memory):
        # A person is at the scanning page, so what comes next is not the pass from before.
        memory.looks = [look for look in memory.looks if look.product != product]
        memory.streams[arrival.connection].began = memory.burst = memory.number
        memory.behind_pull = False
    memory.looks.append(Look(product, memory.number, arrival.quick, arrival.connection))


def is_scan(memory: Memory) -> bool:
    """Whether the look-ups in one go, up to the last one noted, are the camera's."""
    return memory.in_a_row >= LOOKS_OF_A_SCAN


def openings(memory: Memory, sku: str, at: datetime) -> int:
    """At how many separate openings of its screen the phone has asked for this unknown SKU alone, this one included.

    A phone that hangs at a SKU asks for it once, at each opening. The camera asks again at once, and a person who
    types asks for what it begins with before: then the count begins anew. Behind a scan it takes one opening more,
    since a label may come into view again for a moment.
    """
    before = memory.last_sku
    typed = before != sku and bool(before) and (before.startswith(sku) or sku.startswith(before))
    if memory.in_a_row or typed:
        start = 0 if memory.in_a_row + 1 < LOOKS_OF_A_SCAN else -1
        memory.misses.update({other: start for other in (before, sku) if other == sku or other in memory.misses})
    else:
        memory.misses[sku] = memory.misses.get(sku, 0) + 1
    memory.missed_at[sku] = at.timestamp()
    return memory.misses[sku]


def _judge(memory: Memory, product: int) -> None:
    """Hear the look-ups in one go, of which this request has shown the end."""
    looks, first = memory.looks, memory.number - memory.in_a_row
    twice = len(looks) == memory.in_a_row == 2 and looks[0].product == looks[1].product
    if is_scan(memory) or (twice and product != looks[0].product):
        mine = [look for look in looks if look.product == product]
        looks = [
            Look(product, memory.number - 1, look.quick and look.number == first, look.connection) for look in mine
        ]
    memory.looks, memory.in_a_row = [], 0
    for look in looks:
        additions.looked_up(memory, look)
