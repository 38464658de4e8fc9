"""/api/orders/ and /api/orders/{id}/, for programs other than the app (reconciliation has its own tests)"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from api.actions.orders import pick_in_full
from api.actor import Actor
from api.errors import Stale
from api.models import Device, Order, OrderLine, OrderVersion, Product, Revision, StockMovement
from api.rest import ready
from api.tests.calls import BODY_KINDS, Caller, check_error, send
from api.tests.cases import each
from api.tests.conftest import LogIn, MakeProduct

pytestmark = pytest.mark.django_db
ORDERS = "/api/orders/"


DETAILS = {"outside_number": "Z-17", "due_on": "2026-12-24", "note": "Звонить после 18"}


@pytest.fixture
def coat(make_product: MakeProduct) -> Product:
    return make_product("COAT", name="Coat", location="A1-01-01", quantity=10)


@pytest.fixture
def scarf(make_product: MakeProduct) -> Product:
    return make_product("SCARF", name="Scarf", quantity=10)


@pytest.fixture
def make_order(manager: Caller) -> Callable[..., dict[str, Any]]:
    """Makes an order of lines (product, to pick[, picked])."""

    def make(*lines: Any, **fields: Any) -> dict[str, Any]:
        body = {"customer_name": "Anna", "lines": [line(*n) for n in lines], **fields}
        answer = manager.post(ORDERS, body)
        assert answer.status_code == 201, answer.content
        return dict(answer.json())

    return make


MakeOrder = Callable[..., dict[str, Any]]


def line(product: Product, to_pick: int, picked: int | None = None) -> dict[str, Any]:
    return {"product": product.pk, "quantity_to_pick": to_pick} | (
        {} if picked is None else {"quantity_picked": picked}
    )


def address(order: dict[str, Any]) -> str:
    return f"{ORDERS}{order['id']}/"


def on_hand(product: Product) -> int:
    product.refresh_from_db()
    total = sum(StockMovement.objects.filter(product=product).values_list("quantity_delta", flat=True))
    assert product.quantity == total, "the ledger agrees"
    return product.quantity


# --- Making and reading -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", BODY_KINDS)
def test_an_order_is_created_and_read_with_its_products_as_objects(
    manager: Caller, coat: Product, scarf: Product, kind: str
) -> None:
    body = {"customer_name": "Иванов & Co", "lines": [line(coat, 2), line(scarf, 1, 0)]}
    answer = send(manager, "POST", ORDERS, body, kind)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["customer_name"], made["status"]) == ("Иванов & Co", "open")
    first = made["lines"][0]
    assert (first["product"]["id"], first["product"]["name"], first["product"]["sku"]) == (coat.pk, "Coat", "COAT")
    assert (first["product"]["location"], first["product"]["image_url"]) == ("A1-01-01", None)
    assert (first["quantity_to_pick"], first["quantity_picked"]) == (2, 0)
    assert manager.get(address(made)).json() == made
    assert manager.get(ORDERS).json() == [made]
    assert on_hand(coat) == 10


def test_a_product_named_twice_is_one_line(make_order: MakeOrder, coat: Product) -> None:
    (only,) = make_order((coat, 2, 1), (coat, 3))["lines"]
    assert (only["quantity_to_pick"], only["quantity_picked"]) == (5, 1)


def test_an_order_may_be_made_without_lines(make_order: MakeOrder) -> None:
    assert make_order()["lines"] == []


def test_products_may_be_sent_as_the_objects_of_a_list(manager: Caller, make_order: MakeOrder, coat: Product) -> None:
    order = make_order((coat, 2))
    assert manager.put(address(order), order).status_code == 200


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_a_program_gives_an_order_a_number_of_its_own_a_due_date_and_a_note(
    manager: Caller, coat: Product, kind: str
) -> None:
    body = {"customer_name": "Anna", "lines": [line(coat, 2)], **DETAILS}
    made = send(manager, "POST", ORDERS, body, kind).json()
    assert made.items() >= DETAILS.items()
    assert manager.get(ORDERS).json() == manager.get(f"{ORDERS}?limit=5").json() == [made]
    kept = manager.put(address(made), {"customer_name": "Anna"}).json()
    assert kept.items() >= DETAILS.items(), "what is not sent stays"
    cleared = manager.patch(address(made), {"outside_number": "", "due_on": None, "note": ""}).json()
    assert cleared.items() >= {"outside_number": "", "due_on": None, "note": ""}.items()
    first, _kept, last = OrderVersion.objects.filter(order_id=made["id"])
    assert (first.outside_number, str(first.due_on), first.note) == tuple(DETAILS.values())
    assert (last.outside_number, last.due_on, last.note) == ("", None, "")


def test_the_app_s_orders_have_no_more_fields_than_before(
    manager: Caller, picker: Caller, log_in: LogIn, make_order: MakeOrder, coat: Product
) -> None:
    phone, order = log_in(picker.user, kind=Device.Kind.APP), make_order((coat, 2), **DETAILS)
    before = ["id", "customer_name", "status", "lines", "revision", "created_at", "updated_at"]
    assert list(manager.get(ORDERS).json()[0]) == [*before, *DETAILS], "whether a phone or a program asks first"
    for answer in (phone.get(ORDERS).json()[0], phone.get(f"{ORDERS}?limit=5").json()[0], phone.get(address(order))):
        assert list(answer if isinstance(answer, dict) else answer.json()) == before
    picked = {"customer_name": "Anna", "status": "picked", "lines": [line(coat, 2, 2)], "note": "x", "due_on": "never"}
    assert list(phone.put(address(order), picked).json()) == before
    assert manager.get(address(order)).json().items() >= DETAILS.items()


def test_a_picker_changes_neither_number_nor_due_date_nor_note(
    picker: Caller, make_order: MakeOrder, coat: Product
) -> None:
    order = make_order((coat, 2), **DETAILS)
    picks = {"lines": [line(coat, 2, 1)]}
    for change in ({"outside_number": "Z-18"}, {"due_on": None}, {"due_on": "2026-12-25"}, {"note": ""}):
        check_error(picker.patch(address(order), picks | change), 403, "forbidden")
    assert picker.patch(address(order), picks | DETAILS).status_code == 200, "unchanged values are no change"
    assert on_hand(coat) == 9


def test_an_order_can_be_finished_with_all_lines_picked_in_full(
    manager: Caller, make_order: MakeOrder, coat: Product, scarf: Product
) -> None:
    order = make_order((coat, 3, 1), (scarf, 2))
    by = Actor(manager.user, at=timezone.now())
    with pytest.raises(Stale):
        pick_in_full(order["id"], by=by, revisions_held=[order["revision"] - 1])
    pick_in_full(order["id"], by=by, revisions_held=[order["revision"]])
    assert (on_hand(coat), on_hand(scarf)) == (7, 8)
    assert manager.get(address(order)).json()["status"] == "picked"


def test_promised_pieces_are_those_that_running_orders_still_wait_for(
    manager: Caller, make_order: MakeOrder, coat: Product, scarf: Product
) -> None:
    mine, _other = make_order((coat, 3, 1)), make_order((coat, 5), (scarf, 1, 1))
    make_order((coat, 50), status="cancelled")
    manager.delete(address(make_order((coat, 70))))
    manager.patch(address(make_order((coat, 90))), {"lines": []})
    both = [coat.pk, scarf.pk]
    assert OrderLine.objects.promised(both) == {coat.pk: 7}
    assert OrderLine.objects.promised(both, besides=mine["id"]) == {coat.pk: 5}


@each(
    ("field", "value"),
    [
        ("outside_number", "x" * 101), ("outside_number", None), ("due_on", "tomorrow"), ("due_on", ""),
        ("note", "x" * 2001), ("note", None), ("due_on", "2026-02-30"), ("due_on", 5),
        ("customer_name", ""), ("customer_name", None), ("customer_name", "x" * 256), ("customer_name", "\x00"),
        ("customer_name", ["Anna"]), ("status", "done"), ("status", None), ("status", ["open"]), ("status", {}),
        ("lines", None), ("lines", "text"), ("lines", {}), ("lines", [1]), ("lines", [None]), ("lines", [[]]),
        ("lines", [{}]), ("lines", 5), ("lines", [{"product": 1}] * 1001),
    ],
)  # fmt: skip
def test_a_bad_field_is_named_and_nothing_is_made(manager: Caller, field: str, value: Any) -> None:
    body = {"customer_name": "Anna", "lines": [], field: value}
    assert field in check_error(manager.post(ORDERS, body), 400, "invalid")
    assert not Order.objects.exists()


@each(
    ("field", "value"),
    [
        ("product", None), ("product", "x"), ("product", 0), ("product", -1), ("product", 2**63), ("product", 10**400),
        ("product", True), ("product", 1.5), ("product", {}), ("product", {"id": {"id": 1}}), ("product", []),
        ("quantity_to_pick", None), ("quantity_to_pick", -1), ("quantity_to_pick", 1.5), ("quantity_to_pick", True),
        ("quantity_to_pick", 1_000_001), ("quantity_to_pick", 2**31), ("quantity_to_pick", "x"),
        ("quantity_picked", -1), ("quantity_picked", 2**63), ("quantity_picked", "1.5"), ("quantity_picked", []),
    ],
)  # fmt: skip
def test_a_bad_line_is_400_and_nothing_is_made(manager: Caller, coat: Product, field: str, value: Any) -> None:
    body = {"customer_name": "Anna", "lines": [line(coat, 1), {**line(coat, 1, 1), field: value}]}
    assert "lines" in check_error(manager.post(ORDERS, body), 400)
    assert not Order.objects.exists()
    assert on_hand(coat) == 10


def test_an_unknown_or_archived_product_is_named_and_nothing_is_made(
    manager: Caller, coat: Product, scarf: Product
) -> None:
    manager.delete(f"/api/products/{scarf.pk}/")
    for unknown in (scarf.pk, 99_999_999, 2**62):
        lines = [line(coat, 1, 1), {"product": unknown, "quantity_to_pick": 1}]
        body = check_error(manager.post(ORDERS, {"customer_name": "A", "lines": lines}), 400, "unknown_product")
        assert body["facts"] == {"products": [unknown]}
        assert body["lines"]
    assert not Order.objects.exists()
    assert on_hand(coat) == 10


@each("text", ["not json", "[" * 5000, '{"a":', "\x00", "[]x"])
@each("kind", ["multipart", "urlencoded"])
def test_lines_in_a_form_that_are_no_json_are_400(manager: Caller, text: str, kind: str) -> None:
    body = {"customer_name": "Anna", "lines": text}
    assert "lines" in check_error(send(manager, "POST", ORDERS, body, kind), 400)


# --- The list -----------------------------------------------------------------------------------------------------
def test_the_list_can_be_filtered_by_status(manager: Caller, make_order: MakeOrder, coat: Product) -> None:
    made = {status: make_order((coat, 1), status=status)["id"] for status in Order.Status.values}
    for status, order_id in made.items():
        assert [row["id"] for row in manager.get(ORDERS, {"status": status}).json()] == [order_id]
    assert len(manager.get(ORDERS).json()) == 4
    for wrong in ("done", "OPEN", "\x00", "open,picked"):
        assert "status" in check_error(manager.get(ORDERS, {"status": wrong}), 400)


@pytest.mark.both_databases
def test_pages_hold_every_order_exactly_once(manager: Caller, make_order: MakeOrder) -> None:
    ids = [make_order()["id"] for _ in range(5)]
    found, url = [], f"{ORDERS}?limit=2"
    while url:
        answer = manager.get(url)
        found += [row["id"] for row in answer.json()]
        url = answer.headers.get("Link", "").partition("<http://testserver")[2].partition(">")[0]
    assert found == ids


def test_an_unchanged_list_is_304_until_something_changes(
    manager: Caller, make_order: MakeOrder, coat: Product
) -> None:
    order = make_order((coat, 1))
    tag = manager.get(ORDERS)["ETag"]
    assert manager.get(ORDERS, headers={"If-None-Match": tag}).status_code == 304
    manager.patch(address(order), {"customer_name": "Boris"})
    assert manager.get(ORDERS, headers={"If-None-Match": tag}).status_code == 200


def test_a_fixed_number_of_queries_whatever_the_length(manager: Caller, coat: Product, scarf: Product) -> None:
    counts = []
    for orders in (1, 50):
        made = Order.objects.bulk_create(Order(customer_name="Anna") for _ in range(orders - Order.objects.count()))
        OrderLine.objects.bulk_create(
            OrderLine(order=order, product=product, sku=product.sku, name=product.name, quantity_to_pick=1)
            for order in made
            for product in (coat, scarf)
        )
        Revision.objects.update(value=F("value") + 1)
        ready.forget()  # these orders bear no revision
        with CaptureQueriesContext(connection) as queries:
            assert len(manager.get(ORDERS).json()) == orders
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 7  # two of them the savepoint around a consistent read


# --- Changing -----------------------------------------------------------------------------------------------------
def test_put_keeps_status_composition_and_picked_quantities(
    manager: Caller, make_order: MakeOrder, coat: Product, scarf: Product
) -> None:
    order = make_order((coat, 2))
    body = {"customer_name": "Boris", "status": "inProgress", "lines": [line(coat, 3, 1), line(scarf, 1, 1)]}
    answer = manager.put(address(order), body)
    assert answer.status_code == 200
    stored = manager.get(address(order)).json()
    assert stored == answer.json()
    assert (stored["customer_name"], stored["status"]) == ("Boris", "inProgress")
    assert [(n["product"]["id"], n["quantity_to_pick"], n["quantity_picked"]) for n in stored["lines"]] == [
        (coat.pk, 3, 1),
        (scarf.pk, 1, 1),
    ]
    assert (on_hand(coat), on_hand(scarf)) == (9, 9)


def test_picked_quantities_take_stock_once_and_return_it_by_the_difference(
    manager: Caller, make_order: MakeOrder, coat: Product
) -> None:
    order = make_order((coat, 4))
    for picked, left in ((3, 7), (3, 7), (4, 6), (1, 9), (0, 10)):
        body = {"customer_name": "Anna", "status": "open", "lines": [line(coat, 4, picked)]}
        assert manager.put(address(order), body).status_code == 200
        assert on_hand(coat) == left
    kinds = list(
        StockMovement.objects.filter(order_line__order=order["id"]).order_by("id").values_list("kind", flat=True)
    )
    assert kinds == ["pick", "pick", "return", "return"]


def test_a_line_without_a_picked_quantity_keeps_its_own(manager: Caller, make_order: MakeOrder, coat: Product) -> None:
    order = make_order((coat, 4, 3))
    answer = manager.patch(address(order), {"lines": [line(coat, 5)]})
    assert answer.json()["lines"][0]["quantity_picked"] == 3
    assert on_hand(coat) == 7


def test_a_line_that_is_left_out_is_removed_and_its_goods_return(
    manager: Caller, make_order: MakeOrder, coat: Product, scarf: Product
) -> None:
    order = make_order((coat, 2, 2), (scarf, 1, 1))
    answer = manager.patch(address(order), {"lines": [line(scarf, 1)]})
    assert [n["product"]["id"] for n in answer.json()["lines"]] == [scarf.pk]
    assert (on_hand(coat), on_hand(scarf)) == (10, 9)


def test_cancelling_returns_picked_goods_once(manager: Caller, make_order: MakeOrder, coat: Product) -> None:
    order = make_order((coat, 4, 3), status="inProgress")
    assert on_hand(coat) == 7
    for _ in range(2):
        answer = manager.patch(address(order), {"status": "cancelled"})
        assert (answer.json()["status"], answer.json()["lines"][0]["quantity_picked"]) == ("cancelled", 0)
        assert on_hand(coat) == 10


def test_more_picked_than_on_hand_is_recorded_as_it_is(manager: Caller, make_order: MakeOrder, coat: Product) -> None:
    order = make_order((coat, 12))
    answer = manager.patch(address(order), {"lines": [line(coat, 12, 12)]})
    assert answer.status_code == 200
    assert on_hand(coat) == -2


def test_an_order_that_is_done_keeps_the_names_it_was_picked_under(
    manager: Caller, make_order: MakeOrder, coat: Product
) -> None:
    order = make_order((coat, 1))
    manager.patch(f"/api/products/{coat.pk}/", {"name": "Winter coat"})
    assert manager.get(address(order)).json()["lines"][0]["product"]["name"] == "Winter coat"
    for status in ("inProgress", "picked"):
        body = {"customer_name": "Anna", "status": status, "lines": [line(coat, 1, 1)]}
        assert manager.put(address(order), body).status_code == 200
    manager.patch(f"/api/products/{coat.pk}/", {"name": "Old coat"})
    assert manager.get(address(order)).json()["lines"][0]["product"]["name"] == "Winter coat"


@pytest.mark.parametrize(
    "body",
    [{}, {"status": "picked"}, {"customer_name": ""}, {"customer_name": "A", "status": "x"},
     {"customer_name": "A", "lines": [{"product": 1}]}, {"customer_name": "A", "lines": "x"}],
)  # fmt: skip
def test_an_invalid_put_changes_nothing(
    manager: Caller, make_order: MakeOrder, coat: Product, body: dict[str, Any]
) -> None:
    order = make_order((coat, 1, 1))
    check_error(manager.put(address(order), body), 400, "invalid")
    assert manager.get(address(order)).json() == order


def test_an_unknown_product_in_a_change_changes_nothing(manager: Caller, make_order: MakeOrder, coat: Product) -> None:
    order = make_order((coat, 1))
    lines = [line(coat, 1, 1), {"product": 99_999_999, "quantity_to_pick": 1}]
    check_error(manager.patch(address(order), {"customer_name": "Z", "lines": lines}), 400, "unknown_product")
    assert manager.get(address(order)).json() == order
    assert on_hand(coat) == 10


@pytest.mark.parametrize("lines", [[{}], [{"product": 1}], [{"quantity_to_pick": 1}], [{"quantity_picked": 1}]])
def test_a_line_of_a_patch_needs_all_its_fields(
    manager: Caller, make_order: MakeOrder, coat: Product, lines: Any
) -> None:
    order = make_order((coat, 1, 1))
    assert "lines" in check_error(manager.patch(address(order), {"lines": lines}), 400, "invalid")
    assert manager.get(address(order)).json() == order


def test_a_held_version_is_412_once_somebody_else_changed_it(
    manager: Caller, owner: Caller, make_order: MakeOrder, coat: Product
) -> None:
    order = make_order((coat, 1))
    tag = manager.get(address(order))["ETag"]
    owner.patch(address(order), {"customer_name": "Theirs"})
    answer = manager.patch(address(order), {"customer_name": "Mine"}, headers={"If-Match": tag})
    check_error(answer, 412, "stale")
    assert manager.get(address(order)).json()["customer_name"] == "Theirs"


def test_history_has_every_state_and_who_changed_it(manager: Caller, make_order: MakeOrder, coat: Product) -> None:
    order = make_order((coat, 2))
    manager.patch(address(order), {"status": "picked", "lines": [line(coat, 2, 2)]})
    versions = OrderVersion.objects.filter(order=order["id"]).order_by("revision")
    assert [(v.status, v.lines[0]["quantity_picked"], v.user) for v in versions] == [
        ("open", 0, manager.user),
        ("picked", 2, manager.user),
    ]


# --- Deleting -----------------------------------------------------------------------------------------------------
def test_deleting_removes_an_order_from_the_list_and_returns_picked_goods_of_a_running_one(
    manager: Caller, make_order: MakeOrder, coat: Product
) -> None:
    order = make_order((coat, 4, 3), status="inProgress")
    assert [manager.delete(address(order)).status_code for _ in range(2)] == [204, 204]
    assert manager.get(ORDERS).json() == []
    check_error(manager.get(address(order)), 404, "no_such_order")
    check_error(manager.patch(address(order), {"status": "open"}), 404, "no_such_order")
    assert on_hand(coat) == 10


def test_deleting_a_finished_order_returns_nothing(manager: Caller, make_order: MakeOrder, coat: Product) -> None:
    order = make_order((coat, 4, 4), status="picked")
    manager.delete(address(order))
    assert on_hand(coat) == 6


@each("key", ["0", "-1", "abc", "99999999", "99999999999999999999", "1.0", "%00", "%ED%A0%80"])
def test_an_unknown_id_is_404(manager: Caller, key: str) -> None:
    for method, body in (("get", None), ("delete", None), ("patch", {}), ("put", {"customer_name": "A"})):
        check_error(getattr(manager, method)(f"{ORDERS}{key}/", body), 404, "no_such_order")


def test_a_guest_sees_and_changes_nothing(guest: APIClient, make_order: MakeOrder, coat: Product) -> None:
    order = make_order((coat, 1))
    check_error(guest.get(ORDERS), 401)
    check_error(guest.post(ORDERS, {"customer_name": "A"}), 401)
    for method in ("get", "put", "patch", "delete"):
        check_error(getattr(guest, method)(address(order)), 401)
    assert Order.objects.get().customer_name == "Anna"


def test_orders_from_before_the_search_by_words_are_found(make_order: MakeOrder) -> None:
    order = make_order(customer_name="Королёва", outside_number="МС-17")
    Order.objects.update(words="")
    import_module("api.migrations.0015_orders_are_searched_by_words").fill(apps, None)
    assert [found.pk for found in Order.objects.sought("королева мс-17")] == [order["id"]]
