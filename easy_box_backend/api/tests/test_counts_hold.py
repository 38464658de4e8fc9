"""A count holds: corrections of movements from before it do not change on hand, later movements do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.models import Discrepancy, Product, StockMovement
from api.tests.calls import Caller, check_error
from api.tests.conftest import MakeProduct
from api.tests.examples import examples
from api.tests.reconcile.people import Warehouse, turns_out_to_be_a_duplicate

pytestmark = pytest.mark.django_db
TEN = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands at ten o'clock."""
    with time_machine.travel(TEN, tick=False) as clock:
        yield clock


@pytest.fixture
def box(clock: time_machine.Traveller, make_product: MakeProduct) -> Product:
    """A product that was entered at nine, with nothing on hand."""
    clock.move_to(TEN - timedelta(hours=1))
    made = make_product("BOX")
    clock.move_to(TEN)
    return made


def later(clock: time_machine.Traveller, hours: float = 1) -> None:
    clock.shift(timedelta(hours=hours))


def receive(who: Caller, product: Product, pieces: int) -> int:
    """Book a receipt; returns the movement's id."""
    return int(who.post(f"/api/products/{product.pk}/add_stock/", {"quantity": pieces}).json()["id"])


def count(who: Caller, product: Product, counted: int, at: datetime | None = None) -> dict[str, Any]:
    body = {"counted": counted} | ({"counted_at": at.isoformat()} if at else {})
    answer = who.post(f"/api/products/{product.pk}/count/", body)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def reverse(who: Caller, movement: int) -> Any:
    answer = who.post(f"/api/movements/{movement}/reverse/")
    assert answer.status_code == 200, answer.content
    return answer.json()


def on_hand(product: Product) -> int:
    found = Product.objects.get(pk=product.pk)
    running = 0
    for movement in found.movements.order_by("id"):
        running += movement.quantity_delta
        assert movement.quantity_after == running
    assert found.quantity == running
    return running


# --- Movements from before the count ----------------------------------------------------------------------------------
def test_reversing_a_receipt_from_before_the_count_leaves_the_counted_quantity(
    manager: Caller, box: Product, clock: time_machine.Traveller
) -> None:
    received = receive(manager, box, 3)
    later(clock)
    count(manager, box, 5)
    later(clock)
    back = reverse(manager, received)
    assert (back["reverses"], back["quantity_delta"], back["quantity_after"]) == (received, -3, 5)
    assert on_hand(box) == 5


def test_a_count_without_a_variance_holds_too(manager: Caller, box: Product, clock: time_machine.Traveller) -> None:
    received = receive(manager, box, 5)
    later(clock)
    assert count(manager, box, 5)["variance"] == 0
    later(clock)
    reverse(manager, received)
    assert on_hand(box) == 5


def test_reversing_a_receipt_from_after_the_count_takes_its_pieces_away(
    manager: Caller, box: Product, clock: time_machine.Traveller
) -> None:
    count(manager, box, 5)
    later(clock)
    received = receive(manager, box, 3)
    assert on_hand(box) == 8
    later(clock)
    reverse(manager, received)
    assert on_hand(box) == 5


def test_a_movement_at_the_moment_of_the_count_that_was_booked_after_it_adds(
    manager: Caller, box: Product, clock: time_machine.Traveller
) -> None:
    count(manager, box, 5)
    received = receive(manager, box, 3)
    assert on_hand(box) == 8
    reverse(manager, received)
    assert on_hand(box) == 5


def test_a_correction_that_does_not_change_the_stock_creates_no_alert(
    manager: Caller, box: Product, clock: time_machine.Traveller
) -> None:
    received = receive(manager, box, 30)
    later(clock)
    count(manager, box, 2)
    later(clock)
    reverse(manager, received)
    assert on_hand(box) == 2
    assert not Discrepancy.objects.exists()


def test_goods_picked_before_the_count_and_returned_after_it_are_on_hand_again(
    manager: Caller, box: Product, clock: time_machine.Traveller
) -> None:
    receive(manager, box, 10)
    lines = [{"product": box.pk, "quantity_to_pick": 4, "quantity_picked": 4}]
    order = manager.post("/api/orders/", {"customer_name": "A", "lines": lines}).json()
    later(clock)
    count(manager, box, 6)
    later(clock)
    manager.patch(f"/api/orders/{order['id']}/", {"status": "cancelled"})
    assert on_hand(box) == 10


def test_reversing_a_pick_from_before_the_count_changes_the_order_and_not_the_stock(
    manager: Caller, box: Product, clock: time_machine.Traveller
) -> None:
    receive(manager, box, 10)
    lines = [{"product": box.pk, "quantity_to_pick": 4, "quantity_picked": 4}]
    order = manager.post("/api/orders/", {"customer_name": "A", "lines": lines}).json()
    pick = StockMovement.objects.get(kind="pick").pk
    later(clock)
    count(manager, box, 10)
    later(clock)
    reverse(manager, pick)
    assert on_hand(box) == 10
    manager.patch(f"/api/orders/{order['id']}/", {"status": "cancelled"})
    assert on_hand(box) == 10


