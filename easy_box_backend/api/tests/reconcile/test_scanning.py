"""The scanning page: while a label is in view, its SKU is looked up repeatedly, without additions."""

from __future__ import annotations

from itertools import product

import pytest

from api.models import DeviceMemory, Product
from api.phones.memory import read
from api.tests.examples import examples, some
from api.tests.reconcile.people import Phone, Warehouse

pytestmark = pytest.mark.any_database

SECONDS = 1 / 60
"""A second in minutes, the unit of `warehouse.later`."""


@pytest.fixture(autouse=True)
def goods(warehouse: Warehouse, anna: Phone) -> None:
    """Products on Anna's list, with none on hand."""
    for sku in ("SOCK", "SHIRT", "HAT"):
        warehouse.product(sku)
    anna.pull()
    warehouse.later()


def created_products(warehouse: Warehouse) -> list[str]:
    """The SKUs of the products that look-ups have created."""
    return list(Product.objects.filter(unverified=True).order_by("sku").values_list("sku", flat=True))


def is_stuck_at(phone: Phone, sku: str) -> bool:
    """The phone opens its inventory and begins its queue with this SKU; returns whether it gets stuck there."""
    return phone.find(sku) is None


# --- An unknown label -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("every", "connections"), some(product([0.02, 0.2, 0.3, 1.0], [1, 2]), "an unknown label"))
def test_an_unknown_label_before_the_camera_makes_no_product(
    warehouse: Warehouse, anna: Phone, every: float, connections: int
) -> None:
    assert not any(anna.scan("4006381333931", times=examples(60), every=every, connections=connections))
    assert created_products(warehouse) == []
    assert warehouse.questions() == []


def test_two_unknown_labels_in_view_in_turns_make_no_product(warehouse: Warehouse, anna: Phone) -> None:
    assert not any(anna.scan("UNKNOWN-1", "UNKNOWN-2", times=60, connections=2))
    assert sum(anna.scan("UNKNOWN-1", "SOCK", times=60)) == 30
    assert created_products(warehouse) == []


def test_a_scanning_session_of_minutes_with_pauses_makes_no_product(warehouse: Warehouse, anna: Phone) -> None:
    for pause in (3, 10, 1, 60, 5, 30) * examples(3):
        anna.scan("UNKNOWN", times=12, connections=2)
        warehouse.later(pause * SECONDS)
    assert created_products(warehouse) == []


def test_an_unknown_label_scanned_five_times_in_a_morning_makes_no_product(warehouse: Warehouse, anna: Phone) -> None:
    for _ in range(5):
        anna.scan("UNKNOWN", times=4)
        warehouse.later()
    assert created_products(warehouse) == []


def test_an_unknown_label_in_view_for_a_moment_between_longer_scans_makes_no_product(
    warehouse: Warehouse, anna: Phone
) -> None:
    for _ in range(4):
        anna.scan("UNKNOWN", times=8)
        for _ in range(2):
            warehouse.later(5 * SECONDS)
            anna.find("UNKNOWN")
        warehouse.later(5 * SECONDS)
    assert created_products(warehouse) == []


def test_an_unknown_label_in_view_while_other_goods_are_received_makes_no_product(
    warehouse: Warehouse, anna: Phone
) -> None:
    """The camera stays on, so its next look-up comes directly after the addition."""
    anna.scan("UNKNOWN", times=10)
    anna.add("SOCK", 1)
    assert not any(anna.scan("UNKNOWN", times=10))
    assert created_products(warehouse) == []


def test_an_unknown_label_scanned_after_a_queue_with_an_unknown_sku_makes_no_product(
    warehouse: Warehouse, anna: Phone
) -> None:
    anna.add("SOCK", 1)
    anna.add("SOKC", 1)
    anna.loses_connection()  # before the pull
    warehouse.later()
    assert not any(anna.scan("UNKNOWN", times=10))
    assert created_products(warehouse) == ["SOKC"]


