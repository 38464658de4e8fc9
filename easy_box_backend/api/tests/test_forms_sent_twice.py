"""Forms of the admin that a double click sends twice: they act once, and the second answer is like the first."""

from __future__ import annotations

import html
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.utils import timezone

from api.actions import discrepancies, stock
from api.actor import Actor
from api.models import Discrepancy, Order, Product, SentForm, StockMovement, User
from api.ops import pruning
from api.tests.admin_desk import Desk, address, enter, text
from api.tests.calls import Caller
from api.tests.conftest import MakeProduct


@pytest.fixture
def desk(manager: Caller) -> Desk:
    return enter(manager.user)


def said(answer: Any) -> list[tuple[str, str]]:
    return [(str(message.level_tag), str(message)) for message in get_messages(answer.wsgi_request)]


def act_once(first: Any, second: Any) -> None:
    """Both go to the same place; the second says what the first did, and no error."""
    assert (first.status_code, second.status_code) == (302, 302), text(second)[:3000]
    assert first.headers["Location"] == second.headers["Location"]
    told, again = said(first), said(second)
    assert told
    assert set(told) < set(again)
    assert "The form was sent twice. It took effect once." in [words for _level, words in again]
    assert "error" not in {level for level, _words in again}


def button(page: str, verb: str) -> str:
    """The address of this button as the page has it."""
    found = re.findall(r'formaction="([^"]+)"', page)
    return html.unescape(next(one for one in found if f"/do/{verb}/" in one))


@pytest.mark.django_db
def test_plus_five_sent_twice_is_plus_five(desk: Desk, make_product: MakeProduct) -> None:
    product = make_product(quantity=10)
    form = {**desk.open("product", product.pk), "adjust_by": "5", "adjust_reason": "found"}
    act_once(desk.send("product", product.pk, form), desk.send("product", product.pk, form))
    assert Product.objects.get().quantity == 15
    assert product.movements.count() == 2


@pytest.mark.django_db
def test_a_new_order_sent_twice_is_one_order(desk: Desk, make_product: MakeProduct) -> None:
    shirt = make_product()
    form = {**desk.open("order"), "customer_name": "Petrova", "lines-0-product": shirt.pk,
            "lines-0-quantity_to_pick": "2"}  # fmt: skip
    act_once(desk.send("order", None, form), desk.send("order", None, form))
    order = Order.objects.get()
    assert order.lines.get().quantity_to_pick == 2
    assert order.versions.count() == 1


@pytest.mark.django_db
def test_a_new_product_sent_twice_is_one_product_and_no_error(desk: Desk) -> None:
    form = {**desk.open("product"), "sku": "SOCK", "name": "Socks", "first_quantity": "7"}
    act_once(desk.send("product", None, form), desk.send("product", None, form))
    assert Product.objects.get().quantity == 7


