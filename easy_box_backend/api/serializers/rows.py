"""The JSON of rows. Plain functions: a ModelSerializer costs many times the CPU (docs/architecture.md)."""

from collections.abc import Iterable, Mapping
from typing import Any

from api import texts
from api.discrepancies.answers import Answer
from api.discrepancies.kinds import Told
from api.models import (
    Barcode,
    Count,
    CountLine,
    Device,
    Order,
    StockMovement,
    User,
)

PRODUCT_FIELDS = (
    "id", "sku", "name", "location", "quantity", "min_quantity", "unverified", "image", "thumbnail", "archived_at",
    "revision", "updated_at",
)  # fmt: skip
LINE_FIELDS = (
    "order_id", "product_id", "quantity_to_pick", "quantity_picked", "name", "sku", "product__name", "product__sku",
    "product__location", "product__image", "product__thumbnail",
)  # fmt: skip
FOR_PROGRAMS = ("outside_number", "due_on", "note")
"""Keys of an order's JSON for programs only. The app's answers must stay the same, byte for byte."""


def product_json(row: Mapping[str, Any], photos: str) -> dict[str, Any]:
    """A product as the app reads it (docs/flutter-app.md, section 2), from its PRODUCT_FIELDS.

    photos: the prefix that makes a stored photo's name an absolute URL.
    """
    return {
        "id": row["id"],
        "name": row["name"],
        "sku": row["sku"],
        "quantity": row["quantity"],
        "location": row["location"] or None,
        "image_url": photos + row["image"] if row["image"] else None,
        "thumbnail_url": photos + row["thumbnail"] if row["thumbnail"] else None,
        "min_quantity": row["min_quantity"],
        "unverified": row["unverified"],
        "archived": row["archived_at"] is not None,
        "revision": row["revision"],
        "updated_at": row["updated_at"],
    }


def barcode_json(row: Barcode) -> dict[str, Any]:
    return {"code": row.code, "pieces": row.pieces, "check_digit_ok": texts.check_digit_ok(row.code)}


def order_json(
    row: Mapping[str, Any], lines: Iterable[Mapping[str, Any]], photos: str, *, for_app: bool
) -> dict[str, Any]:
    """An order as the app reads it, from its row and the LINE_FIELDS of its lines; with FOR_PROGRAMS unless
    `for_app`."""
    running = row["status"] in Order.RUNNING
    more = {} if for_app else {name: row[name] for name in FOR_PROGRAMS}
    return {
        "id": row["id"],
        "customer_name": row["customer_name"],
        "status": row["status"],
        "lines": [line_json(line, photos, running=running) for line in lines],
        "revision": row["revision"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        **more,
    }


def line_json(line: Mapping[str, Any], photos: str, *, running: bool) -> dict[str, Any]:
    """An order line. While the order is running, it has the present name and SKU of the product, as they are on the
    shelf and on the label that is scanned; afterwards those under which it was picked."""
    source = "product__" if running else ""
    image, thumbnail = line["product__image"], line["product__thumbnail"]
    return {
        "product": {
            "id": line["product_id"],
            "name": line[f"{source}name"],
            "sku": line[f"{source}sku"],
            "location": line["product__location"] or None,
            "image_url": photos + image if image else None,
            "thumbnail_url": photos + thumbnail if thumbnail else None,
        },
        "quantity_to_pick": line["quantity_to_pick"],
        "quantity_picked": line["quantity_picked"],
    }


DEVICE_FIELDS = ("id", "name", "kind", "user_id", "created_at", "last_seen_at", "revoked_at")
USER_FIELDS = ("id", "username", "email", "is_staff", "is_active")
MOVEMENT_FIELDS = (
    "id", "product_id", "kind", "quantity_delta", "quantity_after", "counted", "reason", "user_id", "device_id",
    "reverses_id", "revision", "occurred_at", "recorded_at",
)  # fmt: skip
COUNT_FIELDS = ("id", "chosen", "blind", "status", "started_by_id", "started_at", "posted_at")
DISCREPANCY_FIELDS = (
    "id", "kind", "status", "product_id", "sku", "order_id", "device_id", "user_id", "facts", "created_at",
    "resolved_at", "note",
)  # fmt: skip


def _fields(row: object, names: Iterable[str]) -> dict[str, Any]:
    """These attributes of an object, by name. `_id` is removed from the names of foreign keys."""
    return {name.removesuffix("_id"): getattr(row, name) for name in names}


def device_json(device: Device, current: Device) -> dict[str, Any]:
    return {**_fields(device, DEVICE_FIELDS), "current": device.pk == current.pk}


def user_json(user: User) -> dict[str, Any]:
    return _fields(user, USER_FIELDS)


def movement_json(movement: StockMovement) -> dict[str, Any]:
    order = movement.order_line.order_id if movement.order_line else None
    return {**_fields(movement, MOVEMENT_FIELDS), "order": order}


def count_json(count: Count) -> dict[str, Any]:
    return _fields(count, COUNT_FIELDS)


def count_line_json(line: CountLine, *, hidden: bool) -> dict[str, Any]:
    """A line of a stocktake, from `CountLineQuerySet.compared`. hidden: do not show how many should be there."""
    product = line.product
    return {
        **_fields(line, ("product_id", "counted", "counted_at", "user_id", "device_id")),
        "sku": product.sku,
        "name": product.name,
        "location": product.location or None,
        "expected": None if hidden else line.expected,
        "difference": None if hidden else line.difference,
    }


def discrepancy_json(described: Told) -> dict[str, Any]:
    """A discrepancy with its description: `facts` are stored, `details` are the same with labels for people."""
    return {
        **_fields(described.row, DISCREPANCY_FIELDS), "label": described.label, "sentence": described.sentence,
        "details": described.facts, "answers": [answer_json(answer) for answer in described.answers],
    }  # fmt: skip


def answer_json(answer: Answer) -> dict[str, Any]:
    """A possible answer to a discrepancy, with the values before and after."""
    changes = [
        {"what": change.what, "product": change.product.pk, "sku": change.product.sku, "before": change.before,
         "after": change.after}
        for change in answer.changes
    ]  # fmt: skip
    return {
        "action": answer.action,
        "text": answer.text,
        "changes": changes,
        "asks": answer.asks,
        "token": answer.token,
    }
