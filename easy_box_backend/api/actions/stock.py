"""The ledger, and its only writer: nothing else changes what is on hand."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F, OuterRef, Q, Subquery, Sum, Window
from django.db.models.functions import Coalesce, Lag
from django.utils.translation import gettext_lazy as _

from api import prepared, revision
from api.actions import alerts, discrepancies
from api.actor import Actor
from api.errors import Invalid, NotFound
from api.models import MAX_QUANTITY, Discrepancy, OrderLine, Product, StockMovement

Kind = StockMovement.Kind
log = logging.getLogger(__name__)


class NoSuchProduct(NotFound):
    code = "no_such_product"

    def __init__(self, product_id: object) -> None:
        super().__init__(_("There is no such product."), facts={"product": product_id})


class ImplausibleQuantity(Invalid):
    code = "implausible_quantity"

    def __init__(self, quantity: int, most: int = MAX_QUANTITY) -> None:
        detail = _("The quantity is implausible; at most %(most)s can be meant.") % {"most": most}
        super().__init__(detail, facts={"quantity": quantity, "most": most}, fields={"quantity": [detail]})


def lock(product_ids: Iterable[int]) -> dict[int, Product]:
    """These products by id, locked to the end of the transaction, in the order of their ids (so nobody deadlocks).

    An id that does not exist is missing from the answer.
    """
    found = Product.objects.filter(id__in=set(product_ids)).order_by("id").select_for_update(no_key=True)
    return {product.id: product for product in found}


def move(
    product: Product,
    delta: int,
    kind: Kind,
    *,
    revision: int,
    by: Actor,
    at: datetime,
    reason: str = "",
    order_line: OrderLine | None = None,
    reverses: StockMovement | None = None,
    occurred_at: datetime | None = None,
    op_key: str | None = None,
) -> StockMovement:
    """Change what is on hand of a product that the caller has locked, by `delta` pieces (not 0), and write it down.

    revision: the transaction's number, taken after all its locks. occurred_at: when it happened in the warehouse,
    if not now. Goods that fall below none are recorded as they are, and put before a manager; falling below the
    product's minimum is told.
    """
    product.quantity += delta
    product.revision = revision
    product.save(update_fields=["quantity", "revision", "updated_at"])
    movement = StockMovement.objects.create(
        product=product,
        kind=kind,
        quantity_delta=delta,
        quantity_after=product.quantity,
        reason=reason,
        user=by.user,
        device=by.device,
        order_line=order_line,
        reverses=reverses,
        op_key=op_key,
        revision=revision,
        occurred_at=occurred_at or at,
        recorded_at=at,
    )
    if product.quantity < 0 <= product.quantity - delta:
        discrepancies.record(
            Discrepancy.Kind.NEGATIVE_STOCK,
            by=by,
            at=at,
            product=product,
            on_hand=product.quantity,
            change=delta,
        )
    # When the line is crossed, not at each piece below it.
    if product.min_quantity > 0 and product.quantity < product.min_quantity <= product.quantity - delta:
        alerts.tell(
            "low_stock", at=at, product=product.pk, sku=product.sku, name=product.name, on_hand=product.quantity,
            minimum=product.min_quantity,
        )  # fmt: skip
    return movement


def receive(product_id: int, quantity: int, *, by: Actor, at: datetime) -> StockMovement:
    """Goods arrive: `quantity` pieces (1 to MAX_QUANTITY) more of a live product.

    Raises ImplausibleQuantity, and NoSuchProduct if it is unknown or archived.
    """
    if not 1 <= quantity <= MAX_QUANTITY:
        raise ImplausibleQuantity(quantity)
    if connection.vendor == "postgresql":
        # A single statement is a transaction of its own: BEGIN and COMMIT would be two more round trips.
        return _receive_in_one_statement(product_id, quantity, by=by, at=at)
    with transaction.atomic():
        product = lock([product_id]).get(product_id)
        if product is None or product.is_archived:
            raise NoSuchProduct(product_id)
        return move(product, quantity, Kind.RECEIPT, revision=revision.take(), by=by, at=at)


# The revision's row is locked last, since its update waits for `goods`, which waits for the product's row.
_RECEIVE = """
WITH goods AS (
    SELECT id FROM api_product WHERE id = %(product)s AND archived_at IS NULL FOR NO KEY UPDATE
), number AS (
    UPDATE api_revision SET value = value + 1 WHERE id = 1 AND EXISTS (SELECT 1 FROM goods) RETURNING value
), changed AS (
    UPDATE api_product SET quantity = quantity + %(quantity)s, revision = number.value, updated_at = %(at)s
    FROM number WHERE api_product.id = %(product)s RETURNING api_product.id, quantity, api_product.revision
)
INSERT INTO api_stockmovement (product_id, kind, quantity_delta, quantity_after, reason, user_id, device_id,
    revision, occurred_at, recorded_at)
