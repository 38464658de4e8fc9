"""PUT /api/orders/{id}/"""

from __future__ import annotations

from dataclasses import replace

import pytest

from proofs.contract.client import App, body_of


def test_finishing_an_order_persists_status_and_picks(app: App, other_app: App) -> None:
    order = app.make_order((app.make_product(quantity=10), 2), (app.make_product(quantity=10), 3))
    done = order.picked_in_full()
    app.orders.update(done)
    assert other_app.order(order.id) == done


def test_the_apps_body_gets_2xx(app: App) -> None:
    order = app.make_order((app.make_product(quantity=5), 2))
    assert 200 <= app.send("PUT", f"/orders/{order.id}/", order.picked_in_full().to_json()).status < 300


def test_a_repeated_finish_changes_nothing_more(app: App) -> None:
    product = app.make_product(quantity=10)
    order = app.make_order((product, 2))
    app.orders.update(order.picked_in_full())
    once = app.shown(product.id).quantity
    app.orders.update(order.picked_in_full())
    assert app.shown(product.id).quantity == once
    assert app.order(order.id) == order.picked_in_full()


def test_picks_of_an_order_in_progress_are_kept(app: App) -> None:
    order = app.make_order((app.make_product(quantity=10), 4))
    begun = replace(order, status="inProgress", lines=(replace(order.lines[0], quantity_picked=3),))
    app.orders.update(begun)
    assert app.order(order.id) == begun


def test_a_phone_that_forgot_the_customer_does_not_erase_it(app: App) -> None:
    order = app.make_order((app.make_product(quantity=5), 1))
    app.orders.update(replace(order.picked_in_full(), customer_name="N/A"))
    assert app.order(order.id).customer_name == "Анна"


def test_the_lines_of_an_order_can_be_changed(app: App) -> None:
    first, second = app.make_product(quantity=5), app.make_product(quantity=5)
    order = app.make_order((first, 1))
    lines = [
        {"product": int(first.id), "quantity_to_pick": 3, "quantity_picked": 0},
        {"product": int(second.id), "quantity_to_pick": 2, "quantity_picked": 0},
    ]
    app.send("PUT", f"/orders/{order.id}/", {"customer_name": "Анна", "status": "open", "lines": lines})
    changed = app.order(order.id)
    assert [(line.product.id, line.quantity_to_pick) for line in changed.lines] == [
        (first.id, 3),
        (second.id, 2),
    ]


@pytest.mark.parametrize("kind", ["multipart", "multipart-of-newest-dio", "urlencoded"])
def test_a_form_changes_the_fields_that_it_has_and_keeps_the_lines(app: App, kind: str) -> None:
    order = app.make_order((app.make_product(quantity=5), 1))
    fields = {"customer_name": "Борис", "status": "inProgress"}
    app.send("PUT", f"/orders/{order.id}/", *body_of(kind, fields))
    assert app.order(order.id) == replace(order, customer_name="Борис", status="inProgress")


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "in_progress"},
        {"status": 1},
        {"lines": "none"},
        {"lines": [{"product": "x", "quantity_to_pick": 1, "quantity_picked": 0}]},
        {"lines": [{"product": 1, "quantity_to_pick": 1.5, "quantity_picked": 0}]},
        {"lines": [7]},
    ],
)
def test_an_invalid_status_or_line_is_refused_and_changes_nothing(app: App, wrong: dict[str, object]) -> None:
    order = app.make_order((app.make_product(quantity=5), 1))
    answer = app.refused("PUT", f"/orders/{order.id}/", {**order.to_json(), **wrong})
    assert answer.status == 400
    assert app.order(order.id) == order
