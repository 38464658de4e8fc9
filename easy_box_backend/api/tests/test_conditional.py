"""Conditional requests of programs: `ETag`, `If-None-Match` and `If-Match` (RFC 9110, section 13)."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from api.actions import orders, products
from api.actions.orders import Line
from api.actor import Actor
from api.models import Product
from api.tests.calls import Caller, check_error
from api.tests.cases import each
from api.tests.conftest import MakeProduct
from api.tests.photos import jpeg


@pytest.fixture(autouse=True)
def two_addresses(settings: Any) -> None:
    """The server is reached under more than one name; in production mode they must be allowed."""
    settings.ALLOWED_HOSTS = ["*"]


pytestmark = pytest.mark.django_db


@pytest.fixture
def addresses(owner: Caller, make_product: MakeProduct) -> dict[str, str]:
    """By name: the addresses of a product, of an order with it, and of both lists."""
    product = make_product("P", quantity=5)
    order = orders.create(customer_name="A", lines=[Line(product.pk, 2, 0)], by=Actor(owner.user, at=timezone.now()))
    return {
        "product": f"/api/products/{product.pk}/", "order": f"/api/orders/{order.pk}/",
        "products": "/api/products/", "orders": "/api/orders/",
    }  # fmt: skip


CHANGES = {"product": {"name": "Mine"}, "order": {"customer_name": "Mine"}}
WAYS = [
    lambda tag: f"W/{tag}",  # nginx makes a tag weak when it compresses the answer
    lambda tag: f'"other", {tag}',
    lambda tag: f'W/"other",W/{tag} , "17"',
    lambda tag: tag.strip('"'),
]


@each("row", ["product", "order"])
@each("way", WAYS)
def test_a_weak_tag_and_a_list_of_tags_hold_a_version(
    owner: Caller, addresses: dict[str, str], row: str, way: Any
) -> None:
    tag = owner.get(addresses[row])["ETag"]
    answer = owner.patch(addresses[row], CHANGES[row], headers={"If-Match": way(tag)})
    assert answer.status_code == 200, answer.content
    answer = owner.patch(addresses[row], CHANGES[row], headers={"If-Match": way(tag)})
    check_error(answer, 412, "stale")


@pytest.mark.parametrize("row", ["product", "order"])
def test_a_list_without_the_present_version_is_412_and_changes_nothing(
    owner: Caller, addresses: dict[str, str], row: str
) -> None:
    before = owner.get(addresses[row])
    for held in ('"1000000"', 'W/"1000000", "x", "1000001.00.00"', '"-1"', '"x"'):
        answer = owner.patch(addresses[row], CHANGES[row], headers={"If-Match": held})
        check_error(answer, 412, "stale")
    assert owner.get(addresses[row])["ETag"] == before["ETag"]


@pytest.mark.parametrize("held", ['"open', 'W/"', ", ,"])
def test_an_invalid_tag_is_400_and_changes_nothing(owner: Caller, addresses: dict[str, str], held: str) -> None:
    for row, change in CHANGES.items():
        before = owner.get(addresses[row]).content
        check_error(owner.patch(addresses[row], change, headers={"If-Match": held}), 400, "bad_if_match")
        assert owner.get(addresses[row]).content == before


@pytest.mark.parametrize("row", ["product", "order"])
def test_a_row_that_somebody_has_changed_meanwhile_is_not_deleted(
    owner: Caller, addresses: dict[str, str], row: str
) -> None:
    tag = owner.get(addresses[row])["ETag"]
    owner.patch(addresses[row], CHANGES[row])
    check_error(owner.delete(addresses[row], headers={"If-Match": tag}), 412, "stale")
    tag = owner.get(addresses[row])["ETag"]
    assert owner.delete(addresses[row], headers={"If-Match": tag}).status_code == 204


def test_a_photo_for_a_product_that_has_changed_is_412(owner: Caller, addresses: dict[str, str]) -> None:
    tag = owner.get(addresses["product"])["ETag"]
    owner.patch(addresses["product"], CHANGES["product"])
    address, held = addresses["product"] + "upload_image/", {"If-Match": tag}
    check_error(owner.post(address, {"image": jpeg_file()}, format="multipart", headers=held), 412, "stale")
    assert owner.get(addresses["product"]).json()["image_url"] is None


def jpeg_file() -> Any:
    from api.tests.calls import upload

    return upload(jpeg())


@each("row", ["product", "order", "products", "orders"])
@each("way", WAYS[:3])
def test_a_known_version_is_304_also_with_a_weak_tag_and_in_a_list_of_tags(
    owner: Caller, addresses: dict[str, str], row: str, way: Any
) -> None:
    tag = owner.get(addresses[row])["ETag"]
    for method in ("GET", "HEAD"):
        same = owner.generic(method, addresses[row], headers={"If-None-Match": way(tag)})
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)


@pytest.mark.parametrize("row", ["product", "order", "products", "orders"])
def test_a_version_read_at_one_address_is_no_304_at_another_since_photo_urls_differ(
    owner: Caller, addresses: dict[str, str], row: str
) -> None:
    product = Product.objects.get(sku="P")
    owner.post(f"/api/products/{product.pk}/upload_image/", {"image": jpeg_file()}, format="multipart")
    here = owner.get(addresses[row], HTTP_HOST="box.local")
    others: list[dict[str, Any]] = [
        {"HTTP_HOST": "10.0.0.5:8000"},
        {"HTTP_HOST": "box.local", "wsgi.url_scheme": "https"},
    ]
    for other in others:
        there = owner.get(addresses[row], HTTP_IF_NONE_MATCH=here["ETag"], **other)
        assert there.status_code == 200
        assert there["ETag"] != here["ETag"]
        assert there.content != here.content
    assert owner.get(addresses[row], HTTP_HOST="box.local", HTTP_IF_NONE_MATCH=here["ETag"]).status_code == 304


def test_if_match_accepts_a_version_that_was_read_at_another_address(owner: Caller, addresses: dict[str, str]) -> None:
    for row, change in CHANGES.items():
        tag = owner.get(addresses[row], HTTP_HOST="box.local")["ETag"]
        answer = owner.patch(addresses[row], change, HTTP_HOST="10.0.0.5", HTTP_IF_MATCH=tag)
        assert answer.status_code == 200


def test_an_order_is_no_304_after_a_product_in_it_has_changed_its_location(
    owner: Caller, addresses: dict[str, str]
) -> None:
    tag = owner.get(addresses["order"])["ETag"]
    owner.patch(addresses["product"], {"location": "Z9"})
    answer = owner.get(addresses["order"], headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json()["lines"][0]["product"]["location"] == "Z9"
    changed = owner.patch(addresses["order"], {"customer_name": "B"}, headers={"If-Match": tag})
    assert changed.status_code == 200, "the order itself is still the version that was seen"


def test_the_tag_of_a_list_is_not_accepted_for_a_row(owner: Caller, addresses: dict[str, str]) -> None:
    tag = owner.get(addresses["products"])["ETag"]
    check_error(owner.patch(addresses["product"], {"name": "X"}, headers={"If-Match": tag}), 412, "stale")


def test_an_unknown_order_is_404_with_any_condition(owner: Caller, addresses: dict[str, str]) -> None:
    check_error(owner.get("/api/orders/999999/", headers={"If-None-Match": "*"}), 404, "no_such_order")
    check_error(owner.delete("/api/products/999999/", headers={"If-Match": '"1"'}), 404, "no_such_product")


def test_deleting_an_archived_product_without_a_condition_is_204(owner: Caller, addresses: dict[str, str]) -> None:
    products.archive(Product.objects.get(sku="P").pk, by=Actor(owner.user, at=timezone.now()))
    assert owner.delete(addresses["product"]).status_code == 204
