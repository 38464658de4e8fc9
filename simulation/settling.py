"""Can a manager put the stock right with what the discrepancies offer? (Invariant 7.)

Each open discrepancy can be let be, or settled: what was booked on a guess is taken back, what was held back is booked.
A difference between the shelf and the server is accounted for if some choice of settlements closes it exactly.
"""

from __future__ import annotations

from typing import Any

from simulation.facts import Facts
from simulation.intentions import Intentions
from simulation.scene import Scene

REVERSIBLE = {
    "unknown_sku", "archived_stock", "possible_duplicate", "over_picked", "quantity_guess", "negative_stock",
}  # fmt: skip
ANY_NUMBER = {"quantity_guess", "unknown_product"}
"""Those whose facts hold a number that a person sent, which the manager judges by looking at the shelf."""
UNBOOKED_PICKS = {"picked_twice", "picked_after_cancel"}


def accounts_for(difference: int, sku: str, scene: Scene, facts: Facts, notes: Intentions) -> bool:
    """Whether the open discrepancies of this SKU can close `difference` (the server's stock less the shelf's)."""
    if difference == 0:
        return True
    ids = {product["id"] for product in facts.of_sku(scene, sku)}
    rows = facts.discrepancies_of(scene, sku) + _of_orders(ids, facts)
    if any(row["kind"] in ANY_NUMBER and _has_number(row) for row in rows):
        return True
    reachable = {0}
    for row in rows:
        amounts = _amounts(row, ids, facts, notes)
        reachable |= {total + amount for total in reachable for amount in amounts}
    return -difference in reachable


def _of_orders(ids: set[int], facts: Facts) -> list[dict[str, Any]]:
    """Discrepancies of orders with a line of these products."""
    lines = {order_id: {line["product"]["id"] for line in order["lines"]} for order_id, order in facts.orders.items()}
    return [row for row in facts.discrepancies if not row["product"] and lines.get(row["order"] or 0, set()) & ids]


def _amounts(row: dict[str, Any], ids: set[int], facts: Facts, notes: Intentions) -> list[int]:
    """By how much settling can change the stock."""
    if row["kind"] in UNBOOKED_PICKS:
        finished = notes.finished.get(row["order"] or 0, [])
        return [-sum(one.picked.get(product, 0) for product in ids) for one in finished]
    if row["kind"] not in REVERSIBLE:
        return []
    booked = [
        movement for product in ids for movement in facts.movements.get(product, [])
        if movement["id"] == row.get("movement")
    ]  # fmt: skip
    return [-movement["quantity_delta"] for movement in booked]


def _has_number(row: dict[str, Any]) -> bool:
    return any(isinstance(value, int) for value in _flat(row["facts"]))


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _flat(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _flat(part)]
    return [value]
