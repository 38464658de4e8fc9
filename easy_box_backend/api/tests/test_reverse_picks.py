"""Reversing a pick also takes it out of its order line, so that nothing returns the goods once more."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.models import Order, OrderLine, Product, StockMovement
from api.tests.calls import Caller, check_error
from api.tests.conftest import MakeProduct
from api.tests.examples import examples

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(make_product: MakeProduct) -> Product:
    return make_product("BOX", quantity=10)


def order_of(who: Caller, product: Product, picked: int, to_pick: int = 4) -> int:
    lines = [{"product": product.pk, "quantity_to_pick": to_pick, "quantity_picked": picked}]
    return int(who.post("/api/orders/", {"customer_name": "A", "lines": lines}).json()["id"])


def set_picked(who: Caller, order: int, product: Product, picked: int) -> Any:
    line = {"product": product.pk, "quantity_to_pick": 4, "quantity_picked": picked}
    return who.patch(f"/api/orders/{order}/", {"lines": [line]})


def pick_of(order: int) -> StockMovement:
    return StockMovement.objects.filter(order_line__order=order, kind="pick").latest("id")


def reverse(who: Caller, movement: StockMovement) -> Any:
    return who.post(f"/api/movements/{movement.pk}/reverse/")


def on_hand(product: Product) -> int:
    found = Product.objects.get(pk=product.pk)
    assert found.quantity == (found.movements.aggregate(total=Sum("quantity_delta"))["total"] or 0)
    return found.quantity


def cancel(who: Caller, order: int, _product: Product) -> None:
    assert who.patch(f"/api/orders/{order}/", {"status": "cancelled"}).status_code == 200


def archive(who: Caller, order: int, _product: Product) -> None:
    assert who.delete(f"/api/orders/{order}/").status_code == 204


def remove(who: Caller, order: int, _product: Product) -> None:
    assert who.patch(f"/api/orders/{order}/", {"lines": []}).status_code == 200


def set_to_none(who: Caller, order: int, product: Product) -> None:
    assert set_picked(who, order, product, 0).status_code == 200


@pytest.mark.parametrize("then", [cancel, archive, remove, set_to_none])
def test_after_a_reversed_pick_no_change_of_the_order_returns_the_goods_again(
    manager: Caller, box: Product, then: Any
) -> None:
    order = order_of(manager, box, 3)
    assert on_hand(box) == 7
    assert reverse(manager, pick_of(order)).status_code == 200
    assert (on_hand(box), OrderLine.objects.get().quantity_picked) == (10, 0)
    then(manager, order, box)
    assert on_hand(box) == 10


def test_reversing_a_pick_gives_the_order_a_new_revision(manager: Caller, box: Product) -> None:
    order = order_of(manager, box, 3)
    before = Order.objects.get(pk=order).revision
    reverse(manager, pick_of(order))
    found = Order.objects.get(pk=order)
    assert found.revision > before
    version = found.versions.latest("revision")
    assert (version.revision, version.lines[0]["quantity_picked"]) == (found.revision, 0)
    assert manager.get(f"/api/orders/{order}/").json()["lines"][0]["quantity_picked"] == 0


def test_of_two_picks_only_the_reversed_one_leaves_the_order_line(manager: Caller, box: Product) -> None:
    order = order_of(manager, box, 3)
    first = pick_of(order)
    set_picked(manager, order, box, 4)
    reverse(manager, first)
    assert (on_hand(box), OrderLine.objects.get().quantity_picked) == (9, 1)
    cancel(manager, order, box)
    assert on_hand(box) == 10


@pytest.mark.parametrize("then", [cancel, archive, remove, set_to_none])
def test_a_pick_whose_goods_were_returned_already_is_not_reversed(manager: Caller, box: Product, then: Any) -> None:
    order = order_of(manager, box, 3)
    then(manager, order, box)
    assert on_hand(box) == 10
    body = check_error(reverse(manager, pick_of(order)), 400, "not_reversible")
    assert body["facts"] == {"movement": pick_of(order).pk, "pieces": 3, "picked": 0}
    assert on_hand(box) == 10


def test_reversing_a_return_puts_the_goods_into_the_order_line_again(manager: Caller, box: Product) -> None:
    order = order_of(manager, box, 3)
    set_picked(manager, order, box, 1)
    assert reverse(manager, StockMovement.objects.get(kind="return")).status_code == 200
    assert (on_hand(box), OrderLine.objects.get().quantity_picked) == (7, 3)
    cancel(manager, order, box)
    assert on_hand(box) == 10


@pytest.mark.parametrize("then", [cancel, archive, remove])
def test_a_return_is_not_reversed_if_no_order_line_can_hold_the_goods(manager: Caller, box: Product, then: Any) -> None:
    order = order_of(manager, box, 3)
    then(manager, order, box)
    check_error(reverse(manager, StockMovement.objects.get(kind="return")), 400, "not_reversible")
    assert (on_hand(box), OrderLine.objects.get().quantity_picked) == (10, 0)


def test_a_pick_applied_to_a_cancelled_order_is_reversed_without_an_order_line(manager: Caller, box: Product) -> None:
    from api.tests.reconcile.people import Warehouse

    order = order_of(manager, box, 0)
    anna = Warehouse(None).phone("Anna")
    (seen,) = anna.pull_orders()
    cancel(manager, order, box)
    anna.finish(seen)
    from api.models import Discrepancy

    question = Discrepancy.objects.open().get(kind="picked_after_cancel")
    assert manager.post(f"/api/discrepancies/{question.pk}/resolve/", {"action": "apply"}).status_code == 200
    assert (on_hand(box), OrderLine.objects.get().quantity_picked) == (6, 0)
    assert reverse(manager, pick_of(order)).status_code == 200
    assert (on_hand(box), OrderLine.objects.get().quantity_picked) == (10, 0)


STEPS = st.one_of(
    st.tuples(st.just("pick"), st.integers(0, 6)),
    st.tuples(st.just("status"), st.sampled_from(["open", "inProgress", "picked", "cancelled"])),
    st.tuples(st.just("remove"), st.just(0)),
    st.tuples(st.just("archive"), st.just(0)),
    st.tuples(st.just("reverse"), st.integers(0, 40)),
)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 1), STEPS), max_size=14))
def test_after_any_sequence_of_operations_on_hand_and_picked_pieces_add_up(
    manager: Caller, make_product: MakeProduct, steps: list[tuple[int, tuple[str, Any]]]
) -> None:
    product = make_product(quantity=50)
    orders = [order_of(manager, product, 0), order_of(manager, product, 2)]
    for which, (verb, value) in steps:
        order = orders[which]
        match verb:
            case "pick":
                set_picked(manager, order, product, value)
            case "status":
                manager.patch(f"/api/orders/{order}/", {"status": value})
            case "remove":
                manager.patch(f"/api/orders/{order}/", {"lines": []})
            case "archive":
                manager.delete(f"/api/orders/{order}/")
            case "reverse":
                of_orders = StockMovement.objects.filter(product=product, order_line__isnull=False).order_by("id")
                if found := list(of_orders):
                    assert reverse(manager, found[value % len(found)]).status_code in (200, 400)
        picked = OrderLine.objects.filter(product=product).aggregate(total=Sum("quantity_picked"))["total"] or 0
        assert on_hand(product) + picked == 50, (which, verb, value)
