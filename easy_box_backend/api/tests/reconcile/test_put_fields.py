"""PUT from a phone, descriptive fields: a field that the person did not edit keeps the server's value."""

from __future__ import annotations

from typing import Any

import pytest

from api.models import Product, ProductVersion, StockMovement
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.any_database

FIELDS = {"name": ("Red socks", "Crimson socks"), "sku": ("SOCK-R", "SOCK-C"), "location": ("B2", "C3")}
"""By field: the value that Vera sets, and the value that Anna sets."""


@pytest.fixture
def socks(warehouse: Warehouse) -> int:
    return warehouse.product("SOCK", 10, name="Socks", location="A1")


def described(product: int) -> dict[str, str]:
    found = Product.objects.get(pk=product)
    return {"name": found.name, "sku": found.sku, "location": found.location}


def test_only_the_edited_field_is_applied(warehouse: Warehouse, anna: Phone, socks: int) -> None:
    answer = anna.put(anna.pull()["SOCK"], name="Red socks")
    assert answer.status_code == 200
    assert described(socks) == {"name": "Red socks", "sku": "SOCK", "location": "A1"}
    assert warehouse.movements("SOCK") == [10]
    assert warehouse.questions() == []


def test_saving_without_a_change_writes_nothing(anna: Phone, socks: int) -> None:
    seen = anna.pull()["SOCK"]
    before = Product.objects.filter(pk=socks).values().get()
    assert anna.put(seen).status_code == 200
    assert Product.objects.filter(pk=socks).values().get() == before
    assert (ProductVersion.objects.count(), StockMovement.objects.count()) == (1, 1)


@pytest.mark.parametrize("hers", FIELDS)
@pytest.mark.parametrize("anna_edits", FIELDS)
def test_edits_of_two_people_are_both_kept_unless_they_are_of_one_field(
    warehouse: Warehouse, anna: Phone, vera: Caller, socks: int, hers: str, anna_edits: str
) -> None:
    seen = anna.pull()["SOCK"]
    vera.send("patch", f"/api/products/{socks}/", {hers: FIELDS[hers][0]})
    assert anna.put(seen, **{anna_edits: FIELDS[anna_edits][1]}).status_code == 200
    original = {"name": "Socks", "sku": "SOCK", "location": "A1"}
    assert described(socks) == {**original, hers: FIELDS[hers][0], anna_edits: FIELDS[anna_edits][1]}
    assert warehouse.questions() == []


def test_history_keeps_both_edits_of_one_field(anna: Phone, vera: Caller, socks: int) -> None:
    seen = anna.pull()["SOCK"]
    vera.send("patch", f"/api/products/{socks}/", {"name": "Red socks"})
    anna.put(seen, name="Crimson socks")
    versions = ProductVersion.objects.filter(product=socks).values_list("name", "device")
    assert list(versions) == [("Socks", None), ("Red socks", vera.device.pk), ("Crimson socks", anna.device.pk)]


@pytest.mark.parametrize("empty", ["", None])
def test_a_shelf_that_the_phone_emptied_is_empty(anna: Phone, socks: int, empty: Any) -> None:
    anna.put(anna.pull()["SOCK"], location=empty)
    assert described(socks)["location"] == ""


def test_a_shelf_that_the_manager_emptied_stays_empty(anna: Phone, vera: Caller, socks: int) -> None:
    seen = anna.pull()["SOCK"]
    vera.send("patch", f"/api/products/{socks}/", {"location": ""})
    anna.put(seen, name="Red socks")
    assert described(socks)["location"] == ""


def test_photo_urls_in_a_put_are_ignored(anna: Phone, socks: int) -> None:
    anna.put(anna.pull()["SOCK"], image_url="http://elsewhere.example/x.jpg")
    assert not Product.objects.get(pk=socks).image


def test_two_edits_made_on_one_old_list_are_both_applied(anna: Phone, vera: Caller, socks: int) -> None:
    seen = anna.pull()["SOCK"]
    vera.send("patch", f"/api/products/{socks}/", {"name": "Red socks"})
    anna.put(seen, location="B2")
    anna.put(seen, location="B2", sku="SOCK-R")
    assert described(socks) == {"name": "Red socks", "sku": "SOCK-R", "location": "B2"}


