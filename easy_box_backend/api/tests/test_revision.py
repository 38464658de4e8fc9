"""The revision, one counter for all rows: a reader that remembers the highest one and fetches what has changed since
then misses nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models import Sum
from django.utils import timezone

from api import revision
from api.actions import barcodes, counts, devices, discrepancies, ledger, orders, products, reversing, settling, stock
from api.actions.orders import Line
from api.actor import Actor
from api.models import Device, Discrepancy, Order, Product, Revision, StockMovement, User
from api.phones import orders as phone_orders
from api.phones import products as phone_products
from api.phones import stock as phone_stock
from api.phones import updates as phone_updates
from api.rest import lists
from api.tests.cases import each

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
Rows = dict[int, dict[str, Any]]


# --- Taking -----------------------------------------------------------------------------------------------------------
@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_taking_a_revision_is_refused() -> None:
    before = revision.current()
    with pytest.raises(RuntimeError):
        revision.take()
    assert revision.current() == before


@pytest.mark.both_databases
@pytest.mark.django_db
def test_each_revision_is_one_more_than_the_previous_one() -> None:
    first = revision.take()
    assert [revision.take(), revision.take(), revision.current()] == [first + 1, first + 2, first + 2]


@pytest.mark.both_databases
@pytest.mark.django_db
def test_a_rollback_takes_the_revision_back() -> None:
    before = revision.current()
    with transaction.atomic():
        assert revision.take() == before + 1
        transaction.set_rollback(True)
    assert revision.current() == before


@pytest.mark.django_db
def test_a_new_epoch_has_another_name_and_continues_the_count() -> None:
    before, tag = revision.current(), revision.tag()
    name = revision.begin_epoch()
    assert (revision.epoch(), revision.current()) == (name, before)
    assert revision.tag() != tag


# --- After every action, the old rows plus the changed rows are the fresh rows ----------------------------------------
def pulled() -> tuple[Rows, Rows]:
    """The products and orders that a phone pulls, by id."""
    return (
        {row["id"]: row for row in lists.product_list("/media/")},
        {row["id"]: row for row in lists.order_list("/media/", NOON, for_app=True)},
    )


def changes(since: int) -> tuple[Rows, Rows]:
    """The products and orders that changed after a revision, by id, archived ones included."""
    return (
        {row["id"]: row for row in lists.products_json(Product.objects.filter(revision__gt=since), "/media/")},
        {
            row["id"]: row
            for row in lists.orders_json(Order.objects.filter(revision__gt=since), "/media/", for_app=True)
        },
    )


@contextmanager
def check_changes(*, writes: bool = True) -> Iterator[None]:
    """Assert about the actions in this block that the old state plus the changed rows is the fresh state, and that the
    ledger is correct. writes: whether the actions take a revision."""
    (old_products, old_orders), since = pulled(), revision.current()
    yield
    changed_products, changed_orders = changes(since)
    gone = set(Product.objects.filter(archived_at__isnull=False).values_list("id", flat=True))
    gone_orders = set(Order.objects.filter(archived_at__isnull=False).values_list("id", flat=True))
    fresh_products, fresh_orders = pulled()
    merged = {**old_products, **changed_products}
    assert {key: row for key, row in merged.items() if key not in gone & set(changed_products)} == fresh_products
    merged = {**old_orders, **changed_orders}
    assert {key: row for key, row in merged.items() if key not in gone_orders & set(changed_orders)} == {
        key: {**row, "lines": with_products_of_then(row, old_orders, changed_orders)}
        for key, row in fresh_orders.items()
    }
    assert (revision.current() > since) == bool(changed_products or changed_orders) == writes
    for product in Product.objects.all():
        total = product.movements.aggregate(total=Sum("quantity_delta"))["total"] or 0
        last = product.movements.order_by("-id").values_list("quantity_after", flat=True).first() or 0
        assert product.quantity == total == last
    assert ledger.broken_ledgers() == []


def with_products_of_then(row: dict[str, Any], old: Rows, changed: Rows) -> Any:
    """The lines of an order as a phone has them. If the order's own revision has not changed, they are the old ones: a
    phone takes a new name of a product from the product's row."""
    return row["lines"] if row["id"] in changed else old[row["id"]]["lines"]


@pytest.fixture
def world(db: None) -> dict[str, Any]:
    """A product on hand, an archived one, an order, and the actor of a manager's phone that has pulled all of it."""
    user = User.objects.create_user("anna@example.com", username="Anna", is_staff=True)
    device, _token = devices.log_in(user, kind=Device.Kind.APP, name="phone", at=NOON)
    by = Actor(user, device, at=timezone.now())
    socks = products.create(sku="SOCK", name="Socks", location="A1", quantity=10, by=by.then(NOON))
    barcodes.add(socks.pk, "PACK", by=by.then(NOON))
    old = products.create(sku="OLD", name="Old", by=by.then(NOON))
    products.archive(old.pk, by=by.then(NOON))
    order = orders.create(customer_name="Petrova", lines=[Line(socks.pk, 2)], by=by.then(NOON))
    phone_stock.pulled(revision.current(), by=by.then(NOON))
    phone_orders.pulled(revision.current(), by=by.then(NOON))
    return {"by": by, "at": NOON + timedelta(hours=1), "socks": socks.pk, "old": old.pk, "order": order.pk}


