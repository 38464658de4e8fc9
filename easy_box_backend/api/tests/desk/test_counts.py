"""The pages of stocktakes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from api.actions import barcodes, ledger, stock, stocktakes
from api.actor import Actor
from api.models import Count, CountLine, Product, StockMovement, User
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf(make_product: MakeProduct) -> list[Product]:
    """Three products on a shelf, in its order, and one elsewhere."""
    made = [make_product(f"P-{n}", quantity=10 * n, location=f"A1-0{n}", name=f"Thing {n}") for n in (1, 2, 3)]
    return [*made, make_product("ELSEWHERE", quantity=5, location="B1")]


def start(desk: Client, **typed: Any) -> str:
    """Start a stocktake. Returns the address of its sheet."""
    answer = desk.post("/counts/", {"shelves": "A1", **typed})
    assert answer.status_code == 302, answer.content
    return answer.headers["Location"]


def text(answer: Any) -> str:
    """The text of a page."""
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def enter(desk: Client, sheet: str, product: Product, number: str, query: str = "", **more: str) -> Any:
    """Enter a number for a product. query: of the sheet's address. more: other fields of the form."""
    return desk.post(f"{sheet}enter/{query}", {"product": product.pk, "number": number, **more})


def counted() -> dict[str, int | None]:
    """The counted quantity of each line of the sheet, by SKU."""
    return dict(CountLine.objects.order_by("product__location").values_list("product__sku", "counted"))


def test_the_form_says_what_is_unknown_and_keeps_what_was_typed(desk: Client, shelf: list[Product]) -> None:
    page = text(desk.post("/counts/", {"shelves": "A1, B7", "products": "P-1\nNOBODY\n", "blind": "on"}))
    assert "Nothing has this code: NOBODY" in page
    assert 'value="A1, B7"' in page
    assert not Count.objects.exists()
    page = text(desk.post("/counts/", {"shelves": "Z9"}))
    assert "There are no such products." in page


def test_a_nul_character_is_no_server_error(desk: Client, shelf: list[Product]) -> None:
    assert "There are no such products." in text(desk.post("/counts/", {"shelves": "A\0"}))
    sheet = start(desk, shelves="A1, A\0")
    assert "Nothing has this code" in text(desk.get(sheet, {"code": "A\0"}))
    assert enter(desk, sheet, shelf[0], "A\0").status_code == 302
    assert desk.get("/labels/", {"of_shelf": "A\0", "shelf": "A\0", "code": "A\0"}).status_code == 200


def test_other_pages_fill_the_form_in(desk: Client, shelf: list[Product]) -> None:
    page = text(desk.get(f"/counts/?shelf=A1&product={shelf[3].pk}&product=x"))
    assert 'value="A1"' in page
    assert ">ELSEWHERE</textarea>" in page


def test_shelves_and_products_become_a_sheet_by_shelf(desk: Client, shelf: list[Product]) -> None:
    sheet = start(desk, products="ELSEWHERE")
    page = text(desk.get(sheet))
    places = [page.index(f"{product}") for product in shelf]
    assert places == sorted(places)
    assert "0 of 4" in page
    listed = text(desk.get("/counts/"))
    assert f'href="{sheet}"' in listed
    assert "0 of 4" in listed


def test_a_scan_selects_the_product_and_enter_saves_the_number(desk: Client, shelf: list[Product]) -> None:
    sheet = start(desk)
    page = text(desk.get(sheet, {"code": " P-2 "}))
    assert "Thing 2" in page
    assert "on hand: 20" in page
    assert 'id="number"' in page
    answer = enter(desk, sheet, shelf[1], "18")
    assert answer.headers["Location"].startswith(sheet)
    page = text(desk.get(answer.headers["Location"]))
    assert "P-2 · Thing 2: 18 pieces" in page
    assert 'id="code"' in page, "it asks for the next code"
    assert counted() == {"P-1": None, "P-2": 18, "P-3": None}


def test_shelf_by_shelf_the_next_product_is_offered(desk: Client, shelf: list[Product]) -> None:
    sheet = start(desk)
    assert "Thing 1" in text(desk.get(f"{sheet}?walk=1"))
    answer = enter(desk, sheet, shelf[0], "10", "?walk=1")
    assert text(desk.get(answer.headers["Location"])).index("Thing 2") > 0
    page = desk.get(answer.headers["Location"])
    assert page.context["entry"].product == shelf[1]
    assert desk.get(f"{sheet}?walk=1&skip=1").context["entry"].product == shelf[2]
    answer = enter(desk, sheet, shelf[2], "10", "?walk=1&skip=1")
    assert desk.get(answer.headers["Location"]).context["entry"].product == shelf[1], "what was skipped comes last"
    answer = enter(desk, sheet, shelf[1], "10", "?walk=1&skip=1")
    assert "Everything is counted." in text(desk.get(answer.headers["Location"]))


