"""Takes over people, products and orders of a former backend (`old_tables.py`). Called again, it adds what is new.

What the former backend says is on hand is booked as counts. What its orders have picked is already subtracted there, so
the picks are booked as movements that these counts include. Ids are kept where they are free, since phones remember
them.
"""

from datetime import timedelta

from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Model

from api import revision
from api.actions import counts, many, old_people, orders, stock
from api.actions.old_people import Taken
from api.actions.old_tables import OldBackend, Row, picture_of
from api.actor import Actor
from api.models import MAX_QUANTITY, Order, OrderLine, OrderVersion, Product, StockMovement
from api.texts import cut, folded, sku_of, storable


@transaction.atomic
def take_over(old: OldBackend, *, by: Actor, dry: bool) -> Taken:
    """Take over what is not here yet. dry: do everything and roll it back, so that the result is that of a real run."""
    taken = Taken()
    users = old_people.take_over(old, taken)
    products, new = _products(old, taken)
    rows = _orders(old, products, taken)
    if new or taken.numbers["orders"]:
        _book(old, new, rows, taken, by)
    changed = [old_id for old_id, product in products.items() if product.pk != old_id]
    if changed or taken.numbers["orders with another id"]:
        taken.notes.append(
            f"{len(changed)} products and {taken.numbers['orders with another id']} orders have other ids than there, "
            "so logins are not taken over: phones remember ids. People log in again, and open the lists first."
        )
    else:
        old_people.keep_logged_in(old, users, taken, by=by)
    transaction.set_rollback(dry)
    return taken


def _products(old: OldBackend, taken: Taken) -> tuple[dict[int, Product], dict[int, Row]]:
    """Insert the products. Returns our products by their old ids, and the old rows of the new ones by their new ids."""
    here = {product.sku: product for product in Product.objects.live()}
    products: dict[int, Product] = {}
    insert: dict[int, Product] = {}
    first_rows: dict[str, Row] = {}
    for row in old.products:
        sku = sku_of(row["sku"] or "")
        if not sku:
            taken.notes.append(f"The product {row['id']} ({row['name']}) has no SKU: left out.")
            continue
        if first := first_rows.get(sku):
            first["quantity"] = int(first["quantity"] or 0) + int(row["quantity"] or 0)
            taken.notes.append(
                f"The products {first['id']} and {row['id']} have the same SKU {sku} here: one product with the pieces "
                "of both. Count it."
            )
        elif sku in here:
            taken.numbers["products that were here"] += 1
        else:
            first_rows[sku] = row
            here[sku] = insert[row["id"]] = Product(
                sku=sku, name=cut(storable(row["name"] or "").strip(), 255) or sku, quantity=0,
                location=cut(storable(row.get("location") or "").strip(), 100),
            )  # fmt: skip
        products[row["id"]] = here[sku]
    _insert(Product, insert)
    taken.numbers["products"] += len(insert)
    for row in old.products:
        if (picture := picture_of(row)) and (product := products.get(row["id"])) and not product.image:
            taken.pictures[product.pk] = picture
    return products, {insert[row["id"]].pk: row for row in old.products if row["id"] in insert}


def _insert(model: type[Product] | type[Order], rows: dict[int, Product] | dict[int, Order]) -> None:
    """Insert rows, given by their old ids, under these ids where they are free."""
    taken = set(model._default_manager.filter(pk__in=rows).values_list("pk", flat=True))
    for old_id, row in rows.items():
        row.pk = old_id if old_id not in taken and old_id > 0 else None
    for some in ([row for row in rows.values() if row.pk], [row for row in rows.values() if not row.pk]):
        model._default_manager.bulk_create(some)  # type: ignore[arg-type]
        _reset_sequence(model)