@pytest.mark.django_db
def test_a_movement_reversed_by_a_double_click_is_reversed_once_and_no_error(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product = make_product()
    stock.receive(product.pk, 5, by=Actor(picker.user, picker.device, at=timezone.now()))
    address = button(text(desk.list("stockmovement")), "reverse")
    act_once(desk.post(address), desk.post(address))
    assert list(product.movements.order_by("id").values_list("quantity_delta", flat=True)) == [5, -5]


@pytest.fixture
def held_back(make_product: MakeProduct, picker: Caller) -> Discrepancy:
    """15 pieces."""
    product = make_product(quantity=10)
    return discrepancies.record(
        Discrepancy.Kind.QUANTITY_GUESS, by=Actor(picker.user, picker.device, at=timezone.now()), product=product,
        pending=[{"product": product.pk, "delta": 15}],
    )  # fmt: skip


@pytest.mark.django_db
def test_a_discrepancy_settled_by_a_double_click_is_settled_once_and_no_error(
    desk: Desk, held_back: Discrepancy
) -> None:
    address = button(text(desk.get(f"/admin/api/discrepancy/{held_back.pk}/change/")), "apply")
    act_once(desk.post(address), desk.post(address))
    assert Product.objects.get().quantity == 25


@pytest.mark.django_db
def test_many_settled_by_a_double_click_are_settled_once_and_no_error(desk: Desk, held_back: Discrepancy) -> None:
    asked = text(desk.act("discrepancy", "apply_selected", held_back.pk))
    form = {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', asked)}
    form |= {"action": "apply_selected", "_selected_action": str(held_back.pk)}
    act_once(*(desk.post("/admin/api/discrepancy/", form) for _ in range(2)))
    assert Product.objects.get().quantity == 25


@pytest.mark.django_db
def test_the_second_of_many_that_are_under_way_does_nothing(
    desk: Desk, held_back: Discrepancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.actions import settling

    asked = text(desk.act("discrepancy", "apply_selected", held_back.pk))
    form = {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', asked)}
    form |= {"action": "apply_selected", "_selected_action": str(held_back.pk)}
    many = settling.resolve_many
    second: list[Any] = []

    def meanwhile(*args: Any, **more: Any) -> Any:
        if not second:
            second.append(None)
            second[0] = enter(desk.user).post("/admin/api/discrepancy/", form)
        return many(*args, **more)

    monkeypatch.setattr(settling, "resolve_many", meanwhile)
    assert "1 is settled." in [words for _level, words in said(desk.post("/admin/api/discrepancy/", form))]
    assert said(second[0]) == [("info", "The form was sent twice. It took effect once.")]
    assert Product.objects.get().quantity == 25


@pytest.mark.django_db
def test_a_page_that_is_gone_back_to_and_changed_is_another_form(desk: Desk, make_product: MakeProduct) -> None:
    product = make_product(quantity=10)
    form = {**desk.open("product", product.pk), "adjust_by": "5", "adjust_reason": "found"}
    for by in ("5", "3"):
        assert desk.send("product", product.pk, {**form, "adjust_by": by}).status_code == 302
    assert Product.objects.get().quantity == 18


@pytest.mark.django_db
def test_the_same_addition_from_a_page_that_was_opened_anew_counts(desk: Desk, make_product: MakeProduct) -> None:
    product = make_product(quantity=10)
    for _ in range(2):
        assert desk.save("product", product.pk, adjust_by="5", adjust_reason="found").status_code == 302
    assert Product.objects.get().quantity == 20


@pytest.mark.django_db
def test_what_was_refused_may_be_sent_again(desk: Desk, make_product: MakeProduct) -> None:
    taken = make_product("SOCK")
    form = {**desk.open("product"), "sku": "SOCK", "name": "Socks", "first_quantity": "7"}
    answer = desk.send("product", None, form)
    assert "A product with this SKU already exists." in text(answer)
    desk.post(f"{address('product', taken.pk)[: -len('change/')]}delete/", {"post": "yes"})
    assert desk.send("product", None, form).status_code == 302
    assert Product.objects.get(archived_at=None).quantity == 7


@pytest.mark.django_db
def test_another_persons_form_is_another_form(desk: Desk, owner: Caller, make_product: MakeProduct) -> None:
    product = make_product()
    form = {**desk.open("product", product.pk), "adjust_by": "5", "adjust_reason": "found"}
    desk.send("product", product.pk, form)
    enter(owner.user).send("product", product.pk, form)
    assert Product.objects.get().quantity == 10


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_at_the_same_moment_acts_once() -> None:
    vera = User.objects.create_user("vera@example.com", "x", username="Vera", is_staff=True)
    from api.actions import products

    product = products.create(sku="SOCK", name="Socks", by=Actor(None, at=timezone.now()))
    form = {**enter(vera).open("product", product.pk), "adjust_by": "5", "adjust_reason": "found"}
    order = {**enter(vera).open("order"), "customer_name": "Petrova", "lines-0-product": product.pk,
             "lines-0-quantity_to_pick": "2"}  # fmt: skip
    desks, together = [enter(vera) for _ in range(4)], Barrier(4)

    def send(desk: Desk) -> tuple[int, int, set[str]]:
        try:
            together.wait()
            adjusted, ordered = desk.send("product", product.pk, form), desk.send("order", None, order)
            levels = {level for answer in (adjusted, ordered) for level, _words in said(answer)}
            return adjusted.status_code, ordered.status_code, levels
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, desks))
    assert [answer[:2] for answer in answers] == [(302, 302)] * 4
    assert not any("error" in levels for _one, _other, levels in answers)
    assert Product.objects.get().quantity == 5
    assert (StockMovement.objects.count(), Order.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_what_was_sent_is_forgotten_after_a_day() -> None:
    now = timezone.now()
    SentForm.objects.create(key="old", sent_at=now - timedelta(days=2))
    SentForm.objects.create(key="new", sent_at=now)
    assert pruning.prune(now)["forms"] == 1
    assert SentForm.objects.get().key == "new"
