"""A phone sends full queues over a good network: everything arrives exactly once."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from proofs.contract.client import RED_JPEG, App, new_sku
from proofs.phone.offline import FRESH, Phone, run


@pytest.fixture
def phone(app: App) -> Phone:
    """A phone that has seen the list."""
    phone = Phone(app.inventory, app.orders, random.Random(1))
    run(phone.open_inventory())
    return phone


def test_the_queues_drain_in_one_pass(app: App, phone: Phone) -> None:
    kept, gone = app.make_product(quantity=3), app.make_product()
    assert run(phone.open_inventory()).state == FRESH
    new = new_sku("Новый {}")
    phone.online = False
    run(phone.receive(kept.sku, 5))
    run(phone.receive(kept.sku, 5))
    run(phone.press_plus(kept.id))
    run(phone.delete(gone.id))
    run(phone.create_product("Новый", new, "A1", RED_JPEG))
    run(phone.receive(new, 2))
    phone.online = True
    screen = run(phone.open_inventory())
    assert screen.state == FRESH, screen.error
    assert not any(phone.store.queued().values())
    shown = {product.sku: product for product in screen.products}
    assert shown[kept.sku] == replace(kept, quantity=14)
    assert (shown[new].name, shown[new].quantity, shown[new].location) == ("Новый", 2, "A1")
    assert shown[new].image_url is not None
    assert gone.sku not in shown


def test_a_photo_taken_offline_arrives(app: App, phone: Phone) -> None:
    product = app.make_product()
    run(phone.open_inventory())
    phone.online = False
    run(phone.take_photo(product.id, RED_JPEG))
    phone.online = True
    assert run(phone.open_inventory()).state == FRESH
    assert (app.shown(product.id).image_url or "").startswith("http")


def test_an_order_finished_offline_arrives(app: App, phone: Phone) -> None:
    order = app.make_order((app.make_product(quantity=5), 2))
    run(phone.open_orders())
    phone.online = False
    run(phone.finish_order(order))
    phone.online = True
    orders = {known.id: known for known in run(phone.open_orders())}
    assert orders[order.id] == order.picked_in_full()
    assert phone.store.queued()["order_update"] == 0
