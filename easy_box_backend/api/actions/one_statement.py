"""A receipt as a single statement of PostgreSQL, since it is the most frequent write."""

from django.db import IntegrityError

from api.actor import Actor
from api.models import StockMovement, loaded
from backend import prepared

# The revision's row is locked last: its update waits for `goods`, which waits for the product's row.
_FITS = "api_product.id = %(product)s AND archived_at IS NULL AND quantity <= %(room)s::bigint"
_BOOK = f"""
goods AS (
    SELECT id FROM api_product WHERE {_FITS} AND EXISTS (SELECT 1 FROM memory) FOR NO KEY UPDATE
), number AS (
    UPDATE api_revision SET value = value + 1 WHERE id = 1 AND EXISTS (SELECT 1 FROM goods) RETURNING value
), changed AS (
    UPDATE api_product SET quantity = quantity + %(quantity)s, revision = number.value, updated_at = %(at)s
    FROM number WHERE api_product.id = %(product)s RETURNING api_product.id, quantity, api_product.revision
)
INSERT INTO api_stockmovement (product_id, kind, quantity_delta, quantity_after, reason, user_id, device_id,
    revision, occurred_at, recorded_at)
SELECT id, 'receipt', %(quantity)s, quantity, '', %(user)s::bigint, %(device)s::bigint, revision, %(at)s, %(at)s
"""  # noqa: S608 (all parts are constants)
_RETURNED = "RETURNING id, quantity_after, revision"
_RECEIVE = f"WITH memory AS (SELECT 1), {_BOOK} FROM changed {_RETURNED}"  # noqa: S608
# If the product changes after it is checked here and before it is locked, so that nothing can be booked, the LEFT JOIN
# yields a row of NULLs. Its insertion fails (IntegrityError), so the memory stays as it was too.
_RECEIVE_AND_NOTE = f"""
WITH memory AS (
    UPDATE api_devicememory SET state = %(after)s WHERE device_id = %(device)s AND state = %(before)s
    AND EXISTS (SELECT 1 FROM api_product WHERE {_FITS}) RETURNING device_id
), {_BOOK} FROM memory LEFT JOIN changed ON true {_RETURNED}
"""  # noqa: S608


def receive(
    product_id: int, quantity: int, *, most: int, by: Actor, memory: tuple[str, str] | None = None
) -> StockMovement | None:
    """Book a receipt in one round trip, as `stock.receive` does.

    most: how many pieces may be on hand afterwards. memory: the state of the phone's memory, and the one to replace it
    by. Returns None, with nothing written, if there would be more than that, if the product is unknown or archived, or
    if the memory has another state.
    """
    values = {"product": product_id, "quantity": quantity, "room": most - quantity, "at": by.at}
    values |= {"user": by.user and by.user.pk, "device": by.device and by.device.pk}
    if memory:
        values |= {"before": memory[0], "after": memory[1]}
    try:
        row = prepared.one_row(_RECEIVE_AND_NOTE if memory else _RECEIVE, values)
    except IntegrityError:
        row = None
    if row is None:
        return None
    movement_id, on_hand, number = row
    columns = {
        "id": movement_id, "product_id": product_id, "kind": StockMovement.Kind.RECEIPT, "quantity_delta": quantity,
        "quantity_after": on_hand, "counted": None, "reason": "", "user_id": values["user"],
        "device_id": values["device"], "order_line_id": None, "reverses_id": None, "revision": number,
        "occurred_at": by.at, "recorded_at": by.at,
    }  # fmt: skip
    return loaded(StockMovement, columns, columns.values())
