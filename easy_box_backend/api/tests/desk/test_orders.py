"""The pages of orders. Without JavaScript each form works by itself."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from api.actions import barcodes, discrepancies, orders
from api.actor import Actor
from api.models import Discrepancy, Order, OrderDraft, OrderLine, Product, User
from api.tests.cases import each
from api.tests.conftest import MakeProduct, MakeUser
from api.tests.desk.conftest import enter

pytestmark = pytest.mark.django_db
NEW = "/orders/new/"


@pytest.fixture
def by(vera: User) -> Actor:
    """The manager as the actor of actions."""
    return Actor(vera, at=timezone.now())


@pytest.fixture
def sock(make_product: MakeProduct) -> Product:
    return make_product("SOCK", 10, name="Socks", location="A10")


@pytest.fixture
def hat(make_product: MakeProduct) -> Product:
    return make_product("HAT", 3, name="Hat", location="A2")


def text(client: Client, address: str) -> str:
    """The text of a page."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def fields(page: str) -> dict[str, str]:
    """The values of a page's hidden and text fields, as a browser would send them."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        attributes = dict(re.findall(r'([\w:-]+)="([^"]*)"', tag))
        if "name" in attributes and attributes.get("type") != "checkbox":
            found[html.unescape(attributes["name"])] = html.unescape(attributes.get("value", ""))
    return found


def numbers(client: Client, query: str) -> list[int]:
    """The numbers of the orders on the list."""
    return [one.order.pk for one in client.get(f"/orders/{query}").context["orders"]]


# --- The list -----------------------------------------------------------------------------------------------------
def test_tabs_hold_the_orders_of_their_status_with_counts(desk: Client, by: Actor, sock: Product) -> None:
    yesterday = timezone.localdate() - timedelta(days=1)
    lines = [orders.Line(sock.pk, 1)]
    made = {
        str(status): orders.create(customer_name="Anna", lines=lines, status=status, by=by).pk
        for status in Order.Status
    }
    late = orders.create(customer_name="Late", lines=lines, due_on=yesterday, by=by).pk
    orders.create(customer_name="Late but done", lines=[], due_on=yesterday, status="picked", by=by)
    gone = orders.create(customer_name="Gone", lines=[], by=by).pk
    orders.archive(gone, by=by)
    assert numbers(desk, "") == [late, made["open"], made["inProgress"]], "what is due comes first"
    assert numbers(desk, "?status=overdue") == [late]
    assert numbers(desk, "?status=inProgress") == [made["inProgress"]]
    assert made["cancelled"] in numbers(desk, "?status=cancelled")
    assert numbers(desk, "?status=archived") == [gone]
    assert len(numbers(desk, "?status=all")) == 6
    assert len(numbers(desk, "?status=nonsense")) == 6
    counts = {name: count for name, _label, count in desk.get("/orders/").context["tabs"]}
    assert counts == {
        "running": 3, "open": 2, "inProgress": 1, "overdue": 1, "picked": 2, "cancelled": 1, "all": 6, "archived": None,
    }  # fmt: skip


def test_the_search_finds_the_number_first_then_outside_number_customer_and_sku(
    desk: Client, by: Actor, sock: Product, make_product: MakeProduct
) -> None:
    first = orders.create(customer_name="Anna", lines=[], by=by).pk
    sku = make_product(str(first), 1)
    with_sku = orders.create(customer_name="B", lines=[orders.Line(sku.pk, 1)], by=by).pk
    named = orders.create(customer_name=f"Flat {first}", lines=[], status="cancelled", by=by).pk
    outside = orders.create(customer_name="C", outside_number=f"{first}", lines=[], status="picked", by=by).pk
    orders.create(customer_name="D", lines=[orders.Line(sock.pk, 1)], by=by)
    expected = [first, outside, named, with_sku]
    assert [number for number in numbers(desk, f"?q={first}") if number in expected] == expected
    assert numbers(desk, f"?q=%23{first}")[0] == first
    barcodes.add(sock.pk, "4006381333931", by=by)
    for code in ("SOCK", "4006381333931"):
        assert numbers(desk, f"?q={code}") == [with_sku + 3]
    assert "Nothing is found for “nothing”." in text(desk, "/orders/?q=nothing")


@each(
    ("sought", "customer"),
    [("петров", "Анна Петрова"), ("АННА", "анна"), ("müller", "MÜLLER & Söhne"), ("королев", "Королёва"),
     ("петрова мс-17", "Анна Петрова")],
)  # fmt: skip
def test_a_customer_is_found_in_any_case(desk: Client, by: Actor, sought: str, customer: str) -> None:
    made = orders.create(customer_name=customer, outside_number="МС-17", lines=[], by=by)
    assert numbers(desk, f"?q={sought}") == [made.pk]
    orders.update(made.pk, customer_name="another", by=by)
    assert numbers(desk, f"?q={sought}") == []


@each("text", ["\0", "9" * 400, "9" * 18, "%", "_", "'", " x ", "#", "№", "²"])
def test_any_text_can_be_searched_for(desk: Client, by: Actor, text: str) -> None:
    orders.create(customer_name="Anna", lines=[], by=by)
    assert desk.get("/orders/", {"q": text}).context["orders"] == []


def test_a_list_takes_few_queries_however_long_it_is(
    desk: Client, by: Actor, make_product: MakeProduct, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(9):
        line = orders.Line(make_product(f"P{number}").pk, 2)
        orders.create(customer_name="Anna", lines=[line], by=by)
    for query in ("", "?q=Anna", "?status=all"):
        with django_assert_max_num_queries(10):
            assert len(numbers(desk, query)) == 9


# --- A new order --------------------------------------------------------------------------------------------------
def test_an_order_is_entered_without_javascript(desk: Client, sock: Product, hat: Product) -> None:
    page = text(desk, NEW)
    desk.post(NEW, {"do": "scan", "codes": "SOCK×5\nHAT\tHats\t2\nWHAT"})
    page = text(desk, NEW)
    assert "WHAT" in page
    assert "no product has this code" in page
    sent = fields(page) | {"customer_name": " Anna ", "due_on": "2026-12-24", f"pieces:{hat.pk}": "3", "do": "save"}
    answer = desk.post(NEW, sent)
    order = Order.objects.get()
    assert answer.headers["Location"] == f"/orders/{order.pk}/"
    assert (order.customer_name, str(order.due_on)) == ("Anna", "2026-12-24")
    assert dict(order.lines.values_list("sku", "quantity_to_pick")) == {"SOCK": 5, "HAT": 3}
    assert "Order #" in text(desk, f"/orders/{order.pk}/")
    again = desk.post(NEW, sent)
    assert again.headers["Location"] == f"/orders/{order.pk}/", "a double click makes one order"
    assert Order.objects.count() == 1
    assert not OrderDraft.objects.exists(), "and leaves no draft"


def test_a_refused_order_says_why_and_loses_nothing_typed(desk: Client, sock: Product) -> None:
    desk.post(NEW, {"do": "scan", "codes": "SOCK"})
    answer = desk.post(NEW, fields(text(desk, NEW)) | {"note": "Ring twice", "do": "save"})
    assert answer.context["form"].errors["customer_name"] == ["Enter the customer."]
    desk.post(NEW, fields(answer.content.decode()) | {"customer_name": "Anna", "note": "Ring twice", "do": "save"})
    assert Order.objects.get().note == "Ring twice"


def test_a_draft_survives_a_log_out(desk: Client, vera: User, make_user: MakeUser, sock: Product) -> None:
    desk.post(NEW, {"do": "scan", "codes": "SOCK"})
    desk.post(NEW, {"do": "set", "customer_name": "Anna", "was:customer_name": ""})
    desk.post("/logout/")
    assert "SOCK" not in text(enter(make_user("Boris", is_staff=True)), NEW)
    back = enter(vera)
    assert "Continue the new order" in text(back, "/orders/")
    page = text(back, NEW)
    assert "SOCK · Socks" in page
    assert fields(page)["customer_name"] == "Anna"
    back.post(NEW, fields(page) | {"do": "discard"})
    assert "SOCK" not in text(back, NEW)


def test_each_line_says_what_is_on_hand_promised_to_others_and_free(
    desk: Client, by: Actor, sock: Product, hat: Product
) -> None:
    orders.create(customer_name="Other", lines=[orders.Line(sock.pk, 7), orders.Line(hat.pk, 1)], by=by)
    desk.post(NEW, {"do": "scan", "codes": "SOCK×4\nHAT×2"})
    short, enough = sorted(desk.get(NEW).context["goods"], key=lambda one: one.is_short, reverse=True)
    assert (short.product.sku, short.others, short.free, short.is_short) == ("SOCK", 7, 3, True)
    assert (enough.product.sku, enough.others, enough.free, enough.is_short) == ("HAT", 1, 2, False)
    assert "not enough" in text(desk, NEW)


def test_a_line_is_removed_and_changed(desk: Client, sock: Product, hat: Product) -> None:
    desk.post(NEW, {"do": "scan", "codes": "SOCK\nHAT"})
    desk.post(NEW, {"do": f"remove {sock.pk}"})
    desk.post(NEW, {"do": "set", f"pieces:{hat.pk}": "7", f"was:pieces:{hat.pk}": "1"})
    assert [(one.product.sku, one.pieces) for one in desk.get(NEW).context["goods"]] == [("HAT", 7)]
    desk.post(NEW, {"do": "set", f"pieces:{hat.pk}": "0", f"was:pieces:{hat.pk}": "7"})
    assert desk.get(NEW).context["goods"] == []


@each(
    "sent",
    [
        {"do": "remove x"}, {"do": "set", "pieces:x": "1", "was:pieces:x": "2"}, {"do": "theirs"}, {"do": ""},
        {"do": "set", "pieces:1": "9" * 50, "was:pieces:1": ""}, {"held": "9" * 50}, {"do": "scan", "codes": "\0"},
        {"do": "set", "pieces:99999999": "4", "was:pieces:99999999": ""}, {"do": "save", "held": "x"},
        {"do": "scan", "codes": "x" * 5000, "batch": "y" * 5000},
    ],
)  # fmt: skip
def test_no_forged_form_breaks_the_page(desk: Client, sent: dict[str, str]) -> None:
    assert desk.post(NEW, sent).status_code in (200, 302)
    assert desk.get(NEW).status_code == 200
    desk.post(NEW, {"do": "discard"})


def test_typing_finds_products_by_name(desk: Client, sock: Product, hat: Product) -> None:
    assert 'value="SOCK"' in text(desk, "/orders/find/?codes=soc")
    assert "button" not in text(desk, "/orders/find/?codes=s")


# --- Changing an order --------------------------------------------------------------------------------------------
def test_a_change_by_somebody_else_is_shown_beside_ones_own_and_neither_is_lost(
    desk: Client, by: Actor, make_user: MakeUser, sock: Product, hat: Product
) -> None:
    order = orders.create(customer_name="Anna", lines=[orders.Line(sock.pk, 5), orders.Line(hat.pk, 1)], by=by)
    edit = f"/orders/{order.pk}/edit/"
    page = text(desk, edit)
    boris = Actor(make_user("Boris", is_staff=True), at=timezone.now())
    wanted = [orders.Line(sock.pk, 6), orders.Line(hat.pk, 1, 1)]
    orders.update(order.pk, customer_name="Anna Ivanova", lines=wanted, by=boris)

    mine = {"customer_name": "Anna Petrova", "note": "Quickly", f"pieces:{hat.pk}": "2"}
    answer = desk.post(edit, fields(page) | mine | {"do": "save"})
    assert answer.status_code == 200
    theirs = {str(row.label): (row.was, row.now, row.mine) for row in answer.context["theirs"]}
    assert theirs == {
        "customer": ("Anna", "Anna Ivanova", "Anna Petrova"),
        "SOCK · Socks, to pick": ("5", "6", None),
        "HAT · Hat, picked": ("0", "1", None),
    }
    assert "Somebody else changed this order meanwhile" in answer.content.decode()
    order.refresh_from_db()
    assert order.customer_name == "Anna Ivanova"

    desk.post(edit, fields(answer.content.decode()) | {"do": "theirs customer_name"})
    desk.post(edit, fields(text(desk, edit)) | {"do": "save"})
    order.refresh_from_db()
    assert (order.customer_name, order.note) == ("Anna Ivanova", "Quickly")
    kept = dict(order.lines.values_list("sku", "quantity_to_pick"))
    assert kept == {"SOCK": 6, "HAT": 2}
    assert order.lines.get(product=hat).quantity_picked == 1


def test_a_manager_corrects_what_was_picked(desk: Client, by: Actor, sock: Product) -> None:
    order = orders.create(customer_name="Anna", lines=[orders.Line(sock.pk, 5, 5)], status="picked", by=by)
    edit = f"/orders/{order.pk}/edit/"
    desk.post(edit, fields(text(desk, edit)) | {f"picked:{sock.pk}": "3", "do": "save"})
    sock.refresh_from_db()
    assert sock.quantity == 7


# --- One order ----------------------------------------------------------------------------------------------------
def test_the_page_of_an_order_says_by_shelf_who_picked_what_and_what_is_open(
    desk: Client, by: Actor, make_user: MakeUser, sock: Product, hat: Product
) -> None:
    order = orders.create(
        customer_name="Anna", outside_number="Z-17", note="Ring twice", by=by,
        lines=[orders.Line(sock.pk, 5), orders.Line(hat.pk, 1)],
    )  # fmt: skip
    paul = Actor(make_user("Paul"), at=timezone.now())
    orders.update(order.pk, status="inProgress", lines=[orders.Line(sock.pk, 5, 2), orders.Line(hat.pk, 1, 0)], by=paul)
    discrepancies.record(Discrepancy.Kind.SHORT_PICKED, by=paul, product=hat, order=order, quantity=1)
    answer = desk.get(f"/orders/{order.pk}/")
    assert [line.product.sku for line in answer.context["goods"]] == ["HAT", "SOCK"], "A2 comes before A10"
    page = answer.content.decode()
    for expected in ("Z-17", "Ring twice", "2 of 6", "Paul", "−2", "fewer picked than ordered", "Created"):
        assert expected in page, expected
    assert [step.changes for step in answer.context["story"]] == [
        ["status: open → in progress", "Socks, picked: 0 → 2"], ["Created"],
    ]  # fmt: skip


def test_buttons_start_finish_and_open_an_order(desk: Client, by: Actor, sock: Product) -> None:
    order = orders.create(customer_name="Anna", lines=[orders.Line(sock.pk, 5)], by=by)
    steps = (("start", "inProgress", 10), ("finish", "picked", 5), ("reopen", "open", 5), ("nonsense", "open", 5))
    for do, status, on_hand in steps:
        desk.post(f"/orders/{order.pk}/", fields(text(desk, f"/orders/{order.pk}/")) | {"do": do})
        order.refresh_from_db()
        sock.refresh_from_db()
        assert (order.status, sock.quantity) == (status, on_hand), do


def test_a_button_of_an_older_state_does_nothing_and_says_so(desk: Client, by: Actor, sock: Product) -> None:
    order = orders.create(customer_name="Anna", lines=[orders.Line(sock.pk, 5)], by=by)
    page = text(desk, f"/orders/{order.pk}/")
    orders.update(order.pk, lines=[orders.Line(sock.pk, 9)], by=by)
    answer = desk.post(f"/orders/{order.pk}/", fields(page) | {"do": "finish"}, follow=True)
    assert "changed in the meantime" in answer.content.decode()
    sock.refresh_from_db()
    assert sock.quantity == 10


def test_an_archived_order_is_read_and_an_unknown_one_is_404(desk: Client, by: Actor) -> None:
    order = orders.create(customer_name="Anna", lines=[], by=by)
    orders.archive(order.pk, by=by)
    assert "archived" in text(desk, f"/orders/{order.pk}/")
    for address in (
        f"/orders/{order.pk}/edit/",
        "/orders/999/",
        f"/orders/{10**30}/",
        "/orders/pick-list/",
        "/orders/cancel/?id=x",
    ):
        assert desk.get(address).status_code == 404, address


# --- Many at once -------------------------------------------------------------------------------------------------
def test_several_orders_are_cancelled_after_the_goods_that_return_are_shown(
    desk: Client, by: Actor, sock: Product, hat: Product
) -> None:
    one = orders.create(customer_name="Anna", lines=[orders.Line(sock.pk, 5, 2), orders.Line(hat.pk, 1, 1)], by=by)
    two = orders.create(customer_name="Boris", lines=[orders.Line(sock.pk, 1)], by=by)
    page = text(desk, f"/orders/cancel/?id={one.pk}&id={two.pk}")
    assert "Cancel 2 orders" in page
    assert page.index("A2") < page.index("A10")
    assert "+2" in page
    sent: Any = fields(page) | {"id": [one.pk, two.pk]}
    assert desk.post("/orders/cancel/", sent).status_code == 302
    assert set(Order.objects.values_list("status", flat=True)) == {"cancelled"}
    sock.refresh_from_db()
    assert sock.quantity == 10


def test_none_is_cancelled_if_one_was_changed_meanwhile(desk: Client, by: Actor, sock: Product) -> None:
    one, two = (orders.create(customer_name="Anna", lines=[orders.Line(sock.pk, 1)], by=by) for _ in range(2))
    page = text(desk, f"/orders/cancel/?id={one.pk}&id={two.pk}")
    orders.pick_in_full(two.pk, by=by)
    answer = desk.post("/orders/cancel/", fields(page) | {"id": [one.pk, two.pk]})
    assert answer.status_code == 200
    assert f"#{two.pk}: This was changed in the meantime" in answer.content.decode()
    assert set(Order.objects.values_list("status", flat=True)) == {"open", "picked"}


def test_several_orders_are_one_walk_through_the_shelves(desk: Client, by: Actor, sock: Product, hat: Product) -> None:
    one = orders.create(customer_name="Anna", lines=[orders.Line(sock.pk, 5, 2), orders.Line(hat.pk, 1)], by=by)
    two = orders.create(customer_name="Boris", lines=[orders.Line(sock.pk, 4)], by=by)
    done = orders.create(customer_name="Done", lines=[orders.Line(hat.pk, 9)], status="picked", by=by)
    answer = desk.get(f"/orders/pick-list/?id={one.pk}&id={two.pk}&id={done.pk}")
    stops = answer.context["stops"]
    assert [(stop.product.sku, stop.pieces) for stop in stops] == [("HAT", 1), ("SOCK", 7)]
    assert [(order.pk, pieces) for order, pieces in stops[1].parts] == [(one.pk, 3), (two.pk, 4)]


def test_a_packing_slip_lists_what_is_in_the_parcel(desk: Client, by: Actor, sock: Product, hat: Product) -> None:
    order = orders.create(
        customer_name="Anna", note="Fragile", status="picked", by=by,
        lines=[orders.Line(sock.pk, 5, 2), orders.Line(hat.pk, 1)],
    )  # fmt: skip
    ((_order, _code, lines),) = desk.get(f"/orders/packing-slips/?id={order.pk}").context["slips"]
    assert [(line.sku, pieces) for line, pieces, _code in lines] == [("SOCK", 2)]


# --- Rights -------------------------------------------------------------------------------------------------------
def test_a_picker_sees_and_does_nothing(make_user: MakeUser, by: Actor, sock: Product) -> None:
    order = orders.create(customer_name="Anna", lines=[orders.Line(sock.pk, 5)], by=by)
    picker = enter(make_user("Paul"))
    pages = ["/orders/", NEW, "/orders/find/?codes=so", f"/orders/{order.pk}/", f"/orders/{order.pk}/edit/"]
    pages += [f"/orders/{page}/?id={order.pk}" for page in ("cancel", "pick-list", "packing-slips")]
    for address in pages:
        assert picker.get(address).status_code == 403, address
        assert picker.post(address, {"do": "finish", "id": order.pk}).status_code == 403, address
        assert Client().get(address).status_code == 302, address
    assert Order.objects.get().status == "open"
    assert OrderLine.objects.get().quantity_picked == 0
