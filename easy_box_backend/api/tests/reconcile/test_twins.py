"""Two passes of one phone at once: one look-up belongs to one addition, and a pass waits for each answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, transaction

from api.auth import tokens
from api.models import Device, DeviceMemory, Discrepancy, StockMovement, User
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.both_databases


@pytest.fixture
def socks(warehouse: Warehouse) -> int:
    return warehouse.product("SOCK")


# --- In flight at once ------------------------------------------------------------------------------------------------
def test_a_twin_that_was_under_way_with_the_first_is_applied_once(
    warehouse: Warehouse, anna: Phone, socks: int
) -> None:
    anna.find("SOCK")
    with anna.while_its_request_is_under_way():
        answers = [anna.book(socks, 5) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert warehouse.movements("SOCK") == [5]
    assert warehouse.questions() == []


def test_another_quantity_under_way_is_no_twin(warehouse: Warehouse, anna: Phone, socks: int) -> None:
    anna.find("SOCK")
    with anna.while_its_request_is_under_way():
        anna.book(socks, 5)
        anna.book(socks, 6)
    assert warehouse.movements("SOCK") == [5, 6]


def test_two_phones_under_way_are_two_people(warehouse: Warehouse, anna: Phone, boris: Phone, socks: int) -> None:
    for phone in (anna, boris):
        phone.find("SOCK")
    with anna.while_its_request_is_under_way():
        anna.book(socks, 5)
    boris.book(socks, 5)
    assert warehouse.movements("SOCK") == [5, 5]
    assert warehouse.questions() == []


# --- One look-up, one addition ----------------------------------------------------------------------------------------
def test_of_two_passes_step_by_step_one_counts(warehouse: Warehouse, anna: Phone, socks: int) -> None:
    anna.find("SOCK")
    anna.find("SOCK")
    anna.book(socks, 5)
    anna.book(socks, 5)
    assert warehouse.movements("SOCK") == [5]


def test_of_two_passes_with_two_alike_boxes_two_count(warehouse: Warehouse, anna: Phone, socks: int) -> None:
    """Both passes look the second box up before one of them adds it; that is not a pass that broke off."""
    for _ in range(2):
        for _pass in range(2):
            anna.loses_connection()
            anna.find("SOCK")
        for _pass in range(2):
            anna.loses_connection()
            anna.book(socks, 5)
    assert warehouse.movements("SOCK") == [5, 5]
    asked = Discrepancy.objects.order_by("id").values_list("facts", flat=True)
    assert ["pending" if "pending" in facts else "booked" for facts in asked] == ["pending", "booked", "pending"]


def test_additions_without_any_look_up_are_goods(warehouse: Warehouse, anna: Phone, socks: int) -> None:
    for _ in range(3):
        anna.book(socks, 1)
    assert warehouse.movements("SOCK") == [1, 1, 1]
    assert warehouse.questions() == []


def test_an_addition_behind_its_like_and_without_a_look_up_is_booked_and_asked_about(
    warehouse: Warehouse, anna: Phone, socks: int
) -> None:
    """A network that delivers one request twice."""
    anna.find("SOCK")
    anna.book(socks, 5)
    anna.book(socks, 5)
    assert warehouse.movements("SOCK") == [5, 5]
    assert warehouse.questions() == [("possible_duplicate", "SOCK")]
    assert warehouse.question().facts["booked"] == [StockMovement.objects.latest("id").pk]


def test_a_second_pass_that_is_still_sending_behind_the_pull_is_asked_about(
    warehouse: Warehouse, anna: Phone, socks: int
) -> None:
    anna.add("SOCK", 5)
    anna.pull()
    anna.book(socks, 5)
    assert warehouse.movements("SOCK") == [5, 5]
    assert warehouse.questions() == [("possible_duplicate", "SOCK")]


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
    authenticate = tokens.DeviceTokenAuthentication.authenticate_credentials

    def then_wait(self: Any, token: bytes) -> tuple[User, Device]:
        found = authenticate(self, token)
        let_in.wait()
        return found

    def book() -> int:
        try:
            return int(phone.book(product, 5).status_code)
        finally:
            connections.close_all()

    monkeypatch.setattr(tokens.DeviceTokenAuthentication, "authenticate_credentials", then_wait)
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            DeviceMemory.objects.select_for_update().get(device=phone.device)
            answers = [pool.submit(book) for _ in range(2)]
            let_in.wait()
        assert [answer.result() for answer in answers] == [200, 200]
    assert place.movements("SOCK") == [5]
    assert place.questions() == []
    assert place.is_right()
