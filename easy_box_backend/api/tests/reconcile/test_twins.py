"""Two passes of one phone at once: a look-up belongs to one addition, and a pass waits for each response."""

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
def test_two_equal_boxes_sent_by_two_passes_at_once_are_booked_as_two(
    warehouse: Warehouse, anna: Phone, socks: int
) -> None:
    """Both passes look the second box up before one of them adds it. That is no pass that broke off."""
    ports = anna.port, anna.port + 10_000
    for _ in range(2):
        for anna.port in ports:
            anna.find("SOCK")
        for anna.port in ports:
            anna.book(socks, 5)
    for anna.port in ports:
        anna.pull()
    pieces_in_question = sum(found.facts["quantity"] for found in Discrepancy.objects.open())
    assert warehouse.on_hand("SOCK") == 10 or pieces_in_question >= abs(warehouse.on_hand("SOCK") - 10)


def test_an_addition_that_the_network_copies_is_booked_once(warehouse: Warehouse, anna: Phone, socks: int) -> None:
    anna.find("SOCK")
    anna.book(socks, 5)
    anna.book(socks, 5)
    assert warehouse.on_hand("SOCK") == 5


def test_an_addition_that_arrives_long_after_its_look_up_is_booked(
    warehouse: Warehouse, anna: Phone, socks: int
) -> None:
    """The server has forgotten the look-up by then."""
    anna.find("SOCK")
    warehouse.later(0.5)
    anna.pull_orders()
    anna.book(socks, 5)
    assert warehouse.on_hand("SOCK") == 5
    assert warehouse.questions() == []


def test_a_second_pass_that_is_still_sending_after_the_pull_is_booked_once_or_asked_about(
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


def test_a_program_may_repeat_an_addition_without_a_look_up(warehouse: Warehouse, shop: Caller, socks: int) -> None:
    for _ in range(2):
        shop.book(socks, 5)
    assert warehouse.movements("SOCK") == [5, 5]
    assert warehouse.questions() == []


# --- Real parallel requests -------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_parallel_copies_of_a_request_are_booked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both requests start while the phone's memory is locked; the second one then finds the first one in it."""
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
