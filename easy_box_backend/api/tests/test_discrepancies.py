"""GET /api/discrepancies/"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from api.actions import discrepancies
from api.actor import Actor
from api.models import Alert, Discrepancy, Order
from api.tests.calls import Caller, check_error
from api.tests.cases import each
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db
URL = "/api/discrepancies/"
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
Kind = Discrepancy.Kind


@pytest.fixture
def questions(picker: Caller, make_product: MakeProduct) -> list[Discrepancy]:
    """Three discrepancies, the oldest first: about a product, about an order, and about neither."""
    by = Actor(picker.user, picker.device, at=timezone.now())
    order = Order.objects.create(customer_name="Petrova")
    return [
        discrepancies.record(
            Kind.NAME_DIFFERS, by=by.then(NOON), product=make_product("SOCK"), sent="Red socks", kept="Socks"
        ),
        discrepancies.record(Kind.PICKED_AFTER_CANCEL, by=by.then(NOON), order=order, customer="Petrova"),
        discrepancies.record(Kind.UNKNOWN_PRODUCT, by=by.then(NOON + timedelta(hours=1)), sku="CAP", id="uuid"),
    ]


def kinds(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["kind"] for row in answer.json()]


def test_the_list_is_a_bare_array_the_latest_first_with_all_facts(
    manager: Caller, questions: list[Discrepancy]
) -> None:
    rows = manager.get(URL).json()
    assert [row["id"] for row in rows] == [found.pk for found in reversed(questions)]
    first = questions[0]
    assert {name: rows[2][name] for name in rows[2] if name not in ("sentence", "details", "answers")} == {
        "id": first.pk,
        "kind": "name_differs",
        "label": "one SKU, two names",
        "status": "open",
        "product": first.product_id,
        "sku": "SOCK",
        "order": None,
        "device": first.device_id,
        "user": first.user_id,
        "facts": {"sent": "Red socks", "kept": "Socks"},
        "created_at": "2026-05-04T12:00:00Z",
        "resolved_at": None,
        "note": "",
    }
    assert (rows[1]["order"], rows[1]["product"], rows[1]["sku"]) == (questions[1].order_id, None, "")
    assert (rows[0]["sku"], rows[0]["product"]) == ("CAP", None)


def test_the_list_without_discrepancies_is_an_empty_array(manager: Caller) -> None:
    assert manager.get(URL).json() == []


def test_the_list_has_the_open_ones_unless_status_says_otherwise(manager: Caller, questions: list[Discrepancy]) -> None:
    assert manager.post(f"{URL}{questions[0].pk}/resolve/", {"action": "dismiss"}).status_code == 200
    assert manager.post(f"{URL}{questions[2].pk}/resolve/", {"action": "dismiss"}).status_code == 200
    assert kinds(manager.get(URL)) == ["picked_after_cancel"]
    assert kinds(manager.get(URL, {"status": "open"})) == ["picked_after_cancel"]
    assert kinds(manager.get(URL, {"status": "dismissed"})) == ["unknown_product", "name_differs"]
    assert kinds(manager.get(URL, {"status": "applied"})) == []
    assert len(kinds(manager.get(URL, {"status": "all"}))) == 3


def test_the_list_can_be_filtered_by_kind(manager: Caller, questions: list[Discrepancy]) -> None:
    assert kinds(manager.get(URL, {"kind": "name_differs"})) == ["name_differs"]
    assert kinds(manager.get(URL, {"kind": "name_differs", "status": "applied"})) == []


@each("name", ["status", "kind"])
@each("value", ["x", "\x00", "OPEN", "1"])
def test_an_invalid_filter_is_a_400_that_names_it(manager: Caller, name: str, value: str) -> None:
    assert name in check_error(manager.get(URL, {name: value}), 400, "invalid")


def test_a_fixed_number_of_queries_whatever_the_length(manager: Caller, questions: list[Discrepancy]) -> None:
    with CaptureQueriesContext(connection) as few:
        manager.get(URL)
    for number in range(20):
        discrepancies.record(Kind.UNKNOWN_PRODUCT, by=Actor(None, at=NOON), id=str(number))
    with CaptureQueriesContext(connection) as many:
        assert len(manager.get(URL).json()) == 23
    assert len(few) == len(many) <= 9


def test_a_discrepancy_has_its_sentence_its_named_facts_and_what_each_answer_does(
    manager: Caller, questions: list[Discrepancy]
) -> None:
    row = manager.get(URL, {"kind": "name_differs"}).json()[0]
    assert row["sentence"] == (
        "The phone created SKU SOCK as “Red socks”, but a product with this SKU already existed: “Socks”. Its "
        "name was kept. Sent on 4 May 2026, 12:00 by Picker, device “tests”."
    )
    product = questions[0].product
    assert product is not None
    details = {fact["name"]: fact for fact in row["details"]}
    assert details["product"]["value"] == {"id": product.pk, "sku": "SOCK", "name": product.name}
    assert (details["sent"]["label"], details["sent"]["text"]) == ("the phone says", "Red socks")
    assert (details["user"]["text"], details["device"]["text"]) == ("Picker", "tests")
    apply, dismiss = row["answers"]
    assert (apply["action"], apply["text"]) == ("apply", f"Rename it: “{product.name}” → “Red socks”")
    assert apply["changes"] == [
        {"what": "name", "product": product.pk, "sku": "SOCK", "before": product.name, "after": "Red socks"}
    ]
    assert (dismiss["action"], dismiss["changes"], dismiss["asks"]) == ("dismiss", [], [])


def test_the_sentence_is_in_the_callers_language(manager: Caller, questions: list[Discrepancy]) -> None:
    german = manager.get(URL, {"kind": "name_differs"}, headers={"accept-language": "de"}).json()[0]
    assert german["label"] == "eine Artikelnummer, zwei Namen"
    assert german["sentence"].startswith("Das Telefon hat die Artikelnummer SOCK als „Red socks“ angelegt")
    assert german["answers"][0]["text"].startswith("Umbenennen:")


@pytest.mark.both_databases
def test_a_duplicate_of_an_open_question_is_neither_recorded_nor_sent_to_telegram(
    picker: Caller, make_product: MakeProduct
) -> None:
    product, by = make_product("SOCK"), Actor(picker.user, picker.device, at=timezone.now())
    facts: dict[str, Any] = {"sent": "A", "kept": "B"}
    made = [discrepancies.record(Kind.NAME_DIFFERS, by=by.then(NOON), product=product, **facts) for _ in range(2)]
    assert made[0] == made[1]
    alert = Alert.objects.get()
    assert (alert.kind, alert.facts) == (
        "discrepancy",
        {"discrepancy": made[0].pk, "what": "name_differs", "sku": "SOCK"},
    )
    discrepancies.record(Kind.NAME_DIFFERS, by=by.then(NOON), product=product, sent="C", kept="B")
    assert Alert.objects.count() == Discrepancy.objects.count() == 2


def test_after_a_question_is_settled_the_next_one_like_it_is_a_new_question(
    manager: Caller, questions: list[Discrepancy]
) -> None:
    manager.post(f"{URL}{questions[2].pk}/resolve/", {"action": "dismiss"})
    by = Actor(questions[2].user, questions[2].device, at=timezone.now())
    again = discrepancies.record(Kind.UNKNOWN_PRODUCT, by=by.then(NOON), sku="CAP", id="uuid")
    assert again.pk != questions[2].pk
    assert len(kinds(manager.get(URL))) == 3


def test_the_list_can_only_be_read(manager: Caller) -> None:
    for method in ("post", "put", "patch", "delete"):
        check_error(getattr(manager, method)(URL), 405, "method_not_allowed")


def test_a_guest_sees_nothing(guest: APIClient, questions: list[Discrepancy]) -> None:
    check_error(guest.get(URL), 401)