def _reset_sequence(model: type[Model]) -> None:
    """Give the next row an id above all that exist."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
            cursor.execute(statement)


def _orders(old: OldBackend, products: dict[int, Product], taken: Taken) -> list[OrderLine]:
    """Insert the orders that are not here. Returns their lines, not saved."""
    numbers = {row["id"]: f"{old.family} {row['id']}" for row in old.orders}
    here = set(Order.objects.filter(outside_number__in=numbers.values()).values_list("outside_number", flat=True))
    insert: dict[int, Order] = {}
    lines: list[OrderLine] = []
    for row in old.orders:
        if numbers[row["id"]] in here:
            taken.numbers["orders that were here"] += 1
            continue
        status = row["status"] if row["status"] in Order.Status.values else Order.Status.OPEN
        if status != row["status"]:
            taken.notes.append(f"The order {row['id']} has the unknown status {row['status']!r}: taken as open.")
        name = cut(storable(row["customer_name"] or "").strip(), 255) or "?"
        order = insert[row["id"]] = Order(customer_name=name, status=status, outside_number=numbers[row["id"]])
        order.words = folded(f"{order.outside_number}\n{name}")
        lines += _lines(order, old.lines.get(row["id"], []), products, taken)
    _insert(Order, insert)
    taken.numbers["orders"] += len(insert)
    taken.numbers["orders with another id"] += sum(order.pk != old_id for old_id, order in insert.items())
    return lines


def _lines(order: Order, rows: list[Row], products: dict[int, Product], taken: Taken) -> list[OrderLine]:
    found: dict[int, OrderLine] = {}
    for row in rows:
        product = products.get(row["product_id"])
        if product is None:
            taken.notes.append(f"A line of the order {order.outside_number} has a product that was left out.")
            continue
        line = found.setdefault(product.pk, OrderLine(order=order, product=product, sku=product.sku, name=product.name,
                                                       quantity_to_pick=0))  # fmt: skip
        line.quantity_to_pick = min(line.quantity_to_pick + max(row["quantity_to_pick"], 0), MAX_QUANTITY)
        picked = 0 if order.status == Order.Status.CANCELLED else max(row["quantity_picked"], 0)
        line.quantity_picked = min(line.quantity_picked + picked, MAX_QUANTITY)
    return list(found.values())


def _book(old: OldBackend, new: dict[int, Row], lines: list[OrderLine], taken: Taken, by: Actor) -> None:
    """Stamp the new rows with one revision, and write the ledger: counts, and the picks that they include."""
    for line in lines:
        line.order_id = line.order.pk  # the order has its id only now
    OrderLine.objects.bulk_create(lines)
    goods = stock.lock({*new, *(line.product_id for line in lines)})
    rows = list(Order.objects.filter(outside_number__startswith=f"{old.family} ", revision=0).order_by("pk"))
    number = revision.take()
    many.stamp_products([goods[pk] for pk in new], number=number, by=by)
    many.require_free_skus([goods[pk] for pk in new], since=0, number=number)
    made = _counts(new, lines, goods, taken, number, by)
    before = by.at - timedelta(seconds=1)
    for line in lines:
        if line.quantity_picked:
            stock.move(
                goods[line.product_id], -line.quantity_picked, StockMovement.Kind.PICK, number=number, by=by,
                order_line=line, occurred_at=before, within=made.get(line.product_id),
            )  # fmt: skip
    for order in rows:
        order.revision = number
    stock.save_many(rows, ["revision"])
    kept = OrderLine.objects.filter(order__in=rows).order_by("id")
    by_order: dict[int, list[Row]] = {order.pk: [] for order in rows}
    for line in kept:
        by_order[line.order_id].append(
            {"product": line.product_id, "quantity_to_pick": line.quantity_to_pick,
             "quantity_picked": line.quantity_picked}
        )  # fmt: skip
    OrderVersion.objects.bulk_create([orders.version_of(order, by_order[order.pk], by=by) for order in rows])


def _counts(
    new: dict[int, Row], lines: list[OrderLine], goods: dict[int, Product], taken: Taken, number: int, by: Actor
) -> dict[int, StockMovement]:
    """Count the new products as in the former backend. Products that were here already and get picks are counted as
    they are."""
    counted = []
    for pk, row in new.items():
        pieces = int(row["quantity"] or 0)
        if abs(pieces) > MAX_QUANTITY:
            taken.notes.append(f"The quantity {pieces} of {goods[pk].sku} is implausible: counted as 0.")
            pieces = 0
        counted.append((goods[pk], pieces))
        taken.numbers["pieces on hand"] += pieces
    picked = {line.product_id for line in lines if line.quantity_picked} - set(new)
    counted += [(goods[pk], goods[pk].quantity) for pk in sorted(picked)]
    made = counts.count_many(counted, counted_at=by.at, by=by, number=number, reason="former backend")
    return {movement.product_id: movement for movement in made}
