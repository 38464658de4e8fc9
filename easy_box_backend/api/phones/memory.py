"""Stores the memory of a phone: one JSON document per device. `reconcile/memory.py` describes its content.

Requests of one phone that book something run one after another: they lock the device's row. Look-ups need no lock: they
replace the document only if it is still the one that they have read.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec
from django.db import connection, transaction

from api.actor import Actor
from api.models import Device, DeviceMemory
from api.reconcile import version1
from api.reconcile.memory import VERSION, Memory
from backend import prepared

T = TypeVar("T")

_READ = "SELECT state FROM api_devicememory WHERE device_id = %s"
_LOCK = f"{_READ} FOR NO KEY UPDATE"
_WRITE = "UPDATE api_devicememory SET state = %s WHERE device_id = %s RETURNING device_id"
_REPLACE = "UPDATE api_devicememory SET state = %s WHERE device_id = %s AND state = %s RETURNING device_id"


class UnknownVersion(RuntimeError):
    """A newer release wrote the document. It is not replaced by an empty one: then a queue would be booked twice."""


def device_of(by: Actor) -> Device:
    """The phone that a request came from."""
    assert by.device is not None
    return by.device


@contextmanager
def remembered(by: Actor) -> Iterator[Memory]:
    """The memory of the phone, locked. Changes to it are stored at the end of the block, in one transaction with
    everything that the block writes. Raises UnknownVersion."""
    device = device_of(by)
    with transaction.atomic():
        before = _locked(device)
        memory = read(before)
        yield memory
        after = written(memory)
        if after != before:
            prepared.one_row(_WRITE, [after, device.pk])


def as_read(by: Actor) -> tuple[str, Memory] | None:
    """The stored document and the memory of the phone as they were when its token was looked up, without a lock.

    None if they were not read then, or were already used. Raises UnknownVersion.
    """
    device = device_of(by)
    before, device.remembered = device.remembered, None  # it may be outdated after the first use
    return None if before is None else (before, read(before))


def update_memory(by: Actor, step: Callable[[Memory], T]) -> T:
    """Run a step that changes nothing in the database but the memory of the phone. Returns the step's result.

    Needs no lock and no transaction, and writes nothing if the memory does not change. If another request of the phone
    has changed it meanwhile, the step is run again with the new memory. Raises UnknownVersion.
    """
    if found := as_read(by):
        before, memory = found
        result = step(memory)
        after = written(memory)
        if after == before or prepared.one_row(_REPLACE, [after, device_of(by).pk, before]):
            return result
    with remembered(by) as memory:
        return step(memory)


def _locked(device: Device) -> str:
    """Lock the row of the device, which is made if there is none. Returns its document."""
    lock = _LOCK if connection.vendor == "postgresql" else _READ  # SQLite has one writer at a time
    row = prepared.one_row(lock, [device.pk])
    if row is None:
        DeviceMemory.objects.get_or_create(device=device)
        row = prepared.one_row(lock, [device.pk])
    state: str = row[0]
    return state


def written(memory: Memory) -> str:
    """The memory as a JSON document, for the field `state` of a `DeviceMemory` row."""
    return msgspec.json.encode(memory).decode()


def read(state: str) -> Memory:
    """The memory in the field `state` of a `DeviceMemory` row. Raises UnknownVersion."""
    memory = msgspec.json.decode(state, type=Memory)
    if memory.version > VERSION:
        raise UnknownVersion(f"A phone's memory has version {memory.version}; this release knows {VERSION}.")
    if memory.version < VERSION:
        memory.version, memory.stories = VERSION, version1.stories_of(state)
    return memory
