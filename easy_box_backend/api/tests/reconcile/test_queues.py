"""The queue of additions in situations of a warehouse (docs/reconciliation.md): each received box is booked once, or a
manager is asked."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.utils import timezone

from api.actor import Actor
from api.models import Alert, DeviceMemory, Discrepancy, Product, StockMovement
from api.phones import booking
from api.phones.memory import remembered
from api.reconcile.chances import Timing
from api.reconcile.memory import DECIDED, Addition
from api.reconcile.stories import Stories
from api.tests.examples import examples
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.any_database

PIECES = {"SHIRT": 2, "SOCK": 5, "JEANS": 1, "CAP": 3}


@pytest.fixture(autouse=True)
def goods(warehouse: Warehouse, anna: Phone) -> None:
    """The products of PIECES: they are on Anna's list, with none on hand."""
    for sku in PIECES:
        warehouse.product(sku)
    anna.pull()
    pause(warehouse, anna)


def pause(warehouse: Warehouse, phone: Phone, minutes: float = 30) -> None:
    """Let time pass, so that the phone closes its idle connection. It is unknown whether the last response arrived."""
    phone.loses_connection()
    warehouse.later(minutes)


def send(phone: Phone, *skus: str) -> None:
    """Send a part of the queue at machine speed."""
    for sku in skus:
        phone.add(sku, PIECES[sku])


def on_hand(warehouse: Warehouse, *skus: str) -> list[int]:
    return [warehouse.on_hand(sku) for sku in skus or PIECES]


def pieces_in_question(warehouse: Warehouse) -> dict[str, int]:
    """By SKU: the pieces that the answers to the open questions can change the stock by."""
    found: dict[str, int] = {}
    for question in Discrepancy.objects.open().filter(kind="possible_duplicate"):
        found[question.sku] = found.get(question.sku, 0) + question.facts["quantity"]
    return found


