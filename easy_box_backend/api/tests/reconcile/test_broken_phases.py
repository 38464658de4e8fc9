"""A stock queue that broke off is sent again from its beginning: its additions count once, or a manager is asked."""

from __future__ import annotations

import pytest

from api.models import Discrepancy, Product, StockMovement
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.any_database


@pytest.fixture(autouse=True)
def goods(warehouse: Warehouse, anna: Phone) -> None:
    """On Anna's list, none on hand."""
    for sku in ("SHIRT", "SOCK", "JEANS", "CAP"):
        warehouse.product(sku)
    anna.pull()


def send(phone: Phone, *skus: str) -> None:
    """A part of the queue, at machine speed."""
    pieces = {"SHIRT": 2, "SOCK": 5, "JEANS": 1, "CAP": 3}
    for sku in skus:
        phone.add(sku, pieces[sku])


def breaks_off(warehouse: Warehouse, phone: Phone) -> None:
    """The network is gone for half an hour."""
    phone.loses_connection()
    warehouse.later()


def stock_of(warehouse: Warehouse, *skus: str) -> list[int]:
    return [warehouse.on_hand(sku) for sku in skus]


# --- Proven: a look-up that its addition never followed ---------------------------------------------------------------
def test_after_a_look_up_without_its_addition_the_same_beginning_is_a_duplicate(
    warehouse: Warehouse, anna: Phone
) -> None:
    send(anna, "SHIRT")
    anna.find("SOCK")
    breaks_off(warehouse, anna)
    send(anna, "SHIRT", "SOCK", "CAP")
    anna.pull()
    assert stock_of(warehouse, "SHIRT", "SOCK", "CAP") == [2, 5, 3]
    assert warehouse.movements("SHIRT") == [2], "not booked and taken back: not booked"
    assert warehouse.questions() == []


def test_also_at_machine_speed(warehouse: Warehouse, anna: Phone) -> None:
    """The person opens the screen again at once."""
    send(anna, "SHIRT")
    anna.find("SOCK")
    anna.loses_connection()
    send(anna, "SHIRT", "SOCK")
    assert stock_of(warehouse, "SHIRT", "SOCK") == [2, 5]
    assert warehouse.questions() == []


def test_proven_but_another_queue_all_the_same_the_withheld_goes_before_a_manager(
    warehouse: Warehouse, anna: Phone
) -> None:
    send(anna, "SHIRT", "SOCK")
    anna.find("CAP")
    breaks_off(warehouse, anna)
    send(anna, "SHIRT", "JEANS")
    assert stock_of(warehouse, "SHIRT", "SOCK", "JEANS") == [2, 5, 1]
    assert warehouse.questions() == [("possible_duplicate", "SHIRT")]
    assert [entry["delta"] for entry in warehouse.question().facts["pending"]] == [2]


