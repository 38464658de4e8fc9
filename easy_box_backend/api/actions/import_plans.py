"""Makes the plan of an import: what its rows would do. It writes nothing, so that a check and the import itself make
the same plan."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from api import texts
from api.actions import barcodes, counts, many, orders, stock
from api.actions.import_rows import Entry, Plan, Progress, Reading, Row, Steps, batches, entries_of
from api.actions.import_skus import Codes
from api.errors import DomainError
from api.models import MAX_QUANTITY, Barcode, Order, Product
from api.sheets import cells
from api.texts import barcode_of


def make(kind: str, table: Sequence[Row], reading: Reading, *, locked: bool) -> Steps[Plan]:
    """The plan for these rows. locked: lock the products that it changes."""
    plan, codes = Plan(rows=len(table)), Codes(kind, table, reading)
    entries = yield from entries_of(kind, table, reading, plan, codes)
    ids = [codes.ids[entry.values["sku"]] for entry in entries if entry.values["sku"] in codes.ids]
    goods = yield from products_by_id(ids, locked=locked)
    live = {product.sku: product for product in goods.values() if not product.is_archived}
    plan.bad += PLANNERS[kind](entries, plan, live, reading)
    return plan


def products_by_id(ids: Iterable[int], *, locked: bool) -> Steps[dict[int, Product]]:
    """These products by id. locked: lock them, in the order of their ids like `stock.lock`."""
    found: dict[int, Product] = {}
    wanted = sorted(set(ids))
    for batch in batches(wanted):
        found |= stock.lock(batch) if locked else Product.objects.in_bulk(batch)
        yield Progress(_("Looking up products"), len(found), len(wanted))
    return found


# --- What each kind of sheet does ---------------------------------------------------------------------------------
BadRows = Iterator[tuple[int, str]]
"""Rows that cannot be imported: the number of each in the spreadsheet, and the reason."""


def _once(entries: Iterable[Entry], bad: list[tuple[int, str]], key: str = "sku") -> Iterator[Entry]:
    """The entries without those whose key an earlier row has already, which are added to `bad`."""
    rows: dict[str, int] = {}
    for entry in entries:
        first = rows.setdefault(entry.values[key], entry.row)
        if first == entry.row:
            yield entry
        else:
            bad.append((entry.row, _("The row %(row)s has the same already.") % {"row": first}))


def _plan_products(entries: Sequence[Entry], plan: Plan, goods: dict[str, Product], reading: Reading) -> BadRows:
    skus = [entry.values["sku"] for entry in entries]
    held = {row.code: row for batch in batches(map(barcode_of, skus)) for row in
            Barcode.objects.live().filter(code__in=batch)}  # fmt: skip
    for entry in _once(entries, plan.bad):
        given = {name: value for name, value in entry.values.items() if value not in (None, "") and name != "sku"}
        if not 0 <= given.get("min_quantity", 0) <= MAX_QUANTITY:
            yield entry.row, _("The minimum must be between 0 and %(most)s.") % {"most": MAX_QUANTITY}
        elif (product := goods.get(entry.values["sku"])) is None:
            if holder := held.get(barcode_of(entry.values["sku"])):
                yield entry.row, _("This SKU is a barcode of the product %(product)s.") % {"product": holder.product}
            elif "name" in given:
                plan.new.append(Product(sku=entry.values["sku"], **given))
            else:
                yield entry.row, _("A new product needs a name.")
        elif changes := {
            name: [getattr(product, name), new] for name, new in given.items() if getattr(product, name) != new
        }:
            plan.changed.append((product, changes))
        else:
            plan.same += 1


def _plan_barcodes(entries: Sequence[Entry], plan: Plan, goods: dict[str, Product], reading: Reading) -> BadRows:
    codes = [entry.values["barcode"] for entry in entries]
    held = {row.code: row for batch in batches(codes) for row in Barcode.objects.live().filter(code__in=batch)}
    skus = dict(Product.objects.live().values_list("sku", "id"))
    numbers: Counter[int] = Counter()
    for batch in batches({product.pk for product in goods.values()}):
        numbers.update(Barcode.objects.filter(product__in=batch).values_list("product", flat=True))
    for entry in _once(entries, plan.bad, "barcode"):
        code, pieces = entry.values["barcode"], entry.values.get("pieces")
        product, row = goods.get(entry.values["sku"]), held.get(entry.values["barcode"])
        owner = next((skus[sku] for sku in (code, *texts.gtins(code)) if sku in skus), None)
        if product is None:
            yield entry.row, _unknown(entry)
        elif (row and row.product_id != product.pk) or owner not in (None, product.pk):
            yield entry.row, _("Another product has this code already.")
        elif pieces is not None and not 1 <= pieces <= MAX_QUANTITY:
            yield entry.row, _("The pieces must be between 1 and %(most)s.") % {"most": MAX_QUANTITY}
        elif row and pieces in (None, row.pieces):
            plan.same += 1
        elif row:
            plan.changed.append((row, product, pieces))
        elif numbers[product.pk] >= barcodes.MOST:
            yield entry.row, _("A product has at most %(most)s barcodes.") % {"most": barcodes.MOST}
        else:
            numbers[product.pk] += 1
            plan.new.append(Barcode(product=product, code=code, pieces=pieces or 1))


def _plan_stock(entries: Sequence[Entry], plan: Plan, goods: dict[str, Product], reading: Reading) -> BadRows:
    at = datetime.fromisoformat(reading.counted_at) if reading.counted_at else None
    since: dict[int, datetime] = {}
    for batch in batches({product.pk for product in goods.values()}) if at else ():
        since |= counts.known_since(batch)
    for entry in _once(entries, plan.bad):
        product, counted = goods.get(entry.values["sku"]), entry.values["counted"]
        if product is None:
            yield entry.row, _unknown(entry)
            continue
        try:
            if counted < 0:
                raise cells.Bad(_("Fewer than 0 pieces cannot have been counted."))
            if at and at < since.get(product.pk, at):
                raise cells.Bad(_("The product did not exist at that time."))
            stock.check_level(product, counted, field="counted")
        except (cells.Bad, DomainError) as error:
            yield entry.row, str(error)
            continue
        plan.changed.append((product, counted))
        plan.agreeing += product.quantity == counted


def _plan_orders(entries: Sequence[Entry], plan: Plan, goods: dict[str, Product], reading: Reading) -> BadRows:
    by_number: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_number[entry.values["number"]].append(entry)
    taken = existing_numbers(by_number)
    for rows in by_number.values():
        order = many.NewOrder(_order(rows[0].values), {})
        reasons = [(entry.row, reason) for entry in rows if (reason := _wrong_in_order(entry, order, goods, taken))]
        yield from reasons
        if reasons:
            wrong = {row for row, _reason in reasons}
            yield from (
                (entry.row, _("Another row of this order is wrong.")) for entry in rows if entry.row not in wrong
            )
        else:
            plan.new.append(order)


def _order(values: dict[str, Any]) -> Order:
    return Order(
        customer_name=values["customer"], outside_number=values["number"], due_on=values.get("due_on"),
        note=values.get("note", ""),
    )  # fmt: skip


def _wrong_in_order(entry: Entry, order: many.NewOrder, goods: dict[str, Product], taken: set[str]) -> str:
    """Add a row to its order. Returns the reason if it can't be added, else ""."""
    product, pieces = goods.get(entry.values["sku"]), entry.values["quantity"]
    if entry.values["number"] in taken:
        return _("There is an order with this number already.")
    same = _order(entry.values)
    if any(getattr(same, name) != getattr(order.order, name) for name in orders.DESCRIPTION):
        return _("Another row of this order has another customer, date or note.")
    if product is None:
        return _unknown(entry)
    if not 1 <= pieces <= MAX_QUANTITY - order.pieces.get(product.pk, 0):
        return _("The quantity must be between 1 and %(most)s.") % {"most": MAX_QUANTITY}
    order.pieces[product.pk] = order.pieces.get(product.pk, 0) + pieces
    return ""


def existing_numbers(numbers: Iterable[str]) -> set[str]:
    """The numbers that live orders have already: as their outside number, or as their id in an export (#12)."""
    found: set[str] = set()
    for batch in batches(numbers):
        ours = [int(number[1:]) for number in batch if re.fullmatch(r"#\d{1,18}", number, re.ASCII)]
        found |= {f"#{key}" for key in Order.objects.live().filter(pk__in=ours).values_list("pk", flat=True)}
        found |= set(Order.objects.live().filter(outside_number__in=batch).values_list("outside_number", flat=True))
    return found


def _unknown(entry: Entry) -> str:
    return _("No product has the SKU %(sku)s.") % {"sku": entry.values["sku"]}


PLANNERS = {
    "products": _plan_products,
    "stock": _plan_stock,
    "barcodes": _plan_barcodes,
    "orders": _plan_orders,
}
"""Each adds to the plan what the rows of a sheet do, and yields the bad ones. goods: the live products by SKU."""
