"""docs/rights.md: every call with every role. The expected results are read from the page's table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from api.actions import barcodes, devices, discrepancies, orders, products, stocktakes
from api.actions.orders import Line
from api.actions.stocktakes import Counted
from api.actor import Actor
from api.models import Count, Device, Discrepancy, Order, OrderLine, Product, StockMovement, User
from api.rest import ready
from api.tests import photos
from api.tests.calls import PASSWORD, Caller, upload
from api.tests.cases import each, made_once
from api.tests.conftest import MakeUser
from api.tests.desk.conftest import enter
from api.tests.examples import some
from api.tests.test_every_route import routes

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
PAGE = Path(settings.ROOT_DIR) / "docs" / "rights.md"
COLUMNS = [
    "nobody", "picker's phone", "picker's program", "storekeeper's phone", "storekeeper's program", "manager",
    "administrator",
]  # fmt: skip
ROLES: dict[str, tuple[str, dict[str, Any], str] | None] = {
    "nobody": None,
    "a picker's phone": ("picker's phone", {}, "app"),
    "a picker's program": ("picker's program", {}, "integration"),
    "a storekeeper's phone": ("storekeeper's phone", {"role": "storekeeper"}, "app"),
    "a storekeeper's program": ("storekeeper's program", {"role": "storekeeper"}, "integration"),
    "a manager's phone": ("manager", {"is_staff": True}, "app"),
    "a manager's program": ("manager", {"is_staff": True}, "integration"),
    "an administrator's phone": ("administrator", {"is_staff": True, "is_superuser": True}, "app"),
    "an administrator's program": ("administrator", {"is_staff": True, "is_superuser": True}, "integration"),
    "an administrator who is no manager": ("administrator", {"is_superuser": True}, "integration"),
}
NEW = "another battery staple"


@lru_cache
def table() -> dict[tuple[str, str], dict[str, str]]:
    """The table of the page: by the columns `call` and `what`, the cell of each role's column."""
    begins = PAGE.read_text().index("| call |")
    lines = takewhile(bool, PAGE.read_text()[begins:].splitlines())
    rows = [line.strip("| ").split(" | ") for line in lines]
    assert rows[0] == ["call", "what", *COLUMNS]
    found = {(row[0], row[1]): dict(zip(COLUMNS, row[2:], strict=True)) for row in rows[2:]}
    assert len(found) == len(rows) - 2, "a row is there twice"
    return found


@dataclass
class World:
    """The objects of the calls, and the client of a role (`caller`). picker, manager: clients of two other users."""

    product: Product
    order: Order
    movement: StockMovement
    question: Discrepancy
    count: Count
    picker: Caller
    manager: Caller
    caller: Any

    @property
    def me(self) -> Caller:
        return self.caller if isinstance(self.caller, Caller) else self.picker

    def put_product(self, **changes: Any) -> Any:
        """Send the product as the app does."""
        shown = {"id": str(self.product.pk), "name": self.product.name, "sku": self.product.sku, "quantity": 5,
                 "location": None, "image_url": None, "thumbnail_url": None}  # fmt: skip
        return self.caller.put(f"/api/products/{self.product.pk}/", {**shown, **changes})

    def put_order(self, picked: int = 2, to_pick: int = 2, **changes: Any) -> Any:
        line = {"product": self.product.pk, "quantity_to_pick": to_pick, "quantity_picked": picked}
        body = {"customer_name": "Anna", "status": "inProgress", "lines": [line], **changes}
        return self.caller.put(f"/api/orders/{self.order.pk}/", body)

    def patch_order(self, **changes: Any) -> Any:
        return self.caller.patch(f"/api/orders/{self.order.pk}/", changes)

    def patch_user(self, user: User, **changes: Any) -> Any:
        return self.caller.patch(f"/api/users/{user.pk}/", changes)

    def of_product(self, verb: str, body: dict[str, Any]) -> Any:
        return self.caller.post(f"/api/products/{self.product.pk}/{verb}/", body)


