"""Finding the device that a newly logged in phone was before."""

from datetime import timedelta

from api.models import Device, DeviceMemory
from api.phones.memory import read
from api.reconcile import former
from api.reconcile.memory import Memory

KEPT = timedelta(days=7)
"""How long after its last request a device may be what another one was before."""

MOST_DEVICES = 20


def take_over(memory: Memory, device: Device, product: int, quantity: int) -> None:
    """If this addition begins a pass of a new login, and an app device of the same name that has been silent since
    that login had sent a queue that begins with it, go on from there. That device's own memory stays: it may be
    another phone."""
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
    # The last one is compared first: the one of which most is known.
    for pk, other, queue in sorted(found, key=lambda each: len(each[2].items)):
        memory.taken_over.append(pk)
        former.take_over(memory, other, queue)
