"""Creations from a phone, which may be sent long after they were made, or more than once."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from api.models import Discrepancy, Product, ProductVersion
from api.tests import photos
from api.tests.calls import check_error
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.both_databases


def test_a_creation_with_an_unknown_sku_makes_a_new_product_and_no_question(warehouse: Warehouse, anna: Phone) -> None:
    answer = anna.create("SOCK", "Red socks", location="A1")
    assert answer.status_code == 201
    assert answer.json()["location"] == "A1"
    assert Product.objects.count() == 1
    assert warehouse.questions() == []


# --- The phone could not know -----------------------------------------------------------------------------------------
def test_a_sku_that_another_phone_created_since_the_pull_returns_that_product(
    warehouse: Warehouse, anna: Phone, boris: Phone
) -> None:
    anna.pull()
    made = boris.create("SOCK", "Red socks").json()
    answer = anna.create("SOCK", "Red socks")
    assert answer.status_code == 201
    assert answer.json() == made
    assert Product.objects.count() == 1
    assert warehouse.questions() == []


def test_a_creation_with_a_known_sku_by_a_phone_that_never_pulled_returns_that_product(
    warehouse: Warehouse, anna: Phone, boris: Phone
) -> None:
    made = boris.create("SOCK").json()
    assert anna.create("SOCK").json()["id"] == made["id"]
    assert warehouse.questions() == []


def test_two_names_for_one_sku_are_asked_about_once(warehouse: Warehouse, anna: Phone, boris: Phone) -> None:
    anna.pull()
    boris.create("SOCK", "Socks, red")
    for _ in range(3):
        answer = anna.create("SOCK", "Red socks")
        assert answer.status_code == 201
        assert answer.json()["name"] == "Socks, red"
    assert warehouse.questions() == [("name_differs", "SOCK")]
    assert warehouse.question().facts == {"sent": "Red socks", "kept": "Socks, red"}
    assert warehouse.question().device == anna.device


def test_a_creation_with_a_known_sku_fills_in_a_missing_shelf_and_photo_and_changes_nothing_else(
    anna: Phone, boris: Phone
) -> None:
    anna.pull()
    boris.create("SOCK")
    first = SimpleUploadedFile("a.jpg", photos.jpeg())
    filled = anna.create("SOCK", location="B2", image=first).json()
    assert filled["location"] == "B2"
    assert filled["image_url"]
    second = SimpleUploadedFile("b.jpg", photos.jpeg(64, 64))
    assert anna.create("SOCK", location="C3", image=second).json() == filled


# --- Duplicates of the phone's own creations --------------------------------------------------------------------------
def test_a_creation_that_is_sent_again_after_a_lost_response_makes_one_product(
    warehouse: Warehouse, anna: Phone
) -> None:
    anna.pull()
    made = anna.create("SOCK", location="A1").json()
    anna.loses_connection()
    warehouse.later()
    again = anna.create("SOCK", location="A1")
    assert (again.status_code, again.json()) == (201, made)
    assert ProductVersion.objects.count() == 1
    assert warehouse.questions() == []


def test_a_duplicate_creation_does_not_revert_a_managers_changes(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    made = anna.create("SOCK", "Socks", location="A1").json()
    vera.send("patch", f"/api/products/{made['id']}/", {"name": "Red socks", "location": "B2", "quantity": 7})
    again = anna.create("SOCK", "Socks", location="A1")
    assert again.status_code == 201
    assert (again.json()["name"], again.json()["location"], again.json()["quantity"]) == ("Red socks", "B2", 7)
    assert warehouse.questions() == []


def test_the_opening_stock_of_a_duplicate_creation_is_booked_once(warehouse: Warehouse, anna: Phone) -> None:
    for _ in range(2):
        assert anna.create("SOCK", quantity="5").status_code == 201
    assert warehouse.movements("SOCK") == [5]


def test_another_creation_with_a_sku_that_the_phone_itself_created_is_refused_once(
    warehouse: Warehouse, anna: Phone
) -> None:
    anna.create("SOCK", "Red socks")
    assert "sku" in check_error(anna.create("SOCK", "Blue socks"), 400, "sku_taken")
    assert warehouse.questions() == []
    answer = anna.create("SOCK", "Blue socks")
    assert (answer.status_code, answer.json()["name"]) == (201, "Red socks")
    assert warehouse.questions() == [("name_differs", "SOCK")]


# --- The phone could know ---------------------------------------------------------------------------------------------
def test_a_sku_on_the_phones_list_is_refused_once_and_then_returns_that_product(
    warehouse: Warehouse, anna: Phone
) -> None:
    made = warehouse.product("SOCK", name="Red socks")
    anna.pull()
    assert "sku" in check_error(anna.create("SOCK", "Socks"), 400, "sku_taken")
    assert warehouse.questions() == []
    for _ in range(2):
        answer = anna.create("SOCK", "Socks")
        assert (answer.status_code, answer.json()["id"], answer.json()["name"]) == (201, made, "Red socks")
    assert Product.objects.count() == 1
    assert warehouse.questions() == [("name_differs", "SOCK")]


def test_a_creation_under_the_same_name_creates_no_question(warehouse: Warehouse, anna: Phone) -> None:
    warehouse.product("SOCK", name="Socks")
    anna.pull()
    assert anna.create("SOCK", "Socks").status_code == 400
    assert anna.create("SOCK", "Socks").status_code == 201
    assert warehouse.questions() == []


def test_each_creation_with_a_known_sku_is_refused_once(warehouse: Warehouse, anna: Phone, boris: Phone) -> None:
    warehouse.product("SOCK")
    anna.pull()
    boris.pull()
    assert anna.create("SOCK", "One").status_code == 400
    assert anna.create("SOCK", "Two").status_code == 400
    assert boris.create("SOCK", "One").status_code == 400


def test_after_the_next_pull_the_same_creation_is_refused_once_again(warehouse: Warehouse, anna: Phone) -> None:
    warehouse.product("SOCK")
    anna.pull()
    assert [anna.create("SOCK").status_code for _ in range(2)] == [400, 201]
    anna.pull()
    assert [anna.create("SOCK").status_code for _ in range(2)] == [400, 201]


# --- Archived products ------------------------------------------------------------------------------------------------
def test_the_sku_of_a_product_archived_before_the_pull_makes_a_new_product(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    old = anna.create("SOCK", "Socks").json()["id"]
    vera.delete(old)
    anna.pull()
    answer = anna.create("SOCK", "Socks")
    assert answer.status_code == 201
    assert answer.json()["id"] != old
    assert not answer.json()["archived"]
    assert Product.objects.get(pk=old).is_archived
    assert warehouse.questions() == []


def test_a_duplicate_of_a_creation_whose_product_was_archived_since_makes_no_product(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    anna.pull()
    made = anna.create("SOCK", "Socks").json()["id"]
    vera.delete(made)
    again = anna.create("SOCK", "Socks")
    assert (again.status_code, again.json()["id"], again.json()["archived"]) == (201, made, True)
    assert Product.objects.count() == 1
    assert warehouse.questions() == []


def test_the_sku_of_anothers_product_archived_since_the_pull_makes_a_new_product(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    old = warehouse.product("SOCK")
    anna.pull()
    vera.delete(old)
    answer = anna.create("SOCK", "Socks")
    assert (answer.status_code, answer.json()["archived"]) == (201, False)
    assert answer.json()["id"] != old


# --- Unverified products ----------------------------------------------------------------------------------------------
def test_a_later_creation_completes_an_unverified_product_and_answers_the_question(
    warehouse: Warehouse, anna: Phone, boris: Phone
) -> None:
    warehouse.product("SHIRT")
    anna.add("SHIRT", 2)
    anna.add("SOKC", 3)
    assert warehouse.questions() == [("unknown_sku", "SOKC")]
    answer = boris.create("SOKC", "Red socks", location="A1")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["location"], made["quantity"], made["unverified"]) == ("Red socks", "A1", 3, False)
    assert Product.objects.filter(sku="SOKC").count() == 1
    assert warehouse.questions() == []
    settled = Discrepancy.objects.get()
    assert (settled.status, settled.resolved_by) == ("applied", boris.user)


# --- Programs ---------------------------------------------------------------------------------------------------------
def test_a_program_is_refused_each_time_it_creates_a_known_sku(
    warehouse: Warehouse, shop: Caller, boris: Phone
) -> None:
    boris.create("SOCK", "Red socks")
    for _ in range(3):
        assert "sku" in check_error(shop.create("SOCK", "Red socks"), 400, "sku_taken")
    assert Product.objects.count() == 1
    assert warehouse.questions() == []


def test_a_programs_own_duplicate_is_refused_too(shop: Caller) -> None:
    assert shop.create("SOCK").status_code == 201
    check_error(shop.create("SOCK"), 400, "sku_taken")