ACCOUNT = {"email": "new@example.com", "username": "New", "password": NEW}
LOGIN = {"email": "picker2@example.com", "password": PASSWORD}
CALLS: dict[tuple[str, str], Callable[[World], Any]] = {
    ("POST /api/auth/token/", "log in"): lambda w: w.caller.post("/api/auth/token/", LOGIN),
    ("POST /api/auth/logout/", "log out"): lambda w: w.caller.post("/api/auth/logout/"),
    ("GET /api/auth/devices/", "one's own"): lambda w: w.caller.get("/api/auth/devices/"),
    ("GET /api/auth/devices/", "everybody's (`?all=1`)"): lambda w: w.caller.get("/api/auth/devices/?all=1"),
    ("DELETE /api/auth/devices/{device}/", "one's own"):
        lambda w: w.caller.delete(f"/api/auth/devices/{w.me.device.pk}/"),
    ("DELETE /api/auth/devices/{device}/", "another picker's"):
        lambda w: w.caller.delete(f"/api/auth/devices/{w.picker.device.pk}/"),
    ("DELETE /api/auth/devices/{device}/", "another manager's"):
        lambda w: w.caller.delete(f"/api/auth/devices/{w.manager.device.pk}/"),
    ("GET /api/users/me/", "oneself"): lambda w: w.caller.get("/api/users/me/"),
    ("PATCH /api/users/me/", "one's name"): lambda w: w.caller.patch("/api/users/me/", {"username": "Myself"}),
    ("PATCH /api/users/me/", "one's e-mail, with the password"):
        lambda w: w.caller.patch("/api/users/me/", {"email": "myself@example.com", "current_password": PASSWORD}),
    ("POST /api/users/me/password/", "one's password, with the old one"):
        lambda w: w.caller.post("/api/users/me/password/", {"current_password": PASSWORD, "new_password": NEW}),
    ("GET /api/users/", "all accounts"): lambda w: w.caller.get("/api/users/"),
    ("POST /api/users/", "a new picker"): lambda w: w.caller.post("/api/users/", ACCOUNT),
    ("POST /api/users/", "a new manager"): lambda w: w.caller.post("/api/users/", {**ACCOUNT, "is_staff": True}),
    ("GET /api/users/{user}/", "another account"): lambda w: w.caller.get(f"/api/users/{w.picker.user.pk}/"),
    ("PATCH /api/users/{user}/", "a picker's name, e-mail, password"):
        lambda w: w.patch_user(w.picker.user, username="X", email="x@example.com", password=NEW),
    ("PATCH /api/users/{user}/", "a picker's right to log in"):
        lambda w: w.patch_user(w.picker.user, is_active=False),
    ("PATCH /api/users/{user}/", "another manager's name"): lambda w: w.patch_user(w.manager.user, username="X"),
    ("PATCH /api/users/{user}/", "another manager's password"): lambda w: w.patch_user(w.manager.user, password=NEW),
    ("PATCH /api/users/{user}/", "make a manager"): lambda w: w.patch_user(w.picker.user, is_staff=True),
    ("PATCH /api/users/{user}/", "unmake another manager"): lambda w: w.patch_user(w.manager.user, is_staff=False),
    ("PATCH /api/users/{user}/", "one's own right to log in"): lambda w: w.patch_user(w.me.user, is_active=False),
    ("GET /api/products/", "the list"): lambda w: w.caller.get("/api/products/"),
    ("GET /api/products/", "by `?sku=`"): lambda w: w.caller.get("/api/products/?sku=BOX"),
    ("POST /api/products/", "create"): lambda w: w.caller.post("/api/products/", {"sku": "NEW", "name": "New"}),
    ("GET /api/products/{product}/", "one"): lambda w: w.caller.get(f"/api/products/{w.product.pk}/"),
    ("PUT /api/products/{product}/", "the description"): lambda w: w.put_product(name="Renamed"),
    ("PUT /api/products/{product}/", "one piece more, as by +"): lambda w: w.put_product(quantity=6),
    ("PATCH /api/products/{product}/", "the description"):
        lambda w: w.caller.patch(f"/api/products/{w.product.pk}/", {"location": "A1", "quantity": 5}),
    ("PATCH /api/products/{product}/", "the quantity"):
        lambda w: w.caller.patch(f"/api/products/{w.product.pk}/", {"quantity": 6}),
    ("DELETE /api/products/{product}/", "archive"): lambda w: w.caller.delete(f"/api/products/{w.product.pk}/"),
    ("POST /api/products/{product}/add_stock/", "receive"): lambda w: w.of_product("add_stock", {"quantity": 1}),
    ("POST /api/products/{product}/upload_image/", "a photo"): lambda w: w.caller.post(
        f"/api/products/{w.product.pk}/upload_image/", {"image": upload(photos.jpeg())}, format="multipart"),
    ("GET /api/products/{product}/movements/", "why so many are on hand"):
        lambda w: w.caller.get(f"/api/products/{w.product.pk}/movements/"),
    ("GET /api/products/{product}/barcodes/", "what is on its labels"):
        lambda w: w.caller.get(f"/api/products/{w.product.pk}/barcodes/"),
    ("POST /api/products/{product}/barcodes/", "another label"): lambda w: w.of_product("barcodes", {"code": "B-2"}),
    ("DELETE /api/products/{product}/barcodes/", "a label less"):
        lambda w: w.caller.delete(f"/api/products/{w.product.pk}/barcodes/?code=B-1"),
    ("POST /api/products/{product}/adjust/", "correct"):
        lambda w: w.of_product("adjust", {"quantity_delta": 1, "reason": "found"}),
    ("POST /api/products/{product}/count/", "count"): lambda w: w.of_product("count", {"counted": 4}),
    ("POST /api/products/{product}/unarchive/", "bring back"): lambda w: w.of_product("unarchive", {}),
    ("GET /api/movements/{movement}/", "one"): lambda w: w.caller.get(f"/api/movements/{w.movement.pk}/"),
    ("GET /api/movements/", "all movements"): lambda w: w.caller.get("/api/movements/"),
    ("POST /api/movements/{movement}/reverse/", "take back"):
        lambda w: w.caller.post(f"/api/movements/{w.movement.pk}/reverse/", {}),
    ("GET /api/discrepancies/", "what is to be settled"): lambda w: w.caller.get("/api/discrepancies/"),
    ("POST /api/discrepancies/{discrepancy}/resolve/", "settle"):
        lambda w: w.caller.post(f"/api/discrepancies/{w.question.pk}/resolve/", {"action": "dismiss"}),
    ("GET /api/counts/", "the open stocktakes"): lambda w: w.caller.get("/api/counts/"),
    ("POST /api/counts/", "start"): lambda w: w.caller.post("/api/counts/", {"products": [w.product.pk]}),
    ("GET /api/counts/{count}/", "the sheet"): lambda w: w.caller.get(f"/api/counts/{w.count.pk}/"),
    ("POST /api/counts/{count}/lines/", "what was counted"): lambda w: w.caller.post(
        f"/api/counts/{w.count.pk}/lines/",
        {"lines": [{"code": "BOX", "counted": 4, "counted_at": timezone.now().isoformat()}]}),
    ("POST /api/counts/{count}/post/", "book it"): lambda w: w.caller.post(f"/api/counts/{w.count.pk}/post/"),
    ("POST /api/counts/{count}/cancel/", "cancel"): lambda w: w.caller.post(f"/api/counts/{w.count.pk}/cancel/"),
    ("GET /api/orders/", "the list"): lambda w: w.caller.get("/api/orders/"),
    ("POST /api/orders/", "make"): lambda w: w.caller.post("/api/orders/", {"customer_name": "Boris", "lines": []}),
    ("GET /api/orders/{order}/", "one"): lambda w: w.caller.get(f"/api/orders/{w.order.pk}/"),
    ("PUT /api/orders/{order}/", "pick and finish"): lambda w: w.put_order(status="picked"),
    ("PUT /api/orders/{order}/", "another composition"): lambda w: w.put_order(to_pick=9),
    ("PUT /api/orders/{order}/", "another customer"): lambda w: w.put_order(customer_name="Mallory"),
    ("PUT /api/orders/{order}/", "cancel"): lambda w: w.put_order(status="cancelled"),
    ("PATCH /api/orders/{order}/", "begin"): lambda w: w.patch_order(status="inProgress"),
    ("PATCH /api/orders/{order}/", "cancel"): lambda w: w.patch_order(status="cancelled"),
    ("DELETE /api/orders/{order}/", "archive"): lambda w: w.caller.delete(f"/api/orders/{w.order.pk}/"),
    ("GET /api/health/", "does it run"): lambda w: w.caller.get("/api/health/"),
    ("GET /api/schema/", "the description of the API"): lambda w: w.caller.get("/api/schema/"),
    ("GET /api/docs/", "the same for people"): lambda w: w.caller.get("/api/docs/"),
    ("POST /log-client-error", "an error of the app"): lambda w: w.caller.post("/log-client-error", {"message": "x"}),
}  # fmt: skip


