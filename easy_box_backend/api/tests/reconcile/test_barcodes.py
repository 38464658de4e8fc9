"""A phone scans the manufacturer's label: the server finds the product by its barcode, and no phone gets stuck."""

from __future__ import annotations

import pytest
from django.utils import timezone

from api.actions import barcodes
from api.actor import Actor
from api.models import Product
from api.tests.calls import check_error
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.both_databases
EAN, UPC, UPC_AS_EAN = "4006381333931", "036000291452", "0036000291452"


def give(product: int, *codes: str) -> None:
    for code in codes:
        barcodes.add(product, code, by=Actor(None, at=timezone.now()))


def test_a_queue_of_labels_and_skus_is_booked_to_one_product(warehouse: Warehouse, anna: Phone) -> None:
    give(warehouse.product("PEN"), EAN, UPC)
    for code in ("PEN", EAN, UPC, UPC_AS_EAN):
        anna.add(code, 2)
    anna.pull()
    assert warehouse.movements("PEN") == [2, 2, 2, 2]
    assert Product.objects.count() == 1
    assert warehouse.questions() == []


def test_a_queue_of_labels_that_is_sent_again_is_booked_once(warehouse: Warehouse, anna: Phone) -> None:
    give(warehouse.product("PEN"), EAN)
    warehouse.product("CAP")
    anna.pull()
    warehouse.later()
    for _ in range(2):
        for code, pieces in ((EAN, 7), ("CAP", 3), (EAN, 5)):
            anna.add(code, pieces)
        anna.loses_connection()
        warehouse.later()
    anna.pull()
    assert (warehouse.on_hand("PEN"), warehouse.on_hand("CAP")) == (12, 3)


def test_the_camera_on_a_known_label_is_a_scan_like_that_of_a_sku(warehouse: Warehouse, anna: Phone) -> None:
    give(warehouse.product("PEN", 4), EAN)
    anna.pull()
    assert all(anna.scan(EAN, times=20))
    assert all(anna.scan(EAN, "PEN", times=20, every=1.0))
    assert warehouse.questions() == []
    assert warehouse.on_hand("PEN") == 4


def test_a_look_up_by_label_returns_the_sku_and_a_press_of_plus_is_one_piece(warehouse: Warehouse, anna: Phone) -> None:
    give(warehouse.product("PEN", 4), EAN)
    anna.pull()
    warehouse.later()
    found = anna.find(EAN)
    assert found
    assert found["sku"] == "PEN"
    warehouse.later()
    assert anna.put(found, quantity=5).status_code == 200
    anna.pull()
    assert warehouse.on_hand("PEN") == 5
    assert warehouse.questions() == []


def test_an_unknown_code_that_has_become_a_label_since_is_found(warehouse: Warehouse, anna: Phone) -> None:
    pen = warehouse.product("PEN")
    anna.pull()
    for _ in range(2):
        assert anna.find(EAN) is None
        warehouse.later()
    give(pen, EAN)
    anna.add(EAN, 3)
    assert warehouse.on_hand("PEN") == 3
    assert Product.objects.count() == 1
    assert warehouse.questions() == []


def test_the_label_of_a_product_archived_since_the_pull_is_still_shown(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    pen = warehouse.product("PEN", 4)
    give(pen, EAN)
    anna.pull()
    vera.delete(pen)
    assert (anna.find(EAN) or {})["id"] == pen


def test_the_label_of_a_product_archived_before_the_pull_is_not_shown(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    pen = warehouse.product("PEN", 4)
    give(pen, EAN)
    vera.delete(pen)
    anna.pull()
    assert anna.find(EAN) is None


def test_goods_under_the_sku_of_an_archived_product_that_is_now_a_label_go_to_the_labels_product(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    old, pen = warehouse.product(EAN), warehouse.product("PEN")
    anna.pull()
    vera.delete(old)
    give(pen, EAN)
    assert anna.book(old, 3).status_code == 200
    anna.add(EAN, 2)
    assert warehouse.on_hand("PEN") == 5
    assert warehouse.questions() == [("archived_stock", "PEN")]


# --- A SKU that is another product's label ----------------------------------------------------------------------------
@pytest.mark.parametrize("sku", [UPC, UPC_AS_EAN])
def test_a_creation_under_a_label_that_the_phone_could_know_is_refused_once_and_then_returns_its_product(
    warehouse: Warehouse, anna: Phone, sku: str
) -> None:
    pen = warehouse.product("PEN", name="Pen")
    give(pen, UPC)
    anna.pull()
    assert "sku" in check_error(anna.create(sku, "Ball pen"), 400, "sku_taken")
    answer = anna.create(sku, "Ball pen")
    assert (answer.status_code, answer.json()["id"], answer.json()["sku"]) == (201, pen, "PEN")
    anna.add(sku, 3)
    assert warehouse.on_hand("PEN") == 3
    assert Product.objects.count() == 1
    assert warehouse.questions() == [("name_differs", "PEN")]


def test_a_creation_under_a_label_that_the_phone_could_not_know_returns_its_product(
    warehouse: Warehouse, anna: Phone, boris: Phone
) -> None:
    anna.pull()
    made = boris.create("PEN", "Pen").json()
    give(made["id"], EAN)
    answer = anna.create(EAN, "Pen")
    assert (answer.status_code, answer.json()["id"]) == (201, made["id"])
    assert warehouse.questions() == []


def test_a_put_with_anothers_label_as_its_sku_is_refused_once_and_then_asked_about(
    warehouse: Warehouse, anna: Phone
) -> None:
    give(warehouse.product("PEN"), EAN)
    warehouse.product("CAP")
    cap = anna.pull()["CAP"]
    check_error(anna.put(cap, sku=EAN, location="B2"), 400, "sku_taken")
    assert anna.put(cap, sku=EAN, location="B2").status_code == 200
    assert (Product.objects.get(pk=cap["id"]).sku, Product.objects.get(pk=cap["id"]).location) == ("CAP", "B2")
    assert warehouse.questions() == [("sku_taken", "CAP")]


def test_a_program_is_refused_each_time_it_uses_a_label_as_a_sku(warehouse: Warehouse, shop: Caller) -> None:
    give(warehouse.product("PEN"), EAN)
    for _ in range(3):
        assert "sku" in check_error(shop.create(EAN, "Pen"), 400, "sku_taken")
    assert Product.objects.count() == 1