# --- Sent again -------------------------------------------------------------------------------------------------------
def test_a_duplicate_put_does_not_revert_anothers_later_change(
    warehouse: Warehouse, anna: Phone, vera: Caller, socks: int
) -> None:
    seen = anna.pull()["SOCK"]
    anna.put(seen, location="B2")
    vera.send("patch", f"/api/products/{socks}/", {"location": "C3"})
    anna.loses_connection()
    warehouse.later()
    assert anna.put(seen, location="B2").status_code == 200
    assert described(socks)["location"] == "C3"
    assert warehouse.questions() == []


def test_a_series_of_edits_that_is_sent_again_has_the_same_result(anna: Phone, socks: int) -> None:
    seen = anna.pull()["SOCK"]
    for _ in range(2):
        for shelf in ("B2", "C3", "D4"):
            anna.put(seen, location=shelf)
        anna.loses_connection()
    assert described(socks)["location"] == "D4"


# --- A pull whose answer was lost -------------------------------------------------------------------------------------
def test_an_edit_on_the_list_before_a_lost_one_is_read_against_that(
    warehouse: Warehouse, anna: Phone, vera: Caller, socks: int
) -> None:
    seen = anna.pull()["SOCK"]
    vera.send("patch", f"/api/products/{socks}/", {"name": "Red socks"})
    anna.pull()
    anna.loses_connection()
    anna.put(seen, location="B2")
    assert described(socks) == {"name": "Red socks", "sku": "SOCK", "location": "B2"}
    assert warehouse.questions() == []


def test_after_the_new_list_has_certainly_arrived_sending_the_old_name_is_an_edit(
    anna: Phone, vera: Caller, socks: int
) -> None:
    anna.pull()
    vera.send("patch", f"/api/products/{socks}/", {"name": "Red socks"})
    seen = anna.pull()["SOCK"]
    anna.put(seen, name="Socks")
    assert described(socks)["name"] == "Socks"


def test_every_field_from_a_phone_that_never_pulled_is_an_edit(anna: Phone, socks: int) -> None:
    blind = {"id": socks, "name": "Red socks", "sku": "SOCK", "quantity": 10, "location": "B2", "image_url": None}
    anna.put(blind)
    assert described(socks) == {"name": "Red socks", "sku": "SOCK", "location": "B2"}


# --- Archived, programs -----------------------------------------------------------------------------------------------
def test_an_edit_of_an_archived_product_is_kept_and_does_not_bring_it_back(
    warehouse: Warehouse, anna: Phone, vera: Caller, socks: int
) -> None:
    seen = anna.pull()["SOCK"]
    vera.delete(socks)
    assert anna.put(seen, name="Red socks").status_code == 200
    product = Product.objects.get(pk=socks)
    assert (product.is_archived, product.name) == (True, "Red socks")
    assert warehouse.questions() == []


def test_an_archived_product_does_not_take_the_sku_of_a_live_one(
    warehouse: Warehouse, anna: Phone, boris: Phone, vera: Caller, socks: int
) -> None:
    """Else its goods, which Boris still has on his list, would go to the other product."""
    warehouse.product("HAT")
    seen = anna.pull()["SOCK"]
    boris.pull()
    vera.delete(socks)
    assert [anna.put(seen, sku="HAT").status_code for _ in range(2)] == [400, 200]
    boris.add("SOCK", 1)
    assert warehouse.movements("HAT") == []
    assert warehouse.on_hand("SOCK") == 1 + seen["quantity"]
    assert warehouse.questions() == [("sku_taken", "SOCK"), ("archived_stock", "SOCK")]


def test_every_field_from_a_program_is_applied(shop: Caller, vera: Caller, socks: int) -> None:
    seen = shop.send("get", f"/api/products/{socks}/").json()
    vera.send("patch", f"/api/products/{socks}/", {"name": "Red socks"})
    shop.put(seen, location="B2")
    assert described(socks) == {"name": "Socks", "sku": "SOCK", "location": "B2"}


def test_a_program_may_send_if_match_and_gets_412(shop: Caller, vera: Caller, socks: int) -> None:
    seen = shop.send("get", f"/api/products/{socks}/")
    vera.send("patch", f"/api/products/{socks}/", {"name": "Red socks"})
    held = {"If-Match": seen["ETag"]}
    answer = shop.send("patch", f"/api/products/{socks}/", {"location": "B2"}, **held)
    assert answer.status_code == 412
    assert described(socks)["location"] == "A1"
