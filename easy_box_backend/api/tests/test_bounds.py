"""One operation moves at most a million pieces, and no operation takes on hand beyond its bounds."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from api.models import MAX_ON_HAND, MAX_QUANTITY, Discrepancy, OrderLine, Product, StockMovement
from api.tests.calls import Caller, check_error
from api.tests.conftest import MakeProduct
from api.tests.reconcile.people import Phone, Warehouse

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(make_product: MakeProduct) -> Product:
    return make_product("BOX", quantity=10)


@pytest.fixture
def full(make_product: MakeProduct) -> Product:
    """A product with 3 pieces fewer than the upper bound."""
    return stock_up(make_product("FULL", quantity=1), MAX_ON_HAND - 3)


@pytest.fixture
def anna(box: Product) -> Phone:
    return Warehouse(None).phone("Anna")


def stock_up(product: Product, quantity: int) -> Product:
    """Set on hand to `quantity`, as if the pieces had come in many deliveries."""
    StockMovement.objects.filter(product=product).update(quantity_delta=quantity, quantity_after=quantity)
    Product.objects.filter(pk=product.pk).update(quantity=quantity)
    product.refresh_from_db()
    return product


def on_hand(product: Product) -> int:
    found = Product.objects.get(pk=product.pk)
    running = 0
    for movement in found.movements.order_by("id"):
        running += movement.quantity_delta
        assert movement.quantity_after == running
    assert found.quantity == running
    return running


# --- One operation ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("quantity", [999_999_999, 1_000_011, -1_000_001, 2**53, 2**63 - 1])
@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_quantity_that_is_set_is_at_most_a_million_away(
    manager: Caller, box: Product, quantity: int, method: str
) -> None:
    body = {"sku": "BOX", "name": "Box", "quantity": quantity}
    answer = check_error(getattr(manager, method)(f"/api/products/{box.pk}/", body), 400, "implausible_quantity")
    assert answer["quantity"]
    assert answer["facts"]["quantity"] == quantity
    assert on_hand(box) == 10


def test_a_quantity_of_a_million_is_set(manager: Caller, box: Product) -> None:
    assert manager.patch(f"/api/products/{box.pk}/", {"quantity": MAX_QUANTITY}).status_code == 200
    assert on_hand(box) == MAX_QUANTITY


def test_more_than_a_million_on_hand_can_still_be_set_and_counted(manager: Caller, make_product: MakeProduct) -> None:
    screws = stock_up(make_product("SCREW", quantity=1), 3_000_000)
    assert manager.patch(f"/api/products/{screws.pk}/", {"quantity": 3_000_100}).status_code == 200
    assert manager.post(f"/api/products/{screws.pk}/count/", {"counted": 2_999_000}).status_code == 200
    assert on_hand(screws) == 2_999_000


def test_an_impossible_quantity_of_an_earlier_release_is_corrected_by_a_count(
    manager: Caller, make_product: MakeProduct
) -> None:
    """An earlier release could book a barcode as a quantity."""
    product = stock_up(make_product("X", quantity=1), 4_006_381_333_999)
    assert manager.patch(f"/api/products/{product.pk}/", {"name": "Renamed"}).status_code == 200
    answer = manager.post(f"/api/products/{product.pk}/count/", {"counted": 5})
    assert answer.status_code == 200, answer.content
    assert on_hand(product) == 5


def test_an_impossible_quantity_of_an_earlier_release_can_be_reversed(
    manager: Caller, make_product: MakeProduct
) -> None:
    product = stock_up(make_product("X", quantity=1), 4_006_381_333_999)
    movement = StockMovement.objects.get(product=product)
    assert manager.post(f"/api/movements/{movement.pk}/reverse/").status_code == 200
    assert on_hand(product) == 0


def test_a_movement_that_no_phone_can_read_is_not_booked_by_a_reversal_of_a_count(
    manager: Caller, box: Product
) -> None:
    """An earlier release accepted such a movement; a migration has compensated it."""
    first = StockMovement.objects.get(product=box)
    StockMovement.objects.filter(pk=first.pk).update(quantity_delta=2**63 - 20, quantity_after=2**63 - 20)
    assert manager.post(f"/api/products/{box.pk}/count/", {"counted": 100}).status_code == 200
    check_error(manager.post(f"/api/movements/{first.pk}/reverse/"), 400, "on_hand_out_of_bounds")


@pytest.mark.parametrize("counted", [1_000_011, 999_999_999])
def test_a_count_is_at_most_a_million_away(manager: Caller, box: Product, counted: int) -> None:
    answer = check_error(manager.post(f"/api/products/{box.pk}/count/", {"counted": counted}), 400)
    assert answer["counted"]
    assert on_hand(box) == 10


@pytest.mark.parametrize("delta", [999_999_999, -999_999_999])
def test_nobody_adjusts_by_more_than_a_million(manager: Caller, box: Product, delta: int) -> None:
    body = {"quantity_delta": delta, "reason": "x"}
    assert check_error(manager.post(f"/api/products/{box.pk}/adjust/", body), 400)["quantity_delta"]
    assert on_hand(box) == 10


# --- Order lines ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("field", ["quantity_to_pick", "quantity_picked"])
@pytest.mark.parametrize("times", [2, 3000])
def test_lines_that_repeat_a_product_past_the_limit_are_refused(
    manager: Caller, box: Product, field: str, times: int
) -> None:
    times = min(times, 1000)
    line = {"product": box.pk, "quantity_to_pick": 1, "quantity_picked": 0, field: MAX_QUANTITY}
    body = {"customer_name": "A", "lines": [line] * times}
    answer = check_error(manager.post("/api/orders/", body), 400, "implausible_quantity")
    assert answer["lines"]
    assert answer["facts"] == {"quantity": times * MAX_QUANTITY, "most": MAX_QUANTITY, "product": box.pk}
    assert not OrderLine.objects.exists()
    assert on_hand(box) == 10


def test_such_lines_are_refused_in_a_change_of_an_order_too(manager: Caller, box: Product) -> None:
    line = {"product": box.pk, "quantity_to_pick": 600_000}
    order = manager.post("/api/orders/", {"customer_name": "A", "lines": [line]}).json()["id"]
    check_error(manager.patch(f"/api/orders/{order}/", {"lines": [line] * 2}), 400, "implausible_quantity")
    assert OrderLine.objects.get().quantity_to_pick == 600_000


def test_a_phone_that_repeats_a_product_past_the_limit_is_asked_about(
    manager: Caller, anna: Phone, box: Product
) -> None:
    line = {"product": box.pk, "quantity_to_pick": 2}
    order = manager.post("/api/orders/", {"customer_name": "A", "lines": [line]}).json()["id"]
    (seen,) = anna.pull_orders()
    twice = [{"product": box.pk, "quantity_to_pick": MAX_QUANTITY, "quantity_picked": MAX_QUANTITY}] * 2
    for _ in range(2):
        assert anna.finish(seen, lines=twice).status_code == 200
    assert on_hand(box) == 10
    question = Discrepancy.objects.get()
    assert (question.kind, question.order_id, question.product) == ("implausible_quantity", order, box)
    assert question.facts["picked"] == 2 * MAX_QUANTITY


# --- Pieces that were held back ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("quantity", [MAX_QUANTITY + 1, 4_006_381_333_931, 2**53, 2**63 - 1])
def test_an_implausible_quantity_is_never_applied_as_it_is(
    manager: Caller, anna: Phone, box: Product, quantity: int
) -> None:
    assert anna.book(box.pk, quantity).status_code == 200
    question = Discrepancy.objects.get()
    url = f"/api/discrepancies/{question.pk}/resolve/"
    body = check_error(manager.post(url, {"action": "apply"}), 400, "implausible_quantity")
    assert body["facts"] == {"quantity": quantity, "most": MAX_QUANTITY}
    assert on_hand(box) == 10
    question.refresh_from_db()
    assert question.status == "open"
    assert anna.book(box.pk, 2).status_code == 200
    assert on_hand(box) == 12
    assert manager.post(url, {"action": "dismiss"}).status_code == 200


def test_an_implausible_number_that_a_phone_set_is_never_applied_as_it_is(
    manager: Caller, anna: Phone, box: Product
) -> None:
    anna.put(anna.pull()["BOX"], quantity=2**63 - 1)
    anna.pull()
    question = Discrepancy.objects.get()
    url = f"/api/discrepancies/{question.pk}/resolve/"
    check_error(manager.post(url, {"action": "apply"}), 400, "implausible_quantity")
    assert on_hand(box) == 10


# --- The whole stock --------------------------------------------------------------------------------------------------
def too_many(full: Product) -> dict[str, Any]:
    return {"product": full.pk, "on_hand": MAX_ON_HAND - 3, "change": 4, "most": MAX_ON_HAND}


@pytest.mark.both_databases
def test_an_addition_beyond_the_bounds_is_refused_and_the_last_that_fits_is_not(manager: Caller, full: Product) -> None:
    url = f"/api/products/{full.pk}/add_stock/"
    body = check_error(manager.post(url, {"quantity": 4}), 400, "on_hand_out_of_bounds")
    assert body["facts"] == too_many(full)
    assert manager.post(url, {"quantity": 3}).status_code == 200
    assert on_hand(full) == MAX_ON_HAND


def test_an_adjustment_beyond_the_bounds_is_refused(manager: Caller, full: Product) -> None:
    body = {"quantity_delta": 4, "reason": "x"}
    answer = manager.post(f"/api/products/{full.pk}/adjust/", body)
    assert check_error(answer, 400, "on_hand_out_of_bounds")["facts"] == too_many(full)
    assert on_hand(full) == MAX_ON_HAND - 3


def test_a_quantity_beyond_the_bounds_is_not_set(manager: Caller, full: Product) -> None:
    check_error(manager.patch(f"/api/products/{full.pk}/", {"quantity": MAX_ON_HAND + 1}), 400)
    assert on_hand(full) == MAX_ON_HAND - 3


def test_a_reversal_beyond_the_bounds_is_refused(manager: Caller, full: Product) -> None:
    lost = manager.post(f"/api/products/{full.pk}/adjust/", {"quantity_delta": -10, "reason": "x"}).json()["id"]
    manager.post(f"/api/products/{full.pk}/add_stock/", {"quantity": 13})
    check_error(manager.post(f"/api/movements/{lost}/reverse/"), 400, "on_hand_out_of_bounds")
    assert on_hand(full) == MAX_ON_HAND


def test_returned_goods_beyond_the_bounds_are_refused(manager: Caller, full: Product) -> None:
    lines = [{"product": full.pk, "quantity_to_pick": 9, "quantity_picked": 9}]
    order = manager.post("/api/orders/", {"customer_name": "A", "lines": lines}).json()["id"]
    manager.post(f"/api/products/{full.pk}/add_stock/", {"quantity": 12})
    check_error(manager.patch(f"/api/orders/{order}/", {"status": "cancelled"}), 400, "on_hand_out_of_bounds")
    assert on_hand(full) == MAX_ON_HAND


def test_picking_below_the_bounds_is_refused(manager: Caller, make_product: MakeProduct) -> None:
    empty = stock_up(make_product("EMPTY", quantity=1), 3 - MAX_ON_HAND)
    lines = [{"product": empty.pk, "quantity_to_pick": 9, "quantity_picked": 9}]
    answer = manager.post("/api/orders/", {"customer_name": "A", "lines": lines})
    check_error(answer, 400, "on_hand_out_of_bounds")
    assert on_hand(empty) == 3 - MAX_ON_HAND


def test_a_phones_addition_beyond_the_bounds_is_held_back_and_asked_about(anna: Phone, full: Product) -> None:
    anna.pull()
    anna.add("FULL", 4)
    assert on_hand(full) == MAX_ON_HAND - 3
    question = Discrepancy.objects.get()
    assert (question.kind, question.facts["pending"]) == ("implausible_quantity", [{"product": full.pk, "delta": 4}])


def test_goods_of_an_archived_product_beyond_the_bounds_are_held_back_and_asked_about(
    manager: Caller, anna: Phone, full: Product
) -> None:
    anna.pull()
    manager.delete(f"/api/products/{full.pk}/")
    assert anna.book(full.pk, 4).status_code == 200
    assert on_hand(full) == MAX_ON_HAND - 3
    assert Discrepancy.objects.get().kind == "implausible_quantity"


def test_a_phones_press_beyond_the_bounds_is_held_back_and_asked_about(anna: Phone, full: Product) -> None:
    stock_up(full, MAX_ON_HAND)
    assert anna.put(anna.pull()["FULL"], quantity=MAX_ON_HAND + 1, name="Full").status_code == 200
    assert anna.put(anna.pull()["FULL"], quantity=MAX_ON_HAND + 1).status_code == 200
    anna.pull()
    assert on_hand(full) == MAX_ON_HAND
    assert {found.kind for found in Discrepancy.objects.all()} >= {"implausible_quantity"}


def test_a_phones_order_below_the_bounds_is_held_back_and_asked_about(
    manager: Caller, anna: Phone, make_product: MakeProduct
) -> None:
    empty = stock_up(make_product("EMPTY", quantity=1), 1 - MAX_ON_HAND)
    lines = [{"product": empty.pk, "quantity_to_pick": 2}]
    manager.post("/api/orders/", {"customer_name": "A", "lines": lines})
    (seen,) = anna.pull_orders()
    for _ in range(2):
        assert anna.finish(seen).status_code == 200
    assert on_hand(empty) == 1 - MAX_ON_HAND
    assert [found.kind for found in Discrepancy.objects.all()] == ["implausible_quantity"]


def test_a_question_is_not_applied_beyond_the_bounds(manager: Caller, anna: Phone, full: Product) -> None:
    anna.pull()
    anna.add("FULL", 4)
    url = f"/api/discrepancies/{Discrepancy.objects.get().pk}/resolve/"
    check_error(manager.post(url, {"action": "apply"}), 400, "on_hand_out_of_bounds")
    assert on_hand(full) == MAX_ON_HAND - 3


@pytest.mark.both_databases
@pytest.mark.parametrize("quantity", [2**53, -(2**53)])
def test_a_database_constraint_refuses_a_number_that_no_phone_can_read(box: Product, quantity: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.filter(pk=box.pk).update(quantity=quantity)
