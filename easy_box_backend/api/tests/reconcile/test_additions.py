"""add_stock from a phone: received goods are booked, also if the product was archived."""

from __future__ import annotations

from typing import Any

import pytest

from api.models import Product, StockMovement
from api.tests.calls import check_error
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.any_database


def test_three_identical_scans_are_three_boxes(warehouse: Warehouse, anna: Phone) -> None:
    warehouse.product("SOCK")
    anna.pull()
    for _ in range(3):
        anna.add("SOCK", 1)
    anna.pull()
    assert warehouse.movements("SOCK") == [1, 1, 1]
    assert warehouse.questions() == []


# --- Archived products ------------------------------------------------------------------------------------------------
def test_goods_of_an_archived_product_bring_it_back(warehouse: Warehouse, anna: Phone, vera: Caller) -> None:
    socks = warehouse.product("SOCK", 3)
    anna.pull()
    vera.delete(socks)
    anna.add("SOCK", 4)
    product = Product.objects.get(pk=socks)
    assert (product.is_archived, product.quantity) == (False, 7)
    assert warehouse.questions() == [("archived_stock", "SOCK")]
    booked = StockMovement.objects.latest("id")
    assert (booked.kind, booked.quantity_delta, booked.device) == ("receipt", 4, anna.device)
    assert warehouse.question().facts == {"quantity": 4, "archived": socks, "booked": [booked.pk]}
    assert "SOCK" in anna.pull()


def test_a_product_that_goods_brought_back_is_a_product_like_others(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    socks = warehouse.product("SOCK")
    anna.pull()
    vera.delete(socks)
    anna.add("SOCK", 4)
    anna.add("SOCK", 2)
    assert warehouse.on_hand("SOCK") == 6
    assert warehouse.questions() == [("archived_stock", "SOCK")]


def test_goods_for_a_product_archived_long_ago_bring_it_back_too(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    socks = warehouse.product("SOCK")
    vera.delete(socks)
    anna.pull()
    assert anna.book(socks, 4).status_code == 200
    assert warehouse.on_hand("SOCK") == 4


def test_goods_go_to_the_live_product_that_has_the_sku_now(warehouse: Warehouse, anna: Phone, vera: Caller) -> None:
    old = warehouse.product("SOCK", 3)
    anna.pull()
    vera.delete(old)
    new = warehouse.product("SOCK")
    assert anna.book(old, 4).status_code == 200
    archived = Product.objects.get(pk=old)
    assert (archived.is_archived, archived.quantity) == (True, 3)
    assert Product.objects.get(pk=new).quantity == 4
    question = warehouse.question()
    assert (question.kind, question.product_id, question.facts["archived"]) == ("archived_stock", new, old)


# --- Implausible quantities -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("pieces", [1_000_001, 4006381333931, 2**63 - 1])
def test_a_barcode_in_the_quantity_field_is_held_back(warehouse: Warehouse, anna: Phone, pieces: int) -> None:
    socks = warehouse.product("SOCK")
    anna.add("SOCK", pieces)
    assert warehouse.movements("SOCK") == []
    assert warehouse.questions() == [("implausible_quantity", "SOCK")]
    assert warehouse.question().facts == {"quantity": pieces, "pending": [{"product": socks, "delta": pieces}]}


def test_a_million_pieces_are_a_delivery(warehouse: Warehouse, anna: Phone) -> None:
    warehouse.product("SOCK")
    anna.add("SOCK", 1_000_000)
    assert warehouse.on_hand("SOCK") == 1_000_000
    assert warehouse.questions() == []


def test_an_implausible_quantity_does_not_bring_an_archived_product_back(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    socks = warehouse.product("SOCK")
    anna.pull()
    vera.delete(socks)
    anna.add("SOCK", 4006381333931)
    assert Product.objects.get(pk=socks).is_archived
    assert warehouse.questions() == [("implausible_quantity", "SOCK")]


@pytest.mark.parametrize("pieces", [2**63, 10**30])
def test_a_quantity_beyond_the_range_of_the_column_is_held_back_too(
    warehouse: Warehouse, anna: Phone, pieces: int
) -> None:
    warehouse.product("SOCK")
    anna.add("SOCK", pieces)
    anna.add("SOCK", 2)
    assert warehouse.movements("SOCK") == [2]
    assert warehouse.question().facts["quantity"] == 2**63 - 1


@pytest.mark.parametrize("pieces", [0, -1, -(10**30)])
def test_zero_or_fewer_pieces_are_asked_about_and_cannot_be_booked(
    warehouse: Warehouse, anna: Phone, vera: Caller, pieces: int
) -> None:
    socks = warehouse.product("SOCK")
    assert anna.book(socks, pieces).status_code == 200
    assert warehouse.movements("SOCK") == []
    assert warehouse.questions() == [("implausible_quantity", "SOCK")]
    path = f"/api/discrepancies/{warehouse.question().pk}/resolve/"
    check_error(vera.send("post", path, {"action": "apply"}), 400, "not_applicable")
    assert vera.send("post", path, {"action": "dismiss"}).status_code == 200


@pytest.mark.parametrize("pieces", [1.5, "x", True, None])
def test_an_invalid_quantity_is_refused_and_changes_nothing(warehouse: Warehouse, anna: Phone, pieces: Any) -> None:
    socks = warehouse.product("SOCK")
    assert "quantity" in check_error(anna.book(socks, pieces), 400, "invalid")
    assert warehouse.movements("SOCK") == []
    assert warehouse.questions() == []


@pytest.mark.parametrize("key", ["99999999", "0b2c-uuid", "-1", "%00"])
def test_an_id_that_was_never_issued_is_asked_about_and_stops_no_queue(
    warehouse: Warehouse, anna: Phone, key: str
) -> None:
    assert anna.book(key, 4).status_code == 200
    question = warehouse.question()
    assert (question.kind, question.facts) == ("unknown_product", {"id": key.replace("%00", "\ufffd"), "quantity": 4})


def test_a_program_gets_404_for_an_id_that_was_never_issued(shop: Caller) -> None:
    for key in ("99999999", "0b2c-uuid", "-1"):
        check_error(shop.book(key, 1), 404, "no_such_product")


# --- Programs ---------------------------------------------------------------------------------------------------------
def test_a_program_gets_404_for_an_archived_product(warehouse: Warehouse, shop: Caller, vera: Caller) -> None:
    socks = warehouse.product("SOCK")
    vera.delete(socks)
    check_error(shop.book(socks, 4), 404, "no_such_product")
    assert Product.objects.get(pk=socks).is_archived
    assert warehouse.questions() == []


def test_a_program_gets_400_for_an_implausible_quantity(warehouse: Warehouse, shop: Caller) -> None:
    check_error(shop.book(warehouse.product("SOCK"), 1_000_001), 400)
    assert warehouse.questions() == []


def test_every_addition_of_a_program_is_booked_however_often_it_repeats(warehouse: Warehouse, shop: Caller) -> None:
    warehouse.product("SOCK")
    warehouse.product("SHIRT")
    for _ in range(2):
        shop.add("SOCK", 5)
        shop.add("SHIRT", 1)
        shop.loses_connection()
    assert (warehouse.on_hand("SOCK"), warehouse.on_hand("SHIRT")) == (10, 2)
    assert warehouse.questions() == []
