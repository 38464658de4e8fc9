"""Finds the device that a newly logged in phone was under its former login."""

from datetime import timedelta

from api.models import Device, DeviceMemory
from api.phones.memory import read
from api.reconcile import former
from api.reconcile.memory import Memory

KEPT = timedelta(days=7)
"""How long after its last request a device can be the former login of another one."""

MOST_DEVICES = 20
"""How many devices of the same name are examined, the latest first."""


def take_over(memory: Memory, device: Device, product: int, quantity: int) -> None:
    """Continue a queue that the phone began under its former login, if this addition is the first of a new login.

    The former device is an app device of the same name, silent since this login, that sent a queue with the same
    beginning. Its own memory stays, since it may be another phone.
    """
    if not former.begins_a_pass(memory):
        return
    login = device.created_at
    silent = DeviceMemory.objects.filter(
        device__kind=Device.Kind.APP, device__name=device.name, device__last_seen_at__range=(login - KEPT, login)
    ).exclude(device__in=[device.pk, *memory.taken_over])
    found = []
    for pk, state in silent.order_by("-device__last_seen_at").values_list("pk", "state")[:MOST_DEVICES]:
        other = read(state)
        queue = former.queue_with(other, product, quantity)
        if queue is not None and other.last_at <= login.timestamp():
            found.append((pk, other, queue))
    # The addition is compared with the last one first, so the longest queue comes last.
    for pk, other, queue in sorted(found, key=lambda each: len(each[2].items)):
        memory.taken_over.append(pk)
        former.take_over(memory, other, queue)
