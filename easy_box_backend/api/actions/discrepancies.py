"""Recording what the server cannot decide by itself. Settling it is in `settling.py`."""

from datetime import datetime
from typing import Any

from api.actions import alerts
from api.actor import Actor
from api.models import Discrepancy, Order, Product


def record(
    kind: Discrepancy.Kind,
    *,
    by: Actor,
    at: datetime,
    product: Product | None = None,
    order: Order | None = None,
    sku: str = "",
    **facts: Any,
) -> Discrepancy:
    """Put something before a manager, once: the same open question is not asked twice.

    facts: JSON-able, enough to decide by. Two of them say what a click does (see `settling.py`): `booked`, the ids of
    movements that were booked on a guess, and `pending`, what was not booked, `{"product", "delta"}` each.
    Returns the discrepancy, new or the open one that says the same.
    """
    found, created = Discrepancy.objects.get_or_create(
        kind=kind,
        status=Discrepancy.Status.OPEN,
        product=product,
        order=order,
        device=by.device,
        sku=sku or (product.sku if product else ""),
        facts=facts,
        defaults={"user": by.user, "created_at": at},
    )
    if created:
        alerts.tell("discrepancy", at=at, discrepancy=found.pk, what=kind, sku=found.sku)
    return found


def answered(kind: Discrepancy.Kind, product: Product, *, by: Actor, at: datetime) -> None:
    """What was asked about this product has been settled by what somebody did."""
    Discrepancy.objects.open().filter(kind=kind, product=product).update(
        status=Discrepancy.Status.APPLIED, resolved_at=at, resolved_by=by.user
    )
