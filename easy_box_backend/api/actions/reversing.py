"""Taking a movement back, and with it what it stands for. Whoever reverses something, does it here."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import counts, orders, stock
from api.actor import Actor
from api.errors import Invalid, NotFound
from api.models import Order, OrderLine, StockMovement

Kind = StockMovement.Kind


class NotReversible(Invalid):
    code = "not_reversible"


@transaction.atomic
def reverse(movement_id: int, *, by: Actor, reason: str = "") -> StockMovement:
    """Take a movement back by an opposite one, as if it had never been.

    A pick leaves its order line, goods that came back are in it again, and what a later count includes stays as it was
    counted. Returns the opposite movement. Raises NotFound, OnHandOutOfBounds, and NotReversible for a second time, a
    reversal, a part of a count, and where the order line can't follow.
    """
    movement = StockMovement.objects.select_related("order_line").filter(id=movement_id).first()
    if movement is None:
        raise NotFound(_("There is no such movement."), facts={"movement": movement_id})
    order = _order_of(movement)
    product = stock.lock([movement.product_id])[movement.product_id]
    if movement.reverses_id or StockMovement.objects.filter(reverses=movement).exists():
        raise NotReversible(_("This movement is reversed already."), facts={"movement": movement_id})
    if movement.is_part_of_count:
        raise NotReversible(_("This belongs to a count; reverse the count."), facts={"movement": movement_id})
    if movement.kind == Kind.COUNT:
        return counts.take_back(movement, product, by=by, reason=reason)
    line = _line_of(movement, order) if order else None
    number = revision.take()
    back = stock.move(
        product, -movement.quantity_delta, Kind.REVERSAL, revision=number, by=by,
        reason=reason, reverses=movement, order_line=movement.order_line, occurred_at=movement.occurred_at,
        within=stock.count_with(product, movement.occurred_at, movement),
    )  # fmt: skip
    if order and line:
        orders.count_picked(order, line, movement.quantity_delta, revision=number, by=by)
    return back


def _order_of(movement: StockMovement) -> Order | None:
    """The order, locked, in whose lines this movement is counted. None also for goods that left for an order without
    a line to hold them, such as what was picked after it had been cancelled: then the order did not change with it."""
    if movement.order_line is None or movement.kind not in (Kind.PICK, Kind.RETURN):
        return None
    order = Order.objects.select_for_update(no_key=True).get(id=movement.order_line.order_id)
    return order if order.versions.filter(revision=movement.revision).exists() else None


def _line_of(movement: StockMovement, order: Order) -> OrderLine:
    """The line as it stands, which is to give up or to take in what was moved. Raises NotReversible if it can't."""
    line = OrderLine.objects.get(movements=movement)
    pieces = movement.quantity_delta
    facts = {"movement": movement.pk, "pieces": abs(pieces), "picked": line.quantity_picked}
    if line.quantity_picked + pieces < 0:
        raise NotReversible(_("These goods went back already; the order holds fewer of them."), facts=facts)
    if pieces > 0 and (line.removed_at is not None or order.status == Order.Status.CANCELLED):
        detail = _("The order is cancelled or without this line, so it can't hold the goods; adjust the stock instead.")
        raise NotReversible(detail, facts=facts)
    return line
