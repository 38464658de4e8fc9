"""PUT /api/products/{id}/"""

from __future__ import annotations

from dataclasses import replace

import pytest

from proofs.contract.client import BODY_KINDS, App, body_of, new_sku, photo


def test_the_product_page_is_saved(app: App) -> None:
    product = app.make_product(quantity=3)
    edited = replace(product, name="Пальто", sku=new_sku("П/{}"), location="B2-02")
    app.inventory.update(edited)
    assert app.shown(product.id) == edited


@pytest.mark.parametrize("step", [1, -1])
def test_the_buttons_step_by_one(app: App, step: int) -> None:
    product = app.make_product(quantity=3)
    app.inventory.update(replace(product, quantity=3 + step))
    assert app.shown(product.id).quantity == 3 + step


def test_several_presses_add_up(app: App) -> None:
    product = app.make_product(quantity=3)
    for quantity in (4, 5, 6, 5):
        app.inventory.update(replace(product, quantity=quantity))
    assert app.shown(product.id).quantity == 5


def test_an_emptied_location_is_empty(app: App) -> None:
    product = app.inventory.create("N", new_sku(), "A1")
    app.inventory.products()
    app.inventory.update(replace(product, location=""))
    assert app.shown(product.id).location in (None, "")


def test_a_location_of_null_is_accepted_and_empties_it(app: App) -> None:
    product = app.make_product()
    app.inventory.update(replace(product, location=None))
    assert app.shown(product.id).location in (None, "")


@pytest.mark.parametrize("url", ["/data/user/0/easy_box/cache/1.jpg", "http://elsewhere/x.jpg", None, ""])
def test_image_url_and_thumbnail_url_are_ignored(app: App, url: str | None) -> None:
    created = app.inventory.create("N", new_sku(), None, photo())
    product = app.shown(created.id)
    answer = app.send("PUT", f"/products/{product.id}/", {**product.to_json(), "image_url": url})
    assert 200 <= answer.status < 300
    assert app.shown(product.id) == product


def test_an_image_url_in_an_update_adds_no_image(app: App) -> None:
    product = app.make_product()
    app.inventory.update(replace(product, image_url="/data/user/0/easy_box/cache/1.jpg"))
    assert app.shown(product.id).image_url is None


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_any_kind_of_body_is_understood(app: App, kind: str) -> None:
    product = app.make_product(quantity=2)
    fields = {"name": "Плащ", "sku": product.sku, "quantity": "2", "location": "Ц-1"}
    if kind == "json":
        fields["quantity"] = 2  # type: ignore[assignment]
    app.send("PUT", f"/products/{product.id}/", *body_of(kind, fields))
    assert app.shown(product.id) == replace(product, name="Плащ", location="Ц-1")


def test_a_repeated_update_changes_nothing_more(app: App) -> None:
    product = app.make_product(quantity=3)
    for _ in range(2):
        app.inventory.update(replace(product, quantity=4))
    assert app.shown(product.id).quantity == 4


def test_another_products_sku_is_refused_with_the_key_sku(app: App, integration: App) -> None:
    taken, product = app.make_product().sku, app.make_product()
    answer = integration.refused("PUT", f"/products/{product.id}/", replace(product, sku=taken).to_json())
    assert answer.status == 400
    assert "sku" in answer.data


@pytest.mark.parametrize("quantity", ["many", 1.5, True, None, [1]])
def test_a_quantity_that_is_no_integer_is_refused_with_the_field_named(app: App, quantity: object) -> None:
    product = app.make_product(quantity=3)
    answer = app.refused("PUT", f"/products/{product.id}/", {**product.to_json(), "quantity": quantity})
    assert answer.status == 400
    assert "quantity" in answer.data
    assert app.shown(product.id).quantity == 3


def test_an_integration_gets_404_for_an_unknown_product(integration: App) -> None:
    body = {"name": "N", "sku": new_sku(), "quantity": 0, "location": None}
    assert integration.refused("PUT", "/products/999999999/", body).status == 404
