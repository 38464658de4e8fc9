"""POST /api/movements/{id}/reverse/"""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from api.actions import ledger
from api.models import Product, StockMovement
from api.tests.calls import Caller, check_error
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db


@pytest.fixture
def booked(picker: Caller, make_product: MakeProduct) -> StockMovement:
    """A receipt of 5 where 3 were on hand; 2 more were received after it."""
    box = make_product("BOX", quantity=3)
    for pieces in (5, 2):
        picker.post(f"/api/products/{box.pk}/add_stock/", {"quantity": pieces})
    return StockMovement.objects.get(quantity_delta=5)


def address(movement: StockMovement) -> str:
    return f"/api/movements/{movement.pk}/reverse/"


def deltas() -> list[int]:
    assert ledger.broken_ledgers() == []
    return list(StockMovement.objects.order_by("id").values_list("quantity_delta", flat=True))


def test_a_movement_is_reversed_by_another_one_and_both_stay(manager: Caller, booked: StockMovement) -> None:
    answer = manager.post(address(booked), {"reason": "scanned twice"})
    assert answer.status_code == 200, answer.content
    assert deltas() == [3, 5, 2, -5]
    back = StockMovement.objects.latest("id")
    assert (back.kind, back.reverses, back.quantity_after, back.reason) == ("reversal", booked, 5, "scanned twice")
    assert (back.user, back.device) == (manager.user, manager.device)
    product = Product.objects.get()
    assert (product.quantity, product.revision) == (5, back.revision)
    assert answer.json() == manager.get("/api/movements/").json()[0]
    assert StockMovement.objects.get(pk=booked.pk).quantity_after == 8, "history is not rewritten"


@pytest.mark.both_databases
def test_a_movement_is_not_reversed_twice(manager: Caller, booked: StockMovement) -> None:
    assert manager.post(address(booked)).status_code == 200
    check_error(manager.post(address(booked)), 400, "not_reversible")
    assert deltas() == [3, 5, 2, -5]


def test_a_reversal_is_not_reversed(manager: Caller, booked: StockMovement) -> None:
    manager.post(address(booked))
    back = StockMovement.objects.latest("id")
    check_error(manager.post(address(back)), 400, "not_reversible")
    assert deltas() == [3, 5, 2, -5]


def test_two_movements_are_reversed_independently(manager: Caller, booked: StockMovement) -> None:
    other = StockMovement.objects.get(quantity_delta=2)
    assert manager.post(address(booked)).status_code == 200
    assert manager.post(address(other)).status_code == 200
    assert deltas() == [3, 5, 2, -5, -2]


def test_a_movement_of_an_archived_product_can_be_reversed(manager: Caller, booked: StockMovement) -> None:
    manager.delete(f"/api/products/{booked.product_id}/")
    assert manager.post(address(booked)).status_code == 200
    product = Product.objects.get()
    assert (product.quantity, product.is_archived) == (5, True)


def test_only_a_manager_reverses_movements(picker: Caller, guest: APIClient, booked: StockMovement) -> None:
    check_error(picker.post(address(booked)), 403)
    check_error(guest.post(address(booked)), 401)
    assert deltas() == [3, 5, 2]


@pytest.mark.parametrize("key", ["99999999", "x", "-1", "9" * 30])
def test_an_unknown_movement_is_404(manager: Caller, key: str) -> None:
    check_error(manager.post(f"/api/movements/{key}/reverse/"), 404, "no_such_movement")
