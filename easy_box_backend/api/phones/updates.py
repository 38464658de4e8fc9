"""The app's updates. Each sends a whole product as the phone shows it, and is compared with what the phone had seen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from api.actions import discrepancies, products, stock
from api.actions.products import SkuTaken
from api.actor import Actor
from api.images import Photo
from api.models import Discrepancy, Product, ProductVersion
from api.phones import booking, history, numbers
from api.phones.memory import remembered
from api.phones.products import id_of
from api.reconcile import fields, scanning, updates
from api.reconcile.memory import Arrival, Memory, Shown, fingerprint_of

Kind = Discrepancy.Kind


@dataclass(frozen=True, slots=True)
class Update(updates.Sent):
    """An update with the fields that need no comparison. photo, min_quantity: None if they were not sent."""

    photo: Photo | None
    min_quantity: int | None


def put(
    key: str, *, sku: str, name: str, location: str = "", quantity: int | None = None, image_url: Any = None,
    photo: Photo | None = None, min_quantity: int | None = None, lost: Mapping[str, str] | None = None, by: Actor,

) -> Product | None:  # fmt: skip
    """Apply a whole product that the phone sends as it shows it. Returns the product; None if it is unknown.

    key: the product's id, or the UUID under which the phone created it. image_url: matters only if it names a photo
    of the phone itself. lost: what the phone sent and cannot be kept (`discrepancies.kept_in_part`). A blank name or
    SKU changes nothing. Raises SkuTaken, but only the first time.
    """
    taken: SkuTaken | None = None
    description = {"name": name, "sku": sku, "location": location}
    sent = Update(not key.isdecimal(), description, quantity, "", photo, min_quantity)
    with remembered(by) as memory:
        arrival = scanning.arrive(memory, "put", by.at, by.connection)
        product_id = id_of(key, memory, sent.fields, by)
        booking.note_other_change(memory, arrival, by=by, also=product_id)
        product = stock.lock([product_id or 0]).get(product_id or 0)
        if product is None:
            facts: dict[str, Any] = {"id": key[:100], "name": name, "quantity": quantity}
            facts |= {f"sent_{field}": text for field, text in (lost or {}).items()}
            discrepancies.record(Kind.UNKNOWN_PRODUCT, by=by, sku=sku, **facts)
        else:
            described = {"name": name or product.name, "sku": sku or product.sku, "location": location}
            file = _own_photo(image_url, memory.photos.get(product.pk))
            taken = _put(product, memory, arrival, replace(sent, fields=described, file=file), by)
            if taken is None:
                discrepancies.kept_in_part(lost or {}, by=by, product=product)
    if taken is not None:
        raise taken
    return product


def _own_photo(image_url: Any, uploaded: str | None) -> str:
    """See `updates.Sent.file`. uploaded: the digest of the photo of the product that the phone uploaded last."""
    if not isinstance(image_url, str):
        return ""
    if not image_url.startswith("http"):
        return image_url
    return uploaded if uploaded and uploaded in image_url else ""


def _put(product: Product, memory: Memory, arrival: Arrival, sent: Update, by: Actor) -> SkuTaken | None:
    """Apply an update to a locked product. Returns why it is refused, None if it is not."""
    latest = memory.shown.get(product.pk) or memory.shown_before.get(product.pk)
    late = updates.is_of_pass_before_pull(memory, arrival, product.pk, sent.quantity)
    kept = memory.shown_before if late else memory.shown
    shown = kept.get(product.pk)
    edits = fields.edits(sent.fields, history.descriptions(memory, product, shown, local=sent.local))
    changed = any(text != getattr(product, field) for field, text in edits.items())
    edited = updates.is_edited(sent, latest, changed=changed)
    duplicate = shown is not None and _is_duplicate(product, sent, memory, shown, by)
    if duplicate:
        edits = {}
    if taken := _sku_taken(product, edits):
        if memory.refuse_once(fingerprint_of("put", product.pk, edits["sku"]), unless_others=arrival.quick):
            return SkuTaken(edits["sku"], taken.pk)
        discrepancies.record(
            Kind.SKU_TAKEN, by=by, product=product, sent=edits["sku"], kept=product.sku, taken_by=taken.pk
        )
        del edits["sku"]
    _apply(product, memory, arrival, edits, sent, by, edited=edited, late=late)
    revision = shown.revision if shown and duplicate else product.revision
    kept[product.pk] = updates.now_shown(memory, shown, sent, revision)
    return None


def _sku_taken(product: Product, edits: Mapping[str, str]) -> Product | None:
    """Another live product that has the new SKU of this one, as its SKU or as a barcode; None if there is none.

    An archived product cannot take it either: goods of an archived product go to the live one with its SKU.
    """
    if not edits.get("sku"):
        return None
    return products.holder_of(edits["sku"], but=product.pk)


def _is_duplicate(product: Product, sent: Update, memory: Memory, shown: Shown, by: Actor) -> bool:
    """Whether this device has sent the same PUT since its last pull, and applying it again would undo later changes.

    That is so if somebody else has changed the description since the device's last PUT, or if a second pass sends the
    same updates.
    """
    if sent.fingerprint not in shown.fingerprints:
        return False
    later = ProductVersion.objects.filter(product=product, revision__gt=shown.revision)
    return updates.is_of_second_pass(memory, shown) or later.exclude(device=by.device).exists()


def _apply(
    product: Product, memory: Memory, arrival: Arrival, edits: Mapping[str, str], sent: Update, by: Actor,
    *, edited: bool, late: bool,
) -> None:  # fmt: skip
    """Store the edited fields, and book the change that the number stands for."""
    changes = dict(edits) if sent.min_quantity is None else {**edits, "min_quantity": sent.min_quantity}
    delta = 0
    if sent.quantity is not None:
        local = sent.local
        delta = numbers.note(product, sent.quantity, memory, arrival, edited=edited, late=late, local=local, by=by)
    movement = products.apply(product, changes, delta=delta, photo=sent.photo, by=by)
    numbers.note_booked(product, movement, memory)
    if movement and product.is_archived:
        discrepancies.record(Kind.ARCHIVED_STOCK, by=by, product=product, quantity=delta, booked=[movement.pk])
