"""Each kind of discrepancy in one place: its description, its answers, and what each answer will do.

The API, the admin, Telegram and the table in docs/reconciliation.md all use this. To add a kind, add a member to
`Discrepancy.Kind` and an entry to KINDS. A new deed also needs an entry in `_OFFERS` here and in `deeds.DEEDS`.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from api.discrepancies.around import Event, events_of
from api.discrepancies.case import (
    Case,
    Change,
    Fact,
    Known,
    facts_of,
    from_to,
    number,
    quoted,
)
from api.discrepancies.story import TwoStories, stories_of
from api.errors import Text
from api.models import MAX_QUANTITY, Discrepancy, Product

Kind = Discrepancy.Kind

_NAMED_CHANGES = 3
"""How many products a button names. It counts the others."""


class Deed(StrEnum):
    """What an answer does. `actions/deeds.py` does it."""

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

    changes: what it will change, with the values before and after. taken_back: ids of movements that it will reverse.
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


@dataclass(frozen=True, slots=True)
class Told:
    """A discrepancy in words. what: what happened. sentence: the same, with when and from whom it came. stories: what
    the server believes, and what else may be true; None where it does not choose between two stories. events: what
    happened around that time."""

    row: Discrepancy
    label: str
    what: str
    sentence: str
    facts: list[Fact]
    answers: list[Answer]
    stories: TwoStories | None = None
    events: list[Event] = field(default_factory=list)
    product: Product | None = None

    @property
    def goods(self) -> set[int]:
        """The ids of the products whose numbers its answers name."""
        named = {change.product.pk for answer in self.answers for change in answer.changes}
        return named | ({self.product.pk} if self.product else set())

    def answer(self, action: str) -> Answer | None:
        return next((answer for answer in self.answers if answer.action == action), None)


class Row(NamedTuple):
    """A row of the table in docs/reconciliation.md. apply, reverse: NONE without that answer."""

    happened: str
    did: str
    apply: str
    reverse: str


NONE = "–"


@dataclass(frozen=True, slots=True)
class Description:
    """A kind. what: what happened and what the server did, in a sentence or two, which `Case.words` completes.

    deed: what *apply* does, if it is not about what was booked or not booked. movable: whether the goods may belong to
    another product. dismiss: the label of that button, if it is not about what was booked or not booked.
    """

    what: Text | Callable[[Case], str]
    rows: list[Row]
    deed: Callable[[Case], Deed | None] = lambda case: None
    movable: bool = False
    dismiss: Callable[[Case], str] = lambda case: gettext("Seen, change nothing")


def describe(rows: Sequence[Discrepancy], *, in_turn: str = "", around: bool = False) -> list[Told]:
    """These discrepancies in words, as of now, in a fixed number of queries.

    in_turn: an action that is applied to all of them in this order: each begins with the numbers that the one before
    ends with. around: also what else happened around that time (`Told.events`).
    """
    known = Known.of(rows, around=around)
    result = []
    for row in rows:
        case = Case(row, known)
        told = _told(case, events_of(case) if around else [])
        result.append(told)
        if in_turn and (answer := told.answer(in_turn)):
            known.suppose(case, answer.changes, answer.taken_back)
    return result


def _told(case: Case, events: list[Event]) -> Told:
    row, what = case.row, KINDS[Kind(case.row.kind)].what
    what = str(what(case) if callable(what) else what) % case.words
    answers = answers_of(case) if row.status == Discrepancy.Status.OPEN else []
    facts, stories = facts_of(case), stories_of(case)
    if stories:
        facts.append(Fact("believed", _("the server believes"), stories.believed, stories.believed))
        facts.append(Fact("or_else", _("but perhaps"), stories.other, stories.other))
    label, sentence = str(row.get_kind_display()), f"{what} {case.origin}"
    return Told(row, label, what, sentence, facts, answers, stories, events, case.product)


def answers_of(case: Case) -> list[Answer]:
    """The answers to an open discrepancy."""
    kind = KINDS[Kind(case.row.kind)]
    deeds: list[tuple[str, Deed]] = []
    if deed := kind.deed(case) or _deed_of_goods(case):
        deeds.append(("apply", deed))
    if case.booked:
        deeds.append(("reverse", Deed.TAKE_BACK))
    if kind.movable and case.product:
        deeds.append(("move", Deed.MOVE))
    answers = [Answer(action, deed, *_OFFERS[deed](case)) for action, deed in deeds]
    return [*answers, Answer("dismiss", Deed.NOTHING, _dismissed(case, kind))]


def _deed_of_goods(case: Case) -> Deed | None:
    held = case.held
    if case.asks_quantity and len(held) > 1:
        return None  # one number is not enough for several products: they are adjusted one by one
    return Deed.BOOK if held else Deed.LEAVE if case.booked else None


# --- What each deed offers ------------------------------------------------------------------------------------------
Offer = tuple[str, tuple[Change, ...], tuple[Ask, ...], tuple[int, ...]]


def _offer(text: str, changes: Sequence[Change] = (), asks: Sequence[Ask] = (), back: Sequence[int] = ()) -> Offer:
    return text, tuple(changes), tuple(asks), tuple(back)


def _book(case: Case) -> Offer:
    held = case.held
    if case.asks_quantity:
        ((product, delta),) = held.items()
        before = case.known.on_hand[product.pk]
        said = {"before": number(before)}
        text = (
            gettext("Book the number entered (on hand now: %(before)s)")
            if delta > 0
            else gettext("Take out the number entered (on hand now: %(before)s)")
        )
        ask = Ask("quantity", _("How many pieces were there really?"), most=MAX_QUANTITY)
        return _offer(text % said, [Change("on_hand", before, None, product)], [ask])
    changes: list[Change] = []
    moved = case.held_since_count
    for product, delta in held.items():
        before = case.known.on_hand[product.pk]
        changes.append(Change("on_hand", before, before + moved[product], product))
        if case.order and case.line(product):
            picked = case.known.picked[case.order.pk, product.pk]
            changes.append(Change("picked", picked, picked - delta, product))
    if len(held) > 1:
        leaves = [change for change in changes if change.what == "on_hand"]
        return _offer(f"{gettext('Take out what was picked')}: {_numbers(leaves)}", changes)
    ((product, delta),) = held.items()
    counted = _counted_since() if moved[product] != delta else ""
    return _offer(f"{_moves(delta)}: {_numbers(changes, named=False)}{counted}", changes)


def _counted_since() -> str:
    return f" ({gettext('counted since then')})"


def _moves(delta: int) -> str:
    count = abs(delta)
    text = (
        ngettext("Book %(count)s piece", "Book %(count)s pieces", count)
        if delta > 0
        else ngettext("Take out %(count)s piece", "Take out %(count)s pieces", count)
    )
    return text % {"count": number(count)}


def _numbers(changes: Sequence[Change], *, named: bool = True) -> str:
    """What is on hand before and after, and picked."""
    told = []
    for change in changes:
        text = from_to(change.before, change.after)
        if change.what == "picked":
            text = gettext("picked for the order: %(change)s") % {"change": text}
        told.append(f"{change.product.sku} {text}" if named else text)
    more = len(told) - _NAMED_CHANGES
    if more > 0:
        told = [*told[:_NAMED_CHANGES], ngettext("and %(more)d more", "and %(more)d more", more) % {"more": more}]
    return "; ".join(told)


def _leave(case: Case) -> Offer:
    return _offer(gettext("Booked correctly: stays at %(on_hand)s") % {"on_hand": number(_of_booked(case))})


def _of_booked(case: Case) -> int:
    """On hand of the product whose goods were booked."""
    first = case.booked[0].product_id if case.booked else case.row.product_id
    return case.known.on_hand.get(first or 0, 0)


def _take_back(case: Case) -> Offer:
    standing = case.standing
    if not standing:
        said = {"on_hand": number(_of_booked(case))}
        return _offer(gettext("Already reversed: stays at %(on_hand)s") % said)
    changes, total, counted = [], 0, ""
    for product_id in dict.fromkeys(movement.product_id for movement in standing):
        mine = [movement for movement in standing if movement.product_id == product_id]
        delta = -sum(movement.quantity_delta for movement in mine)
        moved = -sum(movement.quantity_delta for movement in mine if not case.is_counted(movement))
        counted = counted or (_counted_since() if moved != delta else "")
        before, total = case.known.on_hand[product_id], total + delta
        changes.append(Change("on_hand", before, before + moved, case.known.products[product_id]))
    text = (
        ngettext("Take %(count)s piece back out", "Take %(count)s pieces back out", abs(total))
        if total <= 0
        else ngettext("Put %(count)s piece back", "Put %(count)s pieces back", total)
    )
    told = text % {"count": number(abs(total))}
    back = [movement.pk for movement in standing]
    return _offer(f"{told}: {_numbers(changes, named=len(changes) > 1)}{counted}", changes, back=back)


def _take(field: str, text: Text, shown: Callable[[str], str]) -> Callable[[Case], Offer]:
    """The offer to set a field to what the phone sent. text: of its button. shown: how the button shows a value."""

    def offer(case: Case) -> Offer:
        product, sent = _its(case), case.facts["sent"]
        now = getattr(product, field)
        return _offer(text % {"change": from_to(shown(now), shown(sent))}, [Change(field, now, sent, product)])

    return offer


def _verify(case: Case) -> Offer:
    product = _its(case)
    text = gettext("%(sku)s is right: keep the product, %(on_hand)s on hand")
    said = {"sku": product.sku, "on_hand": number(case.on_hand)}
    return _offer(text % said, [Change("unverified", product.unverified, False, product)])


def _move(case: Case) -> Offer:
    product = _its(case)
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
    product = _its(case)
    text = gettext("Archive %(product)s (on hand: %(on_hand)s)")
    said = {"product": product, "on_hand": number(case.on_hand)}
    return _offer(text % said, [Change("archived", product.is_archived, True, product)])


_OFFERS: dict[Deed, Callable[[Case], Offer]] = {
    Deed.BOOK: _book,
    Deed.LEAVE: _leave,
    Deed.TAKE_BACK: _take_back,
    Deed.RENAME: _take("name", _("Rename it: %(change)s"), quoted),
    Deed.RELABEL: _take("sku", _("Change the SKU: %(change)s"), str),
    Deed.VERIFY: _verify,
    Deed.MOVE: _move,
    Deed.CREATE: _create,
    Deed.ARCHIVE: _archive,
}


def _dismissed(case: Case, kind: Description) -> str:
    if case.held:
        if len(case.held) > 1:
            return gettext("Do not book it")
        ((product, _delta),) = case.held.items()
        return gettext("Do not book it: stays at %(on_hand)s") % {"on_hand": number(case.known.on_hand[product.pk])}
    if case.booked:
        return gettext("Leave it undecided: stays at %(on_hand)s") % {"on_hand": number(_of_booked(case))}
    return kind.dismiss(case)


def _its(case: Case) -> Product:
    assert case.product is not None
    return case.product


# --- What happened --------------------------------------------------------------------------------------------------
# Each returns a text with placeholders, which `Case.words` fills.
def _archived_stock(case: Case) -> str:
    if "archived" not in case.facts:
        return gettext("The phone changed the quantity of the archived %(goods)s by %(change)s. This was booked.")
    if case.named("archived") not in (None, case.product):
        return gettext("%(pieces)s of the archived product %(old)s arrived. This was booked to %(goods)s, which has "
                       "its SKU now.")  # fmt: skip
    return gettext("%(pieces)s of %(goods)s arrived although the product was archived. This was booked, and the "
                   "product is in use again.")  # fmt: skip


def _quantity_guess(case: Case) -> str:
    begin = gettext(
        "The phone reports %(sent)s of %(goods)s; the server had %(on_hand)s. The phone may have shown an older "
        "number, so it is not certain how many were added or taken."
    )
    if case.held:
        return f"{begin} {gettext('A change of %(change)s was not booked.')}"
    end = gettext("A change of %(change)s was booked.") if case.facts.get("change") else gettext("Nothing was booked.")
    return f"{begin} {end}"


def _unknown_product(case: Case) -> str:
    has_quantity = case.facts.get("quantity") is not None
    if not case.facts.get("name") and not case.row.sku:
        if has_quantity:
            return gettext("The phone added %(pieces)s of a product that the server does not know. Nothing was done.")
        return gettext("The phone deleted a product that the server does not know. Nothing was done.")
    if has_quantity:
        return gettext("The phone changed a product that the server does not know: “%(name)s”, SKU %(sku)s, "
                       "%(pieces)s. Nothing was done.")  # fmt: skip
    return gettext("The phone changed a product that the server does not know: “%(name)s”, SKU %(sku)s. "
                   "Nothing was done.")  # fmt: skip


def _possible_duplicate(case: Case) -> str:
    told = [gettext("%(pieces)s of %(goods)s may have been sent twice.")]
    if case.earlier:
        told.append(gettext("The same phone sent %(earlier)s on %(when)s."))
    told.append(
        gettext("It looks as if the same was sent or entered again, so this was not booked.")
        if case.held
        else gettext("It may be the same delivery again or another box. It was booked.")
    )
    return " ".join(told)


def _over_picked(case: Case) -> str:
    if case.held:
        return gettext("Somebody picked %(pieces)s of %(goods)s for order %(order)s, but the product had been removed "
                       "from the order. This was not booked.")  # fmt: skip
    return gettext("More of %(goods)s were picked for order %(order)s than ordered: %(picked)s instead of %(to_pick)s. "
                   "The picked quantity was booked.")  # fmt: skip


def _picked_after_cancel(case: Case) -> str:
    if isinstance(case.facts.get("picked"), dict):
        return gettext("Goods were picked for order %(order)s after it was archived: %(picked)s. They were not booked.")
    return gettext("Goods were picked for order %(order)s after it was cancelled: %(picked)s. They were not booked.")


def _implausible_quantity(case: Case) -> str:
    quantity = case.facts.get("quantity") or case.facts.get("sent") or 0
    if quantity == 0 or (quantity < 0 and not case.held):
        begin = gettext("The phone sent a quantity of %(number)s for %(goods)s, which is not possible.")
    elif abs(quantity) <= MAX_QUANTITY:
        begin = gettext("The phone sent %(number)s of %(goods)s. The quantity on hand would become too large.")
    else:
        begin = gettext("The phone sent a quantity of %(number)s for %(goods)s, which looks like a barcode.")
    return f"{begin} {gettext('It was not booked.')}"


def _kept_in_part(case: Case) -> str:
    if case.facts.get("sent_photo"):
        return gettext("The phone sent %(goods)s with a photo that cannot be used. The rest was saved.")
    if case.order:
        return gettext("A part of what the phone sent for order %(order)s could not be saved. The rest was saved.")
    return gettext("A part of what the phone sent for %(goods)s could not be saved. The rest was saved.")


# --- The kinds ------------------------------------------------------------------------------------------------------
def _if_there(deed: Deed) -> Callable[[Case], Deed | None]:
    """This deed, on the discrepancy's product."""
    return lambda case: deed if case.product else None


