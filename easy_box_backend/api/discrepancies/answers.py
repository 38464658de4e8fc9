"""The answers to a discrepancy: what each one does, the label of its button, and what it will change."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from api.discrepancies.case import Case
from api.discrepancies.known import Change
from api.discrepancies.words import from_to, number, quoted
from api.errors import Text
from api.models import MAX_QUANTITY, Product

_NAMED_CHANGES = 3
"""How many products the label of a button names. If there are more, it says how many more."""


class Deed(StrEnum):
    """What an answer does. `actions/deeds.py` has the function for each."""

    BOOK = "book"  # book what was not booked
    LEAVE = "leave"  # keep what was booked
    TAKE_BACK = "take_back"  # reverse what was booked
    RENAME = "rename"
    RELABEL = "relabel"
    VERIFY = "verify"  # the product is no longer unverified
    MOVE = "move"  # move the goods to another product
    CREATE = "create"
    ARCHIVE = "archive"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Ask:
    """Something that the manager enters for an answer. value: the initial value. most: the largest allowed number."""

    name: str
    label: Text
    value: str | int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a discrepancy. action: "apply", "reverse", "move" or "dismiss". text: the label of the button.

    deed: what it does. changes: what it will change, with the values before and after. asks: what the manager enters.
    taken_back: ids of the movements that it will reverse.
    """

    action: str
    deed: Deed
    text: str
    changes: tuple[Change, ...] = ()
    asks: tuple[Ask, ...] = ()
    taken_back: tuple[int, ...] = ()

    @property
    def token(self) -> str:
        """A digest of what the answer will do. It changes with the numbers, and is the same in all languages."""
        does = [[change.what, change.product.pk, change.before, change.after] for change in self.changes]
        return hashlib.sha256(json.dumps([self.deed, does]).encode()).hexdigest()[:16]


# --- What each deed offers ------------------------------------------------------------------------------------------
Offer = tuple[str, tuple[Change, ...], tuple[Ask, ...], tuple[int, ...]]
"""The `text`, `changes`, `asks` and `taken_back` of an answer."""


def _offer(
    text: str, changes: Sequence[Change] = (), asks: Sequence[Ask] = (), taken_back: Sequence[int] = ()
) -> Offer:  # fmt: skip
    return text, tuple(changes), tuple(asks), tuple(taken_back)


def _book(case: Case) -> Offer:
    held = case.held
    if case.asks_quantity:
        ((product, delta),) = held.items()
        before = case.known.on_hand[product.pk]
        values = {"before": number(before)}
        text = (
            gettext("Book the number entered (on hand now: %(before)s)")
            if delta > 0
            else gettext("Take out the number entered (on hand now: %(before)s)")
        )
        ask = Ask("quantity", _("How many pieces were there really?"), most=MAX_QUANTITY)
        return _offer(text % values, [Change("on_hand", before, None, product)], [ask])
    changes: list[Change] = []
    moved = case.held_since_count
    for product, delta in held.items():
        before = case.known.on_hand[product.pk]
        changes.append(Change("on_hand", before, before + moved[product], product))
        if case.order and case.line(product):
            picked = case.known.picked[case.order.pk, product.pk]
            changes.append(Change("picked", picked, picked - delta, product))
    if len(held) > 1:
        on_hand = [change for change in changes if change.what == "on_hand"]
        return _offer(f"{gettext('Take out what was picked')}: {_numbers(on_hand)}", changes)
    ((product, delta),) = held.items()
    counted = _counted_note() if moved[product] != delta else ""
    return _offer(f"{_booking_label(delta)}: {_numbers(changes, named=False)}{counted}", changes)


def _counted_note() -> str:
    """The note on a button whose pieces a later count includes, at least in part."""
    return f" ({gettext('counted since then')})"


def _booking_label(delta: int) -> str:
    count = abs(delta)
    text = (
        ngettext("Book %(count)s piece", "Book %(count)s pieces", count)
        if delta > 0
        else ngettext("Take out %(count)s piece", "Take out %(count)s pieces", count)
    )
    return text % {"count": number(count)}


def _numbers(changes: Sequence[Change], *, named: bool = True) -> str:
    """The quantities before and after each change. named: with the SKU of the product."""
    parts = []
    for change in changes:
        text = from_to(change.before, change.after)
        if change.what == "picked":
            text = gettext("picked for the order: %(change)s") % {"change": text}
        parts.append(f"{change.product.sku} {text}" if named else text)
    more = len(parts) - _NAMED_CHANGES
    if more > 0:
        parts = [*parts[:_NAMED_CHANGES], ngettext("and %(more)d more", "and %(more)d more", more) % {"more": more}]
    return "; ".join(parts)


def _leave(case: Case) -> Offer:
    return _offer(gettext("Booked correctly: stays at %(on_hand)s") % {"on_hand": number(_on_hand_of_booked(case))})


def _on_hand_of_booked(case: Case) -> int:
    """The quantity on hand of the product whose goods were booked."""
    first = case.booked[0].product_id if case.booked else case.row.product_id
    return case.known.on_hand.get(first or 0, 0)


