"""GET /api/products/ without ?sku= (that one is in test_products_by_sku.py), GET /api/products/{id}/"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from api.actions import products
from api.actor import Actor
from api.models import Product
from api.tests.calls import Caller, check_error
from api.tests.cases import each
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db
PRODUCTS = "/api/products/"


def archive(product: Product) -> None:
    products.archive(product.pk, by=Actor(None, at=timezone.now()))


def skus(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["sku"] for row in answer.json()]


def pages(client: APIClient, query: str) -> list[list[str]]:
    """All pages, by following `Link` to its end."""
    found, url = [], f"{PRODUCTS}?{query}"
    while url:
        answer = client.get(url)
        found.append(skus(answer))
        link = re.fullmatch(r'<http://testserver(/[^>]+)>; rel="next"', answer.headers.get("Link", ""))
        assert link or "Link" not in answer.headers
        url = link[1] if link else ""
        assert len(found) < 50
    return found


def test_a_guest_gets_401(guest: APIClient, make_product: MakeProduct) -> None:
    check_error(guest.get(PRODUCTS), 401)
    check_error(guest.get(f"{PRODUCTS}{make_product().pk}/"), 401)


def test_an_empty_warehouse_is_an_empty_array(manager: Caller) -> None:
    answer = manager.get(PRODUCTS)
    assert answer.content == b"[]"
    assert answer["Content-Type"].startswith("application/json")


def test_the_list_is_a_bare_array_of_live_products_with_the_types_that_the_app_casts(
    manager: Caller, make_product: MakeProduct
) -> None:
    make_product("A", quantity=7, name="Jacket", location="A1-01-01")
    make_product("B")
    archive(make_product("GONE"))
    first, second = manager.get(PRODUCTS).json()
    assert (first["name"], first["sku"], first["location"]) == ("Jacket", "A", "A1-01-01")
    assert type(first["id"]) is int
    assert type(first["quantity"]) is int
    assert first["quantity"] == 7
    assert (second["location"], second["image_url"], second["thumbnail_url"]) == (None, None, None)


def test_a_row_of_the_list_equals_the_single_product(manager: Caller, make_product: MakeProduct) -> None:
    make_product("A", quantity=7, location="A1")
    (row,) = manager.get(PRODUCTS).json()
    assert manager.get(f"{PRODUCTS}{row['id']}/").json() == row


@pytest.fixture
def wardrobe(make_product: MakeProduct) -> None:
    """Products to search for, and an archived one that has all their words."""
    make_product("J-1", name="Jacket", location="A1-01-01", quantity=1)
    make_product("J-2", name="JACKET", location="B2-01-01", quantity=2)
    make_product("K/1", name="Куртка зимняя", location="A1-02-01", quantity=3)
    make_product("S.1", name="Straße")
    make_product("P%1", name="100% wool")
    make_product("P_2", name="x")
    archive(make_product("OLD", name="Jacket Куртка Straße 100% _", location="A1"))


@pytest.mark.both_databases
@each(
    ("query", "found"),
    [
        ({"search": "jack"}, ["J-1", "J-2"]),
        ({"search": "j-2"}, ["J-2"]),
        ({"search": "b2"}, ["J-2"]),
        ({"search": "куртка"}, ["K/1"]),
        ({"search": "КУРТКА"}, ["K/1"]),
        ({"search": "Straße"}, ["S.1"]),
        ({"search": "100%"}, ["P%1"]),
        ({"search": "_"}, ["P_2"]),
        ({"search": "nothing like it"}, []),
        ({"search": ""}, ["J-1", "J-2", "K/1", "S.1", "P%1", "P_2"]),
        ({"location": "A1"}, ["J-1", "K/1"]),
        ({"location": "a1-02"}, ["K/1"]),
        ({"location": "1-02"}, []),
        ({"location": "A1", "search": "куртка"}, ["K/1"]),
        ({"ordering": "-sku"}, ["S.1", "P_2", "P%1", "K/1", "J-2", "J-1"]),
        ({"ordering": "quantity"}, ["S.1", "P%1", "P_2", "J-1", "J-2", "K/1"]),
        ({"ordering": "-quantity"}, ["K/1", "J-2", "J-1", "S.1", "P%1", "P_2"]),
        ({"limit": "2"}, ["J-1", "J-2"]),
    ],
)
def test_search_location_and_ordering(manager: Caller, wardrobe: None, query: dict[str, str], found: list[str]) -> None:
    assert skus(manager.get(PRODUCTS, query)) == found


@each("name", ["search", "location", "ordering", "limit", "after"])
@each("value", ["\x00", "-1", "0", "1.5", "true", "9" * 30, "x" * 300, "٣", "%", "'", "nan", "1e3"])
def test_an_odd_parameter_is_200_or_a_400_that_names_it(
    manager: Caller, make_product: MakeProduct, name: str, value: str
) -> None:
    make_product()
    answer = manager.get(PRODUCTS, {name: value})
    if answer.status_code != 200:
        assert name in check_error(answer, 400)


@pytest.fixture
def eleven(make_product: MakeProduct) -> None:
    """Eleven products; many of them have the same name, shelf or quantity."""
    for n in range(11):
        make_product(f"S{n * 7 % 11:02}", name=f"N{n % 3}", location=f"L{n % 2}", quantity=n % 4)


@pytest.mark.both_databases
@each("ordering", ["id", "-id", "sku", "-sku", "name", "-name", "location", "quantity", "-quantity", "updated_at"])
def test_pages_hold_every_row_exactly_once_whatever_the_order(manager: Caller, eleven: None, ordering: str) -> None:
    whole = skus(manager.get(PRODUCTS, {"ordering": ordering}))
    for limit in (1, 3, 4, 11):
        found = pages(manager, f"limit={limit}&ordering={ordering}")
        assert [sku for page in found for sku in page] == whole
        assert all(len(page) <= limit for page in found)
    assert len(set(whole)) == 11


@pytest.mark.both_databases
def test_a_page_can_begin_after_a_row_that_was_archived_meanwhile(manager: Caller, make_product: MakeProduct) -> None:
    rows = [make_product(f"S{n}", name="Same") for n in range(4)]
    archive(rows[1])
    answer = manager.get(PRODUCTS, {"ordering": "name", "limit": "2", "after": str(rows[1].pk)})
    assert skus(answer) == ["S2", "S3"]


def test_the_link_keeps_the_other_parameters_and_the_address_that_was_called(
    manager: Caller, make_product: MakeProduct, settings: Any
) -> None:
    for _ in range(3):
        make_product(name="Пальто & Co")
    found = pages(manager, "limit=1&search=%D0%9F%D0%B0%D0%BB%D1%8C%D1%82%D0%BE%20%26%20Co")
    assert [len(page) for page in found[:3]] == [1, 1, 1]
    settings.PUBLIC_BASE_URL = "https://box.example.com"
    assert manager.get(PRODUCTS, {"limit": "1"})["Link"].startswith("<https://box.example.com/api/products/?")


@pytest.mark.parametrize("query", ["", "?limit=100", "?search=Product", "?ordering=-name"])
def test_a_fixed_number_of_queries_whatever_the_length(manager: Caller, make_product: MakeProduct, query: str) -> None:
    counts = []
    for rows in (1, 50):
        while Product.objects.count() < rows:
            make_product(quantity=1)
        with CaptureQueriesContext(connection) as queries:
            assert len(manager.get(PRODUCTS + query).json()) == rows
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6  # two of them the savepoint around a consistent read


# --- ETag ---------------------------------------------------------------------------------------------------------
def test_an_unchanged_list_is_304_until_any_change(manager: Caller, make_product: MakeProduct) -> None:
    product = make_product("A")
    path = f"{PRODUCTS}{product.pk}/"
    changes = [
        lambda: manager.post(PRODUCTS, {"sku": "B", "name": "B"}),
        lambda: manager.post(f"{path}add_stock/", {"quantity": 1}),
        lambda: manager.patch(path, {"name": "Other"}),
        lambda: manager.delete(path),
    ]
    for change in changes:
        tag = manager.get(PRODUCTS)["ETag"]
        same = manager.get(PRODUCTS, headers={"If-None-Match": tag})
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)
        assert change().status_code < 300
        assert manager.get(PRODUCTS, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("held", ['"nonsense"', "", "x" * 5000, '"1", "2"', "\x00"])
def test_another_tag_gets_the_list(manager: Caller, held: str) -> None:
    assert manager.get(PRODUCTS, headers={"If-None-Match": held}).status_code == 200


def test_weak_tags_and_lists_of_tags_are_accepted(manager: Caller) -> None:
    tag = manager.get(PRODUCTS)["ETag"]
    for held in (f"W/{tag}", f'"x", {tag}', "*"):
        assert manager.get(PRODUCTS, headers={"If-None-Match": held}).status_code == 304


def test_responses_must_not_be_stored_by_shared_caches(manager: Caller) -> None:
    answer = manager.get(PRODUCTS)
    assert "private" in answer["Cache-Control"]
    assert "Authorization" in answer["Vary"]


# --- One product --------------------------------------------------------------------------------------------------
def test_a_product_has_an_etag_of_its_own_and_an_archived_one_can_be_read(
    manager: Caller, make_product: MakeProduct
) -> None:
    product = make_product()
    path = f"{PRODUCTS}{product.pk}/"
    tag = manager.get(path)["ETag"]
    assert manager.get(path, headers={"If-None-Match": tag}).status_code == 304
    archive(product)
    answer = manager.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json()["archived"]) == (200, True)


@each(
    "key", ["0", "-1", "99999999", "1.0", "1e1", "99999999999999999999", "١", "%00", "%20", "x" * 2000,
            "0b7f63f0-9a3e-4ec0-8f3c-6d9f1f7f9a11", "%ED%A0%80", "%FF"],
)  # fmt: skip
def test_an_unknown_id_is_404(manager: Caller, key: str) -> None:
    for method in ("get", "delete"):
        check_error(getattr(manager, method)(f"{PRODUCTS}{key}/"), 404, "no_such_product")
    check_error(manager.put(f"{PRODUCTS}{key}/", {"sku": "A", "name": "A"}), 404, "no_such_product")
    check_error(manager.post(f"{PRODUCTS}{key}/add_stock/", {"quantity": 1}), 404, "no_such_product")
    check_error(manager.get(f"{PRODUCTS}{key}/movements/"), 404, "no_such_product")
