"""Additions that may be duplicates: a manager is asked, and they are reversed when the rest of the queue proves it."""

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from api.actions import discrepancies, reversing, unknown_goods
from api.actor import Actor
from api.models import Discrepancy, Product, StockMovement
from api.reconcile.memory import Item

Kind = Discrepancy.Kind


def ask_booked(items: list[Item], *, by: Actor) -> None:
    """Ask a manager about each addition that was booked and may be a duplicate. Idempotent."""
    for item in items:
        if item.movement and not item.asked:
            item.asked = True
            _ask(item.product, item.quantity, by, booked=[item.movement])


def ask_held_back(items: list[Item], *, by: Actor) -> None:
    """Ask a manager about additions that were not booked: one question per product, since all of them are duplicates
    or none is."""
    held_back = [item for item in items if not item.movement]
    for product in dict.fromkeys(item.product for item in held_back):
        mine = [item for item in held_back if item.product == product]
        for item in mine:
            item.asked = True
        _ask(product, sum(item.quantity for item in mine), by, **_pending(mine))


def take_back(items: list[Item], doubted: list[Item], *, by: Actor) -> None:
    """Reverse booked additions that were duplicates, and close the questions about them; the caller holds all locks.

    doubted: those that may be goods nevertheless: their questions stay open, as "not booked". What a manager has
    decided stays as it is. The item then keeps its movement, so that it is not booked again.
    """
    for item in items:
        if item.movement is None:
            continue
        (movement,) = unknown_goods.went([item.movement])
        booked = StockMovement.objects.not_reversed().filter(id=movement)
        about = Q(facts__booked=[item.movement]) | Q(facts__booked=[movement])
        asked = Discrepancy.objects.filter(about, kind=Kind.POSSIBLE_DUPLICATE, device=by.device)
        if asked.exclude(status=Discrepancy.Status.OPEN).exists() or not booked.exists():
            continue
        reversing.reverse(movement, by=by, reason=str(_("The phone sent its queue again.")))
        item.movement = None
        if not any(item is other for other in doubted):
            asked.update(status=Discrepancy.Status.REVERSED, resolved_at=by.at, resolved_by=by.user)
        elif not asked.update(facts={"quantity": item.quantity, **_pending([item])}):
            ask_held_back([item], by=by)


def _pending(items: list[Item]) -> dict[str, Any]:
    pending = [{"product": item.product, "delta": item.quantity, **_moment(item)} for item in items]
    return {"pending": pending, "requests": [item.number for item in items]}


def _moment(item: Item) -> dict[str, str]:
    """When a pending addition came: a stock count after that already includes it (see `settling.py`)."""
    came = item.came()
    return {"at": came.isoformat()} if came else {}


def _ask(product: int, quantity: int, by: Actor, **facts: Any) -> None:
    named = Product.objects.get(id=product)
    discrepancies.record(Kind.POSSIBLE_DUPLICATE, by=by, product=named, quantity=quantity, **facts)
