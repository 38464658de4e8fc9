"""`make desk-pictures`: takes the screenshots of docs/desk.md again, with the demo data, in Russian."""

import json
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev.check_run import fetch, free_port, running
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
    """Start a server with the demo data, log in, and take a screenshot of each page."""
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
        cause_questions(f"http://127.0.0.1:{port}/api")
        for name, address in PAGES.items():
            page.goto(address)
            take_screenshot(page, name)
        new_order(page)
        count(page)
        browser.close()


def cause_questions(api: str) -> None:
    """As a picker's phone, delete a product and create another one whose SKU is taken: a manager is asked about both.

    api: the URL of the server's API.
    """
    login = {"email": "picker@example.com", "password": "password", "kind": "app"}
    token = json.loads(fetch(f"{api}/auth/token/", body=login))["token"]
    fetch(f"{api}/products/", token=token)
    request = Request(f"{api}/products/2/", method="DELETE", headers={"Authorization": f"Token {token}"})
    urlopen(request).close()
    for _try in range(2):  # the first try is refused
        with suppress(HTTPError):
            fetch(f"{api}/products/", token=token, body={"sku": "TSH-BLK-M", "name": "Майка"})


def take_screenshot(page: Page, name: str) -> None:
    page.wait_for_timeout(800)  # until fragments and photos are loaded
    page.screenshot(path=PICTURES / f"{name}.png")


def new_order(page: Page) -> None:
    """Take a screenshot of a new order with three lines."""
    page.goto("/orders/new/")
    for code in ("TSH-BLK-M", "TSH-BLK-M×4", "HDY-GRY-M×70"):
        page.locator("#scan [name=codes]").fill(code)
        page.keyboard.press("Enter")
    take_screenshot(page, "order_new")


def count(page: Page) -> None:
    """Start a stocktake and take a screenshot of it."""
    page.goto("/counts/")
    page.locator("main form input[type=checkbox]").first.check()
    page.get_by_role("button", name="Начать").click()
    take_screenshot(page, "count")


if __name__ == "__main__":
    main()
