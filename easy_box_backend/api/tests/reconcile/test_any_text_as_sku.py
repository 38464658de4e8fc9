"""Any text that a camera can read may be a SKU in the queue of additions: the pass succeeds, and the goods are booked
once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api.models import Discrepancy, Product, StockMovement
from api.tests.examples import examples, some
from api.tests.reconcile.people import Phone, Warehouse
from proofs.phone.dio import resolve

pytestmark = pytest.mark.django_db

# The same examples in each run.
profile = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

MARKING_CODE = "0104600439931256215&:Yd%\x1d91EE06\x1d92" + "a+/=;&x%4%" * 9
QR_TEXT = "https://example.com/?a=1&b=2;c=%D0%B0+%zz " * 69
ODD_LABELS = [
    MARKING_CODE, QR_TEXT, "Щ" * 1476, "x" * 130, "x" * 255, "x" * 256, "", " ", "\t\r\n", "\x1d", "\0", "a\0b", "\x01",
    "\u200b", "\ufeffA", "\u2060\u200e", "\ufffd", "\ud83d", "a\ude00", "A&B", "A=B", "&", "=", "&&sku=B", "a;b", "%",
    "%zz", "%4", "A%20B", "A%2BB", "%00", "%FF%FE", "%ED%A0%80", "A+B", "+", "A B", "#", "A#B", "A//B", "../A",
    "&limit=x", "&" * 1200, "sku=A", "[]", "null", "😀", "e\u0301", "A\u00a0B", "\u2028",
]  # fmt: skip


def look_up(phone: Phone, sku: str) -> Any:
    """Look a SKU up as the app does: it is inserted into the URL unescaped, and Dart then encodes the URL."""
    scanned = sku.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # as Dart encodes half a pair
    return phone.send("get", resolve("http://testserver/api", f"/products/?sku={scanned}").target)


def send_queue(phone: Phone, queue: list[tuple[str, int]]) -> None:
    """Send a queue in one pass of the app. The app cannot continue after an error or an empty response."""
    for sku, pieces in queue:
        answer = look_up(phone, sku)
        assert answer.status_code == 200, (sku, answer.content)
        found = answer.json()
        assert len(found) == 1, f"{sku!r} is unknown: the app hangs here"
        assert phone.book(found[0]["id"], pieces).status_code == 200
    assert phone.send("get", "/api/products/").status_code == 200


def on_hand() -> int:
    return Product.objects.aggregate(total=Sum("quantity"))["total"] or 0


def check_goes_through_once(warehouse: Warehouse, phone: Phone, sku: str) -> None:
    before, questions = on_hand(), Discrepancy.objects.open().count()
    warehouse.later()
    send_queue(phone, [("KNOWN", 1), (sku, 3), ("KNOWN", 1)])
    assert on_hand() == before + 5
    warehouse.later()
    product = StockMovement.objects.filter(quantity_delta=3).latest("id").product
    assert not product.unverified or Discrepancy.objects.open().filter(product=product).exists()
    # A second pass with this label adds to the same product, and creates no more questions.
    questions = Discrepancy.objects.open().count()
    send_queue(phone, [("KNOWN", 1), (sku, 3)])
    assert StockMovement.objects.filter(quantity_delta=3).latest("id").product == product
    assert on_hand() == before + 9
    assert Discrepancy.objects.open().count() <= questions


@pytest.mark.parametrize("sku", some(ODD_LABELS, "a queue"), ids=lambda sku: ascii(sku)[:40])
def test_a_queue_with_this_label_in_it_goes_through_and_the_goods_are_on_hand_once(
    warehouse: Warehouse, anna: Phone, sku: str
) -> None:
    warehouse.product("KNOWN")
    anna.pull()
    check_goes_through_once(warehouse, anna, sku)


@settings(profile, max_examples=examples(120))
@given(
    sku=st.one_of(
        st.text(st.characters(codec=None, categories=None), max_size=300),
        st.text(st.sampled_from("&=%;+#/?0aF \0\x1d\u200b\ufffd\ud83dЩ"), max_size=60),
        st.text(min_size=900, max_size=1500),
    )
)
@example(sku="")
def test_a_queue_with_any_text_in_it_goes_through(warehouse: Warehouse, anna: Phone, sku: str) -> None:
    if not Product.objects.live().filter(sku="KNOWN").exists():
        warehouse.product("KNOWN")
    check_goes_through_once(warehouse, anna, sku)


@settings(profile, max_examples=examples(150))
@given(query=st.binary(max_size=200))
def test_any_bytes_in_the_address_get_a_response_without_error(warehouse: Warehouse, anna: Phone, query: bytes) -> None:
    """Also for bytes that no known program sends there is no error, and within a pass the response has a product."""
    known = Product.objects.live().filter(sku="KNOWN").first()
    product = known.pk if known else warehouse.product("KNOWN")
    warehouse.later()
    anna.book(product, 1)
    anna.clock.shift(0.02)  # type: ignore[union-attr]
    raw = "sku=" + query.decode("latin-1")
    answer = anna.http.get("/api/products/", QUERY_STRING=raw, REMOTE_PORT=str(anna.port))
    assert answer.status_code == 200
    assert len(answer.json()) == 1


any_text = st.text(st.characters(codec=None, categories=None), max_size=300)


@settings(profile, max_examples=examples(100))
@given(sku=any_text, name=any_text, location=st.none() | any_text)
def test_any_text_in_a_creation_or_an_edit_is_stored_as_far_as_possible(
    warehouse: Warehouse, anna: Phone, sku: str, name: str, location: str | None
) -> None:
    """A text that the database cannot store, or that is too long, is not refused. Only a taken SKU is, once."""
    warehouse.later()
    body = json.dumps({"sku": sku, "name": name, "location": location, "quantity": 0})
    answers = [
        anna.http.generic("POST", "/api/products/", body, content_type="application/json") for _ in range(2)
    ]  # the app's queue sends the second one
    assert answers[-1].status_code == 201, answers[-1].content
    assert answers[0].status_code == 201 or answers[0].json()["code"] == "sku_taken"
    made = answers[-1].json()
    assert made["sku"]
    assert made["name"]
    answer = anna.http.generic("PUT", f"/api/products/{made['id']}/", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