# --- Questions and the queue that comes again -------------------------------------------------------------------------
@pytest.fixture
def warehouse(clock: time_machine.Traveller) -> Warehouse:
    return Warehouse(clock)


def settle(manager: Caller, action: str) -> None:
    found = Discrepancy.objects.open().get()
    answer = manager.post(f"/api/discrepancies/{found.pk}/resolve/", {"action": action})
    assert answer.status_code == 200, answer.content


def test_pieces_held_back_before_the_count_are_included_in_it(
    manager: Caller, box: Product, warehouse: Warehouse, clock: time_machine.Traveller
) -> None:
    receive(manager, box, 10)
    anna = warehouse.phone("Anna")
    anna.put(anna.pull()["BOX"], quantity=25)
    anna.pull()
    later(clock)
    count(manager, box, 11)
    later(clock)
    settle(manager, "apply")
    assert on_hand(box) == 11


def test_pieces_held_back_after_the_count_are_booked(
    manager: Caller, box: Product, warehouse: Warehouse, clock: time_machine.Traveller
) -> None:
    receive(manager, box, 10)
    count(manager, box, 10)
    later(clock)
    anna = warehouse.phone("Anna")
    anna.put(anna.pull()["BOX"], quantity=25)
    anna.pull()
    later(clock)
    settle(manager, "apply")
    assert on_hand(box) == 11


def test_reversing_a_guess_from_before_the_count_leaves_the_counted_quantity(
    manager: Caller, box: Product, warehouse: Warehouse, clock: time_machine.Traveller
) -> None:
    anna = warehouse.phone("Anna")
    seen = anna.pull()["BOX"]
    anna.add("BOX", 1)
    anna.put(seen, quantity=1)  # a press of + from 0, or the page includes the received piece
    anna.pull()
    later(clock)
    count(manager, box, 12)
    later(clock)
    settle(manager, "reverse")
    assert on_hand(box) == 12


def test_a_duplicate_that_the_server_reverses_leaves_the_counted_quantity(
    manager: Caller, box: Product, warehouse: Warehouse, clock: time_machine.Traveller
) -> None:
    anna = warehouse.phone("Anna")
    anna.add("BOX", 5)
    booked = StockMovement.objects.latest("id")
    later(clock)
    count(manager, box, 4)
    later(clock)
    turns_out_to_be_a_duplicate(anna, booked)
    assert StockMovement.objects.filter(reverses=booked).exists()
    assert on_hand(box) == 4, "its pieces are included in the count"


def test_goods_held_back_as_a_duplicate_before_the_count_are_included_in_it(
    manager: Caller, box: Product, warehouse: Warehouse, clock: time_machine.Traveller
) -> None:
    """The response was lost, the screen showed an error, and Anna enters the same addition again."""
    anna = warehouse.phone("Anna")
    for _ in range(2):
        anna.add("BOX", 24)
        anna.loses_connection()
        later(clock, 0.002)
    assert on_hand(box) == 24
    later(clock)
    count(manager, box, 10)
    later(clock)
    settle(manager, "apply")
    assert on_hand(box) == 10


# --- Several counts ---------------------------------------------------------------------------------------------------
def test_a_count_older_than_the_latest_one_changes_nothing_and_the_response_says_so(
    manager: Caller, box: Product, clock: time_machine.Traveller
) -> None:
    later(clock, 2)
    latest = count(manager, box, 12, TEN + timedelta(minutes=45))
    older = count(manager, box, 8, TEN + timedelta(minutes=15))
    assert on_hand(box) == 12
    assert older["variance"] == 0
    assert older["later_count"] == latest["movement"]["id"]
    assert latest["later_count"] is None


def test_an_older_count_holds_again_once_the_later_one_is_reversed(
    manager: Caller, box: Product, clock: time_machine.Traveller
) -> None:
    later(clock, 2)
    latest = count(manager, box, 12, TEN + timedelta(minutes=45))
    count(manager, box, 8, TEN + timedelta(minutes=15))
    reverse(manager, latest["movement"]["id"])
    assert on_hand(box) == 8


def test_reversing_the_count_restores_the_sum_of_the_other_movements(
    manager: Caller, box: Product, clock: time_machine.Traveller
) -> None:
    received, other = receive(manager, box, 3), receive(manager, box, 4)
    later(clock)
    counted = count(manager, box, 5)["movement"]["id"]
    reverse(manager, received)
    receive(manager, box, 1)
    assert on_hand(box) == 6
    assert reverse(manager, counted)["reverses"] == counted
    assert on_hand(box) == 5, "the 4 that were received, and the one after the count"
    reverse(manager, other)
    assert on_hand(box) == 1


def test_reversing_a_count_older_than_the_latest_one_changes_nothing(
    manager: Caller, box: Product, clock: time_machine.Traveller
) -> None:
    receive(manager, box, 3)
    first = count(manager, box, 9)["movement"]["id"]
    later(clock)
    count(manager, box, 5)
    reverse(manager, first)
    assert on_hand(box) == 5


