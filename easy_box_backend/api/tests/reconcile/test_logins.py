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
"""What stands in the phone's queue: a SKU and pieces each."""


@pytest.fixture(autouse=True)
def goods(warehouse: Warehouse, anna: Phone) -> None:
    """On Anna's list, none on hand."""
    for sku, _pieces in QUEUE:
        warehouse.product(sku)
    anna.pull()
    warehouse.later()


def send(phone: Phone, queue: list[tuple[str, int]]) -> None:
    for sku, pieces in queue:
        phone.add(sku, pieces)


def log_in_again(warehouse: Warehouse, name: str = "Anna") -> Phone:
    """The same phone, under a new token."""
    warehouse.later()
    phone = warehouse.phone(name)
    warehouse.later(1)
    return phone


def on_hand(warehouse: Warehouse, queue: list[tuple[str, int]]) -> list[int]:
    return [warehouse.on_hand(sku) for sku, _pieces in queue]


def can_be_set_right(warehouse: Warehouse, wanted: list[tuple[str, int]]) -> bool:
    """Whether each stock is what was received, or becomes so by clicks on what a manager is asked."""
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
    """Some of it was sent before, and the last answer was lost, or that to the next look-up."""
    length, sent = part
    queue = QUEUE[:length]
    send(anna, queue[:sent])
    if looked_up and sent < length:
        anna.find(queue[sent][0])
    again = log_in_again(warehouse, name)
    send(again, queue)
    again.pull()
    assert can_be_set_right(warehouse, queue)
    if sent > 1:
        assert on_hand(warehouse, queue) == [pieces for _sku, pieces in queue], "two in order are unmistakable"
    assert {sku for _kind, sku in warehouse.questions()} <= {queue[0][0]}


def test_it_may_look_round_first(warehouse: Warehouse, anna: Phone) -> None:
    """The camera, the orders, a box by hand: none of them is the queue."""
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
    assert can_be_set_right(warehouse, [*queue, ("GOODS-10", 7)])
    assert on_hand(warehouse, queue) == [1, 2, 3]


def test_logging_in_twice_on_the_way_changes_nothing(warehouse: Warehouse, anna: Phone) -> None:
    queue = QUEUE[:4]
    send(anna, queue[:3])
    send(log_in_again(warehouse, "Boris"), queue[:2])
    again = log_in_again(warehouse)
    send(again, queue)
    again.pull()
    assert can_be_set_right(warehouse, queue)


def test_logging_out_does_not_make_the_server_forget(warehouse: Warehouse, anna: Phone) -> None:
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


def test_on_a_slow_network_it_is_right_or_asked_about(warehouse: Warehouse, anna: Phone) -> None:
    queue = QUEUE[:3]
    for item in queue:
        send(anna, [item])
        warehouse.later(0.1)
    again = log_in_again(warehouse)
    send(again, queue)
    assert can_be_set_right(warehouse, queue)


# --- A queue that was empty -------------------------------------------------------------------------------------------
def test_behind_a_pull_the_queue_was_empty_so_the_same_again_is_goods(warehouse: Warehouse, anna: Phone) -> None:
    queue = QUEUE[:3]
    send(anna, queue)
    anna.pull()
    again = log_in_again(warehouse)
    send(again, queue)
    assert on_hand(warehouse, queue) == [2, 4, 6]
    assert warehouse.questions() == []


def test_so_it_is_where_the_new_login_pulled_first(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, QUEUE[:3])
    again = log_in_again(warehouse)
    again.pull()
    warehouse.later()
    send(again, QUEUE[:3])
    assert on_hand(warehouse, QUEUE[:3]) == [2, 4, 6]
    assert warehouse.questions() == []


def test_a_queue_of_weeks_ago_is_nobodys(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, QUEUE[:3])
    warehouse.later(60 * 24 * 30)
    send(log_in_again(warehouse), QUEUE[:3])
    assert on_hand(warehouse, QUEUE[:3]) == [2, 4, 6]
    assert warehouse.questions() == []


# --- Two phones -------------------------------------------------------------------------------------------------------
def test_two_phones_with_different_queues_are_two(warehouse: Warehouse, anna: Phone) -> None:
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
def test_two_phones_with_a_like_beginning_are_not_confused_in_silence(
    warehouse: Warehouse, anna: Phone, first: int, second: int, looked_up: bool
) -> None:
    """Where the second has all of the first's queue, in order, nothing tells the two from one phone."""
    send(anna, QUEUE[:first])
    if looked_up:
        anna.find(QUEUE[first][0])
    other = log_in_again(warehouse, "Boris")
    send(other, QUEUE[:second])
    other.pull()
    wanted = [(sku, pieces * ((n < first) + (n < second))) for n, (sku, pieces) in enumerate(QUEUE[:3])]
    assert can_be_set_right(warehouse, wanted)


def test_a_phone_that_was_heard_of_since_the_login_is_another_one(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, QUEUE[:3])
    other = log_in_again(warehouse, "Boris")
    anna.find("GOODS-15")
    warehouse.later()
    send(other, QUEUE[:3])
    assert on_hand(warehouse, QUEUE[:3]) == [2, 4, 6]
    assert warehouse.questions() == []


def test_the_old_token_used_again_keeps_what_is_remembered_of_it(warehouse: Warehouse, anna: Phone) -> None:
    """So these were two phones: the first one's queue comes again, and counts once."""
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


def test_a_program_takes_nothing_over(warehouse: Warehouse, anna: Phone, shop: Caller) -> None:
    send(anna, QUEUE[:2])
    warehouse.later()
    for sku, pieces in QUEUE[:2]:
        shop.add(sku, pieces)
    assert on_hand(warehouse, QUEUE[:2]) == [2, 4]
    assert warehouse.questions() == []


def test_nor_does_another_build_of_the_app(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, QUEUE[:2])
    other = log_in_again(warehouse, "Boris")
    Device.objects.filter(pk=other.device.pk).update(name="Dart/3.9 (dart:io)")
    send(other, QUEUE[:2])
    assert on_hand(warehouse, QUEUE[:2]) == [2, 4]
    assert warehouse.questions() == []
