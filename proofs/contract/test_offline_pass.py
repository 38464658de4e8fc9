"""A phone sends full queues over a good network: everything arrives exactly once. The app is the installed one, or the
repaired one."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from proofs.contract.client import RED_JPEG, App, new_sku
from proofs.phone.offline import FRESH, Page, Phone, run
from proofs.phone.repaired import RepairedPhone


@pytest.fixture
def phone(app: App) -> Phone:
    """A phone with the installed app, which has pulled the list."""
    phone = Phone(app.inventory, app.orders, random.Random(1))
    run(phone.open_inventory())
    return phone


@pytest.fixture
def repaired(app: App) -> RepairedPhone:
    """A phone with the repaired app, which has pulled the list."""
    phone = RepairedPhone(app.inventory, app.orders, random.Random(1))
    run(phone.open_inventory())
    return phone


def page_of(phone: Phone, sku: str) -> Page:
    """The page of a listed product."""
    product = phone.store.product_by_sku(sku)
    assert product
    return phone.open_page(product)


def test_the_queues_drain_in_one_pass(app: App, phone: Phone) -> None:
    kept, gone, new = app.make_product(quantity=3), app.make_product(), new_sku("Новый {}")
    assert run(phone.open_inventory()).state == FRESH
    phone.online = False
    run(phone.receive(kept.sku, 5))
    run(phone.receive(kept.sku, 5))
    run(phone.receive(new, 2))
    run(phone.receive(new, 2))
    run(phone.delete(gone.id))
    phone.online = True
    screen = run(phone.open_inventory())
    assert screen.state == FRESH, screen.error
    assert not phone.store.queued()
    shown = {product.sku: product for product in screen.products}
    assert shown[kept.sku] == replace(kept, quantity=13)
    assert shown[new].quantity == 4
    assert gone.sku not in shown


def test_online_presses_and_a_photo_are_sent_at_once(app: App, phone: Phone) -> None:
    product = app.make_product(quantity=3)
    run(phone.open_inventory())
    page = page_of(phone, product.sku)
    run(phone.press(page, 1))
    run(phone.save(page, RED_JPEG, location="B2"))
    shown = app.shown(product.id)
    assert (shown.quantity, shown.location) == (4, "B2")
    assert (shown.image_url or "").startswith("http")
    assert phone.store.product_by_sku(product.sku) == replace(shown, thumbnail_url=None)


def test_an_order_can_be_finished_twice(app: App, phone: Phone) -> None:
    order = app.make_order((app.make_product(quantity=5), 2))
    run(phone.open_orders())
    run(phone.finish_order(order))
    run(phone.finish_order(phone.store.orders[order.id]))
    orders = {known.id: known for known in run(phone.open_orders())}
    assert orders[order.id] == order.picked_in_full()
    assert app.shown(order.lines[0].product.id).quantity == 3


def test_all_queues_of_a_repaired_app_drain_in_one_pass(app: App, repaired: RepairedPhone) -> None:
    kept, gone, new = app.make_product(quantity=3), app.make_product(), new_sku("Новый {}")
    order = app.make_order((kept, 2))
    run(repaired.open_inventory())
    run(repaired.open_orders())
    repaired.online = False
    run(repaired.receive(kept.sku, 5))
    run(repaired.press(page_of(repaired, kept.sku), 1))
    run(repaired.delete(gone.id))
    run(repaired.create_product("Новый", new, "A1", RED_JPEG))
    run(repaired.receive(new, 2))
    run(repaired.finish_order(order))
    repaired.online = True
    screen = run(repaired.open_inventory())
    orders = {known.id: known for known in run(repaired.open_orders())}
    assert screen.state == FRESH, screen.error
    assert not repaired.store.queued()
    shown = {product.sku: product for product in screen.products}
    assert (shown[kept.sku].quantity, app.shown(kept.id).quantity) == (9, 7)
    assert (shown[new].name, shown[new].quantity, shown[new].location) == ("Новый", 2, "A1")
    assert shown[new].image_url is not None
    assert gone.sku not in shown
    assert orders[order.id].status == "picked"
