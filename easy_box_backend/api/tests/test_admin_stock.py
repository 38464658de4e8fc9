"""Movements, discrepancies and client errors in the admin."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from api.actions import discrepancies, reports, reversing, stock
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
    return stock.receive(product.pk, quantity, by=Actor(caller.user, caller.device, at=timezone.now()))


def doubtful(product: Product, caller: Caller, quantity: int = 5) -> Discrepancy:
    """Goods that may have been sent twice."""
    movement = received(product, caller, quantity)
    return discrepancies.record(
        Discrepancy.Kind.POSSIBLE_DUPLICATE, by=Actor(caller.user, caller.device, at=timezone.now()),
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
    assert "This movement is already reversed." in text(desk.click("stockmovement", movement.pk, "reverse"))
    assert product.movements.count() == 2
    assert desk.get(f"/admin/api/stockmovement/{movement.pk}/change/").status_code == 200


def test_several_movements_are_reversed_and_a_refusal_is_told(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product = make_product()
    first, second = received(product, picker), received(product, picker)
    reversing.reverse(first.pk, by=Actor(desk.user, at=timezone.now()))
    page = text(desk.act("stockmovement", "reverse_selected", first.pk, second.pk))
    assert "1 movement is reversed." in page
    assert "This movement is already reversed." in page
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
    assert "This discrepancy is already settled." in text(desk.click("discrepancy", found.pk, "reverse"))
    assert "There is nothing here." in text(desk.list("discrepancy"))
    page = text(desk.get(f"/admin/api/discrepancy/{found.pk}/change/"))
    assert "formaction" not in page
    assert "Manager" in page


def test_its_page_offers_a_note_and_only_the_ways_that_make_sense(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product = make_product()
    stock.adjust(product.pk, -3, reason="x", by=Actor(picker.user, at=timezone.now()))
    found = Discrepancy.objects.get(kind="negative_stock")
    page = text(desk.get(f"/admin/api/discrepancy/{found.pk}/change/"))
    assert "count the goods." in page
    assert "−3" in page
    assert 'name="note"' in page
    assert f"/admin/api/discrepancy/{found.pk}/do/dismiss/" in page


# --- What the button said ---------------------------------------------------------------------------------------------
BARCODE = 4_006_381_333_999


def press(desk: Desk, page: str, verb: str, **values: Any) -> str:
    """Press the button of this answer as the page shows it. Returns the page that follows."""
    address = next(found for found in re.findall(r'formaction="([^"]+)"', page) if f"/do/{verb}/" in found)
    return text(desk.post(html.unescape(address), values, follow=True))


def card(desk: Desk, found: Discrepancy) -> str:
    return text(desk.get(f"/admin/api/discrepancy/{found.pk}/change/"))


def held_back(product: Product, caller: Caller, pieces: int) -> Discrepancy:
    kind = Discrepancy.Kind.IMPLAUSIBLE_QUANTITY if pieces > 1_000_000 else Discrepancy.Kind.QUANTITY_GUESS
    pending = [{"product": product.pk, "delta": pieces}]
    by = Actor(caller.user, caller.device, at=timezone.now())
    return discrepancies.record(kind, by=by.then(timezone.now()), product=product, quantity=pieces, pending=pending)


def test_a_barcode_as_a_quantity_is_not_booked_by_one_click_and_the_real_number_is(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product = make_product(quantity=4)
    found = held_back(product, picker, BARCODE)
    assert "/do/apply/" not in text(desk.list("discrepancy")), "the list leads to the page that asks"
    page = card(desk, found)
    assert 'name="quantity"' in page
    assert "4,006,381,333,999" in page
    assert "How many pieces were there really?" in press(desk, page, "apply")
    assert "Enter a whole number." in press(desk, page, "apply", quantity="three")
    assert "implausible" in press(desk, page, "apply", quantity=str(BARCODE))
    assert Product.objects.get().quantity == 4
    assert "Applied." in press(desk, page, "apply", quantity="3", note="a scan")
    assert Product.objects.get().quantity == 7
    found.refresh_from_db()
    assert (found.status, found.note) == ("applied", "a scan")


def test_a_page_that_shows_old_numbers_does_nothing_and_shows_the_new_ones(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product = make_product(quantity=10)
    page = card(desk, held_back(product, picker, 15))
    assert "Book 15 pieces: 10 → 25" in page
    received(product, picker)
    after = press(desk, page, "apply")
    assert "The numbers have changed in the meantime, so nothing was done." in after
    assert "Book 15 pieces: 15 → 30" in after
    assert Product.objects.get().quantity == 15
    assert "Applied." in press(desk, after, "apply")
    assert Product.objects.get().quantity == 30


def test_goods_of_a_mistyped_sku_are_moved_from_its_page(desk: Desk, make_product: MakeProduct, picker: Caller) -> None:
    right, wrong = make_product("SOCK", 4), make_product("SOKC", 3, unverified=True)
    by = Actor(picker.user, picker.device, at=timezone.now())
    found = discrepancies.record(Discrepancy.Kind.UNKNOWN_SKU, by=by.then(timezone.now()), product=wrong)
    page = card(desk, found)
    assert page.index("/do/move/") < page.index("/do/apply/"), "Enter in the field presses the first button"
    assert "No product in use has the SKU NOWHERE." in press(desk, page, "move", sku="NOWHERE")
    assert "Moved." in press(desk, page, "move", sku=" SOCK ")
    right.refresh_from_db()
    wrong.refresh_from_db()
    assert (right.quantity, wrong.quantity, wrong.is_archived) == (7, 0, True)


def test_an_unknown_product_is_made_from_its_page(desk: Desk, picker: Caller) -> None:
    by = Actor(picker.user, picker.device, at=timezone.now())
    found = discrepancies.record(
        Discrepancy.Kind.UNKNOWN_PRODUCT, by=by.then(timezone.now()), sku="CAP", id="uuid", name="Cap", quantity=6
    )
    page = card(desk, found)
    assert 'value="Cap"' in page
    assert "Applied." in press(desk, page, "apply", name="Green cap", sku="CAP", quantity="5")
    made = Product.objects.get()
    assert (made.name, made.sku, made.quantity) == ("Green cap", "CAP", 5)


# --- Many at once -----------------------------------------------------------------------------------------------------
def settle_many(
    desk: Desk, verb: str, *found: Discrepancy, between: Callable[[], Any] = lambda: None
) -> tuple[str, str]:
    """Select these, choose the action and confirm. Returns both pages."""
    asked = text(desk.act("discrepancy", f"{verb}_selected", *[row.pk for row in found]))
    shown = re.search(r'name="shown" value="([^"]+)"', asked)
    between()
    values = {"shown": html.unescape(shown[1])} if shown else {}
    return asked, text(desk.act("discrepancy", f"{verb}_selected", *[row.pk for row in found], **values))


def test_many_alike_are_settled_at_once_each_with_the_numbers_shown_before(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product, other = make_product("SOCK"), make_product("CAP")
    found = [doubtful(product, picker), doubtful(product, picker, 3), doubtful(other, picker)]
    asked, after = settle_many(desk, "reverse", *found)
    assert "Take 3 pieces back out: 8 → 5" in asked
    assert "Take 5 pieces back out: 5 → 0" in asked
    assert "3 are settled." in after
    assert [product.quantity for product in Product.objects.all()] == [0, 0]
    assert Discrepancy.objects.filter(status="reversed").count() == 3


def test_of_many_those_that_have_changed_are_left_and_told(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product, other = make_product("SOCK"), make_product("CAP")
    found = [doubtful(product, picker), doubtful(other, picker)]
    _asked, after = settle_many(desk, "reverse", *found, between=lambda: received(product, picker, 2))
    assert "1 is settled." in after
    assert "1 is not settled." in after
    assert "Take 5 pieces back out: 7 → 2" in after
    assert list(Discrepancy.objects.open()) == [found[0]]
    product.refresh_from_db()
    assert product.quantity == 7


def test_of_many_those_that_ask_for_a_number_are_not_among_them(
    desk: Desk, make_product: MakeProduct, picker: Caller
) -> None:
    product = make_product("SOCK", 1)
    found = [held_back(product, picker, 2), held_back(product, picker, BARCODE)]
    asked, after = settle_many(desk, "apply", *found)
    assert "Left out" in asked
    assert "1 is settled." in after
    product.refresh_from_db()
    assert product.quantity == 3


def test_more_than_500_are_not_settled_at_once(desk: Desk, make_product: MakeProduct, picker: Caller) -> None:
    product, by = make_product("SOCK"), Actor(picker.user, picker.device, at=timezone.now())
    Discrepancy.objects.bulk_create([
        Discrepancy(kind="short_picked", product=product, facts={"quantity": n}, created_at=timezone.now())
        for n in range(510)
    ])  # fmt: skip
    asked = text(desk.act("discrepancy", "dismiss_selected", *Discrepancy.objects.values_list("pk", flat=True)))
    assert "Only the latest 500" in asked
    from api.actions import settling

    with pytest.raises(settling.NotApplicable):
        settling.resolve_many(dict.fromkeys(range(501), ""), "dismiss", by=by.then(timezone.now()))


def test_the_list_is_paged_and_filtered_by_kind_product_and_phone(
    desk: Desk, make_product: MakeProduct, picker: Caller, colleague: Caller
) -> None:
    sock, cap = make_product("SOCK"), make_product("CAP")
    for number in range(60):
        doubtful(sock, picker, number + 1)
    doubtful(cap, colleague, 5)
    held_back(cap, picker, 5)
    assert text(desk.list("discrepancy")).count('class="action-select"') == 50
    assert text(desk.list("discrepancy", "?p=2")).count('class="action-select"') == 12
    for query, rows in (
        (f"?product={cap.pk}", 2), (f"?device={colleague.device.pk}", 1), ("?kind__exact=quantity_guess", 1),
        (f"?product={cap.pk}&device={picker.device.pk}", 1), ("?product=x&device=y", 50),
    ):  # fmt: skip
        assert text(desk.list("discrepancy", query)).count('class="action-select"') == rows, query


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
