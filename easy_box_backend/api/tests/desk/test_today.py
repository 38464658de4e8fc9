"""The first page, and the polling that keeps pages live."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from api.actions import discrepancies, orders, stock
from api.actor import Actor
from api.models import Discrepancy, Job, StockMovement, User
from api.tests.conftest import MakeProduct, MakeUser

pytestmark = pytest.mark.django_db


def text(client: Client, address: str = "/") -> str:
    """The text of a page."""
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def mark_of(answer: Any) -> str:
    """The live mark with which a page was made."""
    return answer.wsgi_request.live_mark


def test_the_first_page_names_what_needs_attention(desk: Client, vera: User, make_product: MakeProduct) -> None:
    by = Actor(vera, at=timezone.now())
    shirt = make_product("SHIRT", 3, min_quantity=5)
    make_product("460123", 1, unverified=True)
    discrepancies.record(Discrepancy.Kind.KEPT_IN_PART, by=by, product=shirt)
    orders.create(customer_name="Anna", lines=[orders.Line(shirt.pk, 2, 0)], by=by)
    Job.objects.create(name="check_backup", due_at=by.at, report={"failed": True})
    page = text(desk)
    for expected in (
        "1 product is below its minimum", "1 product has no name yet", "not saved completely: 1", "1 order is waiting",
        "The last backup failed",
    ):  # fmt: skip
        assert expected in page


def test_the_first_page_says_when_nothing_needs_attention(desk: Client) -> None:
    assert "Nothing at the moment." in text(desk)


def test_orders_in_work_show_their_progress_and_picker(desk: Client, vera: User, make_product: MakeProduct) -> None:
    by, shirt = Actor(vera, at=timezone.now()), make_product("SHIRT", 9)
    order = orders.create(customer_name="Anna", lines=[orders.Line(shirt.pk, 4, 0)], by=by)
    orders.update(order.pk, status="inProgress", lines=[orders.Line(shirt.pk, 4, 3)], by=by)
    page = text(desk)
    assert "3 of 4" in page
    assert f'href="/orders/{order.pk}/"' in page


def test_the_chart_adds_up_the_pieces_of_each_day(desk: Client, vera: User, make_product: MakeProduct) -> None:
    by, shirt = Actor(vera, at=timezone.now()), make_product("SHIRT")
    stock.receive(shirt.pk, 7, by=by)
    stock.receive(shirt.pk, 5, by=by)
    stock.adjust(shirt.pk, -2, reason="broken", by=by)
    days = desk.get("/chart/").context["days"]
    assert len(days) == 14
    assert (days[-1]["into"], days[-1]["out"]) == (12, 2)
    StockMovement.objects.update(recorded_at=by.at - timedelta(days=20))
    assert sum(day["into"] for day in desk.get("/chart/").context["days"]) == 0


def test_the_poll_says_nothing_until_something_changes(desk: Client, vera: User, make_product: MakeProduct) -> None:
    shirt = make_product("SHIRT")
    mark = mark_of(desk.get("/"))
    assert desk.get("/live/", {"seen": mark}).status_code == 204
    stock.receive(shirt.pk, 7, by=Actor(vera, at=timezone.now()))
    changed = desk.get("/live/", {"seen": mark})
    assert changed.status_code == 200
    assert changed.headers["HX-Trigger"] == "changed"
    mark = mark_of(changed)
    asked = discrepancies.record(Discrepancy.Kind.KEPT_IN_PART, by=Actor(vera, at=timezone.now()), product=shirt)
    assert desk.get("/live/", {"seen": mark}).status_code == 200
    mark = mark_of(desk.get("/"))
    Discrepancy.objects.filter(pk=asked.pk).update(status="dismissed")
    assert desk.get("/live/", {"seen": mark}).status_code == 200


def test_the_poll_is_one_query_beside_the_session(
    desk: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mark = mark_of(desk.get("/"))
    with django_assert_num_queries(3):  # session, person, mark
        desk.get("/live/", {"seen": mark})


def test_the_page_takes_few_queries_however_much_there_is(
    desk: Client, vera: User, make_product: MakeProduct, make_user: MakeUser,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    by = Actor(vera, at=timezone.now())
    for number in range(9):
        product = make_product(f"P{number}", 5)
        order = orders.create(customer_name="Anna", lines=[orders.Line(product.pk, 2, 0)], by=by)
        orders.update(order.pk, status="inProgress", lines=[orders.Line(product.pk, 2, 1)], by=by)
    with django_assert_max_num_queries(11):
        desk.get("/")


def test_a_picker_sees_nothing(make_user: MakeUser) -> None:
    client = Client()
    client.force_login(make_user("Paul"))
    assert client.get("/").status_code == 403