def test_a_scan_into_the_number_field_selects_the_next_product_and_counts_nothing(
    desk: Client, shelf: list[Product]
) -> None:
    sheet = start(desk)
    answer = enter(desk, sheet, shelf[0], "P-3", "?walk=1")
    assert answer.headers["Location"].endswith("?walk=1&code=P-3")
    assert desk.get(answer.headers["Location"]).context["entry"].product == shelf[2]
    assert set(counted().values()) == {None}
    assert "Nothing has this code: NO" in text(desk.get(enter(desk, sheet, shelf[0], "NO").headers["Location"]))


def test_an_article_number_of_digits_is_no_number_of_pieces(
    desk: Client, shelf: list[Product], make_product: MakeProduct
) -> None:
    make_product("4006381333931", location="A1-09")
    short = make_product("1001", location="A1-09")
    sheet = start(desk)
    answer = enter(desk, sheet, shelf[0], "4006381333931")
    assert answer.headers["Location"].endswith("?code=4006381333931")
    asked = enter(desk, sheet, shelf[0], "1001")
    assert "Is 1001 really the number of pieces?" in text(asked)
    assert set(counted().values()) == {None}
    assert enter(desk, sheet, shelf[0], "1001", sure="1001").status_code == 302
    assert counted()["P-1"] == 1001
    assert short.sku in counted()


def test_far_more_than_expected_has_to_be_confirmed(desk: Client, shelf: list[Product]) -> None:
    sheet = start(desk)
    assert "really" in text(enter(desk, sheet, shelf[0], "5000"))
    assert "really" in text(enter(desk, sheet, shelf[0], "6000", sure="5000")), "another number than the confirmed one"
    assert enter(desk, sheet, shelf[0], "6 000", sure="6 000").status_code == 302
    assert counted()["P-1"] == 6000


def test_a_second_place_is_added_with_a_plus_and_a_double_click_adds_once(desk: Client, shelf: list[Product]) -> None:
    sheet = start(desk)
    enter(desk, sheet, shelf[0], "7")
    assert "counted already: 7" in text(desk.get(sheet, {"code": "P-1"}))
    for _click in range(2):
        enter(desk, sheet, shelf[0], "+3", form_token="abc")
    assert counted()["P-1"] == 10
    enter(desk, sheet, shelf[0], "9")
    assert counted()["P-1"] == 9


def test_a_label_of_a_pack_says_how_many_it_has_and_packs_are_multiplied(
    desk: Client, vera: User, shelf: list[Product]
) -> None:
    barcodes.add(shelf[0].pk, "4006381333931", pieces=12, by=Actor(vera, at=timezone.now()))
    sheet = start(desk)
    assert "a pack of 12" in text(desk.get(sheet, {"code": "4006381333931"}))
    enter(desk, sheet, shelf[0], "5×12")
    enter(desk, sheet, shelf[0], "+ 2 x 3")
    assert counted()["P-1"] == 66


def test_a_product_that_is_not_on_the_sheet_is_added(desk: Client, shelf: list[Product]) -> None:
    sheet = start(desk)
    assert "not on the sheet" in text(desk.get(sheet, {"code": "ELSEWHERE"}))
    assert CountLine.objects.count() == 3, "looking adds nothing"
    enter(desk, sheet, shelf[3], "4")
    assert counted()["ELSEWHERE"] == 4


def test_a_refused_number_stays_in_the_field(desk: Client, shelf: list[Product]) -> None:
    sheet = start(desk)
    page = text(enter(desk, sheet, shelf[0], "99000000", sure="99000000"))
    assert "implausible" in page
    assert 'value="99000000"' in page
    assert counted()["P-1"] is None


def test_a_blind_count_shows_no_quantity_on_the_sheet_and_all_of_them_at_the_end(
    desk: Client, shelf: list[Product]
) -> None:
    sheet = start(desk, blind="on")
    enter(desk, sheet, shelf[0], "777")
    for address in (sheet, f"{sheet}?code=P-2", f"{sheet}?view=left", f"{sheet}paper/"):
        page = text(desk.get(address))
        assert "expected" not in page
        assert "on hand" not in page
        assert "difference</th>" not in page
    assert "+767" in text(desk.get(f"{sheet}?view=differences"))


