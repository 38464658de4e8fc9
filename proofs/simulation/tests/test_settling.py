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


def told(*believed: tuple[int, bool]) -> dict[str, Any]:
    """The story of a page: the pieces of each number, and whether nothing explains it."""
    return {"story": {"believed": [list(one) for one in believed]}}


def closed(question: dict[str, Any]) -> list[int]:
    """The differences that a question about a page accounts for."""
    return [difference for difference in range(-4, 5) if accounts_for(difference, "A", SCENE, facts(question))]


def test_a_guess_at_a_press_may_be_one_step_wrong() -> None:
    assert closed(discrepancy("quantity_guess", facts=told((1, True)))) == [0, 1, 2]
    assert closed(discrepancy("quantity_guess", facts=told((0, True)))) == [-1, 0, 1]


def test_explained_presses_of_the_same_page_are_no_guess() -> None:
    assert closed(discrepancy("quantity_guess", facts=told((1, False), (1, False), (0, True)))) == [-1, 0, 1]
    assert closed(discrepancy("quantity_guess", facts={"booked": [1], **told((1, False), (2, False))})) == [0, 3]


def test_a_guess_can_also_be_settled_by_booking_its_pending_change() -> None:
    pending = {"pending": [{"product": 1, "delta": 2}]}
    assert closed(discrepancy("quantity_guess", facts=told((1, False)) | pending)) == [-2, 0]
    assert closed(discrepancy("quantity_guess", facts=told((1, False)))) == [0]
