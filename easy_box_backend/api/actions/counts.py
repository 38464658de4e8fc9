"""Stocktakes. On hand is the latest count plus everything that happened after it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min, Sum
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import stock
from api.actor import Actor
from api.errors import Invalid
from api.models import Product, ProductVersion, StockMovement, StockMovementQuerySet

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


def count_many(
    counted: Sequence[tuple[Product, int]], *, counted_at: datetime, by: Actor, number: int, reason: str = ""
) -> list[StockMovement]:
    """`count` for many locked products, each once. number: the transaction's revision. Raises what `count` raises."""
    ids = [product.pk for product, _pieces in counted]
    movements = StockMovement.objects.filter(product__in=ids, occurred_at__gt=counted_at)
    since = dict(movements.events().order_by().values_list("product").annotate(Sum("quantity_delta")))
    overtaken = set(movements.counts().values_list("product", flat=True))
    first = known_since(ids)
    moves = []
    for product, pieces in counted:
        at = _moment(first.get(product.pk), counted_at, by.at)
        stock.check_level(product, pieces, field="counted")
        variance = 0 if product.pk in overtaken else pieces + since.get(product.pk, 0) - product.quantity
        moves.append(
            stock.Move(product, variance, Kind.COUNT, number if variance else product.revision, occurred_at=at,
                       counted=pieces)
        )  # fmt: skip
    return stock.move_many(moves, by=by, reason=reason)


def take_back_many(
    counts: Sequence[StockMovement], products: Mapping[int, Product], *, by: Actor, number: int, reason: str
) -> list[StockMovement]:
    """`take_back` for counts of locked products, one each, without movements since: the quantity before the count is on
    hand again."""
    moves = []
    for count in counts:
        product = products[count.product_id]
        moves.append(
            stock.Move(product, -count.quantity_delta, Kind.REVERSAL, number if count.quantity_delta else
                       product.revision, reverses=count, occurred_at=count.occurred_at)
        )  # fmt: skip
    return stock.move_many(moves, by=by, reason=reason)


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
    """Check a count before it is booked. Returns its time, at most now. Raises BadMoment, ImplausibleQuantity."""
    stock.check_level(product, counted, field="counted")
    first = product.versions.order_by("revision").values_list("changed_at", flat=True).first()
    return _moment(first, counted_at, at)


def known_since(products: Collection[int]) -> dict[int, datetime]:
    """By product: since when it exists, which is the time of its first version. A count cannot be earlier."""
    versions = ProductVersion.objects.filter(product__in=products).order_by()
    return dict(versions.values_list("product").annotate(Min("changed_at")))


def _moment(first: datetime | None, counted_at: datetime, at: datetime) -> datetime:
    """The time of a count, at most now. first: since when the product exists. Raises BadMoment."""
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
