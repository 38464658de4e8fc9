"""Stores what is remembered of a phone: one JSON document per device. The requests of one phone that book something run
one after another, by the lock on its row; look-ups replace the document if it is still the one that they have read.
`reconcile/memory.py` describes the content."""

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
        after = written(memory)
        if after != before:
            prepared.one_row(_WRITE, [after, device.pk])


def as_read(by: Actor) -> tuple[str, Memory] | None:
    """What is remembered of the phone, and its state, as they were when its token was looked up, not locked. None if
    that was not read. Raises UnknownVersion."""
    device = device_of(by)
    before, device.remembered = device.remembered, None  # it serves once
    return None if before is None else (before, read(before))


def noted(by: Actor, step: Callable[[Memory], T]) -> T:
    """Run a step that changes nothing in the database but what is remembered of the phone. Returns its result.

    It needs no lock and no transaction, and writes nothing if nothing changes. If another request of the phone has
    changed the memory meanwhile, the step is run again with that. Raises UnknownVersion.
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
    lock = _LOCK if connection.vendor == "postgresql" else _READ  # SQLite has one writer at a time
    row = prepared.one_row(lock, [device.pk])
    if row is None:
        DeviceMemory.objects.get_or_create(device=device)
        row = prepared.one_row(lock, [device.pk])
    state: str = row[0]
    return state


def written(memory: Memory) -> str:
    """The state of a `DeviceMemory` row with this memory."""
    return msgspec.json.encode(memory).decode()


def read(state: str) -> Memory:
    """The memory in the state of a `DeviceMemory` row. Raises UnknownVersion."""
    memory = msgspec.json.decode(state, type=Memory)
    if memory.version > VERSION:
        raise UnknownVersion(f"A phone's memory has version {memory.version}; this release knows {VERSION}.")
    if memory.version < VERSION:
        memory.version, memory.stories = VERSION, version1.stories_of(state)
    return memory
