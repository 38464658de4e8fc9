"""Many requests in parallel, with real connections and real transactions, lose nothing."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.utils import timezone

from api.actions import devices, ledger, products, stocktakes
from api.actions.stocktakes import Counted
from api.actor import Actor
from api.models import Order, Product, StockMovement, User

pytestmark = pytest.mark.both_databases

THREADS, ADDITIONS = 8, 12


def call(url: str, token: str, method: str, body: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json", "User-Agent": "tests/1.0"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=250) as answer:
        return json.loads(answer.read() or b"null")


@pytest.fixture
def tokens(transactional_db: None) -> list[str]:
    """Two managers with four devices each."""
    people = [
        User.objects.create_user(f"{name}@example.com", "x", username=name, is_staff=True) for name in ("one", "two")
    ]
    now = timezone.now()
    return [devices.log_in(people[n % 2], kind="integration", name=f"{n}", at=now)[1] for n in range(THREADS)]


@pytest.mark.django_db(transaction=True)
def test_two_people_adding_to_one_product_from_8_connections_lose_nothing(live_server: Any, tokens: list[str]) -> None:
    product = products.create(sku="A", name="A", by=Actor(None, at=timezone.now()))
    url = f"{live_server.url}/api/products/{product.pk}/add_stock/"

    def add(token: str) -> list[dict[str, Any]]:
        return [call(url, token, "POST", {"quantity": 1}) for _ in range(ADDITIONS)]

    with ThreadPoolExecutor(THREADS) as pool:
        made = [movement for part in pool.map(add, tokens) for movement in part]
    total = THREADS * ADDITIONS
    assert Product.objects.get(pk=product.pk).quantity == total
    assert StockMovement.objects.filter(product=product).count() == total
    assert sorted(movement["quantity_after"] for movement in made) == list(range(1, total + 1))
    assert len({movement["revision"] for movement in made}) == total
    assert ledger.broken_ledgers() == []


@pytest.mark.django_db(transaction=True)
def test_a_sku_that_8_requests_create_at_once_is_created_once(live_server: Any, tokens: list[str]) -> None:
    def make(token: str) -> int:
        try:
            call(f"{live_server.url}/api/products/", token, "POST", {"sku": "A", "name": "A"})
        except urllib.error.HTTPError as error:
            return error.code if "sku" in json.loads(error.read()) else 0
        return 201

    with ThreadPoolExecutor(THREADS) as pool:
        assert sorted(pool.map(make, tokens)) == [201] + [400] * (THREADS - 1)
    assert Product.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_orders_over_the_same_products_in_opposite_orders_do_not_deadlock(live_server: Any, tokens: list[str]) -> None:
    at = timezone.now()
    shelf = [products.create(sku=f"S{n}", name="S", quantity=100, by=Actor(None, at=at)) for n in range(4)]

    def pick(number_and_token: tuple[int, str]) -> None:
        number, token = number_and_token
        chosen = shelf if number % 2 else shelf[::-1]
        for _ in range(3):
            lines = [{"product": p.pk, "quantity_to_pick": 1, "quantity_picked": 1} for p in chosen]
            call(f"{live_server.url}/api/orders/", token, "POST", {"customer_name": "A", "lines": lines})

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(pick, enumerate(tokens)))
    assert Order.objects.count() == THREADS * 3
    assert set(Product.objects.values_list("quantity", flat=True)) == {100 - THREADS * 3}
    assert ledger.broken_ledgers() == []


@pytest.mark.django_db(transaction=True)
def test_a_stocktake_posted_by_8_at_once_while_goods_arrive_is_booked_once(live_server: Any, tokens: list[str]) -> None:
    by = Actor(None, at=timezone.now())
    shelf = [products.create(sku=f"S{n}", name="S", quantity=10, by=by) for n in range(4)]
    count = stocktakes.start(product_ids=[product.pk for product in shelf], blind=False, by=by)
    stocktakes.enter(count.pk, [Counted(product.pk, 8, timezone.now()) for product in shelf], by=by)

    def act(number_and_token: tuple[int, str]) -> None:
        number, token = number_and_token
        call(f"{live_server.url}/api/products/{shelf[number % 4].pk}/add_stock/", token, "POST", {"quantity": 1})
        call(f"{live_server.url}/api/counts/{count.pk}/post/", token, "POST", {})

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(act, enumerate(tokens)))
    assert StockMovement.objects.filter(kind="count").count() == 4
    assert set(Product.objects.values_list("quantity", flat=True)) == {10}
    assert ledger.broken_ledgers() == []
