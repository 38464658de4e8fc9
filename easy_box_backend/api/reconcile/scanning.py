"""Look-ups without an addition: by the camera and the search box; and look-ups of unknown SKUs.

While a label is in view, the app looks its SKU up again as soon as the answer is there. One pass never asks twice in
a row, and two passes at once ask twice at most. So three or more at machine speed are a scan.
(docs/flutter-app.md, section 3; docs/reconciliation.md)
"""

from datetime import datetime

from api.reconcile.memory import Arrival, Memory, is_quick

LOOKUPS_OF_A_SCAN = 3

OPENINGS_UNTIL_MADE = 3
"""At so many openings of the screen with a look-up of the same unknown SKU, the queue counts as stuck at it."""


def arrive(memory: Memory, kind: str, at: datetime, connection: str) -> Arrival:
    """Note that a request has come."""
    arrival = memory.arrive(kind, at, connection)
    if kind != "find" or not arrival.quick:
        memory.lookups_in_a_row = 0
    return arrival


def note_lookup(memory: Memory, sku: str, arrival: Arrival) -> None:
    """Count a look-up, and note when look-ups become a scan."""
    memory.lookups_in_a_row += 1
    memory.last_sku = sku
    if is_scan(memory):
        # A person is at the scanning page, so the next requests are not of the previous pass.
        memory.streams[arrival.connection].began = memory.quick_since = memory.number
        memory.quick_since_pull = False


def is_scan(memory: Memory) -> bool:
    """Whether the look-ups since the last pause or other request are the camera's."""
    return memory.lookups_in_a_row >= LOOKUPS_OF_A_SCAN


def is_stuck_at(memory: Memory, sku: str, arrival: Arrival, at: datetime) -> bool:
    """Whether the phone's queue is stuck at this unknown SKU, rather than that a person scans or types it.

    Within a pass the look-up comes directly after an addition, and not a moment earlier as well. Where the queue was
    stuck before, they may also come slowly: behind the addition of that very SKU, or while nothing but a pass is
    believed. Behind an addition by hand it is a person who looks something up.
    """
    scanned = is_quick(at.timestamp() - memory.missed_at.get(sku, 0.0))
    drains = memory.stuck_at_unknown_sku and (memory.stories.is_in_pass or memory.last_sku == memory.stuck_at)
    slowly = drains and arrival.same_connection
    in_queue = arrival.previous_kind == "add" and (arrival.quick or slowly) and not scanned
    stuck = _openings(memory, sku, at) >= OPENINGS_UNTIL_MADE or in_queue
    if stuck:
        memory.stuck_at_unknown_sku, memory.stuck_at = True, sku
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
