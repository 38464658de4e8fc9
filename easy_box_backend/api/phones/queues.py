"""What a phone's queue of additions probably still holds, for people to read."""

from dataclasses import dataclass

from django.conf import settings

from api.models import Device, DeviceMemory, Product
from api.phones.memory import UnknownVersion, read
from api.reconcile.memory import Memory
from api.reconcile.program import Item
from api.reconcile.stored_stories import restored
from api.reconcile.stories import Stories


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of additions. items: the product's id and the pieces of each. story: the place, from 1, of the likeliest
    story in which the phone has a queue; 1 is the likeliest story of all."""

    items: tuple[Item, ...]
    story: int


def memory_of(device: Device) -> Memory:
    """The memory of a phone, to read only. Raises UnknownVersion."""
    row = DeviceMemory.objects.filter(device=device).first()
    return read(row.state if row else "{}")


def stories_of(memory: Memory) -> Stories:
    """The stories of a phone, the likeliest first."""
    return restored(memory.stories, settings.STORY_MARGIN)


def of(stories: Stories) -> Queue | None:
    """The queue in the likeliest story that has one, None if no story has one."""
    for place, story in enumerate(stories.stories, 1):
        if story.state.length:
            return Queue(tuple(story.state.queue.items[: story.state.length]), place)
    return None


def probable_queue(device: Device) -> tuple[bool, list[tuple[Product, int]]]:
    """The queue of a phone for people: whether the likeliest story has it (else it is only possible), and its products
    with their pieces. (False, []) if no queue is known, or if a newer release has written the memory."""
    try:
        queue = of(stories_of(memory_of(device)))
    except UnknownVersion:
        queue = None
    if queue is None:
        return False, []
    products = Product.objects.in_bulk([product for product, _pieces in queue.items])
    return queue.story == 1, [(products[key], pieces) for key, pieces in queue.items if key in products]
