"""Whole lists from the cache, compressed by gzip: the bytes are those of a newly built list, after any change, and a
change takes little work."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api import revision
from api.actions import orders, products, stock
from api.actions.orders import Line
from api.actor import Actor
from api.models import Device, Order, Product
from api.rest import lists, ready
from api.rest.answers import dump
from api.tests.calls import Caller, upload
from api.tests.cases import each
from api.tests.conftest import LogIn, MakeProduct
from api.tests.photos import jpeg

PRODUCTS, ORDERS = "/api/products/", "/api/orders/"
HERE, THERE = "http://box.local/media/", "https://10.0.0.5:8000/media/"


def nobody() -> Actor:
    return Actor(None, at=timezone.now())


def unpacked(body: bytes) -> bytes:
    """Decompress a body as dart:io, a browser and curl do: one member of a gzip stream. zlib checks CRC and length."""
    reader = zlib.decompressobj(zlib.MAX_WBITS | 16)
    text = reader.decompress(body)
    assert reader.eof
    assert reader.unused_data == b"", "some clients ignore further members"
    return text


def check_lists() -> None:
    """Assert that every list, at two addresses, has the bytes of a newly built list and the current tag."""
    tag, since = revision.tag(), lists.orders_kept_since(timezone.now())
    for photos in (HERE, THERE):
        found, body = ready.whole_list(tag, photos, for_app=True)
        assert (found, unpacked(body)) == (tag, dump(lists.product_list(photos)))
        for for_app in (True, False):
            found, body = ready.whole_list(tag, photos, since, for_app=for_app)
            assert (found, unpacked(body)) == (tag, dump(lists.order_list(photos, since, for_app=for_app)))


@pytest.fixture
def compressed_texts(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """A list of the texts that were compressed so far; a test may clear it."""
    texts: list[bytes] = []
    compress = ready.part

    def record(text: bytes) -> ready.Part:
        texts.append(text)
        return compress(text)

    monkeypatch.setattr(ready, "part", record)
    return texts


# --- The stream ---------------------------------------------------------------------------------------------------
@each("texts", [[], [b""], [b"a"], [b"", b"a", b""], [b"ab" * 70_000, b"[", b"\0" * 5, b"\xff" * 100_000, b"]"]])
@pytest.mark.django_db
def test_parts_with_any_texts_are_one_gzip_stream(texts: list[bytes]) -> None:
    assert unpacked(ready.joined(map(ready.part, texts))) == b"".join(texts)


# --- The same bytes after every change ----------------------------------------------------------------------------
@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch, make_product: MakeProduct) -> dict[str, int]:
    """By name: the ids of products and orders of each kind, which are spread over several chunks."""
    monkeypatch.setattr(ready, "ROWS", 4)
    shelf = [make_product(f"S{n:02}", quantity=50, name=f'Jacket "{n}" \\u0000 Ж').pk for n in range(11)]
    made = [orders.create(customer_name=f"C{n}", lines=[Line(shelf[n], 2)], by=nobody()).pk for n in range(9)]
    for picked in (made[7], made[1]):
        orders.pick_in_full(picked, by=nobody())
    products.archive(shelf[3], by=nobody())
    return {"first": shelf[0], "one": shelf[5], "last": shelf[10], "archived": shelf[3], "order": made[5],
            "picked": made[7], "of one": made[5]}  # fmt: skip


Change = Callable[[dict[str, int]], object]
CHANGES: dict[str, Change] = {
    "nothing": lambda w: None,
    "created": lambda w: products.create(sku="N", name="N", by=nobody()),
    "renamed": lambda w: products.update(w["one"], {"name": "Coat", "location": "B"}, by=nobody()),
    "received": lambda w: stock.receive(w["one"], 3, by=nobody()),
    "first archived": lambda w: products.archive(w["first"], by=nobody()),
    "last archived": lambda w: products.archive(w["last"], by=nobody()),
    "unarchived": lambda w: products.unarchive(w["archived"], by=nobody()),
    "archived and unarchived": lambda w: (
        products.archive(w["one"], by=nobody()), products.unarchive(w["one"], by=nobody()),
    ),
    "all archived": lambda w: [products.archive(row.pk, by=nobody()) for row in Product.objects.live()],
    "order created": lambda w: orders.create(customer_name="N", lines=[Line(w["one"], 1)], by=nobody()),
    "order picked": lambda w: orders.pick_in_full(w["order"], by=nobody()),
    "order cancelled": lambda w: orders.update(w["order"], status="cancelled", by=nobody()),
    "order runs again": lambda w: orders.update(w["picked"], status="open", by=nobody()),
    "ended order changed": lambda w: orders.update(w["picked"], customer_name="Q", by=nobody()),
    "order without lines": lambda w: orders.update(w["order"], lines=[], by=nobody()),
    "order archived": lambda w: orders.archive(w["order"], by=nobody()),
    "all orders archived": lambda w: [orders.archive(row.pk, by=nobody()) for row in Order.objects.live()],
    "a new epoch": lambda w: revision.begin_epoch(),
}  # fmt: skip


@pytest.mark.both_databases
@each("change", CHANGES)
@pytest.mark.django_db
def test_after_a_change_the_bytes_are_those_of_a_newly_built_list(filled: dict[str, int], change: str) -> None:
    check_lists()
    CHANGES[change](filled)
    check_lists()
    products.create(sku="Z", name="Z", by=nobody())
    check_lists()


@pytest.mark.django_db
def test_a_process_that_missed_every_change_catches_up_at_once(
    filled: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process is simulated by another `_kept`."""
    check_lists()
    ours = dict(ready._kept)
    ready.forget()
    for name, change in CHANGES.items():
        if "all" not in name:
            change(filled)
            check_lists()
        if name == "order cancelled":
            orders.update(filled["order"], status="open", by=nobody())
    monkeypatch.setattr(ready, "_kept", ours)
    check_lists()


