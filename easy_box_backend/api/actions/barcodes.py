"""Barcodes of products: further codes by which `?sku=` and the desk find them."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import products, stock
from api.actor import Actor
from api.errors import Invalid, NoSuch
from api.models import MAX_QUANTITY, Barcode, Product
from api.texts import MAX_SKU, barcode_of, gtins, tidy

MOST = 100
"""How many barcodes a product can have."""


class NoSuchBarcode(NoSuch):
    code, sentence = "no_such_barcode", _("The product does not have this barcode.")


class BadBarcode(Invalid):
    """The text cannot be a barcode: it has nothing visible, or is too long."""

    code = "bad_barcode"


class TooManyBarcodes(Invalid):
    code = "too_many_barcodes"


class BarcodeTaken(Invalid):
    """The code is the SKU or a barcode of another live product already."""

    code = "barcode_taken"

    def __init__(self, code: str, holder: Product | None) -> None:
        facts = {"code": code, "product": holder.pk if holder else None}
        detail = _("The product %(product)s has this code already.") % {"product": holder or code}
        super().__init__(detail, facts=facts, field="code")


@transaction.atomic
def add(product_id: int, code: str, *, pieces: int = 1, by: Actor) -> Barcode:
    """Give a live product another barcode. If it has it already, only the pieces are set.

    pieces: how many the label stands for. A barcode of an archived product is taken from it. Takes a revision, since
    phones get another answer to `?sku=`. A wrong check digit is no error (`texts.check_digit_ok`): some labels have
    one. Raises BadBarcode, BarcodeTaken, ImplausibleQuantity, NoSuchProduct, TooManyBarcodes.
    """
    code = _checked(code)
    if not 1 <= pieces <= MAX_QUANTITY:
        raise stock.ImplausibleQuantity(pieces, field="pieces")
    product = _locked(product_id)
    row = product.barcodes.filter(code=code).first()
    if row and row.pieces == pieces:
        return row
    if row:
        row.pieces = pieces
    else:
        row = Barcode(product=product, code=code, pieces=pieces)
        if product.barcodes.count() >= MOST:
            raise TooManyBarcodes(_("A product has at most %(most)d barcodes.") % {"most": MOST}, field="code")
        Barcode.objects.filter(code=code, product__archived_at__isnull=False).delete()
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        taken = Barcode.objects.live().filter(code=code).first()
        raise BarcodeTaken(code, taken.product if taken else None) from error
    number = revision.take()  # from here on no other product can get this code as its SKU (`products.create`)
    holder = Product.objects.live().exclude(id=product_id).filter(sku__in=[code, *gtins(code)]).first()
    if holder is not None:
        raise BarcodeTaken(code, holder)
    products.describe(product, number=number, by=by)
    return row


@transaction.atomic
def remove(product_id: int, code: str, *, by: Actor) -> None:
    """Take a barcode away from a live product. Takes a revision. Raises NoSuchBarcode, NoSuchProduct."""
    product = _locked(product_id)
    removed, _by_table = product.barcodes.filter(code=barcode_of(code)).delete()
    if not removed:
        raise NoSuchBarcode(code)
    products.describe(product, number=revision.take(), by=by)


def _locked(product_id: int) -> Product:
    product = stock.lock_one(product_id)
    if product.is_archived:
        raise stock.NoSuchProduct(product_id)
    return product


def _checked(text: str) -> str:
    """The code as it is stored. Raises BadBarcode."""
    code = barcode_of(text)
    if not code or len(tidy(text)) > MAX_SKU:
        raise BadBarcode(_("A barcode has 1 to %(most)d characters.") % {"most": MAX_SKU}, field="code")
    return code
