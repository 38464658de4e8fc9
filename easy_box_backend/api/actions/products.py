"""Products: create, change, archive. For programs and the admin; the app's verbs are in `phones/products.py`."""

import logging
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import discrepancies, stock
from api.actions.stock import NoSuchProduct
from api.actor import Actor
from api.errors import Conflict, Forbidden, Invalid, Text
from api.images import Photo
from api.models import Barcode, Discrepancy, Product, ProductText, ProductVersion, StockMovement
from api.texts import barcode_of

log = logging.getLogger(__name__)

DESCRIPTIVE = ("sku", "name", "location", "min_quantity", "unverified")
"""The fields that `update` can change, besides quantity and photo."""


class SkuTaken(Invalid):
    """A live product has this SKU or barcode already. The app recognises this error by the key `sku`."""

    code = "sku_taken"

    def __init__(self, sku: str, product_id: int | None = None, detail: Text = "") -> None:
        facts = {"sku": sku, "product": product_id}
        super().__init__(detail or _("A product with this SKU already exists."), facts=facts, field="sku")


class SkuTakenMeanwhile(Conflict):
    """An archived product cannot be restored, since a live one has its SKU."""

    code = "sku_taken"


@transaction.atomic
def create(
    *,
    sku: str,
    name: str,
    location: str = "",
    quantity: int = 0,
    min_quantity: int = 0,
    photo: Photo | None = None,
    unverified: bool = False,
    by: Actor,
) -> Product:
    """Create a product with `quantity` pieces on hand. Raises SkuTaken."""
    product = Product(sku=sku, name=name, location=location, min_quantity=min_quantity, unverified=unverified)
    if photo is not None:
        keep_photo(product, photo)
    try:
        with transaction.atomic():
            product.save(force_insert=True)
    except IntegrityError as error:
        remove_files([product.image.name, product.thumbnail.name])
        raise SkuTaken(sku, id_of_live(sku)) from error
    number = revision.take()
    _require_no_barcode(product)
    describe(product, number=number, by=by)
    if quantity:
        stock.move(product, quantity, StockMovement.Kind.RECEIPT, number=number, by=by)
    return product


@transaction.atomic
def update(
    product_id: int,
    changes: Mapping[str, Any],
    *,
    by: Actor,
    quantity: int | None = None,
    photo: Photo | None = None,
    revisions_held: Collection[int] | None = None,
) -> Product:
    """Give a live product the values in `changes` (keys of DESCRIPTIVE) and the absolute `quantity`, if any.

    revisions_held: the revisions that the caller has seen (If-Match), None: any. Raises Forbidden for a picker who
    changes the quantity on hand, ImplausibleQuantity (`stock.check_level`), NoSuchProduct, SkuTaken, Stale.
    """
    product = stock.lock_one(product_id)
    if product.is_archived:
        raise NoSuchProduct(product_id)
    revision.require_held(product, revisions_held)
    if quantity not in (None, product.quantity) and not by.keeps_stock:
        raise Forbidden(
            _("Only a storekeeper or a manager can set the quantity on hand."), facts={"on_hand": product.quantity}
        )
    if quantity is not None:
        stock.check_level(product, quantity, field="quantity")
    delta = 0 if quantity is None else quantity - product.quantity
    apply(product, changes, delta=delta, photo=photo, by=by)
    return product


def apply(
    product: Product,
    changes: Mapping[str, Any],
    *,
    by: Actor,
    delta: int = 0,
    kind: StockMovement.Kind = StockMovement.Kind.ADJUSTMENT,
    photo: Photo | None = None,
    reason: str = "",
    revive: bool = False,
) -> StockMovement | None:
    """Change a locked product: descriptive fields, photo, and `delta` pieces on hand (a movement of `kind`).

    revive: restore an archived product. Takes one revision if anything changes, none otherwise.
    Returns the stock movement, None if there is none. Raises OnHandOutOfBounds, SkuTaken.
    """
    if product.unverified and changes.get("name", product.name) != product.name:
        changes = {"unverified": False, **changes}  # a person has identified it
    changed = [field for field in DESCRIPTIVE if field in changes and changes[field] != getattr(product, field)]
    for field in changed:
        setattr(product, field, changes[field])
    if photo is not None and keep_photo(product, photo):
        changed += ["image", "thumbnail"]
    if revive and product.is_archived:
        product.archived_at = None
        changed.append("archived_at")
    if changed:
        try:
            with transaction.atomic():
                product.save(update_fields=[*changed, "updated_at"])
        except IntegrityError as error:
            if "image" in changed:
                remove_files([product.image.name, product.thumbnail.name])
            raise SkuTaken(product.sku, id_of_live(product.sku)) from error
    if not changed and not delta:
        return None
    number = revision.take()
    if "sku" in changed or "archived_at" in changed:
        _require_no_barcode(product)
    if changed:
        describe(product, number=number, by=by)
    if "unverified" in changed and not product.unverified:
        discrepancies.answered(Discrepancy.Kind.UNKNOWN_SKU, product, by=by)
    if not delta:
        return None
    return stock.move(product, delta, kind, number=number, by=by, reason=reason)