@pytest.mark.django_db
def test_after_the_revision_went_back_the_lists_are_built_again(make_product: MakeProduct) -> None:
    make_product("A")
    with transaction.atomic():
        make_product("B")
        make_product("C")
        check_lists()
        transaction.set_rollback(True)
    check_lists()


@pytest.mark.django_db
def test_ended_orders_leave_the_list_at_midnight_without_a_new_revision(filled: dict[str, int]) -> None:
    tag, now = revision.tag(), timezone.now()

    def customers(at: datetime) -> int:
        _tag, body = ready.whole_list(tag, HERE, lists.orders_kept_since(at), for_app=True)
        return len(json.loads(unpacked(body)))

    assert [customers(now), customers(now + timedelta(days=30)), customers(now)] == [9, 7, 9]


# --- Over HTTP ----------------------------------------------------------------------------------------------------
@each(
    ("accepted", "is_packed"),
    [
        ("gzip", True), ("GZIP", True), ("gzip, deflate, br, zstd", True), ("br;q=1, gzip;q=0.5", True),
        ("gzip;q=0.001", True), ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("", False), ("identity", False), ("br", False), ("gzip;q=0", False), ("gzip; q=0.000, br", False),
        ("br, gzip ; Q=0", False), ("gzipped", False), (None, False),
    ],
)  # fmt: skip
@each("path", [PRODUCTS, ORDERS])
@pytest.mark.django_db
def test_only_clients_that_accept_gzip_get_it(
    manager: Caller, make_product: MakeProduct, path: str, accepted: str | None, is_packed: bool
) -> None:
    orders.create(customer_name="Ж", lines=[Line(make_product().pk, 1)], by=nobody())
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    plain, answer = manager.get(path), manager.get(path, headers=headers)
    assert answer.headers.get("Content-Encoding") == ("gzip" if is_packed else None)
    assert (unpacked(answer.content) if is_packed else answer.content) == plain.content != b"[]"
    assert answer["Content-Length"] == str(len(answer.content))
    assert answer["Vary"] == plain["Vary"]
    assert {"Accept-Encoding", "Authorization"} <= set(answer["Vary"].split(", "))
    assert answer["ETag"] == ("W/" if is_packed else "") + plain["ETag"]


