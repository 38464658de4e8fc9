"""The invariants that must hold after a schedule, whatever the network did. Each check yields violations as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from proofs.simulation.facts import Facts
from proofs.simulation.intentions import Finished, Intentions
from proofs.simulation.plan import KNOWN, LABEL, MANAGERS_WITH_PHONES, MISTYPED, NEW, PHONES, UNTOUCHED
from proofs.simulation.scene import CUSTOMER, STOCK, Scene
from proofs.simulation.settling import accounts_for

PICKERS = set(PHONES) - set(MANAGERS_WITH_PHONES)
ALL_SKUS = (*KNOWN, *NEW, UNTOUCHED, MISTYPED)


@dataclass(frozen=True)
class Violation:
    """A broken invariant."""

    invariant: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.detail}"


@dataclass(frozen=True)
class Outcome:
    """The input of the checks."""

    scene: Scene
    facts: Facts
    notes: Intentions


def check_all(outcome: Outcome) -> list[Violation]:
    """Run all checks. Returns the violations."""
    return [Violation(name, detail) for name, check in CHECKS.items() for detail in check(outcome)]


def ledger(outcome: Outcome) -> Iterator[str]:
    """A quantity is the sum of its movements, and each movement has the quantity on hand after it."""
    for product_id, product in outcome.facts.products.items():
        total = 0
        for movement in outcome.facts.movements.get(product_id, []):
            total += movement["quantity_delta"]
            if movement["quantity_after"] != total:
                yield f"{product['sku']}: movement {movement['id']} says {movement['quantity_after']}, it is {total}"
        if product["quantity"] != total:
            yield f"{product['sku']}: on hand {product['quantity']}, the movements make {total}"


def one_product_per_sku(outcome: Outcome) -> Iterator[str]:
    """No two live products share a SKU."""
    for sku, count in Counter(row["sku"] for row in outcome.facts.live).items():
        if count > 1:
            yield f"{count} live products have the SKU {sku}"


def stock(outcome: Outcome) -> Iterator[str]:
    """What people did is in the stock exactly once, or open discrepancies account for the difference."""
    for sku in ALL_SKUS:
        difference = stock_error(outcome, sku)
        if not accounts_for(difference, sku, outcome.scene, outcome.facts):
            kinds = [row["kind"] for row in outcome.facts.discrepancies_of(outcome.scene, sku)]
            wanted = expected(outcome, sku)
            what = "surplus" if difference > 0 else "missing"
            yield f"{sku}: {abs(difference)} {what}, on hand {wanted + difference} instead of {wanted}; open: {kinds}"


def expected(outcome: Outcome, sku: str) -> int:
    """How many pieces of a SKU really lie on the shelf."""
    return STOCK.get(sku, 0) + outcome.notes.total(sku) - picked_in_orders(outcome, sku)


def stock_error(outcome: Outcome, sku: str) -> int:
    """The quantity that the server has of a SKU minus what lies on the shelf."""
    found = outcome.facts.of_sku(outcome.scene, sku)
    return sum(int(product["quantity"]) for product in found) - expected(outcome, sku)


def booked_presses(outcome: Outcome, sku: str) -> int:
    """The change of a SKU's stock that the server booked for the quantities in PUTs of phones."""
    rows = [
        row for product in outcome.facts.of_sku(outcome.scene, sku) for row in outcome.facts.movements[product["id"]]
    ]
    adjusted = {row["id"] for row in rows if row["kind"] == "adjustment" and row["user"] != outcome.scene.manager}
    return sum(row["quantity_delta"] for row in rows if row["id"] in adjusted or row["reverses"] in adjusted)


def picked_in_orders(outcome: Outcome, sku: str) -> int:
    """The pieces of a SKU that left the shelf for orders: each finished order counts once, a cancelled one never."""
    ids = {product["id"] for product in outcome.facts.of_sku(outcome.scene, sku)}
    total = 0
    for order_id, finished in outcome.notes.finished.items():
        if order_id not in outcome.notes.cancelled:
            total += sum(n for product, n in _picked_by_somebody(finished).items() if product in ids)
    return total


def _picked_by_somebody(finished: list[Finished]) -> dict[int, int]:
    """Product id -> pieces picked for an order: the larger number if two people picked it, which is a discrepancy."""
    result: dict[int, int] = {}
    for one in finished:
        for product, n in one.picked.items():
            result[product] = max(result.get(product, 0), n)
    return result


def picks(outcome: Outcome) -> Iterator[str]:
    """A finished order is booked once, a cancelled one not at all, and each conflict is a discrepancy."""
    booked: Counter[tuple[int, int]] = Counter()
    for movements in outcome.facts.movements.values():
        for movement in movements:
            if movement["order"]:
                booked[movement["order"], movement["product"]] -= movement["quantity_delta"]
    flags = {(row["kind"], row["order"]) for row in outcome.facts.discrepancies}
    for order_id in outcome.facts.orders:
        finished = outcome.notes.finished.get(order_id, [])
        cancelled = order_id in outcome.notes.cancelled
        wanted = {} if cancelled else _picked_by_somebody(finished)
        for product in outcome.facts.products:
            n, taken = wanted.get(product, 0), booked[order_id, product]
            twice = ("picked_twice", order_id) in flags and any(one.picked.get(product) == taken for one in finished)
            if n != taken and not twice:
                yield f"order {order_id}: {taken} of product {product} were booked, {n} were picked"
        if len({one.who for one in finished}) > 1 and not cancelled and ("picked_twice", order_id) not in flags:
            yield f"order {order_id}: two people picked it, but there is no discrepancy"
        after = cancelled and finished and order_id not in outcome.notes.picked_before_cancel
        if after and ("picked_after_cancel", order_id) not in flags:
            yield f"order {order_id}: picked after it was cancelled, but there is no discrepancy"


