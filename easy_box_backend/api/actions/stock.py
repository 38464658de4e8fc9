"""What is on hand, and its only writer: nothing else changes a quantity or writes a movement.

Counts are in `counts.py`, taking movements back in `reversing.py`, the proof of the ledger in `ledger.py`.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import discrepancies, one_statement
from api.actor import Actor
from api.alerts import outbox
from api.errors import Invalid, NotFound
from api.models import EXACT, MAX_ON_HAND, MAX_QUANTITY, Discrepancy, OrderLine, Product, StockMovement

Kind = StockMovement.Kind


class NoSuchProduct(NotFound):
    code = "no_such_product"

    def __init__(self, product_id: object) -> None:
        super().__init__(_("There is no such product."), facts={"product": product_id})


class ImplausibleQuantity(Invalid):
    """More than one operation can mean. field: under which name the caller gave it."""

    code = "implausible_quantity"

    def __init__(self, quantity: int, most: int = MAX_QUANTITY, *, field: str = "quantity", **facts: int) -> None:
        detail = _("The quantity is implausible; at most %(most)s can be meant.") % {"most": most}
        super().__init__(detail, facts={"quantity": quantity, "most": most, **facts}, fields={field: [detail]})


class OnHandOutOfBounds(Invalid):
    """What is on hand would leave ±MAX_ON_HAND."""

    code = "on_hand_out_of_bounds"

    def __init__(self, product_id: int, on_hand: int, change: int) -> None:
        detail = _("So many pieces of one product can't be on hand; the bound is %(most)s.") % {"most": MAX_ON_HAND}
        facts = {"product": product_id, "on_hand": on_hand, "change": change, "most": MAX_ON_HAND}
        super().__init__(detail, facts=facts, fields={"quantity": [detail]})


def lock(product_ids: Iterable[int]) -> dict[int, Product]:
    """These products by id, locked to the end of the transaction, in the order of their ids (so nobody deadlocks).

    An id that does not exist is missing from the answer.
    """
    found = Product.objects.filter(id__in=set(product_ids)).order_by("id").select_for_update(no_key=True)
    return {product.id: product for product in found}


def check_level(product: Product, level: int, *, field: str) -> None:
    """Whether somebody can mean that `level` pieces of this product are on hand: a number is believed up to
    MAX_QUANTITY beyond what is on hand (or beyond none). Raises ImplausibleQuantity."""
    most = min(max(product.quantity, 0) + MAX_QUANTITY, MAX_ON_HAND)
    least = max(min(product.quantity, 0) - MAX_QUANTITY, -MAX_ON_HAND)
    if not least <= level <= most:
        raise ImplausibleQuantity(level, most, field=field)


def fits(product: Product, delta: int) -> bool:
    """Whether what is on hand stays within ±MAX_ON_HAND; from outside, whether it comes nearer."""
    after = abs(product.quantity + delta)
    return after <= MAX_ON_HAND or after <= abs(product.quantity)


def count_with(product: Product, happened_at: datetime, movement: StockMovement | None = None) -> StockMovement | None:
    """The latest count of a locked product, if it includes what happened at `happened_at`; None otherwise.

    movement: the one that stands for it, if it is booked already.
    """
    count = StockMovement.objects.of_product(product.pk).counts().first()
    if count is None:
        return None
    included = count.includes(movement) if movement else happened_at <= count.occurred_at
    return count if included else None


def move(
    product: Product,
    delta: int,
    kind: Kind,
    *,
    revision: int,
    by: Actor,
    reason: str = "",
    order_line: OrderLine | None = None,
    reverses: StockMovement | None = None,
    occurred_at: datetime | None = None,
    op_key: str | None = None,
    counted: int | None = None,
    within: StockMovement | None = None,
) -> StockMovement:
    """Change what is on hand of a product that the caller has locked, by `delta` pieces, and write it down.

    revision: the transaction's number, taken after all its locks. occurred_at: when it happened in the warehouse,
    if not now. counted: see `StockMovement`. within: the count that includes it already (`count_with`); then another
    movement makes up for it and nothing changes on hand. delta is not 0, but for counts and their reversals.
    Goods that fall below none are recorded as they are, and put before a manager; falling below the product's minimum
    is told. Raises OnHandOutOfBounds.
    """
    before, change = product.quantity, 0 if within else delta
    if not fits(product, change) or abs(delta) > EXACT:
        raise OnHandOutOfBounds(product.pk, before, delta)
    if within is not None:
        _keep_count(within, product, delta, revision=revision, by=by)
    movement = StockMovement.objects.create(
        product=product,
        kind=kind,
        quantity_delta=delta,
        quantity_after=before + change,
        counted=counted,
        reason=reason,
        user=by.user,
        device=by.device,
        order_line=order_line,
        reverses=reverses,
        op_key=op_key,
        revision=revision,
        occurred_at=occurred_at or by.at,
        recorded_at=by.at,
    )
    if delta:
        product.quantity, product.revision = before + change, revision
        product.save(update_fields=["quantity", "revision", "updated_at"])
        _tell(product, change, by=by)
    return movement


def _keep_count(count: StockMovement, product: Product, delta: int, *, revision: int, by: Actor) -> None:
    """Make up for `delta` pieces that are to be booked next and that this count includes, so that it holds."""
    when = f"{timezone.localtime(count.occurred_at):%Y-%m-%d %H:%M}"
    StockMovement.objects.create(
        product=product, kind=Kind.COUNT, quantity_delta=-delta, quantity_after=product.quantity - delta,
        reason=str(_("The count of %(when)s includes it.") % {"when": when}), user=by.user, device=by.device,
        revision=revision, occurred_at=count.occurred_at, recorded_at=by.at,
    )  # fmt: skip


def _tell(product: Product, delta: int, *, by: Actor) -> None:
    """Say what people are to hear of after `delta` pieces: once as a line is crossed, not at each piece below it."""
    before = product.quantity - delta
    if product.quantity < 0 <= before:
        discrepancies.record(
            Discrepancy.Kind.NEGATIVE_STOCK,
            by=by,
            product=product,
            on_hand=product.quantity,
            change=delta,
        )
    if product.min_quantity > 0 and product.quantity < product.min_quantity <= before:
        outbox.tell(
            "low_stock", at=by.at, product=product.pk, sku=product.sku, name=product.name, on_hand=product.quantity,
            minimum=product.min_quantity,
        )  # fmt: skip


def receive(product_id: int, quantity: int, *, by: Actor, occurred_at: datetime | None = None) -> StockMovement:
    """Goods arrive: `quantity` pieces (1 to MAX_QUANTITY) more of a live product.

    occurred_at: when they arrived, if not now; a count since then includes them.
    Raises ImplausibleQuantity, OnHandOutOfBounds, and NoSuchProduct if it is unknown or archived.
    """
    if not 1 <= quantity <= MAX_QUANTITY:
        raise ImplausibleQuantity(quantity)
    if connection.vendor == "postgresql" and occurred_at is None:
        # A single statement is a transaction of its own: BEGIN and COMMIT would be two more round trips.
        if movement := one_statement.receive(product_id, quantity, most=MAX_ON_HAND, by=by):
            return movement
        on_hand = Product.objects.live().filter(id=product_id).values_list("quantity", flat=True).first()
        raise NoSuchProduct(product_id) if on_hand is None else OnHandOutOfBounds(product_id, on_hand, quantity)
    with transaction.atomic():
        product = lock([product_id]).get(product_id)
        if product is None or product.is_archived:
            raise NoSuchProduct(product_id)
        within = count_with(product, occurred_at) if occurred_at else None
        return move(
            product, quantity, Kind.RECEIPT, revision=revision.take(), by=by, occurred_at=occurred_at,
            within=within,
        )  # fmt: skip


@transaction.atomic
def adjust(product_id: int, delta: int, *, reason: str, by: Actor) -> StockMovement:
    """A manager corrects what is on hand by `delta` pieces (not 0), saying why.

    Raises ImplausibleQuantity, NoSuchProduct and OnHandOutOfBounds.
    """
    if delta == 0 or abs(delta) > MAX_QUANTITY:
        raise ImplausibleQuantity(delta, field="quantity_delta")
    product = lock([product_id]).get(product_id)
    if product is None:
        raise NoSuchProduct(product_id)
    return move(product, delta, Kind.ADJUSTMENT, revision=revision.take(), by=by, reason=reason)