# --- Likely: two additions in order -----------------------------------------------------------------------------------
def test_two_in_order_are_duplicates_and_the_first_is_taken_back(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SHIRT", "SOCK", "JEANS")
    breaks_off(warehouse, anna)
    send(anna, "SHIRT")
    assert stock_of(warehouse, "SHIRT") == [4], "one alone proves nothing"
    send(anna, "SOCK")
    assert stock_of(warehouse, "SHIRT", "SOCK") == [2, 5]
    taken_back = StockMovement.objects.get(kind="reversal")
    assert (taken_back.quantity_delta, taken_back.reverses.quantity_delta) == (-2, 2)  # type: ignore[union-attr]


def test_what_the_queue_has_grown_by_is_booked(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SHIRT", "SHIRT", "SOCK")
    breaks_off(warehouse, anna)
    send(anna, "SHIRT", "SHIRT", "SOCK", "JEANS", "CAP")
    anna.pull()
    assert stock_of(warehouse, "SHIRT", "SOCK", "JEANS", "CAP") == [4, 5, 1, 3]


def test_all_of_it_again_may_be_a_second_delivery_so_a_manager_can_book_it(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SHIRT", "SOCK")
    breaks_off(warehouse, anna)
    send(anna, "SHIRT", "SOCK")
    anna.pull()
    assert stock_of(warehouse, "SHIRT", "SOCK") == [2, 5]
    assert warehouse.questions() == [("possible_duplicate", "SHIRT"), ("possible_duplicate", "SOCK")]
    asked = Discrepancy.objects.open().order_by("id")
    pending = [entry["delta"] for found in asked for entry in found.facts["pending"]]
    assert pending == [2, 5]


def test_a_shorter_queue_is_no_duplicate_since_a_queue_only_grows(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SHIRT", "SOCK", "JEANS")
    breaks_off(warehouse, anna)
    send(anna, "SHIRT", "SOCK")
    assert stock_of(warehouse, "SHIRT", "SOCK") == [2, 5]
    anna.pull()
    assert stock_of(warehouse, "SHIRT", "SOCK", "JEANS") == [4, 10, 1]
    assert warehouse.questions() == [("possible_duplicate", "SHIRT"), ("possible_duplicate", "SOCK")]


@pytest.mark.parametrize("goes_on", ["put", "delete"])
def test_nor_was_it_when_the_phone_goes_on_to_its_next_queue(warehouse: Warehouse, anna: Phone, goes_on: str) -> None:
    cap = anna.find("CAP")
    assert cap
    send(anna, "SHIRT", "SOCK", "JEANS")
    breaks_off(warehouse, anna)
    send(anna, "SHIRT", "SOCK")
    if goes_on == "put":
        anna.put(cap, location="B2")
    else:
        anna.delete(cap["id"])
    assert stock_of(warehouse, "SHIRT", "SOCK") == [4, 10]


def test_a_beginning_that_goes_on_otherwise_was_goods(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SHIRT", "SOCK", "JEANS")
    breaks_off(warehouse, anna)
    send(anna, "SHIRT", "SOCK", "CAP")
    assert stock_of(warehouse, "SHIRT", "SOCK", "JEANS", "CAP") == [4, 10, 1, 3]
    assert warehouse.questions() == [("possible_duplicate", "SHIRT"), ("possible_duplicate", "SOCK")]


def test_another_beginning_is_goods_and_what_is_alike_in_it_is_asked_about(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SHIRT", "SOCK")
    breaks_off(warehouse, anna)
    send(anna, "SOCK", "SHIRT", "CAP")
    assert stock_of(warehouse, "SHIRT", "SOCK", "CAP") == [4, 10, 3]
    assert warehouse.questions() == [("possible_duplicate", "SOCK"), ("possible_duplicate", "SHIRT")]


def test_goods_received_in_between_do_not_hide_a_duplicate(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SOCK")
    breaks_off(warehouse, anna)
    send(anna, "CAP")
    breaks_off(warehouse, anna)
    send(anna, "SOCK")
    assert stock_of(warehouse, "SOCK", "CAP") == [10, 3]
    assert warehouse.questions() == [("possible_duplicate", "SOCK")]


def test_a_question_that_the_next_addition_answers_is_closed(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SHIRT", "SOCK", "JEANS")
    breaks_off(warehouse, anna)
    send(anna, "SHIRT")
    assert warehouse.questions() == [("possible_duplicate", "SHIRT")]
    send(anna, "SOCK")
    assert warehouse.questions() == []


# --- The first alone --------------------------------------------------------------------------------------------------
def test_one_addition_again_is_booked_and_asked_about(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SOCK")
    breaks_off(warehouse, anna)
    send(anna, "SOCK")
    assert stock_of(warehouse, "SOCK") == [10]
    assert warehouse.questions() == [("possible_duplicate", "SOCK")]
    assert warehouse.question().facts == {"quantity": 5, "booked": [StockMovement.objects.latest("id").pk]}


def test_followed_by_new_goods_it_stays_one_question(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SOCK")
    breaks_off(warehouse, anna)
    send(anna, "SOCK", "CAP")
    anna.pull()
    assert stock_of(warehouse, "SOCK", "CAP") == [10, 3]
    assert warehouse.questions() == [("possible_duplicate", "SOCK")]


# --- The connection is evidence ---------------------------------------------------------------------------------------
def test_on_the_same_connection_the_answer_arrived_so_the_next_box_is_a_box(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SOCK")
    warehouse.later(1)
    send(anna, "SOCK")
    assert stock_of(warehouse, "SOCK") == [10]
    assert warehouse.questions() == []


def test_and_so_is_the_same_delivery(warehouse: Warehouse, anna: Phone) -> None:
    for _ in range(2):
        send(anna, "SHIRT", "SOCK")
        warehouse.later(1)
    assert stock_of(warehouse, "SHIRT", "SOCK") == [4, 10]
    assert warehouse.questions() == []


# --- A queue sent three times -----------------------------------------------------------------------------------------
def test_a_resent_queue_that_breaks_off_is_sent_once_more(warehouse: Warehouse, anna: Phone) -> None:
    queue = ["SHIRT", "SOCK", "JEANS", "CAP"]
    send(anna, *queue[:3])
    breaks_off(warehouse, anna)
    send(anna, *queue[:2])
    breaks_off(warehouse, anna)
    send(anna, *queue)
    anna.pull()
    assert stock_of(warehouse, *queue) == [2, 5, 1, 3]


def test_what_a_broken_resent_queue_held_beyond_the_first_is_goods(warehouse: Warehouse, anna: Phone) -> None:
    """One box; the queue again with a second one; and again. The second box was new, once."""
    send(anna, "SOCK")
    for _ in range(2):
        breaks_off(warehouse, anna)
        send(anna, "SOCK", "SOCK")
    anna.pull()
    assert stock_of(warehouse, "SOCK") == [10]


def test_a_queue_proven_to_be_resent_that_breaks_off_is_sent_once_more(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SHIRT", "SOCK")
    anna.find("JEANS")
    for _ in range(3):
        breaks_off(warehouse, anna)
        send(anna, "SHIRT")
        anna.find("SOCK")
    breaks_off(warehouse, anna)
    send(anna, "SHIRT", "SOCK", "JEANS", "CAP")
    anna.pull()
    assert stock_of(warehouse, "SHIRT", "SOCK", "JEANS", "CAP") == [2, 5, 1, 3]
    assert warehouse.questions() == []


def test_a_pull_ends_the_queue_so_the_same_again_is_goods(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SHIRT", "SOCK")
    anna.find("JEANS")
    anna.pull()
    breaks_off(warehouse, anna)
    anna.find("CAP")
    send(anna, "SHIRT", "SOCK")
    assert stock_of(warehouse, "SHIRT", "SOCK") == [4, 10]


def test_another_phones_queue_is_its_own(warehouse: Warehouse, anna: Phone, boris: Phone) -> None:
    send(anna, "SHIRT", "SOCK")
    anna.find("JEANS")
    boris.pull()
    send(boris, "SHIRT", "SOCK", "JEANS")
    assert stock_of(warehouse, "SHIRT", "SOCK", "JEANS") == [4, 10, 1]
    assert warehouse.questions() == []


def test_a_creation_begins_another_pass(warehouse: Warehouse, anna: Phone) -> None:
    """Creations go before additions, so what follows one at machine speed is no continuation."""
    send(anna, "SHIRT", "SOCK")
    anna.loses_connection()
    anna.create("HAT", "Hat")
    send(anna, "SHIRT", "SOCK", "JEANS")
    anna.pull()
    assert stock_of(warehouse, "SHIRT", "SOCK", "JEANS") == [2, 5, 1]


def test_a_barcode_in_the_queue_is_held_back_once(warehouse: Warehouse, anna: Phone) -> None:
    anna.add("SHIRT", 2)
    anna.add("SOCK", 4006381333931)
    anna.find("CAP")
    breaks_off(warehouse, anna)
    anna.add("SHIRT", 2)
    anna.add("SOCK", 4006381333931)
    anna.add("CAP", 3)
    anna.pull()
    assert stock_of(warehouse, "SHIRT", "SOCK", "CAP") == [2, 0, 3]
    assert warehouse.questions() == [("implausible_quantity", "SOCK")]


def test_an_unknown_sku_ends_a_pass_though_the_connection_lives_on(warehouse: Warehouse, anna: Phone) -> None:
    """The app stops there, and starts again on the same connection."""
    anna.find("SOCK")
    anna.book(Product.objects.get(sku="SOCK").pk, 5)
    warehouse.later()
    assert anna.find("SOKC") is None
    warehouse.later()
    send(anna, "SOCK")
    assert stock_of(warehouse, "SOCK") == [10]
    assert warehouse.questions() == [("possible_duplicate", "SOCK")]


# --- A box by hand between two passes ---------------------------------------------------------------------------------
def held_back(sku: str) -> list[int]:
    """What a manager can book by one click each."""
    asked = Discrepancy.objects.open().filter(kind="possible_duplicate", sku=sku).order_by("id")
    return [entry["delta"] for found in asked for entry in found.facts.get("pending", [])]


def by_hand(warehouse: Warehouse, phone: Phone, sku: str) -> None:
    """One is received by a person, and the answer arrives."""
    warehouse.later()
    phone.loses_connection()
    send(phone, sku)
    warehouse.later()


@pytest.mark.parametrize("grown", [False, True])
@pytest.mark.parametrize("same_connection", [False, True])
def test_a_box_by_hand_between_a_queue_and_the_resent_one_can_be_booked_by_a_click(
    warehouse: Warehouse, anna: Phone, same_connection: bool, grown: bool
) -> None:
    send(anna, "SOCK", "SHIRT", "JEANS")  # and the last answer is lost
    by_hand(warehouse, anna, "SOCK")
    if not same_connection:
        anna.loses_connection()
    send(anna, "SOCK", "SHIRT", "JEANS", *(["CAP"] if grown else []))
    anna.pull()
    assert stock_of(warehouse, "SHIRT", "JEANS") == [2, 1]
    assert warehouse.on_hand("SOCK") == 10 or 5 in held_back("SOCK")


def test_so_it_can_where_only_a_part_of_the_queue_came_again(warehouse: Warehouse, anna: Phone) -> None:
    send(anna, "SOCK", "SHIRT", "JEANS")
    by_hand(warehouse, anna, "SOCK")
    anna.loses_connection()
    send(anna, "SOCK", "SHIRT")
    assert stock_of(warehouse, "SOCK", "SHIRT") == [5, 2]
    assert held_back("SOCK") == [5]


@pytest.mark.parametrize("same_connection", [False, True])
def test_also_where_it_is_proven_that_the_queue_broke_off(
    warehouse: Warehouse, anna: Phone, same_connection: bool
) -> None:
    """One addition alone is no pass: it may be the first of the queue, or a box."""
    send(anna, "SOCK", "SHIRT")
    anna.find("JEANS")
    by_hand(warehouse, anna, "SOCK")
    if not same_connection:
        anna.loses_connection()
    send(anna, "SOCK", "SHIRT", "JEANS")
    anna.pull()
    assert stock_of(warehouse, "SHIRT", "JEANS") == [2, 1]
    assert warehouse.on_hand("SOCK") == 10 or held_back("SOCK") == [5]


def test_a_proven_queue_that_ends_before_its_known_end_was_none(warehouse: Warehouse, anna: Phone) -> None:
    """The look-up that was taken for proof was a scan."""
    send(anna, "SOCK")
    anna.find("JEANS")
    by_hand(warehouse, anna, "SOCK")
    anna.loses_connection()
    anna.pull()
    assert stock_of(warehouse, "SOCK") == [10]
    assert warehouse.questions() == [("possible_duplicate", "SOCK")]


# --- What a manager has answered -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("answer", "socks"), [("apply", 10), ("dismiss", 10), ("reverse", 5)])
def test_what_a_manager_has_answered_is_not_undone_by_the_rest_of_the_queue(
    warehouse: Warehouse, anna: Phone, vera: Caller, answer: str, socks: int
) -> None:
    send(anna, "SOCK", "SHIRT", "JEANS")
    breaks_off(warehouse, anna)
    send(anna, "SOCK")
    asked = warehouse.question()
    body = {"action": answer}
    assert vera.send("post", f"/api/discrepancies/{asked.pk}/resolve/", body).status_code == 200
    send(anna, "SHIRT", "JEANS")
    anna.pull()
    assert stock_of(warehouse, "SOCK", "SHIRT", "JEANS") == [socks, 2, 1]


@pytest.mark.parametrize("goes_on", ["CAP", "pull"])
def test_nor_is_what_was_reversed_by_hand_booked_again(
    warehouse: Warehouse, anna: Phone, vera: Caller, goes_on: str
) -> None:
    """The phone must not be refused either: its queue would be stuck."""
    send(anna, "SOCK", "SHIRT", "JEANS")
    breaks_off(warehouse, anna)
    send(anna, "SOCK")
    booked = StockMovement.objects.latest("id").pk
    assert vera.send("post", f"/api/movements/{booked}/reverse/", {}).status_code == 200
    send(anna, "SHIRT")
    if goes_on == "CAP":
        send(anna, "CAP")
    anna.pull()
    assert stock_of(warehouse, "SOCK", "SHIRT") == [5, 4]
