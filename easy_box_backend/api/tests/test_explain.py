"""`manage.py explain` prints what the server believes a phone to be doing, and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.models import Discrepancy
from api.tests.reconcile.conftest import MORNING
from api.tests.reconcile.people import Phone, Warehouse

pytestmark = pytest.mark.any_database


@pytest.fixture
def warehouse(db: None) -> Iterator[Warehouse]:
    with time_machine.travel(MORNING, tick=False) as clock:
        place = Warehouse(clock)
        for sku in ("SOCK", "CAP", "SHIRT"):
            place.product(sku, 10)
        yield place


@pytest.fixture
def anna(warehouse: Warehouse) -> Phone:
    phone = warehouse.phone("Anna")
    phone.pull()
    warehouse.later()
    return phone


def explain_output(phone: Phone) -> str:
    """The output of `explain` about a phone. Asserts that the command writes nothing."""
    out = StringIO()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        call_command("explain", str(phone.device.pk), stdout=out)
    assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []
    return out.getvalue()


def test_a_queue_that_broke_off_is_named_with_what_it_holds(warehouse: Warehouse, anna: Phone) -> None:
    for sku, pieces in (("SOCK", 5), ("CAP", 3), ("SHIRT", 2)):
        anna.add(sku, pieces)
    anna.loses_connection()
    text = explain_output(anna)
    assert f"Device {anna.device.pk}: Anna, Dart/3.5 (dart:io)." in text
    assert f"Last contact {MORNING.year}-" in text
    assert "7 requests read" in text
    assert "Its queue probably still holds: SOCK × 5, CAP × 3, SHIRT × 2." in text
    assert "  1. 0.0: a pass runs or has broken off; it has sent 3 of 3 known items\n" in text
    anna.pull()
    text = explain_output(anna)
    assert "  1. 0.0: at rest; no queue is known\n" in text
    assert re.search(r"Its queue still holds, if story [2-9] is true: SOCK × 5, CAP × 3, SHIRT × 2\.", text)


def test_a_doubt_is_printed_with_both_stories_and_its_question(warehouse: Warehouse, anna: Phone) -> None:
    anna.add("SOCK", 5)
    anna.loses_connection()
    warehouse.later(0.3)
    anna.add("SOCK", 5)
    question = Discrepancy.objects.get()
    text = explain_output(anna)
    assert "Additions that are not settled:" in text
    assert re.search(r"SOCK × 5 at .*, not booked\n +story 1: entered again: 0 pieces\n", text)
    assert re.search(r"\n +story \d: by hand: 5 pieces\n", text), "the likeliest story that books it"
    assert re.search(r"Doubts about SOCK:\n +\+5 in a story of cost \d\.\d \(\+5 for addition 2\)", text)
    assert f"discrepancy {question.pk}: possible_duplicate, SOCK; its next requests may answer it" in text


def test_the_numbers_of_plus_and_minus_are_printed_with_their_readings(warehouse: Warehouse, anna: Phone) -> None:
    seen = anna.find("SOCK")
    assert seen
    for quantity in (11, 12):
        anna.put(seen, quantity=quantity)
    text = explain_output(anna)
    assert "Numbers of + and − for SOCK: 11, 12; booked: +2. Read as:\n  0.0: +2; the page shows 12" in text
    assert "No open question." in text


def test_a_phone_without_a_memory_is_reported_as_such(warehouse: Warehouse) -> None:
    boris = warehouse.phone("Boris")
    text = explain_output(boris)
    assert "It has never fetched the product list.\nNothing more is known of it." in text


def test_without_a_device_the_phones_are_listed(warehouse: Warehouse, anna: Phone) -> None:
    shop = warehouse.program("Shop")
    out = StringIO()
    call_command("explain", stdout=out)
    assert out.getvalue().startswith(f"{anna.device.pk}  Anna, Dart/3.5 (dart:io): last contact ")
    assert "Shop" not in out.getvalue()
    with pytest.raises(CommandError, match="is a program"):
        call_command("explain", str(shop.device.pk), stdout=out)


def test_an_unknown_device_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match="There is no device 999"):
        call_command("explain", "999")