def test_an_unknown_label_scanned_after_an_addition_by_hand_behind_such_a_queue_makes_no_product(
    warehouse: Warehouse, anna: Phone
) -> None:
    anna.add("SOCK", 1)
    anna.add("SOKC", 1)
    anna.loses_connection()  # before the pull
    warehouse.later()
    anna.find("SHIRT")
    warehouse.later(1 * SECONDS)
    anna.add("SHIRT", 7)
    warehouse.later(4 * SECONDS)
    assert not any(anna.scan("LABEL", times=2, every=1.0))
    assert created_products(warehouse) == ["SOKC"]


@pytest.mark.parametrize("pause", [0.3, 3.0])
def test_typing_into_the_search_box_makes_no_product(warehouse: Warehouse, anna: Phone, pause: float) -> None:
    """The incomplete texts make no products either, even if they are typed slowly and often."""
    for _ in range(5):
        for typed in ("S", "SK", "SKI", "SKIR", "SKI", "SKIR", "SKIRT"):
            warehouse.later(pause * SECONDS)
            assert anna.find(typed) is None
        warehouse.later()
    assert created_products(warehouse) == []


# --- A queue that is stuck --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seconds", [3, 60, 3600])
def test_a_sku_that_alone_is_looked_up_at_three_openings_becomes_a_product(
    warehouse: Warehouse, anna: Phone, seconds: float
) -> None:
    openings = []
    for _ in range(3):
        openings.append(is_stuck_at(anna, "SOKC"))
        warehouse.later(seconds * SECONDS)
    assert openings == [True, True, False]
    assert warehouse.questions() == [("unknown_sku", "SOKC")]


def test_a_stuck_phone_is_freed_within_four_openings_after_a_scan_of_the_same_label(
    warehouse: Warehouse, anna: Phone
) -> None:
    for _ in range(2):
        assert is_stuck_at(anna, "SOKC")
        warehouse.later(3 * SECONDS)
    anna.scan("SOKC", times=1)
    anna.scan("SOKC", times=20)
    warehouse.later(3 * SECONDS)
    freed = []
    for _ in range(4):
        freed.append(not is_stuck_at(anna, "SOKC"))
        warehouse.later(3 * SECONDS)
    assert any(freed)


def test_scanning_another_label_between_the_openings_does_not_keep_a_phone_stuck(
    warehouse: Warehouse, anna: Phone
) -> None:
    openings = []
    for _ in range(3):
        anna.scan("SOCK", "OTHER", times=20)
        warehouse.later(3 * SECONDS)
        openings.append(is_stuck_at(anna, "SOKC"))
        warehouse.later(3 * SECONDS)
    assert openings == [True, True, False]
    assert created_products(warehouse) == ["SOKC"]


def test_two_unknown_skus_at_the_head_of_a_queue_are_both_created_in_one_pass(
    warehouse: Warehouse, anna: Phone
) -> None:
    for _ in range(2):
        assert is_stuck_at(anna, "SOKC")
        warehouse.later(3 * SECONDS)
    anna.add("SOKC", 3)
    warehouse.later(3 * SECONDS)  # a slow network
    anna.add("SOKS", 1)
    assert (warehouse.movements("SOKC"), warehouse.movements("SOKS")) == ([3], [1])


# --- A known label ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "behind", "connections", "label"),
    some(product([0.0, 5.0], [2.0, 20.0], [1, 2], ["SOCK", "SHIRT", "UNKNOWN"]), "two boxes"),
)
def test_the_same_goods_received_before_and_after_a_scan_are_two_boxes(
    warehouse: Warehouse, anna: Phone, before: float, behind: float, connections: int, label: str
) -> None:
    anna.send_queued("SOCK", 5)
    warehouse.later(before * SECONDS)
    anna.scan(label, times=20, connections=connections)
    if behind > 15:
        anna.loses_connection()  # the phone has closed its idle connection
    warehouse.later(behind * SECONDS)
    anna.send_queued("SOCK", 5)
    assert warehouse.movements("SOCK") == [5, 5]
    assert warehouse.questions() == []


