"""Importing a sheet in a browser: from the file to the stock on hand, and back."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from api.models import Product
from api.sheets import files
from api.tests.browser.conftest import assert_accessible
from api.tests.conftest import MakeProduct
from api.tests.sheet_files import ONE_C, csv_of

Look = Callable[[Page, str], None]


def upload(page: Page, kind: str, content: bytes) -> None:
    page.goto("/sheets/")
    page.get_by_label("Что в таблице").select_option(label=kind)
    page.get_by_label("Файл").set_input_files({"name": "Остатки.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Загрузить").click()


def test_a_manager_imports_a_sheet_of_1c_and_takes_it_back(
    desk_page: Page, make_product: MakeProduct, look: Look
) -> None:
    make_product("JACKET-1", name="Куртка зимняя", quantity=3)
    make_product("SOCKS-2", name="Носки", quantity=12)
    desk_page.goto("/sheets/")
    assert_accessible(desk_page)
    look(desk_page, "sheets")
    upload(desk_page, "остатки (пересчёт)", ONE_C)
    desk_page.get_by_role("button", name="Проверить", exact=True).click()
    expect(desk_page.locator("#report")).to_contain_text("Строки с ошибками: 1")
    assert_accessible(desk_page)
    look(desk_page, "sheet-checked")
    desk_page.get_by_label("Импортировать без строк с ошибками").check()
    desk_page.get_by_role("button", name="Импортировать").click()
    expect(desk_page.get_by_role("button", name="Отменить этот импорт")).to_be_visible()
    assert Product.objects.get(sku="JACKET-1").quantity == 1234
    assert_accessible(desk_page)
    look(desk_page, "sheet-done")
    desk_page.get_by_role("button", name="Отменить этот импорт").click()
    expect(desk_page.locator("main")).to_contain_text("Всё отменено.")
    assert Product.objects.get(sku="JACKET-1").quantity == 3


def test_damaged_skus_are_asked_about(desk_page: Page, make_product: MakeProduct, look: Look) -> None:
    make_product("0012345", quantity=3)
    upload(desk_page, "остатки (пересчёт)", csv_of(["Артикул", "Остаток"], ["12345", "5,000"]))
    desk_page.get_by_role("button", name="Проверить", exact=True).click()
    desk_page.get_by_label("Да, те, что справа").check()
    assert_accessible(desk_page)
    look(desk_page, "sheet-asked")
    desk_page.get_by_role("button", name="Проверить ещё раз").click()
    desk_page.get_by_label("Запятая: 5,000 — это пять").check()
    desk_page.get_by_role("button", name="Проверить ещё раз").click()
    desk_page.get_by_role("button", name="Импортировать").click()
    expect(desk_page.get_by_role("button", name="Отменить этот импорт")).to_be_visible()
    assert Product.objects.get().quantity == 5


def test_the_products_are_downloaded(desk_page: Page, make_product: MakeProduct) -> None:
    make_product("007", name="=Фартук")
    desk_page.goto("/sheets/")
    with desk_page.expect_download() as waiting:
        desk_page.get_by_role("link", name="XLSX товары").click()
    rows = list(files.rows(waiting.value.path().read_bytes()))
    assert [row[:2] for row in rows] == [["Артикул", "Название"], ["007", "'=Фартук"]]
