"""Settling a discrepancy: what its answers (`discrepancy_kinds`) promise is carried out, or nothing is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import orders, products, reversing, stock, unknown_goods
from api.actor import Actor
from api.discrepancies import kinds
from api.discrepancies.kinds import Answer, Deed
from api.errors import Conflict, DomainError, Invalid, NotFound, Text
from api.models import MAX_QUANTITY, Discrepancy, Order, OrderLine, Product, StockMovement

_STATUS = {
    "apply": Discrepancy.Status.APPLIED,
    "move": Discrepancy.Status.APPLIED,
    "reverse": Discrepancy.Status.REVERSED,
    "dismiss": Discrepancy.Status.DISMISSED,
}

MOST_AT_ONCE = 500
"""How many discrepancies can be settled in one go."""


class NotApplicable(Invalid):
    """This way of settling makes no sense here."""

    code = "not_applicable"


class AlreadySettled(Conflict):
    code = "already_settled"


class Changed(Conflict):
    """The numbers are not those that the person was shown."""

    code = "changed"

    def __init__(self, now: Answer | None) -> None:
        if now is None:
            super().__init__(_("This has changed meanwhile, so nothing was done. Look at it again."))
            return
        detail = _("The numbers have changed meanwhile, so nothing was done. Now it is: %(answer)s") % {
            "answer": now.text
        }
        super().__init__(detail, facts={"answer": now.text, "token": now.token})


class Missing(Invalid):
    """Something has to be entered for this answer: for what was held back as implausible, the real number."""

    code = "missing"

    def __init__(self, asked: kinds.Ask, implausible: int | None = None) -> None:
        detail = _("Enter this first: %(what)s") % {"what": asked.label}
        fields: dict[str, list[Text]] = {asked.name: [detail]}
        if implausible is None:
            super().__init__(detail, facts={"asks": asked.name}, fields=fields)
        else:
            facts = {"quantity": implausible, "most": MAX_QUANTITY}
            super().__init__(detail, code=stock.ImplausibleQuantity.code, facts=facts, fields=fields)


@dataclass(frozen=True, slots=True)
class Entered:
    """What the manager entered; None: nothing. quantity: in pieces, without a sign."""

    quantity: int | None = None
    sku: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an answer is carried out on: the discrepancy, its order and its products by id, all locked."""

    found: Discrepancy
    order: Order | None
    locked: dict[int, Product]
    entered: Entered
    by: Actor

    @property
    def product(self) -> Product:
        return self.locked[self.found.product_id or 0]

    @property
    def reason(self) -> str:
        return str(self.found.get_kind_display())


def ways(discrepancy: Discrepancy) -> list[str]:
    """How this one can be settled: some of "apply", "reverse", "move", "dismiss"."""
    return [answer.action for answer in kinds.describe([discrepancy])[0].answers]


@transaction.atomic
def resolve(
    discrepancy_id: int, action: str, *, by: Actor, note: str = "", entered: Entered | None = None,
    shown: str | None = None,
) -> Discrepancy:  # fmt: skip
    """Settle a discrepancy by one of its answers.

    entered: what this answer asks for. shown: the token of the answer as the person saw it; if it would do something
    else by now, nothing is done. Raises NotFound, AlreadySettled, NotApplicable, Missing, Changed,
    ImplausibleQuantity, OnHandOutOfBounds, NotReversible (see `reversing`), and SkuTaken when the SKU to apply is not
    free.
    """
    entered = entered or Entered()
    found = Discrepancy.objects.filter(id=discrepancy_id).first()
    if found is None:
        raise NotFound(_("There is no such discrepancy."), facts={"discrepancy": discrepancy_id})
    # The order, products, then the discrepancy, as everywhere: goods that arrive lock a product and then record one.
    order = Order.objects.select_for_update(no_key=True).filter(id=found.order_id or 0).first()
    target = unknown_goods.named(entered.sku) if action == "move" else None
    locked = stock.lock(_products_of(found) | ({target} if target else set()))
    found = Discrepancy.objects.select_for_update(no_key=True, of=("self",)).get(id=discrepancy_id)
    if not _products_of(found) <= set(locked):
        raise Changed(None)  # its goods have gone to another product just now
    if found.status != Discrepancy.Status.OPEN:
        raise AlreadySettled(_("This discrepancy is settled already."), facts={"status": found.status})
    told = kinds.describe([found])[0]
    answer = told.answer(action)
    if answer is None:
        ways = [answer.action for answer in told.answers]
        raise NotApplicable(_("This discrepancy cannot be settled so."), facts={"ways": ways})
    if shown and shown != answer.token:
        raise Changed(answer)
    _check(answer, found, entered)
    if do := DEEDS[answer.deed]:
        do(Settlement(found, order, locked, entered, by))
    found.status, found.resolved_at, found.resolved_by, found.note = _STATUS[action], by.at, by.user, note
    found.save(update_fields=["status", "resolved_at", "resolved_by", "note", "facts"])
    return found