def test_differences_are_looked_at_counted_again_and_posted_together(
    desk: Client, vera: User, shelf: list[Product]
) -> None:
    sheet = start(desk)
    for product, number in zip(shelf, ["10", "18", "33"], strict=False):
        enter(desk, sheet, product, number)
    stock.receive(shelf[1].pk, 5, by=Actor(vera, at=timezone.now()))
    desk.get(sheet)  # the messages
    page = text(desk.get(f"{sheet}?view=differences"))
    assert "Post all, 2 differences" in page
    assert "P-1 " not in page
    assert "−2" in page
    assert "+3" in page
    answer = desk.post(f"{sheet}end/", {"do": "recount", "product": [shelf[2].pk]})
    assert desk.get(answer.headers["Location"]).context["entry"].product == shelf[2]
    enter(desk, sheet, shelf[2], "30")
    assert "Post all, 1 difference" in text(desk.get(f"{sheet}?view=differences"))
    for _click in range(2):
        answer = desk.post(f"{sheet}end/", {"do": "post", "form_token": "abc"})
    assert "is posted" in text(desk.get(answer.headers["Location"]))
    assert [Product.objects.get(pk=product.pk).quantity for product in shelf] == [10, 23, 30, 5]
    assert StockMovement.objects.filter(kind="count").count() == 3
    assert ledger.broken_ledgers() == []


def test_a_sheet_on_paper_counts_as_of_when_it_was_counted(desk: Client, vera: User, shelf: list[Product]) -> None:
    Product.objects.update(created_at=timezone.now() - timedelta(days=1))
    shelf[0].versions.update(changed_at=timezone.now() - timedelta(days=1))
    StockMovement.objects.update(occurred_at=timezone.now() - timedelta(days=1))
    sheet = start(desk)
    stock.receive(shelf[0].pk, 5, by=Actor(vera, at=timezone.now()))
    earlier = timezone.localtime(timezone.now() - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    answer = enter(desk, sheet, shelf[0], "8", f"?at={earlier}")
    assert f"at={earlier.replace(':', '%3A')}" in answer.headers["Location"], "it stays for the next one"
    [line] = CountLine.objects.compared().filter(product=shelf[0])
    assert (line.expected, line.difference) == (10, -2)


def test_cancelling_books_nothing(desk: Client, shelf: list[Product]) -> None:
    sheet = start(desk)
    enter(desk, sheet, shelf[0], "1")
    answer = desk.post(f"{sheet}end/", {"do": "cancel"})
    page = text(desk.get(answer.headers["Location"]))
    assert "Nothing was booked." in page
    assert 'id="code"' not in page
    assert Product.objects.get(pk=shelf[0].pk).quantity == 10
    assert "posted or cancelled already" in text(enter(desk, sheet, shelf[0], "2"))
    answer = desk.post(f"{sheet}end/", {"do": "post"})
    assert "posted or cancelled already" in text(desk.get(answer.headers["Location"]))


def test_the_paper_has_every_product_with_its_code(desk: Client, shelf: list[Product]) -> None:
    page = text(desk.get(f"{start(desk)}paper/"))
    assert page.count('class="code bars"') == 3
    assert all(product.name in page for product in shelf[:3])


def test_an_unknown_address_is_a_404_and_a_reloaded_entry_leads_back_to_the_sheet(
    desk: Client, shelf: list[Product]
) -> None:
    sheet = start(desk)
    assert desk.get("/counts/4711/").status_code == 404
    assert desk.post(f"{sheet}enter/", {"product": "x", "number": "1"}).status_code == 404
    assert desk.get(f"{sheet}enter/?walk=1").headers["Location"] == f"{sheet}?walk=1"


def test_the_pages_take_few_queries_however_long_the_sheet(
    desk: Client, make_product: MakeProduct, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(120):
        make_product(f"P-{number}", quantity=3, location=f"A1-{number:03}")
    sheet = start(desk)
    for address in (sheet, f"{sheet}?walk=1", f"{sheet}?code=P-7", f"{sheet}?view=differences", f"{sheet}paper/"):
        with django_assert_max_num_queries(11):
            desk.get(address)
    with django_assert_max_num_queries(7):
        desk.get("/counts/")


def test_the_sheet_is_fetched_again_only_when_something_was_counted(
    desk: Client, vera: User, make_product: MakeProduct, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    sock, by = make_product("SOCK", 5), Actor(vera, at=timezone.now())
    count = stocktakes.start(product_ids=[sock.pk], blind=False, by=by)
    mark = desk.get(f"/counts/{count.pk}/").context["mark"]
    with django_assert_max_num_queries(5):
        assert desk.get(f"/counts/{count.pk}/?seen={mark}").status_code == 204
    for number in (4, 6):
        stocktakes.enter(count.pk, [stocktakes.Counted(sock.pk, number, by.at)], by=by)
        answer = desk.get(f"/counts/{count.pk}/", {"view": "left", "seen": mark})
        assert answer.status_code == 200
        assert '<a id="left" href="?view=left"' in answer.content.decode()
        mark = answer.context["mark"]
    stocktakes.recount(count.pk, [sock.pk])
    assert desk.get(f"/counts/{count.pk}/?seen={mark}").status_code == 200
