"""Reversing a movement, together with its effect on counts and orders. Every reversal is made here."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import counts, orders, stock
from api.actor import Actor
from api.errors import Invalid, NoSuch
from api.models import Order, OrderLine, StockMovement

Kind = StockMovement.Kind


class NoSuchMovement(NoSuch):
    code, sentence = "no_such_movement", _("There is no such movement.")


class NotReversible(Invalid):
    code = "not_reversible"


@transaction.atomic
def reverse(movement_id: int, *, by: Actor, reason: str = "") -> StockMovement:
    """Reverse a movement by an opposite one.

    For a pick or a return, the picked quantity of its order line changes too. If a later count includes the movement,
    on hand stays as counted. Returns the opposite movement. Raises NoSuchMovement, OnHandOutOfBounds, and NotReversible
    if the movement is reversed already, a reversal, a part of a count, or its order line cannot take the change.
    """
    movement = StockMovement.objects.select_related("order_line").filter(id=movement_id).first()
    if movement is None:
        raise NoSuchMovement(movement_id)
    order = _order_of(movement)
    product, facts = stock.lock([movement.product_id])[movement.product_id], {"movement": movement_id}
    if movement.reverses_id or StockMovement.objects.filter(reverses=movement).exists():
        raise NotReversible(_("This movement is already reversed."), facts=facts)
    if movement.is_part_of_count:
        raise NotReversible(_("This movement is part of a count. Reverse the count instead."), facts=facts)
    if movement.kind == Kind.COUNT:
        return counts.take_back(movement, product, by=by, reason=reason)
    line = _line_of(movement, order) if order else None
    number = revision.take()
    back = stock.move(
        product, -movement.quantity_delta, Kind.REVERSAL, number=number, by=by,
        reason=reason, reverses=movement, order_line=movement.order_line, occurred_at=movement.occurred_at,
        within=stock.count_with(product, movement.occurred_at, movement),
    )  # fmt: skip
    if order and line:
        orders.count_picked(order, line, movement.quantity_delta, number=number, by=by)
    return back


def _order_of(movement: StockMovement) -> Order | None:
    """The locked order whose picked quantities include this movement, None if there is none. A pick after cancellation
    has an order line too, but the order did not change with it."""
    if movement.order_line is None or movement.kind not in (Kind.PICK, Kind.RETURN):
        return None
    order = Order.objects.select_for_update(no_key=True).get(id=movement.order_line.order_id)
    return order if order.versions.filter(revision=movement.revision).exists() else None


def _line_of(movement: StockMovement, order: Order) -> OrderLine:
    """The movement's order line as it is now. Raises NotReversible if its picked quantity cannot change back."""
    line = OrderLine.objects.get(movements=movement)
    pieces = movement.quantity_delta
    facts = {"movement": movement.pk, "pieces": abs(pieces), "picked": line.quantity_picked}
    if line.quantity_picked + pieces < 0:
        detail = _("These goods have already been returned. Fewer of them are picked in the order now.")
        raise NotReversible(detail, facts=facts)
    if pieces > 0 and (line.removed_at is not None or order.status == Order.Status.CANCELLED):
        detail = _("The order is cancelled or no longer has this line, so the goods cannot be put back into it. Adjust "
                   "the stock instead.")  # fmt: skip
        raise NotReversible(detail, facts=facts)
    return line
