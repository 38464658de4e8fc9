"""Questions in a browser: keys, ten seconds to take an answer back, two tabs, an answer that is out of date."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from api.actions import stock
from api.models import Discrepancy, Product
from api.tests.browser.conftest import assert_accessible
from api.tests.discrepancy_examples import Examples

Kind = Discrepancy.Kind


@pytest.fixture
def box(db: None) -> Examples:
    return Examples()


def again(box: Examples, product: Product, pieces: int = 5) -> Discrepancy:
    pending = [{"product": product.pk, "delta": pieces, "at": box.at.isoformat()}]
    return box.ask(Kind.POSSIBLE_DUPLICATE, product=product, quantity=pieces, pending=pending)


def on_hand(sku: str) -> int:
    return Product.objects.get(sku=sku).quantity


@pytest.fixture
def at_questions(box: Examples, desk_page: Page) -> Page:
    """Two questions about socks and one about shirts, on a clock that the test moves."""
    again(box, box.sock)
    again(box, box.shirt, 2)
    again(box, box.sock, 3)
    desk_page.clock.install()
    desk_page.goto("/questions/")
    return desk_page


def test_a_key_answers_and_ten_seconds_later_it_is_done(at_questions: Page) -> None:
    page = at_questions
    expect(page.locator(".question.marked h2")).to_contain_text("SOCK")
    page.keyboard.press("1")
    waiting = page.locator("#waiting")
    expect(waiting).to_contain_text("Принять 5 шт.: было 12, станет 17")
    expect(page.locator(".question:visible")).to_have_count(2)
    expect(page.locator(".question.blocked button.answer").first).to_be_disabled()  # its numbers will change
    expect(page.locator(".question.marked h2")).to_contain_text("SHIRT")
    page.clock.run_for(8_000)
    assert on_hand("SOCK") == 12
    page.clock.run_for(3_000)
    expect(page.locator("#messages")).to_contain_text("SOCK")
    assert on_hand("SOCK") == 17
    expect(page.locator("#questions")).to_contain_text("Принять 3 шт.: было 17, станет 20")
    expect(waiting).to_be_empty()


def test_an_answer_is_taken_back_by_key_and_by_button(at_questions: Page) -> None:
    page = at_questions
    page.keyboard.press("2")
    expect(page.locator(".question:visible")).to_have_count(2)
    page.keyboard.press("0")
    expect(page.locator(".question:visible")).to_have_count(3)
    page.locator(".question button.answer").first.click()
    page.clock.run_for(1_000)
    page.get_by_role("button", name=re.compile("Вернуть")).click()
    page.clock.run_for(20_000)
    expect(page.locator(".question:visible")).to_have_count(3)
    assert Discrepancy.objects.open().count() == 3


def test_an_answer_is_sent_when_the_page_is_left(at_questions: Page) -> None:
    page = at_questions
    page.keyboard.press("1")
    page.goto("/")
    page.goto("/questions/")
    expect(page.locator(".question")).to_have_count(2)
    assert on_hand("SOCK") == 17


def test_a_double_click_answers_one_question(at_questions: Page) -> None:
    page = at_questions
    page.locator(".question button.answer").first.dblclick()
    expect(page.locator(".question:visible")).to_have_count(2)
    page.clock.run_for(11_000)
    expect(page.locator("#messages")).to_contain_text("SOCK")
    assert Discrepancy.objects.open().count() == 2
    assert on_hand("SOCK") == 17


def test_a_key_that_is_held_down_answers_one_question(at_questions: Page) -> None:
    page = at_questions
    for _ in range(5):
        page.keyboard.down("1")  # without an up these are repeats
    page.keyboard.up("1")
    expect(page.locator(".question:visible")).to_have_count(2)


def test_the_second_of_two_tabs_learns_that_it_is_settled(at_questions: Page) -> None:
    page = at_questions
    other = page.context.new_page()
    other.goto("/questions/")
    other.keyboard.press("1")
    page.keyboard.press("1")
    page.get_by_role("button", name="Сразу").click()
    expect(page.locator("#messages")).to_contain_text("Применено")
    other.get_by_role("button", name="Сразу").click()
    expect(other.locator("#messages .bad")).to_be_visible()
    assert on_hand("SOCK") == 17
    other.close()


def test_an_answer_that_is_out_of_date_is_refused_and_shown_anew(at_questions: Page, box: Examples) -> None:
    page = at_questions
    page.keyboard.press("1")
    stock.receive(box.sock.pk, 1, by=box.anna)
    page.get_by_role("button", name="Сразу").click()
    expect(page.locator("#messages .bad")).to_contain_text("было 13, станет 18")
    expect(page.locator(".question:visible")).to_have_count(3)
    expect(page.locator(".question").first).to_contain_text("было 13, станет 18")
    assert on_hand("SOCK") == 13


def test_this_is_really_another_product(box: Examples, desk_page: Page, look: Callable[[Page, str], None]) -> None:
    page = desk_page
    box.ask(Kind.UNKNOWN_SKU, product=box.product("SOKC", "SOKC", 3, unverified=True))
    page.goto("/questions/")
    page.keyboard.press("2")
    expect(page.locator("input[name=sku]")).to_be_focused()
    page.get_by_role("button", name=re.compile("SOCK · Носки")).click()
    page.get_by_role("button", name="Сразу").click()
    expect(page.locator("#messages")).to_contain_text("SOKC")
    assert on_hand("SOCK") == 15


def test_what_is_typed_survives_what_happens_meanwhile(at_questions: Page, box: Examples) -> None:
    page = at_questions
    page.locator(".question summary").first.click()
    note = page.locator(".question textarea").first
    note.fill("посмотрела на полке")
    stock.receive(box.shirt.pk, 1, by=box.anna)
    page.clock.run_for(5_000)
    expect(note).to_have_value("посмотрела на полке")


def test_the_pages_are_accessible(box: Examples, desk_page: Page, look: Callable[[Page, str], None]) -> None:
    page = desk_page
    box.all()
    for language in ("Русский", "Deutsch"):
        page.goto("/questions/")
        page.locator("details.me summary").click()
        page.get_by_role("button", name=language).click()
        expect(page.locator("html")).to_have_attribute("lang", language[:2].lower().replace("ру", "ru"))
        page.goto("/questions/")
        page.keyboard.press("1")
        expect(page.locator("#waiting .message")).to_be_visible()
        assert_accessible(page)
        look(page, f"questions {'ru' if language == 'Русский' else 'de'}")
        page.keyboard.press("0")
    row = Discrepancy.objects.get(kind=Kind.UNKNOWN_SKU)
    page.goto(f"/questions/{row.pk}/")
    page.locator("input[name=sku]").scroll_into_view_if_needed()
    expect(page.locator(".suggestion").first).to_be_visible()
    assert_accessible(page)
    look(page, "question")
    page.goto("/questions/together/?action=dismiss")
    assert_accessible(page)
    look(page, "questions together")
