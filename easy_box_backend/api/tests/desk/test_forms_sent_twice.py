"""Forms of the desk that a double click sends twice: they take effect once, and both responses are alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.utils import timezone

from api.actions import orders, products
from api.actor import Actor
from api.models import Product, SentForm, StockMovement, User
from api.ops import pruning
from api.tests.conftest import MakeProduct, MakeUser
from api.tests.desk.conftest import enter

ADJUST = {"do": "adjust", "adjust-quantity_delta": "5", "adjust-reason": "found", "form_token": "a"}
SOCK = {"sku": "SOCK", "name": "Socks", "quantity": "7", "form_token": "b"}


def messages_of(answer: Any) -> list[tuple[str, str]]:
    """The messages of a response: the level and text of each."""
    return [(str(message.extra_tags), str(message)) for message in get_messages(answer.wsgi_request)]


def assert_one_effect(first: Any, second: Any) -> None:
    """Both responses redirect to the same page. The second shows the messages of the first, and no error."""
    assert (first.status_code, second.status_code) == (302, 302)
    assert first.headers["Location"] == second.headers["Location"]
    before, after = messages_of(first), messages_of(second)
    assert before
    assert set(before) < set(after)
    assert ("info", "The form was sent twice. It took effect once.") in after
    assert "bad" not in {level for level, _text in after}


@pytest.mark.django_db
def test_plus_five_sent_twice_is_plus_five(desk: Client, make_product: MakeProduct) -> None:
    page = f"/products/{make_product(quantity=10).pk}/"
    assert_one_effect(desk.post(page, ADJUST), desk.post(page, ADJUST))
    assert Product.objects.get().quantity == 15


@pytest.mark.django_db
def test_a_new_product_sent_twice_is_one_product_and_no_error(desk: Client) -> None:
    assert_one_effect(desk.post("/products/new/", SOCK), desk.post("/products/new/", SOCK))
    assert Product.objects.get().quantity == 7


@pytest.mark.django_db
def test_a_movement_reversed_by_a_double_click_is_reversed_once_and_no_error(
    desk: Client, make_product: MakeProduct
) -> None:
    product = make_product(quantity=5)
    sent = {"do": "reverse", "reverse-movement": product.movements.get().pk, "form_token": "c"}
    assert_one_effect(*(desk.post(f"/products/{product.pk}/", sent) for _ in range(2)))
    assert list(product.movements.order_by("id").values_list("quantity_delta", flat=True)) == [5, -5]


@pytest.mark.django_db
def test_a_form_changed_after_going_back_to_it_is_a_new_form(desk: Client, make_product: MakeProduct) -> None:
    page = f"/products/{make_product(quantity=10).pk}/"
    for by in ("5", "3"):
        assert desk.post(page, {**ADJUST, "adjust-quantity_delta": by}).status_code == 302
    assert Product.objects.get().quantity == 18


@pytest.mark.django_db
def test_the_same_values_from_a_page_opened_anew_are_a_new_form(desk: Client, make_product: MakeProduct) -> None:
    page = f"/products/{make_product(quantity=10).pk}/"
    for token in ("x", "y"):
        assert desk.post(page, {**ADJUST, "form_token": token}).status_code == 302
    assert Product.objects.get().quantity == 20


@pytest.mark.django_db
def test_a_refused_form_may_be_sent_again(desk: Client, make_product: MakeProduct) -> None:
    taken = make_product("SOCK")
    answer = desk.post("/products/new/", SOCK)
    assert answer.status_code == 200
    assert "A product with this SKU already exists." in answer.content.decode()
    desk.post(f"/products/{taken.pk}/", {"do": "archive"})
    assert desk.post("/products/new/", SOCK).status_code == 302
    assert Product.objects.get(archived_at=None).quantity == 7


@pytest.mark.django_db
def test_a_form_refused_with_a_redirect_does_not_say_that_it_took_effect(desk: Client) -> None:
    """Somebody else has changed the order meanwhile: both responses say so, and nothing else."""
    order = orders.create(customer_name="Boris", lines=[], by=Actor(None, at=timezone.now()))
    sent = {"do": "start", "held": str(order.revision), "form_token": "d"}
    orders.update(order.pk, customer_name="Boris B.", by=Actor(None, at=timezone.now()))
    answers = [desk.post(f"/orders/{order.pk}/", sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert {level for answer in answers for level, _text in messages_of(answer)} == {"bad"}
    assert not SentForm.objects.exists()


@pytest.mark.django_db
def test_the_same_form_of_another_person_is_a_new_form(
    desk: Client, make_user: MakeUser, make_product: MakeProduct
) -> None:
    page = f"/products/{make_product().pk}/"
    desk.post(page, ADJUST)
    enter(make_user("Boris", is_staff=True)).post(page, ADJUST)
    assert Product.objects.get().quantity == 10


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_at_the_same_moment_acts_once() -> None:
    vera = User.objects.create_user("vera@example.com", "x", username="Vera", is_staff=True)
    product = products.create(sku="BOX", name="Box", by=Actor(None, at=timezone.now()))
    desks, together = [enter(vera) for _ in range(4)], Barrier(4)

    def send(desk: Client) -> tuple[int, int, set[str]]:
        try:
            together.wait()
            adjusted, made = desk.post(f"/products/{product.pk}/", ADJUST), desk.post("/products/new/", SOCK)
            levels = {level for answer in (adjusted, made) for level, _text in messages_of(answer)}
            return adjusted.status_code, made.status_code, levels
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, desks))
    assert [answer[:2] for answer in answers] == [(302, 302)] * 4
    assert not any("bad" in levels for _one, _other, levels in answers)
    assert sorted(Product.objects.values_list("sku", "quantity")) == [("BOX", 5), ("SOCK", 7)]
    assert StockMovement.objects.count() == 2


@pytest.mark.django_db
def test_sent_forms_are_forgotten_after_a_day() -> None:
    now = timezone.now()
    SentForm.objects.create(key="old", sent_at=now - timedelta(days=2))
    SentForm.objects.create(key="new", sent_at=now)
    assert pruning.prune(now)["forms"] == 1
    assert SentForm.objects.get().key == "new"
