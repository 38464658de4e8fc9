"""A finished order from a phone, compared with the order that it had seen."""

from __future__ import annotations

from typing import Any

import pytest

from api.models import Order, OrderVersion, StockMovement
from api.tests.calls import check_error
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.any_database

Lines = dict[str, tuple[int, int]]


@pytest.fixture(autouse=True)
def goods(warehouse: Warehouse) -> dict[str, int]:
    """By SKU: the ids of the products, ten of each on hand."""
    return {sku: warehouse.product(sku, 10) for sku in ("SHIRT", "CAP", "SOCK")}


@pytest.fixture
def order(anna: Phone, vera: Caller, goods: dict[str, int]) -> dict[str, Any]:
    """An order for Petrova, two shirts and a cap, as Anna's phone shows it."""
    lines = [
        {"product": goods["SHIRT"], "quantity_to_pick": 2},
        {"product": goods["CAP"], "quantity_to_pick": 1},
    ]
    vera.send("post", "/api/orders/", {"customer_name": "Petrova", "lines": lines})
    anna.pull_orders()
    return anna.pull_orders()[0]


def change(vera: Caller, order: dict[str, Any], lines: Lines | None = None, **fields: Any) -> None:
    """Vera changes the order. lines: by SKU, (quantity to pick, quantity picked)."""
    if lines is not None:
        ids = {row["sku"]: row["id"] for row in vera.send("get", "/api/products/").json()}
        fields["lines"] = [
            {"product": ids[sku], "quantity_to_pick": to_pick, "quantity_picked": picked}
            for sku, (to_pick, picked) in lines.items()
        ]
    answer = vera.send("patch", f"/api/orders/{order['id']}/", fields)
    assert answer.status_code == 200, answer.content


def lines_of(order: dict[str, Any]) -> Lines:
    found = Order.objects.get(pk=order["id"]).lines.filter(removed_at__isnull=True)
    return {line.sku: (line.quantity_to_pick, line.quantity_picked) for line in found}


def status_of(order: dict[str, Any]) -> str:
    return Order.objects.get(pk=order["id"]).status


def test_picked_goods_leave_the_stock_without_a_question(
    warehouse: Warehouse, anna: Phone, order: dict[str, Any]
) -> None:
    assert anna.finish(order).status_code == 200
    assert status_of(order) == "picked"
    assert lines_of(order) == {"SHIRT": (2, 2), "CAP": (1, 1)}
    assert [warehouse.movements(sku) for sku in ("SHIRT", "CAP", "SOCK")] == [[10, -2], [10, -1], [10]]
    picks = StockMovement.objects.filter(kind="pick")
    assert {pick.device for pick in picks} == {anna.device}
    assert warehouse.questions() == []


# --- Duplicates -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("pulled", [False, True])
def test_a_duplicate_of_a_finished_order_books_nothing_more(
    warehouse: Warehouse, anna: Phone, order: dict[str, Any], pulled: bool
) -> None:
    anna.finish(order)
    if pulled:
        anna.pull_orders()
    anna.loses_connection()
    versions = OrderVersion.objects.count()
    assert anna.finish(order).status_code == 200
    assert warehouse.movements("SHIRT") == [10, -2]
    assert lines_of(order) == {"SHIRT": (2, 2), "CAP": (1, 1)}
    assert warehouse.questions() == []
    assert OrderVersion.objects.count() == versions


def test_finishing_an_order_that_the_phone_shows_as_finished_creates_no_question(
    warehouse: Warehouse, anna: Phone, boris: Phone, order: dict[str, Any]
) -> None:
    boris.pull_orders()
    anna.finish(order)
    (theirs,) = boris.pull_orders()
    versions = OrderVersion.objects.count()
    for _ in range(2):
        assert (
            boris.finish(theirs).status_code == 200
        )  # on the connection of the list, so the list has certainly arrived
        boris.loses_connection()
        boris.pull_orders()
        boris.loses_connection()
    assert warehouse.movements("SHIRT") == [10, -2]
    assert (OrderVersion.objects.count(), warehouse.questions()) == (versions, [])


def test_whether_another_phone_shows_an_order_as_finished_is_unknown_if_the_list_may_have_been_lost(
    warehouse: Warehouse, anna: Phone, boris: Phone, order: dict[str, Any]
) -> None:
    (theirs,) = boris.pull_orders()
    anna.finish(order)
    boris.pull_orders()
    boris.loses_connection()
    assert boris.finish(theirs).status_code == 200
    assert warehouse.questions() == [("picked_twice", "SHIRT"), ("picked_twice", "CAP")]


