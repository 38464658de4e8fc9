"""The app's frequent calls have a short way past REST framework (api/rest/door.py). Its responses and effects are those
of REST framework's views, for every kind of device."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from knox.models import AuthToken

from api.actions import ledger
from api.middleware import door
from api.models import Device, DeviceMemory, Discrepancy, Order, Product, StockMovement
from api.rest import ready
from api.tests.calls import Caller
from api.tests.cases import each
from api.tests.conftest import LogIn, MakeProduct, MakeUser
from api.tests.examples import some

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
KINDS = ["app", "integration"]
LIST, ORDERS = "/api/products/", "/api/orders/"
VARYING = {"id", "recorded_at", "occurred_at", "request_id", "device"}
HEADERS = ("Content-Type", "Content-Length", "Content-Encoding", "ETag", "Cache-Control", "X-Content-Type-Options",
           "WWW-Authenticate", "Retry-After")  # fmt: skip


@pytest.fixture(params=KINDS)
def caller(request: pytest.FixtureRequest, make_user: MakeUser, log_in: LogIn) -> Caller:
    return log_in(make_user("Picker"), kind=request.param)


@pytest.fixture
def box(make_product: MakeProduct) -> Product:
    product = make_product("BOX", quantity=3, name="Box & lid")
    product.barcodes.create(code="4006381333931", pieces=6)
    Order.objects.create(customer_name="Müller", revision=1).lines.create(
        product=product, sku="BOX", name="Box", quantity_to_pick=2
    )
    return product


def comparable(value: Any) -> Any:
    """A JSON value without the fields that differ from one request to the next."""
    if isinstance(value, dict):
        return {name: comparable(part) for name, part in value.items() if name not in VARYING}
    return [comparable(part) for part in value] if isinstance(value, list) else value


class BothWays:
    """Sends each request by the short way and by the view, on the same data."""

    def __init__(self, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        self.caller, self.patch, self.short = caller, monkeypatch, False

    def outcome(self, send: Callable[[], Any]) -> dict[str, Any]:
        """Send a request; returns its response and its effects on the database, which are then rolled back."""
        ready.forget()
        with transaction.atomic():
            answer = send()
            headers = {name: answer.headers.get(name) for name in HEADERS}
            content = gzip.decompress(answer.content) if headers["Content-Encoding"] else answer.content
            body = comparable(json.loads(content)) if content else None
            books = list(
                StockMovement.objects.order_by("id").values_list("product", "kind", "quantity_delta", "quantity_after")
            )
            memory = [
                json.loads(state) for state in DeviceMemory.objects.order_by("pk").values_list("state", flat=True)
            ]
            questions = list(Discrepancy.objects.order_by("id").values_list("kind", flat=True))
            if answer.status_code >= 400 or answer.request["REQUEST_METHOD"] == "POST":
                del headers["Content-Length"]  # ids of rows differ in length
            assert ledger.broken_ledgers() == []
            transaction.set_rollback(True)
        remembered = [[state.get(name) for name in ("last_kind", "number", "pulls")] for state in memory]
        return {"status": answer.status_code, "headers": headers, "body": body, "books": books, "questions": questions,
                "remembered": remembered}  # fmt: skip

    def compare(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[dict[str, Any], bool]:
        """Assert that both ways have the same outcome; returns it, and whether the short way took the request."""
        kind = headers.pop("content_type", "application/json") if body or method == "POST" else ""
        answer, taken = door.answer, list[bool]()

        def record_whether_taken(*args: Any, **more: Any) -> Any:
            found = answer(*args, **more)
            taken.append(found is not None)
            return found

        def send() -> Any:
            return self.caller.generic(method, path, body, content_type=kind, headers=headers)

        self.patch.setattr(door, "answer", record_whether_taken)
        short = self.outcome(send)
        self.patch.setattr(door, "answer", lambda *_args, **_more: None)
        long = self.outcome(send)
        self.patch.setattr(door, "answer", answer)
        assert short == long
        return short, taken[0]


@pytest.fixture
def ways(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> BothWays:
    return BothWays(caller, monkeypatch)


BODIES = [
    b'{"quantity": 1}', b'{"quantity": 1000000}', b'{"quantity": 1.0}', b'{"quantity": "1"}', b'{"quantity": true}',
    b'{"quantity": null}', b'{"quantity": 0}', b'{"quantity": -1}', b'{"quantity": 1000001}', b'{"quantity": 1e2}',
    b'{"quantity": 9223372036854775808}', b'{"quantity": 1, "more": 2}', b'{"quantity": 1, "quantity": 2}', b"{}",
    b"[]", b"1", b"", b"{", b'{"quantity": \xff}', b' {"quantity":1} ', b'\xef\xbb\xbf{"quantity":1}',
    b'{"quantity": 1}' + b" " * 2000,
]  # fmt: skip
CASES: list[tuple[str, str, bytes, dict[str, str]]] = [
    *(("POST", "/api/products/{}/add_stock/", body, {}) for body in BODIES),
    *(("POST", f"/api/products/{key}/add_stock/", b'{"quantity": 1}', {})
      for key in ("0", "999999999999999999", "9999999999999999999", "b0c1", "٣", "-1")),
    ("POST", "/api/products/{}/add_stock/", b"quantity=1", {"content_type": "application/x-www-form-urlencoded"}),
    ("POST", "/api/products/{}/add_stock/", b'{"quantity": 1}', {"content_type": "text/plain"}),
    ("POST", "/api/products/{}/add_stock/?x=1", b'{"quantity": 1}', {}),
    ("PUT", "/api/products/{}/add_stock/", b'{"quantity": 1}', {}),
    *(("GET", path, b"", headers) for path in (LIST, ORDERS) for headers in (
        {}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "gzip;q=0"}, {"If-None-Match": "*"},
        {"If-None-Match": '"nothing"'}, {"Accept-Language": "de"}, {"Accept": "text/html"}, {"Origin": "http://other"},
    )),
    *(("HEAD", path, b"", {}) for path in (LIST, ORDERS, f"{LIST}?sku=BOX")),
    *(("GET", f"{LIST}?{query}", b"", {}) for query in (
        "sku=BOX", "sku=NONE", "sku=", "sku", "sku=&", "sku=BOX&limit=1", "limit=1&sku=BOX", "limit=1", "limit=x",
        "sku=4006381333931", "sku=B%4fX", "sku=B+OX", "sku=%00", "sku=%ff", "sku=" + "9" * 3000, "SKU=BOX", "search=b",
    )),
    ("GET", f"{ORDERS}?limit=1", b"", {}), ("GET", f"{ORDERS}?x=1", b"", {}), ("GET", LIST, b"{}", {}),
    ("DELETE", LIST, b"", {}), ("OPTIONS", LIST, b"", {}),
]  # fmt: skip


@each(("method", "path", "body", "headers"), some(CASES, "the short way"))
def test_every_request_has_the_same_outcome_both_ways(
    ways: BothWays, box: Product, method: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    ways.compare(method, path.replace("{}", str(box.pk)), body, **headers)


@each(
    ("method", "path", "body"),
    [("GET", LIST, b""), ("GET", ORDERS, b""), ("GET", f"{LIST}?sku=BOX", b""),
     ("POST", "/api/products/{}/add_stock/", b'{"quantity": 2}')],
)  # fmt: skip
def test_ordinary_requests_take_the_short_way(
    ways: BothWays, box: Product, method: str, path: str, body: bytes
) -> None:
    outcome, taken = ways.compare(method, path.replace("{}", str(box.pk)), body)
    assert taken
    assert outcome["status"] == 200


def test_an_addition_to_an_archived_product_has_the_same_outcome_both_ways(
    ways: BothWays, manager: Caller, box: Product
) -> None:
    manager.delete(f"/api/products/{box.pk}/")
    outcome, _short = ways.compare("POST", f"/api/products/{box.pk}/add_stock/", b'{"quantity": 1}')
    assert outcome["status"] == (200 if ways.caller.device.is_app else 404)
    ways.compare("GET", f"{LIST}?sku=BOX")


def test_an_addition_beyond_the_bounds_has_the_same_outcome_both_ways(ways: BothWays, box: Product) -> None:
    Product.objects.update(quantity=1_000_000_000)
    StockMovement.objects.filter(product=box).update(quantity_delta=1_000_000_000, quantity_after=1_000_000_000)
    outcome, _short = ways.compare("POST", f"/api/products/{box.pk}/add_stock/", b'{"quantity": 1}')
    assert outcome["status"] == (200 if ways.caller.device.is_app else 400)


def expired(caller: Caller) -> None:
    AuthToken.objects.filter(user=caller.user).update(expiry=timezone.now() - timedelta(seconds=1))


def revoked(caller: Caller) -> None:
    AuthToken.objects.filter(user=caller.user).delete()


def inactive(caller: Caller) -> None:
    caller.user.is_active = False
    caller.user.save()


def header(value: str) -> Callable[[Caller], None]:
    return lambda caller: caller.credentials(HTTP_AUTHORIZATION=value)


NO_TOKENS = ("", "Token", "Token ", "Token x", "Token a b", "Basic eA==", "Token \xe4", "Token \0", "Bearer x")


@each("invalidate", some([expired, revoked, inactive, *map(header, NO_TOKENS)], "invalid tokens"))
def test_an_invalid_token_is_refused_both_ways(
    ways: BothWays, box: Product, invalidate: Callable[[Caller], None]
) -> None:
    invalidate(ways.caller)
    for method, path, body in (("POST", f"/api/products/{box.pk}/add_stock/", b'{"quantity": 1}'), ("GET", LIST, b""),
                               ("GET", f"{LIST}?sku=BOX", b""), ("GET", ORDERS, b"")):  # fmt: skip
        assert ways.compare(method, path, body)[0]["status"] == 401
    ways.caller.credentials(HTTP_AUTHORIZATION=f"Token {ways.caller.token}")


def test_another_host_is_refused_both_ways(ways: BothWays, box: Product, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["box.example.com"]
    assert ways.compare("GET", LIST)[0]["status"] == 400


def test_the_short_way_renews_a_token_that_is_due(caller: Caller, box: Product) -> None:
    soon = timezone.now() + timedelta(days=1)
    AuthToken.objects.filter(user=caller.user).update(expiry=soon)
    Device.objects.update(last_seen_at=timezone.now() - timedelta(days=1))
    assert caller.get(f"{LIST}?sku=BOX").status_code == 200
    assert AuthToken.objects.get(user=caller.user).expiry > soon + timedelta(days=1)
    assert Device.objects.filter(last_seen_at__gt=timezone.now() - timedelta(minutes=1)).exists()


def test_the_log_line_of_the_short_way_is_complete(
    caller: Caller, box: Product, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="api.middleware.request_log"):
        answer = caller.post(f"/api/products/{box.pk}/add_stock/", {"quantity": 1})
    (record,) = [record for record in caplog.records if record.name == "api.middleware.request_log"]
    facts = record.facts  # type: ignore[attr-defined]
    assert (facts["user"], facts["device"], facts["status"]) == (caller.user.pk, caller.device.pk, 200)
    assert facts["route"].endswith("/add_stock/")
    assert answer.headers["X-Request-ID"]
