"""POST /api/discrepancies/{id}/resolve/: what each button of each kind does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from rest_framework.test import APIClient

from api.actions import settling, stock
from api.models import Discrepancy, Product, ProductVersion, Revision, StockMovement
from api.tests.calls import Caller, check_error
from api.tests.reconcile.people import Phone, Warehouse

pytestmark = pytest.mark.django_db
UUID = "1f0c2f8e-7d6b-4a53-9a41-6c1b6d5e0f11"


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """After every test the ledger is right."""
    yield Warehouse(None)
    assert stock.broken_ledgers() == []


@pytest.fixture
def anna(warehouse: Warehouse) -> Phone:
    return warehouse.phone("Anna")


@dataclass
class Desk:
    """Vera with the one open discrepancy."""

    vera: Caller
    found: Discrepancy

    def settle(self, action: str, **more: str) -> Any:
        return self.vera.post(f"/api/discrepancies/{self.found.pk}/resolve/", {"action": action, **more})

    def offers(self, *ways: str) -> None:
        """Exactly these are offered; any other is refused and changes nothing."""
        assert settling.ways(self.found) == list(ways)
        for other in {"apply", "reverse", "dismiss"} - set(ways):
            before = everything()
            assert check_error(self.settle(other), 400, "not_applicable")["facts"] == {"ways": list(ways)}
            assert everything() == before

    def settles(self, action: str, status: str) -> None:
        """It is settled so, once."""
        answer = self.settle(action, note="looked at the shelf")
        assert answer.status_code == 200, answer.content
        assert (answer.json()["status"], answer.json()["note"]) == (status, "looked at the shelf")
        self.found.refresh_from_db()
        assert self.found.resolved_by == self.vera.user
        before = everything()
        for again in ("apply", "reverse", "dismiss"):
            check_error(self.settle(again), 409, "already_settled")
        assert everything() == before


def everything() -> list[Any]:
    """What settling can change."""
    tables: list[Any] = [Product, ProductVersion, StockMovement, Discrepancy, Revision]
    return [list(table.objects.order_by("pk").values()) for table in tables]


@pytest.fixture
def desk(manager: Caller) -> Any:
    def sit_down() -> Desk:
        return Desk(manager, Discrepancy.objects.open().get())

    return sit_down


# --- One SKU, two names; SKU taken ------------------------------------------------------------------------------------
@pytest.fixture
def two_names(warehouse: Warehouse, anna: Phone) -> None:
    warehouse.product("SOCK", 4, name="Socks")
    anna.create("SOCK", "Red socks")


@pytest.mark.parametrize(
    ("action", "status", "name"), [("apply", "applied", "Red socks"), ("dismiss", "dismissed", "Socks")]
)
def test_name_differs(two_names: None, desk: Any, action: str, status: str, name: str) -> None:
    vera = desk()
    vera.offers("apply", "dismiss")
    vera.settles(action, status)
    product = Product.objects.get()
    assert (product.name, product.quantity) == (name, 4)


@pytest.fixture
def taken_sku(warehouse: Warehouse, anna: Phone) -> int:
    """Anna wanted BLUE for her socks. Returns the product that has it."""
    warehouse.product("SOCK", 4)
    other = warehouse.product("BLUE")
    seen = anna.pull()["SOCK"]
    for _ in range(2):
        anna.put(seen, sku="BLUE")
    return other


def test_sku_taken_is_applied_once_the_sku_is_free(taken_sku: int, desk: Any, manager: Caller) -> None:
    vera = desk()
    vera.offers("apply", "dismiss")
    before = everything()
    assert "sku" in check_error(vera.settle("apply"), 400, "sku_taken")
    assert everything() == before, "still open"
    manager.delete(f"/api/products/{taken_sku}/")
    vera.settles("apply", "applied")
    assert Product.objects.live().get().sku == "BLUE"


def test_sku_taken_dismissed_changes_nothing(taken_sku: int, desk: Any) -> None:
    desk().settles("dismiss", "dismissed")
    assert sorted(Product.objects.values_list("sku", flat=True)) == ["BLUE", "SOCK"]


# --- Unknown barcode, goods of an archived product --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "status", "unverified"), [("apply", "applied", False), ("dismiss", "dismissed", True)]
)
def test_unknown_sku(warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, unverified: bool) -> None:
    warehouse.product("SHIRT")
    anna.add("SHIRT", 1)
    anna.add("SOKC", 3)
    vera = desk()
    vera.offers("apply", "dismiss")
    vera.settles(action, status)
    product = Product.objects.get(sku="SOKC")
    assert (product.unverified, product.quantity) == (unverified, 3)


@pytest.mark.parametrize(
    ("action", "status", "left"), [("apply", "applied", 7), ("reverse", "reversed", 3), ("dismiss", "dismissed", 7)]
)
def test_archived_stock(
    warehouse: Warehouse, anna: Phone, manager: Caller, desk: Any, action: str, status: str, left: int
) -> None:
    socks = warehouse.product("SOCK", 3)
    anna.pull()
    manager.delete(f"/api/products/{socks}/")
    anna.add("SOCK", 4)
    vera = desk()
    vera.offers("apply", "reverse", "dismiss")
    vera.settles(action, status)
    product = Product.objects.get()
    assert (product.quantity, product.is_archived) == (left, False)


@pytest.mark.parametrize(
    ("action", "status", "archived"), [("apply", "applied", True), ("dismiss", "dismissed", False)]
)
def test_a_pickers_wish_to_delete(warehouse: Warehouse, desk: Any, action: str, status: str, archived: bool) -> None:
    socks, paul = warehouse.product("SOCK", 3), warehouse.phone("Paul", manager=False)
    paul.pull()
    paul.delete(socks)
    vera = desk()
    assert vera.found.kind == "deletion_asked"
    vera.offers("apply", "dismiss")
    vera.settles(action, status)
    product = Product.objects.get(pk=socks)
    assert (product.is_archived, product.quantity) == (archived, 3)


# --- Quantities -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "status", "left"), [("apply", "applied", 25), ("reverse", "reversed", 10), ("dismiss", "dismissed", 25)]
)
def test_quantity_guess_that_is_booked(
    warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, left: int
) -> None:
    _is_guessed(anna, warehouse.product("SOCK", 10), 25)
    vera = desk()
    vera.offers("apply", "reverse", "dismiss")
    vera.settles(action, status)
    assert warehouse.on_hand("SOCK") == left


@pytest.mark.parametrize(("action", "status", "left"), [("apply", "applied", 25), ("dismiss", "dismissed", 10)])
def test_quantity_guess_that_is_held_back(
    warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, left: int
) -> None:
    warehouse.product("SOCK", 10)
    anna.put(anna.pull()["SOCK"], quantity=25)
    vera = desk()
    vera.offers("apply", "dismiss")
    vera.settles(action, status)
    assert warehouse.on_hand("SOCK") == left


@pytest.mark.parametrize(("action", "status", "left"), [("apply", "applied", 2_000_000), ("dismiss", "dismissed", 0)])
def test_implausible_quantity(
    warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, left: int
) -> None:
    warehouse.product("SOCK")
    anna.add("SOCK", 2_000_000)
    vera = desk()
    vera.offers("apply", "dismiss")
    vera.settles(action, status)
    assert warehouse.on_hand("SOCK") == left


@pytest.mark.parametrize(
    ("action", "status", "left"), [("apply", "applied", 10), ("reverse", "reversed", 5), ("dismiss", "dismissed", 10)]
)
def test_possible_duplicate_that_was_booked(
    warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, left: int
) -> None:
    warehouse.product("SOCK")
    for _ in range(2):
        anna.add("SOCK", 5)
        anna.loses_connection()
        _half_an_hour_passes(anna)
    vera = desk()
    vera.offers("apply", "reverse", "dismiss")
    vera.settles(action, status)
    assert warehouse.on_hand("SOCK") == left


@pytest.mark.parametrize(("action", "status", "left"), [("apply", "applied", 10), ("dismiss", "dismissed", 5)])
def test_possible_duplicate_that_was_held_back(
    warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, left: int
) -> None:
    warehouse.product("SOCK")
    for _ in range(2):
        anna.add("SOCK", 2)
        anna.add("SOCK", 3)
        anna.loses_connection()
        _half_an_hour_passes(anna)
    vera = desk()
    vera.offers("apply", "dismiss")
    vera.settles(action, status)
    assert warehouse.on_hand("SOCK") == left


def test_what_was_taken_back_already_is_not_taken_back_twice(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller
) -> None:
    _is_guessed(anna, warehouse.product("SOCK", 10), 25)
    vera = desk()
    booked = vera.found.facts["booked"][0]
    assert manager.post(f"/api/movements/{booked}/reverse/").status_code == 200
    vera.settles("reverse", "reversed")
    assert warehouse.movements("SOCK") == [10, 15, -15]


def test_it_says_in_the_ledger_who_took_it_back_and_why(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller
) -> None:
    _is_guessed(anna, warehouse.product("SOCK", 10), 25)
    vera = desk()
    vera.settles("reverse", "reversed")
    back = StockMovement.objects.latest("id")
    assert (back.kind, back.reverses_id, back.user) == ("reversal", vera.found.facts["booked"][0], manager.user)
    assert back.reason


def _is_guessed(phone: Phone, product: int, number: int) -> None:
    """A phone that never pulled sets the number: it is booked, and asked about."""
    blind = {"id": product, "name": "Socks", "sku": "SOCK", "quantity": number, "location": "A1", "image_url": None}
    assert phone.put(blind).status_code == 200


def _half_an_hour_passes(phone: Phone) -> None:
    """For the phone's next request; by its memory rather than by the clock."""
    from api.reconcile.memory import keep, recall

    memory = recall(phone.device)
    memory.last_at -= 1800
    keep(phone.device, memory)


