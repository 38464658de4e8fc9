"""Checks that quantities on hand are the sums of the movements, and repairs them."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery, Sum, Window
from django.db.models.functions import Coalesce, Lag

from api import revision
from api.actions import stock
from api.actor import Actor
from api.models import Product, StockMovement

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokenLedger:
    """A product whose quantity or running totals are wrong.

    quantity: the quantity of the product. ledger: the sum of its movements. first_off: the id of the first movement
    whose `quantity_after` is not the sum up to it, None if all are right.
    """

    product: int
    sku: str
    quantity: int
    ledger: int
    first_off: int | None


def check(batch: int = 1000) -> Iterator[tuple[int, list[BrokenLedger]]]:
    """Check all products, also archived ones, `batch` at a time. Yields after each batch how many have been checked so
    far, and the products of the batch whose quantity or running totals differ from the sum of their movements.

    Three queries a batch. Concurrent writes cause no false reports.
    """
    checked, products = 0, Product.objects.order_by("id").values_list("id", flat=True)
    ids = list(products[:batch])
    while ids:
        checked += len(ids)
        yield checked, _broken(ids[0], ids[-1])
        ids = list(products.filter(id__gt=ids[-1])[:batch]) if len(ids) == batch else []


def broken_ledgers() -> list[BrokenLedger]:
    """All products that `check` finds broken."""
    return [found for _checked, broken in check() for found in broken]


def _broken(first: int, last: int) -> list[BrokenLedger]:
    """The broken ledgers of the products with the ids from `first` to `last`."""
    before = Window(
        Lag("quantity_after", default=0), partition_by=F("product_id"), order_by=F("id").asc()
    )  # fmt: skip
    off: dict[int, int] = {}
    movements = StockMovement.objects.filter(product__gte=first, product__lte=last).order_by()
    rows = movements.annotate(before=before).exclude(
        quantity_after=F("before") + F("quantity_delta")
    )  # fmt: skip
    for product_id, movement_id in rows.values_list("product_id", "id"):
        off[product_id] = min(movement_id, off.get(product_id, movement_id))
    total = StockMovement.objects.filter(product=OuterRef("pk")).order_by().values("product")
    products = (
        Product.objects.filter(id__gte=first, id__lte=last)
        .annotate(ledger=Coalesce(Subquery(total.annotate(total=Sum("quantity_delta")).values("total")), 0))
        .filter(~Q(quantity=F("ledger")) | Q(id__in=list(off)))
    )
    return [
        BrokenLedger(product_id, sku, quantity, ledger, off.get(product_id))
        for product_id, sku, quantity, ledger in products.order_by("id").values_list("id", "sku", "quantity", "ledger")
    ]


def describe(found: BrokenLedger) -> str:
    """A broken ledger in one line."""
    line = f"product {found.product} ({found.sku}): on hand {found.quantity}, movements add up to {found.ledger}"
    return f"{line}, running total off at movement {found.first_off}" if found.first_off else line


@transaction.atomic
def repair(product_id: int, *, by: Actor) -> bool:
    """Set a product's quantity and its movements' running totals to the sums, under a new revision.

    Returns whether anything was wrong. Raises NoSuchProduct.
    """
    product = stock.lock_one(product_id)
    total, off = 0, []
    for movement in product.movements.order_by("id"):
        total += movement.quantity_delta
        if movement.quantity_after != total:
            movement.quantity_after = total
            off.append(movement)
    if product.quantity == total and not off:
        return False
    StockMovement.objects.bulk_update(off, ["quantity_after"], batch_size=500)
    log.warning("Ledger of product %s repaired by %s: %s becomes %s", product.pk, by.user, product.quantity, total)
    product.quantity, product.revision = total, revision.take()
    product.save(update_fields=["quantity", "revision", "updated_at"])
    return True