@each("path", [PRODUCTS, ORDERS])
@pytest.mark.django_db
def test_the_etag_of_the_plain_or_gzip_form_is_304_for_both_until_a_change(
    manager: Caller, make_product: MakeProduct, path: str
) -> None:
    gzip = {"Accept-Encoding": "gzip"}
    tags = [manager.get(path)["ETag"], manager.get(path, headers=gzip)["ETag"]]
    for held in tags:
        for method, more in (("GET", {}), ("GET", gzip), ("HEAD", gzip)):
            same = manager.generic(method, path, headers={"If-None-Match": held, **more})
            assert (same.status_code, same.content, same["ETag"]) == (304, b"", tags[bool(more)])
            assert "Content-Encoding" not in same
    make_product()
    for held in tags:
        assert manager.get(path, headers={"If-None-Match": held, **gzip}).status_code == 200


@pytest.mark.django_db
def test_a_phone_and_a_program_each_get_the_url_of_a_new_photo_at_their_own_address(
    manager: Caller, log_in: LogIn, make_product: MakeProduct, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    phone, product = log_in(manager.user, Device.Kind.APP), make_product()
    photo = upload(jpeg())
    for caller in (phone, manager):
        assert b"http" not in unpacked(caller.get(PRODUCTS, headers={"Accept-Encoding": "gzip"}).content)
    manager.post(f"{PRODUCTS}{product.pk}/upload_image/", {"image": photo}, format="multipart")
    for caller in (phone, manager):
        for host in ("box.local", "10.0.0.5:8000"):
            body = unpacked(caller.get(PRODUCTS, HTTP_HOST=host, HTTP_ACCEPT_ENCODING="gzip").content)
            (row,) = json.loads(body)
            image = Product.objects.get().image.name
            assert (row["image_url"], body.count(host.encode())) == (f"http://{host}/media/{image}", 2)


# --- How much work it is -------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_after_a_change_one_chunk_is_compressed_and_only_what_changed_is_read(
    filled: dict[str, int], compressed_texts: list[bytes]
) -> None:
    check_lists()
    for change, of_products, of_orders in (("received", 1, 1), ("order created", 0, 1), ("created", 1, 0)):
        CHANGES[change](filled)
        compressed_texts.clear()
        check_lists()
        assert len(compressed_texts) == 2 * of_products + 2 * 2 * of_orders, (
            change
        )  # addresses; for the app and programs
        assert all(text.count(b'"revision"') <= 5 for text in compressed_texts)


@each(("path", "kept", "changed"), [(PRODUCTS, 3, 6), (ORDERS, 3, 8)])
@pytest.mark.django_db
def test_a_list_takes_few_queries_whether_it_is_cached_or_changed(
    manager: Caller, make_product: MakeProduct, path: str, kept: int, changed: int
) -> None:
    """kept: the queries for a cached list: the token, the device's last use, and the revision.

    changed: the queries after a change: also the changed rows (products; or the ids of orders, the orders and their
    lines), between two reads of the revision.
    """
    order = orders.create(customer_name="C", lines=[Line(make_product().pk, 1)], by=nobody()).pk
    for _ in range(2):
        manager.get(path)
    for rows in (1, 30):
        with CaptureQueriesContext(connection) as queries:
            manager.get(path)
        assert len(queries) <= kept
        for _ in range(rows):
            line = Line(make_product().pk, 1)
        orders.update(order, lines=[line], by=nobody())
        with CaptureQueriesContext(connection) as queries:
            manager.get(path)
        assert len(queries) <= changed