# --- A queue that is sent again ---------------------------------------------------------------------------------------
def test_a_queue_that_broke_off_is_sent_from_its_beginning_and_counts_once(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SHIRT", "SOCK")
    anna.find("JEANS")
    pause(warehouse, anna)
    send(anna, "SHIRT", "SOCK", "JEANS")
    anna.pull()
    assert on_hand(warehouse) == [2, 5, 1, 0]
    assert set(pieces_in_question(warehouse)) <= {"SHIRT"}, "only the first item can also be a box by hand"


def test_fetching_orders_between_two_passes_does_not_hide_the_first_pass(warehouse: Warehouse, anna: Phone) -> None:
    """Both items are of one product, so only the time shows that a look-up had no addition."""
    anna.add("SOCK", 891)
    anna.find("SOCK")
    pause(warehouse, anna, minutes=1)
    anna.pull_orders()
    warehouse.later(0.05)
    anna.add("SOCK", 891)
    anna.add("SOCK", 1057)
    anna.pull()
    assert on_hand(warehouse, "SOCK") == [891 + 1057] or pieces_in_question(warehouse)


def test_a_pass_that_waits_long_for_one_answer_and_breaks_off_is_not_booked_twice_in_silence(
    warehouse: Warehouse, anna: Phone
) -> None:
    """On a weak network an answer can take 40 seconds, until TCP sends the lost part again."""
    anna.add("SOCK", 862)  # by hand
    pause(warehouse, anna, minutes=3)
    anna.add("SOCK", 9148)
    pause(warehouse, anna, minutes=0.7)
    anna.add("SHIRT", 6038)
    anna.add("SHIRT", 7357)
    pause(warehouse, anna, minutes=1)
    for sku, pieces in [("SOCK", 9148), ("SHIRT", 6038), ("SHIRT", 7357), ("CAP", 3432)]:
        anna.add(sku, pieces)
    anna.pull()
    off = warehouse.on_hand("SOCK") - 862 - 9148
    assert off == 0 or pieces_in_question(warehouse).get("SOCK") == off
    assert warehouse.on_hand("SHIRT") == 6038 + 7357


def test_items_added_to_a_queue_before_it_is_sent_again_are_new(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SHIRT", "SOCK")
    pause(warehouse, anna)
    send(anna, "SHIRT", "SOCK", "SOCK", "CAP")
    anna.pull()
    assert on_hand(warehouse) == [2, 10, 0, 3]


def test_a_queue_that_breaks_off_several_times_is_booked_once(warehouse: Warehouse, anna: Phone) -> None:
    for sent in (2, 1, 3, 3, 4):
        pause(warehouse, anna)
        send(anna, *list(PIECES)[:sent])
    anna.pull()
    assert on_hand(warehouse) == [2, 5, 1, 3]
    assert set(pieces_in_question(warehouse)) <= {"SHIRT"}


def test_three_equal_boxes_are_all_booked(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SOCK", "SOCK", "SOCK")
    anna.pull()
    assert warehouse.movements("SOCK") == [5, 5, 5]
    assert warehouse.questions() == []


def test_two_kinds_of_boxes_in_turns_are_all_booked(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, *["JEANS", "CAP"] * 6)
    anna.pull()
    assert on_hand(warehouse) == [0, 0, 6, 18]
    assert warehouse.questions() == []


def test_three_hundred_items_fit_into_a_small_memory(warehouse: Warehouse, anna: Phone) -> None:
    chosen = random.Random(3)
    queue = [(chosen.choice(list(PIECES)), chosen.choice([1, 1, 1, 2, 6, 12])) for _ in range(examples(300))]
    for item in queue[: examples(200)]:
        anna.add(*item)
    pause(warehouse, anna)
    for item in queue:
        anna.add(*item)
    assert len(DeviceMemory.objects.get(device=anna.device).state) < 20_000
    anna.pull()
    assert sum(on_hand(warehouse)) == sum(pieces for _sku, pieces in queue)


# --- The same goods again ---------------------------------------------------------------------------------------------
def test_goods_entered_again_because_they_seemed_to_have_failed_are_asked_about(
    warehouse: Warehouse, anna: Phone
) -> None:
    send(anna, "SOCK")  # booked, but the response is lost and the screen shows an error
    anna.loses_connection()
    warehouse.later(0.1)
    anna.add("SOCK", 5)
    assert on_hand(warehouse, "SOCK") == [5]
    assert pieces_in_question(warehouse) == {"SOCK": 5}


@pytest.mark.parametrize("skus", [["SOCK"], ["SOCK", "CAP"], list(PIECES), ["SOCK"] * 4])
def test_the_same_delivery_again_after_the_list_was_seen_is_another_one(
    warehouse: Warehouse, anna: Phone, skus: list[str]
) -> None:
    for _ in range(3):
        send(anna, *skus)
        anna.pull()
        pause(warehouse, anna)
    assert on_hand(warehouse, *set(skus)) == [3 * skus.count(sku) * PIECES[sku] for sku in set(skus)]
    assert warehouse.questions() == []


def test_equal_queues_of_two_phones_are_both_booked(warehouse: Warehouse, anna: Phone, boris: Phone) -> None:
    boris.pull()
    send(anna, "SHIRT", "SOCK")
    send(boris, "SHIRT", "SOCK")
    assert on_hand(warehouse, "SHIRT", "SOCK") == [4, 10]
    assert warehouse.questions() == []


# --- Two passes at once, copies, and other requests between -----------------------------------------------------------
def both_passes(phone: Phone, *skus: str) -> None:
    """The screen was left and opened again: send the same queue in two passes at once, each on its own connection."""
    ports = phone.port, phone.port + 10_000
    ids = {sku: Product.objects.get(sku=sku).pk for sku in skus}
    for sku in skus:
        for phone.port in ports:
            phone.find(sku)
        for phone.port in ports:
            phone.book(ids[sku], PIECES[sku])


def test_the_queue_of_two_passes_at_once_is_booked_once(warehouse: Warehouse, anna: Phone) -> None:
    both_passes(anna, *PIECES)
    anna.pull()
    anna.pull()
    assert on_hand(warehouse) == [2, 5, 1, 3]
    assert warehouse.questions() == []


def test_a_question_that_later_requests_answer_is_dismissed_and_its_alert_is_not_sent(
    warehouse: Warehouse, anna: Phone, settings: Any
) -> None:
    settings.STORY_MARGIN = 9  # so that the addition is asked about
    both_passes(anna, "JEANS")
    question = warehouse.question()
    assert question.status == "open"
    assert Alert.objects.open().exists()
    both_passes(anna, "SHIRT", "SOCK", "CAP")
    anna.pull()
    anna.pull()
    question.refresh_from_db()
    assert (question.status, question.resolved_by) == ("dismissed", None)
    assert question.note
    assert not Alert.objects.open().filter(facts__discrepancy=question.pk).exists()


def test_a_copy_that_the_network_made_of_an_addition_is_not_booked(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SOCK")
    answer = anna.book(StockMovement.objects.get(product__sku="SOCK").product_id, 5)
    assert answer.status_code == 200
    assert on_hand(warehouse, "SOCK") == [5]


def test_an_unknown_sku_in_the_queue_stops_it_at_most_once(warehouse: Warehouse, anna: Phone) -> None:
    """The items before the unknown SKU are sent twice and booked once."""
    send(anna, "SHIRT", "SOCK")
    assert anna.find("SOKC"), "a look-up directly after an addition can only be the queue's"
    pause(warehouse, anna)
    send(anna, "SHIRT", "SOCK")
    anna.add("SOKC", 4)
    anna.pull()
    assert on_hand(warehouse, "SHIRT", "SOCK", "SOKC") == [2, 5, 4]


@pytest.mark.parametrize("minutes", [0.1, 30])
def test_an_equal_queue_behind_a_creation_is_booked_again(warehouse: Warehouse, anna: Phone, minutes: float) -> None:
    """A second pass of the queue before would have begun right behind the first: before the person could do anything
    else. (In a repaired app, a pass begins with creations.)"""
    send(anna, "SOCK")
    anna.pull()
    warehouse.later(minutes)
    anna.create("NEW")
    send(anna, "SOCK")
    anna.pull()
    assert on_hand(warehouse, "SOCK") == [10]


def test_a_second_pass_begins_behind_the_updates_of_the_first_also_after_something_was_done_by_hand(
    warehouse: Warehouse, anna: Phone
) -> None:
    anna.create("NEW")
    pause(warehouse, anna)
    seen = anna.find("JEANS")
    pause(warehouse, anna)
    first, second = anna.port, anna.port + 10_000
    sock = anna.find("SOCK")
    anna.port = second
    anna.find("SOCK")
    anna.port = first
    anna.book(sock["id"] if sock else 0, 5)
    send(anna, "SHIRT")
    anna.put(seen or {}, name="Blue jeans")
    anna.port = second
    anna.book(sock["id"] if sock else 0, 5)
    send(anna, "SHIRT")
    anna.pull()
    assert on_hand(warehouse, "SOCK", "SHIRT") == [5, 2]


def test_a_queue_whose_two_passes_both_stop_at_an_unknown_sku_is_booked_once(warehouse: Warehouse, anna: Phone) -> None:
    both_passes(anna, "SHIRT", "SOCK")
    first, second = anna.port, anna.port + 10_000
    jeans = anna.find("JEANS")
    anna.book(jeans["id"] if jeans else 0, 1)
    anna.port = second
    anna.find("JEANS")
    anna.port = first
    assert anna.find("SOKC") is None, "behind the look-up of the second pass it may be a person's"
    anna.port = second
    anna.book(jeans["id"] if jeans else 0, 1)
    assert anna.find("SOKC") is None, "it was looked up a moment ago, so it may be a scan"
    warehouse.later(0.05)
    send(anna, "SHIRT", "SOCK", "JEANS")
    assert anna.find("SOKC"), "behind an addition"
    anna.book(Product.objects.get(sku="SOKC").pk, 4)
    send(anna, "CAP", "CAP", "SHIRT")
    anna.pull()
    assert on_hand(warehouse) == [4, 5, 1, 6]


@pytest.mark.parametrize("manager", [True, False])
def test_deletions_after_the_additions_show_that_all_additions_were_sent(warehouse: Warehouse, manager: bool) -> None:
    phone = warehouse.phone("Dora", manager=manager)
    cap = phone.pull()["CAP"]["id"]
    for _ in range(2):
        pause(warehouse, phone)
        send(phone, "SHIRT", "SOCK")
        phone.delete(cap)  # the pull after it does not arrive
    assert on_hand(warehouse, "SHIRT", "SOCK") == [4, 10]


# --- A manager meanwhile ----------------------------------------------------------------------------------------------
def test_a_managers_answer_is_not_undone_by_the_rest_of_the_queue(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    """After many equal boxes by hand, one more is likely, until the rest of the queue is sent again."""
    for _ in range(8):
        anna.add("SOCK", 5)
        warehouse.later(0.2)
    send(anna, "SOCK", "SHIRT")
    warehouse.later(0.2)
    send(anna, "SOCK")
    assert on_hand(warehouse, "SOCK") == [50]
    question = warehouse.question()
    assert vera.send("post", f"/api/discrepancies/{question.pk}/resolve/", {"action": "dismiss"}).status_code == 200
    send(anna, "SHIRT", "CAP")
    anna.pull()
    assert on_hand(warehouse) == [2, 50, 0, 3]
    question.refresh_from_db()
    assert question.resolved_by == vera.user


def test_an_addition_that_a_manager_has_decided_is_not_booked_whatever_a_story_says(
    warehouse: Warehouse, anna: Phone
) -> None:
    send(anna, "SOCK")
    anna.pull()
    by = Actor(anna.device.user, anna.device, at=timezone.now())
    stories = Stories()
    with remembered(by) as memory:
        number = stories.add(Product.objects.get(sku="SOCK").pk, 5, Timing(60.0))
        memory.additions[number] = Addition(Product.objects.get(sku="SOCK").pk, 5, 0.0, DECIDED)
        booking.agree(memory, stories, by=by)
    assert on_hand(warehouse, "SOCK") == [5]


def test_an_addition_reversed_by_hand_is_neither_booked_nor_reversed_again(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    send(anna, "SOCK", "SHIRT", "JEANS")
    mistake = StockMovement.objects.get(product__sku="SHIRT").pk
    assert vera.send("post", f"/api/movements/{mistake}/reverse/", {}).status_code == 200
    pause(warehouse, anna)
    send(anna, "SOCK", "SHIRT", "JEANS", "CAP")
    anna.pull()
    assert on_hand(warehouse) == [0, 5, 1, 3]


def test_additions_from_before_a_count_are_included_in_it(warehouse: Warehouse, anna: Phone, vera: Caller) -> None:
    send(anna, "SOCK", "SHIRT")
    pause(warehouse, anna)
    socks = StockMovement.objects.get(product__sku="SOCK").product_id
    assert vera.send("post", f"/api/products/{socks}/count/", {"counted": 4}).status_code == 200
    warehouse.later()
    send(anna, "SOCK", "SHIRT", "CAP")
    anna.pull()
    assert on_hand(warehouse) == [2, 4, 0, 3]