def _settle(action: str, w: dict[str, Any], quantity: int) -> None:
    """A phone sends a number with two readings, pulls, and the question about it is settled by `action`."""
    by = w["by"].then(w["at"])
    phone_updates.put(str(w["socks"]), sku="SOCK", name="Socks", location="A1", quantity=quantity, by=by)
    phone_stock.pulled(revision.current(), by=by)
    settling.resolve(Discrepancy.objects.get().pk, action, by=by)


def _apply_pending(w: dict[str, Any]) -> None:
    _settle("apply", w, 25)


def _reverse_a_guess(w: dict[str, Any]) -> None:
    """A piece is received, and the number is one more: a press of +, or a page that includes the piece."""
    phone_stock.add_stock(w["socks"], 1, by=w["by"].then(w["at"]))
    _settle("reverse", w, 11)


def _unknown_in_a_queue(w: dict[str, Any]) -> None:
    phone_stock.add_stock(w["socks"], 1, by=w["by"].then(w["at"]))
    phone_stock.look_up(["SOKC"], by=w["by"].then(w["at"]))


def _finish(w: dict[str, Any]) -> None:
    phone_orders.put(
        w["order"], customer_name="N/A", status="picked", lines=[Line(w["socks"], 2, 2)], by=w["by"].then(w["at"])
    )


def _picked_then(w: dict[str, Any], then: Callable[[], object]) -> None:
    orders.update(w["order"], lines=[Line(w["socks"], 2, 1)], by=w["by"].then(w["at"]))
    then()


def _counted_then(w: dict[str, Any], then: Callable[[], object]) -> None:
    counts.count(w["socks"], 7, counted_at=w["at"], by=w["by"].then(w["at"]))
    then()


ACTIONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "create": lambda w: products.create(sku="N", name="N", quantity=3, by=w["by"].then(w["at"])),
    "update": lambda w: products.update(w["socks"], {"name": "X"}, quantity=4, by=w["by"].then(w["at"])),
    "archive": lambda w: products.archive(w["socks"], by=w["by"].then(w["at"])),
    "unarchive": lambda w: products.unarchive(w["old"], by=w["by"].then(w["at"])),
    "barcode": lambda w: barcodes.add(w["socks"], "EAN", by=w["by"].then(w["at"])),
    "barcode of another pack": lambda w: barcodes.add(w["socks"], "PACK", pieces=6, by=w["by"].then(w["at"])),
    "barcode removed": lambda w: barcodes.remove(w["socks"], "PACK", by=w["by"].then(w["at"])),
    "receive": lambda w: stock.receive(w["socks"], 5, by=w["by"].then(w["at"])),
    "adjust": lambda w: stock.adjust(w["socks"], -12, reason="lost", by=w["by"].then(w["at"])),
    "count": lambda w: counts.count(w["socks"], 7, counted_at=w["at"], by=w["by"].then(w["at"])),
    "reverse": lambda w: reversing.reverse(StockMovement.objects.get().pk, by=w["by"].then(w["at"])),
    "reverse what a count includes": lambda w: _counted_then(
        w, lambda: reversing.reverse(StockMovement.objects.get(kind="receipt").pk, by=w["by"].then(w["at"]))
    ),
    "reverse a count": lambda w: _counted_then(
        w, lambda: reversing.reverse(StockMovement.objects.get(kind="count").pk, by=w["by"].then(w["at"]))
    ),
    "reverse a pick": lambda w: _picked_then(
        w, lambda: reversing.reverse(StockMovement.objects.get(kind="pick").pk, by=w["by"].then(w["at"]))
    ),
    "order create": lambda w: orders.create(
        customer_name="I", lines=[Line(w["socks"], 1, 1)], by=w["by"].then(w["at"])
    ),
    "order update": lambda w: orders.update(w["order"], customer_name="I", by=w["by"].then(w["at"])),
    "order without its line": lambda w: _picked_then(
        w, lambda: orders.update(w["order"], lines=[], by=w["by"].then(w["at"]))
    ),
    "order cancelled": lambda w: _picked_then(
        w, lambda: orders.update(w["order"], status="cancelled", by=w["by"].then(w["at"]))
    ),
    "order archived": lambda w: _picked_then(w, lambda: orders.archive(w["order"], by=w["by"].then(w["at"]))),
    "app create": lambda w: phone_products.create(sku="N", name="N", by=w["by"].then(w["at"])),
    "app create of an archived one": lambda w: phone_products.create(sku="OLD", name="Old", by=w["by"].then(w["at"])),
    "app put": lambda w: phone_updates.put(
        str(w["socks"]), sku="S", name="Socks", location="", quantity=10, by=w["by"].then(w["at"])
    ),
    "app press": lambda w: phone_updates.put(
        str(w["socks"]), sku="SOCK", name="Socks", location="A1", quantity=11, by=w["by"].then(w["at"])
    ),
    "app delete": lambda w: phone_products.delete(str(w["socks"]), by=w["by"].then(w["at"])),
    "app add": lambda w: phone_stock.add_stock(w["socks"], 5, by=w["by"].then(w["at"])),
    "app add to an archived one": lambda w: phone_stock.add_stock(w["old"], 5, by=w["by"].then(w["at"])),
    "app look-up that makes one": _unknown_in_a_queue,
    "app order": _finish,
    "apply": _apply_pending,
    "reverse a guess": _reverse_a_guess,
}
SILENT: dict[str, Callable[[dict[str, Any]], object]] = {
    "update to what is": lambda w: products.update(
        w["socks"], {"name": "Socks"}, quantity=10, by=w["by"].then(w["at"])
    ),
    "barcode that it has": lambda w: barcodes.add(w["socks"], "PACK", by=w["by"].then(w["at"])),
    "look-up of a barcode": lambda w: phone_stock.look_up(["PACK"], by=w["by"].then(w["at"])),
    "archive twice": lambda w: products.archive(w["old"], by=w["by"].then(w["at"])),
    "unarchive what is live": lambda w: products.unarchive(w["socks"], by=w["by"].then(w["at"])),
    "count that agrees": lambda w: counts.count(w["socks"], 10, counted_at=w["at"], by=w["by"].then(w["at"])),
    "look-up": lambda w: phone_stock.look_up(["SOCK", "NONE"], by=w["by"].then(w["at"])),
    "pull": lambda w: phone_stock.pulled(revision.current(), by=w["by"].then(w["at"])),
    "held back": lambda w: phone_stock.add_stock(w["socks"], 2_000_000, by=w["by"].then(w["at"])),
    "unknown id": lambda w: phone_products.delete("uuid", by=w["by"].then(w["at"])),
    "a question": lambda w: discrepancies.record(Discrepancy.Kind.UNKNOWN_ORDER, by=w["by"].then(w["at"])),
}


