"""POST /api/products/{id}/add_stock/"""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from api.models import Product, StockMovement
from api.tests.calls import BODY_KINDS, Caller, check_error, send
from api.tests.cases import each
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(make_product: MakeProduct) -> Product:
    return make_product("BOX", quantity=3)


def address(product: Product) -> str:
    return f"/api/products/{product.pk}/add_stock/"


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_received_goods_are_booked_with_the_user_who_booked_them(
    picker: Caller, box: Product, make_product: MakeProduct, kind: str
) -> None:
    other = make_product(quantity=1)
    answer = send(picker, "POST", address(box), {"quantity": 4}, kind)
    assert answer.status_code == 200
    box.refresh_from_db()
    assert box.quantity == 7
    movement = StockMovement.objects.get(id=answer.json()["id"])
    assert (movement.quantity_delta, movement.quantity_after, movement.kind) == (4, 7, "receipt")
    assert (movement.user, movement.device, movement.revision) == (picker.user, picker.device, box.revision)
    assert Product.objects.get(pk=other.pk).quantity == 1


def test_the_response_is_the_movement_as_the_movement_list_shows_it(picker: Caller, box: Product) -> None:
    made = picker.post(address(box), {"quantity": 4}).json()
    assert picker.get(f"/api/products/{box.pk}/movements/").json()[0] == made


def test_three_identical_scans_are_three_boxes(picker: Caller, box: Product) -> None:
    for _ in range(3):
        assert picker.post(address(box), {"quantity": 1}).status_code == 200
    assert Product.objects.get(pk=box.pk).quantity == 6


@pytest.mark.parametrize("quantity", [1, "1", "+1", " 1 ", 1.0, 1_000_000])
def test_a_whole_number_is_accepted_in_every_notation(picker: Caller, box: Product, quantity: Any) -> None:
    assert picker.post(address(box), {"quantity": quantity}).status_code == 200
    assert Product.objects.get(pk=box.pk).quantity == 3 + int(quantity)


NO_NUMBERS = [
    0, -1, 1.5, "1.5", 1e300, True, False, None, "", "x", "٣x", "1e3", "0x10", "1_000", "1,5", [1], {"a": 1}, [],
    1_000_001, 2**31, 2**63, 2**64, 10**400, "9" * 1001, "\x00", "NaN", "-0",
]  # fmt: skip


@each(
    ("kind", "quantity"),
    [
        (kind, quantity)
        for kind in BODY_KINDS
        for quantity in NO_NUMBERS
        if kind == "json" or not (isinstance(quantity, float) or quantity is None)  # forms hold text
    ],
)
def test_an_invalid_quantity_is_400_and_books_nothing(picker: Caller, box: Product, kind: str, quantity: Any) -> None:
    answer = send(picker, "POST", address(box), {"quantity": quantity}, kind)
    assert "quantity" in check_error(answer, 400)
    assert Product.objects.get(pk=box.pk).quantity == 3
    assert StockMovement.objects.count() == 1


def test_a_body_without_a_quantity_is_400(picker: Caller, box: Product) -> None:
    assert "quantity" in check_error(picker.post(address(box), {}), 400, "invalid")
    assert "quantity" in check_error(picker.post(address(box)), 400, "invalid")


def test_a_guest_books_nothing(guest: APIClient, box: Product) -> None:
    check_error(guest.post(address(box), {"quantity": 1}), 401)
    assert Product.objects.get(pk=box.pk).quantity == 3


def test_only_post_is_allowed(picker: Caller, box: Product) -> None:
    for method in ("get", "put", "patch", "delete"):
        check_error(getattr(picker, method)(address(box)), 405, "method_not_allowed")
