"""Each kind of discrepancy in one place: its description, its answers, and what each answer will do.

The API, the desk, Telegram and the table in docs/reconciliation.md all use this. To add a kind, add a member to
`Discrepancy.Kind` and an entry to KINDS. A new deed also needs an entry in `_OFFERS` here and in `deeds.DEEDS`.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from api.discrepancies.case import (
    Case,
    Change,
    Fact,
    Known,
    Text,
    facts_of,
    from_to,
    moment,
    number,
    pieces,
    quoted,
    signed,
)
from api.models import MAX_QUANTITY, Discrepancy, Order, Product

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
    """A discrepancy in words. what: what happened. sentence: the same, with when and from whom it came."""

    row: Discrepancy
    label: str
    what: str
    sentence: str
    facts: list[Fact]
    answers: list[Answer]

    def answer(self, action: str) -> Answer | None:
        return next((answer for answer in self.answers if answer.action == action), None)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table in docs/reconciliation.md. rule: the numbers of its rules."""

    happened: str
    did: str
    rule: str
    apply: str = "–"
    reverse: str = "–"


@dataclass(frozen=True, slots=True)
class Description:
    """A kind. what: what happened and what the server did, in a sentence or two with the facts filled in.

    deed: what *apply* does, if it is not about what was booked or not booked. movable: whether the goods may belong to
    another product. dismiss: the label of that button, if it is not about what was booked or not booked.
    """

    what: Callable[[Case], str]
    rows: tuple[Row, ...]
    deed: Callable[[Case], Deed | None] = lambda case: None
    movable: bool = False
    dismiss: Callable[[Case], str] = lambda case: gettext("Seen, change nothing")


def describe(rows: Sequence[Discrepancy], *, in_turn: str = "") -> list[Told]:
    """These discrepancies in words, as of now, in a fixed number of queries.

    in_turn: an action that is applied to all of them in this order: each begins with the numbers that the one before
    ends with.
    """
    known = Known.of(rows)
    result = []
    for row in rows:
        case = Case(row, known)
        told = _told(case)
        result.append(told)
        if in_turn and (answer := told.answer(in_turn)):
            known.suppose(case, answer.changes, answer.taken_back)
    return result


def _told(case: Case) -> Told:
    row = case.row
    what = KINDS[Kind(row.kind)].what(case)
    answers = answers_of(case) if row.status == Discrepancy.Status.OPEN else []
    return Told(row, str(row.get_kind_display()), what, f"{what} {case.origin}", facts_of(case), answers)


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
    return f" ({gettext('it was counted since then')})"


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
    return _offer(gettext("It is right as booked: stays at %(on_hand)s") % {"on_hand": number(_of_booked(case))})


def _of_booked(case: Case) -> int:
    """On hand of the product whose goods were booked."""
    first = case.booked[0].product_id if case.booked else case.row.product_id
    return case.known.on_hand.get(first or 0, 0)


def _take_back(case: Case) -> Offer:
    standing = case.standing
    if not standing:
        said = {"on_hand": number(_of_booked(case))}
        return _offer(gettext("It has been taken back already: stays at %(on_hand)s") % said)
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


def _rename(case: Case) -> Offer:
    product, sent = _its(case), case.facts["sent"]
    return _offer(
        gettext("Rename it: %(change)s") % {"change": from_to(quoted(product.name), quoted(sent))},
        [Change("name", product.name, sent, product)],
    )


def _relabel(case: Case) -> Offer:
    product, sent = _its(case), case.facts["sent"]
    return _offer(
        gettext("Change the SKU: %(change)s") % {"change": from_to(product.sku, sent)},
        [Change("sku", product.sku, sent, product)],
    )


def _verify(case: Case) -> Offer:
    product = _its(case)
    text = gettext("%(sku)s is right: keep the product, %(on_hand)s on hand")
    said = {"sku": product.sku, "on_hand": number(case.on_hand)}
    return _offer(text % said, [Change("unverified", product.unverified, False, product)])


def _move(case: Case) -> Offer:
    product = _its(case)
    text = ngettext(
        "They are another product’s: move %(count)s piece there and archive %(sku)s",
        "They are another product’s: move %(count)s pieces there and archive %(sku)s",
        case.on_hand,
    )
    changes = [Change("on_hand", case.on_hand, 0, product), Change("archived", product.is_archived, True, product)]
    ask = Ask("sku", _("The right SKU"))
    return _offer(text % {"count": number(case.on_hand), "sku": product.sku}, changes, [ask])


def _create(case: Case) -> Offer:
    quantity = case.facts.get("quantity")
    plausible = quantity if isinstance(quantity, int) and 0 <= quantity <= MAX_QUANTITY else None
    asks = [
        Ask("name", _("name"), case.facts.get("name") or case.row.sku),
        Ask("sku", _("SKU"), case.row.sku),
        Ask("quantity", _("on hand"), plausible, most=MAX_QUANTITY),
    ]
    return _offer(gettext("Make this product"), asks=asks)


