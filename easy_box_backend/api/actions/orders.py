"""Orders: make, change, pick, cancel, archive. Picking takes stock, cancelling gives it back."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import EllipsisType
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import discrepancies, stock
from api.actor import Actor
from api.errors import Forbidden, Invalid, NoSuch
from api.models import MAX_QUANTITY, Discrepancy, Order, OrderLine, OrderVersion, Product, StockMovement
from api.texts import folded

Kind = StockMovement.Kind

DESCRIPTION = ("customer_name", "outside_number", "due_on", "note")
"""The fields of an order that describe it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A wanted order line: pieces to pick of a product, and how many of them are picked (None: unchanged)."""

    product: int
    quantity_to_pick: int
    quantity_picked: int | None = None


class NoSuchOrder(NoSuch):
    code, sentence = "no_such_order", _("There is no such order.")


class UnknownProducts(Invalid):
    code = "unknown_product"

    def __init__(self, product_ids: Sequence[int]) -> None:
        detail = _("These products do not exist: %(ids)s.") % {"ids": ", ".join(map(str, product_ids))}
        super().__init__(detail, facts={"products": list(product_ids)}, field="lines")


def lock(order_id: int) -> Order:
    """This order, locked until the end of the transaction. Raises NoSuchOrder, also for an archived one."""
    order = Order.objects.live().select_for_update(no_key=True).filter(id=order_id).first()
    if order is None:
        raise NoSuchOrder(order_id)
    return order


@transaction.atomic
def create(
    *, customer_name: str, lines: Sequence[Line], status: str = Order.Status.OPEN, outside_number: str = "",
    due_on: date | None = None, note: str = "", by: Actor,
) -> Order:  # fmt: skip
    """Create an order. Raises ImplausibleQuantity, OnHandOutOfBounds, and UnknownProducts, also for archived ones."""
    order = Order.objects.create(
        customer_name=customer_name, status=status, outside_number=outside_number, due_on=due_on, note=note
    )
    write(order, lines, by=by)
    return order


@transaction.atomic
def update(
    order_id: int,
    *,
    customer_name: str | None = None,
    status: str | None = None,
    lines: Sequence[Line] | None = None,
    outside_number: str | None = None,
    due_on: date | EllipsisType | None = ...,
    note: str | None = None,
    by: Actor,
    revisions_held: Collection[int] | None = None,
) -> Order:
    """Change the given values of an order. `lines`, if given, replaces all its lines. due_on: None for no date.

    The difference in picked quantities is taken from stock or returned; cancelling returns all that was picked.
    Raises Forbidden for a picker who does more than pick, ImplausibleQuantity, NoSuchOrder, OnHandOutOfBounds,
    UnknownProducts, Stale.
    """
    order = lock(order_id)
    revision.require_held(order, revisions_held)
    given = {"customer_name": customer_name, "outside_number": outside_number, "note": note}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    changes |= {} if due_on is ... else {"due_on": due_on}
    if not by.is_manager and not _only_picks(order, changes, status, lines):
        raise Forbidden(_("Pickers can only pick an order. Only managers can change it."))
    for name, value in changes.items():
        setattr(order, name, value)
    if status is not None:
        order.status = status
    write(order, lines, by=by)
    return order


PICKERS = (Order.Status.IN_PROGRESS, Order.Status.PICKED)
"""The statuses that a picker may give a running order."""


def _only_picks(
    order: Order, changes: Mapping[str, Any], status: str | None, lines: Sequence[Line] | None
) -> bool:  # fmt: skip
    """Whether a change is one that a picker may make: of picked quantities, and the PICKERS statuses."""
    now = {line.product_id: line for line in order.lines.filter(removed_at__isnull=True)}
    wanted = [] if lines is None else merged(lines)
    if any(getattr(order, name) != value for name, value in changes.items()):
        return False
    if lines is not None and {w.product: w.quantity_to_pick for w in wanted} != {
        product: line.quantity_to_pick for product, line in now.items()
    }:
        return False
    if order.status in Order.RUNNING:
        return status in (None, order.status, *PICKERS)
    picked = all(w.quantity_picked in (None, now[w.product].quantity_picked) for w in wanted)
    return picked and status in (None, order.status)


@transaction.atomic
def pick_in_full(order_id: int, *, by: Actor, revisions_held: Collection[int] | None = None) -> Order:
    """Finish an order that was picked from paper: every line in full. Raises what `update` raises."""
    order = lock(order_id)
    revision.require_held(order, revisions_held)
    there = order.lines.filter(removed_at__isnull=True).order_by("id")
    lines = [Line(line.product_id, line.quantity_to_pick, max(line.quantity_to_pick, line.quantity_picked))
             for line in there]  # fmt: skip
    return update(order_id, status=Order.Status.PICKED, lines=lines, by=by)


@transaction.atomic
def archive(order_id: int, *, by: Actor, revisions_held: Collection[int] | None = None) -> None:
    """Archive an order. Unless its status is picked, the picked goods return to stock.

    Idempotent. Raises NoSuchOrder for an unknown id, Stale as `update` does.
    """
    if Order.objects.filter(id=order_id, archived_at__isnull=False).exists():
        return
    order = lock(order_id)
    revision.require_held(order, revisions_held)
    if order.status != Order.Status.PICKED:
        order.status = Order.Status.CANCELLED
    order.archived_at = by.at
    write(order, None, by=by)


def write(order: Order, wanted: Sequence[Line] | None, *, by: Actor) -> None:
    """Save a locked (or new) order with these lines (None: unchanged), and move stock to match, under one revision."""
    lines = {line.product_id: line for line in order.lines.all()}
    if wanted is None:
        wanted = [
            Line(line.product_id, line.quantity_to_pick, line.quantity_picked)
            for line in lines.values()
            if line.removed_at is None
        ]
    wanted = merged(wanted)
    for line in wanted:
        if too_many := beyond_limit(line):
            raise stock.ImplausibleQuantity(too_many, field="lines", product=line.product)
    products = stock.lock({line.product for line in wanted} | set(lines))
    unknown = [w.product for w in wanted if w.product not in products]
    unknown += [w.product for w in wanted if w.product not in lines and w.product not in unknown
                and products[w.product].is_archived]  # fmt: skip
    if unknown:
        raise UnknownProducts(unknown)
    running = {order.status, Order.objects.values_list("status", flat=True).get(pk=order.pk)} & {*Order.RUNNING}
    new = [OrderLine(order=order, product=products[line.product], quantity_to_pick=line.quantity_to_pick,
                     sku=products[line.product].sku, name=products[line.product].name)
           for line in wanted if line.product not in lines]  # fmt: skip
    lines |= {line.product_id: line for line in OrderLine.objects.bulk_create(new)}
    number = revision.take()
    for line in wanted:
        product, kept = products[line.product], lines[line.product]
        kept.order, before = order, _values(kept)
        if running:
            # A finished order keeps the SKU and name that it had while it was running.
            kept.sku, kept.name = product.sku, product.name
        _set_line(kept, line, before, product, number, by)
    for product_id in set(lines) - {line.product for line in wanted}:
        _remove_line(lines[product_id], products[product_id], number, by)
    order.revision, order.words = number, folded(f"{order.outside_number}\n{order.customer_name}")
    order.save(update_fields=[*DESCRIPTION, "words", "status", "archived_at", "revision", "updated_at"])
    remember(order, by=by)


def merged(lines: Iterable[Line]) -> list[Line]:
    """The lines with each product once; the quantities of repeated products are added."""
    result: dict[int, Line] = {}
    for line in lines:
        if known := result.get(line.product):
            picked = [pieces for pieces in (known.quantity_picked, line.quantity_picked) if pieces is not None]
            line = Line(line.product, known.quantity_to_pick + line.quantity_to_pick, sum(picked) if picked else None)
        result[line.product] = line
    return list(result.values())


def beyond_limit(line: Line) -> int:
    """The quantity of a line that is above MAX_QUANTITY, as merging can make it; 0 if there is none."""
    return next((pieces for pieces in (line.quantity_to_pick, line.quantity_picked or 0) if pieces > MAX_QUANTITY), 0)


def _values(line: OrderLine) -> tuple[object, ...]:
    return line.sku, line.name, line.quantity_to_pick, line.quantity_picked, line.removed_at


def _set_line(line: OrderLine, wanted: Line, was: tuple[object, ...], product: Product, number: int, by: Actor) -> None:
    """Give a line the wanted quantities, and move stock to match. was: the stored values of the line, so that only
    lines that change are saved."""
    order, before = line.order, line.quantity_picked
    picked = before if wanted.quantity_picked is None else wanted.quantity_picked
    if order.status == Order.Status.CANCELLED:
        picked = 0
    line.quantity_to_pick, line.quantity_picked, line.removed_at = wanted.quantity_to_pick, picked, None
    if _values(line) != was:
        line.save()
    _move_picked(line, product, picked - before, number, by)
    if picked > max(line.quantity_to_pick, before):
        discrepancies.record(
            Discrepancy.Kind.OVER_PICKED, by=by, product=product, order=order,
            to_pick=line.quantity_to_pick, picked=picked,
        )  # fmt: skip


def _remove_line(line: OrderLine, product: Product, number: int, by: Actor) -> None:
    if line.removed_at is not None:
        return
    before, line.quantity_picked, line.removed_at = line.quantity_picked, 0, by.at
    line.save(update_fields=["quantity_picked", "removed_at"])
    _move_picked(line, product, -before, number, by)


def _move_picked(line: OrderLine, product: Product, more: int, number: int, by: Actor) -> None:
    """Take `more` picked pieces of a line from stock, or return them if negative."""
    if more:
        kind = Kind.PICK if more > 0 else Kind.RETURN
        stock.move(product, -more, kind, number=number, by=by, order_line=line)


def count_picked(order: Order, line: OrderLine, pieces: int, *, number: int, by: Actor) -> None:
    """Add `pieces` (negative: fewer) to what is picked of a line of a locked order. The caller books their movement.

    number: the transaction's revision. Raises ImplausibleQuantity.
    """
    if line.quantity_picked + pieces > MAX_QUANTITY:
        raise stock.ImplausibleQuantity(line.quantity_picked + pieces)
    line.quantity_picked += pieces
    line.save(update_fields=["quantity_picked"])
    order.revision = number
    order.save(update_fields=["revision", "updated_at"])
    remember(order, by=by)


def remember(order: Order, *, by: Actor) -> None:
    """Save the present state of the order as the version of its revision."""
    lines = order.lines.filter(removed_at__isnull=True).order_by("id")
    version_of(order, lines.values("product", "quantity_to_pick", "quantity_picked"), by=by).save(force_insert=True)


def version_of(order: Order, lines: Iterable[Mapping[str, Any]], *, by: Actor) -> OrderVersion:
    """The version of the order's revision, not saved. lines: as in `OrderVersion`."""
    return OrderVersion(
        order=order,
        revision=order.revision,
        **{name: getattr(order, name) for name in DESCRIPTION},
        status=order.status,
        lines=list(lines),
        archived=order.archived_at is not None,
        user=by.user,
        device=by.device,
        changed_at=by.at,
    )
