"""The verbs of `products` and `orders` for thousands of rows at once, by a few statements. Each is a part of a larger
transaction, which has locked what changes and taken the revision `number` after that."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from api.actions import discrepancies, orders, products, stock
from api.actor import Actor
from api.errors import Conflict
from api.models import Barcode, Discrepancy, Order, OrderLine, OrderVersion, Product, ProductText, ProductVersion
from api.texts import barcode_of, gtins


def insert_products(new: Sequence[Product]) -> list[Product]:
    """Insert products, before the revision is taken; `stamp_products` follows. Raises Conflict."""
    try:
        return Product.objects.bulk_create(new)
    except IntegrityError as error:
        raise Conflict(_("Somebody has just made a product with one of these SKUs. Check again.")) from error


def insert_barcodes(new: Sequence[Barcode]) -> None:
    """Insert barcodes, before the revision is taken; those of archived products move. `stamp_products` follows.

    Raises Conflict.
    """
    codes = [barcode.code for barcode in new]
    Barcode.objects.filter(code__in=codes, product__archived_at__isnull=False).delete()
    try:
        Barcode.objects.bulk_create(new)
    except IntegrityError as error:
        raise Conflict(_("Somebody has just given a product one of these barcodes. Check again.")) from error


def stamp_products(changed: Sequence[Product], *, number: int, by: Actor) -> None:
    """Give products that are new, or have other barcodes, this revision and its version."""
    Product.objects.filter(pk__in=[product.pk for product in changed]).update(revision=number)
    _describe(changed, number=number, by=by)


def require_free_skus(new: Sequence[Product], *, since: int, number: int) -> None:
    """Raise Conflict if another product was given the SKU of a new one as a barcode since this revision.

    Call it with the counter locked: adding a barcode locks it too, so that of two at the same time the second is
    refused. number: the revision of this transaction.
    """
    added = Barcode.objects.live().filter(product__in=_changed_by_others(since, number))
    codes = dict(added.values_list("code", "product"))
    if codes and any(codes.get(barcode_of(product.sku), product.pk) != product.pk for product in new):
        raise Conflict(_("Somebody has just given a product one of these SKUs as a barcode. Check again."))


def require_free_barcodes(new: Sequence[Barcode], *, since: int, number: int) -> None:
    """Raise Conflict if another product was given one of these codes as its SKU since this revision. Call it with the
    counter locked, as `require_free_skus`."""
    skus = dict(_changed_by_others(since, number).values_list("sku", "id"))
    owners = ((row, skus.get(sku)) for row in new for sku in (row.code, *gtins(row.code)))
    if skus and any(owner not in (None, row.product_id) for row, owner in owners):
        raise Conflict(_("Somebody has just given a product one of these barcodes as its SKU. Check again."))


def _changed_by_others(since: int, number: int) -> "QuerySet[Product]":
    return Product.objects.live().filter(revision__gt=since).exclude(revision=number)


def save_products(changed: Sequence[Product], *, number: int, by: Actor) -> None:
    """Write the descriptive fields of locked products, and whether they are archived."""
    for product in changed:
        product.updated_at = by.at
    _describe(changed, number=number, by=by)
    stock.save_many(changed, [*products.DESCRIPTIVE, "archived_at", "revision", "updated_at"])


def _describe(changed: Sequence[Product], *, number: int, by: Actor) -> None:
    codes: dict[int, dict[str, int]] = defaultdict(dict)
    rows = Barcode.objects.filter(product__in=[product.pk for product in changed])
    for product_id, code, pieces in rows.values_list("product", "code", "pieces"):
        codes[product_id][code] = pieces
    for product in changed:
        product.revision = number
    products.keep_texts([ProductText.of(product, codes.get(product.pk, {})) for product in changed])
    ProductVersion.objects.bulk_create(
        [products.version_of(product, codes.get(product.pk, {}), by=by) for product in changed]
    )


def identify(changed: Sequence[Product], *, by: Actor) -> None:
    """Mark products that a person has named as verified, and close their questions, as `products.apply` does."""
    for product in changed:
        product.unverified = False
        discrepancies.answered(Discrepancy.Kind.UNKNOWN_SKU, product, by=by)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that is not saved yet, and the pieces to pick by product."""

    order: Order
    pieces: dict[int, int]


def insert_orders(new: Sequence[NewOrder], goods: dict[int, Product]) -> None:
    """Insert orders with nothing picked, before the revision is taken; `save_orders` follows.

    goods: the products, locked.
    """
    Order.objects.bulk_create([one.order for one in new])
    OrderLine.objects.bulk_create([
        OrderLine(order=one.order, product=goods[product], quantity_to_pick=pieces, sku=goods[product].sku,
                  name=goods[product].name)
        for one in new for product, pieces in one.pieces.items()
    ])  # fmt: skip


def save_orders(new: Sequence[NewOrder], *, number: int, by: Actor) -> None:
    """Give orders in which nothing is picked this revision and its version, and save their status and `archived_at`."""
    for one in new:
        one.order.revision, one.order.updated_at = number, by.at
    stock.save_many([one.order for one in new], ["status", "archived_at", "revision", "updated_at"])
    OrderVersion.objects.bulk_create([
        orders.version_of(one.order, [
            {"product": product, "quantity_to_pick": pieces, "quantity_picked": 0}
            for product, pieces in one.pieces.items()
        ], by=by)
        for one in new
    ])  # fmt: skip