def _take_back(case: Case) -> Offer:
    to_reverse = case.still_booked
    if not to_reverse:
        values = {"on_hand": number(_on_hand_of_booked(case))}
        return _offer(gettext("Already reversed: stays at %(on_hand)s") % values)
    changes, total, counted = [], 0, ""
    for product_id in dict.fromkeys(movement.product_id for movement in to_reverse):
        of_product = [movement for movement in to_reverse if movement.product_id == product_id]
        delta = -sum(movement.quantity_delta for movement in of_product)
        moved = -sum(movement.quantity_delta for movement in of_product if not case.is_counted(movement))
        counted = counted or (_counted_note() if moved != delta else "")
        before, total = case.known.on_hand[product_id], total + delta
        changes.append(Change("on_hand", before, before + moved, case.known.products[product_id]))
    text = (
        ngettext("Take %(count)s piece back out", "Take %(count)s pieces back out", abs(total))
        if total <= 0
        else ngettext("Put %(count)s piece back", "Put %(count)s pieces back", total)
    )
    label = text % {"count": number(abs(total))}
    taken_back = [movement.pk for movement in to_reverse]
    return _offer(f"{label}: {_numbers(changes, named=len(changes) > 1)}{counted}", changes, taken_back=taken_back)


def _set_field(field: str, text: Text, shown: Callable[[str], str]) -> Callable[[Case], Offer]:
    """The offer to set a field of the product to what the phone sent.

    text: the label of its button. shown: the function that words a value for the label.
    """

    def offer(case: Case) -> Offer:
        product, sent = _product_of(case), case.facts["sent"]
        now = getattr(product, field)
        return _offer(text % {"change": from_to(shown(now), shown(sent))}, [Change(field, now, sent, product)])

    return offer


def _verify(case: Case) -> Offer:
    product = _product_of(case)
    text = gettext("%(sku)s is right: keep the product, %(on_hand)s on hand")
    values = {"sku": product.sku, "on_hand": number(case.on_hand)}
    return _offer(text % values, [Change("unverified", product.unverified, False, product)])


def _move(case: Case) -> Offer:
    product = _product_of(case)
    text = ngettext(
        "The goods belong to another product: move %(count)s piece there and archive %(sku)s",
        "The goods belong to another product: move %(count)s pieces there and archive %(sku)s",
        case.on_hand,
    )
    changes = [Change("on_hand", case.on_hand, 0, product), Change("archived", product.is_archived, True, product)]
    ask = Ask("sku", _("The right SKU or barcode"))
    return _offer(text % {"count": number(case.on_hand), "sku": product.sku}, changes, [ask])


def _create(case: Case) -> Offer:
    quantity = case.facts.get("quantity")
    plausible = quantity if isinstance(quantity, int) and 0 <= quantity <= MAX_QUANTITY else None
    asks = [
        Ask("name", _("name"), case.facts.get("name") or case.row.sku),
        Ask("sku", _("SKU"), case.row.sku),
        Ask("quantity", _("on hand"), plausible, most=MAX_QUANTITY),
    ]
    return _offer(gettext("Create this product"), asks=asks)


def _archive(case: Case) -> Offer:
    product = _product_of(case)
    text = gettext("Archive %(product)s (on hand: %(on_hand)s)")
    values = {"product": product, "on_hand": number(case.on_hand)}
    return _offer(text % values, [Change("archived", product.is_archived, True, product)])


_OFFERS: dict[Deed, Callable[[Case], Offer]] = {
    Deed.BOOK: _book,
    Deed.LEAVE: _leave,
    Deed.TAKE_BACK: _take_back,
    Deed.RENAME: _set_field("name", _("Rename it: %(change)s"), quoted),
    Deed.RELABEL: _set_field("sku", _("Change the SKU: %(change)s"), str),
    Deed.VERIFY: _verify,
    Deed.MOVE: _move,
    Deed.CREATE: _create,
    Deed.ARCHIVE: _archive,
}


def _product_of(case: Case) -> Product:
    assert case.product is not None
    return case.product


def offered(case: Case, action: str, deed: Deed) -> Answer:
    """The answer to a case that does this deed, with the numbers as of now. action: its name for programs."""
    return Answer(action, deed, *_OFFERS[deed](case))


def dismissed(case: Case, otherwise: Callable[[Case], str]) -> Answer:
    """The answer that changes nothing. otherwise: makes its label if the case has no goods, booked or not."""
    return Answer("dismiss", Deed.NOTHING, _label_of_unchanged_goods(case) or otherwise(case))


def _label_of_unchanged_goods(case: Case) -> str:
    """The label of *dismiss* for a case about goods, booked or not; "" for other cases."""
    if len(case.held) > 1:
        return gettext("Do not book it")
    if case.held:
        ((product, _delta),) = case.held.items()
        return gettext("Do not book it: stays at %(on_hand)s") % {"on_hand": number(case.known.on_hand[product.pk])}
    if case.booked:
        return gettext("Leave it undecided: stays at %(on_hand)s") % {"on_hand": number(_on_hand_of_booked(case))}
    return ""
