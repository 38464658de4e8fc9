"""reconcile/updates.py, seen.py, creating.py and scanning.py by themselves: nothing here may touch the database."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api import reconcile
from api.reconcile import creating, scanning, seen, updates
from api.reconcile.creating import Origin
from api.reconcile.memory import Arrival, Memory, SeenProduct, Shown
from api.reconcile.quantity import View
from api.reconcile.updates import Sent

SOCK = 7
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def sent(quantity: int | None, **changes: str) -> Sent:
    return Sent(False, {"name": "Socks", "sku": "SOCK", "location": "A1", **changes}, quantity, "")


def arrival(connection: str = "B", *, stream: int = 9) -> Arrival:
    return Arrival(True, True, "put", connection, stream)


def test_reconcile_imports_nothing_that_reads_a_table() -> None:
    names = set()
    for path in Path(reconcile.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names |= {f"{node.module}.{name.name}" for name in node.names}
    ours = {name for name in names if name.startswith(("api.", "django.")) and not name.startswith("api.reconcile")}
    assert ours == {"api.models.MAX_QUANTITY", "django.conf.settings"}


# --- Updates ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("connection", "stream", "number", "is_late"),
    [("A", 3, 11, True), ("PULL", 3, 11, False), ("A", 9, 11, False), ("A", 3, 12, False), ("", 3, 11, True)],
)
def test_a_pass_from_before_the_pull_sends_its_numbers_on_another_connection(
    connection: str, stream: int, number: int, is_late: bool
) -> None:
    before = Shown(quantity=11, last_addition=0, sent={11: 0})
    memory = Memory(pull_number=5, pull_connection="PULL", shown_before={SOCK: before})
    late = updates.is_of_pass_before_pull(memory, arrival(connection, stream=stream), SOCK, number)
    assert late == is_late


def test_a_number_of_a_pass_from_before_the_pull_is_the_way_back_to_it() -> None:
    before = Shown(quantity=12, last_addition=0, sent={11: 0, 12: 0})
    memory = Memory(pull_number=5, pull_connection="PULL", shown_before={SOCK: before})
    reading = updates.read_quantity(
        memory, arrival("A", stream=3), SOCK, sent(11), views=[], sent_before={12: [View(12)], 11: [View(11)]},
        on_hand=12, edited=False,
    )  # fmt: skip
    assert (reading.delta, reading.sure) == (-1, True)


@pytest.mark.parametrize(("unsure", "is_sure"), [(False, True), (True, False)])
def test_a_step_after_a_doubtful_number_is_doubtful(unsure: bool, is_sure: bool) -> None:
    shown = Shown(quantity=11, last_addition=0, sent={11: 0}, unsure=unsure)
    reading = updates.read_quantity(
        Memory(shown={SOCK: shown}), arrival(), SOCK, sent(12), views=[View(11)], sent_before={11: [View(11)]},
        on_hand=11, edited=False,
    )  # fmt: skip
    assert (reading.delta, reading.sure) == (1, is_sure)


def test_a_press_over_a_new_connection_without_the_queue_is_outside_it() -> None:
    memory, known = Memory(number=9), Shown(quantity=11, last_addition=0, sent={11: 0}, fingerprints=["first"])
    known.sent_by_connection = {"A": 1}
    reading = updates.Reading(1, sure=True, last_addition=0)
    outside = [
        updates.now_shown(memory, arrival(connection), known, sent(number), reading, 3).pressed_outside_queue
        for connection, number in (("A", 12), ("B", 11), ("B", 12))
    ]
    assert outside == [False, False, True]


# --- What was seen ----------------------------------------------------------------------------------------------------
def test_an_older_pull_counts_only_until_the_answer_to_the_latest_has_arrived() -> None:
    memory = Memory(pulls=[4, 8], seen_products=[SeenProduct(SOCK, 9, 3), SeenProduct(SOCK, 10, 4, kept=True)])
    assert seen.revisions(memory, SOCK) == [10, 8, 9, 4]
    memory.pull_seen = True
    assert seen.revisions(memory, SOCK) == [10, 8, 9]


# --- Creations --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("origin", "could_know", "is_duplicate"),
    [
        (None, False, False),
        (Origin(4, "Socks", own=False), True, False),
        (Origin(6, "Socks", own=False), False, False),
        (Origin(6, "Socks", own=True), False, True),
        (Origin(6, "Red socks", own=True), True, False),
    ],
)
def test_what_a_phone_knows_of_the_product_with_the_sku_of_its_creation(
    origin: Origin | None, could_know: bool, is_duplicate: bool
) -> None:
    assert creating.could_know(Memory(pulls=[5]), origin, "Socks") == could_know
    assert creating.is_duplicate(origin, "Socks") == is_duplicate


# --- Unknown SKUs -----------------------------------------------------------------------------------------------------
def test_a_queue_is_stuck_at_an_unknown_sku_directly_after_an_addition_or_at_the_third_opening() -> None:
    after_addition = Arrival(True, True, "add", "A", 1)
    assert scanning.is_stuck_at(Memory(), "SOKC", after_addition, AT)
    memory, opening = Memory(), Arrival(False, False, "pull", "A", 1)
    assert [scanning.is_stuck_at(memory, "SOKC", opening, AT + timedelta(hours=n)) for n in range(3)] == [
        False, False, True,
    ]  # fmt: skip
    assert memory.stuck_at_unknown_sku
