"""The app's creations, photos and deletions, each compared with what its device had seen."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from api.actions import discrepancies, products, stock
from api.actions.products import SkuTaken
from api.actor import Actor
from api.images import Photo
from api.models import MAX_QUANTITY, Discrepancy, Product, ProductVersion
from api.phones import booking
from api.phones.memory import device_of, remembered
from api.reconcile import creating, scanning
from api.reconcile.creating import Origin
from api.reconcile.memory import Created, Memory, fingerprint_of
from api.texts import NO_SKU

Kind = Discrepancy.Kind


# --- Creation -----------------------------------------------------------------------------------------------------
def create(
    *, sku: str, name: str, location: str = "", quantity: int = 0, photo: Photo | None = None,
    lost: Mapping[str, str] | None = None, by: Actor, **more: Any,
) -> Product:  # fmt: skip
    """Create a product that was entered on the phone, perhaps long ago, and may have been sent before.

    lost: what the phone sent and cannot be kept (`discrepancies.kept_in_part`). Returns the new product, or the
    existing one with that SKU. Raises SkuTaken if the phone could know that the SKU is taken; but only the first time,
    since the app repeats the request for ever.
    """
    sku = sku or NO_SKU
    name = name or sku
    implausible = not 0 <= quantity <= MAX_QUANTITY
    more["quantity"] = 0 if implausible else quantity
    with remembered(by) as memory:
        live = Product.objects.live().filter(sku=sku).first()
        arrival = scanning.arrive(memory, "create", by.at, by.connection)
        booking.note_other_change(memory, arrival, by=by, also=live.pk if live else None)
        product, taken = _create(memory, sku, name, location, photo, more, by)
        if product is not None:
            memory.created.append(Created(product.pk, product.revision, memory.number))
            memory.note_made(product.pk, {"name": name, "sku": sku, "location": location})
            discrepancies.kept_in_part(lost or {}, by=by, product=product)
            if implausible:
                booking.ask_about_quantity(product, quantity, by=by)
    if product is None:
        raise SkuTaken(sku, taken)
    return product


def _create(
    memory: Memory, sku: str, name: str, location: str, photo: Photo | None, more: Mapping[str, Any], by: Actor,

) -> tuple[Product | None, int | None]:  # fmt: skip
    """The product and None. If the creation is refused: None and the id of the product with this SKU or barcode."""
    live = products.holder_of(sku)
    if live is None:
        if archived := _own_archived(memory, sku, name, by):
            return archived, None
        try:
            return products.create(sku=sku, name=name, location=location, photo=photo, by=by, **more), None
        except SkuTaken as taken:
            live = Product.objects.get(id=taken.facts["product"])
    product = stock.lock([live.pk])[live.pk]
    if product.unverified:
        changes = {"name": name, "location": location or product.location, "unverified": False}
        products.apply(product, changes, photo=photo, by=by)
        return product, None
    first = ProductVersion.objects.filter(product=product).order_by("revision").first()
    origin = Origin(first.revision, first.name, own=first.device_id == device_of(by).pk) if first else None
    if creating.could_know(memory, origin, name) and memory.refuse_once(fingerprint_of("create", sku, name)):
        return None, product.pk
    if product.name != name and not creating.is_duplicate(origin, name):
        discrepancies.record(Kind.NAME_DIFFERS, by=by, product=product, sent=name, kept=product.name)
    missing = {"location": location} if location and not product.location else {}
    products.apply(product, missing, photo=None if product.image else photo, by=by)
    return product, None


def _own_archived(memory: Memory, sku: str, name: str, by: Actor) -> Product | None:
    """The archived product that this device created under this SKU and name since its last pull, None if there is none.

    If there is one, the first answer was lost, and the phone sends the creation again.
    """
    made = ProductVersion.objects.filter(device=by.device, sku=sku, name=name, revision__gt=memory.last_pull)
    for version in made.order_by("-revision"):
        first = ProductVersion.objects.filter(product=version.product_id).order_by("revision").first()
        if first == version:
            return Product.objects.get(id=version.product_id)
    return None


# --- Photo --------------------------------------------------------------------------------------------------------
def set_photo(key: str, photo: Photo, *, by: Actor) -> Product:
    """Store a photo that the phone uploads, before the PUT that saves the page. Raises NoSuchProduct."""
    with remembered(by) as memory:
        scanning.arrive(memory, "photo", by.at, by.connection)
        product_id = id_of(key, memory, None, by) or 0
        product = stock.lock([product_id]).get(product_id)
        if product is None:
            raise products.NoSuchProduct(key[:100])
        products.apply(product, {}, photo=photo, by=by)
        memory.photos[product.pk] = photo.digest[:16]
        return product


# --- Deletion -----------------------------------------------------------------------------------------------------
def delete(key: str, *, by: Actor) -> None:
    """Archive a product that was deleted on the phone. Idempotent. If a picker deleted it, it is not archived: a
    manager is asked."""
    with remembered(by) as memory:
        arrival = scanning.arrive(memory, "delete", by.at, by.connection)
        product_id = id_of(key, memory, None, by)
        booking.note_other_change(memory, arrival, by=by, also=product_id)
        product = stock.lock([product_id or 0]).get(product_id or 0)
        if product is None:
            if not key.isdecimal():
                discrepancies.record(Kind.UNKNOWN_PRODUCT, by=by, id=key[:100])
        elif product.pk not in memory.deleted:
            memory.deleted.append(product.pk)
            if by.keeps_stock:
                products.archive(product.pk, by=by)
            elif not product.is_archived:
                discrepancies.record(Kind.DELETION_ASKED, by=by, product=product)


# --- Which product --------------------------------------------------------------------------------------------------
def id_of(key: str, memory: Memory, sent: Mapping[str, str] | None, by: Actor) -> int | None:
    """The id of the product with this key: an id, or a UUID of the phone. None if there is no such product.

    sent: the description that came with the key, if any. By it a UUID is matched with the product that this device
    created, and the match is remembered.
    """
    product_id = int(key) if key.isascii() and key.isdecimal() and len(key) <= 18 else memory.aliases.get(key)
    if product_id is None and sent is not None:
        own = ProductVersion.objects.filter(device=by.device).filter(
            Q(sku=sent["sku"]) | Q(name=sent["name"], location=sent["location"])
        )
        ranked = sorted(own, key=lambda version: (version.sku != sent["sku"], -version.revision))
        product_id = next((version.product_id for version in ranked), None)
        if product_id is None and (holder := products.holder_of(sent["sku"])):
            product_id = holder.pk
        if product_id is not None:
            memory.aliases[key] = product_id
    return product_id
