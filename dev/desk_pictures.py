"""`make desk-pictures`: takes the pictures of docs/desk.md anew, of the demo's warehouse, in Russian."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev.check_run import free_port, running
from dev.common import ROOT, temporary_folder

PICTURES = ROOT / "docs" / "pictures" / "desk"
PAGES = {
    "today": "/",
    "orders": "/orders/",
    "questions": "/questions/",
    "products": "/products/",
    "product": "/products/1/",
    "labels": "/labels/?product=1&product=2",
    "sheets": "/sheets/",
    "people": "/people/",
}


def main() -> None:
    """Start a server with the demo, sign in, and keep a picture of each page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with temporary_folder() as folder, running(port, folder), sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(base_url=f"http://127.0.0.1:{port}", viewport={"width": 1100, "height": 720})
        page.goto("/login/")
        page.get_by_label("Эл. почта").fill("admin@example.com")
        page.get_by_label("Пароль").fill("password")
        page.get_by_role("button", name="Войти").click()
        page.locator("header.bar").wait_for()
        for name, address in PAGES.items():
            page.goto(address)
            keep(page, name)
        new_order(page)
        count(page)
        browser.close()


def keep(page: Page, name: str) -> None:
    page.wait_for_timeout(800)  # fragments and photos
    page.screenshot(path=PICTURES / f"{name}.png")


def new_order(page: Page) -> None:
    """An order with three lines."""
    page.goto("/products/")
    codes = page.locator("table.rows tbody tr td:nth-child(3)").all_inner_texts()[:3]
    page.goto("/orders/new/")
    for code in codes:
        page.locator("#scan [name=codes]").fill(code.split()[0])
        page.keyboard.press("Enter")
    keep(page, "order_new")


def count(page: Page) -> None:
    """A stocktake that has been started."""
    page.goto("/counts/")
    page.locator("main form input[type=checkbox]").first.check()
    page.get_by_role("button", name="Начать").click()
    keep(page, "count")


if __name__ == "__main__":
    main()
