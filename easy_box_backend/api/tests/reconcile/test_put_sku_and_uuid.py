"""PUT from a phone: a SKU that another product has, and the phone's own ids."""

from __future__ import annotations

from typing import Any

import pytest

from api.models import Product
from api.tests.calls import check_error
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.any_database

UUID = "1f0c2f8e-7d6b-4a53-9a41-6c1b6d5e0f11"


def local(**fields: Any) -> dict[str, Any]:
    """A product as the phone stores it before it knows the server's id."""
    return {"id": UUID, "name": "Green cap", "sku": "CAP", "quantity": 0, "location": None, "image_url": None, **fields}


# --- A SKU that another has -------------------------------------------------------------------------------------------
def test_a_taken_sku_is_refused_once_and_then_the_rest_is_applied(warehouse: Warehouse, anna: Phone) -> None:
    socks, other = warehouse.product("SOCK", 10), warehouse.product("BLUE")
    seen = anna.pull()["SOCK"]
    assert "sku" in check_error(anna.put(seen, sku="BLUE", location="B2"), 400, "sku_taken")
    before = Product.objects.get(pk=socks)
    assert (before.sku, before.location) == ("SOCK", "A1")
    assert warehouse.questions() == []
    for _ in range(2):
        answer = anna.put(seen, sku="BLUE", location="B2")
        assert (answer.status_code, answer.json()["sku"], answer.json()["location"]) == (200, "SOCK", "B2")
    assert warehouse.questions() == [("sku_taken", "SOCK")]
    assert warehouse.question().facts == {"sent": "BLUE", "kept": "SOCK", "taken_by": other}
    assert warehouse.movements("SOCK") == [10]


def test_a_refused_sku_that_is_free_by_the_second_time_is_applied(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    warehouse.product("SOCK")
    other = warehouse.product("BLUE")
    seen = anna.pull()["SOCK"]
    assert anna.put(seen, sku="BLUE").status_code == 400
    vera.delete(other)
    assert anna.put(seen, sku="BLUE").json()["sku"] == "BLUE"
    assert warehouse.questions() == []


def test_a_program_is_refused_each_time_it_sends_a_taken_sku(warehouse: Warehouse, shop: Caller) -> None:
    socks = warehouse.product("SOCK")
    warehouse.product("BLUE")
    seen = shop.send("get", f"/api/products/{socks}/").json()
    for _ in range(3):
        check_error(shop.put(seen, sku="BLUE", location="B2"), 400, "sku_taken")
    assert Product.objects.get(pk=socks).location == "A1"
    assert warehouse.questions() == []


# --- The phone's own ids ----------------------------------------------------------------------------------------------
def test_an_edit_under_the_phones_own_id_changes_the_product_that_it_created(warehouse: Warehouse, anna: Phone) -> None:
    made = anna.create("CAP", "Green cap").json()["id"]
    answer = anna.put(local(location="B2"))
    assert (answer.status_code, answer.json()["id"], answer.json()["location"]) == (200, made, "B2")
    assert Product.objects.count() == 1
    assert warehouse.questions() == []


def test_the_phones_own_id_is_matched_by_name_and_shelf_if_the_sku_was_corrected(
    warehouse: Warehouse, anna: Phone
) -> None:
    made = anna.create("CAP", "Green cap", location="A1").json()["id"]
    answer = anna.put(local(sku="CAP-G", location="A1"))
    assert (answer.json()["id"], answer.json()["sku"]) == (made, "CAP-G")
    assert warehouse.questions() == []


def test_the_phones_own_id_stays_an_alias_of_the_product(warehouse: Warehouse, anna: Phone) -> None:
    made = anna.create("CAP", "Green cap").json()["id"]
    anna.put(local(location="B2"))
    anna.pull()
    warehouse.later()
    answer = anna.put(local(name="Greener cap", sku="CAP-2", location="C3"))
    assert (answer.json()["id"], answer.json()["name"]) == (made, "Greener cap")
    assert anna.delete(UUID).status_code == 204
    assert Product.objects.get(pk=made).is_archived
    assert warehouse.questions() == []


def test_the_alias_does_not_hold_for_another_phone(warehouse: Warehouse, anna: Phone, boris: Phone) -> None:
    anna.create("CAP", "Green cap")
    anna.put(local())
    assert boris.delete(UUID).status_code == 204
    assert warehouse.on_hand("CAP") == 0
    assert warehouse.questions() == [("unknown_product", "")]


def test_the_phones_own_id_is_matched_with_a_product_that_another_phone_created_under_the_sku(
    warehouse: Warehouse, anna: Phone, boris: Phone
) -> None:
    made = boris.create("CAP", "Green cap").json()["id"]
    anna.create("CAP", "Green cap")
    assert anna.put(local(location="B2")).json()["id"] == made
    assert warehouse.questions() == []


def test_an_edit_under_an_unknown_id_is_200_and_creates_a_question(warehouse: Warehouse, anna: Phone) -> None:
    for _ in range(2):
        answer = anna.put(local(quantity=4))
        assert (answer.status_code, answer.json()["code"]) == (200, "unknown_product")
    assert Product.objects.count() == 0
    assert warehouse.questions() == [("unknown_product", "CAP")]
    assert warehouse.question().facts == {"id": UUID, "name": "Green cap", "quantity": 4}


def test_an_edit_under_a_number_that_was_never_issued_is_200_and_creates_a_question(
    warehouse: Warehouse, anna: Phone
) -> None:
    assert anna.put(local(), key=99_999_999).status_code == 200
    assert warehouse.questions() == [("unknown_product", "CAP")]


def test_a_program_gets_404_for_an_unknown_id(warehouse: Warehouse, shop: Caller) -> None:
    shop.create("CAP", "Green cap")
    for key in (UUID, "99999999"):
        check_error(shop.put(local(), key=key), 404, "no_such_product")
    assert warehouse.questions() == []


def test_a_press_under_the_phones_own_id_is_read_from_zero_also_at_the_next_pull(
    warehouse: Warehouse, anna: Phone
) -> None:
    """A repaired app: somebody else has created the SKU before, with 10 on hand. Anna's phone shows 0."""
    anna.pull()
    warehouse.product("CAP", 10)
    anna.create("CAP", name="Green cap")
    anna.put(local(quantity=1), key=UUID)
    assert warehouse.on_hand("CAP") == 11
    anna.pull()
    assert warehouse.on_hand("CAP") == 11
