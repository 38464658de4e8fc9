"""Numbers and discrepancies as people read them."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from api.actions import settling
from api.models import Discrepancy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Kind = Discrepancy.Kind

# What happened, and what the server did at once (docs/reconciliation.md, "The kinds of discrepancy").
_WHAT_HAPPENED: "dict[str, _StrPromise]" = {
    Kind.NAME_DIFFERS: _("One SKU was created under two names. The existing name was kept."),
    Kind.SKU_TAKEN: _("A change wants a SKU that another product has. The rest was applied."),
    Kind.UNKNOWN_SKU: _("Goods arrived under an unknown SKU. An unverified product was made."),
    Kind.ARCHIVED_STOCK: _("Goods of an archived product arrived. They were booked, it is live again."),
    Kind.QUANTITY_GUESS: _("The phone reported a quantity that does not follow from what it had seen."),
    Kind.UNKNOWN_PRODUCT: _("A change or deletion of a product that nobody knows. Nothing was done."),
    Kind.POSSIBLE_DUPLICATE: _("These goods may have been sent twice."),
    Kind.OVER_PICKED: _("More was picked than the order asks for. What was picked was booked."),
    Kind.SHORT_PICKED: _("The order was finished with less than it asks for."),
    Kind.PICKED_TWICE: _("Two people picked the same goods for one order. They were taken out once."),
    Kind.PICKED_AFTER_CANCEL: _("Goods were picked for a cancelled order. Nothing was taken out."),
    Kind.DELETION_ASKED: _("A picker deleted this product on a phone. It stays until a manager archives it."),
    Kind.UNKNOWN_ORDER: _("A change of an order that nobody knows. Nothing was done."),
    Kind.NEGATIVE_STOCK: _("By the books fewer than none are on hand. Count the shelf."),
    Kind.IMPLAUSIBLE_QUANTITY: _("This looks like a barcode in the quantity field. Nothing was booked."),
}

WAYS: "dict[str, tuple[_StrPromise, str]]" = {
    "apply": (_("Apply"), "success"),
    "reverse": (_("Reverse"), "outline-danger"),
    "dismiss": (_("Dismiss"), "outline-secondary"),
}
"""What the buttons of `settling.ways` say, and how they look."""

SETTLED: "dict[str, _StrPromise]" = {
    "apply": _("Applied."),
    "reverse": _("Reversed."),
    "dismiss": _("Dismissed."),
}


def what_happened(discrepancy: Discrepancy) -> str:
    """A sentence or two on this kind of discrepancy."""
    said = str(_WHAT_HAPPENED.get(discrepancy.kind, discrepancy.get_kind_display()))
    if discrepancy.kind == Kind.POSSIBLE_DUPLICATE:
        said += " " + str(_("They were booked.") if discrepancy.facts.get("booked") else _("They were not booked."))
    return said


def facts(discrepancy: Discrepancy) -> str:
    """The facts of this one: `on hand: −2; change: −5`."""
    return "; ".join(f"{label}: {_plain(value)}" for label, value in settling.in_words(discrepancy))


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "✓", False: "✗", None: "–"}[value]
    if isinstance(value, int):
        return number(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value)


def number(value: int) -> str:
    """With a real minus sign."""
    return str(value).replace("-", "−")


def signed(value: int) -> str:
    """A change: +5 or −2."""
    return f"{value:+d}".replace("-", "−")
