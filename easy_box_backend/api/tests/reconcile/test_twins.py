"""Two passes of one phone at once: one look-up belongs to one addition, and a pass waits for each answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, transaction

from api.auth import tokens
from api.models import Device, DeviceMemory, Discrepancy
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.both_databases


@pytest.fixture
def socks(warehouse: Warehouse) -> int:
    return warehouse.product("SOCK")


# --- One look-up, one addition ----------------------------------------------------------------------------------------
def test_of_two_passes_with_two_alike_boxes_two_count(warehouse: Warehouse, anna: Phone, socks: int) -> None:
    """Both passes look the second box up before one of them adds it; that is not a pass that broke off."""
    ports = anna.port, anna.port + 10_000
    for _ in range(2):
        for anna.port in ports:
            anna.find("SOCK")
        for anna.port in ports:
            anna.book(socks, 5)
    for anna.port in ports:
        anna.pull()
    asked = sum(found.facts["quantity"] for found in Discrepancy.objects.open())
    assert warehouse.on_hand("SOCK") == 10 or asked >= abs(warehouse.on_hand("SOCK") - 10)


def test_a_copy_that_the_network_makes_of_an_addition_counts_once(
    warehouse: Warehouse, anna: Phone, socks: int
) -> None:
    anna.find("SOCK")
    anna.book(socks, 5)
    anna.book(socks, 5)
    assert warehouse.on_hand("SOCK") == 5


def test_goods_under_way_for_long_behind_their_look_up_are_goods(warehouse: Warehouse, anna: Phone, socks: int) -> None:
    """The server has forgotten the look-up by then."""
    anna.find("SOCK")
    warehouse.later(0.5)
    anna.pull_orders()
    anna.book(socks, 5)
    assert warehouse.on_hand("SOCK") == 5
    assert warehouse.questions() == []


def test_a_second_pass_that_is_still_sending_behind_the_pull_counts_once_or_is_asked_about(
    warehouse: Warehouse, anna: Phone, socks: int
) -> None:
    ports = anna.port, anna.port + 10_000
    for anna.port in ports:
        anna.find("SOCK")
    anna.port = ports[0]
    anna.book(socks, 5)
    anna.pull()
    anna.port = ports[1]
    anna.book(socks, 5)
    anna.pull()
    assert warehouse.on_hand("SOCK") == 5 or warehouse.question().facts["quantity"] == 5


def test_a_program_may_send_at_once_what_it_likes(warehouse: Warehouse, shop: Caller, socks: int) -> None:
    for _ in range(2):
        shop.book(socks, 5)
    assert warehouse.movements("SOCK") == [5, 5]
    assert warehouse.questions() == []


# --- For real ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_requests_that_wait_for_each_other_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both requests start while the phone's memory is locked; the second one then finds the first."""
    place = Warehouse(None)
    phone, product = place.phone("Anna"), place.product("SOCK")
    phone.find("SOCK")
    let_in = threading.Barrier(3, timeout=120)
    device_with = tokens.device_with

    def then_wait(*args: Any) -> Device | None:
        found = device_with(*args)
        let_in.wait()
        return found

    def book() -> int:
        try:
            return int(phone.book(product, 5).status_code)
        finally:
            connections.close_all()

    monkeypatch.setattr(tokens, "device_with", then_wait)
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            DeviceMemory.objects.select_for_update().get(device=phone.device)
            answers = [pool.submit(book) for _ in range(2)]
            let_in.wait()
        assert [answer.result() for answer in answers] == [200, 200]
    assert place.on_hand("SOCK") == 5
    assert place.has_correct_ledger()
