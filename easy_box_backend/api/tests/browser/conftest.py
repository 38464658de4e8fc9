"""A real browser: Debian's Chromium, driven by Playwright. Its tests are skipped where there is none."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, Response, expect, sync_playwright

from api.models import User
from api.tests.conftest import MakeUser

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""Where to look for it. The first has no window and takes half of the others' time."""
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
PICTURES = os.environ.get("PICTURES", "")
"""A folder for pictures of the pages, see `look`."""
ABOUT_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
VIOLATIONS = "options => axe.run(options).then(results => results.violations)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="no Chromium here: apt-get install chromium-headless-shell"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each has a session of its own in it."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright runs an event loop in this thread, in which Django would refuse the tests' own look at the tables.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=30_000)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def troubles() -> list[str]:
    """What went wrong in the browser. A test that expects something removes it."""
    return []


@pytest.fixture
def page(browser: Browser, live_server: Any, troubles: list[str]) -> Iterator[Page]:
    """A browser's page. Fails the test upon an error in a script, a refused answer or a call to another host.

    `goto` also waits for the focus, which a page's field gets a moment after the page is loaded: keys of a test would
    go nowhere.
    """
    context = browser.new_context(base_url=live_server.url, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("request", lambda request: _ours(request.url, live_server.url, troubles))
    page.on("response", lambda answer: _good(answer, troubles))
    load = page.goto

    def goto(url: str, **options: Any) -> Response | None:
        answer = load(url, **options)
        if page.locator("[autofocus]").count():
            expect(page.locator(":focus")).to_have_count(1)
        return answer

    page.goto = goto  # type: ignore[method-assign]
    yield page
    page.goto("about:blank")  # ends the polling before the tables are emptied
    context.close()
    assert troubles == []


def _good(answer: Response, troubles: list[str]) -> None:
    if answer.status >= 400:
        troubles.append(f"{answer.status} {answer.url}")


def _ours(url: str, base: str, troubles: list[str]) -> None:
    if not url.startswith((base, "data:", "blob:", "about:")):
        troubles.append(f"asks another host: {url}")


@pytest.fixture
def vera(make_user: MakeUser) -> User:
    """A manager."""
    return make_user("Vera", is_staff=True)


@pytest.fixture
def desk_page(page: Page, live_server: Any, vera: User) -> Page:
    """The manager's browser, signed in, in Russian, with no page open yet. The login's form has tests of its own
    (test_people.py); filled in for each test, it would take a fifth of their time."""
    client = Client()
    client.force_login(vera)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    return page


def assert_accessible(page: Page) -> None:
    """No serious or critical fault by axe-core, in the light and in the dark.

    The dark scheme is other colours and nothing else (test_today.py), so the two rules about colours are enough for it.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    schemes: dict[Literal["light", "dark"], dict[str, Any]] = {"light": {}, "dark": {"runOnly": ABOUT_COLOURS}}
    for scheme, options in schemes.items():
        page.emulate_media(color_scheme=scheme)
        violations = page.evaluate(VIOLATIONS, options | {"resultTypes": ["violations"]})
        found = [fault for fault in violations if fault["impact"] in ("serious", "critical")]
        assert not found, [(scheme, fault["id"], [node["html"] for node in fault["nodes"]][:5]) for fault in found]
    page.emulate_media(color_scheme="light")


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps a picture of the page, wide and at 360 px, if PICTURES names a folder. At 360 px nothing may be wider."""

    def keep(page: Page, name: str) -> None:
        size = page.viewport_size
        for width in (1280, 360) if PICTURES else (360,):
            page.set_viewport_size({"width": width, "height": 800})
            if width == 360:
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{name} is {wide} px wide at {width} px"
            if PICTURES:
                path = Path(PICTURES) / f"{re.sub('[^a-z0-9]+', '-', name.lower())}-{width}.png"
                page.screenshot(path=path, full_page=True, caret="initial")
        if size:
            page.set_viewport_size(size)

    return keep