def _can_be_made(case: Case) -> Deed | None:
    return Deed.CREATE if case.row.sku or case.facts.get("name") else None


KINDS: dict[Kind, Description] = {
    Kind.NAME_DIFFERS: Description(
        _("The phone created SKU %(sku)s as “%(sent)s”, but a product with this SKU already existed: “%(kept)s”. Its "
          "name was kept."),
        [Row("one SKU was created under two names", "kept the existing name", "take the phone's name", NONE)],
        deed=_if_there(Deed.RENAME),
        dismiss=lambda case: gettext("Keep %(name)s") % {"name": quoted(case.product.name) if case.product else "–"},
    ),
    Kind.SKU_TAKEN: Description(
        _("The phone changed the SKU of %(goods)s to %(sent)s, which belongs to %(other)s. The SKU %(kept)s was kept; "
          "the other changes were saved."),
        [Row("an edit changes the SKU to that of another product", "saved the other fields, kept the SKU",
             "set the SKU, if it is free by now", NONE)],
        deed=_if_there(Deed.RELABEL),
        dismiss=lambda case: gettext("Keep SKU %(sku)s") % {"sku": case.product.sku if case.product else ""},
    ),
    Kind.UNKNOWN_SKU: Description(
        _("Goods arrived with the SKU %(sku)s, which no product had. An unverified product was created for them; "
          "on hand: %(on_hand)s."),
        [Row("goods with an unknown SKU", "created an unverified product and booked the goods",
             "the SKU is right: no longer unverified. *move*: the goods belong to another SKU; they are moved there",
             NONE)],
        deed=_if_there(Deed.VERIFY),
        movable=True,
        dismiss=lambda case: gettext("Leave it unverified"),
    ),
    Kind.ARCHIVED_STOCK: Description(
        _archived_stock,
        [Row("goods of an archived product", "booked them", "confirm", "take the goods out again")],
    ),
    Kind.QUANTITY_GUESS: Description(
        _quantity_guess,
        [Row("a number of + and − that may be a repeat", "booked the likelier change", "confirm", "reverse it"),
         Row("a number with another explanation, or with none", "booked the likelier change, or nothing",
             "book the other change: mostly one piece more or less", NONE)],
    ),
    Kind.UNKNOWN_PRODUCT: Description(
        _unknown_product,
        [Row("an edit of an unknown product", "nothing", "create the product from what was sent", NONE),
         Row("the deletion of an unknown product", "nothing", NONE, NONE),
         Row("goods for an unknown product id", "nothing", NONE, NONE)],
        deed=_can_be_made,
    ),
    Kind.POSSIBLE_DUPLICATE: Description(
        _possible_duplicate,
        [Row("an addition that may be a repeat", "booked it, which is likelier", "it was another box: confirm",
             "take it out again"),
         Row("an addition that is probably a repeat", "did not book it", "it was another delivery: book it", NONE)],
    ),
    Kind.OVER_PICKED: Description(
        _over_picked,
        [Row("more picked than ordered", "booked the picked quantity", NONE, NONE),
         Row("picked for a line that was removed", "did not book it", "take the goods out", NONE)],
    ),
    Kind.SHORT_PICKED: Description(
        _("Order %(order)s was finished without %(pieces)s of %(goods)s. The picked quantity was booked."),
        [Row("a finished order with missing pieces", "booked the picked quantity", NONE, NONE)],
    ),
    Kind.PICKED_TWICE: Description(
        _("Two phones picked the same goods for order %(order)s: %(pieces)s of %(goods)s. This was taken out of stock "
          "once; the second pick was not booked."),
        [Row("two phones picked the same order", "took the goods out once", "take them out a second time", NONE)],
    ),
    Kind.PICKED_AFTER_CANCEL: Description(
        _picked_after_cancel,
        [Row("picked after the order was cancelled", "kept it cancelled, took nothing out", "take the goods out", NONE),
         Row("picked after the order was archived", "nothing", NONE, NONE)],
    ),
    Kind.UNKNOWN_ORDER: Description(
        _("The phone finished an order that the server does not know. Customer: %(customer)s. Picked: %(picked)s. This "
          "was not booked."),
        [Row("an order that the server does not know", "nothing", NONE, NONE)],
    ),
    Kind.NEGATIVE_STOCK: Description(
        _("A change of %(change)s was booked, and the quantity on hand of %(goods)s fell to %(on_hand)s. It cannot be "
          "below zero: count the goods."),
        [Row("the quantity on hand fell below zero", "booked the change", NONE, NONE)],
    ),
    Kind.IMPLAUSIBLE_QUANTITY: Description(
        _implausible_quantity,
        [Row("a quantity over a million, or more than a billion on hand with it", "booked nothing",
             "book the number that the manager enters", NONE),
         Row("a quantity of zero or less", "booked nothing", NONE, NONE)],
    ),
    Kind.KEPT_IN_PART: Description(
        _kept_in_part,
        [Row("a part of what the phone sent could not be saved", "saved the rest", NONE, NONE)],
    ),
    Kind.DELETION_ASKED: Description(
        _("A picker deleted %(goods)s on a phone. The product stays until a manager archives it."),
        [Row("a picker deleted a product", "kept it", "archive it", NONE)],
        deed=_if_there(Deed.ARCHIVE),
        dismiss=lambda case: gettext("Keep the product"),
    ),
}  # fmt: skip


def table() -> list[str]:
    """The table of kinds in docs/reconciliation.md, line by line."""
    lines = [
        "| kind | what happened | what the server did at once | apply | reverse |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind, description in KINDS.items():
        for row in description.rows:
            name = f" `{kind.value}` " if row is description.rows[0] else " "
            lines.append(f"|{name}| {' | '.join(row)} |")
    return lines
