"""docs/flutter-app.md, section 6: the table of every reason for a 4xx that a phone can get.

For each row, the situation is created and the status codes are compared. Then the same phone sends a queue, which must
go through, as the table promises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from api import texts
from api.actions import barcodes, devices
from api.actor import Actor
from api.models import MAX_QUANTITY, Discrepancy, Order, Product
from api.tests import photos
from api.tests.calls import PASSWORD, upload
from api.tests.reconcile.people import DART, Caller, Phone, Warehouse

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

PAGE = Path(__file__).resolve().parents[4] / "docs" / "flutter-app.md"
ADD = "/api/products/{}/add_stock/"
UUID = "6f1c0f2e-55a5-4a39-8f5e-0d0b9f0c1a2b"


class World:
    """Anna's phone, in a warehouse with socks, shirts, and an order for socks. The functions of CASES create situations
    in it, and return the status codes."""

    def __init__(self, warehouse: Warehouse, vera: Caller, settings: Any) -> None:
        self.warehouse, self.vera, self.settings = warehouse, vera, settings
        self.socks, self.shirt = warehouse.product("SOCK", 5), warehouse.product("SHIRT", name="Shirt")
        lines = [{"product": self.socks, "quantity_to_pick": 2}]
        made = vera.send("post", "/api/orders/", {"customer_name": "Otto", "lines": lines})
        self.order = made.json()
        self.anna: Phone = warehouse.phone("Anna")
        self.seen = self.anna.pull()
        self.anna.pull_orders()

    def edit(self, **changes: str) -> int:
        """Open the list, look at the socks for a while, and save them with these changes; returns the status code."""
        seen = next(row for row in self.anna.pull().values() if row["id"] == self.socks)
        self.warehouse.later()
        code = self.anna.put(seen, **changes).status_code
        self.warehouse.later()
        return int(code)

    def check_questions(self, *kinds: str) -> None:
        assert tuple(kind for kind, _sku in self.warehouse.questions()) == kinds

    def raw(self, path: str, body: bytes, content_type: str, **extra: Any) -> int:
        answer = self.anna.http.generic("POST", path, body, content_type=content_type, **extra)  # type: ignore[arg-type]
        return int(answer.status_code)

    def in_a_pass(self, *queries: str) -> list[int]:
        """Look these raw queries up, each after an addition. Asserts that each response has a product; returns the
        status codes."""
        codes = []
        for query in queries:
            self.anna.add("SOCK", 1)
            assert self.anna.clock
            self.anna.clock.shift(0.02)
            answer = self.anna.http.get("/api/products/", QUERY_STRING=query, REMOTE_PORT=str(self.anna.port))
            assert len(answer.json()) == 1
            assert self.anna.book(answer.json()[0]["id"], 1).status_code == 200
            codes.append(answer.status_code)
        return codes

    def finish(self, **changes: Any) -> int:
        return int(self.anna.finish(self.order, **changes).status_code)


def login(world: World, **body: Any) -> int:
    """Log in from a phone without a token; returns the status code."""
    return int(APIClient(headers={"User-Agent": DART}).post("/api/auth/token/", body, format="json").status_code)


def no_token(w: World) -> list[int]:
    devices.revoke(w.anna.device, at=w.anna.device.created_at)
    codes = [w.anna.send("get", "/api/products/?sku=SOCK").status_code, w.anna.book(w.socks, 1).status_code]
    codes.append(w.anna.send("get", "/api/users/me/").status_code)
    w.anna = w.warehouse.phone("Anna")
    return codes


def wrong_login(w: World) -> list[int]:
    email = w.anna.user.email
    return [
        login(w, email=e, password=p)
        for e, p in [(email, "wrong"), ("", ""), (email, ""), ("x" * 300, "x"), ("a\0b", "x\0"), (email, "x" * 2000)]
    ]


def many_logins(w: World) -> list[int]:
    for _ in range(10):
        assert login(w, email="nobody@example.com", password="wrong") == 401
    return [login(w, email="nobody@example.com", password="wrong")]


def no_object(w: World) -> list[int]:
    kind = "application/json"
    bodies = [b"", b"{", b'{"quantity": 1', b"[]", b"5", b'{"quantity": NaN}', b"\xff\xfe"]
    return [w.raw(ADD.format(w.socks), body, kind) for body in bodies]


def missing(w: World) -> list[int]:
    answers = [
        w.anna.send("post", ADD.format(w.socks), {}),
        w.anna.send("post", "/api/products/", {"name": "N", "quantity": "0"}, "multipart"),
        w.anna.send("post", "/api/products/", {"name": "N", "sku": ["a"], "quantity": 0}),
        w.anna.send("post", "/api/products/", {"name": "N", "sku": "N", "image": "no file"}, "multipart"),
        w.anna.put(w.seen["SOCK"], name=None),
        w.anna.put(w.seen["SOCK"], quantity="many"),
    ]
    return [answer.status_code for answer in answers]


def half_an_emoji(w: World) -> list[int]:
    code = w.raw("/api/products/", b'{"sku": "HALF", "name": "Box \\ud83d", "quantity": 0}', "application/json")
    assert Product.objects.get(sku="HALF").name == "Box \ufffd"
    return [code, w.raw("/log-client-error", b'{"message": "Failed: \\ud83d"}', "application/json")]


def big_form(w: World) -> list[int]:
    assert w.settings.MAX_UPLOAD_BYTES == 32 * 2**20
    w.settings.MAX_UPLOAD_BYTES = 1000
    body = {"sku": "N", "name": "N", "image": upload(b"x" * 2000)}
    return [w.anna.send("post", "/api/products/", body, "multipart").status_code]


def unknown_scan(w: World) -> list[int]:
    w.warehouse.later()
    answer = w.anna.send("get", "/api/products/?sku=SOKC")
    assert answer.json() == []
    return [answer.status_code]


def unknown_in_pass(w: World) -> list[int]:
    codes = w.in_a_pass("sku=SOKC", "sku=SOKS")
    w.check_questions("unknown_sku", "unknown_sku")
    return codes


def signs_of_a_query(w: World) -> list[int]:
    w.warehouse.product("A&b=1;c%zz")
    w.warehouse.product("A%20B")
    codes = w.in_a_pass("sku=A&b=1;c%25zz", "sku=A&b=1;c%zz", "sku=A%20B")
    assert w.warehouse.on_hand("A&b=1;c%zz") == 2
    assert w.warehouse.on_hand("A%20B") == 1
    w.check_questions()
    return codes


def long_sku(w: World) -> list[int]:
    one, other = "x" * 300 + "1", "x" * 300 + "2"
    codes = w.in_a_pass(f"sku={one}", f"sku={one}", f"sku={other}")
    made = Product.objects.filter(unverified=True).order_by("id")
    assert [(len(product.sku), product.quantity) for product in made] == [(255, 2), (255, 1)]
    w.check_questions("unknown_sku", "unknown_sku")
    assert Discrepancy.objects.earliest("id").facts == {"sent": one}
    return codes


def blank_sku(w: World) -> list[int]:
    codes = w.in_a_pass("sku=", "sku=%20", "sku=%E2%80%8B", "sku=%0A%1D")
    assert w.warehouse.on_hand("NO-SKU") == 4
    w.check_questions("unknown_sku")
    return codes


def control_sku(w: World) -> list[int]:
    codes = w.in_a_pass("sku=A%00B", "sku=A%01B", "sku=A%FF", "sku=A\xff", "sku=%EF%BF%BD", "sku=%ED%A0%BD")
    w.check_questions(*["unknown_sku"] * len(w.warehouse.questions()))
    return codes


def unknown_id(w: World) -> list[int]:
    codes = [w.anna.book(key, 3).status_code for key in (99_999_999, UUID, "-1", "%00")]
    w.check_questions(*["unknown_product"] * 4)
    return codes


def archived(w: World) -> list[int]:
    w.vera.delete(w.shirt)
    code = w.anna.book(w.shirt, 3).status_code
    assert w.warehouse.on_hand("SHIRT") == 3
    w.check_questions("archived_stock")
    return [code]


def millions(w: World) -> list[int]:
    codes = [w.anna.book(w.socks, n).status_code for n in (MAX_QUANTITY + 1, 2**63 - 1, 2**63, 10**30)]
    assert w.warehouse.on_hand("SOCK") == 5
    # The server takes all numbers beyond 64 bits for one and the same.
    w.check_questions("implausible_quantity", "implausible_quantity")
    return codes


def none_or_fewer(w: World) -> list[int]:
    codes = [w.anna.book(w.socks, n).status_code for n in (0, -1, -(2**63) - 1, "-5")]
    assert w.warehouse.on_hand("SOCK") == 5
    w.check_questions(*["implausible_quantity"] * 4)
    return codes


def no_whole_number(w: World) -> list[int]:
    codes = [w.anna.book(w.socks, n).status_code for n in ("x", "", 1.5, True, None, [1], {"a": 1}, "1e3", 1e300)]
    assert w.anna.book(w.socks, 5.0).status_code == 200
    assert w.warehouse.on_hand("SOCK") == 10
    return codes


def sku_taken(w: World) -> list[int]:
    return [w.anna.create("SOCK", "Other socks").status_code for _ in range(2)]


def barcode_taken(w: World) -> list[int]:
    barcodes.add(w.socks, "4006381333931", by=Actor(None, at=timezone.now()))
    return [w.anna.create("4006381333931", "Other socks").status_code for _ in range(2)]


def odd_creation(w: World) -> list[int]:
    sent = [("y" * 400, "Long"), ("N1", "n" * 400), ("N2", ""), ("N3\0", "a\0b"), ("\u200b", "No label")]
    codes = [w.anna.create(sku, name).status_code for sku, name in sent]
    codes.append(w.anna.create("N4", "Far", location="z" * 400).status_code)
    assert Product.objects.get(sku="N1").name == "n" * 254 + "…"
    assert Product.objects.get(sku="N2").name == "N2"
    assert Product.objects.get(sku="N3\ufffd").name == "a\ufffdb"
    assert Product.objects.get(sku="NO-SKU").name == "No label"
    assert len(Product.objects.get(sku="N4").location) == 100
    w.check_questions(*["kept_in_part"] * 6)
    return codes


def bad_photo(w: World) -> list[int]:
    codes = []
    for n, content in enumerate([b"", b"not a picture", photos.svg(), photos.bomb_png()]):
        codes.append(w.anna.create(f"P{n}", "Photo", image=upload(content)).status_code)
        assert not Product.objects.get(sku=f"P{n}").image
    w.check_questions(*["kept_in_part"] * 4)
    return codes


def created_millions(w: World) -> list[int]:
    codes = [w.anna.create(f"Q{n}", "Q", quantity=str(n)).status_code for n in (-1, MAX_QUANTITY + 1, 2**64)]
    w.check_questions(*["implausible_quantity"] * 3)
    return codes


def no_picture(w: World) -> list[int]:
    path = f"/api/products/{w.socks}/upload_image/"
    return [w.anna.send("post", path, {"image": upload(b"no picture")}, "multipart").status_code for _ in range(2)]


def photo_of_nothing(w: World) -> list[int]:
    paths = [f"/api/products/{key}/upload_image/" for key in (99_999_999, UUID)]
    return [w.anna.send("post", path, {"image": upload(photos.jpeg())}, "multipart").status_code for path in paths]


def relabelled_to_taken(w: World) -> list[int]:
    return [w.anna.put(w.seen["SOCK"], sku="SHIRT").status_code for _ in range(2)]


def relabelled_to_barcode(w: World) -> list[int]:
    barcodes.add(Product.objects.get(sku="SHIRT").pk, "4006381333931", by=Actor(None, at=timezone.now()))
    return [w.anna.put(w.seen["SOCK"], sku="4006381333931").status_code for _ in range(2)]


def odd_put(w: World) -> list[int]:
    changes = [
        ("sku", "y" * 400, texts.sku_of("y" * 400)), ("sku", "", "SOCK"), ("name", "n" * 400, "n" * 254 + "…"),
        ("name", "\u200b", "Socks"), ("location", "a\0b", "a\ufffdb"), ("location", "z" * 400, "z" * 99 + "…"),
    ]  # fmt: skip
    codes = []
    for field, sent, kept in changes:
        before = getattr(Product.objects.get(pk=w.socks), field)
        codes.append(w.edit(**{field: sent}))
        assert getattr(Product.objects.get(pk=w.socks), field) == (kept if texts.tidy(sent) else before)
        w.edit(sku="SOCK", name="Socks", location="A1")
    w.check_questions(*["kept_in_part"] * 6)
    return codes


def put_of_millions(w: World) -> list[int]:
    codes = [w.anna.put(w.seen["SOCK"], quantity=n).status_code for n in (2**63, 10**30, -(10**30))]
    w.anna.pull()
    assert w.warehouse.on_hand("SOCK") == 5
    assert "implausible_quantity" in dict(w.warehouse.questions())
    return codes


def put_of_nothing(w: World) -> list[int]:
    return [w.anna.put(w.seen["SOCK"], key=key, sku="OTHER", name="O").status_code for key in (99_999_999, UUID, "%00")]


def put_with_a_version(w: World) -> list[int]:
    body = {**w.seen["SOCK"], "location": "B2"}
    return [w.anna.send("put", f"/api/products/{w.socks}/", body, **{"If-Match": '"1"'}).status_code]


def deletions(w: World) -> list[int]:
    return [w.anna.delete(key).status_code for key in (99_999_999, UUID, UUID, "%00", w.socks, w.socks)]


def order_gone(w: World) -> list[int]:
    w.vera.send("delete", f"/api/orders/{w.order['id']}/")
    code = w.finish()
    others = [w.anna.finish({**w.order, "id": key}).status_code for key in (99_999_999, UUID, "%00")]
    return [code, *others]


def odd_order(w: World) -> list[int]:
    known = {"product": w.socks, "quantity_to_pick": 2, "quantity_picked": 2}
    others = [{**known, "product": n} for n in range(10**6, 10**6 + 1200)]
    codes = [w.finish(lines=[known, *others]), w.finish(customer_name="")]
    codes += [w.finish(customer_name="N/A"), w.finish(customer_name="o" * 400)]
    order = Order.objects.get()
    assert (order.status, len(order.customer_name)) == ("picked", 255)
    assert w.warehouse.on_hand("SOCK") == 3
    assert "kept_in_part" in dict(w.warehouse.questions())
    return codes


def unreadable_order(w: World) -> list[int]:
    line = {"product": "x", "quantity_to_pick": 1, "quantity_picked": 0}
    return [w.finish(status="done"), w.finish(lines="none"), w.finish(lines=[line]), w.finish(lines=[7])]


def many_reports(w: World) -> list[int]:
    return [w.raw("/log-client-error", b'{"message": "boom"}', "application/json") for _ in range(150)]


def no_report(w: World) -> list[int]:
    return [w.raw("/log-client-error", body, "application/json") for body in (b"{}", b'{"text": "x"}', b"[]")]


def other_host(w: World) -> list[int]:
    w.settings.ALLOWED_HOSTS = ["testserver"]
    return [w.anna.http.get("/api/products/", headers={"Host": "elsewhere.example"}).status_code]


CASES: dict[str, Callable[[World], list[int]]] = {
    "any call without a valid token": no_token,
    "login: wrong e-mail or password, whatever was typed": wrong_login,
    "login: no e-mail or no password in it": lambda w: [
        login(w), login(w, email="a@example.com"), login(w, password=PASSWORD), login(w, email=None, password=None)
    ],
    "login: too many wrong ones": many_logins,
    "a JSON body that is no object, or breaks off": no_object,
    "a field that is missing or of another JSON type": missing,
    "half an emoji in a text": half_an_emoji,
    "a body that is neither JSON nor a form": lambda w: [w.raw(ADD.format(w.socks), b"5", "text/plain")],
    "a JSON body of more than 2 MB": lambda w: [
        w.raw(ADD.format(w.socks), b'{"quantity": 1, "x": "' + b"x" * 3 * 2**20 + b'"}', "application/json")
    ],
    "a form of more than 32 MB": big_form,
    "`?sku=` unknown, a person scans or searches": unknown_scan,
    "`?sku=` unknown, within a pass": unknown_in_pass,
    "`?sku=` with `&`, `=`, `;` or `%` in it": signs_of_a_query,
    "`?sku=` of more than 255 signs, within a pass": long_sku,
    "`?sku=` blank or invisible, within a pass": blank_sku,
    "`?sku=` with NUL, control signs or no UTF-8, within a pass": control_sku,
    "`add_stock` under an id that never was": unknown_id,
    "`add_stock` on an archived product": archived,
    "`add_stock` of over a million pieces, whatever size the number has": millions,
    "`add_stock` of 0 or fewer": none_or_fewer,
    "`add_stock` of what is no whole number": no_whole_number,
    "creation: the SKU is taken, as the phone could know": sku_taken,
    "creation: the SKU is a barcode of another product": barcode_taken,
    "creation: SKU, name or location too long, blank, or with NUL": odd_creation,
    "creation: the photo is unreadable": bad_photo,
    "creation: a quantity below 0 or over a million": created_millions,
    "photo: the file is no picture": no_picture,
    "photo: the product never was": photo_of_nothing,
    "`PUT` of a product: the SKU is another's": relabelled_to_taken,
    "`PUT` of a product: the SKU is a barcode of another product": relabelled_to_barcode,
    "`PUT` of a product: SKU, name or location too long, blank, or with NUL": odd_put,
    "`PUT` of a product: a quantity of any size": put_of_millions,
    "`PUT` of a product under an id or UUID that nobody knows": put_of_nothing,
    "`PUT` with `If-Match`": put_with_a_version,
    "deletion of an id or UUID that nobody knows, or for the second time": deletions,
    "`PUT` of an order that is gone or never was": order_gone,
    "`PUT` of an order: more than 1,000 lines, unknown products, a customer blank or too long": odd_order,
    "`PUT` of an order: a status or line that cannot be read": unreadable_order,
    "error log: too many reports from one address": many_reports,
    "error log: no message in it": no_report,
    "an address that does not exist, such as a file on the phone": lambda w: [
        w.anna.send("get", "/data/user/0/com.example/cache/photo.jpg").status_code,
        w.anna.send("post", f"/api/products/{w.socks}/nothing/", {}).status_code,
    ],
    "a method that a call does not have": lambda w: [w.anna.send("put", ADD.format(w.socks), {}).status_code],
    "a host that the server does not serve": other_host,
}  # fmt: skip


def rows() -> dict[str, list[int]]:
    """The table: by situation, the status code of the first request and, if the table names one, of repeated ones."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## 6. ")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    assert cells[0] == ["situation", "answer", "why it stops no phone"]
    return {row[0]: [int(code) for code in re.findall(r"\d{3}", row[1])] for row in cells[2:]}


def test_the_cases_here_are_the_rows_of_the_table() -> None:
    assert list(rows()) == list(CASES)


@pytest.mark.parametrize("situation", CASES)
def test_the_responses_are_those_of_the_table_and_a_queue_goes_through_afterwards(
    warehouse: Warehouse, vera: Caller, settings: Any, situation: str
) -> None:
    world = World(warehouse, vera, settings)
    expected, codes = rows()[situation], CASES[situation](world)
    # A row with one code is about every request; one with two codes, about the first and the repeated ones.
    assert codes == [expected[0], *[expected[-1]] * (len(codes) - 1)]
    warehouse.product("AFTER")
    warehouse.later()
    world.anna.add("AFTER", 2)
    world.anna.add("AFTERWARDS", 1)
    assert {"AFTER", "AFTERWARDS"} <= set(world.anna.pull())
    assert (warehouse.on_hand("AFTER"), warehouse.on_hand("AFTERWARDS")) == (2, 1)
