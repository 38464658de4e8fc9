"""Counting in a browser."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from api.models import CountLine, Product
from api.tests.browser.conftest import assert_accessible
from api.tests.conftest import MakeProduct
from api.tests.desk.decoding import codes_in_pdf

Look = Callable[[Page, str], None]


def shelf_of(make_product: MakeProduct, number: int) -> list[Product]:
    return [
        make_product(f"SKU-{n:02}", quantity=n, location=f"A1-{n:02}", name=f"Кружка {n}") for n in range(1, number + 1)
    ]


def test_a_shelf_of_sixty_is_counted_with_one_field_and_enter_each_and_posted(
    desk_page: Page, make_product: MakeProduct, look: Look
) -> None:
    shelf = shelf_of(make_product, 60)
    desk_page.goto("/counts/")
    look(desk_page, "counts")
    assert_accessible(desk_page)
    desk_page.keyboard.type("A1")  # the field has the focus
    desk_page.keyboard.press("Enter")
    desk_page.get_by_role("link", name="По полкам").click()
    for product in shelf:
        expect(desk_page.locator(".entry .chosen")).to_contain_text(product.sku)
        expect(desk_page.locator("#number")).to_be_focused()
        desk_page.keyboard.type(str(product.quantity - (2 if product.sku == "SKU-30" else 0)))
        desk_page.keyboard.press("Enter")
    desk_page.get_by_role("link", name="Посмотреть расхождения").click()
    expect(desk_page.locator("table.rows tbody tr")).to_have_count(1)
    expect(desk_page.locator("table.rows")).to_contain_text("−2")
    look(desk_page, "count differences")
    assert_accessible(desk_page)
    desk_page.get_by_role("button", name="Провести всё").click()
    expect(desk_page.locator("#messages")).to_contain_text("проведён")
    assert Product.objects.get(sku="SKU-30").quantity == 28
    assert Product.objects.get(sku="SKU-31").quantity == 31


def test_a_scanner_and_the_keyboard_alone_count_whatever_comes(
    desk_page: Page, make_product: MakeProduct, look: Look
) -> None:
    shelf_of(make_product, 5)
    make_product("НАХОДКА-7", location="B1")
    desk_page.goto("/counts/?shelf=A1")
    expect(desk_page.locator("#shelves")).to_be_focused()
    desk_page.keyboard.press("Enter")
    desk_page.wait_for_url("**/counts/*/")
    for sku, number in [("SKU-04", "4"), ("НАХОДКА-7", "2"), ("SKU-01", "1")]:
        expect(desk_page.locator("#code")).to_be_focused()
        desk_page.keyboard.insert_text(sku)
        desk_page.keyboard.press("Enter")
        expect(desk_page.locator("#number")).to_be_focused()
        if sku == "SKU-04":
            look(desk_page, "count sheet")
            assert_accessible(desk_page)
        desk_page.keyboard.type(number)
        desk_page.keyboard.press("Enter")
    expect(desk_page.locator("#code")).to_be_focused()
    counted = CountLine.objects.filter(counted__isnull=False).values_list("product__sku", "counted")
    assert dict(counted) == {"SKU-04": 4, "НАХОДКА-7": 2, "SKU-01": 1}


def test_two_count_one_sheet_and_see_what_the_other_enters(desk_page: Page, make_product: MakeProduct) -> None:
    shelf_of(make_product, 5)
    desk_page.goto("/counts/?shelf=A1")
    desk_page.keyboard.press("Enter")
    desk_page.wait_for_url("**/counts/*/")
    other = desk_page.context.new_page()
    other.goto(desk_page.url)
    desk_page.bring_to_front()
    desk_page.locator("#code").fill("SKU-01")
    desk_page.keyboard.press("Enter")
    desk_page.locator("#number").press_sequentially("1")

    other.locator("#code").fill("SKU-02")
    other.keyboard.press("Enter")
    other.locator("#number").fill("7")
    other.keyboard.press("Enter")
    row = desk_page.get_by_role("row").filter(has_text="SKU-02")
    expect(row.get_by_role("cell").nth(3)).to_have_text("7")
    expect(desk_page.locator("#progress")).to_contain_text("1 из 5")
    expect(desk_page.locator("#number")).to_have_value("1")
    expect(desk_page.locator("#number")).to_be_focused()
    desk_page.keyboard.type("2")  # so it is 12
    desk_page.keyboard.press("Enter")
    expect(other.get_by_role("row").filter(has_text="SKU-01").get_by_role("cell").nth(3)).to_have_text("12")
    expect(other.locator("#code")).to_be_focused()
    # A row that is marked to be counted again stays marked.
    desk_page.get_by_role("link", name="Расхождения").click()
    again = desk_page.get_by_label("заново: SKU-01")
    again.check()
    other.locator("#code").fill("SKU-03")
    other.keyboard.press("Enter")
    other.locator("#number").fill("8")
    other.keyboard.press("Enter")
    expect(desk_page.locator("#lines")).to_contain_text("SKU-03")
    expect(again).to_be_checked()
    other.close()


def test_every_code_of_the_sheet_on_paper_can_be_scanned(
    desk_page: Page, make_product: MakeProduct, look: Look
) -> None:
    skus = [f"SKU-{number:02}" for number in range(20)] + ["4006381333931", "КРУЖКА-1", "Tässchen"]
    for number, sku in enumerate(skus):
        make_product(sku, location=f"A1-{number:02}")
    desk_page.goto("/counts/?shelf=A1")
    expect(desk_page.locator("#shelves")).to_be_focused()
    desk_page.keyboard.press("Enter")
    desk_page.get_by_role("link", name="Напечатать лист").click()
    expect(desk_page.get_by_role("link", name="Назад")).to_be_visible()
    look(desk_page, "count paper")
    assert_accessible(desk_page)
    found = codes_in_pdf(desk_page.pdf(format="A4"), dpi=300)
    assert [text for page in found for _kind, text in page] == skus
