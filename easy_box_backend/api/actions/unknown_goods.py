"""Goods that were received under an unknown SKU and turn out to belong to another product.

`typed` is the product that was made for the unknown SKU.
"""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import products, stock
from api.actor import Actor
from api.errors import Invalid
from api.models import Discrepancy, Product, StockMovement

Kind = StockMovement.Kind

MOST_SUGGESTED, MOST_COMPARED, LEAST_LIKENESS = 5, 300, 0.7


class NoSuchSku(Invalid):
    code = "no_such_sku"

    def __init__(self, sku: str) -> None:
        detail = _("No product in use has the SKU or barcode %(sku)s.") % {"sku": sku}
        super().__init__(detail, facts={"sku": sku}, field="sku")


def target_of(sku: str, typed: Product, locked: Mapping[int, Product]) -> Product:
    """The locked product with this SKU or barcode that goods of `typed` can go to. Raises NoSuchSku."""
    found = Product.objects.by_code(sku)
    if found is None or found.pk == typed.pk or found.pk not in locked:
        raise NoSuchSku(sku.strip())
    return locked[found.pk]


def move(typed: Product, target: Product, asked: Discrepancy, *, by: Actor) -> None:
    """Move what is on hand of `typed` to `target`, both locked, and archive `typed`.

    Each valid receipt is reversed and booked to the target instead, as of now, so that no count of either product
    includes it. The rest of what is on hand is adjusted from one to the other. Open discrepancies of `typed` become the
    target's.
    """
    reason, number = str(asked.get_kind_display()), revision.take()
    receipts = list(typed.movements.filter(kind=Kind.RECEIPT, reversed_by__isnull=True).order_by("id"))
    rest = typed.quantity - sum(receipt.quantity_delta for receipt in receipts)
    if rest:  # before the reversals, so that on hand never falls below 0
        stock.move(typed, -rest, Kind.ADJUSTMENT, number=number, by=by, reason=reason)
    moved: dict[int, int] = {}
    for receipt in receipts:
        stock.move(
            typed, -receipt.quantity_delta, Kind.REVERSAL, number=number, by=by, reason=reason,
            reverses=receipt,
        )  # fmt: skip
        instead = stock.move(target, receipt.quantity_delta, Kind.RECEIPT, number=number, by=by, reason=reason)
        moved[receipt.pk] = instead.pk
    if rest:
        stock.move(target, rest, Kind.ADJUSTMENT, number=number, by=by, reason=reason)
    _move_discrepancies(typed, target, moved, asked)
    asked.facts = {**asked.facts, "moved_to": target.pk, "moved": {str(old): new for old, new in moved.items()}}
    products.archive(typed.pk, by=by)


def _move_discrepancies(typed: Product, target: Product, moved: Mapping[int, int], asked: Discrepancy) -> None:
    for other in Discrepancy.objects.open().filter(product=typed).exclude(pk=asked.pk):
        facts = dict(other.facts)
        if "booked" in facts:
            facts["booked"] = [moved.get(key, key) for key in facts["booked"]]
        if "pending" in facts:
            facts["pending"] = [
                {**entry, "product": target.pk if entry["product"] == typed.pk else entry["product"]}
                for entry in facts["pending"]
            ]
        other.product, other.facts = target, facts
        other.save(update_fields=["product", "facts"])


# --- Which product it can be ------------------------------------------------------------------------------------------
def suggestions(typed: Product, text: str = "") -> list[Product]:
    """Products that goods under a mistyped SKU can be, the likeliest first: those that contain `text`, or without it
    those with a similar SKU."""
    others = Product.objects.live().exclude(id=typed.pk)
    if text:
        return list(others.matching(text).order_by("sku")[:MOST_SUGGESTED])
    half = max(len(typed.sku) // 2, 2)
    # A single mistake (a wrong letter, two swapped, one too many) mostly leaves one half of the SKU as it is.
    alike = Q(sku__istartswith=typed.sku[:half]) | Q(sku__iendswith=typed.sku[-half:])
    compare = SequenceMatcher(None, "", _folded(typed.sku))
    found = list[tuple[float, Product]]()
    for product in others.filter(alike).order_by("unverified", "id")[:MOST_COMPARED]:
        compare.set_seq1(_folded(product.sku))
        found.append((compare.ratio(), product))
    found.sort(key=lambda pair: -pair[0])
    return [product for likeness, product in found if likeness >= LEAST_LIKENESS][:MOST_SUGGESTED]


def _folded(sku: str) -> str:
    """A SKU without what people overlook: case, and whatever is neither letter nor digit."""
    return "".join(sign for sign in sku.casefold() if sign.isalnum())


# --- What a phone sends later under the typed SKU ---------------------------------------------------------------------
def known_as(sku: str) -> Product | None:
    """The live product that a manager has chosen for this SKU, None if there is none."""
    return _target(Discrepancy.objects.filter(sku=sku))


def heir_of(typed_id: int) -> Product | None:
    """The live product that the goods of this one were moved to, None if there is none."""
    return _target(Discrepancy.objects.filter(product=typed_id))


def _target(settled: "QuerySet[Discrepancy]") -> Product | None:
    moved = settled.filter(kind=Discrepancy.Kind.UNKNOWN_SKU, facts__has_key="moved_to").order_by("-id").first()
    return Product.objects.live().filter(id=moved.facts["moved_to"]).first() if moved else None


def receipts_after_moves(movements: Sequence[int]) -> list[int]:
    """The ids of these receipts. If the goods of one were moved to another product, the id of the receipt there instead
    of it."""
    typed = StockMovement.objects.filter(id__in=movements).values("product")
    settled = Discrepancy.objects.filter(
        kind=Discrepancy.Kind.UNKNOWN_SKU, facts__has_key="moved", product__in=typed
    )  # fmt: skip
    moved = {int(old): new for row in settled for old, new in row.facts["moved"].items()} if movements else {}
    return [moved.get(movement, movement) for movement in movements]
