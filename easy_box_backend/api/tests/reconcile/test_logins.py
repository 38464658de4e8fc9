"""A queue outlives the login: the phone sends it again under the next login, also of another person."""

from __future__ import annotations

from itertools import product

import pytest

from api.models import Device, Discrepancy
from api.ops import pruning
from api.tests.examples import some
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.any_database

QUEUE = [(f"GOODS-{n:02}", n % 3 + 1) for n in range(20)]
"""The phone's queue of additions: SKU and pieces of each item."""


@pytest.fixture(autouse=True)
def goods(warehouse: Warehouse, anna: Phone) -> None:
    """The products of the queue: they are on Anna's list, with none on hand."""
    for sku, _pieces in QUEUE:
        warehouse.product(sku)
    anna.pull()
    warehouse.later()


def send(phone: Phone, queue: list[tuple[str, int]]) -> None:
    for sku, pieces in queue:
        phone.add(sku, pieces)


def log_in_again(warehouse: Warehouse, name: str = "Anna") -> Phone:
    """Log in again on the same phone; returns a client with the new token."""
    warehouse.later()
    phone = warehouse.phone(name)
    warehouse.later(1)
    return phone


def on_hand(warehouse: Warehouse, queue: list[tuple[str, int]]) -> list[int]:
    return [warehouse.on_hand(sku) for sku, _pieces in queue]


def can_be_corrected(warehouse: Warehouse, wanted: list[tuple[str, int]]) -> bool:
    """Whether each product has the wanted quantity on hand, or can get it by a manager's answers to the questions."""
    for sku, pieces in wanted:
        reachable = {warehouse.on_hand(sku)}
        for asked in Discrepancy.objects.open().filter(sku=sku):
            back = -asked.facts["quantity"] if asked.facts.get("booked") else 0
            change = back or sum(entry["delta"] for entry in asked.facts.get("pending", []))
            reachable |= {quantity + change for quantity in reachable}
        if pieces not in reachable:
            return False
    return True


# --- The same phone ---------------------------------------------------------------------------------------------------
PARTS = [(1, 1), (3, 1), (3, 2), (3, 3), (20, 10), (20, 19), (20, 20)]


@pytest.mark.parametrize(
    ("name", "looked_up", "part"), some(product(["Anna", "Boris"], [False, True], PARTS), "a new login")
)
def test_a_queue_that_comes_again_under_a_new_login_counts_once_or_is_asked_about(
    warehouse: Warehouse, anna: Phone, name: str, looked_up: bool, part: tuple[int, int]
) -> None:
    """A part of the queue was sent under the former login. The last response was lost, or that to the next look-up.

    part: the length of the queue, and how many items were sent. looked_up: whether the next item was looked up.
    """
    length, sent = part
    queue = QUEUE[:length]
    send(anna, queue[:sent])
    if looked_up and sent < length:
        anna.find(queue[sent][0])
    again = log_in_again(warehouse, name)
    send(again, queue)
    again.pull()
    assert can_be_corrected(warehouse, queue)
    if sent > 1:
        assert on_hand(warehouse, queue) == [pieces for _sku, pieces in queue], (
            "two equal items in order identify the queue"
        )
    assert {sku for _kind, sku in warehouse.questions()} <= {queue[0][0]}


def test_the_new_login_may_scan_and_receive_other_goods_before_it_sends_the_queue(
    warehouse: Warehouse, anna: Phone
) -> None:
    """Look-ups by the camera, the list of orders, and a box by hand are no items of the queue."""
    queue = QUEUE[:3]
    send(anna, queue[:2])
    again = log_in_again(warehouse)
    again.pull_orders()
    again.scan("GOODS-01", times=10)
    warehouse.later()
    again.add("GOODS-10", 7)
    warehouse.later()
    send(again, queue)
    again.pull()
    assert can_be_corrected(warehouse, [*queue, ("GOODS-10", 7)])
    assert on_hand(warehouse, queue) == [1, 2, 3]


def test_two_logins_before_the_queue_is_sent_again_make_no_difference(warehouse: Warehouse, anna: Phone) -> None:
    queue = QUEUE[:4]
    send(anna, queue[:3])
    send(log_in_again(warehouse, "Boris"), queue[:2])
    again = log_in_again(warehouse)
    send(again, queue)
    again.pull()
    assert can_be_corrected(warehouse, queue)


def test_after_a_logout_the_server_still_remembers_the_queue(warehouse: Warehouse, anna: Phone) -> None:
    queue = QUEUE[:3]
    send(anna, queue[:2])
    assert anna.send("post", "/api/auth/logout/").status_code == 204
    warehouse.later(60 * 24 * 3)
    from django.utils import timezone

    pruning.old_memories(timezone.now()).delete()
    again = log_in_again(warehouse)
    send(again, queue)
    assert on_hand(warehouse, queue) == [1, 2, 3]
    assert {sku for _kind, sku in warehouse.questions()} <= {queue[0][0]}