def test_finishing_an_order_without_lines_twice_creates_no_question(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    vera.send("post", "/api/orders/", {"customer_name": "Nobody", "lines": []})
    (order,) = anna.pull_orders()
    for pulled in (False, True):
        assert anna.finish(order).status_code == 200
        anna.loses_connection()
        if pulled:
            anna.pull_orders()
    assert (status_of(order), lines_of(order), warehouse.questions()) == ("picked", {}, [])


def test_two_orders_of_one_product_in_two_lines_each_take_what_both_lines_say(
    warehouse: Warehouse, anna: Phone, vera: Caller, goods: dict[str, int]
) -> None:
    two_lines = [{"product": goods["SOCK"], "quantity_to_pick": pieces} for pieces in (1, 2)]
    for customer in ("Petrova", "Ivanova"):
        vera.send("post", "/api/orders/", {"customer_name": customer, "lines": two_lines})
    first, second = anna.pull_orders()
    for _ in range(2):
        for order in (first, second):
            changes: dict[str, Any] = {}
            if order is second:  # shown as two lines, as another server may do
                changes["lines"] = [{**line, "quantity_picked": line["quantity_to_pick"]} for line in two_lines]
            assert anna.finish(order, **changes).status_code == 200
            assert lines_of(order) == {"SOCK": (3, 3)}
        anna.loses_connection()
    assert (warehouse.movements("SOCK"), warehouse.questions()) == ([10, -3, -3], [])


def test_a_duplicate_does_not_revert_the_managers_later_changes(
    warehouse: Warehouse, anna: Phone, vera: Caller, order: dict[str, Any]
) -> None:
    anna.finish(order)
    change(vera, order, {"SHIRT": (2, 1), "CAP": (1, 1), "SOCK": (3, 0)}, status="inProgress")
    anna.loses_connection()
    anna.finish(order)
    assert status_of(order) == "inProgress"
    assert lines_of(order) == {"SHIRT": (2, 1), "CAP": (1, 1), "SOCK": (3, 0)}
    assert warehouse.on_hand("SHIRT") == 9
    assert warehouse.questions() == []


# --- Changed meanwhile ------------------------------------------------------------------------------------------------
def test_a_line_that_the_manager_added_stays_and_is_asked_about(
    warehouse: Warehouse, anna: Phone, vera: Caller, order: dict[str, Any]
) -> None:
    change(vera, order, {"SHIRT": (2, 0), "CAP": (1, 0), "SOCK": (3, 0)})
    anna.finish(order)
    assert lines_of(order) == {"SHIRT": (2, 2), "CAP": (1, 1), "SOCK": (3, 0)}
    assert warehouse.on_hand("SOCK") == 10
    assert warehouse.questions() == [("short_picked", "SOCK")]
    assert warehouse.question().facts == {"quantity": 3}
    assert warehouse.question().order_id == order["id"]


def test_a_quantity_that_the_manager_raised_stays(
    warehouse: Warehouse, anna: Phone, vera: Caller, order: dict[str, Any]
) -> None:
    change(vera, order, {"SHIRT": (5, 0), "CAP": (1, 0)})
    anna.finish(order)
    assert lines_of(order) == {"SHIRT": (5, 2), "CAP": (1, 1)}
    assert warehouse.questions() == [("short_picked", "SHIRT")]


def test_a_line_that_the_manager_took_out_stays_out_and_its_goods_are_asked_about(
    warehouse: Warehouse, anna: Phone, vera: Caller, order: dict[str, Any], goods: dict[str, int]
) -> None:
    change(vera, order, {"CAP": (1, 0)})
    anna.finish(order)
    assert lines_of(order) == {"CAP": (1, 1)}
    assert warehouse.movements("SHIRT") == [10]
    assert warehouse.questions() == [("over_picked", "SHIRT")]
    assert warehouse.question().facts == {"picked": 2, "pending": [{"product": goods["SHIRT"], "delta": -2}]}


def test_lines_that_the_phone_changed_are_applied(
    warehouse: Warehouse, anna: Phone, vera: Caller, order: dict[str, Any], goods: dict[str, int]
) -> None:
    change(vera, order, {"SHIRT": (2, 0), "CAP": (4, 0)})
    lines = [
        {"product": goods["CAP"], "quantity_to_pick": 1, "quantity_picked": 0},
        {"product": goods["SOCK"], "quantity_to_pick": 3, "quantity_picked": 3},
    ]
    anna.finish(order, lines=lines, status="inProgress")
    assert lines_of(order) == {"CAP": (4, 0), "SOCK": (3, 3)}
    assert warehouse.on_hand("SOCK") == 7
    assert warehouse.questions() == []


# --- Two phones -------------------------------------------------------------------------------------------------------
def test_an_order_picked_by_two_phones_leaves_the_stock_once_and_is_asked_about(
    warehouse: Warehouse, anna: Phone, boris: Phone, order: dict[str, Any], goods: dict[str, int]
) -> None:
    theirs = boris.pull_orders()[0]
    anna.finish(order)
    for _ in range(2):
        assert boris.finish(theirs).status_code == 200
    assert (warehouse.movements("SHIRT"), warehouse.movements("CAP")) == ([10, -2], [10, -1])
    assert warehouse.questions() == [("picked_twice", "SHIRT"), ("picked_twice", "CAP")]


def test_a_new_login_that_has_not_pulled_the_orders_yet_can_be_the_second_to_pick(
    warehouse: Warehouse, anna: Phone, boris: Phone, order: dict[str, Any]
) -> None:
    anna.finish(order)
    assert boris.finish(order).status_code == 200  # he saw the order under his former login
    assert (warehouse.movements("SHIRT"), warehouse.movements("CAP")) == ([10, -2], [10, -1])
    assert warehouse.questions() == [("picked_twice", "SHIRT"), ("picked_twice", "CAP")]


def test_a_new_login_that_sends_the_persons_order_again_picks_nothing_more(
    warehouse: Warehouse, anna: Phone, order: dict[str, Any]
) -> None:
    anna.finish(order)
    warehouse.later()
    again = Phone(None, anna.user)
    assert again.finish(order).status_code == 200
    assert (warehouse.movements("SHIRT"), warehouse.questions()) == ([10, -2], [])


def test_two_people_can_each_pick_one_line_of_an_order(
    warehouse: Warehouse, anna: Phone, boris: Phone, order: dict[str, Any]
) -> None:
    theirs = boris.pull_orders()[0]
    anna.finish(order, picked={"SHIRT": 2, "CAP": 0}, status="inProgress")
    boris.finish(theirs, picked={"SHIRT": 0, "CAP": 1})
    assert lines_of(order) == {"SHIRT": (2, 2), "CAP": (1, 1)}
    assert warehouse.questions() == []


# --- Cancelled, archived, unknown -------------------------------------------------------------------------------------
def test_an_order_cancelled_meanwhile_stays_cancelled_and_its_goods_are_asked_about(
    warehouse: Warehouse, anna: Phone, vera: Caller, order: dict[str, Any], goods: dict[str, int]
) -> None:
    change(vera, order, status="cancelled")
    for _ in range(2):
        assert anna.finish(order).status_code == 200
    assert status_of(order) == "cancelled"
    assert (warehouse.movements("SHIRT"), warehouse.movements("CAP")) == ([10], [10])
    assert warehouse.questions() == [("picked_after_cancel", "")]
    pending = [{"product": goods["SHIRT"], "delta": -2}, {"product": goods["CAP"], "delta": -1}]
    assert warehouse.question().facts == {"customer": "Petrova", "pending": pending}


def test_finishing_an_order_shows_that_the_list_with_its_cancellation_was_lost(
    warehouse: Warehouse, anna: Phone, vera: Caller, order: dict[str, Any]
) -> None:
    change(vera, order, status="cancelled")
    anna.pull_orders()
    anna.loses_connection()
    anna.finish(order)
    assert status_of(order) == "cancelled"
    assert warehouse.movements("SHIRT") == [10]
    assert warehouse.questions() == [("picked_after_cancel", "")]


def test_an_archived_order_stays_archived_and_its_goods_are_asked_about(
    warehouse: Warehouse, anna: Phone, vera: Caller, order: dict[str, Any], goods: dict[str, int]
) -> None:
    vera.send("delete", f"/api/orders/{order['id']}/")
    for _ in range(2):
        assert anna.finish(order).status_code == 200
    assert Order.objects.get().archived_at is not None
    assert warehouse.movements("SHIRT") == [10]
    assert warehouse.questions() == [("picked_after_cancel", "")]
    assert warehouse.question().facts["picked"] == {str(goods["SHIRT"]): 2, str(goods["CAP"]): 1}


@pytest.mark.parametrize("key", ["99999999", "1f0c2f8e-7d6b-4a53-9a41-6c1b6d5e0f11"])
def test_finishing_an_unknown_order_is_200_and_creates_a_question(
    warehouse: Warehouse, anna: Phone, order: dict[str, Any], key: str
) -> None:
    assert anna.finish({**order, "id": key}).status_code == 200
    assert warehouse.movements("SHIRT") == [10]
    assert warehouse.questions() == [("unknown_order", "")]
    assert warehouse.question().facts["id"] == key


# --- Customers and quantities -----------------------------------------------------------------------------------------
def test_a_customer_name_that_the_phone_forgot_is_kept(anna: Phone, order: dict[str, Any]) -> None:
    anna.finish(order, customer_name="N/A")
    assert Order.objects.get().customer_name == "Petrova"


def test_a_customer_name_that_the_phone_changed_is_applied(anna: Phone, order: dict[str, Any]) -> None:
    anna.finish(order, customer_name="Petrova, A.")
    assert Order.objects.get().customer_name == "Petrova, A."


def test_fewer_picked_than_ordered_is_asked_about(warehouse: Warehouse, anna: Phone, order: dict[str, Any]) -> None:
    anna.finish(order, picked={"SHIRT": 1})
    assert lines_of(order)["SHIRT"] == (2, 1)
    assert warehouse.on_hand("SHIRT") == 9
    assert warehouse.questions() == [("short_picked", "SHIRT")]
    assert warehouse.question().facts == {"quantity": 1}


def test_fewer_picked_in_an_unfinished_order_is_no_question(
    warehouse: Warehouse, anna: Phone, order: dict[str, Any]
) -> None:
    anna.finish(order, picked={"SHIRT": 1}, status="inProgress")
    assert warehouse.questions() == []


def test_more_picked_than_ordered_is_booked_and_asked_about(
    warehouse: Warehouse, anna: Phone, order: dict[str, Any]
) -> None:
    anna.finish(order, picked={"SHIRT": 3})
    assert lines_of(order)["SHIRT"] == (2, 3)
    assert warehouse.on_hand("SHIRT") == 7
    assert warehouse.questions() == [("over_picked", "SHIRT")]
    assert warehouse.question().facts == {"to_pick": 2, "picked": 3}


def test_more_picked_than_on_hand_is_booked(warehouse: Warehouse, anna: Phone, order: dict[str, Any]) -> None:
    anna.finish(order, picked={"SHIRT": 12}, status="inProgress")
    assert warehouse.on_hand("SHIRT") == -2
    assert warehouse.questions() == [("negative_stock", "SHIRT"), ("over_picked", "SHIRT")]


def test_a_picked_product_may_be_archived_meanwhile(
    warehouse: Warehouse, anna: Phone, vera: Caller, order: dict[str, Any], goods: dict[str, int]
) -> None:
    vera.delete(goods["CAP"])
    assert anna.finish(order).status_code == 200
    assert warehouse.movements("CAP") == [10, -1]


def test_cancelling_returns_picked_goods(warehouse: Warehouse, anna: Phone, order: dict[str, Any]) -> None:
    anna.finish(order)
    anna.pull_orders()
    anna.finish(order, status="cancelled")
    assert warehouse.movements("SHIRT") == [10, -2, 2]
    assert warehouse.questions() == []


# --- A picker's phone -------------------------------------------------------------------------------------------------
@pytest.fixture
def paul(warehouse: Warehouse, order: dict[str, Any]) -> Phone:
    """The phone of a picker who has pulled the order."""
    phone = warehouse.phone("Paul", manager=False)
    phone.pull_orders()
    return phone


def test_a_pickers_phone_picks_and_finishes_an_order(warehouse: Warehouse, paul: Phone, order: dict[str, Any]) -> None:
    for _ in range(2):
        assert paul.finish(order).status_code == 200
        paul.loses_connection()
    assert (status_of(order), lines_of(order)) == ("picked", {"SHIRT": (2, 2), "CAP": (1, 1)})
    assert warehouse.movements("SHIRT") == [10, -2]
    assert warehouse.questions() == []


def test_a_pickers_phone_changes_only_picked_quantities(
    warehouse: Warehouse, paul: Phone, order: dict[str, Any], goods: dict[str, int]
) -> None:
    lines = [{"product": goods["CAP"], "quantity_to_pick": 7, "quantity_picked": 1}]
    assert paul.finish(order, lines=lines, status="cancelled", customer_name="Mallory").status_code == 200
    assert lines_of(order) == {"SHIRT": (2, 0), "CAP": (1, 1)}
    assert (status_of(order), Order.objects.get().customer_name) == ("open", "Petrova")
    assert warehouse.questions() == []


def test_goods_picked_by_a_pickers_phone_without_a_line_in_the_order_are_asked_about(
    warehouse: Warehouse, paul: Phone, order: dict[str, Any], goods: dict[str, int]
) -> None:
    lines = [{"product": goods["SOCK"], "quantity_to_pick": 3, "quantity_picked": 3}]
    assert paul.finish(order, lines=lines, status="inProgress").status_code == 200
    assert lines_of(order) == {"SHIRT": (2, 0), "CAP": (1, 0)}
    assert warehouse.movements("SOCK") == [10]
    assert warehouse.questions() == [("over_picked", "SOCK")]


def test_a_pickers_phone_does_not_reopen_a_cancelled_or_finished_order(
    warehouse: Warehouse, vera: Caller, paul: Phone, order: dict[str, Any]
) -> None:
    paul.finish(order)
    paul.pull_orders()
    paul.finish(order, status="open")
    assert status_of(order) == "picked"
    change(vera, order, status="cancelled")
    paul.pull_orders()
    paul.finish(order, status="inProgress")
    assert status_of(order) == "cancelled"
    assert warehouse.on_hand("SHIRT") == 10


@pytest.mark.parametrize(
    "changes", [{"customer_name": "Mallory"}, {"status": "cancelled"}, {"lines": []}, {"status": "open", "lines": None}]
)
def test_a_pickers_program_only_picks(
    warehouse: Warehouse, vera: Caller, order: dict[str, Any], changes: dict[str, Any]
) -> None:
    program = warehouse.program("Pablo", manager=False)
    assert program.finish(order, picked={"SHIRT": 1, "CAP": 0}, status="inProgress").status_code == 200
    if changes.get("status") == "open":
        change(vera, order, status="picked")
    body = {name: value for name, value in changes.items() if value is not None}
    before = lines_of(order)
    check_error(program.send("patch", f"/api/orders/{order['id']}/", body), 403, "forbidden")
    assert lines_of(order) == before
    assert warehouse.on_hand("SHIRT") == 9


# --- Programs ---------------------------------------------------------------------------------------------------------
def test_an_order_sent_by_a_program_is_applied_literally(
    warehouse: Warehouse, shop: Caller, vera: Caller, order: dict[str, Any]
) -> None:
    change(vera, order, {"SHIRT": (2, 0), "CAP": (1, 0), "SOCK": (3, 0)}, customer_name="Ivanova")
    assert shop.finish(order, customer_name="N/A").status_code == 200
    assert lines_of(order) == {"SHIRT": (2, 2), "CAP": (1, 1)}
    assert Order.objects.get().customer_name == "N/A"
    assert warehouse.questions() == []


def test_a_program_gets_404_and_412(shop: Caller, vera: Caller, order: dict[str, Any]) -> None:
    check_error(shop.finish({**order, "id": 99_999_999}), 404, "no_such_order")
    held = shop.send("get", f"/api/orders/{order['id']}/")["ETag"]
    change(vera, order, customer_name="Ivanova")
    answer = shop.send("patch", f"/api/orders/{order['id']}/", {"status": "picked"}, **{"If-Match": held})
    check_error(answer, 412, "stale")
    vera.send("delete", f"/api/orders/{order['id']}/")
    check_error(shop.finish(order), 404, "no_such_order")


def test_the_managers_larger_quantity_stays_if_a_phone_finishes_before_the_first_pull_of_a_new_login(
    warehouse: Warehouse, vera: Caller, order: dict[str, Any]
) -> None:
    """The phone still shows the order as it was pulled under the former login."""
    change(vera, order, {"SHIRT": (4, 0), "CAP": (1, 0)})
    assert warehouse.phone("Anna").finish(order).status_code == 200
    assert lines_of(order) == {"SHIRT": (4, 2), "CAP": (1, 1)}
