"""GET /api/orders/ for the app: running orders first, and ended ones only for some days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from api.models import Order, OrderVersion
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MONDAY = datetime(2026, 5, 4, 20, 0, tzinfo=UTC)
DAY = 24 * 60
"""A day in minutes."""


@pytest.fixture
def warehouse(db: None) -> Iterator[Warehouse]:
    """A warehouse on the evening of MONDAY, with a simulated clock. After each test its ledger is checked."""
    with time_machine.travel(MONDAY, tick=False) as clock:
        place = Warehouse(clock)
        yield place
    assert place.has_correct_ledger()


def make(vera: Caller, customer: str, status: str = "open", pieces: int = 1) -> int:
    """Create an order with a line of socks, or without lines if `pieces` is 0; returns its id."""
    found = vera.find("SOCK")
    lines = [{"product": found["id"], "quantity_to_pick": pieces}] if found and pieces else []
    answer = vera.send("post", "/api/orders/", {"customer_name": customer, "status": status, "lines": lines})
    return int(answer.json()["id"])


def change(vera: Caller, order: int, **fields: object) -> None:
    assert vera.send("patch", f"/api/orders/{order}/", fields).status_code == 200


def customers(who: Caller, query: str = "") -> list[str]:
    return [order["customer_name"] for order in who.send("get", f"/api/orders/{query}").json()]


def test_running_orders_come_first_by_age_and_then_ended_ones_the_latest_first(vera: Caller, anna: Phone) -> None:
    ids = {name: make(vera, name) for name in "ABCDEF"}
    for name, status in [("D", "picked"), ("E", "inProgress"), ("A", "cancelled"), ("C", "picked")]:
        change(vera, ids[name], status=status)
    assert customers(anna) == ["B", "E", "F", "C", "A", "D"]
    change(vera, ids["A"], status="open")
    assert customers(anna) == ["A", "B", "E", "F", "C", "D"]


def test_ended_orders_leave_the_list_at_the_first_midnight_after_seven_days_and_running_ones_stay(
    warehouse: Warehouse, vera: Caller, anna: Phone
) -> None:
    for name, status in [("A", "open"), ("B", "picked"), ("C", "cancelled"), ("D", "inProgress")]:
        make(vera, name, status)
    warehouse.later(7 * DAY)  # Monday, 20:00
    assert customers(anna) == ["A", "D", "C", "B"]
    warehouse.later(3 * 60)
    assert customers(anna) == ["A", "D", "C", "B"]
    warehouse.later(60)  # midnight
    assert customers(anna) == ["A", "D"]
    warehouse.later(100 * DAY)
    assert customers(anna) == ["A", "D"]


def test_midnight_is_that_of_the_warehouses_time_zone(
    warehouse: Warehouse, vera: Caller, anna: Phone, settings: Any
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"  # two hours ahead
    make(vera, "B", "picked")
    warehouse.later(7 * DAY + 119)
    assert customers(anna) == ["B"]
    warehouse.later(1)
    assert customers(anna) == []


@pytest.mark.parametrize("days", [0, 1, 30])
def test_the_number_of_days_is_a_setting(
    warehouse: Warehouse, vera: Caller, anna: Phone, settings: Any, days: int
) -> None:
    settings.ORDERS_KEPT_IN_APP = days
    make(vera, "B", "picked")
    warehouse.later(days * DAY + 3 * 60)
    assert customers(anna) == ["B"]
    warehouse.later(60)
    assert customers(anna) == []


def test_a_change_brings_an_order_back_to_the_list(warehouse: Warehouse, vera: Caller, anna: Phone) -> None:
    order = make(vera, "B", "picked")
    warehouse.later(9 * DAY)
    assert customers(anna) == []
    change(vera, order, customer_name="Bella")
    assert customers(anna) == ["Bella"]


def test_a_program_gets_older_orders_by_status_and_in_pages_the_oldest_first(
    warehouse: Warehouse, vera: Caller, anna: Phone
) -> None:
    for name, status in [("A", "picked"), ("B", "cancelled"), ("C", "picked"), ("D", "open")]:
        make(vera, name, status)
    warehouse.later(9 * DAY)
    for who in (vera, anna):
        assert customers(who) == ["D"]
        assert customers(who, "?status=picked") == ["A", "C"]
        assert customers(who, "?status=cancelled") == ["B"]
        assert customers(who, "?limit=500") == ["A", "B", "C", "D"]
        assert customers(who, "?after=0") == ["A", "B", "C", "D"]


def test_the_etag_of_the_list_changes_at_midnight_even_if_nothing_else_does(warehouse: Warehouse, vera: Caller) -> None:
    make(vera, "B", "picked")
    first, products = vera.send("get", "/api/orders/"), vera.send("get", "/api/products/")
    warehouse.later(3 * 60)
    same = vera.send("get", "/api/orders/", **{"If-None-Match": first["ETag"]})
    assert (same.status_code, same["ETag"]) == (304, first["ETag"])
    warehouse.later(8 * DAY)
    answer = vera.send("get", "/api/orders/", **{"If-None-Match": first["ETag"]})
    assert (answer.status_code, answer.json()) == (200, [])
    assert answer["ETag"] != first["ETag"]
    assert vera.send("get", "/api/products/", **{"If-None-Match": products["ETag"]}).status_code == 304


@pytest.mark.parametrize("pulled", [False, True])
@pytest.mark.parametrize("new_connection", [False, True])
def test_an_order_that_has_left_the_list_can_be_finished_again(
    warehouse: Warehouse, vera: Caller, anna: Phone, pulled: bool, new_connection: bool
) -> None:
    warehouse.product("SOCK", 10)
    make(vera, "A", pieces=2)
    (order,) = anna.pull_orders()
    anna.finish(order)
    warehouse.later(9 * DAY)
    if pulled:
        assert anna.pull_orders() == []
    if new_connection:
        anna.loses_connection()
    versions = OrderVersion.objects.count()
    assert anna.finish(order).status_code == 200
    assert (warehouse.movements("SOCK"), warehouse.questions()) == ([10, -2], [])
    assert Order.objects.get().status == "picked"
    assert OrderVersion.objects.count() == versions
    assert anna.pull_orders() == [], "the order has not changed, so it does not come back to the list"