def test_goods_entered_again_after_a_scan_because_they_seemed_to_have_failed_are_asked_about(
    warehouse: Warehouse, anna: Phone
) -> None:
    anna.add("SOCK", 5)  # its response is lost
    anna.loses_connection()
    warehouse.later(5 * SECONDS)
    anna.scan("SOCK", times=20)
    warehouse.later(5 * SECONDS)
    anna.send_queued("SOCK", 5)
    assert warehouse.on_hand("SOCK") in (5, 10)
    assert warehouse.questions() == [("possible_duplicate", "SOCK")]


def test_three_equal_boxes_of_a_queue_after_a_scan_are_all_booked(warehouse: Warehouse, anna: Phone) -> None:
    anna.scan("SOCK", "SHIRT", times=30, connections=2)
    for _ in range(3):
        anna.add("SOCK", 1)
    anna.pull()
    assert warehouse.movements("SOCK") == [1, 1, 1]
    assert warehouse.questions() == []


@pytest.mark.parametrize("quick", [True, False])
def test_a_queue_that_is_sent_again_after_a_scan_is_booked_once(warehouse: Warehouse, anna: Phone, quick: bool) -> None:
    anna.add("SOCK", 5)
    anna.add("SHIRT", 2)
    anna.find("HAT")
    anna.loses_connection()
    warehouse.later()
    anna.scan("SHIRT", times=20, connections=2)
    if not quick:
        warehouse.later(5 * SECONDS)
    for sku, pieces in (("SOCK", 5), ("SHIRT", 2), ("HAT", 1)):
        anna.add(sku, pieces)
    anna.pull()
    assert [warehouse.on_hand(sku) for sku in ("SOCK", "SHIRT", "HAT")] == [5, 2, 1]
    assert {sku for _kind, sku in warehouse.questions()} <= {"SOCK"}, "only the first item can also be a box by hand"


@pytest.mark.parametrize("behind", [0.0, 5.0])
@pytest.mark.parametrize("label", ["SOCK", "UNKNOWN"])
def test_a_press_after_a_scan_is_booked(warehouse: Warehouse, anna: Phone, behind: float, label: str) -> None:
    seen = anna.pull()["SOCK"]
    anna.scan(label, times=20, connections=2)
    warehouse.later(behind * SECONDS)
    anna.put(seen, quantity=1)
    anna.scan(label, times=20)
    anna.put(seen, quantity=2)
    anna.put(seen, quantity=2, location="B2")
    assert warehouse.movements("SOCK") == [1, 1]
    assert warehouse.questions() == []


def test_a_pull_right_after_a_scan_creates_no_question(warehouse: Warehouse, anna: Phone) -> None:
    for _ in range(2):
        anna.send_queued("SOCK", 5)
        warehouse.later()
    anna.scan("SOCK", times=10)
    anna.pull()
    anna.scan("SOCK", times=10)
    anna.pull()
    assert warehouse.movements("SOCK") == [5, 5]
    assert warehouse.questions() == []


# --- Memory and writes ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("label", ["SOCK", "UNKNOWN"])
def test_the_memory_does_not_grow_with_the_number_of_look_ups(warehouse: Warehouse, anna: Phone, label: str) -> None:
    def size() -> int:
        return len(DeviceMemory.objects.get(device=anna.device).state)

    anna.scan(label, times=10)
    before = size()
    anna.scan(label, times=examples(200))
    assert size() < before + 40


@pytest.mark.parametrize("label", ["SOCK", "UNKNOWN"])
def test_look_ups_by_the_camera_are_stored_about_once_a_second(warehouse: Warehouse, anna: Phone, label: str) -> None:
    def number() -> int:
        return read(DeviceMemory.objects.get(device=anna.device).state).number

    anna.scan(label, times=10)
    before = number()
    anna.scan(label, times=100, every=0.2)
    assert 10 <= number() - before <= 25