@transaction.atomic
def archive(product_id: int, *, by: Actor, revisions_held: Collection[int] | None = None) -> Product:
    """Archive a product. It stays in orders and history, and its SKU is free again.

    Idempotent. Raises NoSuchProduct for an unknown id, Stale as `update` does.
    """
    product = stock.lock_one(product_id)
    if not product.is_archived:
        revision.require_held(product, revisions_held)
        product.archived_at = by.at
        product.save(update_fields=["archived_at", "updated_at"])
        describe(product, number=revision.take(), by=by)
    return product


@transaction.atomic
def unarchive(product_id: int, *, by: Actor) -> Product:
    """Restore an archived product with all that it had. A live one stays unchanged.

    Raises NoSuchProduct, and SkuTakenMeanwhile if another live product has its SKU now.
    """
    product = stock.lock_one(product_id)
    try:
        apply(product, {}, revive=True, by=by)
    except SkuTaken as taken:
        raise SkuTakenMeanwhile(taken.detail, facts=taken.facts, fields=taken.fields) from taken
    return product


def id_of_live(sku: str) -> int | None:
    """The id of the live product with this SKU, None if there is none."""
    return Product.objects.live().filter(sku=sku).values_list("id", flat=True).first()


def holder_of(sku: str, *, but: int = 0) -> Product | None:
    """The live product that has this SKU, as its SKU or as a barcode, so that no other product can have it. None if the
    SKU is free. but: the id of a product that may have it."""
    held = Product.objects.live().filter(sku=sku).exclude(id=but).first()
    return held or _holder_of_barcode(sku, but)


def _holder_of_barcode(sku: str, but: int) -> Product | None:
    row = Barcode.objects.live().filter(code=barcode_of(sku)).exclude(product=but).first()
    return row.product if row else None


def _require_no_barcode(product: Product) -> None:
    """Raise SkuTaken if the SKU of a live product is a barcode of another one.

    Call it with the revision taken: adding a barcode takes one too, so that of two at the same time the second is
    refused.
    """
    if not product.is_archived and (holder := _holder_of_barcode(product.sku, product.pk)):
        detail = _("This SKU is a barcode of the product %(product)s.") % {"product": holder}
        raise SkuTaken(product.sku, holder.pk, detail)


def describe(product: Product, *, number: int, by: Actor) -> None:
    """Give a new or locked product the transaction's revision and save its fields as the version of this revision."""
    codes = dict(product.barcodes.values_list("code", "pieces")) if product.revision else {}
    product.revision = number
    product.save(update_fields=["revision"])
    keep_texts([ProductText.of(product, codes)])
    version_of(product, codes, by=by).save(force_insert=True)


def keep_texts(texts: list[ProductText]) -> None:
    """Save the texts by which these products are searched and sorted, in place of earlier ones."""
    ProductText.objects.bulk_create(
        texts, update_conflicts=True, unique_fields=["product"], update_fields=["name", "words"], batch_size=500
    )


def version_of(product: Product, barcodes: dict[str, int], *, by: Actor) -> ProductVersion:
    """The version of the product's revision, not saved."""
    return ProductVersion(
        product=product,
        revision=product.revision,
        sku=product.sku,
        name=product.name,
        location=product.location,
        image=product.image.name or "",
        min_quantity=product.min_quantity,
        barcodes=barcodes,
        archived=product.is_archived,
        user=by.user,
        device=by.device,
        changed_at=by.at,
    )


def keep_photo(product: Product, photo: Photo) -> bool:
    """Store a photo's two files and put their names on the (unsaved) product. Returns whether it is another photo.

    The names contain the content's digest, so that a changed picture has a new URL (phones cache by URL), and a random
    part, so that no two products share a file.
    """
    if product.image.name and photo.digest[:32] in product.image.name:
        return False
    old = [product.image.name, product.thumbnail.name]
    stem = f"products/{photo.digest[:32]}-{secrets.token_hex(4)}"
    product.image = default_storage.save(f"{stem}.jpg", ContentFile(photo.image))
    product.thumbnail = default_storage.save(f"{stem}-200.jpg", ContentFile(photo.thumbnail))
    transaction.on_commit(lambda: remove_files(old))
    return True


def remove_files(names: list[str | None]) -> None:
    """Remove stored files that no row refers to. A failure is only logged: the file is an orphan, and pruned later."""
    for name in filter(None, names):
        try:
            default_storage.delete(name)
        except Exception:  # whatever the storage raises
            log.exception("A replaced photo could not be removed: %s", name)