@pytest.fixture(scope="class")
def worlds(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, World]]:
    """By role: its World, with a user of its own. The warehouse is created once for all calls; each call is rolled back
    before the next one."""
    with made_once(django_db_blocker):
        yield made_worlds()


def made_worlds() -> dict[str, World]:
    at = timezone.now()

    def log_in(name: str, kind: str = "integration", **rights: Any) -> Caller:
        user = User.objects.create_user(f"{name.lower()}@example.com", PASSWORD, username=name, **rights)
        if rights.get("is_superuser") and "is_staff" not in rights:  # as earlier releases could make one
            User.objects.filter(pk=user.pk).update(is_staff=False)
            user.refresh_from_db()
        device, token = devices.log_in(user, kind=kind, name="tests", at=at)
        caller = Caller(user=user, device=device, token=token)
        caller.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        return caller

    product = products.create(sku="BOX", name="Box", quantity=5, by=Actor(None, at=at))
    barcodes.add(product.pk, "B-1", by=Actor(None, at=at))
    order = orders.create(customer_name="Anna", lines=[Line(product.pk, 2)], by=Actor(None, at=at))
    question = discrepancies.record(Discrepancy.Kind.UNKNOWN_ORDER, by=Actor(None, at=at), id="7")
    count = stocktakes.start(product_ids=[product.pk], blind=True, by=Actor(None, at=at))
    stocktakes.enter(count.pk, [Counted(product.pk, 5, at)], by=Actor(None, at=at))
    picker, manager = log_in("Picker2"), log_in("Manager2", is_staff=True)
    worlds = {}
    for number, (role, known) in enumerate(ROLES.items()):
        caller: Any = APIClient()
        if known:
            caller = log_in(f"Me{number}", known[2], **known[1])
            if known[2] == "app":  # as the app: what it changes, it has seen
                assert caller.get("/api/products/").status_code == caller.get("/api/orders/").status_code == 200
        worlds[role] = World(product, order, product.movements.get(), question, count, picker, manager, caller)
    return worlds


