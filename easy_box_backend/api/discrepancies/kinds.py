"""Each kind of discrepancy in one place: its description, and which answers it has.

The API, the admin, Telegram and the table in docs/reconciliation.md all use this. To add a kind, add a member to
`Discrepancy.Kind` and an entry to KINDS. A new deed also needs an entry in `answers._OFFERS` and in `deeds.DEEDS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.discrepancies.answers import Answer, Deed, dismissed, offered
from api.discrepancies.around import Event, events_of
from api.discrepancies.case import Case
from api.discrepancies.facts import Fact, facts_of
from api.discrepancies.known import Known
from api.discrepancies.story import TwoStories, stories_of
from api.discrepancies.words import quoted
from api.errors import Text
from api.models import MAX_QUANTITY, Discrepancy, Product

Kind = Discrepancy.Kind


@dataclass(frozen=True, slots=True)
class Told:
    """A discrepancy in words.

    label: its kind. what: what happened. sentence: `what`, and when and from whom it came. answers: none if it is
    settled. stories: what the server believes, and what else may be true; None for kinds in which it does not choose
    between two stories. events: what happened around that time.
    """

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
        """The ids of its product and of the products that its answers change."""
        named = {change.product.pk for answer in self.answers for change in answer.changes}
        return named | ({self.product.pk} if self.product else set())

    def answer(self, action: str) -> Answer | None:
        """The answer with this action, None if there is none."""
        return next((answer for answer in self.answers if answer.action == action), None)


class Row(NamedTuple):
    """A row of the table in docs/reconciliation.md. happened: what happened. did: what the server did at once. apply,
    reverse: what this answer does; NONE if the kind does not have it."""

    happened: str
    did: str
    apply: str
    reverse: str


NONE = "–"


@dataclass(frozen=True, slots=True)
class Description:
    """A kind of discrepancy. what: what happened and what the server did, in a sentence or two, with placeholders that
    `Case.words` fills. rows: its rows in the table.

    deed: what *apply* does; if it returns None, *apply* is about the goods (`_deed_of_goods`). movable: whether the
    goods may belong to another product. dismiss: makes the label of that button, if the case has no goods, booked or
    not.
    """

    what: Text | Callable[[Case], str]
    rows: list[Row]
    deed: Callable[[Case], Deed | None] = lambda case: None
    movable: bool = False
    dismiss: Callable[[Case], str] = lambda case: gettext("Seen, change nothing")


def describe(rows: Sequence[Discrepancy], *, in_turn: str = "", around: bool = False) -> list[Told]:
    """These discrepancies in words, as of now, in a fixed number of queries.

    in_turn: an action that will be applied to all of them in this order, "" for none; the quantities of each then begin
    where those of the one before end. around: also what else happened around that time (`Told.events`).
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
    return [*(offered(case, action, deed) for action, deed in deeds), dismissed(case, kind.dismiss)]


def _deed_of_goods(case: Case) -> Deed | None:
    """What *apply* does with goods: book those that were not booked, or confirm those that were. None without goods."""
    held = case.held
    if case.asks_quantity and len(held) > 1:
        return None  # one number is not enough for several products: they are adjusted one by one
    return Deed.BOOK if held else Deed.LEAVE if case.booked else None


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
    sentences = [gettext("%(pieces)s of %(goods)s may have been sent twice.")]
    if case.earlier:
        sentences.append(gettext("The same phone sent %(earlier)s on %(when)s."))
    sentences.append(
        gettext("It looks as if the same was sent or entered again, so this was not booked.")
        if case.held
        else gettext("It may be the same delivery again or another box. It was booked.")
    )
    return " ".join(sentences)


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
def _if_product(deed: Deed) -> Callable[[Case], Deed | None]:
    """This deed for a case that has a product, none for other cases."""
    return lambda case: deed if case.product else None


def _create_if_described(case: Case) -> Deed | None:
    return Deed.CREATE if case.row.sku or case.facts.get("name") else None


KINDS: dict[Kind, Description] = {
    Kind.NAME_DIFFERS: Description(
        _("The phone created SKU %(sku)s as “%(sent)s”, but a product with this SKU already existed: “%(kept)s”. Its "
          "name was kept."),
        [Row("one SKU was created under two names", "kept the existing name", "take the phone's name", NONE)],
        deed=_if_product(Deed.RENAME),
        dismiss=lambda case: gettext("Keep %(name)s") % {"name": quoted(case.product.name) if case.product else "–"},
    ),
    Kind.SKU_TAKEN: Description(
        _("The phone changed the SKU of %(goods)s to %(sent)s, which belongs to %(other)s. The SKU %(kept)s was kept; "
          "the other changes were saved."),
        [Row("an edit changes the SKU to that of another product", "saved the other fields, kept the SKU",
             "set the SKU, if it is free by now", NONE)],
        deed=_if_product(Deed.RELABEL),
        dismiss=lambda case: gettext("Keep SKU %(sku)s") % {"sku": case.product.sku if case.product else ""},
    ),
    Kind.UNKNOWN_SKU: Description(
        _("Goods arrived with the SKU %(sku)s, which no product had. An unverified product was created for them; "
          "on hand: %(on_hand)s."),
        [Row("goods with an unknown SKU", "created an unverified product and booked the goods",
             "the SKU is right: no longer unverified. *move*: the goods belong to another SKU; they are moved there",
             NONE)],
        deed=_if_product(Deed.VERIFY),
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
        deed=_create_if_described,
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
        deed=_if_product(Deed.ARCHIVE),
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
