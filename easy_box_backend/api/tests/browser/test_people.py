"""People and phones in a browser: connect a phone; a session that ends; pages that failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Page, expect
from rest_framework.test import APIClient

from api.models import Device, User
from api.tests.browser.conftest import assert_accessible
from api.tests.calls import PASSWORD
from api.tests.conftest import LogIn, MakeUser

Look = Callable[[Page, str], None]


def test_a_person_is_made_and_connects_a_phone_with_the_sheet(desk_page: Page, look: Look) -> None:
    desk_page.goto("/")
    desk_page.get_by_role("link", name="Люди", exact=True).click()
    desk_page.get_by_role("link", name="Новый человек").click()
    desk_page.get_by_label("Имя").fill("Анна")
    desk_page.get_by_label("Эл. почта").fill("anna@example.com")
    assert_accessible(desk_page)
    look(desk_page, "person new")
    desk_page.keyboard.press("Enter")
    desk_page.get_by_role("button", name="Подключить телефон").click()
    word = desk_page.locator(".secret").inner_text()
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){2}", word)
    assert_accessible(desk_page)
    look(desk_page, "connect")
    login = {"email": "anna@example.com", "password": word}
    assert APIClient().post("/api/auth/token/", login, headers={"User-Agent": "Dart/3.5"}).status_code == 200
    phone = Device.objects.get(user__email="anna@example.com")
    desk_page.goto(f"/phones/{phone.pk}/")
    desk_page.get_by_label("Имя").fill("Погрузчик")
    desk_page.get_by_role("button", name="Сохранить").click()
    expect(desk_page.get_by_role("heading", level=1)).to_have_text(f"Погрузчик #{phone.pk}")


@pytest.mark.parametrize(
    "path", ["/people/", "/people/{user}/", "/phones/", "/phones/{device}/", "/errors/", "/settings/"]
)
def test_every_page_is_accessible_and_fits_a_narrow_screen(
    desk_page: Page, make_user: MakeUser, log_in: LogIn, look: Look, path: str
) -> None:
    anna = log_in(make_user("Анна"), kind="app")
    desk_page.goto(path.format(user=anna.user.pk, device=anna.device.pk))
    assert_accessible(desk_page)
    look(desk_page, f"people {path}")


@pytest.fixture
def tab(browser: Browser, live_server: Any, vera: User) -> Iterator[Page]:
    """The manager's browser, signed in, which may be refused something."""
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    sign_in(page, vera)
    yield page
    page.goto("about:blank")
    context.close()


def sign_in(page: Page, user: User) -> None:
    page.goto("/login/")
    page.get_by_label("Эл. почта").fill(user.email)
    page.get_by_label("Пароль").fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()
    expect(page.locator("header.bar")).to_be_visible()


def test_what_was_typed_survives_a_session_that_ended(tab: Page, vera: User) -> None:
    tab.goto("/people/new/")
    tab.get_by_label("Имя").fill("Анна «А» <b>")
    tab.get_by_label("Эл. почта").fill("anna@example.com")
    Session.objects.all().delete()
    expect(tab.locator("#ended")).to_be_visible()
    expect(tab.get_by_label("Имя")).to_have_value("Анна «А» <b>")
    assert_accessible(tab)
    tab.get_by_label("Имя").focus()
    with tab.expect_response(lambda answer: answer.status == 401):
        tab.keyboard.press("Enter")
    expect(tab.get_by_role("button", name="Войти")).to_be_visible()
    assert_accessible(tab)
    tab.get_by_label("Эл. почта").fill(vera.email)
    tab.get_by_label("Пароль").fill(PASSWORD)
    tab.get_by_role("button", name="Войти").click()
    tab.get_by_role("button", name="Отправить").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Анна «А» <b>")
    assert User.objects.get(email="anna@example.com").username == "Анна «А» <b>"


def test_a_page_opened_before_the_last_login_sends_its_form_by_one_click_more(tab: Page, vera: User) -> None:
    tab.goto("/people/new/")
    tab.get_by_label("Имя").fill("Анна")
    tab.get_by_label("Эл. почта").fill("anna@example.com")
    other = tab.context.new_page()  # another tab
    sign_in(other, vera)
    other.close()
    with tab.expect_response(lambda answer: answer.status == 403):
        tab.get_by_role("button", name="Создать").click()
    expect(tab.get_by_role("button", name="Отправить ещё раз")).to_be_visible()
    assert_accessible(tab)
    tab.get_by_role("button", name="Отправить ещё раз").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Анна")
