"""A wrong stock is accounted for only if settling the open discrepancies closes the difference exactly."""

from __future__ import annotations

from typing import Any

from proofs.simulation.facts import Facts
from proofs.simulation.scene import Scene
from proofs.simulation.settling import accounts_for

SCENE = Scene("t-", {}, {"A": 1}, [7], 0)


def facts(*discrepancies: dict[str, Any]) -> Facts:
    product = {"id": 1, "sku": "t-A", "archived": False}
    movements = [{"id": n, "quantity_delta": delta, "reverses": None} for n, delta in ((1, 3), (2, 5))]
    return Facts([product], {1: product}, {1: movements}, {}, list(discrepancies))


def discrepancy(kind: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "product": 1, "sku": "t-A", "order": None, "facts": {}} | fields


def test_a_right_stock_needs_no_discrepancy() -> None:
    assert accounts_for(0, "A", SCENE, facts())
    assert not accounts_for(3, "A", SCENE, facts())


def test_reversing_what_was_booked_must_close_the_difference() -> None:
    duplicate = discrepancy("possible_duplicate", facts={"booked": [1]})
    assert accounts_for(3, "A", SCENE, facts(duplicate))
    assert not accounts_for(5, "A", SCENE, facts(duplicate))
    both = facts(duplicate, discrepancy("possible_duplicate", facts={"booked": [2]}))
    assert accounts_for(8, "A", SCENE, both)


def test_a_discrepancy_of_another_product_does_not_account_for_a_difference() -> None:
    other = discrepancy("possible_duplicate", facts={"booked": [1]}, product=2, sku="t-B")
    assert not accounts_for(3, "A", SCENE, facts(other))


def test_picks_that_were_held_back_can_be_booked() -> None:
    pending = {"pending": [{"product": 1, "delta": -2}]}
    assert accounts_for(2, "A", SCENE, facts(discrepancy("picked_twice", order=7, facts=pending)))
    assert not accounts_for(1, "A", SCENE, facts(discrepancy("picked_twice", order=7, facts=pending)))


def test_a_guess_at_a_press_may_be_one_step_wrong() -> None:
    guess = facts(discrepancy("quantity_guess", facts={"change": 1, "booked": [1]}))
    assert all(accounts_for(difference, "A", SCENE, guess) for difference in (0, 1, 2))
    assert not accounts_for(3, "A", SCENE, guess)


def test_a_guess_can_also_be_settled_by_booking_its_pending_change() -> None:
    pending = {"pending": [{"product": 1, "delta": 2}]}
    assert accounts_for(-2, "A", SCENE, facts(discrepancy("quantity_guess", facts={"change": 0, **pending})))
    assert not accounts_for(-2, "A", SCENE, facts(discrepancy("quantity_guess", facts={"change": 0})))
