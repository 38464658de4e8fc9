"""Books the plan of an import. There is one function for each kind of sheet. It returns what it did, JSON-able, for
`import_undo`. number: the revision, which is ahead of the counter (`revision.ahead`)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from api.actions import counts, import_plans, many
from api.actions.import_rows import Plan, Progress, Reading, Steps, batches
from api.actor import Actor


def _book_products(plan: Plan, reading: Reading, number: int, by: Actor) -> Steps[dict[str, Any]]:
    total, done, new = len(plan.new) * 2 + len(plan.changed), 0, []
    for batch in batches(plan.new):
        new += many.insert_products(batch)
        yield Progress(_("Writing"), done := done + len(batch), total)
    named = []
    for product, changes in plan.changed:
        named += [product] if product.unverified and "name" in changes else []
        for name, (_old, value) in changes.items():
            setattr(product, name, value)
    many.identify(named, by=by)
    for save, products in ((many.stamp_products, new), (many.save_products, [one for one, _changes in plan.changed])):
        for batch in batches(products):
            save(batch, number=number, by=by)
            yield Progress(_("Writing"), done := done + len(batch), total)
    return {"created": [one.pk for one in new], "changed": [[one.pk, changes] for one, changes in plan.changed]}


def _book_stock(plan: Plan, reading: Reading, number: int, by: Actor) -> Steps[dict[str, Any]]:
    movements: list[int] = []
    at = datetime.fromisoformat(reading.counted_at) if reading.counted_at else by.at
    for batch in batches(plan.changed):
        made = counts.count_many(batch, counted_at=at, number=number, by=by, reason=_("import"))
        movements += [movement.pk for movement in made]
        yield Progress(_("Writing"), len(movements), len(plan.changed))
    return {"movements": movements}


def _book_barcodes(plan: Plan, reading: Reading, number: int, by: Actor) -> Steps[dict[str, Any]]:
    did = [[row.product_id, row.code, 0, row.pieces] for row in plan.new]
    did += [[row.product_id, row.code, row.pieces, pieces] for row, _product, pieces in plan.changed]
    for batch in batches(plan.new):
        many.insert_barcodes(batch)
    for row, _product, pieces in plan.changed:
        row.pieces = pieces
        row.save(update_fields=["pieces"])
    done = 0
    goods = {product.pk: product for product in (
        *(row.product for row in plan.new), *(product for _row, product, _pieces in plan.changed)
    )}  # fmt: skip
    for part in batches(goods.values()):
        many.stamp_products(part, number=number, by=by)
        yield Progress(_("Writing"), done := done + len(part), len(goods))
    return {"barcodes": did}


def _book_orders(plan: Plan, reading: Reading, number: int, by: Actor) -> Steps[dict[str, Any]]:
    total, done = len(plan.new) * 2, 0
    goods = yield from import_plans.products_by_id((id_ for one in plan.new for id_ in one.pieces), locked=True)
    for batch in batches(plan.new):
        many.insert_orders(batch, goods)
        yield Progress(_("Writing"), done := done + len(batch), total)
    for batch in batches(plan.new):
        many.save_orders(batch, number=number, by=by)
        yield Progress(_("Writing"), done := done + len(batch), total)
    return {"orders": [one.order.pk for one in plan.new]}


Booking = Callable[[Plan, Reading, int, Actor], Steps[dict[str, Any]]]
BOOKING: dict[str, Booking] = {
    "products": _book_products,
    "stock": _book_stock,
    "barcodes": _book_barcodes,
    "orders": _book_orders,
}

AT_THE_END: dict[str, Callable[[Plan, int, int], None]] = {
    "products": lambda plan, since, number: many.require_free_skus(plan.new, since=since, number=number),
    "barcodes": lambda plan, since, number: many.require_free_barcodes(plan.new, since=since, number=number),
}
"""By kind of sheet: what is checked again while the counter is locked. since: the revision before the plan was made."""
