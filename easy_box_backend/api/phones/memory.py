"""Stores what is remembered of a phone: one JSON document per device. The lock on its row makes the requests of one
phone run one after another. `reconcile/memory.py` describes the content."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from django.db import transaction

from api.actor import Actor
from api.models import Device, DeviceMemory
from api.reconcile import version1
from api.reconcile.memory import VERSION, Memory


class UnknownVersion(RuntimeError):
    """A newer release wrote the document. It is not replaced by an empty one, which would book a queue twice."""


def device_of(by: Actor) -> Device:
    """The phone that a request came from."""
    assert by.device is not None
    return by.device


@contextmanager
def remembered(by: Actor) -> Iterator[Memory]:
    """What is remembered of the phone, locked. Changes are stored at the end of the block, in one transaction with all
    that is done in it. Raises UnknownVersion."""
    device = device_of(by)
    with transaction.atomic():
        before = _locked(device)
        memory = read(before)
        yield memory
        after = msgspec.json.encode(memory).decode()
        if after != before:
            DeviceMemory.objects.filter(device=device).update(state=after)


def _locked(device: Device) -> str:
    row = DeviceMemory.objects.select_for_update(no_key=True).filter(device=device).first()
    if row is None:
        DeviceMemory.objects.get_or_create(device=device)
        row = DeviceMemory.objects.select_for_update(no_key=True).get(device=device)
    return row.state


def read(state: str) -> Memory:
    """The memory in the state of a `DeviceMemory` row. Raises UnknownVersion."""
    memory = msgspec.json.decode(state, type=Memory)
    if memory.version > VERSION:
        raise UnknownVersion(f"A phone's memory has version {memory.version}; this release knows {VERSION}.")
    if memory.version < VERSION:
        memory.version, memory.stories = VERSION, version1.stories_of(state)
    return memory