# --- Orders -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def order(warehouse: Warehouse, anna: Phone, manager: Caller) -> dict[str, Any]:
    """Two shirts of ten, as Anna's phone has it."""
    lines = [{"product": warehouse.product("SHIRT", 10), "quantity_to_pick": 2}]
    manager.post("/api/orders/", {"customer_name": "Petrova", "lines": lines})
    return anna.pull_orders()[0]


@pytest.mark.parametrize(("action", "status", "left"), [("apply", "applied", 6), ("dismiss", "dismissed", 8)])
def test_picked_twice(
    warehouse: Warehouse, anna: Phone, desk: Any, order: dict[str, Any], action: str, status: str, left: int
) -> None:
    boris = warehouse.phone("Boris")
    boris.pull_orders()
    anna.finish(order)
    boris.finish(order)
    vera = desk()
    vera.offers("apply", "dismiss")
    vera.settles(action, status)
    assert warehouse.on_hand("SHIRT") == left


def test_cancelling_gives_back_what_was_picked_twice_and_applied(
    warehouse: Warehouse, anna: Phone, manager: Caller, desk: Any, order: dict[str, Any]
) -> None:
    boris = warehouse.phone("Boris")
    boris.pull_orders()
    anna.finish(order)
    boris.finish(order)
    desk().settles("apply", "applied")
    (line,) = anna.pull_orders()[0]["lines"]
    assert (line["quantity_picked"], warehouse.on_hand("SHIRT")) == (4, 6)
    manager.patch(f"/api/orders/{order['id']}/", {"status": "cancelled"})
    assert warehouse.on_hand("SHIRT") == 10


