"""The screens and queues of the installed app and of the repaired one, with the bugs that the server must cope with."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from proofs.phone.app import LineProduct, NotFound, Order, OrderLine, Product, SkuTaken
from proofs.phone.dio import DioException
from proofs.phone.offline import CACHED, FRESH, HUNG, Call, Failed, Hung, Page, Phone, Steps, StillUnknown, run
from proofs.phone.tests.fake_server import FakeServer, answer

LOST = b""
ORDER = Order("5", "Anna", "open", (OrderLine(LineProduct("1", "J", "J-1", None, None), 2, 0),))


def page_of(phone: Phone, sku: str) -> Page:
    """The page of a listed product."""
    product = phone.store.product_by_sku(sku)
    assert product
    return phone.open_page(product)


# --- Without a radio --------------------------------------------------------------------------------------------------
def test_only_additions_and_deletions_are_queued_and_go_out_before_the_pull() -> None:
    server = FakeServer()
    server.add("A", 1)
    second = server.add("B", 1)
    phone = server.phone()
    run(phone.open_inventory())
    phone.online = False
    run(phone.delete(second))
    run(phone.receive("A", 5))
    run(phone.receive("NEVER SEEN", 1))
    assert phone.store.queued() == {"addition": 2, "deletion": 1}
    server.add("NEVER SEEN")
    phone.online = True
    assert run(phone.open_inventory()).state == FRESH
    assert server.lines[1:] == [
        "GET /api/products/?sku=A",
        "POST /api/products/1/add_stock/",
        "GET /api/products/?sku=NEVER%20SEEN",
        "POST /api/products/3/add_stock/",
        "DELETE /api/products/2/",
        "GET /api/products/",
    ]
    assert not phone.store.queued()


def test_an_edit_a_press_and_a_photo_fail_and_change_nothing() -> None:
    server = FakeServer()
    server.add("A", 1)
    phone = server.phone()
    run(phone.open_inventory())
    phone.online = False
    page = page_of(phone, "A")
    attempts: list[Steps[None]] = [
        phone.press(page, 1), phone.press(page, -1), phone.save(page, name="B"), phone.save(page, b"photo"),
    ]  # fmt: skip
    for attempt in attempts:
        with pytest.raises(Failed):
            run(attempt)
    assert page.product == phone.store.products()[0] == Product("1", "A", "A", 1)
    phone.online = True
    run(phone.open_inventory())
    assert server.lines == ["GET /api/products/"] * 2


def test_a_creation_fails_and_stays_in_the_list_under_a_uuid_until_the_next_pull() -> None:
    server = FakeServer()
    phone = server.phone(online=False)
    with pytest.raises(Failed):
        run(phone.create_product("New", "N", "A1"))
    (shown,) = run(phone.open_inventory()).products
    assert (len(shown.id), shown.sku, shown.quantity) == (36, "N", 0)
    run(phone.receive("N", 2))
    assert phone.store.products()[0].quantity == 2
    run(phone.delete(shown.id))
    server.add("N")
    phone.online = True
    server.fault = lambda line: answer(204, None) if line.startswith("DELETE") else None
    run(phone.open_inventory())
    assert server.lines[2:] == [f"DELETE /api/products/{shown.id}/", "GET /api/products/"]
    assert [product.id for product in phone.store.products()] == ["1"]


def test_an_order_finished_offline_is_lost_and_open_again() -> None:
    server = FakeServer()
    phone = server.phone(online=False)
    phone.store.orders[ORDER.id] = ORDER
    with pytest.raises(Failed):
        run(phone.finish_order(ORDER))
    assert run(phone.open_orders()) == [ORDER]
    phone.online = True
    run(phone.open_orders())
    assert server.lines == ["GET /api/orders/"]


@pytest.mark.parametrize("lines", [(), tuple(replace(line, quantity_picked=2) for line in ORDER.lines)])
def test_an_order_with_nothing_left_to_pick_is_queued_and_hangs_the_list_if_it_has_lines(
    lines: tuple[OrderLine, ...],
) -> None:
    server = FakeServer()
    phone = server.phone(online=False)
    phone.store.orders[ORDER.id] = order = replace(ORDER, lines=lines)
    run(phone.finish_order(order))
    phone.online = True
    if lines:
        for _ in range(2):
            with pytest.raises(Hung):
                run(phone.open_orders())
        assert server.lines == []
    else:
        run(phone.open_orders())
        assert server.lines == ["PUT /api/orders/5/", "GET /api/orders/"]


def test_the_list_of_orders_is_empty_after_an_error_and_the_stored_one_without_a_radio() -> None:
    server = FakeServer()
    phone = server.phone()
    phone.store.orders[ORDER.id] = ORDER
    server.fault = lambda line: LOST
    assert run(phone.open_orders()) == []
    phone.online = False
    assert run(phone.open_orders()) == [ORDER]


def test_the_queues_outlive_the_app_and_the_login() -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone(online=False)
    run(phone.receive("A", 1))
    phone = server.phone(store=phone.store)
    phone.inventory.session.token = "another person's"
    run(phone.open_inventory())
    assert b"authorization: Token another person's" in server.requests[1]
    assert server.products["1"]["quantity"] == 1


# --- With a radio, and a network that fails ---------------------------------------------------------------------------
def test_with_a_radio_and_a_bad_network_an_action_fails_and_is_not_queued() -> None:
    server = FakeServer()
    server.add("A", 1)
    phone = server.phone()
    run(phone.open_inventory())
    server.fault = lambda line: LOST
    page = page_of(phone, "A")
    attempts: list[Steps[None]] = [
        phone.receive("A", 1), phone.delete("1"), phone.press(page, 1), phone.create_product("N", "N"),
        phone.finish_order(ORDER),
    ]  # fmt: skip
    for attempt in attempts:
        with pytest.raises(DioException):
            run(attempt)
    assert not phone.store.queued()
    assert page.product == phone.store.products()[0] == Product("1", "A", "A", 1)


# --- The pass ---------------------------------------------------------------------------------------------------------
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


def test_an_addition_whose_answer_is_lost_is_sent_again() -> None:
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


def test_an_unknown_sku_hangs_the_screen_and_the_items_before_it_are_sent_again_each_time() -> None:
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


def test_a_404_of_add_stock_hangs_the_screen_and_a_400_is_caught() -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone(online=False)
    run(phone.receive("A", 1))
    phone.online = True
    server.fault = lambda line: answer(404, {}) if "add_stock" in line else None
    assert run(phone.open_inventory()).state == HUNG
    server.fault = lambda line: answer(400, {"quantity": ["no"]}) if "add_stock" in line else None
    assert run(phone.open_inventory()).state == CACHED


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
    assert not phone.store.queued()


def test_a_pull_replaces_the_whole_cache() -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone()
    run(phone.open_inventory())
    server.products.clear()
    server.add("B")
    assert [product.sku for product in run(phone.open_inventory()).products] == ["B"]


def test_the_same_seed_makes_the_same_ids() -> None:
    one, two = FakeServer().phone(), FakeServer().phone()
    one.rng, two.rng = random.Random(3), random.Random(3)
    assert one.new_id() == two.new_id()
    assert one.new_id() != one.new_id()


# --- Screens ----------------------------------------------------------------------------------------------------------
def test_each_press_sends_one_step_from_what_the_page_shows_until_a_press_succeeds() -> None:
    server = FakeServer()
    server.add("A", 10)
    phone = server.phone()
    run(phone.open_inventory())
    page = page_of(phone, "A")
    server.fault = lambda line: LOST
    with pytest.raises(DioException):
        run(phone.press(page, 1))
    server.fault = lambda line: None
    server.products["1"]["quantity"] = 50  # other people changed it
    for number in (11, 12, 11):
        run(phone.press(page, 1 if number > page.product.quantity else -1))
        assert json.loads(server.body())["quantity"] == number
    assert json.loads(server.body(1))["quantity"] == 11


def test_a_second_tap_before_the_answer_sends_the_same_number_and_the_page_shows_one_step() -> None:
    server = FakeServer()
    server.add("A", 10)
    phone = server.phone()
    run(phone.open_inventory())
    page = page_of(phone, "A")
    first, second = phone.press(page, 1), phone.press(page, 1)
    assert next(first) == next(second) == Call("update", "1")
    run(first)
    run(second)
    assert [json.loads(server.body(n))["quantity"] for n in (1, 2)] == [11, 11]
    assert page.product.quantity == phone.store.products()[0].quantity == 11


def test_a_page_is_saved_whole_and_its_new_photo_is_uploaded_before() -> None:
    server = FakeServer()
    server.add("A", 1)
    phone = server.phone()
    run(phone.open_inventory())
    page = page_of(phone, "A")
    run(phone.save(page, b"\xff\xd8photo", name="B", location=""))
    assert server.lines[1:] == ["POST /api/products/1/upload_image/", "PUT /api/products/1/"]
    assert b"\xff\xd8photo" in server.body(1)
    sent = json.loads(server.body(2))
    assert (sent["name"], sent["location"], sent["quantity"]) == ("B", "", 1)
    assert sent["image_url"] == phone.store.products()[0].image_url == "http://warehouse/media/1.jpg"
    run(phone.press(page, 1))  # the page still shows the photo on the phone
    assert server.lines[3:] == server.lines[1:3]


def test_without_a_radio_the_search_box_and_the_camera_show_an_error() -> None:
    phone = FakeServer().phone(online=False)
    for steps in (phone.search("X"), phone.scan("X")):
        with pytest.raises(Failed):
            run(steps)
    assert run(phone.search("X")) == []


@pytest.mark.parametrize("label", ["A", "FOREIGN"])
def test_the_camera_repeats_its_look_up_as_soon_as_the_answer_is_there(label: str) -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone()
    found = run(phone.scan(label, 3))
    assert (found.sku if found else "FOREIGN") == label
    assert server.lines == [f"GET /api/products/?sku={label}"] * 3


def test_the_search_box_asks_at_a_keystroke_and_is_dead_after_an_empty_answer() -> None:
    server = FakeServer()
    server.add("Jacket")
    phone = server.phone()
    run(phone.open_inventory())
    server.add("JX")
    assert [product.sku for product in run(phone.search("ja"))] == ["Jacket"]
    assert len(server.lines) == 1
    assert [product.sku for product in run(phone.search("JX"))] == ["Jacket", "JX"]
    assert run(phone.search("JXYZ")) == []
    assert server.lines[1:] == ["GET /api/products/?sku=JX", "GET /api/products/", "GET /api/products/?sku=JXY"]
    assert run(phone.search("ja")) == []
    run(phone.open_inventory())
    assert len(run(phone.search("ja"))) == 1


def test_receiving_online_looks_up_then_adds_and_creates_an_unknown_sku() -> None:
    server = FakeServer()
    phone = server.phone()
    with pytest.raises(StillUnknown):
        run(phone.receive("A", 2))
    run(phone.receive("A", 2, new_name="Jacket"))
    run(phone.receive("A", 3))
    assert server.products["1"]["quantity"] == 5
    assert phone.store.products()[0].quantity == 5


def test_after_a_creation_the_inventory_is_opened_again() -> None:
    server = FakeServer()
    run(server.phone().create_product("A", "A"))
    assert server.lines == ["POST /api/products/", "GET /api/products/"]


def test_an_order_can_be_reopened_and_finished_again() -> None:
    server = FakeServer()
    phone = server.phone()
    phone.store.orders[ORDER.id] = ORDER
    run(phone.finish_order(ORDER))
    run(phone.finish_order(phone.store.orders[ORDER.id]))
    assert server.lines == ["PUT /api/orders/5/"] * 2
    assert server.body(0) == server.body(1)


# --- The repaired app -------------------------------------------------------------------------------------------------
def test_a_repaired_app_has_five_queues() -> None:
    server = FakeServer()
    server.add("A", 1)
    server.add("B", 1)
    phone = server.phone(app="repaired")
    run(phone.open_inventory())
    phone.online = False
    run(phone.delete("2"))
    run(phone.press(page_of(phone, "A"), 1))
    run(phone.save(page_of(phone, "A"), b"\xff\xd8photo"))
    run(phone.receive("A", 5))
    run(phone.create_product("New", "N"))
    assert len(phone.store.products()[1].id) == 36
    phone.online = True
    assert run(phone.open_inventory()).state == FRESH
    assert server.lines[1:] == [
        "POST /api/products/",
        "GET /api/products/?sku=A",
        "POST /api/products/1/add_stock/",
        "PUT /api/products/1/",
        "PUT /api/products/1/",
        "DELETE /api/products/2/",
        "GET /api/products/",
    ]
    assert json.loads(server.body(5))["image_url"].startswith("/data/")
    assert not phone.store.queued()


@pytest.mark.parametrize("times", [1, 3])
def test_a_taken_sku_hangs_a_repaired_app_at_every_opening(times: int) -> None:
    server = FakeServer()
    server.add("A")
    phone = server.phone(online=False, app="repaired")
    run(phone.create_product("Mine", "A"))
    phone.online = True
    for _ in range(times):
        screen = run(phone.open_inventory())
        assert screen.state == HUNG
        assert isinstance(screen.error, SkuTaken)


def test_a_repaired_app_updates_a_product_made_offline_under_the_phones_uuid() -> None:
    server = FakeServer()
    phone = server.phone(online=False, app="repaired")
    run(phone.create_product("New", "N"))
    page = page_of(phone, "N")
    run(phone.save(page, name="Newer"))
    phone.online = True
    assert run(phone.open_inventory()).state == CACHED  # the fake server answers 404 to a UUID
    assert server.lines == ["POST /api/products/", f"PUT /api/products/{page.product.id}/"]
    assert page.product.id.encode() not in server.body(0)


@pytest.mark.parametrize(("known", "name"), [(True, "Anna"), (False, "N/A")])
def test_a_repaired_app_sends_an_order_with_its_customer_if_it_still_knows_the_name(known: bool, name: str) -> None:
    server = FakeServer()
    phone = server.phone(online=False, app="repaired")
    if known:
        phone.store.orders[ORDER.id] = ORDER
    run(phone.finish_order(ORDER))
    phone.online = True
    run(phone.open_orders())
    assert server.lines == ["PUT /api/orders/5/", "GET /api/orders/"]
    assert json.loads(server.body(0)) == {
        "customer_name": name,
        "status": "picked",
        "lines": [{"product": 1, "quantity_to_pick": 2, "quantity_picked": 2}],
    }
