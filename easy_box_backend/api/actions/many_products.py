"""One change of many products, all or nothing."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction

from api.actions import products, stock
from api.actor import Actor


@transaction.atomic
def update(product_ids: Collection[int], changes: Mapping[str, Any], *, by: Actor) -> int:
    """Give these products the values in `changes` (keys of `products.DESCRIPTIVE`). Archived ones are left out.

    Returns how many are live. All are locked before the first revision is taken.
    """
    live = [product for product in stock.lock(product_ids).values() if not product.is_archived]
    for product in live:
        products.apply(product, changes, by=by)
    return len(live)


@transaction.atomic
def archive(product_ids: Collection[int], *, by: Actor) -> int:
    """Archive these products. Returns how many are archived now."""
    locked = stock.lock(product_ids)
    for product_id in locked:
        products.archive(product_id, by=by)
    return len(locked)