@pytest.mark.parametrize(("action", "status", "left"), [("apply", "applied", 8), ("dismiss", "dismissed", 10)])
def test_picked_after_cancel(
    warehouse: Warehouse,
    anna: Phone,
    manager: Caller,
    desk: Any,
    order: dict[str, Any],
    action: str,
    status: str,
    left: int,
) -> None:
    manager.patch(f"/api/orders/{order['id']}/", {"status": "cancelled"})
    anna.finish(order)
    vera = desk()
    vera.offers("apply", "dismiss")
    vera.settles(action, status)
    assert warehouse.on_hand("SHIRT") == left
    if action == "apply":
        pick = StockMovement.objects.latest("id")
        assert (pick.kind, pick.order_line.order_id if pick.order_line else None) == ("pick", order["id"])


@pytest.mark.parametrize(("action", "status", "left"), [("apply", "applied", 8), ("dismiss", "dismissed", 10)])
def test_picked_for_a_line_that_was_taken_out(
    warehouse: Warehouse,
    anna: Phone,
    manager: Caller,
    desk: Any,
    order: dict[str, Any],
    action: str,
    status: str,
    left: int,
) -> None:
    manager.patch(f"/api/orders/{order['id']}/", {"lines": []})
    anna.finish(order)
    vera = desk()
    assert vera.found.kind == "over_picked"
    vera.offers("apply", "dismiss")
    vera.settles(action, status)
    assert warehouse.on_hand("SHIRT") == left


