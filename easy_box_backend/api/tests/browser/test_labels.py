"""Labels, printed by a browser and read back."""

from __future__ import annotations

from collections.abc import Callable

import pypdfium2
import pytest
from playwright.sync_api import Page, expect

from api.tests.browser.conftest import assert_accessible
from api.tests.conftest import MakeProduct
from api.tests.desk.decoding import codes_in_pdf

Look = Callable[[Page, str], None]
SKUS = ["APRON-1", "4006381333931", "0012345678905", "ФАРТУК-1", "Schürze", "99-ABC/7", "A" * 60]


@pytest.mark.parametrize(("paper", "size"), [("roll", (58, 40)), ("a4", (210, 297))])
def test_every_label_is_printed_in_its_size_and_can_be_scanned(
    desk_page: Page, make_product: MakeProduct, look: Look, paper: str, size: tuple[int, int]
) -> None:
    for sku in SKUS:
        make_product(sku, name="Кружка «Мишка», größer, с очень длинным названием, которое не поместится в две строки",
                     location="Б2-01-03", quantity=3)  # fmt: skip
    desk_page.goto("/labels/?shelf=Б2-01-03")
    for sku in [*SKUS, "NO-SUCH"]:  # as a scanner does it: without a pause
        desk_page.keyboard.type(sku)
        desk_page.keyboard.press("Enter")
    expect(desk_page.locator("#chosen tbody tr")).to_have_count(len(SKUS) + 1)
    expect(desk_page.get_by_role("alert").filter(has_text="NO-SUCH")).to_be_visible()
    look(desk_page, "labels")
    assert_accessible(desk_page)
    desk_page.get_by_role("button", name="по остатку").click()
    desk_page.locator("#paper").select_option(paper)
    desk_page.locator("#start").select_option("5")
    desk_page.get_by_role("button", name="Показать этикетки").click()
    expect(desk_page.get_by_role("button", name="Печать")).to_be_visible()
    assert_accessible(desk_page)
    look(desk_page, f"labels {paper}")
    pdf = desk_page.pdf(prefer_css_page_size=True, print_background=False)
    pages = [page.get_size() for page in pypdfium2.PdfDocument(pdf)]
    number = 3 * len(SKUS) + 1
    assert [(round(w / 72 * 25.4), round(h / 72 * 25.4)) for w, h in pages] == [size] * (
        number if paper == "roll" else 2
    )
    found = codes_in_pdf(pdf)
    read = [text for page in found for _kind, text in page]
    assert sorted(read) == sorted([sku for sku in SKUS for _copy in range(3)] + ["Б2-01-03"])
    if paper == "a4":
        assert [len(page) for page in found] == [20, 2]
