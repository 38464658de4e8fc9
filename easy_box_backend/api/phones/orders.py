"""The app's finished orders, each compared with the order as its device had seen it."""

from collections.abc import Mapping, Sequence

from django.db import transaction

from api.actions import discrepancies, orders, stock
from api.actions.orders import Line
from api.actor import Actor
from api.models import Discrepancy, Order, Product
from api.phones import history
from api.phones.memory import device_of, remembered, update_memory
from api.reconcile import picking, scanning
from api.reconcile.memory import Memory, fingerprint_of

Kind = Discrepancy.Kind

UNKNOWN_CUSTOMER = "N/A"
"""What a repaired app sends for a customer whom the phone has forgotten (docs/flutter-app.md, section 4)."""


def pulled(seen: int, *, by: Actor) -> None:
    """Note that the phone pulls all orders, as they are at the revision `seen`."""

    def note(memory: Memory) -> None:
        if not memory.is_same_order_pull(seen):
            scanning.arrive(memory, "pull orders", by.at, by.connection)
            memory.note_order_pull(seen)

    update_memory(by, note)


def put(
    order_id: int | None, *, customer_name: str, status: str | None = None, lines: Sequence[Line] | None = None,
    lost: Mapping[str, str] | None = None, by: Actor, key: str = "",
) -> Order | None:  # fmt: skip
    """Apply an order that the phone has finished. Returns the order; None if it is archived or never existed.

    lost: what the phone sent and cannot be kept (`discrepancies.kept_in_part`).
    """
    with remembered(by) as memory:
        scanning.arrive(memory, "order", by.at, by.connection)
        order = Order.objects.select_for_update(no_key=True).filter(id=order_id).first() if order_id else None
        if order is None or order.archived_at is not None:
            _record_unknown(order, key, customer_name, lines or [], by)
            order = None
        else:
            body = fingerprint_of(customer_name, status, lines)
            if memory.order_puts.get(order.pk) != body:
                _merge_if_plausible(order, memory, customer_name, status, lines, by)
                memory.order_puts[order.pk] = body
                discrepancies.kept_in_part(lost or {}, by=by, order=order)
        return order


def _record_unknown(order: Order | None, key: str, customer: str, lines: Sequence[Line], by: Actor) -> None:
    """Ask a manager about an order that is archived or, if it is None, unknown. key: its id as the phone sent it."""
    picked = {str(line.product): line.quantity_picked or 0 for line in lines}
    kind = Kind.PICKED_AFTER_CANCEL if order else Kind.UNKNOWN_ORDER
    discrepancies.record(kind, by=by, order=order, id=key[:100], customer=customer, picked=picked)


def _merge_if_plausible(
    order: Order, memory: Memory, customer: str, status: str | None, lines: Sequence[Line] | None, by: Actor,

) -> None:  # fmt: skip
    """Merge an order. If its quantities are implausible, it stays as it is, and a manager is asked."""
    try:
        with transaction.atomic():
            _merge(order, memory, customer, status, lines, by)
    except (stock.ImplausibleQuantity, stock.OnHandOutOfBounds) as refusal:
        order.refresh_from_db()
        product = Product.objects.get(id=refusal.facts["product"])
        picked = sum(line.quantity_picked or 0 for line in lines or [] if line.product == product.pk)
        discrepancies.record(
            Kind.IMPLAUSIBLE_QUANTITY, by=by, order=order, product=product, picked=picked,
            on_hand=product.quantity,
        )  # fmt: skip


def _merge(
    order: Order, memory: Memory, customer: str, status: str | None, lines: Sequence[Line] | None, by: Actor,

) -> None:  # fmt: skip
    """Merge what the phone sent with what it had seen and with the order as it is now. Raises ImplausibleQuantity and
    OnHandOutOfBounds."""
    now = {
        line.product_id: (line.quantity_to_pick, line.quantity_picked)
        for line in order.lines.filter(removed_at__isnull=True).order_by("id")
    }
    before = order.customer_name, order.status, now
    to_pick = {line.product: line.quantity_to_pick for line in lines or []}
    version = history.order_seen(memory, order, device_of(by), status, to_pick)
    seen_status, seen_name = (version.status, version.customer_name) if version else (order.status, "")
    seen = history.lines_of(version) if version else now
    sent: picking.Lines = now if lines is None else {
        line.product: (line.quantity_to_pick, now.get(line.product, (0, 0))[1] if line.quantity_picked is None
                       else line.quantity_picked)
        for line in orders.merged(lines)
    }  # fmt: skip
    known = Product.objects.in_bulk(set(sent))
    archived = {product: known[product].is_archived for product in known}
    sent = picking.without_unknown(sent, seen, now, archived=archived)
    stays_cancelled = seen_status != order.status or not by.is_manager
    if order.status == Order.Status.CANCELLED and status != Order.Status.CANCELLED and stays_cancelled:
        _picked_cancelled(order, sent, by)
        return
    result = picking.merge(sent, seen, now, composes=by.is_manager)
    if customer not in ("", UNKNOWN_CUSTOMER, seen_name) and by.is_manager:
        order.customer_name = customer
    may = by.is_manager or (order.status in Order.RUNNING and status in orders.PICKERS)
    if status is not None and status != seen_status and may:
        order.status = status
    if (order.customer_name, order.status, result.lines) == before and not (result.twice or result.gone):
        return  # the order was sent again: nothing changes
    wanted = [Line(product, to_pick, picked) for product, (to_pick, picked) in result.lines.items()]
    orders.write(order, wanted, by=by)
    _report(order, result, by)


def _picked_cancelled(order: Order, sent: picking.Lines, by: Actor) -> None:
    """Ask a manager about an order that was cancelled while somebody picked it. Nothing is booked."""
    picked = {product: quantity for product, (_to_pick, quantity) in sent.items() if quantity}
    discrepancies.record(
        Kind.PICKED_AFTER_CANCEL, by=by, order=order, customer=order.customer_name,
        pending=[{"product": product, "delta": -quantity} for product, quantity in picked.items()],
    )  # fmt: skip


def _report(order: Order, result: picking.Merge, by: Actor) -> None:
    """Ask a manager about conflicting picks of two people, and about missing pieces of a finished order."""
    if not (result.twice or result.gone or (order.status == Order.Status.PICKED and result.short)):
        return
    named = Product.objects.in_bulk({*result.twice, *result.gone, *result.short})
    for kind, pieces in ((Kind.PICKED_TWICE, result.twice), (Kind.OVER_PICKED, result.gone)):
        for product, picked in pieces.items():
            pending = [{"product": product, "delta": -picked}]
            discrepancies.record(kind, by=by, order=order, product=named[product], picked=picked, pending=pending)
    if order.status == Order.Status.PICKED:
        for product, missing in result.short.items():
            discrepancies.record(Kind.SHORT_PICKED, by=by, order=order, product=named[product], quantity=missing)