def test_on_a_slow_network_a_queue_sent_again_is_booked_correctly_or_asked_about(
    warehouse: Warehouse, anna: Phone
) -> None:
    queue = QUEUE[:3]
    for item in queue:
        send(anna, [item])
        warehouse.later(0.1)
    again = log_in_again(warehouse)
    send(again, queue)
    assert can_be_corrected(warehouse, queue)


# --- A queue that was empty -------------------------------------------------------------------------------------------
def test_after_a_pull_the_same_queue_under_a_new_login_is_new_goods(warehouse: Warehouse, anna: Phone) -> None:
    queue = QUEUE[:3]
    send(anna, queue)
    anna.pull()
    again = log_in_again(warehouse)
    send(again, queue)
    assert on_hand(warehouse, queue) == [2, 4, 6]
    assert warehouse.questions() == []


def test_after_a_pull_by_the_new_login_the_same_queue_is_new_goods(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, QUEUE[:3])
    again = log_in_again(warehouse)
    again.pull()
    warehouse.later()
    send(again, QUEUE[:3])
    assert on_hand(warehouse, QUEUE[:3]) == [2, 4, 6]
    assert warehouse.questions() == []


def test_a_queue_of_weeks_ago_is_not_continued_by_a_new_login(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, QUEUE[:3])
    warehouse.later(60 * 24 * 30)
    send(log_in_again(warehouse), QUEUE[:3])
    assert on_hand(warehouse, QUEUE[:3]) == [2, 4, 6]
    assert warehouse.questions() == []


# --- Two phones -------------------------------------------------------------------------------------------------------
def test_two_phones_with_different_queues_are_recognised_as_two(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, QUEUE[:3])
    send(log_in_again(warehouse, "Boris"), QUEUE[3:6])
    assert on_hand(warehouse, QUEUE[:6]) == [pieces for _sku, pieces in QUEUE[:6]]
    assert warehouse.questions() == []


def test_two_phones_with_the_same_first_item_are_at_most_a_question(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, QUEUE[:3])
    other = log_in_again(warehouse, "Boris")
    send(other, [QUEUE[0], *QUEUE[5:8]])
    other.pull()
    assert on_hand(warehouse, QUEUE[:3]) == [2, 2, 3]
    assert on_hand(warehouse, QUEUE[5:8]) == [3, 1, 2]
    assert {sku for _kind, sku in warehouse.questions()} <= {"GOODS-00"}


@pytest.mark.parametrize("looked_up", [False, True])
@pytest.mark.parametrize(("first", "second"), [(1, 1), (3, 2)])
def test_two_phones_with_the_same_first_items_are_not_confused_without_a_question(
    warehouse: Warehouse, anna: Phone, first: int, second: int, looked_up: bool
) -> None:
    """If the second phone sends the whole queue of the first one, in order, the two look like one phone."""
    send(anna, QUEUE[:first])
    if looked_up:
        anna.find(QUEUE[first][0])
    other = log_in_again(warehouse, "Boris")
    send(other, QUEUE[:second])
    other.pull()
    wanted = [(sku, pieces * ((n < first) + (n < second))) for n, (sku, pieces) in enumerate(QUEUE[:3])]
    assert can_be_corrected(warehouse, wanted)


def test_a_device_that_was_active_after_the_new_login_is_another_phone(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, QUEUE[:3])
    other = log_in_again(warehouse, "Boris")
    anna.find("GOODS-15")
    warehouse.later()
    send(other, QUEUE[:3])
    assert on_hand(warehouse, QUEUE[:3]) == [2, 4, 6]
    assert warehouse.questions() == []


def test_a_device_whose_token_is_used_again_keeps_its_memory(warehouse: Warehouse, anna: Phone) -> None:
    """The former token is still in use, so these are two phones. The first one's queue, sent again, is booked once."""
    queue, others = QUEUE[:3], QUEUE[5:8]
    send(anna, queue[:2])
    anna.find(queue[2][0])
    other = log_in_again(warehouse, "Boris")
    send(other, others)
    other.pull()
    anna.loses_connection()
    warehouse.later()
    send(anna, queue)
    anna.pull()
    assert on_hand(warehouse, [*queue, *others]) == [pieces for _sku, pieces in [*queue, *others]]


def test_a_program_does_not_continue_the_queue_of_a_former_login(
    warehouse: Warehouse, anna: Phone, shop: Caller
) -> None:
    send(anna, QUEUE[:2])
    warehouse.later()
    for sku, pieces in QUEUE[:2]:
        shop.add(sku, pieces)
    assert on_hand(warehouse, QUEUE[:2]) == [2, 4]
    assert warehouse.questions() == []


def test_another_build_of_the_app_does_not_continue_the_queue_of_a_former_login(
    warehouse: Warehouse, anna: Phone
) -> None:
    send(anna, QUEUE[:2])
    other = log_in_again(warehouse, "Boris")
    Device.objects.filter(pk=other.device.pk).update(name="Dart/3.9 (dart:io)")
    send(other, QUEUE[:2])
    assert on_hand(warehouse, QUEUE[:2]) == [2, 4]
    assert warehouse.questions() == []
