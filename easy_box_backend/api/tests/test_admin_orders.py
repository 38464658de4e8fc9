"""Orders in the admin, where they come into being."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from api.actions import orders, products
from api.actor import Actor
from api.models import Order, OrderVersion, Product
from api.tests.admin_desk import Desk, enter, text
from api.tests.calls import Caller
from api.tests.conftest import MakeProduct
from api.tests.examples import examples

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(manager: Caller) -> Desk:
    return enter(manager.user)


def lines(*wanted: tuple[Any, ...], start: int = 0) -> dict[str, Any]:
    """Form values of lines: (product, to pick) or (product, to pick, picked) each."""
    values: dict[str, Any] = {"lines-TOTAL_FORMS": str(start + len(wanted))}
    for number, (product, to_pick, *picked) in enumerate(wanted, start):
        values[f"lines-{number}-product"] = str(product.pk)
        values[f"lines-{number}-quantity_to_pick"] = str(to_pick)
        values[f"lines-{number}-quantity_picked"] = str(picked[0]) if picked else "0"
    return values


def an_order(desk: Desk, *wanted: tuple[Any, ...]) -> Order:
    by, at = Actor(desk.user, at=timezone.now()), timezone.now()
    return orders.create(
        customer_name="Anna", lines=[orders.Line(p.pk, n, *picked) for p, n, *picked in wanted], by=by.then(at)
    )


def test_a_manager_makes_an_order_with_two_lines(desk: Desk, make_product: MakeProduct, picker: Caller) -> None:
    shirt, hat = make_product(quantity=9), make_product(quantity=9)
    answer = desk.save("order", customer_name="Анна", **lines((shirt, 2), (hat, 3)))
    assert answer.status_code == 302, text(answer)
    order = Order.objects.get()
    assert [(line.product, line.quantity_to_pick) for line in order.lines.all()] == [(shirt, 2), (hat, 3)]
    assert OrderVersion.objects.get().user == desk.user
    (seen,) = picker.get("/api/orders/").json()
    assert (seen["customer_name"], seen["status"], len(seen["lines"])) == ("Анна", "open", 2)


def test_a_product_named_twice_is_one_line(desk: Desk, make_product: MakeProduct) -> None:
    shirt = make_product()
    desk.save("order", customer_name="Anna", **lines((shirt, 2), (shirt, 3)))
    assert [line.quantity_to_pick for line in Order.objects.get().lines.all()] == [5]


def test_picked_quantities_take_stock_and_less_returns_it(desk: Desk, make_product: MakeProduct) -> None:
    shirt = make_product(quantity=10)
    order = an_order(desk, (shirt, 4))
    for picked, left in (("3", 7), ("1", 9)):
        assert desk.save("order", order.pk, **{"lines-0-quantity_picked": picked}).status_code == 302
        shirt.refresh_from_db()
        assert shirt.quantity == left


def test_cancelling_returns_what_was_picked(desk: Desk, make_product: MakeProduct) -> None:
    shirt = make_product(quantity=10)
    order = an_order(desk, (shirt, 4, 4))
    assert desk.save("order", order.pk, status="cancelled").status_code == 302
    shirt.refresh_from_db()
    assert shirt.quantity == 10


def test_a_line_is_removed_and_another_added(desk: Desk, make_product: MakeProduct) -> None:
    shirt, hat, socks = make_product(quantity=5), make_product(), make_product()
    order = an_order(desk, (shirt, 1, 1), (hat, 2))
    desk.save("order", order.pk, **{"lines-0-DELETE": "on"}, **lines((socks, 6), start=2))
    there = order.lines.filter(removed_at__isnull=True)
    assert {(line.product, line.quantity_to_pick) for line in there} == {(hat, 2), (socks, 6)}
    shirt.refresh_from_db()
    assert shirt.quantity == 5


def test_a_line_that_was_removed_can_come_back(desk: Desk, make_product: MakeProduct) -> None:
    shirt, hat = make_product(), make_product()
    order = an_order(desk, (shirt, 1), (hat, 1))
    desk.save("order", order.pk, **{"lines-0-DELETE": "on"})
    assert desk.save("order", order.pk, **lines((shirt, 8), start=1)).status_code == 302
    assert order.lines.get(product=shirt).quantity_to_pick == 8


def test_what_the_warehouse_did_meanwhile_is_not_written_over(
    desk: Desk, make_product: MakeProduct, manager: Caller
) -> None:
    shirt, hat = make_product(quantity=10), make_product()
    order = an_order(desk, (shirt, 4), (hat, 1))
    values = desk.open("order", order.pk)
    picked = {"product": shirt.pk, "quantity_to_pick": 4, "quantity_picked": 4}
    manager.put(f"/api/orders/{order.pk}/", {"customer_name": "Anna", "status": "picked", "lines": [picked]})
    answer = desk.send("order", order.pk, {**values, "customer_name": "Berta"})
    assert answer.status_code == 200
    assert "This was changed in the meantime. Load it again." in text(answer)
    order.refresh_from_db()
    assert (order.customer_name, order.status) == ("Anna", "picked")


@pytest.mark.parametrize(
    ("number", "words"),
    [("0", "greater than or equal to 1"), ("x", "Enter a whole number."), ("99999999", "less than or equal")],
)
def test_nonsense_is_an_error_in_the_form(desk: Desk, make_product: MakeProduct, number: str, words: str) -> None:
    answer = desk.save("order", customer_name="Anna", **lines((make_product(), number)))
    assert answer.status_code == 200
    assert words in text(answer)
    assert not Order.objects.exists()


def test_only_live_products_are_offered_and_taken(desk: Desk, make_product: MakeProduct) -> None:
    live, gone = make_product(name="Coat live"), make_product(name="Coat gone")
    products.archive(gone.pk, by=Actor(desk.user, at=timezone.now()))
    query = {"app_label": "api", "model_name": "orderline", "field_name": "product", "term": "coat"}
    offered = desk.get("/admin/autocomplete/", query).json()["results"]
    assert [row["id"] for row in offered] == [str(live.pk)]
    assert desk.save("order", customer_name="Anna", **lines((gone, 1))).status_code == 200
    assert not Order.objects.exists()


def test_an_order_keeps_a_line_of_a_product_that_was_archived(desk: Desk, make_product: MakeProduct) -> None:
    shirt = make_product()
    order = an_order(desk, (shirt, 1))
    products.archive(shirt.pk, by=Actor(desk.user, at=timezone.now()))
    assert desk.save("order", order.pk, customer_name="Berta").status_code == 302
    order.refresh_from_db()
    assert order.customer_name == "Berta"


def test_deleting_is_archiving_and_unfinished_picks_return(desk: Desk, make_product: MakeProduct) -> None:
    shirt = make_product(quantity=10)
    order = an_order(desk, (shirt, 4, 3))
    assert desk.post(f"/admin/api/order/{order.pk}/delete/", {"post": "yes"}).status_code == 302
    order.refresh_from_db()
    shirt.refresh_from_db()
    assert order.archived_at is not None
    assert shirt.quantity == 10
    page = desk.get(f"/admin/api/order/{order.pk}/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in text(page)


def test_the_page_tells_what_changed(desk: Desk, make_product: MakeProduct) -> None:
    shirt = make_product(name="Shirt", quantity=10)
    order = an_order(desk, (shirt, 4))
    desk.save("order", order.pk, status="inProgress", **{"lines-0-quantity_picked": "2"})
    page = text(desk.get(f"/admin/api/order/{order.pk}/change/"))
    assert "status: open → in progress" in page
    assert "Shirt, picked: 0 → 2" in page


def test_a_list_takes_as_many_queries_for_twenty_orders_as_for_one(
    desk: Desk, make_product: MakeProduct, django_assert_num_queries: Any
) -> None:
    goods = [make_product() for _ in range(3)]
    for _ in range(20):
        an_order(desk, *((product, 2) for product in goods))
    with django_assert_num_queries(8):  # session, person, count, rows, and those of the calendar
        page = desk.list("order")
    assert "0 of 6" in text(page)


def test_a_page_takes_a_fixed_number_of_queries_whatever_its_lines(
    desk: Desk, make_product: MakeProduct, django_assert_max_num_queries: Any
) -> None:
    order = an_order(desk, *((make_product(), 2) for _ in range(20)))
    with django_assert_max_num_queries(10):
        desk.open("order", order.pk)


# --- A thousand lines ---------------------------------------------------------------------------------------------
def a_thousand(start: int = 0) -> list[Product]:
    """As many products as an order can have lines, none on hand."""
    rows = [Product(sku=f"T-{n}", name=f"Thing {n}", revision=start + n) for n in range(1000)]
    return list(Product.objects.bulk_create(rows))


@pytest.mark.any_database
def test_an_order_of_a_thousand_lines_is_made_and_changed(
    desk: Desk, picker: Caller, django_assert_max_num_queries: Any
) -> None:
    goods = a_thousand()[: examples(1000)]
    with django_assert_max_num_queries(40):
        answer = desk.save("order", customer_name="Anna", **lines(*((product, 2) for product in goods)))
    assert answer.status_code == 302, text(answer)[:2000]
    order = Order.objects.get()
    assert order.lines.count() == len(goods)
    with django_assert_max_num_queries(20):
        values = desk.open("order", order.pk)
    assert sum(name.endswith("-quantity_to_pick") and value == "2" for name, value in values.items()) == len(goods)
    with django_assert_max_num_queries(30):
        answer = desk.send("order", order.pk, {**values, f"lines-{len(goods) - 1}-quantity_to_pick": "7"})
    assert answer.status_code == 302, text(answer)[:2000]
    assert order.lines.get(product=goods[-1]).quantity_to_pick == 7
