"""POST /api/products/{id}/add_stock/"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from proofs.contract.client import BODY_KINDS, App, body_of


def test_it_adds_to_the_stock(app: App) -> None:
    product = app.make_product(quantity=2)
    assert 200 <= app.send("POST", f"/products/{product.id}/add_stock/", {"quantity": 5}).status < 300
    assert app.shown(product.id).quantity == 7


def test_each_look_up_and_addition_of_the_app_adds_one_box(app: App) -> None:
    sku = app.make_product().sku
    for _ in range(3):
        found = app.inventory.by_sku(sku)
        assert found is not None
        app.inventory.add_stock(found.id, 1)
    again = app.inventory.by_sku(sku)
    assert again is not None
    assert again.quantity == 3, "three boxes are three boxes"


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_any_kind_of_body_is_understood(app: App, kind: str) -> None:
    product = app.make_product()
    body, content_type = body_of(kind, {"quantity": 5 if kind == "json" else "5"})
    app.send("POST", f"/products/{product.id}/add_stock/", body, content_type)
    assert app.shown(product.id).quantity == 5


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001, 10**30])
def test_a_quantity_outside_the_limits_gets_2xx_so_that_no_queue_stops_and_changes_nothing(
    app: App, quantity: int
) -> None:
    product = app.make_product(quantity=2)
    app.inventory.add_stock(product.id, quantity)
    assert app.shown(product.id).quantity == 2


@pytest.mark.parametrize("quantity", [1.5, "x", "", True, None, [1], {"a": 1}])
def test_a_quantity_that_is_no_integer_is_refused_with_the_field_named_and_changes_nothing(
    app: App, quantity: object
) -> None:
    product = app.make_product(quantity=2)
    answer = app.refused("POST", f"/products/{product.id}/add_stock/", {"quantity": quantity})
    assert answer.status == 400
    assert "quantity" in answer.data
    assert app.shown(product.id).quantity == 2


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"null", b"\xff\xfe", b'{"quantity":NaN}'])
def test_a_body_that_is_no_object_is_refused(app: App, body: bytes) -> None:
    product = app.make_product()
    answer = app.refused("POST", f"/products/{product.id}/add_stock/", body, "application/json")
    assert answer.status == 400
    assert app.shown(product.id).quantity == 0


def test_an_unknown_id_gets_2xx_so_that_no_queue_stops(app: App) -> None:
    app.inventory.add_stock("999999999", 1)


def test_an_integration_gets_404_for_an_unknown_product(integration: App) -> None:
    assert integration.refused("POST", "/products/999999999/add_stock/", {"quantity": 1}).status == 404


def test_two_people_adding_at_once_lose_nothing(app: App, other_app: App) -> None:
    product = app.make_product()
    other_app.inventory.products()

    def add_five(client: App) -> None:
        for _ in range(5):
            assert client.inventory.by_sku(product.sku)
            client.inventory.add_stock(product.id, 1)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(add_five, [app, other_app]))
    assert app.shown(product.id).quantity == 10
