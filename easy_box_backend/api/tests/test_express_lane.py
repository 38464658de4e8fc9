"""The express lane of POST /api/products/{id}/add_stock/ answers what the normal way answers, in whatever case."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from knox.models import AuthToken

from api import views
from api.actions import ledger
from api.middleware import express
from api.models import Device, Product, StockMovement
from api.tests.calls import Caller
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db
VARYING = ("id", "revision", "quantity_after", "occurred_at", "recorded_at", "request_id")


@pytest.fixture
def box(make_product: MakeProduct) -> Product:
    return make_product("BOX", quantity=3)


def address(product: Product) -> str:
    return f"/api/products/{product.pk}/add_stock/"


def outcome(answer: Any) -> tuple[int, dict[str, Any]]:
    """Status and body, without what differs from one request to the next."""
    body = answer.json()
    body["facts"] = {name: value for name, value in body.get("facts", {}).items() if name not in VARYING}
    return answer.status_code, {name: value for name, value in body.items() if name not in VARYING}


def both_ways(monkeypatch: pytest.MonkeyPatch, caller: Caller, path: str, body: bytes, **headers: str) -> Any:
    """The outcome, the same with the lane and without it."""

    def send() -> Any:
        return caller.post(path, body, content_type="application/json", headers=headers)

    with_lane = outcome(send())
    monkeypatch.setattr(express, "add_stock", lambda *_args, **_kwargs: None)
    assert outcome(send()) == with_lane
    return with_lane


@pytest.mark.parametrize(
    "body",
    [
        b'{"quantity": 1}', b'{"quantity": 1000000}', b'{"quantity": 1.0}', b'{"quantity": "1"}', b'{"quantity": true}',
        b'{"quantity": null}', b'{"quantity": 0}', b'{"quantity": -1}', b'{"quantity": 1000001}', b'{"quantity": 1e2}',
        b'{"quantity": 9223372036854775808}', b'{"quantity": 1, "more": 2}', b'{"quantity": 1, "quantity": 2}', b"{}",
        b"[]", b"1", b"", b"{", b'{"quantity": \xff}', b' {"quantity":1} ', b'\xef\xbb\xbf{"quantity":1}',
        b'{"quantity": 1}' + b" " * 2000,
    ],
)  # fmt: skip
def test_every_body_has_the_same_outcome(
    monkeypatch: pytest.MonkeyPatch, picker: Caller, box: Product, body: bytes
) -> None:
    status, _body = both_ways(monkeypatch, picker, address(box), body)
    box.refresh_from_db()
    booked = StockMovement.objects.filter(kind="receipt", device=picker.device)
    assert booked.count() == (2 if status == 200 else 0)
    assert box.quantity == 3 + sum(booked.values_list("quantity_delta", flat=True))
    assert ledger.broken_ledgers() == []


@pytest.mark.parametrize("path", ["/api/products/0/add_stock/", "/api/products/999999999999999999/add_stock/"])
def test_an_unknown_product_has_the_same_outcome(monkeypatch: pytest.MonkeyPatch, picker: Caller, path: str) -> None:
    assert both_ways(monkeypatch, picker, path, b'{"quantity": 1}')[0] == 404


def test_an_archived_product_has_the_same_outcome(
    monkeypatch: pytest.MonkeyPatch, manager: Caller, box: Product
) -> None:
    manager.delete(f"/api/products/{box.pk}/")
    assert both_ways(monkeypatch, manager, address(box), b'{"quantity": 1}')[0] == 404


def expired(caller: Caller) -> None:
    AuthToken.objects.filter(user=caller.user).update(expiry=timezone.now() - timedelta(seconds=1))


def revoked(caller: Caller) -> None:
    AuthToken.objects.filter(user=caller.user).delete()


def inactive(caller: Caller) -> None:
    caller.user.is_active = False
    caller.user.save()


@pytest.mark.parametrize("lock_out", [expired, revoked, inactive])
def test_who_may_not_in_may_not_in_by_either_way(
    monkeypatch: pytest.MonkeyPatch, picker: Caller, box: Product, lock_out: Any
) -> None:
    lock_out(picker)
    assert both_ways(monkeypatch, picker, address(box), b'{"quantity": 1}')[0] == 401


@pytest.mark.parametrize("kind", ["app", "integration"])
def test_only_an_integration_takes_the_lane(
    monkeypatch: pytest.MonkeyPatch, picker: Caller, box: Product, kind: str
) -> None:
    Device.objects.update(kind=kind)
    taken: list[bool] = []
    method = "app_post" if kind == "app" else "post"
    normal = getattr(views.AddStock, method)

    def post(*args: Any, **kwargs: Any) -> Any:
        taken.append(True)
        return normal(*args, **kwargs)

    monkeypatch.setattr(views.AddStock, method, post)
    assert picker.post(address(box), {"quantity": 1}).status_code == 200
    lane = connection.vendor == "postgresql" and kind == "integration"
    assert taken == ([] if lane else [True])


def test_a_token_about_to_be_renewed_is_renewed(picker: Caller, box: Product) -> None:
    soon = timezone.now() + timedelta(days=1)
    AuthToken.objects.filter(user=picker.user).update(expiry=soon)
    Device.objects.update(last_seen_at=timezone.now() - timedelta(days=1))
    assert picker.post(address(box), {"quantity": 1}).status_code == 200
    assert AuthToken.objects.get(user=picker.user).expiry > soon + timedelta(days=1)
    assert Device.objects.filter(last_seen_at__gt=timezone.now() - timedelta(minutes=1)).exists()


def test_its_line_in_the_log_is_complete(picker: Caller, box: Product, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="api.middleware.request_log"):
        answer = picker.post(address(box), {"quantity": 1})
    (record,) = [record for record in caplog.records if record.name == "api.middleware.request_log"]
    facts = record.facts  # type: ignore[attr-defined]
    assert (facts["user"], facts["device"], facts["status"]) == (picker.user.pk, picker.device.pk, 200)
    assert facts["route"].endswith("/add_stock/")
    assert answer.headers["X-Request-ID"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
