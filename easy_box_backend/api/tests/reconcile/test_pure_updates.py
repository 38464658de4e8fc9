"""Unit tests of reconcile/updates.py, seen.py, creating.py and scanning.py, without the database."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api import reconcile
from api.reconcile import creating, scanning, seen, updates
from api.reconcile.creating import Origin
from api.reconcile.memory import Arrival, Created, Memory, Shown
from api.reconcile.presses import Page

SOCK = 7
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def arrival(connection: str = "B", *, stream: int = 9) -> Arrival:
    return Arrival(True, True, "put", connection, stream)


def test_reconcile_imports_nothing_that_reads_a_table() -> None:
    names = set()
    for path in Path(reconcile.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names |= {f"{node.module}.{name.name}" for name in node.names}
    ours = {name for name in names if name.startswith(("api.", "django.")) and not name.startswith("api.reconcile")}
    assert ours == {"django.conf.settings"}


# --- Updates ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("connection", "stream", "number", "is_late"),
    [("A", 3, 11, True), ("PULL", 3, 11, False), ("A", 9, 11, False), ("A", 3, 12, False), ("", 3, 11, True)],
)
def test_a_pass_from_before_the_pull_sends_its_numbers_on_another_connection(
    connection: str, stream: int, number: int, is_late: bool
) -> None:
    memory = Memory(pull_number=5, pull_connection="PULL", shown_before={SOCK: Shown()}, pages={SOCK: Page(old=[11])})
    late = updates.is_of_pass_before_pull(memory, arrival(connection, stream=stream), SOCK, number)
    assert late == is_late


# --- What the phone has seen ------------------------------------------------------------------------------------------
def test_an_older_pull_counts_only_until_the_answer_to_the_latest_has_arrived() -> None:
    memory = Memory(pulls=[4, 8], created=[Created(SOCK, 10, 4)])
    assert seen.revisions(memory, SOCK) == [10, 8, 4]
    memory.pull_seen = True
    assert seen.revisions(memory, SOCK) == [10, 8]


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
def test_whether_a_phone_could_know_the_product_with_the_sku_of_its_creation(
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
