"""Recording what the server cannot decide by itself. Settling it is in `settling.py`."""

from datetime import datetime
from typing import Any

from api.actor import Actor
from api.models import Discrepancy, Order, Product, StockMovement


def record(
    kind: Discrepancy.Kind,
    *,
    by: Actor,
    at: datetime,
    product: Product | None = None,
    order: Order | None = None,
    movement: StockMovement | None = None,
    sku: str = "",
    **facts: Any,
) -> Discrepancy:
    """Put something before a manager, once: the same open question is not asked twice.

    movement: what was booked on a guess, which "reverse" takes back. facts: JSON-able, enough to decide by.
    Returns the discrepancy, new or the open one that says the same.
    """
    found, _created = Discrepancy.objects.get_or_create(
        kind=kind,
        status=Discrepancy.Status.OPEN,
        product=product,
        order=order,
        movement=movement,
        device=by.device,
        sku=sku or (product.sku if product else ""),
        facts=facts,
        defaults={"user": by.user, "created_at": at},
    )
    return found