def orders(outcome: Outcome) -> Iterator[str]:
    """Customers keep their names, the lines that the manager set stay, and a finished order has the status `picked`."""
    for number, order_id in enumerate(outcome.scene.orders):
        order = outcome.facts.orders[order_id]
        if order["customer_name"] != f"{CUSTOMER} {number}":
            yield f"order {order_id}: the customer became {order['customer_name']!r}"
        lines = {line["product"]["id"]: line["quantity_to_pick"] for line in order["lines"]}
        for (wanted_order, product), n in outcome.notes.to_pick.items():
            if wanted_order == order_id and lines.get(product) != n:
                yield f"order {order_id}: {lines.get(product)} of product {product} to pick, the manager set {n}"
        extended = any(wanted_order == order_id for wanted_order, _ in outcome.notes.to_pick)
        finished = outcome.notes.finished.get(order_id)
        if order_id in outcome.notes.cancelled:
            if order["status"] != "cancelled":
                yield f"order {order_id}: cancelled by the manager, but {order['status']}"
        elif finished and not extended and order["status"] != "picked":
            yield f"order {order_id}: finished, but {order['status']}"


def descriptions(outcome: Outcome) -> Iterator[str]:
    """A field that one person edited has that person's value; after several editors it has the value of one of them."""
    notes = outcome.notes
    for sku in (*KNOWN, *NEW):
        rows = [row for row in outcome.facts.of_sku(outcome.scene, sku) if not row["archived"]]
        if len(rows) != 1 or notes.deleted.get(sku) or _is_flagged(outcome, sku, "unknown_product"):
            continue
        for field in ("name", "location"):
            edits = notes.edited.get((sku, field), {})
            made = set(notes.created.get(sku, {}).values()) if field == "name" else {""}
            allowed = set(edits.values()) if len(edits) == 1 or sku in KNOWN else set(edits.values()) | made
            if (sku, field) in notes.sent_out_of_order:
                continue
            if edits and (rows[0][field] or "") not in allowed:
                yield f"{sku}: {field} is {rows[0][field]!r}, people set {edits}"
            elif not edits and field == "name" and sku in notes.created and rows[0]["name"] not in made:
                yield f"{sku}: its name is {rows[0]['name']!r}, people created it as {notes.created[sku]}"


def existence(outcome: Outcome) -> Iterator[str]:
    """Created products are in the list, and only a manager's deletion removes one.

    A product that one person deleted and nobody else touched is gone; if a picker deleted it, a discrepancy asks a
    manager.
    """
    notes = outcome.notes
    for sku in (*KNOWN, *NEW):
        live = any(not row["archived"] for row in outcome.facts.of_sku(outcome.scene, sku))
        known = sku in KNOWN or sku in notes.created
        deleters = notes.deleted.get(sku, set())
        if known and not deleters - PICKERS and not live:
            yield f"{sku}: no manager deleted it, but it is not in the list"
        asked = deleters <= PICKERS and _is_flagged(outcome, sku, "deletion_asked")
        if live and len(deleters) == 1 and sku in KNOWN and not notes.touched.get(sku) and not asked:
            yield f"{sku}: deleted by {deleters}, touched by nobody else, but still in the list"


def flags(outcome: Outcome) -> Iterator[str]:
    """Impossible quantities, unknown SKUs and negative stocks are discrepancies."""
    for sku, times in outcome.notes.impossible_quantities.items():
        if times and not _is_flagged(outcome, sku, "implausible_quantity"):
            yield f"{sku}: somebody received {times} times an impossible quantity, but there is no discrepancy"
    if outcome.notes.stock.get(MISTYPED) and not _is_flagged(outcome, MISTYPED, "unknown_sku"):
        yield "goods of an unknown SKU, but there is no discrepancy"
    for product in outcome.facts.products.values():
        sku = outcome.facts.name_of(outcome.scene, product)
        if product["quantity"] < 0 and not _is_flagged(outcome, sku, "negative_stock"):
            yield f"{sku}: {product['quantity']} on hand, but there is no discrepancy"


def scanning(outcome: Outcome) -> Iterator[str]:
    """Scanning a label creates no product."""
    if outcome.facts.of_sku(outcome.scene, LABEL):
        yield "a label that was only scanned has become a product"


def _is_flagged(outcome: Outcome, sku: str, kind: str) -> bool:
    return any(row["kind"] == kind for row in outcome.facts.discrepancies_of(outcome.scene, sku))


CHECKS: dict[str, Callable[[Outcome], Iterator[str]]] = {
    "ledger": ledger,
    "one product per SKU": one_product_per_sku,
    "stock": stock,
    "picks": picks,
    "orders": orders,
    "descriptions": descriptions,
    "existence": existence,
    "flags": flags,
    "scanning": scanning,
}
