"""Stocktakes of shelves: a sheet of products, what was counted, and its posting to the ledger (`counts.py`)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from api.actions import counts, stock
from api.actions.stock import NoSuchProduct
from api.actor import Actor
from api.errors import Conflict, Invalid, NoSuch
from api.models import Count, CountLine, Product
from api.texts import cut, storable

MOST_LINES = 2000
"""The most products on a sheet. Posting is one transaction, during which nothing else can be booked."""

EVERYTHING = "*"


class NoSuchCount(NoSuch):
    code, sentence = "no_such_count", _("There is no such stocktake.")


class NothingToCount(Invalid):
    code, sentence = "nothing_to_count", _("There are no such products.")


class CountClosed(Conflict):
    code, sentence = "count_closed", _("This stocktake is posted or cancelled already.")


@dataclass(frozen=True, slots=True)
class Counted:
    """How many pieces of a product somebody counted, and when."""

    product_id: int
    pieces: int
    at: datetime


@transaction.atomic
def start(*, shelves: Collection[str] = (), product_ids: Collection[int] = (), blind: bool, by: Actor) -> Count:
    """Start a stocktake of the live products on these shelves, and of these products.

    shelves: see `ProductQuerySet.on_shelves`; EVERYTHING is the whole warehouse. Raises NothingToCount, Invalid if
    there are too many.
    """
    live = Product.objects.live()
    found = live if EVERYTHING in shelves else live.filter(Q(id__in=live.on_shelves(shelves)) | Q(id__in=product_ids))
    ids = list(found.values_list("id", flat=True)[: MOST_LINES + 1])
    if not ids:
        raise NothingToCount
    if len(ids) > MOST_LINES:
        raise Invalid(
            _("These are too many products for one stocktake. The limit is %(most)s.") % {"most": MOST_LINES},
            code="too_many_products", facts={"most": MOST_LINES},
        )  # fmt: skip
    chosen = EVERYTHING if EVERYTHING in shelves else cut(storable(", ".join(shelves)), 255)
    count = Count.objects.create(chosen=chosen, blind=blind, started_by=by.user, started_at=by.at)
    CountLine.objects.bulk_create([CountLine(count=count, product_id=key) for key in ids], batch_size=1000)
    return count


@transaction.atomic
def enter(count_id: int, counted: Iterable[Counted], *, by: Actor) -> list[CountLine]:
    """Keep what was counted, all of it or nothing. A product that is not on the sheet is added.

    Of two numbers for a product the one counted later is kept, in whatever order they arrive, so the same request can
    be repeated. Returns the lines. Raises NoSuchCount, CountClosed, NoSuchProduct, BadMoment, ImplausibleQuantity.
    """
    count = _lock_open(count_id)
    counted = list(counted)
    products = Product.objects.in_bulk({one.product_id for one in counted})
    lines = {line.product_id: line for line in count.lines.filter(product__in=products)}
    for one in counted:
        if one.product_id not in products:
            raise NoSuchProduct(one.product_id)
        at = counts.checked(products[one.product_id], one.pieces, one.at, by.at)
        line = lines.setdefault(one.product_id, CountLine(count=count, product_id=one.product_id))
        if line.counted_at is None or at >= line.counted_at:
            line.counted, line.counted_at, line.user, line.device = one.pieces, at, by.user, by.device
            line.save()
    return list(lines.values())


@transaction.atomic
def recount(count_id: int, product_ids: Collection[int]) -> None:
    """Put these products back on the sheet as not counted. Raises NoSuchCount, CountClosed."""
    lines = _lock_open(count_id).lines.filter(product__in=product_ids)
    lines.update(counted=None, counted_at=None, user=None, device=None)


@transaction.atomic
def post(count_id: int, *, by: Actor) -> Count:
    """Post everything that was counted. What was not counted stays as it is.

    Each product is counted as of the time when it was counted, so movements since then keep their effect. Idempotent.
    Raises NoSuchCount, CountClosed for a cancelled one, NothingToCount, and what `counts.count` raises.
    """
    count = _lock(count_id)
    if count.status == Count.Status.POSTED:
        return count
    _require_open(count)
    lines = list(count.lines.filter(counted__isnull=False).order_by("product_id"))
    if not lines:
        raise NothingToCount(_("Nothing has been counted yet."))
    stock.lock(line.product_id for line in lines)  # all of them before the revision, which `counts.count` takes
    for line in lines:
        assert line.counted is not None
        assert line.counted_at is not None
        reason = str(_("Stocktake %(number)s") % {"number": count.pk})
        line.movement, _later = counts.count(
            line.product_id, line.counted, counted_at=line.counted_at, reason=reason, by=by
        )
    CountLine.objects.bulk_update(lines, ["movement"], batch_size=500)
    count.status, count.posted_at = Count.Status.POSTED, by.at
    count.save(update_fields=["status", "posted_at"])
    return count


@transaction.atomic
def cancel(count_id: int) -> Count:
    """End a stocktake without posting it. Idempotent. Raises NoSuchCount, CountClosed for a posted one."""
    count = _lock(count_id)
    if count.status != Count.Status.CANCELLED:
        _require_open(count)
        count.status = Count.Status.CANCELLED
        count.save(update_fields=["status"])
    return count


def _lock(count_id: int) -> Count:
    if count := Count.objects.filter(pk=count_id).select_for_update(no_key=True).first():
        return count
    raise NoSuchCount(count_id)


def _require_open(count: Count) -> None:
    if not count.is_open:
        raise CountClosed(facts={"status": count.status})


def _lock_open(count_id: int) -> Count:
    count = _lock(count_id)
    _require_open(count)
    return count
