"""Recording cases that a manager decides. `settling.py` settles them."""

from collections.abc import Mapping
from typing import Any

from api import texts
from api.actor import Actor
from api.alerts import outbox
from api.models import Discrepancy, Order, Product

MAX_TEXT = 8_000
"""The most characters kept of a text in the facts: more than the largest QR code holds."""


def _storable(value: Any) -> Any:
    """A value of the facts, JSON-able, with its texts cut to MAX_TEXT and made storable."""
    if isinstance(value, str):
        return texts.storable(value[:MAX_TEXT])
    if isinstance(value, dict):
        return {_storable(key): _storable(part) for key, part in value.items()}
    return [_storable(part) for part in value] if isinstance(value, list) else value


def kept_in_part(
    lost: Mapping[str, str], *, by: Actor, product: Product | None = None, order: Order | None = None
) -> None:
    """Record what a phone sent that could not be stored unchanged; nothing if `lost` is empty.

    lost: by field, the text that was sent, or for a photo the reason why it was not stored.
    """
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
    """Record a discrepancy for a manager, unless the same one is open already.

    facts: JSON-able, all that a manager needs to decide. Two of them are what the answers act on (`deeds.py`):
    `booked`, the ids of movements that were booked on a guess, and `pending`, what was not booked, as
    `{"product", "delta"}` each, with `at` (ISO 8601) if it did not happen now. Texts are cut to MAX_TEXT characters.
    Returns the new discrepancy, or the open one that is the same.
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


def facts_of(discrepancy_id: int) -> dict[str, Any]:
    """The facts of a discrepancy."""
    return Discrepancy.objects.values_list("facts", flat=True).get(id=discrepancy_id)


def change(discrepancy_id: int, **facts: Any) -> None:
    """Replace the facts of an open discrepancy."""
    Discrepancy.objects.open().filter(id=discrepancy_id).update(facts=_storable(facts))


def withdraw(discrepancy_id: int, *, note: str, by: Actor) -> None:
    """Dismiss an open discrepancy that nobody needs to answer any more, and drop its alert if that is not sent yet."""
    found = Discrepancy.objects.open().filter(id=discrepancy_id)
    if found.update(status=Discrepancy.Status.DISMISSED, note=note, resolved_at=by.at, resolved_by=None):
        outbox.withdraw("discrepancy", discrepancy=discrepancy_id)


def answered(kind: Discrepancy.Kind, product: Product, *, by: Actor) -> None:
    """Close the open discrepancies of this kind about a product as applied: an action of `by` has settled them."""
    Discrepancy.objects.open().filter(kind=kind, product=product).update(
        status=Discrepancy.Status.APPLIED, resolved_at=by.at, resolved_by=by.user
    )