@pytest.mark.django_db
def test_no_more_than_a_few_addresses_are_kept_and_the_one_in_use_stays(
    filled: dict[str, int], compressed_texts: list[bytes]
) -> None:
    tag = revision.tag()
    ready.whole_list(tag, HERE, for_app=True)
    for port in range(50):
        ready.whole_list(tag, f"http://box.local:{port}/media/", for_app=True)
        compressed_texts.clear()
        ready.whole_list(tag, HERE, for_app=True)
        assert compressed_texts == []
    (kept,) = [kept for kept in ready._kept.values() if kept.tag]
    assert len(kept.packed) == len(kept.bodies) == ready.ADDRESSES


@pytest.mark.django_db
def test_a_list_at_another_address_reads_no_rows_again(filled: dict[str, int]) -> None:
    tag = revision.tag()
    ready.whole_list(tag, HERE, for_app=True)
    with CaptureQueriesContext(connection) as queries:
        ready.whole_list(tag, THERE, for_app=True)
    assert len(queries) == 0


@pytest.mark.django_db
def test_a_list_whose_update_fails_half_way_is_built_again(
    filled: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_lists()
    products.archive(filled["one"], by=nobody())
    with monkeypatch.context() as patch:
        patch.setattr(ready, "_remove", lambda kept, place: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            check_lists()
    check_lists()


@pytest.mark.django_db
def test_a_write_while_the_list_is_read_is_included(
    filled: dict[str, int], monkeypatch: pytest.MonkeyPatch, compressed_texts: list[bytes]
) -> None:
    """The whole list is read once, and then the rows that the write has changed."""
    product_list, written = lists.product_list, list[int]()

    def disturbed(photos: str) -> list[dict[str, Any]]:
        rows = product_list(photos)
        movement = stock.receive(filled["one"], 7, by=nobody())
        written.append(movement.revision)
        return rows

    monkeypatch.setattr(lists, "product_list", disturbed)
    tag, body = ready.whole_list(revision.tag(), HERE, for_app=True)
    assert written == [revision.current()]
    assert tag == revision.tag()
    monkeypatch.undo()
    assert unpacked(body) == dump(lists.product_list(HERE))


# --- Many at once ---------------------------------------------------------------------------------------------------
@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_parallel_first_requests_build_the_list_once(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product("A")
    together, made = threading.Barrier(6), list[str]()
    product_list = lists.product_list

    def record(photos: str) -> list[dict[str, Any]]:
        made.append(photos)
        return product_list(photos)

    monkeypatch.setattr(lists, "product_list", record)

    def read(_number: int) -> bytes:
        try:
            tag = revision.tag()
            together.wait(60)
            return ready.whole_list(tag, HERE, for_app=True)[1]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(read, range(6)))) == 1
    assert made == [ready.PHOTOS]


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_while_others_write_no_list_is_older_than_its_reader_has_seen(make_product: MakeProduct) -> None:
    """Each list has everything up to the revision in its tag. Another process, which serves nothing meanwhile, catches
    up afterwards."""
    shelf = [make_product(quantity=0).pk for _ in range(6)]
    check_lists()
    done, other = threading.Event(), dict(ready._kept)
    ready.forget()

    def write(number: int) -> None:
        try:
            for _ in range(15):
                stock.receive(shelf[number], 1, by=nobody())
        finally:
            connections.close_all()

    def read(photos: str) -> int:
        newest = 0
        try:
            while not done.is_set():
                before = revision.tag()
                tag, body = ready.whole_list(before, photos, for_app=True)
                found, seen = (int(each.rpartition("-")[2]) for each in (tag, before))
                assert found >= max(seen, newest)
                assert max(row["revision"] for row in json.loads(unpacked(body))) >= found
                newest = found
            return newest
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read, photos) for photos in (HERE, THERE, HERE)]
        writers = [pool.submit(write, number) for number in range(3)]
        try:
            for writer in writers:
                writer.result()
        finally:
            done.set()
        assert all(reader.result() for reader in readers)
    check_lists()
    ready._kept.update(other)
    check_lists()
