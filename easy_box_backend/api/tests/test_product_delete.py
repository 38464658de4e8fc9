"""DELETE /api/products/{id}/: the product is archived, and nothing is lost."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from api.models import Product, ProductVersion, StockMovement
from api.tests.calls import Caller, check_error
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db


def test_a_deleted_product_leaves_the_list_and_keeps_its_history(manager: Caller, make_product: MakeProduct) -> None:
    product, other = make_product("A", quantity=5), make_product("B")
    answer = manager.delete(f"/api/products/{product.pk}/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [row["id"] for row in manager.get("/api/products/").json()] == [other.pk]
    assert StockMovement.objects.filter(product=product).count() == 1
    archived = Product.objects.get(pk=product.pk)
    assert archived.quantity == 5
    last = ProductVersion.objects.filter(product=product).latest("revision")
    assert (last.archived, last.user, last.revision) == (True, manager.user, archived.revision)


def test_deleting_twice_archives_once(manager: Caller, make_product: MakeProduct) -> None:
    product = make_product()
    statuses = [manager.delete(f"/api/products/{product.pk}/").status_code for _ in range(2)]
    assert statuses == [204, 204]
    assert ProductVersion.objects.filter(product=product).count() == 2


def test_an_order_keeps_its_line_with_name_and_sku_and_can_still_be_picked(
    manager: Caller, make_product: MakeProduct
) -> None:
    product = make_product("A", name="Jacket", quantity=5)
    lines = [{"product": product.pk, "quantity_to_pick": 2, "quantity_picked": 0}]
    order = manager.post("/api/orders/", {"customer_name": "Anna", "lines": lines}).json()
    manager.delete(f"/api/products/{product.pk}/")
    (line,) = manager.get(f"/api/orders/{order['id']}/").json()["lines"]
    assert (line["product"]["name"], line["product"]["sku"], line["quantity_to_pick"]) == ("Jacket", "A", 2)
    lines[0]["quantity_picked"] = 2
    body = {"customer_name": "Anna", "status": "picked", "lines": lines}
    assert manager.put(f"/api/orders/{order['id']}/", body).status_code == 200
    assert Product.objects.get(pk=product.pk).quantity == 3


def test_no_goods_arrive_for_an_archived_product(manager: Caller, make_product: MakeProduct) -> None:
    product = make_product()
    manager.delete(f"/api/products/{product.pk}/")
    answer = manager.post(f"/api/products/{product.pk}/add_stock/", {"quantity": 1})
    check_error(answer, 404, "no_such_product")


def test_a_guest_deletes_nothing(guest: APIClient, make_product: MakeProduct) -> None:
    check_error(guest.delete(f"/api/products/{make_product().pk}/"), 401)
    assert Product.objects.live().count() == 1
