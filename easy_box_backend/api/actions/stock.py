"""The only writer of the ledger: no other module changes a quantity or writes a movement.

Counts are in `counts.py`, reversals in `reversing.py`, checks of the ledger in `ledger.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from api import revision
from api.actions import discrepancies, one_statement
from api.actor import Actor
from api.alerts import outbox
from api.errors import Invalid, NoSuch
from api.models import EXACT, MAX_ON_HAND, MAX_QUANTITY, Discrepancy, OrderLine, Product, StockMovement

Kind = StockMovement.Kind
T = TypeVar("T", bound=Model)

MOST_TOLD = 20
"""If more products than this fall below their minimum at once, as by an import, one alert tells their number."""


class NoSuchProduct(NoSuch):
    code, sentence = "no_such_product", _("There is no such product.")


class ImplausibleQuantity(Invalid):
    """More pieces than one operation may move. field: where the request has the quantity."""

    code = "implausible_quantity"

    def __init__(self, quantity: int, most: int = MAX_QUANTITY, *, field: str = "quantity", **facts: int) -> None:
        detail = _("The quantity is implausible. The limit is %(most)s.") % {"most": most}
        super().__init__(detail, facts={"quantity": quantity, "most": most, **facts}, field=field)


class OnHandOutOfBounds(Invalid):
    """On hand would exceed ±MAX_ON_HAND."""

    code = "on_hand_out_of_bounds"

    def __init__(self, product_id: int, on_hand: int, change: int) -> None:
        detail = _("The quantity on hand would become too large. The limit is %(most)s.") % {"most": MAX_ON_HAND}
        facts = {"product": product_id, "on_hand": on_hand, "change": change, "most": MAX_ON_HAND}
        super().__init__(detail, facts=facts, field="quantity")


def lock(product_ids: Iterable[int]) -> dict[int, Product]:
    """These products by id, locked until the end of the transaction, in the order of their ids to avoid deadlocks.

    Unknown ids are missing from the result.
    """
    found = Product.objects.filter(id__in=set(product_ids)).order_by("id").select_for_update(no_key=True)
    return {product.id: product for product in found}


def lock_one(product_id: int) -> Product:
    """This product, also if archived, locked until the end of the transaction. Raises NoSuchProduct."""
    if product := lock([product_id]).get(product_id):
        return product
    raise NoSuchProduct(product_id)


def check_level(product: Product, level: int, *, field: str) -> None:
    """Raise ImplausibleQuantity if `level` is no plausible quantity on hand: more than MAX_QUANTITY above or below the
    present one (and 0), or outside ±MAX_ON_HAND. field: see ImplausibleQuantity."""
    most = min(max(product.quantity, 0) + MAX_QUANTITY, MAX_ON_HAND)
    least = max(min(product.quantity, 0) - MAX_QUANTITY, -MAX_ON_HAND)
    if not least <= level <= most:
        raise ImplausibleQuantity(level, most, field=field)


def fits(product: Product, delta: int) -> bool:
    """Whether on hand stays within ±MAX_ON_HAND after `delta` pieces, or comes nearer if it is outside already."""
    after = abs(product.quantity + delta)
    return after <= MAX_ON_HAND or after <= abs(product.quantity)


def count_with(product: Product, happened_at: datetime, movement: StockMovement | None = None) -> StockMovement | None:
    """The latest count of a locked product, if it includes what happened at `happened_at`; None otherwise.

    movement: its movement, if it is booked already.
    """
    count = StockMovement.objects.filter(product=product).counts().first()
    if count is None:
        return None
    included = count.includes(movement) if movement else happened_at <= count.occurred_at
    return count if included else None


def move(
    product: Product,
    delta: int,
    kind: Kind,
    *,
    number: int,
    by: Actor,
    reason: str = "",
    order_line: OrderLine | None = None,
    reverses: StockMovement | None = None,
    occurred_at: datetime | None = None,
    counted: int | None = None,
    within: StockMovement | None = None,
) -> StockMovement:
    """Change what is on hand of a locked product by `delta` pieces, and record the movement.

    delta: 0 only for counts and their reversals. number: the transaction's revision, taken after all its locks.
    occurred_at: when it happened in the warehouse, if not now. counted: see `StockMovement`. within: the count that
    includes it already (`count_with`); a second movement then compensates for it, and on hand does not change.
    On hand below 0 is allowed and recorded as a discrepancy; below the product's minimum, people are alerted.
    Raises OnHandOutOfBounds.
    """
    before, change = product.quantity, 0 if within else delta
    if not fits(product, change) or abs(delta) > EXACT:
        raise OnHandOutOfBounds(product.pk, before, delta)
    if within is not None:
        _keep_count(within, product, delta, number=number, by=by)
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
        revision=number,
        occurred_at=occurred_at or by.at,
        recorded_at=by.at,
    )
    if delta:
        product.quantity, product.revision = before + change, number
        product.save(update_fields=["quantity", "revision", "updated_at"])
        _report(product, change, by=by)
    return movement


@dataclass(frozen=True, slots=True)
class Move:
    """A movement for `move_many`, with the arguments of `move`."""

    product: Product
    delta: int
    kind: Kind
    number: int
    reverses: StockMovement | None = None
    occurred_at: datetime | None = None
    counted: int | None = None


def move_many(moves: Sequence[Move], *, by: Actor, reason: str = "") -> list[StockMovement]:
    """`move` for many locked products, each in one movement at most, by a few statements."""
    for move in moves:
        if not fits(move.product, move.delta):
            raise OnHandOutOfBounds(move.product.pk, move.product.quantity, move.delta)
        move.product.quantity += move.delta
    movements = StockMovement.objects.bulk_create([
        StockMovement(
            product=move.product, kind=move.kind, quantity_delta=move.delta, quantity_after=move.product.quantity,
            counted=move.counted, reason=reason, user=by.user, device=by.device, reverses=move.reverses,
            revision=move.number, occurred_at=move.occurred_at or by.at, recorded_at=by.at,
        )
        for move in moves
    ])  # fmt: skip
    moved = [move for move in moves if move.delta]
    for move in moved:
        move.product.revision, move.product.updated_at = move.number, by.at
    save_many([move.product for move in moved], ["quantity", "revision", "updated_at"])
    low = [move for move in moved if _falls_low(move.product, move.delta)]
    if len(low) > MOST_TOLD:
        outbox.tell("low_stock", at=by.at, products=len(low))
    for move in moved:
        _report(move.product, move.delta, by=by, alert=len(low) <= MOST_TOLD)
    return movements


def save_many(rows: Sequence[T], fields: Sequence[str]) -> None:
    """Write these fields of stored rows of one table, by a few statements: as insertions that become updates, since
    `bulk_update` takes ten times as long."""
    if rows:
        type(rows[0])._default_manager.bulk_create(
            rows, update_conflicts=True, unique_fields=["id"], update_fields=fields
        )


def _keep_count(count: StockMovement, product: Product, delta: int, *, number: int, by: Actor) -> None:
    """Compensate for `delta` pieces that are booked next although this count includes them."""
    when = f"{timezone.localtime(count.occurred_at):%Y-%m-%d %H:%M}"
    StockMovement.objects.create(
        product=product, kind=Kind.COUNT, quantity_delta=-delta, quantity_after=product.quantity - delta,
        reason=str(_("The count of %(when)s includes it.") % {"when": when}), user=by.user, device=by.device,
        revision=number, occurred_at=count.occurred_at, recorded_at=by.at,
    )  # fmt: skip


def _report(product: Product, delta: int, *, by: Actor, alert: bool = True) -> None:
    """Report negative stock, and with `alert` low stock, after `delta` pieces: once, when the limit is crossed."""
    if product.quantity < 0 <= product.quantity - delta:
        kind = Discrepancy.Kind.NEGATIVE_STOCK
        discrepancies.record(kind, by=by, product=product, on_hand=product.quantity, change=delta)
    if alert and _falls_low(product, delta):
        outbox.tell(
            "low_stock", at=by.at, product=product.pk, sku=product.sku, name=product.name, on_hand=product.quantity,
            minimum=product.min_quantity,
        )  # fmt: skip


def _falls_low(product: Product, delta: int) -> bool:
    """Whether on hand has fallen below the minimum by these `delta` pieces."""
    return 0 < product.min_quantity <= product.quantity - delta and product.quantity < product.min_quantity


def receive(product_id: int, quantity: int, *, by: Actor, occurred_at: datetime | None = None) -> StockMovement:
    """Book a receipt of `quantity` pieces (1 to MAX_QUANTITY) of a live product.

    occurred_at: when they arrived, if not now. A count since then includes them.
    Raises ImplausibleQuantity, OnHandOutOfBounds, and NoSuchProduct if it is unknown or archived. Then nothing has been
    written, and the caller's transaction can go on.
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
        product = lock_one(product_id)
        if product.is_archived:
            raise NoSuchProduct(product_id)
        within = count_with(product, occurred_at) if occurred_at else None
        number = revision.take()
        return move(product, quantity, Kind.RECEIPT, number=number, by=by, occurred_at=occurred_at, within=within)


def receive_and_note(product_id: int, quantity: int, *, before: str, after: str, by: Actor) -> StockMovement | None:
    """Book a receipt as `receive` does, and write the new state of the phone's memory, in one statement without a lock
    before it. before: the state of the memory. Returns None, with nothing written, if that has changed, if nothing
    can be booked, or if the database is not PostgreSQL."""
    if connection.vendor != "postgresql":
        return None
    return one_statement.receive(product_id, quantity, most=MAX_ON_HAND, by=by, memory=(before, after))


@transaction.atomic
def adjust(product_id: int, delta: int, *, reason: str, by: Actor) -> StockMovement:
    """Correct what is on hand by `delta` pieces (not 0), for a reason.

    Raises ImplausibleQuantity, NoSuchProduct and OnHandOutOfBounds.
    """
    if delta == 0 or abs(delta) > MAX_QUANTITY:
        raise ImplausibleQuantity(delta, field="quantity_delta")
    return move(lock_one(product_id), delta, Kind.ADJUSTMENT, number=revision.take(), by=by, reason=reason)
