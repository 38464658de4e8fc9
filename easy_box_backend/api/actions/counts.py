"""Stocktakes. On hand is the latest count plus everything that happened after it."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import stock
from api.actor import Actor
from api.errors import Invalid
from api.models import Product, StockMovement, StockMovementQuerySet

Kind = StockMovement.Kind

CLOCK_MAY_BE_AHEAD = timedelta(minutes=1)
"""A count dated up to this far in the future is taken as counted now: the caller's clock is ahead of ours."""


class BadMoment(Invalid):
    """The product cannot have been counted at that time."""

    code = "bad_counted_at"


@transaction.atomic
def count(
    product_id: int, counted: int, *, counted_at: datetime, by: Actor, reason: str = ""
) -> tuple[StockMovement, StockMovement | None]:
    """Book a stocktake: `counted` pieces were there at `counted_at`. Sets on hand to these plus all movements since.

    Returns the count, whose `quantity_delta` is the variance (0 if it agrees), and the valid count that was taken
    later, None if there is none. If there is one, this count is only recorded. Raises BadMoment, ImplausibleQuantity,
    NoSuchProduct.
    """
    product = stock.lock_one(product_id)
    counted_at = checked(product, counted, counted_at, by.at)
    movements = StockMovement.objects.filter(product=product)
    latest = movements.counts().first()
    later = latest if latest and latest.occurred_at > counted_at else None
    since = _pieces(movements.events().filter(occurred_at__gt=counted_at))
    variance = 0 if later else counted + since - product.quantity
    # Phones see no difference without a variance, so it takes no revision.
    number = revision.take() if variance else product.revision
    made = stock.move(
        product, variance, Kind.COUNT, counted=counted, number=number, by=by, reason=reason,
        occurred_at=counted_at,
    )  # fmt: skip
    return made, later


def take_back(count: StockMovement, product: Product, *, by: Actor, reason: str) -> StockMovement:
    """Reverse a count of a locked product. What it included takes effect again, and the count before it, if any, is
    valid again. Returns the reversal. Raises OnHandOutOfBounds."""
    movements = StockMovement.objects.filter(product=product)
    level = product.quantity
    if count == movements.counts().first():
        before = movements.counts().exclude(pk=count.pk).first()
        since = movements.events().behind(before) if before else movements.events()
        level = (before.counted or 0 if before else 0) + _pieces(since)
    number = revision.take() if level != product.quantity else product.revision
    return stock.move(
        product, level - product.quantity, Kind.REVERSAL, number=number, by=by, reason=reason,
        reverses=count, occurred_at=count.occurred_at,
    )  # fmt: skip


def checked(product: Product, counted: int, counted_at: datetime, at: datetime) -> datetime:
    """The time of a count, at most now. Raises BadMoment, ImplausibleQuantity."""
    stock.check_level(product, counted, field="counted")
    first = product.versions.order_by("revision").values_list("changed_at", flat=True).first()
    detail = None
    if counted_at > at + CLOCK_MAY_BE_AHEAD:
        detail = _("The time of a count cannot be in the future.")
    elif first is not None and counted_at < first:
        detail = _("The product did not exist at that time.")
    if detail is not None:
        facts = {"counted_at": counted_at.isoformat(), "now": at.isoformat()}
        facts |= {"product_since": first.isoformat()} if first else {}
        raise BadMoment(detail, facts=facts, field="counted_at")
    return min(counted_at, at)


def _pieces(movements: StockMovementQuerySet) -> int:
    return movements.aggregate(total=Sum("quantity_delta"))["total"] or 0
