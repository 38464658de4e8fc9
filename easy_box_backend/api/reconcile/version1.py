"""Reads what a release before the stories remembered of a phone's queue, so that a half sent one is not booked twice.

To be removed once no phone can have such a document any more.
"""

import msgspec

from api.reconcile.program import IDLE, PASS, Item, Queue, State
from api.reconcile.stored_stories import Stored, stored
from api.reconcile.stories import Stories, Story


class OldItem(msgspec.Struct):
    product: int
    quantity: int


class OldPhase(msgspec.Struct, rename={"repeats": "follows", "outside_queue": "apart"}):
    """Additions of one pass."""

    items: list[OldItem] = []
    repeats: int | None = None
    outside_queue: bool = False


class OldMemory(msgspec.Struct):
    phases: list[OldPhase] = []


def stories_of(document: str) -> Stored:
    """The stories that go on from a document of version 1: its last pass runs, or has broken off, or there was none."""
    phases = msgspec.json.decode(document, type=OldMemory).phases
    last = next((phase for phase in reversed(phases) if phase.items and not phase.outside_queue), None)
    if last is None:
        return Stored()
    sent, queue, phase = len(last.items), list[Item](), last
    while True:
        queue += [(item.product, item.quantity) for item in phase.items[len(queue) :]]
        if phase.repeats is None:
            break
        phase = phases[phase.repeats]
    root, stories = Queue(), Stories()
    state = State(mode=PASS, queue=root.with_items(queue), length=len(queue), at=sent, ghost=root)
    broken_off = State(IDLE, state.queue, state.length, state.length, root)
    stories.stories = [Story(state), Story(broken_off, 0.5), *(Story(story.state, 2.0) for story in stories.stories)]
    return stored(stories)
