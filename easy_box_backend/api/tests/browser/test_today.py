"""The first page of the desk in a browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from django.utils import timezone
from playwright.sync_api import Page, expect

from api.actions import stock
from api.actor import Actor
from api.desk import base
from api.models import User
from api.tests.browser.conftest import assert_accessible
from api.tests.conftest import MakeProduct

DESK = Path(base.__file__).parent
SCHEME = "prefers-color-scheme"


def test_what_a_phone_does_is_on_the_screen_within_two_seconds(
    desk_page: Page, make_user: Callable[..., User], make_product: MakeProduct, look: Callable[[Page, str], None]
) -> None:
    shirt = make_product("SHIRT", name="Рубашка")
    desk_page.goto("/")
    expect(desk_page.locator("#chart svg")).to_be_visible()
    summary = desk_page.locator("details.me summary")
    summary.focus()
    stock.receive(shirt.pk, 7, by=Actor(make_user("Anna"), at=timezone.now()))
    start = time.monotonic()
    expect(desk_page.locator("#now")).to_contain_text("+7")
    assert time.monotonic() - start < 4  # two, on a machine that has nothing else to do
    expect(summary).to_be_focused()
    assert_accessible(desk_page)
    look(desk_page, "today")


def test_the_login_page_is_accessible(page: Page, look: Callable[[Page, str], None]) -> None:
    page.goto("/")
    assert_accessible(page)
    look(page, "login")


def test_the_dark_scheme_is_other_colours_and_nothing_else() -> None:
    """So `assert_accessible` looks only at colours in the dark."""
    files = [path for path in DESK.rglob("*") if path.suffix in {".css", ".js", ".html", ".py"}]
    (css,) = (text for text in (path.read_text(encoding="utf-8") for path in files) if SCHEME in text)
    before, _scheme, after = css.partition(f"@media ({SCHEME}: dark) {{\n  :root {{")
    declarations, _end, after = after.partition("  }\n}\n")
    assert SCHEME not in before + after
    assert all(re.fullmatch(r"--[a-z-]+: #[0-9a-f]{6}", one.strip()) for one in declarations.split(";")[:-1])


def test_a_manager_turns_the_desk_to_german(desk_page: Page) -> None:
    desk_page.goto("/")
    desk_page.locator("details.me summary").click()
    desk_page.get_by_role("button", name="Deutsch").click()
    expect(desk_page.locator("html")).to_have_attribute("lang", "de")
    assert_accessible(desk_page)


def test_the_menu_is_one_line_down_to_1000_px_and_opens_below_that(desk_page: Page) -> None:
    page = desk_page
    page.goto("/")
    menu, button = page.locator("#menu"), page.locator("button.menu")
    for language in ("Русский", "Deutsch", "English"):
        page.set_viewport_size({"width": 1000, "height": 700})
        page.locator("details.me summary").click()
        page.get_by_role("button", name=language).click()
        tops = menu.locator("li").evaluate_all("entries => entries.map(entry => entry.getBoundingClientRect().top)")
        assert len(set(tops)) == 1, (language, tops)
        assert page.evaluate("document.documentElement.scrollWidth") <= 1000
        expect(button).to_be_hidden()
    for width in (990, 360):
        page.set_viewport_size({"width": width, "height": 700})
        expect(menu).to_be_hidden()
        button.focus()
        page.keyboard.press("Enter")
        expect(menu.get_by_role("link", name="Settings")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert_accessible(page)
        page.keyboard.press("Escape")
        expect(menu).to_be_hidden()
    button.click()
    menu.get_by_role("link", name="Orders").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Orders")