def resolve_many(
    wanted: Mapping[int, str], action: str, *, by: Actor, note: str = ""
) -> tuple[list[int], dict[int, DomainError]]:
    """Settle many alike by one answer, each in a transaction of its own.

    wanted: by discrepancy the token of the answer as it was shown. Returns those that are settled, and why the others
    are not. Raises NotApplicable for more than MOST_AT_ONCE.
    """
    if len(wanted) > MOST_AT_ONCE:
        raise NotApplicable(_("At most %(most)d can be settled at once.") % {"most": MOST_AT_ONCE})
    done, refused = [], {}
    for key, shown in wanted.items():
        try:
            resolve(key, action, by=by, note=note, shown=shown)
            done.append(key)
        except DomainError as refusal:
            refused[key] = refusal
    return done, refused


def _products_of(found: Discrepancy) -> set[int]:
    booked = StockMovement.objects.filter(id__in=found.facts.get("booked", []))
    named = {entry["product"] for entry in found.facts.get("pending", [])} | set(
        booked.values_list("product_id", flat=True)
    )
    return named | ({found.product_id} if found.product_id else set())


def _check(answer: Answer, found: Discrepancy, entered: Entered) -> None:
    """Whether all is entered that the answer asks for. What was sent stands for a name and a SKU of a new product."""
    for asked in answer.asks:
        given = getattr(entered, asked.name)
        if given in (None, "") and (asked.name == "quantity" or not asked.value):
            held = sum(entry["delta"] for entry in found.facts["pending"]) if answer.deed == Deed.BOOK else None
            raise Missing(asked, held)
    if entered.quantity is not None and any(asked.name == "quantity" for asked in answer.asks):
        least = 0 if answer.deed == Deed.CREATE else 1
        if not least <= entered.quantity <= MAX_QUANTITY:
            raise stock.ImplausibleQuantity(entered.quantity)


# --- What the answers do ----------------------------------------------------------------------------------------------
def _book(the: Settlement) -> None:
    """What was held back is booked; of a quantity that was entered, so many pieces instead."""
    pending: list[dict[str, Any]] = the.found.facts["pending"]
    if the.entered.quantity is not None:
        sign = 1 if sum(entry["delta"] for entry in pending) > 0 else -1
        pending = [{**pending[0], "delta": sign * the.entered.quantity}]
    for entry in pending:
        _book_one(the, entry)


def _book_one(the: Settlement, entry: dict[str, Any]) -> None:
    """Book what was held back of a product, as of when it happened: a count since then includes it."""
    product, delta, order = the.locked[entry["product"]], entry["delta"], the.order
    happened_at = datetime.fromisoformat(entry["at"]) if "at" in entry else the.found.created_at
    line = OrderLine.objects.filter(order=order, product=product).first() if order else None
    kind = StockMovement.Kind.PICK if line else StockMovement.Kind.ADJUSTMENT
    number = revision.take()
    stock.move(
        product, delta, kind, revision=number, by=the.by, reason=the.reason, order_line=line,
        occurred_at=happened_at, within=stock.count_with(product, happened_at),
    )  # fmt: skip
    if order and order.status != Order.Status.CANCELLED and line and line.removed_at is None:
        # So that cancelling the order gives them back.
        orders.count_picked(order, line, -delta, revision=number, by=the.by)


def _take_back(the: Settlement) -> None:
    """What was booked on a guess is taken back; what is reversed already stays so."""
    booked = StockMovement.objects.filter(id__in=the.found.facts["booked"]).not_reversed().order_by("id")
    for movement in list(booked):
        reversing.reverse(movement.pk, by=the.by, reason=the.reason)


def _describe(*fields: str) -> Callable[[Settlement], None]:
    """What the phone sent is the product's value of these fields."""

    def do(the: Settlement) -> None:
        products.apply(the.product, dict.fromkeys(fields, the.found.facts["sent"]), by=the.by)

    return do


def _verify(the: Settlement) -> None:
    products.apply(the.product, {"unverified": False}, by=the.by)


def _move(the: Settlement) -> None:
    target = unknown_goods.target_of(the.entered.sku or "", the.product, the.locked)
    unknown_goods.move(the.product, target, the.found, by=the.by)


def _create(the: Settlement) -> None:
    facts, entered = the.found.facts, the.entered
    sku = entered.sku or the.found.sku
    made = products.create(
        sku=sku, name=entered.name or facts.get("name") or sku, quantity=entered.quantity or 0, by=the.by
    )
    the.found.facts = {**facts, "made": made.pk}


def _archive(the: Settlement) -> None:
    products.archive(the.product.pk, by=the.by)


DEEDS: dict[Deed, Callable[[Settlement], None] | None] = {
    Deed.BOOK: _book,
    Deed.LEAVE: None,
    Deed.TAKE_BACK: _take_back,
    Deed.RENAME: _describe("name"),
    Deed.RELABEL: _describe("sku"),
    Deed.VERIFY: _verify,
    Deed.MOVE: _move,
    Deed.CREATE: _create,
    Deed.ARCHIVE: _archive,
    Deed.NOTHING: None,
}


def tokens(discrepancies: Iterable[Discrepancy], action: str) -> dict[int, str]:
    """By discrepancy what `action` does to it when they are settled in this order; those that can't be so are left
    out."""
    told = kinds.describe(list(discrepancies), in_turn=action)
    return {row.row.pk: answer.token for row in told if (answer := row.answer(action))}
