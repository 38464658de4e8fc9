"""DELETE /api/products/{id}/"""

from __future__ import annotations

from proofs.contract.client import App


def test_a_deleted_product_is_gone_from_the_list(app: App) -> None:
    product = app.make_product(quantity=2)
    assert 200 <= app.send("DELETE", f"/products/{product.id}/").status < 300
    assert product.id not in [item.id for item in app.inventory.products()]


def test_a_repeated_delete_is_2xx(app: App) -> None:
    product = app.make_product()
    for _ in range(3):
        app.inventory.delete(product.id)
    assert product.id not in [item.id for item in app.inventory.products()]


def test_a_product_in_an_order_can_be_deleted_and_the_order_stays_readable(app: App) -> None:
    product = app.make_product()
    order = app.make_order((product, 2))
    app.inventory.delete(product.id)
    line = app.order(order.id).lines[0]
    assert (line.product.name, line.product.sku) == (product.name, product.sku)


def test_the_connection_stays_open_after_an_answer_without_a_body(app: App) -> None:
    first, second = app.make_product(), app.make_product()
    before = app.transport.opened
    app.inventory.delete(first.id)
    assert app.inventory.by_sku(second.sku) is not None
    assert app.transport.opened == before