def test_the_movement_that_makes_a_count_hold_can_not_be_reversed_alone(
    manager: Caller, box: Product, clock: time_machine.Traveller
) -> None:
    received = receive(manager, box, 3)
    later(clock)
    count(manager, box, 5)
    later(clock)
    reverse(manager, received)
    belongs = StockMovement.objects.get(kind="count", counted=None)
    assert (belongs.kind, belongs.quantity_delta) == ("count", 3)
    assert "count" in belongs.reason
    check_error(manager.post(f"/api/movements/{belongs.pk}/reverse/"), 400, "not_reversible")
    assert on_hand(box) == 5


# --- The moment -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("moment", ["2026-01-01T10:00:00", "2026-01-01 10:00", "2026-01-01T10:00:00.5"])
def test_a_moment_without_an_offset_is_refused_with_the_reason(manager: Caller, box: Product, moment: str) -> None:
    answer = manager.post(f"/api/products/{box.pk}/count/", {"counted": 1, "counted_at": moment})
    assert "offset" in check_error(answer, 400)["counted_at"][0]
    assert on_hand(box) == 0


def test_before_the_product_was_entered_nobody_counted_it(manager: Caller, box: Product) -> None:
    moment = (TEN - timedelta(hours=2)).isoformat()
    answer = manager.post(f"/api/products/{box.pk}/count/", {"counted": 1, "counted_at": moment})
    body = check_error(answer, 400, "bad_counted_at")
    assert body["counted_at"]
    assert body["facts"]["product_since"]


def test_a_moment_up_to_a_minute_ahead_is_taken_as_now(manager: Caller, box: Product) -> None:
    answer = count(manager, box, 7, TEN + timedelta(seconds=60))
    assert datetime.fromisoformat(answer["movement"]["occurred_at"]) == TEN
    assert on_hand(box) == 7


def test_a_moment_more_than_a_minute_ahead_is_refused(manager: Caller, box: Product) -> None:
    moment = (TEN + timedelta(seconds=61)).isoformat()
    answer = manager.post(f"/api/products/{box.pk}/count/", {"counted": 1, "counted_at": moment})
    assert check_error(answer, 400, "bad_counted_at")["counted_at"]
    assert on_hand(box) == 0


# --- Any sequence of operations ---------------------------------------------------------------------------------------
class Truth:
    """What is on the shelf by the rule: the latest count that is not reversed, plus all later movements."""

    def __init__(self) -> None:
        self.events: dict[int, tuple[tuple[datetime, int], int]] = {}
        self.counts: dict[int, tuple[tuple[datetime, int], int]] = {}

    @property
    def shelf(self) -> int:
        when, counted = max(self.counts.values(), default=((datetime.min.replace(tzinfo=UTC), 0), 0))
        return counted + sum(pieces for moment, pieces in self.events.values() if moment > when)


STEPS = st.one_of(
    st.tuples(st.just("receive"), st.integers(1, 9)),
    st.tuples(st.just("adjust"), st.integers(-9, -1)),
    st.tuples(st.just("late"), st.integers(1, 9), st.integers(0, 300)),
    st.tuples(st.just("count"), st.integers(0, 20), st.integers(0, 300)),
    st.tuples(st.just("count now"), st.integers(0, 20)),
    st.tuples(st.just("reverse"), st.integers(0, 30)),
)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=14))
def test_after_any_sequence_of_operations_the_stock_is_the_latest_count_plus_later_movements(
    manager: Caller, make_product: MakeProduct, clock: time_machine.Traveller, steps: list[tuple[Any, ...]]
) -> None:
    clock.move_to(TEN)
    product, truth, start = make_product(), Truth(), TEN
    for number, (verb, *args) in enumerate(steps, start=1):
        clock.shift(timedelta(minutes=7))
        now = datetime.now(UTC)
        past = max(start, now - timedelta(minutes=args[1])) if len(args) > 1 else now
        match verb:
            case "receive":
                truth.events[receive(manager, product, args[0])] = ((now, number), args[0])
            case "adjust":
                body = {"quantity_delta": args[0], "reason": "x"}
                made = manager.post(f"/api/products/{product.pk}/adjust/", body).json()["id"]
                truth.events[made] = ((now, number), args[0])
            case "late":
                found = Discrepancy.objects.create(
                    kind="quantity_guess", product=product, created_at=past,
                    facts={"pending": [{"product": product.pk, "delta": args[0]}], "n": number},
                )  # fmt: skip
                manager.post(f"/api/discrepancies/{found.pk}/resolve/", {"action": "apply"})
                made = StockMovement.objects.filter(product=product, kind="adjustment").latest("id").pk
                truth.events[made] = ((past, 0), args[0])
            case "count" | "count now":
                answer = count(manager, product, args[0], past)
                truth.counts[answer["movement"]["id"]] = ((past, number), args[0])
            case "reverse":
                known = sorted({*truth.events, *truth.counts})
                if known:
                    chosen = known[args[0] % len(known)]
                    reverse(manager, chosen)
                    truth.events.pop(chosen, None)
                    truth.counts.pop(chosen, None)
        assert on_hand(product) == truth.shelf, (number, verb, args)
