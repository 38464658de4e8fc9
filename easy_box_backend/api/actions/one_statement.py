"""A receipt as a single statement of PostgreSQL, since it is the most frequent write."""

from api.actor import Actor
from api.models import StockMovement
from backend import prepared

# The revision's row is locked last: its update waits for `goods`, which waits for the product's row.
_RECEIVE = """
WITH goods AS (
    SELECT id FROM api_product WHERE id = %(product)s AND archived_at IS NULL AND quantity <= %(room)s::bigint
    FOR NO KEY UPDATE
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


def receive(product_id: int, quantity: int, *, most: int, by: Actor) -> StockMovement | None:
    """Book a receipt in one round trip, as `stock.receive` does.

    most: how many pieces may be on hand afterwards. Returns None, with nothing written, if there would be more, or if
    the product is unknown or archived.
    """
    row = prepared.one_row(
        _RECEIVE,
        {
            "product": product_id,
            "quantity": quantity,
            "room": most - quantity,
            "at": by.at,
            "user": by.user.pk if by.user else None,
            "device": by.device.pk if by.device else None,
        },
    )
    if row is None:
        return None
    movement_id, on_hand, number = row
    return StockMovement(
        id=movement_id, product_id=product_id, kind=StockMovement.Kind.RECEIPT, quantity_delta=quantity,
        quantity_after=on_hand, revision=number, user=by.user, device=by.device, occurred_at=by.at, recorded_at=by.at,
    )  # fmt: skip
