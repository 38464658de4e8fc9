"""GET /api/products/?sku="""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from api.tests.calls import Caller, check_error
from api.tests.cases import each
from api.tests.conftest import MakeProduct

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
STRANGE = [
    "A+B", "A B", "A/B", "A.B", "../A", "A%20B", "A%2BB", "A&B", "A=B", "A#B", "A?B", "Арт-5", "商品", "📦", "a;b",
    "'; DROP TABLE api_product; --", '"', "\\", "%", "_", "null", "0", "-1", "x" * 100, "A\u00a0B", "é", "e\u0301",
    "Щ" * 255, "4006381333931",
]  # fmt: skip


def look_up(client: APIClient, raw: str, **extra: Any) -> list[str]:
    answer = client.get(f"/api/products/?sku={raw}", **extra)
    assert answer.status_code == 200, answer.content
    return [row["sku"] for row in answer.json()]


@each("sku", STRANGE)
def test_a_sku_with_any_characters_is_found_exactly(picker: Caller, make_product: MakeProduct, sku: str) -> None:
    make_product(sku)
    make_product("other")
    make_product(f"{sku[:250]}-1")
    assert look_up(picker, quote(sku, safe="")) == [sku]


def test_the_filter_is_exact_in_case_and_length(picker: Caller, make_product: MakeProduct) -> None:
    make_product("ABC")
    for near in ("abc", "AB", "ABCD", "A%", "*", "ABC/"):
        assert look_up(picker, quote(near, safe="")) == []


def test_a_plus_is_read_as_a_plus_and_otherwise_as_a_space(picker: Caller, make_product: MakeProduct) -> None:
    make_product("A B")
    assert look_up(picker, "A+B") == ["A B"]
    assert look_up(picker, "A%20B") == ["A B"]
    assert look_up(picker, "A%2BB") == []
    make_product("A+B")
    assert look_up(picker, "A+B") == ["A+B"]
    assert look_up(picker, "A%2BB") == ["A+B"]
    assert look_up(picker, "A%20B") == ["A B"]


ONE_NUMBER = ["036000291452", "0036000291452", "00036000291452"]


@pytest.mark.parametrize("kept", ONE_NUMBER)
@pytest.mark.parametrize("looked_up", ONE_NUMBER)
def test_an_article_number_is_found_with_and_without_the_zeros_before_it(
    picker: Caller, make_product: MakeProduct, kept: str, looked_up: str
) -> None:
    make_product(kept)
    assert look_up(picker, looked_up) == [kept]


def test_the_exact_sku_takes_precedence_and_a_wrong_check_digit_is_no_article_number(
    picker: Caller, make_product: MakeProduct
) -> None:
    make_product("036000291452")
    make_product("0036000291452")
    make_product("036000291453")
    assert look_up(picker, "0036000291452") == ["0036000291452"]
    assert look_up(picker, "036000291452") == ["036000291452"]
    assert look_up(picker, "0036000291453") == []


def test_invisible_characters_in_the_query_are_ignored(picker: Caller, make_product: MakeProduct) -> None:
    make_product("A-1")
    assert look_up(picker, "%EF%BB%BFA-%E2%80%8B1%20") == ["A-1"]


def test_a_stored_sku_with_an_invisible_character_is_still_found(picker: Caller, make_product: MakeProduct) -> None:
    make_product("A\u200b1")
    assert look_up(picker, "A%E2%80%8B1") == ["A\u200b1"]


def test_letters_that_a_client_forgot_to_encode_are_understood(picker: Caller, make_product: MakeProduct) -> None:
    make_product("Арт-5")
    raw = "sku=Арт-5".encode().decode("latin-1")  # as a server hands it over
    assert [row["sku"] for row in picker.get("/api/products/", QUERY_STRING=raw).json()] == ["Арт-5"]


@each("raw", ["", "%00", "A%00B", "%ED%A0%80", "%FF%FE", "x" * 5000, "&sku=", "%", "%u1234", "+"])
def test_an_impossible_sku_finds_nothing(picker: Caller, make_product: MakeProduct, raw: str) -> None:
    make_product("A")
    assert look_up(picker, raw) == []


def test_an_archived_product_is_not_found_and_one_with_its_sku_is(
    picker: Caller, manager: Caller, make_product: MakeProduct
) -> None:
    old = make_product("A")
    manager.delete(f"/api/products/{old.pk}/")
    assert look_up(picker, "A") == []
    new = make_product("A")
    assert [row["id"] for row in picker.get("/api/products/?sku=A").json()] == [new.pk]


def test_other_parameters_are_ignored(picker: Caller, make_product: MakeProduct) -> None:
    make_product("A")
    assert look_up(picker, "A&limit=nonsense&search=zzz") == ["A"]


def test_a_guest_finds_nothing(guest: APIClient, make_product: MakeProduct) -> None:
    make_product("A")
    check_error(guest.get("/api/products/?sku=A"), 401)


def test_a_fixed_number_of_queries(picker: Caller, make_product: MakeProduct, django_assert_num_queries: Any) -> None:
    for _ in range(20):
        make_product()
    with django_assert_num_queries(2):
        look_up(picker, "P-7")
