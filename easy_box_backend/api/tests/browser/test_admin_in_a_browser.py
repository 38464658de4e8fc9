"""The admin in a real browser."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone
from playwright.sync_api import Page, expect

from api.actions import discrepancies
from api.actor import Actor
from api.models import Discrepancy, Order, Product
from api.tests import photos
from api.tests.calls import PASSWORD
from api.tests.conftest import MakeProduct, MakeUser

Kind = Discrepancy.Kind


def choose(page: Page, line: int, words: str) -> None:
    """Pick a product by search in a line of an order."""
    page.locator(f"#lines-{line} .field-product .select2-selection").click()
    page.locator(".select2-search__field").last.fill(words)
    page.locator(".select2-results__option", has_text=words).first.click()


def test_a_manager_logs_in_makes_an_order_uploads_a_photo_and_turns_to_german(
    page: Page, make_user: MakeUser, make_product: MakeProduct, tmp_path: Path
) -> None:
    make_user("Vera", is_staff=True)
    shirt = make_product(sku="SHIRT-1", name="Рубашка", quantity=9)
    make_product(sku="HAT-1", name="Шапка", quantity=2, min_quantity=5)

    page.goto("/admin/")
    page.get_by_label("Эл. почта").fill("vera@example.com")
    page.get_by_label("Пароль").fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()
    expect(page.locator(".desk-tile", has_text="Ниже минимума")).to_contain_text("1")

    page.goto("/admin/api/order/add/")
    page.locator("#id_customer_name").fill("Анна Петрова")
    choose(page, 0, "SHIRT-1")
    page.locator("#id_lines-0-quantity_to_pick").fill("2")
    choose(page, 1, "HAT-1")
    page.locator("#id_lines-1-quantity_to_pick").fill("1")
    page.get_by_role("button", name="Сохранить", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("Анна Петрова")
    expect(page.locator("#result_list")).to_contain_text("0 из 3")
    assert Order.objects.get().lines.count() == 2

    picture = tmp_path / "photo.jpg"
    picture.write_bytes(photos.jpeg())
    page.goto(f"/admin/api/product/{shirt.pk}/change/")
    page.locator("#id_photo").set_input_files(picture)
    page.locator("#id_adjust_by").fill("-1")
    page.locator("#id_adjust_reason").fill("Брак")
    page.get_by_role("button", name="Сохранить и остаться").click()
    expect(page.locator(".field-photo_now img")).to_be_visible()
    expect(page.locator(".field-latest_movements table")).to_contain_text("Брак")
    assert Product.objects.get(pk=shirt.pk).quantity == 8

    page.locator("a:has(.fa-globe)").click()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator(".app-sidebar")).to_contain_text("Lagerbewegungen")
    expect(page.locator("body")).to_contain_text("Letzte Bewegungen")


def double_click(page: Page, name: str) -> None:
    """Click a button twice as a person does, 0.15 s apart, on a network so slow that the answer comes later."""
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 700, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", slow)
    page.get_by_role("button", name=name, exact=True).dblclick(delay=75)
    network.send("Network.emulateNetworkConditions", {**slow, "latency": 0})
    network.detach()


def test_double_clicks_act_once_and_a_scanned_sku_with_enter_moves_goods(
    page: Page, make_user: MakeUser, make_product: MakeProduct
) -> None:
    make_user("Vera", is_staff=True)
    anna = Actor(make_user("Anna"), at=timezone.now())
    sock, wrong = make_product("SOCK", 10), make_product("SOKC", 3, unverified=True)
    held = discrepancies.record(
        Kind.QUANTITY_GUESS, by=anna.then(timezone.now()), product=sock, sent=25, on_hand=10, change=0,
        pending=[{"product": sock.pk, "delta": 15}],
    )  # fmt: skip
    typed = discrepancies.record(Kind.UNKNOWN_SKU, by=anna.then(timezone.now()), product=wrong)

    page.goto("/admin/")
    page.get_by_label("Эл. почта").fill("vera@example.com")
    page.get_by_label("Пароль").fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()
    page.wait_for_url("**/admin/")

    page.goto(f"/admin/api/discrepancy/{held.pk}/change/")
    double_click(page, "Принять 15 шт.: было 10, станет 25")
    expect(page.locator("body")).to_contain_text("Применено.")
    expect(page.locator("body")).not_to_contain_text("уже")
    assert Product.objects.get(pk=sock.pk).quantity == 25

    page.goto(f"/admin/api/product/{sock.pk}/change/")
    page.locator("#id_adjust_by").fill("5")
    page.locator("#id_adjust_reason").fill("Нашлись")
    double_click(page, "Сохранить и остаться")
    expect(page.locator(".field-latest_movements table")).to_contain_text("Нашлись")
    assert Product.objects.get(pk=sock.pk).quantity == 30

    page.goto("/admin/api/order/add/")
    page.locator("#id_customer_name").fill("Анна Петрова")
    choose(page, 0, "SOCK")
    page.locator("#id_lines-0-quantity_to_pick").fill("2")
    double_click(page, "Сохранить")
    expect(page.locator("#result_list")).to_contain_text("Анна Петрова")
    assert Order.objects.count() == 1

    page.goto(f"/admin/api/discrepancy/{typed.pk}/change/")
    page.get_by_label("Верный артикул").fill("SOCK")
    page.keyboard.press("Enter")  # as a scanner does
    expect(page.locator("body")).to_contain_text("Перенесено.")
    assert Product.objects.get(pk=sock.pk).quantity == 33
    assert Product.objects.get(pk=wrong.pk).is_archived
