"""Orders in a real browser: by a hand scanner, by keyboard, by mouse; two people; printed codes read back"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from api.actions import orders, stock
from api.actor import Actor
from api.models import Order, OrderDraft, Product, User
from api.tests.browser.conftest import assert_accessible
from api.tests.calls import PASSWORD
from api.tests.conftest import MakeProduct, MakeUser
from api.tests.desk.decoding import codes_in_pdf

ORDER = re.compile(r"/orders/\d+/$")
Look = Callable[[Page, str], None]
COUNT_CLICKS = (
    "addEventListener('pointerdown', () => sessionStorage.clicks = Number(sessionStorage.clicks || 0) + 1, true)"
)


@pytest.fixture
def goods(make_product: MakeProduct) -> list[Product]:
    """Eight products, among them a GS1 code, a Cyrillic SKU, and one with the sign of a multiplication."""
    skus = ["SHIRT-1", "4006381333931", "012345678905", "HAT_XL", "НОСКИ-42", "BOX*6", "a b", "99-LAMP"]
    return [
        make_product(sku, 20, name=f"Товар {number}", location=f"A{12 - number}-01")
        for number, sku in enumerate(skus, 1)
    ]


@pytest.fixture
def by(vera: User) -> Actor:
    return Actor(vera, at=timezone.now())


def scan(page: Page, codes: list[str], delays: Any) -> None:
    """Type codes as a hand scanner does: 0 to 30 ms a key, Enter behind each, and at once the next one."""
    for code in codes:
        page.keyboard.type(code, delay=next(delays))
        page.keyboard.press("Enter")


def lines(order: Order) -> dict[str, int]:
    return dict(order.lines.values_list("sku", "quantity_to_pick"))


def clicks(page: Page) -> int:
    return int(page.evaluate("Number(sessionStorage.clicks || 0)"))


def test_a_scanner_enters_eight_lines_with_no_click_but_the_last(
    desk_page: Page, goods: list[Product], look: Look
) -> None:
    page = desk_page
    page.add_init_script(COUNT_CLICKS)
    page.goto("/orders/new/")
    expect(page.get_by_label("Клиент")).to_be_focused()
    page.keyboard.type("Анна Петрова")
    page.keyboard.press("Enter")
    skus = [product.sku for product in goods]
    scan(page, [*skus, *skus[:4], "НЕТ ТАКОГО", *skus, skus[0]], itertools.cycle([0, 30, 1, 5, 0, 12]))
    expect(page.locator("#draft h2", has_text="8 товаров, 21 шт")).to_be_visible()
    expect(page.locator("#draft")).to_contain_text("НЕТ ТАКОГО")
    look(page, "new order")
    assert_accessible(page)
    page.get_by_role("button", name="Создать заказ").click()
    page.wait_for_url(ORDER)
    order = Order.objects.get()
    wanted = {sku: 3 if sku in skus[:4] else 2 for sku in skus} | {skus[0]: 4}
    assert (order.customer_name, lines(order)) == ("Анна Петрова", wanted)
    assert clicks(page) == 1


def test_without_a_scanner_eight_lines_take_at_most_ten_clicks(
    desk_page: Page, goods: list[Product], look: Look
) -> None:
    page = desk_page
    page.add_init_script(COUNT_CLICKS)
    page.goto("/orders/new/")
    expect(page.get_by_label("Клиент")).to_be_focused()
    page.keyboard.type("Анна")
    page.locator("#codes").click()
    for number in range(1, 9):
        page.locator("#codes").fill(f"Товар {number}")
        page.locator("#found").get_by_role("button", name=f"Товар {number}").click()
        expect(page.locator("#draft tbody tr")).to_have_count(number)
    page.get_by_role("button", name="Создать заказ").click()
    page.wait_for_url(ORDER)
    assert len(lines(Order.objects.get())) == 8
    assert clicks(page) <= 10


def test_rows_of_a_spreadsheet_are_pasted_and_the_draft_survives_a_log_out(
    desk_page: Page, goods: list[Product], vera: User
) -> None:
    page = desk_page
    page.goto("/orders/new/")
    page.locator("#codes").focus()
    rows = "SHIRT-1\t5\nHAT_XL\t2,00\nНЕТ\t1"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", rows)
    page.keyboard.press("Control+V")
    expect(page.locator("#draft tbody tr")).to_have_count(2)
    with page.expect_response("**/orders/new/"):
        page.get_by_label("Клиент").fill("Борис")
    page.locator("summary").click()
    page.locator("form[action='/logout/'] button").click()
    page.get_by_label("Эл. почта").fill(vera.email)
    page.get_by_label("Пароль").fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()
    expect(page.locator("header.bar")).to_be_visible()
    page.goto("/orders/")
    page.get_by_role("link", name="Продолжить новый заказ").click()
    expect(page.get_by_label("Клиент")).to_have_value("Борис")
    expect(page.locator("#draft tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Создать заказ").dblclick()
    page.wait_for_url(ORDER)
    assert lines(Order.objects.get()) == {"SHIRT-1": 5, "HAT_XL": 2}
    assert not OrderDraft.objects.exists()


def test_codes_scanned_while_the_network_is_away_arrive_once_it_is_back(desk_page: Page, goods: list[Product]) -> None:
    page = desk_page
    page.goto("/orders/new/")
    page.locator("#codes").focus()
    page.context.set_offline(True)
    scan(page, ["SHIRT-1", "HAT_XL", "SHIRT-1"], itertools.cycle([0]))
    expect(page.locator("#scan [role=alert]")).to_contain_text("HAT_XL")
    page.context.set_offline(False)
    expect(page.locator("#draft h2", has_text="2 товара, 3 шт")).to_be_visible()
    expect(page.locator("#scan [role=alert]")).to_be_hidden()


def test_codes_scanned_after_the_session_ended_count_after_the_login(
    desk_page: Page, goods: list[Product], vera: User
) -> None:
    page = desk_page
    page.goto("/orders/new/")
    page.locator("#codes").focus()
    page.context.clear_cookies(name="sessionid")
    scan(page, ["SHIRT-1"], itertools.cycle([0]))
    page.wait_for_url("**/login/**")
    page.get_by_label("Эл. почта").fill(vera.email)
    page.get_by_label("Пароль").fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()
    expect(page.locator("#draft tbody tr")).to_have_count(1)
    assert OrderDraft.objects.get().content["mine"] == {f"pieces:{goods[0].pk}": 1}


def test_two_people_change_an_order_and_neither_loses_anything(
    desk_page: Page, goods: list[Product], by: Actor, make_user: MakeUser, look: Look
) -> None:
    page = desk_page
    order = orders.create(customer_name="Анна", lines=[orders.Line(goods[0].pk, 3)], by=by)
    page.goto(f"/orders/{order.pk}/edit/")
    page.get_by_label("Клиент").fill("Анна Петрова")
    page.locator("#codes").focus()
    scan(page, ["HAT_XL"], itertools.cycle([0]))
    expect(page.locator("#draft tbody tr")).to_have_count(2)
    boris = Actor(make_user("Boris", is_staff=True), at=timezone.now())
    orders.update(order.pk, customer_name="Анна Иванова", lines=[orders.Line(goods[0].pk, 7)], by=boris)
    expect(page.locator("#draft")).to_contain_text("Анна Иванова")  # live
    look(page, "theirs beside mine")
    assert_accessible(page)
    page.get_by_role("button", name="Взять их вариант").click()
    page.get_by_role("button", name="Сохранить заказ").click()
    page.wait_for_url(f"**/orders/{order.pk}/")
    order.refresh_from_db()
    assert (order.customer_name, lines(order)) == ("Анна Иванова", {"SHIRT-1": 7, "HAT_XL": 1})


def test_an_order_is_found_read_live_and_cancelled_with_returns(
    desk_page: Page, goods: list[Product], by: Actor, look: Look
) -> None:
    page = desk_page
    wanted = [orders.Line(product.pk, 2) for product in goods]
    order = orders.create(customer_name="Анна", outside_number="МС-17", due_on=by.at.date(), lines=wanted, by=by)
    page.goto("/orders/")
    look(page, "orders")
    assert_accessible(page)
    page.locator("#q").fill(str(order.pk))
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Анна").click()
    expect(page.locator("#order")).to_contain_text("0 из 16")
    orders.update(order.pk, lines=[orders.Line(goods[0].pk, 2, 2), *wanted[1:]], by=by)
    expect(page.locator("#order")).to_contain_text("2 из 16", timeout=5000)
    look(page, "order")
    assert_accessible(page)
    page.get_by_role("link", name="Отменить заказ…").click()
    expect(page.locator("main")).to_contain_text("+2")
    look(page, "cancel")
    assert_accessible(page)
    page.get_by_role("button", name="Отменить 1 заказ").click()
    expect(page.locator("#order")).to_contain_text("отменено")
    goods[0].refresh_from_db()
    assert goods[0].quantity == 20


def test_every_code_of_a_printed_pick_list_and_packing_slip_is_read_back(
    desk_page: Page, goods: list[Product], by: Actor, look: Look
) -> None:
    page = desk_page
    stock.receive(goods[0].pk, 1, by=by)
    made = [
        orders.create(customer_name=name, note="Звонить", lines=[orders.Line(product.pk, 2) for product in part], by=by)
        for name, part in (("Анна", goods), ("Борис", goods[:3]))
    ]
    page.goto("/orders/")
    page.get_by_label("Все на этой странице").check()
    page.get_by_role("button", name="Лист сборки").click()
    page.wait_for_url("**/orders/pick-list/**")
    look(page, "pick list")
    assert_accessible(page)
    printed = [text for sheet in codes_in_pdf(page.pdf(prefer_css_page_size=True)) for _kind, text in sheet]
    walk = [product.sku for product in reversed(goods)]
    assert sorted(printed) == sorted([*(str(order.pk) for order in made), *walk])
    assert [text for text in printed if text in walk] == walk, "along the shelves"

    page.goto(f"/orders/packing-slips/?id={made[0].pk}&id={made[1].pk}")
    look(page, "packing slips")
    assert_accessible(page)
    sheets = [{text for _kind, text in sheet} for sheet in codes_in_pdf(page.pdf(prefer_css_page_size=True))]
    assert sheets == [{str(made[0].pk), *walk}, {str(made[1].pk), *(product.sku for product in goods[:3])}]
