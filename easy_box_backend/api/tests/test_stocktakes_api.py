"""/api/counts/: a manager starts a stocktake, a program reads its sheet and sends quantities, a manager posts it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from api.models import Count, Product
from api.tests.calls import Caller, check_error
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(make_product: MakeProduct) -> Product:
    return make_product("BOX", quantity=10, location="A1-01", name="Box")


def start(manager: Caller, **body: Any) -> dict[str, Any]:
    answer = manager.post("/api/counts/", {"shelves": ["A1"], **body})
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    assert answer["Location"].endswith(f"/api/counts/{made['id']}/")
    return made


def line(counted: int, **more: Any) -> dict[str, Any]:
    return {"counted": counted, "counted_at": timezone.now().isoformat(), **more}


def test_a_stocktake_is_started_counted_and_posted(
    manager: Caller, picker: Caller, box: Product, make_product: MakeProduct
) -> None:
    make_product("OTHER", quantity=3, location="A1-02")
    made = start(manager)
    assert [found["id"] for found in picker.get("/api/counts/").json()] == [made["id"]]
    sheet = picker.get(f"/api/counts/{made['id']}/").json()
    assert [(row["sku"], row["location"], row["expected"], row["counted"]) for row in sheet["lines"]] == [
        ("BOX", "A1-01", 10, None), ("OTHER", "A1-02", 3, None),
    ]  # fmt: skip
    [row] = picker.post(f"/api/counts/{made['id']}/lines/", {"lines": [line(8, code="BOX")]}).json()["lines"]
    assert (row["product"], row["counted"], row["difference"]) == (box.pk, 8, -2)
    assert (row["user"], row["device"]) == (picker.user.pk, picker.device.pk)
    posted = manager.post(f"/api/counts/{made['id']}/post/").json()
    assert posted["status"] == "posted"
    assert manager.post(f"/api/counts/{made['id']}/post/").json() == posted
    assert [manager.get(f"/api/products/?sku={sku}").json()[0]["quantity"] for sku in ("BOX", "OTHER")] == [8, 3]
    assert picker.get("/api/counts/").json() == []
    assert picker.get("/api/counts/?status=posted").json()[0]["id"] == made["id"]


def test_a_blind_sheet_shows_a_picker_no_quantities_until_it_is_posted(
    manager: Caller, picker: Caller, box: Product
) -> None:
    made = start(manager, blind=True)
    address = f"/api/counts/{made['id']}/"
    [sent] = picker.post(f"{address}lines/", {"lines": [line(8, product=box.pk)]}).json()["lines"]
    [read] = picker.get(address).json()["lines"]
    assert (sent["expected"], sent["difference"]) == (read["expected"], read["difference"]) == (None, None)
    [shown] = manager.get(address).json()["lines"]
    assert (shown["expected"], shown["difference"]) == (10, -2)
    manager.post(f"{address}post/")
    assert picker.get(address).json()["lines"] == [shown]


def test_an_article_number_finds_the_product_in_any_spelling(
    manager: Caller, picker: Caller, make_product: MakeProduct
) -> None:
    product = make_product("012345678905", location="A1")
    made = start(manager)
    [row] = picker.post(f"/api/counts/{made['id']}/lines/", {"lines": [line(2, code="0012345678905")]}).json()["lines"]
    assert row["product"] == product.pk


def test_a_request_with_one_bad_line_is_refused_as_a_whole(manager: Caller, picker: Caller, box: Product) -> None:
    made = start(manager)
    address = f"/api/counts/{made['id']}/"
    good, late = line(8, product=box.pk), (timezone.now() + timedelta(hours=1)).isoformat()
    for bad, status, code in [
        (line(1, code="NOBODY"), 404, "no_such_product"),
        (line(1, product=4711), 404, "no_such_product"),
        (line(-1, product=box.pk), 400, None),
        (line(1, product=box.pk, code="BOX"), 400, None),
        (line(1), 400, None),
        ({"product": box.pk, "counted": 1}, 400, None),
        ({**good, "counted_at": late}, 400, "bad_counted_at"),
        ({**good, "counted_at": "2026-01-31T10:00:00"}, 400, None),
        (line(4_006_381, product=box.pk), 400, "implausible_quantity"),
    ]:
        check_error(picker.post(f"{address}lines/", {"lines": [good, bad]}), status, code)
    check_error(picker.post(f"{address}lines/", {}), 400)
    assert picker.get(address).json()["lines"][0]["counted"] is None


def test_a_closed_stocktake_is_a_conflict_and_an_unknown_one_is_404(
    manager: Caller, picker: Caller, box: Product
) -> None:
    made = start(manager)
    address = f"/api/counts/{made['id']}/"
    check_error(manager.post(f"{address}post/"), 400, "nothing_to_count")
    assert manager.post(f"{address}cancel/").json()["status"] == "cancelled"
    check_error(picker.post(f"{address}lines/", {"lines": [line(1, product=box.pk)]}), 409, "count_closed")
    check_error(manager.post(f"{address}post/"), 409, "count_closed")
    for key in ("4711", "x"):
        check_error(picker.get(f"/api/counts/{key}/"), 404, "no_such_count")
        check_error(manager.post(f"/api/counts/{key}/post/"), 404, "no_such_count")


def test_only_a_manager_starts_posts_and_cancels(manager: Caller, picker: Caller, box: Product) -> None:
    check_error(picker.post("/api/counts/", {"shelves": ["A1"]}), 403)
    made = start(manager)
    for verb in ("post", "cancel"):
        check_error(picker.post(f"/api/counts/{made['id']}/{verb}/"), 403)
    assert Count.objects.get().is_open


def test_a_sheet_of_any_length_takes_the_same_few_queries(
    manager: Caller, make_product: MakeProduct, django_assert_max_num_queries: Any
) -> None:
    for _number in range(30):
        make_product(quantity=1, location="A1")
    made = start(manager)
    with django_assert_max_num_queries(4):
        assert len(manager.get(f"/api/counts/{made['id']}/").json()["lines"]) == 30
