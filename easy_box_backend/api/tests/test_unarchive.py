"""POST /api/products/{id}/unarchive/."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from api.models import Product, ProductVersion
from api.tests.calls import Caller, check_error
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db


@pytest.fixture
def gone(manager: Caller, make_product: MakeProduct) -> Product:
    """An archived product with 7 on hand."""
    product = make_product("BOX", quantity=7)
    assert manager.delete(f"/api/products/{product.pk}/").status_code == 204
    return product


def address(product: Product) -> str:
    return f"/api/products/{product.pk}/unarchive/"


def test_a_restored_product_is_on_the_list_again_with_its_quantity(manager: Caller, gone: Product) -> None:
    before = Product.objects.get(pk=gone.pk).revision
    answer = manager.post(address(gone))
    assert answer.status_code == 200, answer.content
    assert (answer.json()["archived"], answer.json()["quantity"], answer.json()["sku"]) == (False, 7, "BOX")
    assert [row["id"] for row in manager.get("/api/products/").json()] == [gone.pk]
    found = Product.objects.get(pk=gone.pk)
    assert found.revision > before
    version = ProductVersion.objects.filter(product=gone).latest("revision")
    assert (version.revision, version.archived, version.user) == (found.revision, False, manager.user)


def test_a_live_product_is_not_changed(manager: Caller, make_product: MakeProduct) -> None:
    product = make_product()
    before = Product.objects.filter(pk=product.pk).values().get()
    assert manager.post(address(product)).status_code == 200
    assert Product.objects.filter(pk=product.pk).values().get() == before
    assert ProductVersion.objects.filter(product=product).count() == 1


@pytest.mark.both_databases
def test_a_sku_that_was_taken_meanwhile_is_a_conflict_and_named(
    manager: Caller, gone: Product, make_product: MakeProduct
) -> None:
    other = make_product("BOX")
    body = check_error(manager.post(address(gone)), 409, "sku_taken")
    assert body["sku"]
    assert body["facts"] == {"sku": "BOX", "product": other.pk}
    assert Product.objects.get(pk=gone.pk).is_archived


def test_only_a_manager_restores_products(picker: Caller, guest: APIClient, gone: Product) -> None:
    check_error(picker.post(address(gone)), 403)
    check_error(guest.post(address(gone)), 401)
    assert Product.objects.get(pk=gone.pk).is_archived


@pytest.mark.parametrize("key", ["99999999", "x", "-1", "9" * 30])
def test_an_unknown_product_is_404(manager: Caller, key: str) -> None:
    check_error(manager.post(f"/api/products/{key}/unarchive/"), 404, "no_such_product")
