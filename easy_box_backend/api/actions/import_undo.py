"""Takes an import back. There is one function for each kind of sheet. It returns what stays as it is, as pairs of a
name and the reason. number: the revision, which is ahead of the counter (`revision.ahead`)."""

from collections.abc import Callable

from django.db.models import Max
from django.utils.translation import gettext as _

from api.actions import counts, many
from api.actions.import_plans import products_by_id
from api.actions.import_rows import Progress, Steps, batches
from api.actor import Actor
from api.errors import DomainError
from api.models import Barcode, Import, Order, OrderLine, Product, StockMovement
from api.sheets import columns

Left = list[list[str]]


def _undo_products(found: Import, number: int, by: Actor) -> Steps[Left]:
    """Archive the products that were made, and set back the fields that still have the imported value."""
    left: Left = []
    changes = dict(found.did["changed"])
    goods = yield from products_by_id([*found.did["created"], *changes], locked=True)
    ordered = set()
    for batch in batches(found.did["created"]):
        ordered |= set(OrderLine.objects.filter(product__in=batch).values_list("product", flat=True))
    changed = []
    for product in goods.values():
        if product.is_archived:
            continue
        if product.pk in changes:
            changed += [product] if _set_back(product, changes[product.pk], left) else []
        elif product.revision != found.revision:
            left.append([str(product), _("It was changed since, so it is not archived.")])
        elif product.pk in ordered:
            left.append([str(product), _("It was ordered since, so it is not archived.")])
        else:
            product.archived_at = by.at
            changed.append(product)
    done = 0
    for batch in batches(changed):
        many.save_products(batch, number=number, by=by)
        yield Progress(_("Taking back"), done := done + len(batch), len(changed))
    return left


def _set_back(product: Product, changes: dict[str, list[str | int]], left: Left) -> bool:
    """Set back the fields of a locked product that nobody has changed since. Returns whether there were any."""
    kept = [name for name, (_old, new) in changes.items() if getattr(product, name) != new]
    for name in kept:
        label = columns.fields("products")[name].label
        left.append([str(product), _("%(field)s was changed since, so it stays.") % {"field": label}])
    for name in set(changes) - set(kept):
        setattr(product, name, changes[name][0])
    return len(kept) < len(changes)


def _undo_stock(found: Import, number: int, by: Actor) -> Steps[Left]:
    """Reverse the counts. Movements that were booked since stay."""
    left: Left = []
    total, done = len(found.did["movements"]), 0
    ids: list[int] = []
    for batch in batches(found.did["movements"]):
        ids += StockMovement.objects.filter(pk__in=batch).values_list("product", flat=True)
    goods = yield from products_by_id(ids, locked=True)
    for batch in batches(found.did["movements"]):
        made = StockMovement.objects.filter(pk__in=batch).select_related("reversed_by").order_by("pk")
        latest = dict(
            StockMovement.objects.filter(product__in=[movement.product_id for movement in made])
            .order_by().values_list("product").annotate(Max("pk"))
        )  # fmt: skip
        quiet = []
        for count in made:
            product = goods[count.product_id]
            if hasattr(count, "reversed_by"):
                left.append([str(product), _("The count was taken back already.")])
            elif latest[product.pk] == count.pk:
                quiet.append(count)
            else:
                left += _reverse_one(count, product, by)
        counts.take_back_many(quiet, goods, number=number, by=by, reason=_("import taken back"))
        yield Progress(_("Taking back"), done := done + len(batch), total)
    return left


def _reverse_one(count: StockMovement, product: Product, by: Actor) -> Left:
    """Reverse a count of a product that has moved since."""
    try:
        counts.take_back(count, product, by=by, reason=_("import taken back"))
    except DomainError as error:
        return [[str(product), str(error.detail)]]
    return []


def _undo_barcodes(found: Import, number: int, by: Actor) -> Steps[Left]:
    """Remove the barcodes, or set their pieces back, unless somebody has changed them since."""
    left: Left = []
    did = found.did["barcodes"]
    goods = yield from products_by_id((product_id for product_id, *_rest in did), locked=True)
    touched: dict[int, Product] = {}
    for batch in batches(did):
        rows = {row.code: row for row in Barcode.objects.filter(code__in=[code for _id, code, _old, _new in batch])}
        gone = []
        for product_id, code, old, new in batch:
            row, product = rows.get(code), goods[product_id]
            if row is None or row.product_id != product_id or row.pieces != new:
                left.append([f"{product}: {code}", _("It was changed since, so it stays.")])
                continue
            touched[product_id] = product
            if old:
                row.pieces = old
                row.save(update_fields=["pieces"])
            else:
                gone.append(row.pk)
        Barcode.objects.filter(pk__in=gone).delete()
    done = 0
    for part in batches(touched.values()):
        many.stamp_products(part, number=number, by=by)
        yield Progress(_("Taking back"), done := done + len(part), len(touched))
    return left


def _undo_orders(found: Import, number: int, by: Actor) -> Steps[Left]:
    """Cancel and archive the orders that nobody has touched since."""
    left: Left = []
    untouched: list[many.NewOrder] = []
    for batch in batches(found.did["orders"]):
        locked = Order.objects.filter(pk__in=batch).order_by("pk").select_for_update(no_key=True)
        lines = OrderLine.objects.filter(order__in=batch).order_by("pk")
        pieces: dict[int, dict[int, int]] = {}
        for order_id, product_id, quantity in lines.values_list("order", "product", "quantity_to_pick"):
            pieces.setdefault(order_id, {})[product_id] = quantity
        for order in locked:
            if order.archived_at is None and order.revision == found.revision:
                order.status, order.archived_at = Order.Status.CANCELLED, by.at
                untouched.append(many.NewOrder(order, pieces[order.pk]))
            elif order.archived_at is None:
                left.append([str(order), _("It was changed since, so it stays.")])
        yield Progress(_("Looking up orders"), len(untouched), len(found.did["orders"]))
    done = 0
    for part in batches(untouched):
        many.save_orders(part, number=number, by=by)
        yield Progress(_("Taking back"), done := done + len(part), len(untouched))
    return left


UNDOING: dict[str, Callable[[Import, int, Actor], Steps[Left]]] = {
    "products": _undo_products,
    "stock": _undo_stock,
    "barcodes": _undo_barcodes,
    "orders": _undo_orders,
}
