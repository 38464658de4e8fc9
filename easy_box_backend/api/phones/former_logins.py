"""The queue of a former login. It outlives the login: the phone may send it from the beginning under a new token.

No request names the phone. The only sign is that the same items come again. Another phone may have the same items, so
this is one more story and no proof.
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
"""How much less likely such a queue is than a phone that begins with none, in nats, before any item has come again."""


def take_over(memory: Memory, stories: Stories, device: Device) -> None:
    """Before the first addition of a new login, add the story that the phone still has the queue of its former login.
    After a pull nothing is added, since a pull means that the queue is empty.

    The former device is an app device of the same name that has been silent since this login and whose queue may hold
    something. Its memory is not changed, since it may be another phone.
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
