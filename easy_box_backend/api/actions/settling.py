"""Settling a discrepancy: a manager applies what was held back, reverses what was booked, or dismisses it."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import orders, products, stock
from api.actor import Actor
from api.errors import Conflict, Invalid, NotFound
from api.models import Discrepancy, Order, OrderLine, Product, StockMovement

Kind = Discrepancy.Kind

_STATUS = {
    "apply": Discrepancy.Status.APPLIED,
    "reverse": Discrepancy.Status.REVERSED,
    "dismiss": Discrepancy.Status.DISMISSED,
}
_DESCRIPTIVE = {Kind.NAME_DIFFERS: "name", Kind.SKU_TAKEN: "sku"}
"""Kinds whose `facts["sent"]` is the phone's value of that field."""


class NotApplicable(Invalid):
    """This way of settling makes no sense here."""

    code = "not_applicable"


class AlreadySettled(Conflict):
    code = "already_settled"


def ways(discrepancy: Discrepancy) -> list[str]:
    """How this one can be settled: some of "apply", "reverse", "dismiss"."""
    facts = discrepancy.facts
    can_apply = bool(facts.get("pending") or facts.get("booked")) or discrepancy.kind in (
        *_DESCRIPTIVE, Kind.UNKNOWN_SKU, Kind.ARCHIVED_STOCK, Kind.DELETION_ASKED,
    )  # fmt: skip
    return [*(["apply"] if can_apply else []), *(["reverse"] if facts.get("booked") else []), "dismiss"]


@transaction.atomic
def resolve(discrepancy_id: int, action: str, *, by: Actor, at: datetime, note: str = "") -> Discrepancy:
    """Settle a discrepancy by "apply", "reverse" or "dismiss".

    Raises NotFound, AlreadySettled, NotApplicable, and SkuTaken when the SKU to apply is not free.
    """
    found = Discrepancy.objects.filter(id=discrepancy_id).first()
    if found is None:
        raise NotFound(_("There is no such discrepancy."), facts={"discrepancy": discrepancy_id})
    # The order, products, then the discrepancy, as everywhere: goods that arrive lock a product and then record one.
    order = Order.objects.select_for_update(no_key=True).filter(id=found.order_id or 0).first()
    locked = stock.lock(_products_of(found))
    found = Discrepancy.objects.select_for_update(no_key=True, of=("self",)).get(id=discrepancy_id)
    if found.status != Discrepancy.Status.OPEN:
        raise AlreadySettled(_("This discrepancy is settled already."), facts={"status": found.status})
    if action not in ways(found):
        raise NotApplicable(_("This discrepancy cannot be settled so."), facts={"ways": ways(found)})
    if action == "apply":
        _apply(found, order, locked, by=by, at=at)
    elif action == "reverse":
        _reverse(found, locked, by=by, at=at)
    found.status, found.resolved_at, found.resolved_by, found.note = _STATUS[action], at, by.user, note
    found.save(update_fields=["status", "resolved_at", "resolved_by", "note"])
    return found


def _products_of(found: Discrepancy) -> set[int]:
    booked = StockMovement.objects.filter(id__in=found.facts.get("booked", []))
    named = {entry["product"] for entry in found.facts.get("pending", [])} | set(
        booked.values_list("product_id", flat=True)
    )
    return named | ({found.product_id} if found.product_id else set())


def _apply(found: Discrepancy, order: Order | None, locked: dict[int, Product], *, by: Actor, at: datetime) -> None:
    """What the phone said becomes so."""
    product = locked.get(found.product_id or 0)
    if product and found.kind in _DESCRIPTIVE:
        products.apply(product, {_DESCRIPTIVE[Kind(found.kind)]: found.facts["sent"]}, by=by, at=at)
    elif product and found.kind == Kind.UNKNOWN_SKU:
        products.apply(product, {"unverified": False}, by=by, at=at)
    elif product and found.kind == Kind.DELETION_ASKED:
        products.archive(product.pk, by=by, at=at)
    pending = found.facts.get("pending", [])
    if not pending:
        return
    number = revision.take()
    for entry in pending:
        line = OrderLine.objects.filter(order=order, product_id=entry["product"]).first() if order else None
        kind = StockMovement.Kind.PICK if line else StockMovement.Kind.ADJUSTMENT
        reason = found.get_kind_display()
        stock.move(
            locked[entry["product"]], entry["delta"], kind, revision=number, by=by, at=at, reason=reason,
            order_line=line, occurred_at=found.created_at,
        )  # fmt: skip
        if order and order.status != Order.Status.CANCELLED and line and line.removed_at is None:
            # So that cancelling the order gives them back.
            orders.count_picked(order, line, -entry["delta"], revision=number, by=by, at=at)


def _reverse(found: Discrepancy, locked: dict[int, Product], *, by: Actor, at: datetime) -> None:
    """What was booked on a guess is taken back; what is reversed already stays so."""
    movements = StockMovement.objects.filter(id__in=found.facts["booked"]).not_reversed().order_by("id")
    number = None
    for movement in movements:
        number = number or revision.take()
        stock.move(
            locked[movement.product_id], -movement.quantity_delta, StockMovement.Kind.REVERSAL, revision=number,
            by=by, at=at, reason=found.get_kind_display(), reverses=movement, order_line=movement.order_line,
            occurred_at=movement.occurred_at,
        )  # fmt: skip


def in_words(found: Discrepancy) -> list[tuple[str, Any]]:
    """The facts as labelled values, for people to read."""
    return [(_LABELS.get(key, key), value) for key, value in found.facts.items() if key not in _NOT_FOR_PEOPLE]


_NOT_FOR_PEOPLE = ("booked", "pending", "requests")

_LABELS: dict[str, Any] = {
    "sent": _("the phone says"),
    "kept": _("the server keeps"),
    "quantity": _("pieces"),
    "shown": _("the phone had seen"),
    "on_hand": _("on hand"),
    "change": _("change"),
    "to_pick": _("to pick"),
    "picked": _("picked"),
    "customer": _("customer"),
    "name": _("name"),
    "id": _("sent under"),
}