NOT_OF_THE_WAREHOUSE = {"LogEntry", "Session", "DeviceMemory", "KnownPlace", "Occurrence", "Alert"}


def everything() -> dict[str, list[Any]]:
    """All rows of the database, except those that every request writes."""
    Device.objects.update(last_seen_at=None)
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model.__name__ not in NOT_OF_THE_WAREHOUSE:
                cursor.execute(f'SELECT * FROM "{model._meta.db_table}" ORDER BY "{model._meta.pk.column}"')
                found[model.__name__] = cursor.fetchall()
    return found


class TestTable:
    @pytest.mark.parametrize(("call", "what"), CALLS)
    def test_every_role_may_do_what_the_page_says(self, worlds: dict[str, World], call: str, what: str) -> None:
        """The calls of all roles are made in one warehouse. Those that must change nothing come first, and the database
        is compared once after them; each of the others is rolled back before the next one."""
        if "unarchive" in call:
            Product.objects.update(archived_at=timezone.now())
        before = everything()
        cells = {role: table()[call, what][known[0] if known else "nobody"] for role, known in ROLES.items()}
        harmless = [role for role, cell in cells.items() if call.startswith("GET") or cell in ("401", "403", "404")]
        problems: list[str] = []
        with transaction.atomic():
            for role in harmless:
                problems += problems_with(worlds[role], role, call, what, cells[role])
            if everything() != before:
                problems.append(f"{call} ({what}) changes something for one of: {', '.join(harmless)}")
            transaction.set_rollback(True)
        for role in (role for role in cells if role not in harmless):
            with transaction.atomic():
                problems += problems_with(worlds[role], role, call, what, cells[role])
                if cells[role] not in ("asks", "kept") and "log-client" not in call and everything() == before:
                    problems.append(f"{role}: {call} ({what}) changes nothing")
                transaction.set_rollback(True)
        assert not problems, "\n".join(problems)


