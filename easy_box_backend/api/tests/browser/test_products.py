"""Products in a browser: search while typing, edit in the row, a photo dropped, a count, labels of the chosen ones."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from django.utils import timezone
from playwright.sync_api import Page, expect

from api.actions import barcodes, stock
from api.actor import Actor
from api.models import Product, User
from api.tests import photos
from api.tests.browser.conftest import assert_accessible
from api.tests.conftest import MakeProduct

EAN = "4006381333931"
DROP = """([content, selector]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }));
  const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector(selector).dispatchEvent(drop);
}"""


def test_a_product_is_found_put_on_a_shelf_counted_and_photographed(
    desk_page: Page, vera: User, make_product: MakeProduct, look: Callable[[Page, str], None]
) -> None:
    page, by = desk_page, Actor(vera, at=timezone.now())
    brush = make_product("BR-1", 12, name="Щётка жёлтая")
    for number in range(60):
        make_product(f"N-{number}", number, name=f"Носки {number}")
    barcodes.add(brush.pk, EAN, by=by)

    page.goto("/products/")
    rows = page.locator("#list tbody tr")
    expect(rows).to_have_count(50)
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("ЩЕТКА", delay=20)
    expect(rows).to_have_count(1)
    expect(page.locator("#q")).to_be_focused()
    assert_accessible(page)
    look(page, "products")

    # In the row. What happens elsewhere does not disturb whoever types.
    shelf = page.locator(f"#location-{brush.pk}")
    shelf.focus()
    page.keyboard.type("B2-")
    stock.receive(brush.pk, 1, by=by)
    page.wait_for_timeout(2500)
    expect(shelf).to_have_value("B2-")
    page.keyboard.type("07")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("20")
    page.keyboard.press("Enter")
    expect(rows.first.locator(".tag.warn")).to_be_visible()
    saved = Product.objects.get(pk=brush.pk)
    assert (saved.location, saved.min_quantity) == ("B2-07", 20)

    # The chosen ones.
    page.get_by_label("Все на этой странице").check()
    page.get_by_role("button", name="Место, минимум, архив").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 товар")
    assert_accessible(page)
    look(page, "products many")

    # A scanner: the code and Enter, and the product's page is there.
    page.goto("/products/")
    page.keyboard.type(EAN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Щётка жёлтая")
    page.get_by_label("Посчитано").fill("17")
    page.keyboard.press("Enter")
    expect(page.locator("#on-hand")).to_have_text("17")
    page.evaluate(DROP, [base64.b64encode(photos.jpeg()).decode(), ".drop"])
    expect(page.locator("main img.photo")).to_be_visible()
    stock.receive(brush.pk, 3, by=by)
    expect(page.locator("#on-hand")).to_have_text("20")
    expect(page.locator("#history")).to_contain_text("+3")
    assert_accessible(page)
    look(page, "product")


def test_a_product_is_created_where_none_is_found(desk_page: Page, look: Callable[[Page, str], None]) -> None:
    page = desk_page
    page.goto("/products/")
    page.keyboard.type("NEW-1")
    page.get_by_role("link", name="Создать его").click()
    expect(page.get_by_label("артикул")).to_have_value("NEW-1")
    page.get_by_label("название").fill("Новый товар")
    assert_accessible(page)
    look(page, "product new")
    page.get_by_role("button", name="Создать").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Новый товар")
    assert Product.objects.get().sku == "NEW-1"


def test_columns_are_sorted_by_the_keyboard_and_by_the_list_of_orders(
    desk_page: Page, make_product: MakeProduct
) -> None:
    page = desk_page
    for number in range(55):
        make_product(f"N-{number:02}", number, name=f"Носки {number:02}", location=f"A{99 - number}")
    page.goto("/products/")
    page.keyboard.type("носки")
    first = page.locator("#list tbody tr").first
    expect(page).to_have_url(re.compile("q=%D0%BD%D0%BE%D1%81%D0%BA%D0%B8"))  # the search has come to its end
    head = page.get_by_role("columnheader", name="в наличии")
    head.get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    page.keyboard.press("Enter")  # the focus is still there
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(first).to_contain_text("Носки 54")
    assert_accessible(page)
    page.get_by_label("Порядок").select_option("-shelf")
    expect(page.get_by_role("columnheader", name="место")).to_have_attribute("aria-sort", "descending")
    expect(first).to_contain_text("Носки 00")
    page.get_by_role("link", name="Дальше").click()
    expect(page.locator("#list tbody tr").last).to_contain_text("Носки 54")
    expect(page.locator("#q")).to_have_value("носки")
