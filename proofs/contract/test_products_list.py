"""GET /api/products/"""

from __future__ import annotations

from proofs.contract.client import App, new_sku, photo
from proofs.phone.app import as_list


def test_it_is_a_bare_array_in_json(app: App) -> None:
    answer = app.send("GET", "/products/")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    as_list(answer.data)


def test_every_product_in_it_can_be_read(app: App) -> None:
    sku = new_sku()
    app.make_product(sku, "Шапка «Зима» 🧢", quantity=7)
    app.inventory.create("With everything", new_sku(), "A1-01-01", photo())
    product = next(product for product in app.inventory.products() if product.sku == sku)
    assert (product.name, product.quantity, product.image_url) == ("Шапка «Зима» 🧢", 7, None)
    assert product.thumbnail_url is None


def test_ids_are_integers_since_order_lines_are_sent_with_integer_ids(app: App) -> None:
    product = app.make_product()
    assert product.id == str(int(product.id))


def test_it_has_all_products_but_the_deleted_ones(app: App, other_app: App) -> None:
    kept = [other_app.make_product().id for _ in range(3)]
    gone = app.make_product().id
    other_app.inventory.delete(gone)
    shown = [product.id for product in app.inventory.products()]
    assert set(kept) <= set(shown)
    assert gone not in shown
    assert len(shown) == len(set(shown))


def test_a_change_is_in_the_next_list_of_another_phone(app: App, other_app: App) -> None:
    product = app.make_product()
    other_app.inventory.products()
    app.inventory.add_stock(product.id, 4)
    assert other_app.shown(product.id).quantity == 4


def test_a_list_long_enough_for_gzip_arrives_whole(app: App) -> None:
    skus = {app.make_product(name="Очень длинное имя " * 8).sku for _ in range(25)}
    answer = app.send("GET", "/products/")
    assert answer.headers.get("content-encoding", "gzip") == "gzip"
    assert skus <= {product["sku"] for product in answer.data}
