"""Errors that property tests and the simulation have found, each as a readable test."""

from typing import Any

import pytest
from django.utils import timezone

from api.models import Discrepancy, Product, StockMovement
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def test_an_equal_delivery_on_the_next_day_is_booked_as_another_one(warehouse: Warehouse, anna: Phone) -> None:
    warehouse.product("SOCK")
    for _ in range(3):
        anna.pull()
        warehouse.later(24 * 60)
        anna.add("SOCK", 5)
    assert warehouse.questions() == []


def test_a_series_of_edits_that_is_sent_again_does_not_revert_anothers_later_change(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    socks = warehouse.product("SOCK")
    seen = anna.pull()["SOCK"]
    for shelf in ("B2", "C3"):
        anna.put(seen, location=shelf)
    vera.send("patch", f"/api/products/{socks}/", {"location": "Z9"})
    anna.loses_connection()
    for shelf in ("B2", "C3"):
        anna.put(seen, location=shelf)
    assert Product.objects.get(id=socks).location == "Z9"


def test_a_press_after_a_lost_pull_and_a_rename_is_booked(warehouse: Warehouse, anna: Phone, vera: Caller) -> None:
    socks = warehouse.product("SOCK", 40)
    seen = anna.pull()["SOCK"]
    vera.send("patch", f"/api/products/{socks}/", {"name": "Red socks"})
    anna.add("SOCK", 1)
    warehouse.later()
    anna.pull()
    anna.loses_connection()
    anna.put(seen, quantity=40)
    assert warehouse.on_hand("SOCK") == 40 or warehouse.questions()


def test_a_reversal_after_a_count_has_the_time_of_its_movement(warehouse: Warehouse, anna: Phone, vera: Caller) -> None:
    socks = warehouse.product("SOCK")
    anna.book(socks, 5)
    warehouse.later()
    anna.book(socks, 5)
    twin = StockMovement.objects.latest("id").pk
    warehouse.later()
    counted = timezone.now().isoformat()
    warehouse.later()
    vera.send("post", f"/api/movements/{twin}/reverse/", {})
    vera.send("post", f"/api/products/{socks}/count/", {"counted": 5, "counted_at": counted})
    assert warehouse.on_hand("SOCK") == 5


def test_naming_an_unverified_product_settles_its_question(warehouse: Warehouse, anna: Phone) -> None:
    for _ in range(3):
        warehouse.later()
        anna.find("NEW")
    product = Product.objects.get(sku="NEW")
    assert product.unverified
    assert warehouse.questions()
    anna.put(anna.pull()["NEW"], name="New socks")
    product.refresh_from_db()
    assert (product.name, product.unverified) == ("New socks", False)
    assert warehouse.questions() == []


def test_a_box_received_between_two_passes_is_booked_although_it_equals_the_queues_first_item(
    warehouse: Warehouse, anna: Phone
) -> None:
    """It equals the first item of a queue that broke off, but a pass would have continued with the other items."""
    for sku in ("SOCK", "SHIRT", "HAT"):
        warehouse.product(sku)
    anna.pull()
    warehouse.later()
    anna.add("SOCK", 1)
    anna.add("SHIRT", 1)
    anna.find("HAT")
    anna.loses_connection()
    warehouse.later()
    for sku in ("SOCK", "SOCK", "SHIRT", "HAT"):
        anna.add(sku, 1)
    anna.pull()
    assert [warehouse.on_hand(sku) for sku in ("SOCK", "SHIRT", "HAT")] == [2, 1, 1]


def test_a_number_that_depends_on_a_doubtful_one_is_doubtful_too(warehouse: Warehouse, anna: Phone) -> None:
    """A queue of presses is sent again after new goods: if the first step is not booked, the step back is neither."""
    warehouse.product("SOCK", 40)
    seen = anna.pull()["SOCK"]
    anna.add("SOCK", 1)
    anna.put(seen, quantity=40, location="B2")
    anna.put(seen, quantity=41, location="B2", image_url="/data/photo.jpg")
    anna.loses_connection()
    warehouse.later()
    anna.add("SOCK", 1)
    anna.put(seen, quantity=40, location="B2")
    anna.put(seen, quantity=41, location="B2", image_url="/data/photo.jpg")
    anna.pull()  # doubtful numbers are asked about at the pull
    doubtful = sum(1 for kind, _sku in warehouse.questions() if kind == "quantity_guess")
    assert warehouse.movements("SOCK")[1:3] == [1, 1]
    assert len(warehouse.movements("SOCK")) - 3 <= doubtful


def test_look_ups_of_two_passes_and_a_copy_are_not_taken_for_a_scan(warehouse: Warehouse, anna: Phone) -> None:
    """Three look-ups come at machine speed, but not each after the previous response on one connection."""
    for sku in ("SOCK", "CAP"):
        warehouse.product(sku)
    anna.pull()
    warehouse.later()
    first, second = anna.port, anna.port + 1000
    found = dict[str, Any]()
    for port, act in (
        (first, "find SOCK"), (first, "find SOCK"), (second, "find SOCK"), (first, "add SOCK"), (second, "add SOCK"),
        (first, "find CAP"), (first, "add CAP"), (second, "find CAP"), (second, "add CAP"),
    ):  # fmt: skip
        anna.port, (verb, sku) = port, act.split()
        if verb == "find":
            found[sku] = anna.find(sku)
        else:
            anna.book(found[sku]["id"], 3519)
    anna.pull()
    wrong = {sku: warehouse.on_hand(sku) for sku in ("SOCK", "CAP") if warehouse.on_hand(sku) != 3519}
    assert wrong.keys() <= {sku for _kind, sku in warehouse.questions()}


def test_an_open_question_is_updated_with_what_the_last_pull_has_booked(warehouse: Warehouse) -> None:
    """A second pass ends late: its addition is held back and asked about, and the next pull books it after all."""
    shirts, *_ = [warehouse.product(sku) for sku in ("SHIRT", "CAP", "HAT")]
    picker = warehouse.phone("Boris", manager=False)
    hat = picker.pull()["HAT"]
    warehouse.later(5)
    first, second = picker.port, picker.port + 1000
    picker.find("SHIRT")
    picker.port = second
    picker.find("SHIRT")
    picker.port = first
    picker.book(shirts, 6896)
    for pieces in (2993, 9505):
        picker.add("CAP", pieces)
    picker.delete(shirts)
    picker.port = second
    picker.book(shirts, 6896)
    picker.port = first  # the answer was lost
    picker.pull()
    warehouse.later(0.05)
    picker.put(hat, quantity=1)
    picker.pull()
    assert warehouse.on_hand("SHIRT") == 2 * 6896, "otherwise this tests nothing"
    facts = Discrepancy.objects.get(kind="possible_duplicate", status="open").facts
    latest = StockMovement.objects.filter(product=shirts).latest("id")
    assert facts["booked"] == [latest.pk]
    assert "pending" not in facts
