"""A queue outlives the login: the phone may send it from its beginning under the next token.

Nothing names the phone; the only sign is that the same items come again. Another phone may have the same ones, so this
is one story more, and no proof.
"""

from datetime import timedelta

from api.models import Device, DeviceMemory
from api.phones.memory import read
from api.reconcile.memory import Memory
from api.reconcile.stored_stories import restored
from api.reconcile.stories import Stories

KEPT = timedelta(days=7)
"""How long after its last request a device can be the former login of another one."""
MOST_DEVICES = 20
"""How many devices of the same name are examined, the latest first."""
COST = 1.5
"""How much less likely it is than a phone that begins anew, in nats, before any item has come again."""


def take_over(memory: Memory, stories: Stories, device: Device) -> None:
    """Add the story that the phone still has a queue of its former login, if an addition now is a new one's first; a
    pull would end the queue.

    The former device is an app device of the same name, silent since this login, whose queue may not be empty. Its own
    memory stays, since it may be another phone.
    """
    if memory.pulls or memory.stories.number:
        return
    login = device.created_at
    silent = DeviceMemory.objects.filter(
        device__kind=Device.Kind.APP, device__name=device.name, device__last_seen_at__range=(login - KEPT, login)
    ).exclude(device=device)
    for state in silent.order_by("-device__last_seen_at").values_list("state", flat=True)[:MOST_DEVICES]:
        other = read(state)
        if other.last_at <= login.timestamp():
            for queue, cost in restored(other.stories).queues():
                stories.begin_with(queue, COST + cost)