def problems_with(world: World, role: str, call: str, what: str, cell: str) -> Iterator[str]:
    """Make a call as this role; yields a text for each difference between its response and the page's cell."""
    cache.clear()
    ready.forget()
    answer = CALLS[call, what](world)
    message = f"{role}: {call} ({what}) is {answer.status_code}, not {cell}: {answer.content[:300]!r}"
    if cell in ("401", "403", "404"):
        if answer.status_code != int(cell):
            yield message
        return
    if not 200 <= answer.status_code < 300:
        yield message
        return
    if cell == "own" and {row["user"] for row in answer.json()} != {world.me.user.pk}:
        yield f"{message}, and shows others'"
    elif cell == "asks":
        questions = Discrepancy.objects.open().exclude(pk=world.question.pk)
        found = [(row.kind, row.product, row.device) for row in questions]
        if found != [("deletion_asked", world.product, world.me.device)]:
            yield f"{message}, and asks {found}"
        if Product.objects.get(pk=world.product.pk).archived_at is not None:
            yield f"{message}, and archives"
    elif cell == "kept":
        kept = Order.objects.get(pk=world.order.pk)
        line = OrderLine.objects.get(order=kept)
        if (kept.customer_name, kept.status in ("open", "inProgress")) != ("Anna", True):
            yield f"{message}, and the order is {kept.status} for {kept.customer_name}"
        if (line.quantity_to_pick, line.quantity_picked) != (2, 2):
            yield f"{message}, and the line is {line.quantity_to_pick} and {line.quantity_picked}"


def test_every_cell_has_a_word_that_the_page_explains() -> None:
    assert {cell for row in table().values() for cell in row.values()} <= {
        "yes", "401", "403", "404", "own", "asks", "kept",
    }  # fmt: skip


def test_the_calls_here_are_the_rows_of_the_page() -> None:
    assert set(table()) == set(CALLS)


def calls(patterns: list[URLPattern | URLResolver] | None = None, before: str = "/") -> Iterator[str]:
    """Each method of each address of the API, as `METHOD /address/`."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            if str(entry.pattern) == "api/":
                yield from calls(entry.url_patterns, route)
        elif view := getattr(entry.callback, "view_class", None) or getattr(entry.callback, "cls", None):
            yield from (f"{method.upper()} {route}" for method in ("get", "post", "put", "patch", "delete")
                        if hasattr(view, method) and ("api/" in route or "log-" in route))  # fmt: skip


def test_every_call_of_the_api_has_a_row() -> None:
    def plain(call: str) -> str:
        return "/".join("X" if part[:1] in ("<", "{") else part for part in call.split("/"))

    there = {plain(call) for call in calls()}
    assert len(there) > 35
    assert there == {plain(call) for call, _what in table()}


# --- The desk -----------------------------------------------------------------------------------------------------
NOT_PAGES = ("api/", "log-", "media/", "i18n/", "login/", "logout/", "phone/", "admin/login/", "admin/logout/")
PAGES = sorted(route for route in {*routes()} if not route.startswith(NOT_PAGES))


@pytest.fixture
def pickers_desk(make_user: MakeUser) -> Client:
    return enter(make_user("Picker"))


@each("page", PAGES)
def test_a_picker_sees_no_page_of_the_desk(pickers_desk: Client, page: str) -> None:
    for method in some(["get", "post", "put", "patch", "delete"], page):
        answer = getattr(pickers_desk, method)("/" + page.replace("X", "1"))
        if page.startswith("admin"):
            assert answer.status_code in (302, 404, 405)
            assert answer.status_code != 302 or answer["Location"].startswith(("/admin/", "/login/"))
        else:
            assert answer.status_code in (403, 405), (method, answer.status_code)


@pytest.fixture(params=[{"is_staff": True}, {"is_staff": True, "is_superuser": True}])
def managers_desk(make_user: MakeUser, request: pytest.FixtureRequest) -> Client:
    return enter(make_user("Manager", **request.param))


@each("page", [page for page in PAGES if "X" not in page and not page.startswith("admin")])
def test_a_manager_sees_the_pages_of_the_desk(managers_desk: Client, page: str) -> None:
    answer = managers_desk.get("/" + page)
    assert answer.status_code in (200, 204, 302, 404, 405)  # 404: the row in the address does not exist
    assert answer.status_code != 302 or not answer["Location"].startswith("/login/")
