"""GET /api/movements/ and /api/products/{id}/movements/"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from api.models import Product, StockMovement
from api.tests.calls import Caller, check_error
from api.tests.cases import each
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db
MOVEMENTS = "/api/movements/"
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
ONE = (NOON + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")


@pytest.fixture
def goods(manager: Caller, colleague: Caller, make_product: MakeProduct) -> list[Product]:
    """Two products; movements +5 and +2 by the manager at noon, +1 by the colleague an hour later, -2 for an order."""
    coat, scarf = make_product("COAT"), make_product("SCARF")
    with time_machine.travel(NOON, tick=False) as clock:
        manager.post(f"/api/products/{coat.pk}/add_stock/", {"quantity": 5})
        manager.post(f"/api/products/{scarf.pk}/add_stock/", {"quantity": 2})
        clock.shift(timedelta(hours=1))
        colleague.post(f"/api/products/{coat.pk}/add_stock/", {"quantity": 1})
        lines = [{"product": coat.pk, "quantity_to_pick": 2, "quantity_picked": 2}]
        manager.post("/api/orders/", {"customer_name": "Anna", "lines": lines})
    return [coat, scarf]


def deltas(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [row["quantity_delta"] for row in answer.json()]


def test_the_list_has_the_latest_first_with_all_fields(manager: Caller, goods: list[Product]) -> None:
    rows = manager.get(MOVEMENTS).json()
    assert [row["quantity_delta"] for row in rows] == [-2, 1, 2, 5]
    pick = rows[0]
    assert (pick["kind"], pick["quantity_after"], pick["product"]) == ("pick", 4, goods[0].pk)
    assert (pick["user"], pick["device"]) == (manager.user.pk, manager.device.pk)
    assert pick["order"] == manager.get("/api/orders/").json()[0]["id"]


def test_the_list_of_one_product_has_only_its_movements(manager: Caller, goods: list[Product]) -> None:
    assert deltas(manager.get(f"/api/products/{goods[0].pk}/movements/")) == [-2, 1, 5]
    assert deltas(manager.get(MOVEMENTS, {"product": str(goods[1].pk)})) == [2]
    manager.delete(f"/api/products/{goods[0].pk}/")
    assert deltas(manager.get(f"/api/products/{goods[0].pk}/movements/")) == [-2, 1, 5]
    other = {"product": str(goods[1].pk)}
    assert deltas(manager.get(f"/api/products/{goods[0].pk}/movements/", other)) == [-2, 1, 5]


@pytest.mark.both_databases
def test_each_filter_selects_its_movements(manager: Caller, colleague: Caller, goods: list[Product]) -> None:
    order = manager.get("/api/orders/").json()[0]["id"]
    cases = [
        ({"user": colleague.user.pk}, [1]),
        ({"device": manager.device.pk}, [-2, 2, 5]),
        ({"order": order}, [-2]),
        ({"kind": "receipt"}, [1, 2, 5]),
        ({"since": f"{ONE}Z"}, [-2, 1]),
        ({"until": f"{ONE}Z"}, [2, 5]),
        ({"since": f"{ONE}+01:00", "until": f"{ONE}Z"}, [2, 5]),
        ({"kind": "count"}, []),
        ({"user": 99_999_999}, []),
        ({"kind": "receipt", "user": manager.user.pk, "product": goods[0].pk}, [5]),
    ]
    for query, found in cases:
        assert deltas(manager.get(MOVEMENTS, query)) == found, query


STRANGE = ["x", "-1", "1.5", "9" * 30, "\x00", "true", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
           "2030-02-30", "٣", "{}", "2030-05-01T12:00:00", "1e999", "inf"]  # fmt: skip


@each("name", ["product", "order", "device", "user", "kind", "since", "until", "limit", "after"])
def test_an_odd_filter_is_200_or_a_400_that_names_it(manager: Caller, goods: list[Product], name: str) -> None:
    manager.raise_request_exception = False
    for value in STRANGE:
        answer = manager.get(MOVEMENTS, {name: value})
        assert answer.status_code in (200, 400), (name, value, answer.content[:300])
        if answer.status_code != 200:
            assert name in check_error(answer, 400, "invalid"), (name, value)


@pytest.mark.both_databases
def test_pages_hold_every_movement_exactly_once_while_new_ones_arrive(manager: Caller, goods: list[Product]) -> None:
    known = set(StockMovement.objects.values_list("id", flat=True))
    found, url = [], f"{MOVEMENTS}?limit=1"
    while url:
        answer = manager.get(url)
        found += [row["id"] for row in answer.json()]
        manager.post(f"/api/products/{goods[0].pk}/add_stock/", {"quantity": 1})
        url = answer.headers.get("Link", "").partition("<http://testserver")[2].partition(">")[0]
    assert sorted(found) == sorted(known)


def test_a_page_has_two_hundred_rows_by_default(manager: Caller, make_product: MakeProduct) -> None:
    receipt = {"product": make_product(), "kind": "receipt", "quantity_delta": 1, "revision": 1}
    times = {"occurred_at": NOON, "recorded_at": NOON}
    StockMovement.objects.bulk_create(
        StockMovement(**receipt, **times, quantity_after=number) for number in range(1, 202)
    )
    answer = manager.get(MOVEMENTS)
    assert len(answer.json()) == 200
    assert "Link" in answer.headers
    assert len(manager.get(MOVEMENTS, {"limit": "1000"}).json()) == 201


def test_a_fixed_number_of_queries_whatever_the_length(manager: Caller, goods: list[Product]) -> None:
    with CaptureQueriesContext(connection) as few:
        manager.get(MOVEMENTS)
    for _ in range(30):
        manager.post(f"/api/products/{goods[0].pk}/add_stock/", {"quantity": 1})
    with CaptureQueriesContext(connection) as many:
        assert len(manager.get(MOVEMENTS).json()) == 34
    assert len(few) == len(many) <= 2


def test_movements_cannot_be_created_or_deleted_here(manager: Caller, goods: list[Product]) -> None:
    for method in ("post", "put", "patch", "delete"):
        check_error(getattr(manager, method)(MOVEMENTS), 405)


def test_a_guest_sees_nothing(guest: APIClient, goods: list[Product]) -> None:
    check_error(guest.get(MOVEMENTS), 401)
    check_error(guest.get(f"/api/products/{goods[0].pk}/movements/"), 401)
