"""POST /api/products/{id}/count/: a stocktake of one product that is posted later than it was counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from api.actions import ledger
from api.models import Product, StockMovement
from api.tests.calls import BODY_KINDS, Caller, check_error, send
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db
TEN = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands at ten o'clock."""
    with time_machine.travel(TEN, tick=False) as clock:
        yield clock


@pytest.fixture
def box(clock: time_machine.Traveller, make_product: MakeProduct, picker: Caller) -> Product:
    """A product with 10 on hand at ten o'clock and 15 from half past ten on; the clock then stands at eleven."""
    made = make_product("BOX", quantity=10)
    clock.shift(timedelta(minutes=30))
    picker.post(f"/api/products/{made.pk}/add_stock/", {"quantity": 5})
    clock.shift(timedelta(minutes=30))
    return made


def at(hour: int, minute: int) -> str:
    return TEN.replace(hour=hour, minute=minute).isoformat()


def address(product: Product) -> str:
    return f"/api/products/{product.pk}/count/"


def on_hand(product: Product) -> int:
    assert ledger.broken_ledgers() == []
    return Product.objects.get(pk=product.pk).quantity


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_the_variance_is_against_the_moment_of_the_count_and_later_movements_stay(
    manager: Caller, box: Product, kind: str
) -> None:
    answer = send(manager, "POST", address(box), {"counted": 8, "counted_at": at(10, 15), "reason": "shelf"}, kind)
    assert answer.status_code == 200, answer.content
    assert answer.json()["variance"] == -2
    assert on_hand(box) == 13
    movement = StockMovement.objects.latest("id")
    assert (movement.kind, movement.quantity_delta, movement.reason) == ("count", -2, "shelf")
    assert (movement.occurred_at, movement.recorded_at) == (
        TEN + timedelta(minutes=15),
        TEN + timedelta(hours=1),
    )
    assert (movement.user, movement.device) == (manager.user, manager.device)
    assert answer.json()["movement"] == manager.get("/api/movements/").json()[0]


def test_a_count_without_a_moment_is_as_of_now(manager: Caller, box: Product) -> None:
    assert manager.post(address(box), {"counted": 8}).json()["variance"] == -7
    assert on_hand(box) == 8


@pytest.mark.parametrize(("moment", "counted"), [((10, 15), 10), ((10, 45), 15)])
def test_a_count_that_agrees_changes_nothing_that_phones_see_and_is_in_the_history(
    manager: Caller, box: Product, moment: tuple[int, int], counted: int
) -> None:
    before = Product.objects.filter(pk=box.pk).values().get()
    answer = manager.post(address(box), {"counted": counted, "counted_at": at(*moment)}).json()
    assert (answer["variance"], answer["later_count"]) == (0, None)
    assert Product.objects.filter(pk=box.pk).values().get() == before
    assert answer["movement"] == manager.get("/api/movements/").json()[0]
    written = StockMovement.objects.latest("id")
    assert (written.kind, written.quantity_delta, written.quantity_after, written.counted) == ("count", 0, 15, counted)


def test_the_same_count_posted_again_agrees(manager: Caller, box: Product) -> None:
    for variance in (-2, 0):
        answer = manager.post(address(box), {"counted": 8, "counted_at": at(10, 15)})
        assert answer.json()["variance"] == variance
    assert on_hand(box) == 13


def test_two_counts_posted_in_the_wrong_order_leave_the_later_one(manager: Caller, box: Product) -> None:
    manager.post(address(box), {"counted": 12, "counted_at": at(10, 45)})
    assert on_hand(box) == 12
    manager.post(address(box), {"counted": 8, "counted_at": at(10, 15)})
    manager.post(address(box), {"counted": 12, "counted_at": at(10, 45)})
    assert on_hand(box) == 12


def test_zero_can_be_counted(manager: Caller, box: Product) -> None:
    manager.post(address(box), {"counted": 0})
    assert on_hand(box) == 0


def test_a_moment_may_be_given_in_another_time_zone(manager: Caller, box: Product) -> None:
    zone = (TEN + timedelta(minutes=15)).astimezone(tz=None).isoformat()
    assert manager.post(address(box), {"counted": 10, "counted_at": zone}).json()["variance"] == 0


def test_nobody_counts_in_the_future(manager: Caller, box: Product) -> None:
    answer = manager.post(address(box), {"counted": 1, "counted_at": at(11, 2)})
    assert "counted_at" in check_error(answer, 400)
    assert on_hand(box) == 15


@pytest.mark.parametrize(
    ("field", "body"),
    [("counted", {})]
    + [("counted", {"counted": n}) for n in (-1, 1.5, "x", True, None, 1_000_016, 2**63)]
    + [("counted_at", {"counted": 1, "counted_at": moment}) for moment in ("x", "2030-02-30T00:00:00Z", "5")],
)
def test_a_bad_field_is_named_and_nothing_changes(
    manager: Caller, box: Product, field: str, body: dict[str, Any]
) -> None:
    assert field in check_error(send(manager, "POST", address(box), body), 400)
    assert on_hand(box) == 15


def test_only_a_manager_counts(manager: Caller, picker: Caller, guest: APIClient, box: Product) -> None:
    check_error(guest.post(address(box), {"counted": 1}), 401)
    check_error(picker.post(address(box), {"counted": 1}), 403)
    assert on_hand(box) == 15
    assert manager.post(address(box), {"counted": 14}).json()["variance"] == -1
    assert StockMovement.objects.latest("id").user == manager.user


@pytest.mark.parametrize("key", ["99999999", "x", "-1", "9" * 30])
def test_an_unknown_product_is_404(manager: Caller, key: str) -> None:
    check_error(manager.post(f"/api/products/{key}/count/", {"counted": 1}), 404, "no_such_product")