@each("name", ACTIONS)
def test_after_every_action_the_old_list_plus_the_changes_is_the_new_list(world: dict[str, Any], name: str) -> None:
    with check_changes():
        ACTIONS[name](world)


@each("name", SILENT)
def test_an_action_that_changes_nothing_on_phones_takes_no_revision(world: dict[str, Any], name: str) -> None:
    with check_changes(writes=False):
        SILENT[name](world)


# --- In parallel ------------------------------------------------------------------------------------------------------
WRITERS, ROUNDS = 4, 12


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_a_reader_that_remembers_the_highest_revision_misses_nothing() -> None:
    """Each row changes once, so a row that the reader misses is never seen. Some writers commit late. All pause, since
    SQLite does not let the writer in first that has waited longest."""
    nobody, done, start = Actor(None, at=timezone.now()), threading.Event(), revision.current()
    seen: set[int] = set()

    def write(writer: int) -> None:
        try:
            for number in range(ROUNDS):
                with transaction.atomic():
                    products.create(sku=f"P-{writer}-{number}", name="P", quantity=writer, by=nobody.then(NOON))
                    if writer % 2:
                        threading.Event().wait(0.01)  # the revision is taken, but not visible yet
                threading.Event().wait(0.002)
        finally:
            connections.close_all()

    def read(since: int) -> int:
        for product, number in Product.objects.filter(revision__gt=since).values_list("id", "revision"):
            seen.add(product)
            since = max(since, number)
        return since

    def tail() -> int:
        try:
            since = start
            while not done.wait(0.002):
                since = read(since)
            return read(since)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reader = pool.submit(tail)
        try:
            for writer in [pool.submit(write, number) for number in range(WRITERS)]:
                writer.result()
        finally:
            done.set()
        reached = reader.result()
    assert len(seen) == WRITERS * ROUNDS
    assert reached == revision.current() == start + WRITERS * ROUNDS
    assert ledger.broken_ledgers() == []


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_a_later_number_is_not_seen_before_an_earlier_one() -> None:
    """While a transaction has taken a revision without committing, no other can take the next one and commit it."""
    nobody = Actor(None, at=timezone.now())
    first = products.create(sku="A", name="A", by=nobody.then(NOON)).pk
    second = products.create(sku="B", name="B", by=nobody.then(NOON)).pk
    shown = threading.Event()

    def overtake() -> None:
        try:
            stock.receive(second, 1, by=nobody.then(NOON))
            shown.set()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            held = stock.receive(first, 1, by=nobody.then(NOON)).revision
            other = pool.submit(overtake)
            assert not shown.wait(0.5)
        other.result()
    assert shown.is_set()
    assert Product.objects.get(pk=second).revision == held + 1
    assert Revision.objects.get().value == held + 1
