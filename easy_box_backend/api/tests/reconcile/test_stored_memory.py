"""The stored memory of a phone whose queue is half sent must survive an upgrade, and a rolling one back and forth."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from api.models import DeviceMemory, StockMovement
from api.phones.memory import UnknownVersion, read
from api.tests.reconcile.people import Phone, Warehouse

STORED = Path(__file__).with_name("stored_memory.json").read_text(encoding="utf-8")
"""As release 1 wrote it for a phone whose queue broke off, with more values so that no key has its default."""


def test_the_document_of_a_release_before_is_written_back_with_the_same_keys_and_values() -> None:
    """A key that this release does not read would be lost here, and its value with it."""
    assert json.loads(msgspec.json.encode(read(STORED))) == json.loads(STORED)


def test_every_field_of_the_document_differs_from_its_default() -> None:
    """Otherwise the test above could not notice that a key is not read."""
    same = [name for name in _fields_with_a_default(read(STORED)) if name != "Memory.version"]
    assert same == []


def test_the_document_of_a_release_before_means_the_same() -> None:
    memory = read(STORED)
    assert [(lookup.product, lookup.number) for lookup in memory.pending_lookups] == [(3, 8), (3, 13)]
    assert [(lookup.product, lookup.quick) for lookup in memory.unjudged_lookups] == [(4, True), (3, True), (0, True)]
    first, second = memory.phases
    assert (first.unused_lookup, first.finished, first.outside_queue) == (3, True, True)
    assert (second.repeats, second.proven, second.likely) == (0, True, True)
    assert [item.confirmed_by for item in first.items] == [14, 14]
    assert [(item.product, item.movement) for item in memory.added_before_pull] == [(2, 2)]
    assert [(seen.product, seen.kept) for seen in memory.seen_products] == [(5, True), (3, False)]
    assert (memory.quick_since, memory.quick_since_pull, memory.lookups_in_a_row) == (21, True, 3)
    assert memory.stuck_at_unknown_sku
    assert memory.created_products == {5: {"name": "Hat", "sku": "HAT", "location": ""}}
    shown = memory.shown[4]
    assert (shown.quantity, shown.last_addition, shown.sent) == (2, 3, {2: 3})
    assert (shown.first_request, shown.fingerprints) == (14, ["1c9fa60f79497144"])
    assert (shown.sent_by_connection, shown.pressed_outside_queue) == ({"127.0.0.1:40001": 1}, True)


def test_a_queue_that_broke_off_under_the_release_before_is_not_booked_twice(warehouse: Warehouse, anna: Phone) -> None:
    """SHIRT came, SOCK was looked up and the network broke; the upgrade came before the queue was sent again."""
    shirt, sock = warehouse.product("SHIRT"), warehouse.product("SOCK")
    anna.pull()
    anna.add("SHIRT", 2)
    row = DeviceMemory.objects.get(device=anna.device)
    (movement,) = StockMovement.objects.values_list("id", flat=True)
    now = json.loads(row.state)["last_at"]
    addition = {"product": shirt, "quantity": 2, "number": 3, "movement": movement, "connection": "A", "stream": 1}
    half_sent = {
        "number": 4, "last_at": now, "last_kind": "find", "connection": "A", "burst": 1,
        "streams": {"A": {"began": 1, "last": 4, "last_at": now}}, "pulls": [1], "pull_seen": True,
        "behind_pull": True, "pull_number": 1, "pull_connection": "A", "phases": [{"items": [addition]}],
        "looks": [{"product": sock, "number": 4, "quick": True, "connection": "A"}], "in_a_row": 1, "last_sku": "SOCK",
    }  # fmt: skip
    row.state = json.dumps(half_sent)
    row.save()
    anna.loses_connection()
    warehouse.later()
    anna.add("SHIRT", 2)
    anna.add("SOCK", 5)
    assert (warehouse.on_hand("SHIRT"), warehouse.on_hand("SOCK")) == (2, 5)
    assert warehouse.questions() == [], "the look-up without its addition proves that the queue broke off"


def test_the_document_of_a_newer_release_is_not_read() -> None:
    with pytest.raises(UnknownVersion):
        read(STORED.replace('"version": 1', '"version": 2'))


def _fields_with_a_default(struct: msgspec.Struct) -> list[str]:
    """The fields of a struct and of those in it that hold their default everywhere they occur."""
    seen: dict[str, bool] = {}
    _note(struct, seen)
    return sorted(name for name, is_default in seen.items() if is_default)


def _note(value: object, seen: dict[str, bool]) -> None:
    if isinstance(value, msgspec.Struct):
        kind = type(value)
        for field in msgspec.structs.fields(kind):
            own = getattr(value, field.name)
            default = field.default if field.default is not msgspec.NODEFAULT else None
            if field.default_factory is not msgspec.NODEFAULT:
                default = field.default_factory()
            name = f"{kind.__name__}.{field.name}"
            seen[name] = seen.get(name, True) and own == default
            _note(own, seen)
    elif isinstance(value, dict):
        for part in value.values():
            _note(part, seen)
    elif isinstance(value, list):
        for part in value:
            _note(part, seen)
