"""A wrong stock is accounted for only if settling the open discrepancies closes the difference exactly."""

from __future__ import annotations

from typing import Any

from simulation.facts import Facts
from simulation.intentions import Finished, Intentions
from simulation.scene import Scene
from simulation.settling import accounts_for

SCENE = Scene("t-", {}, {"A": 1}, [7], 0)


def facts(*discrepancies: dict[str, Any]) -> Facts:
    product = {"id": 1, "sku": "t-A", "archived": False}
    movements = [{"id": n, "quantity_delta": delta} for n, delta in ((1, 3), (2, 5))]
    return Facts([product], {1: product}, {1: movements}, {}, list(discrepancies))


def discrepancy(kind: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "product": 1, "sku": "t-A", "order": None, "movement": None, "facts": {}} | fields


def test_a_right_stock_needs_no_discrepancy() -> None:
    assert accounts_for(0, "A", SCENE, facts(), Intentions())
    assert not accounts_for(3, "A", SCENE, facts(), Intentions())


def test_reversing_what_was_booked_must_close_the_difference() -> None:
    duplicate = discrepancy("possible_duplicate", movement=1)
    assert accounts_for(3, "A", SCENE, facts(duplicate), Intentions())
    assert not accounts_for(5, "A", SCENE, facts(duplicate), Intentions())
    both = facts(duplicate, discrepancy("possible_duplicate", movement=2))
    assert accounts_for(8, "A", SCENE, both, Intentions())


def test_a_discrepancy_of_another_product_is_no_excuse() -> None:
    other = discrepancy("possible_duplicate", movement=1, product=2, sku="t-B")
    assert not accounts_for(3, "A", SCENE, facts(other), Intentions())


def test_picks_that_were_held_back_can_be_booked() -> None:
    notes = Intentions()
    notes.finished[7].append(Finished("Anna", {1: 2}))
    assert accounts_for(2, "A", SCENE, facts(discrepancy("picked_twice", order=7)), notes)
