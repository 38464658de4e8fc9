"""POST /api/products/{id}/adjust/"""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from api.actions import ledger
from api.models import Discrepancy, Product, StockMovement
from api.tests.calls import BODY_KINDS, Caller, check_error, send
from api.tests.cases import each
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(make_product: MakeProduct) -> Product:
    return make_product("BOX", quantity=3)


def address(product: Product) -> str:
    return f"/api/products/{product.pk}/adjust/"


@pytest.mark.parametrize("kind", BODY_KINDS)
@pytest.mark.parametrize("delta", [4, -2])
def test_a_manager_corrects_the_stock_with_a_reason(
    manager: Caller, box: Product, make_product: MakeProduct, kind: str, delta: int
) -> None:
    other = make_product(quantity=1)
    answer = send(manager, "POST", address(box), {"quantity_delta": delta, "reason": "torn"}, kind)
    assert answer.status_code == 200, answer.content
    movement = StockMovement.objects.latest("id")
    assert (movement.kind, movement.quantity_delta, movement.quantity_after) == ("adjustment", delta, 3 + delta)
    assert (movement.reason, movement.user, movement.device) == ("torn", manager.user, manager.device)
    box.refresh_from_db()
    assert (box.quantity, box.revision) == (3 + delta, movement.revision)
    assert Product.objects.get(pk=other.pk).quantity == 1
    assert answer.json() == manager.get(f"/api/products/{box.pk}/movements/").json()[0]
    assert ledger.broken_ledgers() == []


def test_two_equal_adjustments_are_both_booked(manager: Caller, box: Product) -> None:
    for _ in range(2):
        manager.post(address(box), {"quantity_delta": 1, "reason": "found"})
    assert Product.objects.get(pk=box.pk).quantity == 5


def test_an_adjustment_below_zero_is_booked_and_becomes_a_question(manager: Caller, box: Product) -> None:
    assert manager.post(address(box), {"quantity_delta": -5, "reason": "lost"}).status_code == 200
    assert Product.objects.get(pk=box.pk).quantity == -2
    question = Discrepancy.objects.get()
    assert (question.kind, question.facts) == ("negative_stock", {"on_hand": -2, "change": -5})
    manager.post(address(box), {"quantity_delta": -1, "reason": "lost"})
    assert Discrepancy.objects.count() == 1, "it was below zero already"


@each(
    ("field", "body"),
    [("quantity_delta", {"reason": "x"}), ("reason", {"quantity_delta": 1})]
    + [("reason", {"quantity_delta": 1, "reason": reason}) for reason in ("", " ", None, "x" * 256, "\x00")]
    + [
        ("quantity_delta", {"quantity_delta": delta, "reason": "x"})
        for delta in (1.5, "x", True, None, 1_000_001, -1_000_001, 2**63, [1])
    ],
)
def test_a_bad_field_is_named_and_nothing_changes(
    manager: Caller, box: Product, field: str, body: dict[str, Any]
) -> None:
    assert field in check_error(send(manager, "POST", address(box), body), 400)
    assert StockMovement.objects.count() == 1


def test_an_adjustment_by_zero_is_refused(manager: Caller, box: Product) -> None:
    check_error(manager.post(address(box), {"quantity_delta": 0, "reason": "x"}), 400, "implausible_quantity")
    assert StockMovement.objects.count() == 1


def test_only_a_manager_adjusts_the_stock(picker: Caller, guest: APIClient, box: Product) -> None:
    body = {"quantity_delta": 1, "reason": "x"}
    check_error(picker.post(address(box), body), 403)
    check_error(guest.post(address(box), body), 401)
    assert StockMovement.objects.count() == 1


@pytest.mark.parametrize("key", ["99999999", "x", "-1", "9" * 30])
def test_an_unknown_product_is_404(manager: Caller, key: str) -> None:
    body = {"quantity_delta": 1, "reason": "x"}
    check_error(manager.post(f"/api/products/{key}/adjust/", body), 404, "no_such_product")