# --- Nothing to apply or reverse --------------------------------------------------------------------------------------
def more_picked(anna: Phone, order: dict[str, Any]) -> None:
    anna.finish(order, picked={"SHIRT": 3})


def fewer_picked(anna: Phone, order: dict[str, Any]) -> None:
    anna.finish(order, picked={"SHIRT": 1})


def order_archived(anna: Phone, order: dict[str, Any]) -> None:
    anna.http.delete(f"/api/orders/{order['id']}/")
    anna.finish(order)


def order_unknown(anna: Phone, order: dict[str, Any]) -> None:
    anna.finish({**order, "id": UUID})


def product_unknown(anna: Phone, order: dict[str, Any]) -> None:
    anna.delete(UUID)


def below_none(anna: Phone, order: dict[str, Any]) -> None:
    anna.create("CAP", "Cap")
    anna.put(anna.pull()["CAP"], quantity=-1)


@pytest.mark.parametrize(
    ("happens", "kind"),
    [
        (more_picked, "over_picked"),
        (fewer_picked, "short_picked"),
        (order_archived, "picked_after_cancel"),
        (order_unknown, "unknown_order"),
        (product_unknown, "unknown_product"),
        (below_none, "negative_stock"),
    ],
)
def test_what_is_only_to_be_known_is_dismissed(
    anna: Phone, order: dict[str, Any], desk: Any, happens: Any, kind: str
) -> None:
    happens(anna, order)
    vera = desk()
    assert vera.found.kind == kind
    before = everything()
    vera.offers("dismiss")
    vera.settles("dismiss", "dismissed")
    after = everything()
    assert (after[:3], after[4:]) == (before[:3], before[4:])


# --- Who, and what else can be wrong ----------------------------------------------------------------------------------
def test_a_picker_settles_nothing(
    two_names: None, picker: Caller, warehouse: Warehouse, guest: APIClient, desk: Any
) -> None:
    paul = warehouse.phone("Paul", manager=False)
    before = everything()
    url = f"/api/discrepancies/{desk().found.pk}/resolve/"
    check_error(picker.post(url, {"action": "apply"}), 403)
    check_error(paul.http.post(url, {"action": "apply"}), 403)
    check_error(guest.post(url, {"action": "apply"}), 401)
    assert everything() == before


@pytest.mark.parametrize("body", [{}, {"action": "x"}, {"action": None}, {"action": ["apply"]}, {"action": ""}])
def test_what_is_no_way_of_settling_is_400(two_names: None, desk: Any, manager: Caller, body: dict[str, Any]) -> None:
    before = everything()
    answer = manager.post(f"/api/discrepancies/{desk().found.pk}/resolve/", body, format="json")
    assert "action" in check_error(answer, 400, "invalid")
    assert everything() == before


@pytest.mark.parametrize("key", ["99999999", "x", "-1", "9" * 30])
def test_what_never_was_is_404(manager: Caller, key: str) -> None:
    check_error(manager.post(f"/api/discrepancies/{key}/resolve/", {"action": "dismiss"}), 404)