SELECT id, 'receipt', %(quantity)s, quantity, '', %(user)s::bigint, %(device)s::bigint, revision, %(at)s, %(at)s
FROM changed
RETURNING id, quantity_after, revision
"""


def _receive_in_one_statement(product_id: int, quantity: int, *, by: Actor, at: datetime) -> StockMovement:
    """The hot write in one round trip; `move` says what it does."""
    row = prepared.one_row(
        _RECEIVE,
        {
            "product": product_id,
            "quantity": quantity,
            "at": at,
            "user": by.user.pk if by.user else None,
            "device": by.device.pk if by.device else None,
        },
    )
    if row is None:
        raise NoSuchProduct(product_id)
    return StockMovement(
        id=row[0], product_id=product_id, kind=Kind.RECEIPT, quantity_delta=quantity, quantity_after=row[1],
        revision=row[2], user=by.user, device=by.device, occurred_at=at, recorded_at=at,
    )  # fmt: skip


@transaction.atomic
def adjust(product_id: int, delta: int, *, reason: str, by: Actor, at: datetime) -> StockMovement:
    """A manager corrects what is on hand by `delta` pieces (not 0), saying why.

    Raises ImplausibleQuantity and NoSuchProduct.
    """
    if delta == 0 or abs(delta) > MAX_QUANTITY:
        raise ImplausibleQuantity(delta)
    product = lock([product_id]).get(product_id)
    if product is None:
        raise NoSuchProduct(product_id)
    return move(product, delta, Kind.ADJUSTMENT, revision=revision.take(), by=by, at=at, reason=reason)


@transaction.atomic
def count(
    product_id: int, counted: int, *, counted_at: datetime, by: Actor, at: datetime, reason: str = ""
) -> StockMovement | None:
    """A stocktake: `counted` pieces lay there at `counted_at`. Posts the variance against the on-hand of that moment.

    What moved after `counted_at` stands. Returns None when the count agrees. Raises ImplausibleQuantity, NoSuchProduct.
    """
    if not 0 <= counted <= MAX_QUANTITY:
        raise ImplausibleQuantity(counted)
    product = lock([product_id]).get(product_id)
    if product is None:
        raise NoSuchProduct(product_id)
    since = product.movements.filter(occurred_at__gt=counted_at).aggregate(total=Sum("quantity_delta"))["total"] or 0
    variance = counted - (product.quantity - since)
    if variance == 0:
        return None
    number = revision.take()
    return move(product, variance, Kind.COUNT, revision=number, by=by, at=at, reason=reason, occurred_at=counted_at)


class NotReversible(Invalid):
    code = "not_reversible"


@transaction.atomic
def reverse(movement_id: int, *, by: Actor, at: datetime, reason: str = "") -> StockMovement:
    """Take a movement back by an opposite one. Raises NotFound, and NotReversible for a second time or a reversal."""
    product_id = StockMovement.objects.filter(id=movement_id).values_list("product_id", flat=True).first()
    if product_id is None:
        raise NotFound(_("There is no such movement."), facts={"movement": movement_id})
    product = lock([product_id])[product_id]
    movement = StockMovement.objects.get(id=movement_id)
    if movement.reverses_id or StockMovement.objects.filter(reverses=movement).exists():
        raise NotReversible(_("This movement is reversed already."), facts={"movement": movement_id})
    return move(
        product, -movement.quantity_delta, Kind.REVERSAL, revision=revision.take(), by=by, at=at,
        reason=reason, reverses=movement, order_line=movement.order_line, occurred_at=movement.occurred_at,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BrokenLedger:
    """quantity: what the product says; ledger: the sum of its movements; first_off: the first movement whose
    `quantity_after` is not the sum up to it, None if all are."""

    product: int
    sku: str
    quantity: int
    ledger: int
    first_off: int | None


def broken_ledgers() -> list[BrokenLedger]:
    """Products, also archived ones, whose quantity or running totals are not what their movements add up to.

    Two queries. None are found in a right database, also while others write to it.
    """
    before = Window(
        Lag("quantity_after", default=0), partition_by=F("product_id"), order_by=F("id").asc()
    )  # fmt: skip
    off: dict[int, int] = {}
    rows = StockMovement.objects.order_by().annotate(before=before).exclude(
        quantity_after=F("before") + F("quantity_delta")
    )  # fmt: skip
    for product_id, movement_id in rows.values_list("product_id", "id"):
        off[product_id] = min(movement_id, off.get(product_id, movement_id))
    total = StockMovement.objects.filter(product=OuterRef("pk")).order_by().values("product")
    products = Product.objects.annotate(
        ledger=Coalesce(Subquery(total.annotate(total=Sum("quantity_delta")).values("total")), 0)
    ).filter(~Q(quantity=F("ledger")) | Q(id__in=list(off)))
    return [
        BrokenLedger(product_id, sku, quantity, ledger, off.get(product_id))
        for product_id, sku, quantity, ledger in products.order_by("id").values_list("id", "sku", "quantity", "ledger")
    ]


@transaction.atomic
def repair(product_id: int, *, by: Actor) -> bool:
    """Make a product's quantity and its movements' running totals what the movements add up to; phones will see it.

    Returns whether anything was wrong. Raises NoSuchProduct.
    """
    product = lock([product_id]).get(product_id)
    if product is None:
        raise NoSuchProduct(product_id)
    total, off = 0, []
    for movement in product.movements.order_by("id"):
        total += movement.quantity_delta
        if movement.quantity_after != total:
            movement.quantity_after = total
            off.append(movement)
    if product.quantity == total and not off:
        return False
    StockMovement.objects.bulk_update(off, ["quantity_after"], batch_size=500)
    log.warning("Ledger of product %s repaired by %s: %s becomes %s", product.pk, by.user, product.quantity, total)
    product.quantity, product.revision = total, revision.take()
    product.save(update_fields=["quantity", "revision", "updated_at"])
    return True
