"""Look-ups that announce no addition: the camera's, and those of the search box; and unknown SKUs.

While a label is in view, the app looks its SKU up again as soon as the answer is there. One pass never asks twice in
a row, and two passes at once ask twice at most. So look-ups are judged only when the next request has come: three or
more at machine speed are a scan, and of these only one with an addition directly after it counts.
(docs/flutter-app.md, section 3; docs/reconciliation.md, rule 6)
"""

from datetime import datetime

from api.reconcile import additions
from api.reconcile.memory import Arrival, Lookup, Memory, is_quick

LOOKUPS_OF_A_SCAN = 3

OPENINGS_UNTIL_MADE = 3
"""At how many openings a phone asks for an unknown SKU before the server takes its queue to be stuck at it."""


def arrive(memory: Memory, kind: str, at: datetime, connection: str, *, product: int = 0) -> Arrival:
    """Note that a request has come, and judge the look-ups before it.

    product: the one that goods are added to, 0 for other requests.
    """
    arrival = memory.arrive(kind, at, connection)
    if kind != "find" or not arrival.quick:
        _judge(memory, product)
    return arrival


def note_lookup(memory: Memory, sku: str, product: int, arrival: Arrival) -> None:
    """Note a look-up. product: the one that was shown, 0 for none."""
    memory.lookups_in_a_row += 1
    memory.last_sku = sku
    if is_scan(memory):
        # A person is at the scanning page, so the next requests are not of the previous pass.
        memory.unjudged_lookups = [lookup for lookup in memory.unjudged_lookups if lookup.product != product]
        memory.streams[arrival.connection].began = memory.quick_since = memory.number
        memory.quick_since_pull = False
    memory.unjudged_lookups.append(Lookup(product, memory.number, arrival.quick, arrival.connection))


def is_scan(memory: Memory) -> bool:
    """Whether the look-ups since the last pause or other request are the camera's."""
    return memory.lookups_in_a_row >= LOOKUPS_OF_A_SCAN


def is_stuck_at(memory: Memory, sku: str, arrival: Arrival, at: datetime) -> bool:
    """Whether the phone's queue is stuck at this unknown SKU, rather than that a person scans or types it.

    Within a pass the look-up comes directly after an addition, and not a moment earlier as well.
    """
    scanned = is_quick(at.timestamp() - memory.missed_at.get(sku, 0.0))
    slowly = memory.stuck_at_unknown_sku and arrival.same_connection
    in_queue = arrival.previous_kind == "add" and (arrival.quick or slowly) and not scanned
    stuck = _openings(memory, sku, at) >= OPENINGS_UNTIL_MADE or in_queue
    memory.stuck_at_unknown_sku = memory.stuck_at_unknown_sku or stuck
    return stuck


def _openings(memory: Memory, sku: str, at: datetime) -> int:
    """At how many separate openings of its screen the phone has asked for this unknown SKU alone, this one included.

    A phone that is stuck at a SKU asks for it once at each opening. The camera asks again at once, and a person who
    types has asked for the beginning of the SKU before: then the count starts again. After a scan one more opening is
    needed, since a label may come into view again for a moment.
    """
    before = memory.last_sku
    typed = before != sku and bool(before) and (before.startswith(sku) or sku.startswith(before))
    if memory.lookups_in_a_row or typed:
        start = 0 if memory.lookups_in_a_row + 1 < LOOKUPS_OF_A_SCAN else -1
        memory.misses.update({other: start for other in (before, sku) if other == sku or other in memory.misses})
    else:
        memory.misses[sku] = memory.misses.get(sku, 0) + 1
    memory.missed_at[sku] = at.timestamp()
    return memory.misses[sku]


def _judge(memory: Memory, product: int) -> None:
    """Judge the look-ups in a row that this request has ended."""
    lookups, first = memory.unjudged_lookups, memory.number - memory.lookups_in_a_row
    twice = len(lookups) == memory.lookups_in_a_row == 2 and lookups[0].product == lookups[1].product
    if is_scan(memory) or (twice and product != lookups[0].product):
        lookups = [
            Lookup(product, memory.number - 1, each.quick and each.number == first, each.connection)
            for each in lookups
            if each.product == product
        ]
    memory.unjudged_lookups, memory.lookups_in_a_row = [], 0
    for lookup in lookups:
        additions.looked_up(memory, lookup)
