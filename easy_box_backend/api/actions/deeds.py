"""Carries out the answers to discrepancies. `settling.py` first takes the locks and checks the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api import revision
from api.actions import orders, products, reversing, stock, unknown_goods
from api.actor import Actor
from api.discrepancies.answers import Deed
from api.models import Discrepancy, Order, OrderLine, Product, StockMovement


@dataclass(frozen=True, slots=True)
class Entered:
    """What the manager entered, None for nothing. quantity: in pieces, without a sign."""

    quantity: int | None = None
    sku: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an answer acts on: the discrepancy, its order and its products by id, all locked."""

    found: Discrepancy
    order: Order | None
    locked: dict[int, Product]
    entered: Entered
    by: Actor

    @property
    def product(self) -> Product:
        return self.locked[self.found.product_id or 0]

    @property
    def reason(self) -> str:
        return str(self.found.get_kind_display())

    def change(self, **changes: Any) -> None:
        products.apply(self.product, changes, by=self.by)

    def archive(self) -> None:
        products.archive(self.product.pk, by=self.by)


def _book(settlement: Settlement) -> None:
    """Book what was not booked, with the quantity that the manager entered, if any."""
    pending: list[dict[str, Any]] = settlement.found.facts["pending"]
    if settlement.entered.quantity is not None:
        sign = 1 if sum(entry["delta"] for entry in pending) > 0 else -1
        pending = [{**pending[0], "delta": sign * settlement.entered.quantity}]
    for entry in pending:
        _book_one(settlement, entry)


def _book_one(settlement: Settlement, entry: dict[str, Any]) -> None:
    """Book one pending entry as of when it happened. A count since then includes it."""
    product, delta, order = settlement.locked[entry["product"]], entry["delta"], settlement.order
    happened_at = datetime.fromisoformat(entry["at"]) if "at" in entry else settlement.found.created_at
    line = OrderLine.objects.filter(order=order, product=product).first() if order else None
    kind = StockMovement.Kind.PICK if line else StockMovement.Kind.ADJUSTMENT
    number = revision.take()
    stock.move(
        product, delta, kind, number=number, by=settlement.by, reason=settlement.reason, order_line=line,
        occurred_at=happened_at, within=stock.count_with(product, happened_at),
    )  # fmt: skip
    if order and order.status != Order.Status.CANCELLED and line and line.removed_at is None:
        # Then cancelling the order returns these pieces.
        orders.count_picked(order, line, -delta, number=number, by=settlement.by)


def _take_back(settlement: Settlement) -> None:
    """Reverse what was booked on a guess, unless it is reversed already."""
    booked = StockMovement.objects.filter(id__in=settlement.found.facts["booked"]).not_reversed().order_by("id")
    for movement in list(booked):
        reversing.reverse(movement.pk, by=settlement.by, reason=settlement.reason)


def _move(settlement: Settlement) -> None:
    target = unknown_goods.target_of(settlement.entered.sku or "", settlement.product, settlement.locked)
    unknown_goods.move(settlement.product, target, settlement.found, by=settlement.by)


def _create(settlement: Settlement) -> None:
    facts, entered = settlement.found.facts, settlement.entered
    sku = entered.sku or settlement.found.sku
    made = products.create(
        sku=sku, name=entered.name or facts.get("name") or sku, quantity=entered.quantity or 0, by=settlement.by
    )
    settlement.found.facts = {**facts, "made": made.pk}


DEEDS: dict[Deed, Callable[[Settlement], None] | None] = {
    Deed.BOOK: _book,
    Deed.LEAVE: None,
    Deed.TAKE_BACK: _take_back,
    Deed.RENAME: lambda settlement: settlement.change(name=settlement.found.facts["sent"]),
    Deed.RELABEL: lambda settlement: settlement.change(sku=settlement.found.facts["sent"]),
    Deed.VERIFY: lambda settlement: settlement.change(unverified=False),
    Deed.MOVE: _move,
    Deed.CREATE: _create,
    Deed.ARCHIVE: lambda settlement: settlement.archive(),
    Deed.NOTHING: None,
}
