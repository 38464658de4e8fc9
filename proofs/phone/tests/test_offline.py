"""The offline mode is ported with its bugs, because the server must cope with them."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from proofs.phone.app import LineProduct, NotFound, Order, OrderLine, SkuTaken
from proofs.phone.dio import DioException
from proofs.phone.offline import CACHED, FRESH, HUNG, Call, StillUnknown, run
from proofs.phone.tests.fake_server import FakeServer, answer

LOST = b""
ORDER = Order("5", "Anna", "open", (OrderLine(LineProduct("1", "J", "J-1", None, None), 2, 0),))


def test_the_queues_go_out_in_their_order_and_then_the_list_is_pulled() -> None:
    server = FakeServer()
    first, second = server.add("A", 1), server.add("B", 1)
    phone = server.phone()
    run(phone.open_inventory())
    phone.online = False
    run(phone.delete(second))
    run(phone.press_plus(first))
    run(phone.receive("A", 5))
    run(phone.create_product("New", "N"))
    assert len(server.requests) == 1
    phone.online = True
    screen = run(phone.open_inventory())
    assert screen.state == FRESH
    assert server.lines[1:] == [
        "POST /api/products/",
        "GET /api/products/?sku=A",
        "POST /api/products/1/add_stock/",
        "PUT /api/products/1/",
        "DELETE /api/products/2/",
        "GET /api/products/",
    ]
    assert phone.store.queued() == dict.fromkeys(phone.store.queued(), 0)


def test_offline_changes_are_shown_at_once() -> None:
    server = FakeServer()
    server.add("A", 1)
    phone = server.phone()
    run(phone.open_inventory())
    phone.online = False
    run(phone.receive("A", 5))
    run(phone.press_minus("1"))
    run(phone.create_product("New", "N", "A1"))
    shown = run(phone.open_inventory())
    assert shown.state == CACHED
    assert [(product.sku, product.quantity) for product in shown.products] == [("A", 5), ("N", 0)]
    assert len(shown.products[1].id) == 36


def test_an_error_in_a_queue_starts_it_from_its_beginning_next_time() -> None:
    server = FakeServer()
    server.add("A"), server.add("B")
    phone = server.phone(online=False)
    run(phone.receive("A", 1))
    run(phone.receive("B", 1))
    phone.online = True
    server.fault = lambda line: answer(500, {}) if line.endswith("/2/add_stock/") else None
    assert run(phone.open_inventory()).state == CACHED
    server.fault = lambda line: None
    assert run(phone.open_inventory()).state == FRESH
    assert [product["quantity"] for product in server.products.values()] == [2, 1]


def test_an_addition_whose_answer_is_lost_comes_again() -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone(online=False)
    run(phone.receive("A", 3))
    phone.online = True

    def lose_the_answer(line: str) -> bytes | None:
        if line.endswith("/add_stock/"):
            server.products["1"]["quantity"] += 3
            return LOST
        return None

    server.fault = lose_the_answer
    run(phone.open_inventory())
    server.fault = lambda line: None
    run(phone.open_inventory())
    assert server.products["1"]["quantity"] == 6


@pytest.mark.parametrize("times", [1, 3])
def test_a_taken_sku_hangs_the_screen_at_every_opening(times: int) -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone(online=False)
    run(phone.create_product("Mine", "A"))
    phone.online = True
    for _ in range(times):
        screen = run(phone.open_inventory())
        assert screen.state == HUNG
        assert isinstance(screen.error, SkuTaken)


def test_an_unknown_sku_hangs_the_screen_and_repeats_what_was_before_it() -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone(online=False)
    run(phone.receive("A", 1))
    run(phone.receive("MISTYPED", 1))
    phone.online = True
    for _ in range(3):
        screen = run(phone.open_inventory())
        assert screen.state == HUNG
        assert isinstance(screen.error, NotFound)
    assert server.products["1"]["quantity"] == 3


def test_a_404_on_add_stock_hangs_and_another_400_is_caught() -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone(online=False)
    run(phone.receive("A", 1))
    phone.online = True
    server.fault = lambda line: answer(404, {}) if "add_stock" in line else None
    assert run(phone.open_inventory()).state == HUNG
    server.fault = lambda line: answer(400, {"quantity": ["no"]}) if "add_stock" in line else None
    assert run(phone.open_inventory()).state == CACHED


def test_updates_of_a_product_made_offline_bear_the_phones_uuid() -> None:
    server = FakeServer()
    phone = server.phone(online=False)
    product = run(phone.create_product("New", "N"))
    run(phone.edit(replace(product, name="Newer")))
    phone.online = True
    assert run(phone.open_inventory()).state == CACHED  # the fake server answers 404 to a UUID
    assert server.lines == ["POST /api/products/", f"PUT /api/products/{product.id}/"]
    assert product.id.encode() not in server.body(0)


def test_two_passes_at_once_send_the_same_queue_twice() -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone(online=False)
    run(phone.receive("A", 1))
    phone.online = True
    one, two = phone.open_inventory(), phone.open_inventory()
    assert next(one) == next(two) == Call("find", "A", 1)
    run(one)
    run(two)
    assert server.products["1"]["quantity"] == 2


def test_an_item_queued_while_a_pass_is_clearing_is_lost() -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone(online=False)
    run(phone.receive("A", 1))
    phone.online = True
    steps = phone.open_inventory()
    next(steps)
    phone.online = False
    run(phone.receive("A", 10))
    phone.online = True
    run(steps)
    assert server.products["1"]["quantity"] == 1
    assert phone.store.queued()["addition"] == 0


def test_a_pull_replaces_the_whole_cache() -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone()
    run(phone.open_inventory())
    server.products.clear()
    server.add("B")
    assert [product.sku for product in run(phone.open_inventory()).products] == ["B"]


def test_a_photo_taken_offline_is_a_path_in_the_update_and_then_uploaded() -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone()
    run(phone.open_inventory())
    phone.online = False
    run(phone.take_photo("1", b"\xff\xd8photo"))
    phone.online = True
    run(phone.open_inventory())
    assert server.lines[1:3] == ["PUT /api/products/1/", "POST /api/products/1/upload_image/"]
    assert json.loads(server.body(1))["image_url"].startswith("/data/")
    assert b"\xff\xd8photo" in server.body(2)


def test_receiving_online_finds_then_adds_and_creates_what_is_unknown() -> None:
    server = FakeServer()
    phone = server.phone()
    with pytest.raises(StillUnknown):
        run(phone.receive("A", 2))
    run(phone.receive("A", 2, new_name="Jacket"))
    run(phone.receive("A", 3))
    assert server.products["1"]["quantity"] == 5
    assert phone.store.products()[0].quantity == 5


def test_a_failed_button_changes_nothing_on_the_phone() -> None:
    server = FakeServer()
    server.add("A", 1)
    phone = server.phone()
    run(phone.open_inventory())
    server.fault = lambda line: LOST
    with pytest.raises(DioException):
        run(phone.press_plus("1"))
    assert phone.store.products()[0].quantity == 1


@pytest.mark.parametrize(("known", "name"), [(True, "Anna"), (False, "N/A")])
def test_an_order_finished_offline_bears_its_customer_if_the_phone_still_knows_it(known: bool, name: str) -> None:
    server = FakeServer()
    phone = server.phone(online=False)
    if known:
        phone.orders[ORDER.id] = ORDER
    run(phone.finish_order(ORDER))
    phone.online = True
    run(phone.open_orders())
    assert server.lines == ["PUT /api/orders/5/", "GET /api/orders/"]
    assert json.loads(server.body(0)) == {
        "customer_name": name,
        "status": "picked",
        "lines": [{"product": 1, "quantity_to_pick": 2, "quantity_picked": 2}],
    }


def test_the_same_seed_makes_the_same_ids() -> None:
    one, two = FakeServer().phone(), FakeServer().phone()
    one.rng, two.rng = random.Random(3), random.Random(3)
    assert one.new_id() == two.new_id()
    assert one.new_id() != one.new_id()
