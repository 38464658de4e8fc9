"""Movements, discrepancies and client errors in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from api.actions import discrepancies, reports, stock
from api.actor import Actor
from api.models import Discrepancy, Product, StockMovement
from api.tests.admin_desk import Desk, enter, text
from api.tests.calls import Caller
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(manager: Caller) -> Desk:
    return enter(manager.user)


def received(product: Product, caller: Caller, quantity: int = 5) -> StockMovement:
    return stock.receive(product.pk, quantity, by=Actor(caller.user, caller.device), at=timezone.now())


def doubtful(product: Product, caller: Caller, quantity: int = 5) -> Discrepancy:
    """Goods that may have been sent twice."""
    movement = received(product, caller, quantity)
    return discrepancies.record(
        Discrepancy.Kind.POSSIBLE_DUPLICATE, by=Actor(caller.user, caller.device), at=timezone.now(),
        product=product, booked=[movement.pk], quantity=quantity,
    )  # fmt: skip


# --- Movements --------------------------------------------------------------------------------------------------------
def test_movements_show_who_and_are_reversed_by_one_click(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product = make_product()
    movement = received(product, picker)
    page = text(desk.list("stockmovement"))
    assert "+5" in page
    assert "Picker" in page
    assert "The movement is reversed." in text(desk.click("stockmovement", movement.pk, "reverse"))
    product.refresh_from_db()
    assert product.quantity == 0
    assert "This movement is reversed already." in text(desk.click("stockmovement", movement.pk, "reverse"))
    assert product.movements.count() == 2
    assert desk.get(f"/admin/api/stockmovement/{movement.pk}/change/").status_code == 200


def test_several_movements_are_reversed_and_a_refusal_is_told(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product = make_product()
    first, second = received(product, picker), received(product, picker)
    stock.reverse(first.pk, by=Actor(desk.user), at=timezone.now())
    page = text(desk.act("stockmovement", "reverse_selected", first.pk, second.pk))
    assert "1 movement is reversed." in page
    assert "This movement is reversed already." in page
    product.refresh_from_db()
    assert product.quantity == 0


def test_the_ledger_is_only_looked_at(desk: Desk, make_product: MakeProduct, picker: Caller) -> None:
    movement = received(make_product(), picker)
    assert desk.get("/admin/api/stockmovement/add/").status_code == 403
    url = f"/admin/api/stockmovement/{movement.pk}"
    assert desk.post(f"{url}/change/", {"quantity_delta": 9}).status_code == 403
    assert desk.post(f"{url}/delete/", {"post": "yes"}).status_code == 403


def test_a_products_movements_are_filtered(desk: Desk, make_product: MakeProduct, picker: Caller) -> None:
    one, other = make_product(sku="ONE"), make_product(sku="OTHER")
    received(one, picker)
    received(other, picker)
    page = text(desk.list("stockmovement", f"?product__id__exact={one.pk}"))
    assert "ONE" in page
    assert "OTHER" not in page


def test_a_list_of_movements_takes_a_fixed_number_of_queries(
    desk: Desk, make_product: MakeProduct, picker: Caller, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        received(make_product(), picker)
    with django_assert_max_num_queries(9):
        desk.list("stockmovement")


# --- Discrepancies ----------------------------------------------------------------------------------------------------
def test_an_open_discrepancy_is_counted_told_in_words_and_reversed_by_one_click(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product = make_product()
    found = doubtful(product, picker)
    assert 'desk-tile-number">1<' in text(desk.get("/admin/"))
    page = text(desk.list("discrepancy"))
    assert "may have been sent twice." in page
    assert "Take 5 pieces back out: 5 → 0" in page
    assert "Reversed." in text(desk.click("discrepancy", found.pk, "reverse", note="Das war doppelt"))
    found.refresh_from_db()
    assert (found.status, found.resolved_by, found.note) == ("reversed", desk.user, "Das war doppelt")
    product.refresh_from_db()
    assert product.quantity == 0


@pytest.mark.parametrize(("verb", "status"), [("apply", "applied"), ("dismiss", "dismissed")])
def test_it_is_applied_or_dismissed_and_the_stock_stays(
    desk: Desk, make_product: MakeProduct, picker: Caller, verb: str, status: str
) -> None:
    product = make_product()
    found = doubtful(product, picker)
    desk.click("discrepancy", found.pk, verb)
    found.refresh_from_db()
    product.refresh_from_db()
    assert (found.status, product.quantity) == (status, 5)


def test_it_is_settled_once(desk: Desk, make_product: MakeProduct, picker: Caller) -> None:
    found = doubtful(make_product(), picker)
    desk.click("discrepancy", found.pk, "dismiss")
    assert "This discrepancy is settled already." in text(desk.click("discrepancy", found.pk, "reverse"))
    assert "There is nothing here." in text(desk.list("discrepancy"))
    page = text(desk.get(f"/admin/api/discrepancy/{found.pk}/change/"))
    assert "formaction" not in page
    assert "Manager" in page


def test_its_page_offers_a_note_and_only_the_ways_that_make_sense(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product = make_product()
    stock.adjust(product.pk, -3, reason="x", by=Actor(picker.user), at=timezone.now())
    found = Discrepancy.objects.get(kind="negative_stock")
    page = text(desk.get(f"/admin/api/discrepancy/{found.pk}/change/"))
    assert "Count the shelf." in page
    assert "−3" in page
    assert 'name="note"' in page
    assert f"/admin/api/discrepancy/{found.pk}/do/dismiss/" in page


def test_a_list_of_discrepancies_takes_a_fixed_number_of_queries(
    desk: Desk, make_product: MakeProduct, picker: Caller, django_assert_max_num_queries: Any
) -> None:
    for _ in range(15):
        doubtful(make_product(), picker)
    with django_assert_max_num_queries(19):
        desk.list("discrepancy")


# --- Client errors ----------------------------------------------------------------------------------------------------
def test_client_errors_are_counted_and_their_markup_is_harmless(desk: Desk) -> None:
    for _ in range(3):
        error = reports.record_client_error("<script>alert(1)</script>", user_agent="<b>x</b>", at=timezone.now())
    for page in (text(desk.list("clienterror")), text(desk.get(f"/admin/api/clienterror/{error.pk}/change/"))):
        assert "<script>alert" not in page
        assert "<b>x" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert ">3<" in page


def test_a_client_error_may_be_deleted_but_not_changed(desk: Desk) -> None:
    error = reports.record_client_error("Broken", user_agent="", at=timezone.now())
    assert desk.post(f"/admin/api/clienterror/{error.pk}/change/", {"message": "x"}).status_code == 403
    assert desk.post(f"/admin/api/clienterror/{error.pk}/delete/", {"post": "yes"}).status_code == 302
    assert "There is nothing here." in text(desk.list("clienterror"))
