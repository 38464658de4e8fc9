"""Recording what the server cannot decide by itself. Settling it is in `settling.py`."""

from collections.abc import Mapping
from typing import Any

from api import texts
from api.actor import Actor
from api.alerts import outbox
from api.models import Discrepancy, Order, Product

MAX_TEXT = 8_000
"""Characters kept of a text among the facts: more than the largest QR code holds."""


def _storable(value: Any) -> Any:
    """JSON-able facts as the database takes them."""
    if isinstance(value, str):
        return texts.storable(value[:MAX_TEXT])
    if isinstance(value, dict):
        return {_storable(key): _storable(part) for key, part in value.items()}
    return [_storable(part) for part in value] if isinstance(value, list) else value


def kept_in_part(
    lost: Mapping[str, str], *, by: Actor, product: Product | None = None, order: Order | None = None
) -> None:
    """Put before a manager what a phone sent that could not be kept as it is. lost: by field, what was sent, or for a
    photo why it is none. Nothing is asked where it is empty."""
    if lost:
        sent = {f"sent_{field}": text for field, text in lost.items()}
        record(Discrepancy.Kind.KEPT_IN_PART, by=by, product=product, order=order, **sent)


def record(
    kind: Discrepancy.Kind,
    *,
    by: Actor,
    product: Product | None = None,
    order: Order | None = None,
    sku: str = "",
    **facts: Any,
) -> Discrepancy:
    """Put something before a manager, once: the same open question is not asked twice.

    facts: JSON-able, enough to decide by. Two of them say what a click does (see `settling.py`): `booked`, the ids of
    movements that were booked on a guess, and `pending`, what was not booked, `{"product", "delta"}` each, with `at`
    (ISO 8601) where it happened at another time than now.
    Texts are kept up to MAX_TEXT characters. Returns the discrepancy, new or the open one that says the same.
    """
    facts = _storable(facts)
    found, created = Discrepancy.objects.get_or_create(
        kind=kind,
        status=Discrepancy.Status.OPEN,
        product=product,
        order=order,
        device=by.device,
        sku=sku or (product.sku if product else ""),
        facts=facts,
        defaults={"user": by.user, "created_at": by.at},
    )
    if created:
        outbox.tell("discrepancy", at=by.at, discrepancy=found.pk, what=kind, sku=found.sku)
    return found


def answered(kind: Discrepancy.Kind, product: Product, *, by: Actor) -> None:
    """What was asked about this product has been settled by what somebody did."""
    Discrepancy.objects.open().filter(kind=kind, product=product).update(
        status=Discrepancy.Status.APPLIED, resolved_at=by.at, resolved_by=by.user
    )
