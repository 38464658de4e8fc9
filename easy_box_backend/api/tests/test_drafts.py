"""Drafts of orders: a manager's input is stored at once, and somebody else's changes are not overwritten."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from api import texts
from api.actions import barcodes, drafts, orders, products
from api.actor import Actor
from api.errors import Invalid, Stale
from api.models import MAX_QUANTITY, Order, OrderDraft, Product
from api.tests.cases import each
from api.tests.conftest import MakeProduct, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera(make_user: MakeUser) -> Actor:
    return Actor(make_user("Vera", is_staff=True), at=timezone.now())


@pytest.fixture
def boris(make_user: MakeUser) -> Actor:
    return Actor(make_user("Boris", is_staff=True), at=timezone.now())


@pytest.fixture
def sock(make_product: MakeProduct) -> Product:
    return make_product("SOCK", 10, location="A1")


@pytest.fixture
def hat(make_product: MakeProduct) -> Product:
    return make_product("HAT", 10, location="B2")


@pytest.fixture
def order(vera: Actor, sock: Product, hat: Product) -> Order:
    lines = [orders.Line(sock.pk, 5), orders.Line(hat.pk, 2)]
    return orders.create(customer_name="Anna", note="Ring twice", lines=lines, by=vera)


def draft(by: Actor, order: Order | None = None) -> drafts.Draft:
    assert by.user
    if order is not None:
        order.refresh_from_db()
    return drafts.of(by.user.pk, order)


def lines(of: Order) -> dict[str, tuple[int, int]]:
    there = of.lines.filter(removed_at__isnull=True).order_by("id")
    return {line.sku: (line.quantity_to_pick, line.quantity_picked) for line in there}


# --- Reading what was scanned, typed or pasted --------------------------------------------------------------------
@each(
    ("row", "readings"),
    [
        ("SOCK", [("SOCK", 1)]),
        ("SOCK×5", [("SOCK×5", 1), ("SOCK", 5)]),
        ("SOCK * 12", [("SOCK * 12", 1), ("SOCK", 12)]),
        ("SOCK x5", [("SOCK x5", 1), ("SOCK", 5)]),
        ("НОСКИ Х5", [("НОСКИ Х5", 1), ("НОСКИ", 5)]),
        ("MAX5", [("MAX5", 1)]),  # an x within a word is a letter
        ("A*B*3", [("A*B*3", 1), ("A*B", 3)]),
        ("×5", [("×5", 1)]),
        ("SOCK\t5", [("SOCK", 5)]),
        ("SOCK\tWarm socks\t5\t", [("SOCK", 5)]),
        ("SOCK\t1 000,00\r", [("SOCK", 1000)]),
        ("SOCK\t", [("SOCK", 1)]),
        ("SOCK\t2,5", [("SOCK", 0)]),
        ("SOCK\tmany", [("SOCK", 0)]),
        ("SOCK\t-3", [("SOCK", 0)]),
        ("SOCK×" + "9" * 5000, [("SOCK×" + "9" * 5000, 1)]),
    ],
)  # fmt: skip
def test_a_row_is_read_as_code_and_pieces(row: str, readings: list[tuple[str, int]]) -> None:
    assert texts.entered(row) == readings


# --- A new order --------------------------------------------------------------------------------------------------
def test_scans_become_lines_and_a_repeated_code_adds_pieces(vera: Actor, sock: Product, hat: Product) -> None:
    drafts.enter(None, "SOCK", batch="1", by=vera)
    added = drafts.enter(None, "HAT\nSOCK×5\r\nSOCK", batch="2", by=vera)
    assert [(product.sku, pieces) for product, pieces in added] == [("HAT", 1), ("SOCK", 5), ("SOCK", 1)]
    drafts.change(None, {"customer_name": "Anna", "due_on": "2026-12-24"}, by=vera)
    assert draft(vera).products == [hat.pk, sock.pk], "the latest first"
    made = drafts.save(None, by=vera)
    assert (made.customer_name, str(made.due_on), made.note) == ("Anna", "2026-12-24", "")
    assert list(lines(made).items()) == [("SOCK", (7, 0)), ("HAT", (1, 0))]
    assert not OrderDraft.objects.exists()


def test_a_sku_that_looks_like_a_number_of_pieces_is_a_sku(vera: Actor, make_product: MakeProduct) -> None:
    box, box_of_five = make_product("BOX"), make_product("BOX*5")
    drafts.enter(None, "BOX*5\nBOX*4", batch="1", by=vera)
    assert draft(vera).values == {f"pieces:{box_of_five.pk}": 1, f"pieces:{box.pk}": 4}


def test_the_barcode_of_a_carton_adds_its_pieces(vera: Actor, sock: Product) -> None:
    barcodes.add(sock.pk, "4006381333931", pieces=12, by=vera)
    drafts.enter(None, "4006381333931\n4006381333931×2\nSOCK", batch="1", by=vera)
    assert draft(vera).values == {f"pieces:{sock.pk}": 37}


def test_a_batch_that_is_sent_twice_counts_once_and_the_same_codes_in_another_batch_count_again(
    vera: Actor, sock: Product
) -> None:
    for batch in ("1", "1", "2"):
        drafts.enter(None, "SOCK\nSOCK", batch=batch, by=vera)
    assert draft(vera).values == {f"pieces:{sock.pk}": 4}


def test_unknown_codes_are_listed_and_do_not_block_the_draft(vera: Actor, sock: Product, hat: Product) -> None:
    products.archive(hat.pk, by=vera)
    text = f"HAT\nSOCK\t2\nSOCK\t2,5\nSOCK×{MAX_QUANTITY}\n 4006381333931 \n\nSOCK×0\nHAT"
    drafts.enter(None, text, batch="1", by=vera)
    assert draft(vera).values == {f"pieces:{sock.pk}": 2}
    reasons = {one["code"]: one["reason"] for one in draft(vera).not_added}
    assert reasons == {
        "HAT": "unknown", "SOCK\t2,5": "quantity", f"SOCK×{MAX_QUANTITY}": "limit", "4006381333931": "unknown",
        "SOCK×0": "quantity",
    }  # fmt: skip
    drafts.forget_codes(None, by=vera)
    assert draft(vera).not_added == []


def test_a_marking_code_with_separators_is_one_code(vera: Actor, make_product: MakeProduct) -> None:
    marked = make_product("0104600000000000215abc\x1d93dGVz")
    drafts.enter(None, "0104600000000000215abc\x1d93dGVz\n", batch="1", by=vera)
    assert draft(vera).values == {f"pieces:{marked.pk}": 1}


def test_each_person_has_a_draft_of_their_own(vera: Actor, boris: Actor, sock: Product) -> None:
    drafts.enter(None, "SOCK", batch="1", by=vera)
    assert draft(boris).values == {}
    drafts.discard(None, by=boris)
    assert draft(vera).values
    drafts.discard(None, by=vera)
    assert draft(vera).values == {}


@each(
    ("values", "field"),
    [
        ({"customer_name": ""}, "customer_name"), ({"customer_name": "x" * 256}, "customer_name"),
        ({"due_on": "24.12."}, "due_on"), ({"note": "x" * 2001}, "note"),
        ({"outside_number": "x" * 101}, "outside_number"),
        ({"lines": None}, "lines"),
    ],
)  # fmt: skip
def test_an_invalid_value_is_named_and_the_draft_stays(
    vera: Actor, sock: Product, values: dict[str, Any], field: str
) -> None:
    drafts.enter(None, "SOCK", batch="1", by=vera)
    changes = {"customer_name": "Anna", **values}
    if changes.pop("lines", 0) is None:
        changes[f"pieces:{sock.pk}"] = None
    drafts.change(None, changes, by=vera)
    with pytest.raises(Invalid) as refused:
        drafts.save(None, by=vera)
    assert list(refused.value.fields) == [field]
    assert not Order.objects.exists()
    assert draft(vera).values["customer_name"] == changes["customer_name"]
    drafts.discard(None, by=vera)


# --- Changing an order --------------------------------------------------------------------------------------------
def test_a_draft_of_an_order_holds_only_the_changes(vera: Actor, order: Order, sock: Product, hat: Product) -> None:
    assert draft(vera, order).values[f"pieces:{sock.pk}"] == 5
    assert not OrderDraft.objects.exists()
    drafts.enter(order.pk, "SOCK", batch="1", held=order.revision, by=vera)
    drafts.change(order.pk, {f"pieces:{hat.pk}": None, "note": ""}, held=order.revision, by=vera)
    assert draft(vera, order).mine == {f"pieces:{sock.pk}": 6, f"pieces:{hat.pk}": None, "note": ""}
    changed = drafts.save(order.pk, held=order.revision, by=vera)
    assert lines(changed) == {"SOCK": (6, 0)}
    assert (changed.customer_name, changed.note) == ("Anna", "")


def test_changes_of_two_people_to_different_values_are_both_kept(
    vera: Actor, boris: Actor, order: Order, sock: Product, hat: Product
) -> None:
    drafts.change(order.pk, {"note": "Leave it at the door"}, held=order.revision, by=vera)
    orders.update(order.pk, lines=[orders.Line(sock.pk, 5, 3), orders.Line(hat.pk, 1)], by=boris)
    mine = draft(vera, order)
    assert mine.changed_by_others == [f"picked:{sock.pk}", f"pieces:{hat.pk}"]
    assert (mine.values["note"], mine.values[f"pieces:{hat.pk}"]) == ("Leave it at the door", 1)
    changed = drafts.save(order.pk, held=order.revision, by=vera)
    assert (changed.note, lines(changed)) == ("Leave it at the door", {"SOCK": (5, 3), "HAT": (1, 0)})


def test_nothing_is_saved_over_a_state_that_the_person_has_not_seen(
    vera: Actor, boris: Actor, order: Order, sock: Product
) -> None:
    seen = order.revision
    drafts.change(order.pk, {"customer_name": "Anna Petrova", f"pieces:{sock.pk}": 7}, held=seen, by=vera)
    orders.update(order.pk, customer_name="Anna Ivanova", by=boris)
    with pytest.raises(Stale):
        drafts.save(order.pk, held=seen, by=vera)
    mine = draft(vera, order)
    assert mine.changed_by_others == ["customer_name"]
    theirs = (mine.base["customer_name"], mine.now["customer_name"], mine.values["customer_name"])
    assert theirs == ("Anna", "Anna Ivanova", "Anna Petrova")
    drafts.take_theirs(order.pk, "customer_name", by=vera)
    changed = drafts.save(order.pk, held=order.revision, by=vera)
    assert (changed.customer_name, lines(changed)["SOCK"]) == ("Anna Ivanova", (7, 0))


def test_picked_goods_are_returned_when_a_manager_lowers_the_picked_quantity(
    vera: Actor, order: Order, sock: Product
) -> None:
    orders.pick_in_full(order.pk, by=vera)
    drafts.change(order.pk, {f"picked:{sock.pk}": 4}, by=vera)
    assert lines(drafts.save(order.pk, by=vera)) == {"SOCK": (5, 4), "HAT": (2, 2)}
    sock.refresh_from_db()
    assert sock.quantity == 6


def test_an_archived_order_has_no_draft(vera: Actor, order: Order) -> None:
    drafts.change(order.pk, {"note": "x"}, by=vera)
    orders.archive(order.pk, by=vera)
    for verb in (lambda: drafts.save(order.pk, by=vera), lambda: drafts.change(order.pk, {}, by=vera)):
        with pytest.raises(orders.NoSuchOrder):
            verb()
