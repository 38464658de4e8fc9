"""Settling a discrepancy by one of its answers (`discrepancies/kinds.py`), in full or not at all."""

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from api.actions import stock
from api.actions.deeds import DEEDS, Entered, Settlement
from api.actor import Actor
from api.discrepancies import kinds
from api.discrepancies.answers import Answer, Ask, Deed
from api.errors import Conflict, DomainError, Invalid, NoSuch
from api.models import MAX_QUANTITY, Discrepancy, Order, Product, StockMovement

_STATUS = {
    "apply": Discrepancy.Status.APPLIED,
    "move": Discrepancy.Status.APPLIED,
    "reverse": Discrepancy.Status.REVERSED,
    "dismiss": Discrepancy.Status.DISMISSED,
}

MOST_AT_ONCE = 500
"""How many discrepancies can be settled in one call."""


class NoSuchDiscrepancy(NoSuch):
    code, sentence = "no_such_discrepancy", _("There is no such discrepancy.")


class NotApplicable(Invalid):
    """The discrepancy does not have this answer."""

    code = "not_applicable"


class AlreadySettled(Conflict):
    code = "already_settled"


class Changed(Conflict):
    """The numbers are no longer those that the person was shown."""

    code = "changed"

    def __init__(self, now: Answer | None) -> None:
        if now is None:
            super().__init__(_("This has changed in the meantime, so nothing was done. Look at it again."))
            return
        detail = _("The numbers have changed in the meantime, so nothing was done. The answer is now: %(answer)s")
        super().__init__(detail % {"answer": now.text}, facts={"answer": now.text, "token": now.token})


class Missing(Invalid):
    """This answer needs an entry, such as the real number for an implausible one (`implausible`)."""

    code = "missing"

    def __init__(self, asked: Ask, implausible: int | None = None) -> None:
        detail = _("Enter this first: %(what)s") % {"what": asked.label}
        if implausible is None:
            super().__init__(detail, facts={"asks": asked.name}, field=asked.name)
        else:
            facts = {"quantity": implausible, "most": MAX_QUANTITY}
            super().__init__(detail, code=stock.ImplausibleQuantity.code, facts=facts, field=asked.name)


@transaction.atomic
def resolve(
    discrepancy_id: int, action: str, *, by: Actor, note: str = "", entered: Entered | None = None,
    shown: str | None = None,
) -> Discrepancy:  # fmt: skip
    """Settle a discrepancy by one of its answers.

    entered: what this answer asks for. shown: the token of the answer as the person saw it; if the answer would do
    something else by now, nothing is done. Raises NoSuchDiscrepancy, AlreadySettled, NotApplicable, Missing, Changed,
    ImplausibleQuantity, OnHandOutOfBounds, NotReversible (see `reversing`), and SkuTaken when the SKU to apply is not
    free.
    """
    entered = entered or Entered()
    found = Discrepancy.objects.filter(id=discrepancy_id).first()
    if found is None:
        raise NoSuchDiscrepancy(discrepancy_id)
    # Locks are taken in the same sequence everywhere: order, products, discrepancy.
    order = Order.objects.select_for_update(no_key=True).filter(id=found.order_id or 0).first()
    target = Product.objects.by_code(entered.sku or "") if action == "move" else None
    locked = stock.lock(_products_of(found) | ({target.pk} if target else set()))
    found = Discrepancy.objects.select_for_update(no_key=True, of=("self",)).get(id=discrepancy_id)
    if not _products_of(found) <= set(locked):
        raise Changed(None)  # its goods have just been moved to another product
    if found.status != Discrepancy.Status.OPEN:
        raise AlreadySettled(_("This discrepancy is already settled."), facts={"status": found.status})
    described = kinds.describe([found])[0]
    answer = described.answer(action)
    if answer is None:
        facts = {"ways": [answer.action for answer in described.answers]}
        raise NotApplicable(_("This discrepancy cannot be settled in this way."), facts=facts)
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
    """Settle many discrepancies by the same action, each in a transaction of its own.

    wanted: by id, the token of the answer as it was shown. Returns the ids that were settled, and the errors of the
    others. Raises NotApplicable for more than MOST_AT_ONCE.
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
    named = {entry["product"] for entry in found.facts.get("pending", [])}
    return named.union(booked.values_list("product_id", flat=True), [found.product_id] if found.product_id else [])


def _check(answer: Answer, found: Discrepancy, entered: Entered) -> None:
    """Raise Missing or ImplausibleQuantity unless `entered` has what the answer asks for. A name or SKU may be missing
    if the phone sent one."""
    for asked in answer.asks:
        given = getattr(entered, asked.name)
        if given in (None, "") and (asked.name == "quantity" or not asked.value):
            pending = sum(entry["delta"] for entry in found.facts["pending"]) if answer.deed == Deed.BOOK else None
            raise Missing(asked, pending)
    if entered.quantity is not None and any(asked.name == "quantity" for asked in answer.asks):
        least = 0 if answer.deed == Deed.CREATE else 1
        if not least <= entered.quantity <= MAX_QUANTITY:
            raise stock.ImplausibleQuantity(entered.quantity)
