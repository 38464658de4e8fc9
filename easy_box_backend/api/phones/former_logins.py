"""Finds the device that a newly logged in phone was under its former login."""

from datetime import timedelta

from api.models import Device, DeviceMemory
from api.phones.memory import read
from api.reconcile import former
from api.reconcile.memory import Memory
from api.reconcile.stories import Stories

KEPT = timedelta(days=7)
"""How long after its last request a device can be the former login of another one."""

MOST_DEVICES = 20
"""How many devices of the same name are examined, the latest first."""


def take_over(memory: Memory, stories: Stories, device: Device) -> None:
    """Add the story that the phone still has a queue of its former login, if an addition now is a new one's first.

    The former device is an app device of the same name, silent since this login, whose queue may not be empty. Its own
    memory stays, since it may be another phone.
    """
    if not former.begins(memory):
        return
    login = device.created_at
    silent = DeviceMemory.objects.filter(
        device__kind=Device.Kind.APP, device__name=device.name, device__last_seen_at__range=(login - KEPT, login)
    ).exclude(device=device)
    for state in silent.order_by("-device__last_seen_at").values_list("state", flat=True)[:MOST_DEVICES]:
        other = read(state)
        if other.last_at <= login.timestamp():
            for queue, cost in former.queues_of(other):
                stories.begin_with(queue, cost)
