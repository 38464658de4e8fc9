"""Whether a manager can correct the stock with the answers that the discrepancies offer.

Each open discrepancy can be dismissed, or settled: a guessed booking is reversed, a pending one is made. A difference
between the shelf and the server is accounted for if some choice of answers closes it exactly.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from proofs.simulation.facts import Facts
from proofs.simulation.scene import Scene

STEPS = (-1, 0, 1)
"""The steps that the presses of a page may really have been that nothing explains. The manager finds out by counting
the shelf. What is explained is right, or the question's other change is."""


def accounts_for(difference: int, sku: str, scene: Scene, facts: Facts) -> bool:
    """Whether the open discrepancies of this SKU can close `difference` (the server's stock minus the shelf's)."""
    if difference == 0:
        return True
    ids = {product["id"] for product in facts.of_sku(scene, sku)}
    rows = facts.discrepancies_of(scene, sku) + _of_orders(ids, facts)
    reachable = {0}
    for row in rows:
        amounts = _amounts(row, ids, facts)
        reachable |= {total + amount for total in reachable for amount in amounts}
    return -difference in reachable


def _of_orders(ids: set[int], facts: Facts) -> list[dict[str, Any]]:
    """Discrepancies of orders with a line of these products."""
    lines = {order_id: {line["product"]["id"] for line in order["lines"]} for order_id, order in facts.orders.items()}
    return [row for row in facts.discrepancies if not row["product"] and lines.get(row["order"] or 0, set()) & ids]


def _amounts(row: dict[str, Any], ids: set[int], facts: Facts) -> list[int]:
    """The changes of these products' stock, in pieces, that settling a discrepancy can make.

    It can reverse what is booked, or book what is pending.
    """
    booked = sum(
        movement["quantity_delta"]
        for product in ids
        for movement in facts.movements.get(product, [])
        if movement["id"] in row["facts"].get("booked", []) and movement["id"] not in facts.reversed_ids
    )
    pending = sum(entry["delta"] for entry in row["facts"].get("pending", []) if entry["product"] in ids)
    if row["kind"] == "quantity_guess":
        guessed = [pieces for pieces, is_guess in row["facts"]["story"]["believed"] if is_guess]
        return [pending, -booked, *(step - sum(guessed) for step in STEPS if guessed)]
    if row["kind"] == "unknown_product" and isinstance(row["facts"].get("quantity"), int):
        return [-1, 1]
    return [amount for amount in (-booked, pending) if amount]


DISMISS, REVERSE, APPLY = "dismiss", "reverse", "apply"
MOST_QUESTIONS = 8


def choose(
    differences: dict[str, int], rows: list[dict[str, Any]], scene: Scene, facts: Facts
) -> dict[int, str] | None:
    """The action for each of these discrepancies, by id, so that all differences close; None if no choice does it.

    A guess that is a step wrong, for instance, also needs a manager's adjustment. differences: by SKU, the server's
    stock minus the shelf's.
    """
    if len(rows) > MOST_QUESTIONS:
        return None
    if not rows:
        return None if any(differences.values()) else {}
    row, *others = rows
    for action in (DISMISS, REVERSE, APPLY):
        moved, used = _effect(row, action, scene, facts)
        if action != DISMISS and not moved:
            continue
        left = {sku: differences.get(sku, 0) + moved.get(sku, 0) for sku in {*differences, *moved}}
        rest = choose(left, others, scene, replace(facts, reversed_ids=facts.reversed_ids | used))
        if rest is not None:
            return {row["id"]: action, **rest}
    return None


def _effect(row: dict[str, Any], action: str, scene: Scene, facts: Facts) -> tuple[dict[str, int], frozenset[int]]:
    """The change of the stock by SKU that an action makes, and the movements that it reverses."""
    names = {product_id: facts.name_of(scene, product) for product_id, product in facts.products.items()}
    moved: dict[str, int] = {}
    used = set()
    if action == REVERSE:
        for movements in facts.movements.values():
            for movement in movements:
                if movement["id"] in row["facts"].get("booked", []) and movement["id"] not in facts.reversed_ids:
                    name = names.get(movement["product"], "")
                    moved[name] = moved.get(name, 0) - movement["quantity_delta"]
                    used.add(movement["id"])
    elif action == APPLY:
        for entry in row["facts"].get("pending", []):
            name = names.get(entry["product"], "")
            moved[name] = moved.get(name, 0) + entry["delta"]
    return moved, frozenset(used)
