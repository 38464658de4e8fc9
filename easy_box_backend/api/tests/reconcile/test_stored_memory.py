"""The stored memory of a phone whose queue is half sent must survive an upgrade, also while both releases run."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from api.models import DeviceMemory, StockMovement
from api.phones.memory import UnknownVersion, read
from api.reconcile.memory import VERSION
from api.reconcile.stored_stories import Stored, restored, stored
from api.tests.examples import examples
from api.tests.reconcile.people import Phone, Warehouse
from proofs.simulation.day.people import BAD_NETWORK, OWN_CONNECTIONS, Profile, play
from proofs.simulation.day.readers import StoryReader
from proofs.simulation.day.world import Request

HERE = Path(__file__).parent
STORED = (HERE / "stored_memory_2.json").read_text(encoding="utf-8")
"""A memory as this release writes it for a phone whose queue broke off, with more values, so that no key has its
default."""
STORED_BEFORE = (HERE / "stored_memory.json").read_text(encoding="utf-8")
"""A memory of such a phone in version 1."""


def test_a_document_is_written_back_with_the_same_keys_and_values() -> None:
    """A key that this release does not read would be lost here, and its value with it."""
    assert json.loads(msgspec.json.encode(read(STORED))) == json.loads(STORED)


def test_every_field_of_the_document_differs_from_its_default() -> None:
    """Otherwise the test above could not notice that a key is not read."""
    same = [name for name in _fields_with_a_default(read(STORED)) if name != "Memory.version"]
    assert same == []


def test_the_document_of_the_previous_release_is_read_with_the_same_meaning() -> None:
    memory = read(STORED_BEFORE)
    assert memory.version == VERSION
    assert (memory.quick_since, memory.lookups_in_a_row, memory.stuck_at_unknown_sku) == (21, 3, True)
    assert memory.created == [], "it noted look-ups too"
    assert memory.created_products == {5: {"name": "Hat", "sku": "HAT", "location": ""}}
    assert restored(memory.stories).queues()[0][0] == [(1, 2), (2, 5)]


def half_sent(warehouse: Warehouse, phone: Phone, **queue: int) -> None:
    """Store the memory that the previous release has after these additions of the phone's queue and a look-up of SOCK.
    queue: pieces by SKU."""
    items = []
    for sku, pieces in queue.items():
        phone.add(sku, pieces)
        movement = StockMovement.objects.latest("id")
        items.append({
            "product": movement.product_id, "quantity": pieces, "number": 3, "movement": movement.pk,
            "connection": "A", "stream": 1,
        })  # fmt: skip
    row = DeviceMemory.objects.get(device=phone.device)
    now = json.loads(row.state)["last_at"]
    row.state = json.dumps({
        "version": 1, "number": 4, "last_at": now, "last_kind": "find", "connection": "A", "burst": 1,
        "streams": {"A": {"began": 1, "last": 4, "last_at": now}}, "pulls": [1], "pull_seen": True,
        "behind_pull": True, "pull_number": 1, "pull_connection": "A", "phases": [{"items": items}],
        "looks": [{"product": 1, "number": 4, "quick": True, "connection": "A"}], "in_a_row": 1, "last_sku": "SOCK",
    })  # fmt: skip
    row.save()


@pytest.mark.parametrize("minutes", [0.0, 30.0])
def test_a_queue_that_was_half_sent_under_the_previous_release_is_not_booked_twice(
    warehouse: Warehouse, anna: Phone, minutes: float
) -> None:
    for sku in ("SHIRT", "HAT", "SOCK"):
        warehouse.product(sku)
    anna.pull()
    half_sent(warehouse, anna, SHIRT=2, HAT=1)
    if minutes:
        anna.loses_connection()
        warehouse.later(minutes)
        anna.add("SHIRT", 2)
        anna.add("HAT", 1)
    anna.add("SOCK", 5)
    anna.pull()
    assert [warehouse.on_hand(sku) for sku in ("SHIRT", "HAT", "SOCK")] == [2, 1, 5]
    assert {sku for _kind, sku in warehouse.questions()} <= {"SHIRT"}


def test_the_document_of_a_newer_release_is_refused() -> None:
    with pytest.raises(UnknownVersion):
        read(json.dumps(json.loads(STORED) | {"version": VERSION + 1}))


# --- The stories ------------------------------------------------------------------------------------------------------
class StoredReader(StoryReader):
    """Stores its stories after each request, and continues with the stories that it reads back."""

    def read(self, request: Request) -> None:
        super().read(request)
        document = msgspec.json.encode(stored(self.stories))
        self.stories = restored(msgspec.json.decode(document, type=Stored))


@pytest.mark.parametrize("profile", [BAD_NETWORK, OWN_CONNECTIONS], ids=["kept", "own connections"])
def test_days_are_read_the_same_if_the_stories_are_stored_and_read_back_after_each_request(profile: Profile) -> None:
    for day in range(examples(6)):
        plain, kept = (play(f"stored {day}", profile, reader) for reader in (StoryReader(), StoredReader()))
        assert kept.world.reader.booked() == plain.world.reader.booked()
        assert kept.questions == plain.questions


def _fields_with_a_default(struct: msgspec.Struct) -> list[str]:
    """The names of the fields, in a struct and in all structs within it, that have their default everywhere."""
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
