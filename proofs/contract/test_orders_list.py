"""GET /api/orders/"""

from __future__ import annotations

import pytest

from proofs.contract.client import App, new_sku, photo
from proofs.phone.app import ORDER_STATUSES, as_list


def test_it_is_a_bare_array(app: App) -> None:
    answer = app.send("GET", "/orders/")
    assert answer.status == 200
    as_list(answer.data)


def test_an_order_can_be_read_with_its_products_as_objects(app: App) -> None:
    product = app.inventory.create("Куртка", new_sku(), "A1-01-01", photo())
    other = app.make_product()
    order = app.make_order((product, 2), (other, 5))
    assert (order.customer_name, order.status) == ("Анна", "open")
    assert [(line.quantity_to_pick, line.quantity_picked) for line in order.lines] == [(2, 0), (5, 0)]
    line = order.lines[0].product
    assert (line.id, line.name, line.sku, line.location) == (product.id, "Куртка", product.sku, "A1-01-01")
    assert line.image_url == product.image_url
    assert line.image_url is not None
    assert line.image_url.startswith("http")
    assert order.lines[1].product.image_url is None


@pytest.mark.parametrize("status", ORDER_STATUSES)
def test_an_order_of_every_status_can_be_read(app: App, status: str) -> None:
    order = app.make_order((app.make_product(), 1), status=status)
    assert order.status == status


def test_a_line_shows_the_product_as_it_is_now(app: App) -> None:
    product = app.make_product()
    order = app.make_order((product, 1))
    app.inventory.upload_image(product.id, photo())
    assert app.order(order.id).lines[0].product.image_url == app.shown(product.id).image_url
