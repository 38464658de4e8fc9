"""The stories of a phone as a document that can be stored, and back.

Stories share queues and effects, so each of these is stored once and named by its place.
"""

from __future__ import annotations

import msgspec

from api.reconcile.program import IDLE, PASS, Item, Queue, State
from api.reconcile.stories import MARGIN, Doubt, Effect, Stories, Story

NONE = -1
"""The place that stands for None."""


class StoredQueue(msgspec.Struct, array_like=True):
    """The first `shared` items are those of the queue at `like`."""

    like: int
    shared: int
    rest: list[Item]


class StoredEffect(msgspec.Struct, array_like=True):
    """See `Effect`; before and way are places."""

    number: int
    product: int
    pieces: int
    before: int
    way: int


class StoredStory(msgspec.Struct, array_like=True):
    """See `Story` and `State`; queue, ghost, effects are places."""

    cost: float
    mode: str
    queue: int
    length: int
    at: int
    ghost: int
    ghost_length: int
    other: int
    before: Item | None
    run: int
    effects: int
    doubts: dict[int, list[tuple[float, tuple[tuple[int, int], ...]]]]


class Stored(msgspec.Struct, omit_defaults=True):
    """See `Stories`. Without stories nothing is known of the phone yet."""

    number: int = 0
    pulled_at: int = 0
    queues: list[StoredQueue] = []
    effects: list[StoredEffect] = []
    ways: list[str] = []
    stories: list[StoredStory] = []

    @property
    def is_at_rest(self) -> bool:
        """Whether another pull would change nothing: all stories are at rest, without queues and doubts."""
        return all(s.mode == IDLE and not (s.length or s.doubts) for s in self.stories)

    @property
    def is_in_pass(self) -> bool:
        """Whether the phone is within a pass in all stories that are not very unlikely."""
        return bool(self.stories) and all(s.mode == PASS for s in self.stories if s.cost < MARGIN)


def stored(stories: Stories) -> Stored:
    """The stories as a document."""
    queues, lengths, effects = list[Queue](), dict[int, int](), list[Effect]()
    queue_at, effect_at = dict[int, int](), {id(None): NONE}
    for story in stories.stories:
        state = story.state
        for queue, length in ((state.queue, state.length), (state.ghost, state.ghost_length)):
            if queue_at.setdefault(id(queue), len(queues)) == len(queues):
                queues.append(queue)
            lengths[id(queue)] = max(length, lengths.get(id(queue), 0))
        for effect in list(story.chain())[::-1]:
            if effect_at.setdefault(id(effect), len(effects)) == len(effects):
                effects.append(effect)
    result = Stored(stories.number, stories.pulled_at)
    items = [queue.items[: lengths[id(queue)]] for queue in queues]
    result.queues = [_stored_queue(items[place], items[:place]) for place in range(len(items))]
    result.ways = list(dict.fromkeys(effect.way for effect in effects))
    for each in effects:
        before, way = effect_at[id(each.before)], result.ways.index(each.way)
        result.effects.append(StoredEffect(each.number, each.product, each.pieces, before, way))
    for story in stories.stories:
        state = story.state
        doubts = {p: [(round(cost, 3), a) for cost, a in mine.values()] for p, mine in story.doubts.items()}
        result.stories.append(StoredStory(
            round(story.cost, 3), state.mode, queue_at[id(state.queue)], state.length, state.at,
            queue_at[id(state.ghost)], state.ghost_length, state.other, state.before, state.run,
            effect_at[id(story.effects)], doubts,
        ))  # fmt: skip
    return result


def _stored_queue(items: list[Item], known: list[list[Item]]) -> StoredQueue:
    shared, like = max(((_shared(items, other), place) for place, other in enumerate(known)), default=(0, NONE))
    return StoredQueue(like, shared, items[shared:])


def _shared(one: list[Item], other: list[Item]) -> int:
    """The length of the common beginning of two lists."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (mine, its) in pairs if mine != its), min(len(one), len(other)))


def restored(document: Stored, margin: float = MARGIN) -> Stories:
    """The stories of a document."""
    stories = Stories(margin)
    stories.number, stories.pulled_at = document.number, document.pulled_at
    if not document.stories:
        return stories
    root, queues, effects = Queue(), list[Queue](), list[Effect]()
    for kept in document.queues:
        queues.append(root.with_items([*(queues[kept.like].items[: kept.shared] if kept.shared else ()), *kept.rest]))
    for each in document.effects:
        before = effects[each.before] if each.before != NONE else None
        effects.append(Effect(each.number, each.product, each.pieces, before, document.ways[each.way]))
    stories.stories = [_restored(story, queues, effects) for story in document.stories]
    return stories


def _restored(kept: StoredStory, queues: list[Queue], effects: list[Effect]) -> Story:
    state = State(
        kept.mode, queues[kept.queue], kept.length, kept.at, queues[kept.ghost], kept.ghost_length, kept.other,
        kept.before, kept.run,
    )  # fmt: skip
    doubts = {
        product: {doubt.change: doubt for doubt in (Doubt(*entry) for entry in entries)}
        for product, entries in kept.doubts.items()
    }
    return Story(state, kept.cost, effects[kept.effects] if kept.effects != NONE else None, doubts)
