"""Every call of the API with a valid body, for tests of rules that hold for all calls.

`test_every_route.py` fails when a route is missing here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Endpoint:
    """A call of the API.

    path: {product}, {order} and so on stand for ids that exist. body: a valid body. query: the names of the parameters.
    is_open: it needs no token. is_for_staff: it needs a manager.
    """

    method: str
    path: str
    body: dict[str, Any] = field(default_factory=dict)
    query: tuple[str, ...] = ()
    is_open: bool = False
    is_for_staff: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


PRODUCT = {"sku": "NEW-1", "name": "New", "location": "A1", "quantity": 3, "min_quantity": 1}
CHANGE = {"id": "1", "sku": "CHANGED", "name": "Changed", "location": "B2", "quantity": 4, "image_url": "http://x/y.jpg",
          "thumbnail_url": None, "min_quantity": 2}  # fmt: skip
ORDER = {
    "customer_name": "Anna",
    "status": "inProgress",
    "lines": [{"product": "{product}", "quantity_to_pick": 2, "quantity_picked": 1}],
}
USER = {"email": "new@example.com", "username": "New", "password": "another battery staple", "is_staff": False,
        "is_active": True}  # fmt: skip
IN_2030 = "2030-01-01T00:00:00Z"
COUNT = {"counted": 4, "reason": "stocktake"}
COUNTED = {"product": "{product}", "counted": 4, "counted_at": "2026-01-01T00:00:00Z"}
LISTS = ("search", "location", "ordering", "limit", "after", "sku")
MOVEMENTS = ("product", "order", "device", "user", "kind", "since", "until", "limit", "after")

ENDPOINTS = [
    Endpoint("POST", "/api/auth/token/", {"email": "a@example.com", "password": "x", "device": "D", "kind": "app"},
             is_open=True),
    Endpoint("POST", "/api/auth/logout/"),
    Endpoint("GET", "/api/auth/devices/", query=("all", "limit", "after")),
    Endpoint("DELETE", "/api/auth/devices/{device}/"),
    Endpoint("GET", "/api/users/me/"),
    Endpoint("PATCH", "/api/users/me/", {"username": "Somebody"}),
    Endpoint("POST", "/api/users/me/password/", {"current_password": "x", "new_password": "another battery staple"}),
    Endpoint("GET", "/api/users/", query=("limit", "after"), is_for_staff=True),
    Endpoint("POST", "/api/users/", USER, is_for_staff=True),
    Endpoint("GET", "/api/users/{user}/", is_for_staff=True),
    Endpoint("PATCH", "/api/users/{user}/", {"username": "Renamed"}, is_for_staff=True),
    Endpoint("GET", "/api/products/", query=LISTS),
    Endpoint("POST", "/api/products/", PRODUCT),
    Endpoint("GET", "/api/products/{product}/"),
    Endpoint("PUT", "/api/products/{product}/", CHANGE),
    Endpoint("PATCH", "/api/products/{product}/", CHANGE),
    Endpoint("DELETE", "/api/products/{product}/"),
    Endpoint("POST", "/api/products/{product}/add_stock/", {"quantity": 1}),
    Endpoint("POST", "/api/products/{product}/upload_image/", {"image": "no file"}),
    Endpoint("GET", "/api/products/{product}/barcodes/"),
    Endpoint("POST", "/api/products/{product}/barcodes/", {"code": "4006381333931", "pieces": 12}, is_for_staff=True),
    Endpoint("DELETE", "/api/products/{product}/barcodes/", query=("code",), is_for_staff=True),
    Endpoint("GET", "/api/products/{product}/movements/", query=MOVEMENTS),
    Endpoint("GET", "/api/movements/", query=MOVEMENTS, is_for_staff=True),
    Endpoint("GET", "/api/movements/{movement}/"),
    Endpoint("POST", "/api/movements/{movement}/reverse/", {"reason": "mistake"}, is_for_staff=True),
    Endpoint("POST", "/api/products/{product}/adjust/", {"quantity_delta": -1, "reason": "broken"}, is_for_staff=True),
    Endpoint("POST", "/api/products/{product}/count/", COUNT, is_for_staff=True),
    Endpoint("POST", "/api/products/{product}/count/", {**COUNT, "counted_at": IN_2030}, is_for_staff=True),  # refused
    Endpoint("POST", "/api/products/{product}/unarchive/", is_for_staff=True),
    Endpoint("GET", "/api/discrepancies/", query=("status", "kind", "limit", "after"), is_for_staff=True),
    Endpoint("POST", "/api/discrepancies/{discrepancy}/resolve/", {"action": "dismiss"}, is_for_staff=True),
    Endpoint("GET", "/api/counts/", query=("status", "limit", "after")),
    Endpoint("POST", "/api/counts/", {"shelves": ["A1"], "products": ["{product}"], "blind": True}, is_for_staff=True),
    Endpoint("GET", "/api/counts/{count}/"),
    Endpoint("POST", "/api/counts/{count}/lines/", {"lines": [COUNTED]}),
    Endpoint("POST", "/api/counts/{count}/post/", is_for_staff=True),
    Endpoint("POST", "/api/counts/{count}/cancel/", is_for_staff=True),
    Endpoint("GET", "/api/orders/", query=("status", "limit", "after")),
    Endpoint("POST", "/api/orders/", ORDER, is_for_staff=True),
    Endpoint("GET", "/api/orders/{order}/"),
    Endpoint("PUT", "/api/orders/{order}/", ORDER),
    Endpoint("PATCH", "/api/orders/{order}/", ORDER),
    Endpoint("DELETE", "/api/orders/{order}/", is_for_staff=True),
    Endpoint("GET", "/api/health/", is_open=True),
    Endpoint("GET", "/api/schema/", query=("format", "lang"), is_open=True),
    Endpoint("GET", "/api/docs/", is_open=True),
    Endpoint("POST", "/log-client-error", {"message": "boom"}, is_open=True),
]  # fmt: skip