def _archive(case: Case) -> Offer:
    product = _its(case)
    text = gettext("Archive %(product)s (on hand: %(on_hand)s)")
    said = {"product": product, "on_hand": number(case.on_hand)}
    return _offer(text % said, [Change("archived", product.is_archived, True, product)])


_OFFERS: dict[Deed, Callable[[Case], Offer]] = {
    Deed.BOOK: _book,
    Deed.LEAVE: _leave,
    Deed.TAKE_BACK: _take_back,
    Deed.RENAME: _rename,
    Deed.RELABEL: _relabel,
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
def _name_differs(case: Case) -> str:
    return gettext(
        "The phone created SKU %(sku)s as “%(sent)s”, but there was such a product already, “%(kept)s”. "
        "That name was kept."
    ) % {"sku": case.row.sku, "sent": case.facts.get("sent"), "kept": case.facts.get("kept")}


def _sku_taken(case: Case) -> str:
    said = {
        "goods": case.goods, "sent": case.facts.get("sent"), "kept": case.facts.get("kept"),
        "other": case.named("taken_by") or gettext("another product"),
    }  # fmt: skip
    return (
        gettext(
            "The phone wanted to give %(goods)s the SKU %(sent)s, which belongs to %(other)s. The SKU stayed %(kept)s; "
            "the rest of the change was made."
        )
        % said
    )


def _unknown_sku(case: Case) -> str:
    text = gettext(
        "Goods came under the SKU %(sku)s, which no product had. An unverified product was made for them; "
        "on hand: %(on_hand)s."
    )
    return text % {"sku": case.row.sku, "on_hand": number(case.on_hand)}


def _archived_stock(case: Case) -> str:
    count = case.facts.get("quantity", 0)
    said = {"pieces": pieces(count), "goods": case.goods, "change": signed(count)}
    if "archived" not in case.facts:
        text = gettext("The phone changed the quantity of the archived %(goods)s by %(change)s. This was booked.")
        return text % said
    other = case.named("archived")
    if other and other != case.product:
        text = gettext("%(pieces)s came for the archived %(old)s. This was booked to %(goods)s, which has its SKU now.")
        return text % {**said, "old": other}
    text = gettext("%(pieces)s of %(goods)s came although it was archived. This was booked, and it is in use again.")
    return text % said


def _quantity_guess(case: Case) -> str:
    facts = case.facts
    said = {
        "goods": case.goods, "sent": number(facts.get("sent") or 0), "on_hand": number(facts.get("on_hand") or 0),
        "change": signed(facts.get("change") or 0),
    }  # fmt: skip
    begin = gettext(
        "The phone says that there are %(sent)s of %(goods)s; by the books there were %(on_hand)s. What the phone had "
        "been shown leaves open how many were added or taken."
    )
    if case.held:
        said["change"] = ", ".join(signed(delta) for delta in case.held.values())
        return f"{begin} {gettext('A change of %(change)s was not booked.')}" % said
    end = gettext("A change of %(change)s was booked.") if facts.get("change") else gettext("Nothing was booked.")
    return f"{begin} {end}" % said


def _unknown_product(case: Case) -> str:
    name, quantity = case.facts.get("name"), case.facts.get("quantity")
    if not name and not case.row.sku and quantity is not None:
        text = gettext("The phone added %(pieces)s of a product that the server does not know. Nothing was done.")
        return text % {"pieces": pieces(quantity)}
    if not name and not case.row.sku:
        return gettext("The phone deleted a product that the server does not know. Nothing was done.")
    said = {"name": name or "", "sku": case.row.sku or "–"}
    if quantity is None:
        text = gettext("The phone changed a product that the server does not know: “%(name)s”, SKU %(sku)s. "
                       "Nothing was done.")  # fmt: skip
        return text % said
    text = gettext(
        "The phone changed a product that the server does not know: “%(name)s”, SKU %(sku)s, %(pieces)s. "
        "Nothing was done."
    )
    return text % {**said, "pieces": pieces(quantity)}


def _possible_duplicate(case: Case) -> str:
    count = case.facts.get("quantity") or sum(case.held.values())
    said = {"pieces": pieces(count), "goods": case.goods}
    begin = gettext("%(pieces)s of %(goods)s may have been sent twice.") % said
    if earlier := case.known.earlier.get(case.row.pk):
        begin += " " + gettext("The same phone sent %(pieces)s on %(when)s.") % {
            "pieces": pieces(earlier.quantity_delta), "when": moment(earlier.recorded_at),
        }  # fmt: skip
    if case.held:
        why = gettext("It looks like the phone’s list coming again from its beginning, so this was not booked.")
    else:
        why = gettext("Nothing shows whether it is that again or another box. It was booked.")
    return f"{begin} {why}"


def _over_picked(case: Case) -> str:
    facts = case.facts
    said = {"goods": case.goods, "order": _order(case)}
    if case.held:
        text = gettext(
            "Somebody picked %(pieces)s of %(goods)s for order %(order)s, but the product had been taken out of the "
            "order. This was not booked."
        )
        return text % {**said, "pieces": pieces(facts.get("picked") or sum(case.held.values()))}
    text = gettext(
        "More of %(goods)s were picked for order %(order)s than it asks for: %(picked)s instead of %(to_pick)s. "
        "What was picked was booked."
    )
    numbers = {"picked": number(facts.get("picked") or 0), "to_pick": number(facts.get("to_pick") or 0)}
    return text % {**said, **numbers}


def _short_picked(case: Case) -> str:
    text = gettext("Order %(order)s was finished without %(pieces)s of %(goods)s. What was picked was booked.")
    said = {"order": _order(case), "pieces": pieces(case.facts.get("quantity") or 0), "goods": case.goods}
    return text % said


def _picked_twice(case: Case) -> str:
    text = gettext(
        "Two phones picked the same for order %(order)s: %(pieces)s of %(goods)s. "
        "This was taken out of stock once; the second time was not booked."
    )
    said = {"order": _order(case), "pieces": pieces(case.facts.get("picked") or 0), "goods": case.goods}
    return text % said


def _picked_after_cancel(case: Case) -> str:
    said = {"order": _order(case), "picked": case.picked_goods()}
    if isinstance(case.facts.get("picked"), dict):
        text = gettext("This was picked for order %(order)s, which had been archived: %(picked)s. It was not booked.")
    else:
        text = gettext("This was picked for order %(order)s, which had been cancelled: %(picked)s. It was not booked.")
    return text % said


def _unknown_order(case: Case) -> str:
    text = gettext("The phone finished an order of %(customer)s that the server does not know, picked: %(picked)s. "
                   "It was not booked.")  # fmt: skip
    return text % {"customer": case.facts.get("customer") or "–", "picked": case.picked_goods()}


def _negative_stock(case: Case) -> str:
    text = gettext(
        "After a change of %(change)s, %(goods)s stood at %(on_hand)s by the books, which cannot be. The change was "
        "booked. Count the shelf."
    )
    facts = case.facts
    numbers = {"change": signed(facts.get("change") or 0), "on_hand": number(facts.get("on_hand") or 0)}
    return text % {**numbers, "goods": case.goods}


def _implausible_quantity(case: Case) -> str:
    facts = case.facts
    quantity = facts.get("quantity") or facts.get("sent") or 0
    said = {"goods": case.goods, "number": number(quantity)}
    if quantity == 0 or (quantity < 0 and not case.held):
        text = gettext("The phone sent a quantity of %(number)s for %(goods)s, which nobody can have received.")
        return f"{text} {gettext('It was not booked.')}" % said
    if abs(quantity) <= MAX_QUANTITY:
        text = gettext("The phone sent %(number)s of %(goods)s. With them more would be on hand than any product has.")
        return f"{text} {gettext('It was not booked.')}" % said
    text = gettext(
        "The phone sent a quantity of %(number)s for %(goods)s: this looks like a barcode in the quantity field. "
        "It was not booked."
    )
    return text % said


def _kept_in_part(case: Case) -> str:
    if case.facts.get("sent_photo"):
        text = gettext("The phone sent %(goods)s with a photo that can't be used. The rest was kept.")
    elif case.order:
        text = gettext("A part of what the phone sent for order %(order)s can't be kept. The rest was kept.")
    else:
        text = gettext("A part of what the phone sent for %(goods)s can't be kept. The rest was kept.")
    return text % {"goods": case.goods, "order": _order(case)}


def _deletion_asked(case: Case) -> str:
    text = gettext("A picker deleted %(goods)s on a phone. It stays until a manager archives it.")
    return text % {"goods": case.goods}


def _order(case: Case) -> Order | str:
    return case.order or "–"


# --- The kinds ------------------------------------------------------------------------------------------------------
def _if_there(deed: Deed) -> Callable[[Case], Deed | None]:
    """This deed, on the discrepancy's product."""
    return lambda case: deed if case.product else None


def _can_be_made(case: Case) -> Deed | None:
    return Deed.CREATE if case.row.sku or case.facts.get("name") else None


KINDS: dict[Kind, Description] = {
    Kind.NAME_DIFFERS: Description(
        _name_differs,
        (Row("one SKU was created under two names", "kept the existing name", "1, 2", apply="take the phone's name"),),
        deed=_if_there(Deed.RENAME),
        dismiss=lambda case: gettext("Keep %(name)s") % {"name": quoted(case.product.name) if case.product else "–"},
    ),
    Kind.SKU_TAKEN: Description(
        _sku_taken,
        (
            Row(
                "an edit wants a SKU that another product has",
                "applied the other fields, kept the SKU",
                "13",
                apply="set the SKU, if it is free by now",
            ),
        ),
        deed=_if_there(Deed.RELABEL),
        dismiss=lambda case: gettext("Keep SKU %(sku)s") % {"sku": case.product.sku if case.product else ""},
    ),
    Kind.UNKNOWN_SKU: Description(
        _unknown_sku,
        (
            Row(
                "goods with a SKU that never existed",
                "made an unverified product and booked the goods",
                "6",
                apply="the SKU is right: no longer unverified. *move*: they are another SKU's; they go there",
            ),
        ),
        deed=_if_there(Deed.VERIFY),
        movable=True,
        dismiss=lambda case: gettext("Leave it unverified"),
    ),
    Kind.ARCHIVED_STOCK: Description(
        _archived_stock,
        (
            Row(
                "goods of an archived product",
                "booked them",
                "5, 11",
                apply="confirm",
                reverse="take the goods out again",
            ),
        ),
    ),
    Kind.QUANTITY_GUESS: Description(
        _quantity_guess,
        (
            Row(
                "a reported number that more than one thing explains",
                "booked the likelier step",
                "11",
                apply="confirm",
                reverse="take it back",
            ),
            Row("a reported number that nothing explains", "booked nothing", "12", apply="book the difference"),
        ),
    ),
    Kind.UNKNOWN_PRODUCT: Description(
        _unknown_product,
        (
            Row("an edit of a product that nobody knows", "nothing", "14", apply="make the product with what was sent"),
            Row("a deletion of a product that nobody knows", "nothing", "15"),
            Row("goods for an id that never was", "nothing", "23"),
        ),
        deed=_can_be_made,
    ),
    Kind.POSSIBLE_DUPLICATE: Description(
        _possible_duplicate,
        (
            Row(
                "an addition that may be a repeat",
                "booked it",
                "7, 9",
                apply="it was another box",
                reverse="take it out again",
            ),
            Row("the same, and likelier a repeat", "did not book it", "7, 8", apply="it was another delivery: book it"),
        ),
    ),
    Kind.OVER_PICKED: Description(
        _over_picked,
        (
            Row("more picked than the order asks for", "booked what was picked", "19"),
            Row("picked for a line that was taken out", "did not book it", "16", apply="take the goods out"),
        ),
    ),
    Kind.SHORT_PICKED: Description(
        _short_picked,
        (Row("a finished order lacks something", "booked what was picked", "16, 19"),),
    ),
    Kind.PICKED_TWICE: Description(
        _picked_twice,
        (
            Row(
                "two phones picked the same order", "took the goods out once", "17", apply="take them out a second time"
            ),
        ),
    ),
    Kind.PICKED_AFTER_CANCEL: Description(
        _picked_after_cancel,
        (
            Row(
                "picked when it was cancelled already",
                "kept it cancelled, took nothing out",
                "18",
                apply="take the goods out",
            ),
            Row("picked when it was archived already", "nothing", "18"),
        ),
    ),
    Kind.UNKNOWN_ORDER: Description(
        _unknown_order,
        (Row("an order that never was", "nothing", "18"),),
    ),
    Kind.NEGATIVE_STOCK: Description(
        _negative_stock,
        (Row("on hand fell below zero", "booked it", "19"),),
    ),
    Kind.IMPLAUSIBLE_QUANTITY: Description(
        _implausible_quantity,
        (
            Row(
                "a quantity over a million, or more than a billion on hand with it",
                "booked nothing",
                "12, 21",
                apply="book the number that the manager enters",
            ),
            Row("a quantity of none or fewer", "booked nothing", "21"),
        ),
    ),
    Kind.KEPT_IN_PART: Description(
        _kept_in_part,
        (Row("a part of what the phone sent cannot be kept", "kept the rest", "23"),),
    ),
    Kind.DELETION_ASKED: Description(
        _deletion_asked,
        (Row("a picker deleted a product", "kept it", "15", apply="archive it"),),
        deed=_if_there(Deed.ARCHIVE),
        dismiss=lambda case: gettext("Keep the product"),
    ),
}


def table() -> list[str]:
    """The table of kinds in docs/reconciliation.md, line by line."""
    lines = [
        "| kind | what happened | what the server did at once | apply | reverse | rule |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, description in KINDS.items():
        for row in description.rows:
            name = f"`{kind.value}`" if row is description.rows[0] else ""
            cells = [name, row.happened, row.did, row.apply, row.reverse, row.rule]
            lines.append("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|")
    return lines
