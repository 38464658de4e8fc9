"""POST /api/discrepancies/{id}/resolve/: what each button of each kind does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from api.actions import discrepancies, ledger, stock
from api.actor import Actor
from api.discrepancies import kinds
from api.models import Discrepancy, OrderLine, Product, ProductVersion, Revision, StockMovement
from api.phones.memory import remembered
from api.tests.calls import Caller, check_error
from api.tests.examples import some
from api.tests.reconcile.people import Phone, Warehouse, turns_out_to_be_a_duplicate

pytestmark = pytest.mark.django_db
UUID = "1f0c2f8e-7d6b-4a53-9a41-6c1b6d5e0f11"


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """On a clock of its own, however slow this machine is. After every test the ledger is right."""
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        yield Warehouse(clock)
    assert ledger.broken_ledgers() == []


@pytest.fixture
def anna(warehouse: Warehouse) -> Phone:
    return warehouse.phone("Anna")


@dataclass
class Desk:
    """Vera with the one open discrepancy."""

    vera: Caller
    found: Discrepancy

    def settle(self, action: str, **more: Any) -> Any:
        return self.vera.post(f"/api/discrepancies/{self.found.pk}/resolve/", {"action": action, **more})

    def sees(self) -> dict[str, Any]:
        """The discrepancy as the API tells it."""
        rows = self.vera.get("/api/discrepancies/", {"status": "all"}).json()
        (row,) = [row for row in rows if row["id"] == self.found.pk]
        return dict(row)

    def answer(self, action: str) -> dict[str, Any]:
        """What this button says."""
        return next(answer for answer in self.sees()["answers"] if answer["action"] == action)

    def offers(self, *ways: str) -> None:
        """Exactly these are offered; any other is refused and changes nothing."""
        assert [answer.action for answer in kinds.describe([self.found])[0].answers] == list(ways)
        others = sorted({"apply", "reverse", "move", "dismiss"} - set(ways))
        for other in some(others, (self.found.kind, ways)) if others else ():
            before = everything()
            assert check_error(self.settle(other), 400, "not_applicable")["facts"] == {"ways": list(ways)}
            assert everything() == before

    def settles(self, action: str, status: str, **more: Any) -> None:
        """It is settled so, once, and what the button said is what happened, and nothing else."""
        promised = self.answer(action)
        is_so = {(row.pk, "on_hand"): row.quantity for row in Product.objects.all()}
        answer = self.settle(action, note="looked at the shelf", token=promised["token"], **more)
        assert answer.status_code == 200, answer.content
        assert (answer.json()["status"], answer.json()["note"]) == (status, "looked at the shelf")
        assert answer.json()["answers"] == []
        self.keeps(promised["changes"], is_so, entered=bool(more))
        self.found.refresh_from_db()
        assert self.found.resolved_by == self.vera.user
        before = everything()
        for again in some(("apply", "reverse", "dismiss"), (self.found.kind, action)):
            check_error(self.settle(again), 409, "already_settled")
        assert everything() == before

    def keeps(self, changes: list[dict[str, Any]], before: dict[Any, Any], *, entered: bool) -> None:
        """Every value before and after is as promised; on hand nothing else has changed, unless by what was entered."""
        for change in changes:
            product = Product.objects.get(pk=change["product"])
            now = {
                "on_hand": product.quantity, "name": product.name, "sku": product.sku, "archived": product.is_archived,
                "unverified": product.unverified,
                "picked": sum(OrderLine.objects.filter(order=self.found.order_id, product=product).values_list(
                    "quantity_picked", flat=True)),
            }  # fmt: skip
            if change["after"] is not None:
                assert now[change["what"]] == change["after"], change
            if change["what"] == "on_hand":
                assert before[change["product"], "on_hand"] == change["before"], change
        if not entered:
            changed = {row.pk for row in Product.objects.all() if before.get((row.pk, "on_hand")) != row.quantity}
            assert changed == {change["product"] for change in changes
                               if change["what"] == "on_hand" and change["before"] != change["after"]}  # fmt: skip


def everything() -> list[Any]:
    """What settling can change."""
    found = []
    with connection.cursor() as cursor:  # quicker than models
        for table in (Product, ProductVersion, StockMovement, Discrepancy, Revision):
            cursor.execute(f'SELECT * FROM "{table._meta.db_table}" ORDER BY id')
            found.append(cursor.fetchall())
    return found


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
    vera.offers("apply", "move", "dismiss")
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
    _is_held_back(anna, warehouse.product("SOCK", 10), 25)
    vera = desk()
    vera.offers("apply", "dismiss")
    vera.settles(action, status)
    assert warehouse.on_hand("SOCK") == left


BARCODE = 4_006_381_333_999


@pytest.mark.parametrize("quantity", [2_000_000, BARCODE, 2**63 - 1])
def test_an_implausible_quantity_asks_for_the_real_one_and_is_never_booked_by_one_click(
    warehouse: Warehouse, anna: Phone, desk: Any, quantity: int
) -> None:
    warehouse.product("SOCK", 4)
    anna.add("SOCK", quantity)
    vera = desk()
    vera.offers("apply", "dismiss")
    asked = vera.answer("apply")
    assert [(ask["name"], ask["most"]) for ask in asked["asks"]] == [("quantity", 1_000_000)]
    assert [(change["before"], change["after"]) for change in asked["changes"]] == [(4, None)]
    before = everything()
    assert "quantity" in check_error(vera.settle("apply"), 400, "implausible_quantity")
    for wrong in (0, -3, 1_000_001, quantity, "3.5", "x"):
        assert "quantity" in check_error(vera.settle("apply", quantity=wrong), 400)
    assert everything() == before
    vera.settles("apply", "applied", quantity=3)
    assert warehouse.on_hand("SOCK") == 7


def test_an_implausible_quantity_dismissed_changes_nothing(warehouse: Warehouse, anna: Phone, desk: Any) -> None:
    warehouse.product("SOCK", 4)
    anna.add("SOCK", BARCODE)
    desk().settles("dismiss", "dismissed")
    assert warehouse.on_hand("SOCK") == 4


def test_a_number_of_minus_a_barcode_asks_how_many_were_taken_out(warehouse: Warehouse, anna: Phone, desk: Any) -> None:
    warehouse.product("SOCK", 4)
    anna.put(anna.pull()["SOCK"], quantity=-BARCODE)
    anna.pull()
    vera = desk()
    assert vera.found.kind == "implausible_quantity"
    check_error(vera.settle("apply"), 400, "implausible_quantity")
    vera.settles("apply", "applied", quantity=3)
    assert warehouse.on_hand("SOCK") == 1


@pytest.mark.parametrize("kind", ["quantity_guess", "possible_duplicate", "picked_after_cancel", "picked_twice"])
def test_too_much_that_any_kind_holds_back_asks_for_the_number(
    warehouse: Warehouse, anna: Phone, manager: Caller, kind: str
) -> None:
    """Two of 600,000 are over a million in one click too."""
    socks = Product.objects.get(pk=warehouse.product("SOCK", 4))
    found = discrepancies.record(
        Discrepancy.Kind(kind), by=Actor(anna.device.user, anna.device, at=timezone.now()), product=socks,
        quantity=1_200_000, pending=[{"product": socks.pk, "delta": 600_000}] * 2,
    )  # fmt: skip
    vera = Desk(manager, found)
    check_error(vera.settle("apply"), 400, "implausible_quantity")
    vera.settles("apply", "applied", quantity=600_000)
    assert warehouse.on_hand("SOCK") == 600_004


def test_too_much_of_several_products_is_not_applied_as_a_whole(
    warehouse: Warehouse, anna: Phone, manager: Caller
) -> None:
    keys = [warehouse.product("SOCK", 4), warehouse.product("CAP", 4)]
    found = discrepancies.record(
        Discrepancy.Kind.PICKED_AFTER_CANCEL, by=Actor(anna.device.user, anna.device, at=timezone.now()),
        pending=[{"product": key, "delta": -BARCODE} for key in keys],
    )  # fmt: skip
    Desk(manager, found).offers("dismiss")


@pytest.mark.parametrize(
    ("action", "status", "left"), [("apply", "applied", 25), ("reverse", "reversed", 20), ("dismiss", "dismissed", 25)]
)
def test_possible_duplicate_that_was_booked(
    warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, left: int
) -> None:
    """Equal boxes one after the other; the list was not fetched after the fourth: is the fifth the same box again?"""
    warehouse.product("SOCK")
    for number in range(5):
        anna.add("SOCK", 5)
        if number < 3:
            anna.pull()
        anna.loses_connection()
        warehouse.later(1)
    vera = desk()
    vera.offers("apply", "reverse", "dismiss")
    vera.settles(action, status)
    assert warehouse.on_hand("SOCK") == left


@pytest.mark.parametrize(("action", "status", "left"), [("apply", "applied", 48), ("dismiss", "dismissed", 24)])
def test_possible_duplicate_that_was_held_back(
    warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, left: int
) -> None:
    """The answer was lost, the screen said so, and Anna enters the same again; or it is another box."""
    warehouse.product("SOCK")
    for _ in range(2):
        anna.add("SOCK", 24)
        anna.loses_connection()
        warehouse.later(0.15)
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
    """The difference to a phone's number is booked, and asked about."""
    by, named = Actor(phone.device.user, phone.device, at=timezone.now()), Product.objects.get(pk=product)
    movement = stock.adjust(product, number - named.quantity, reason="", by=by)
    facts: dict[str, Any] = {
        "sent": number,
        "on_hand": named.quantity,
        "change": movement.quantity_delta,
        "booked": [movement.pk],
    }
    discrepancies.record(Discrepancy.Kind.QUANTITY_GUESS, by=by, product=named, **facts)


def _is_held_back(phone: Phone, product: int, number: int) -> None:
    """The difference to a phone's number is not booked, and asked about."""
    by, named = Actor(phone.device.user, phone.device, at=timezone.now()), Product.objects.get(pk=product)
    pending = [{"product": product, "delta": number - named.quantity, "at": by.at.isoformat()}]
    facts: dict[str, Any] = {"sent": number, "on_hand": named.quantity, "change": 0, "pending": pending}
    discrepancies.record(Discrepancy.Kind.QUANTITY_GUESS, by=by, product=named, **facts)


def _half_an_hour_passes(phone: Phone) -> None:
    """For the phone's next request; by its memory rather than by the clock."""
    with remembered(Actor(phone.device.user, phone.device, at=timezone.now())) as memory:
        memory.last_at -= 1800
        memory.line.last_at -= 1800


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


def test_picked_after_cancellation_is_applied_line_by_line_once_the_order_is_open_again(
    warehouse: Warehouse, anna: Phone, manager: Caller, desk: Any
) -> None:
    lines = [{"product": warehouse.product(sku, 10), "quantity_to_pick": 2} for sku in ("SHIRT", "SOCK")]
    url = f"/api/orders/{manager.post('/api/orders/', {'customer_name': 'A', 'lines': lines}).json()['id']}/"
    seen = anna.pull_orders()[0]
    manager.patch(url, {"status": "cancelled"})
    anna.finish(seen)
    manager.patch(url, {"status": "inProgress"})
    desk().settles("apply", "applied")
    assert (warehouse.on_hand("SHIRT"), warehouse.on_hand("SOCK")) == (8, 8)
    assert [line["quantity_picked"] for line in manager.get(url).json()["lines"]] == [2, 2]
    manager.patch(url, {"status": "cancelled"})
    assert (warehouse.on_hand("SHIRT"), warehouse.on_hand("SOCK")) == (10, 10)


@pytest.mark.parametrize(
    ("action", "text"),
    [("apply", "Book 15 pieces: 12 → 12 (counted since then)"), ("dismiss", "Do not book it: stays at 12")],
)
def test_a_button_knows_that_a_count_since_then_holds(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller, action: str, text: str
) -> None:
    socks = warehouse.product("SOCK", 10)
    _is_held_back(anna, socks, 25)
    vera = desk()
    assert manager.post(f"/api/products/{socks}/count/", {"counted": 12}).status_code == 200
    assert vera.answer(action)["text"] == text
    vera.settles(action, "applied" if action == "apply" else "dismissed")
    assert warehouse.on_hand("SOCK") == 12


def test_taking_back_what_a_count_includes_changes_nothing_and_the_button_says_so(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller
) -> None:
    socks = warehouse.product("SOCK", 10)
    _is_guessed(anna, socks, 25)
    assert manager.post(f"/api/products/{socks}/count/", {"counted": 12}).status_code == 200
    vera = desk()
    assert vera.answer("reverse")["text"] == "Take 15 pieces back out: 12 → 12 (counted since then)"
    vera.settles("reverse", "reversed")
    assert warehouse.on_hand("SOCK") == 12


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
    check_error(manager.post(f"/api/discrepancies/{key}/resolve/", {"action": "dismiss"}), 404, "no_such_discrepancy")


# --- What the button said ---------------------------------------------------------------------------------------------
def test_a_button_says_the_numbers_before_and_after(warehouse: Warehouse, anna: Phone, desk: Any) -> None:
    _is_held_back(anna, warehouse.product("SOCK", 10), 25)
    vera = desk()
    assert vera.answer("apply")["text"] == "Book 15 pieces: 10 → 25"
    assert vera.answer("dismiss")["text"] == "Do not book it: stays at 10"


def test_what_would_do_something_else_by_now_is_refused_with_the_new_numbers(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller
) -> None:
    socks = warehouse.product("SOCK", 10)
    _is_held_back(anna, socks, 25)
    vera = desk()
    shown = vera.answer("apply")["token"]
    assert manager.post(f"/api/products/{socks}/adjust/", {"quantity_delta": 5, "reason": "found"}).status_code == 200
    before = everything()
    said = check_error(vera.settle("apply", token=shown), 409, "changed")
    assert "Book 15 pieces: 15 → 30" in said["detail"]
    assert everything() == before, "still open, nothing booked"
    assert vera.settle("apply", token=said["facts"]["token"]).status_code == 200
    assert warehouse.on_hand("SOCK") == 30


def test_a_program_need_not_say_what_it_has_seen(warehouse: Warehouse, anna: Phone, desk: Any) -> None:
    _is_held_back(anna, warehouse.product("SOCK", 10), 25)
    assert desk().settle("apply").status_code == 200
    assert warehouse.on_hand("SOCK") == 25


def test_a_button_that_changes_nothing_acts_also_when_goods_have_come(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller
) -> None:
    socks = warehouse.product("SOCK", 10)
    _is_held_back(anna, socks, 25)
    vera = desk()
    shown = vera.answer("dismiss")["token"]
    manager.post(f"/api/products/{socks}/adjust/", {"quantity_delta": 5, "reason": "found"})
    assert vera.settle("dismiss", token=shown).status_code == 200


# --- These are goods of another SKU -----------------------------------------------------------------------------------
def left(sku: str) -> int:
    """What is on hand, also of an archived product."""
    return Product.objects.get(sku=sku).quantity


@pytest.fixture
def typed(warehouse: Warehouse, anna: Phone) -> None:
    """Anna received 3 under SOKC instead of SOCK, of which there are 4."""
    warehouse.product("SHIRT")
    warehouse.product("SOCK", 4)
    anna.add("SHIRT", 1)
    anna.add("SOKC", 3)


def test_goods_of_a_mistyped_sku_move_to_the_right_one(warehouse: Warehouse, typed: None, desk: Any) -> None:
    vera = desk()
    came = StockMovement.objects.get(product__sku="SOKC").occurred_at
    vera.settles("move", "applied", sku="SOCK")
    wrong, right = Product.objects.get(sku="SOKC"), Product.objects.get(sku="SOCK")
    assert (wrong.quantity, wrong.is_archived, right.quantity) == (0, True, 7)
    assert warehouse.movements("SOKC") == [3, -3]
    assert warehouse.movements("SOCK") == [4, 3]
    assert right.movements.latest("id").occurred_at == came, "as of when they came"
    assert right.movements.latest("id").kind == "receipt"


@pytest.mark.parametrize("sku", ["", "NOWHERE", "SOKC", "\x00"])
def test_goods_move_to_a_product_in_use_only(typed: None, desk: Any, sku: str) -> None:
    vera = desk()
    before = everything()
    assert "sku" in check_error(vera.settle("move", sku=sku), 400)
    assert everything() == before


def test_what_was_picked_of_the_mistyped_product_moves_too(
    warehouse: Warehouse, typed: None, desk: Any, manager: Caller
) -> None:
    wrong = Product.objects.get(sku="SOKC")
    manager.post(f"/api/products/{wrong.pk}/adjust/", {"quantity_delta": -1, "reason": "broken"})
    desk().settles("move", "applied", sku="SOCK")
    assert (left("SOKC"), left("SOCK")) == (0, 6)
    assert not Discrepancy.objects.open().exists(), "nothing fell below none on the way"


def test_the_stale_queue_finds_the_right_product_under_the_mistyped_sku(
    warehouse: Warehouse, anna: Phone, typed: None, desk: Any
) -> None:
    desk().settles("move", "applied", sku="SOCK")
    anna.add("SOKC", 2)  # before her next pull: the phone knows the product that was made for it
    assert (left("SOKC"), left("SOCK")) == (0, 9)
    anna.pull()
    anna.add("SOKC", 5)
    assert (left("SOKC"), left("SOCK")) == (0, 14)
    assert Product.objects.filter(sku="SOKC", archived_at=None).count() == 0
    assert not Discrepancy.objects.open().exists(), "the manager has said so once"


def test_a_queue_that_comes_again_behind_the_move_is_on_hand_once(
    warehouse: Warehouse, anna: Phone, typed: None, desk: Any
) -> None:
    desk().settles("move", "applied", sku="SOCK")
    anna.find("SHIRT")  # the look-up that its addition never followed
    anna.loses_connection()
    _half_an_hour_passes(anna)
    anna.add("SHIRT", 1)
    anna.add("SOKC", 3)
    asked = Discrepancy.objects.open().filter(kind="possible_duplicate")
    doubted = {one.product.sku: one.facts["quantity"] for one in asked if one.product}
    assert doubted == {"SHIRT": 1, "SOKC": 3}, "as long as the pass may go on, and no stock is wrong in silence"
    anna.pull()  # the pass is over, with nothing new behind it
    assert (left("SHIRT"), left("SOCK"), left("SOKC")) == (1, 7, 0)


def test_a_duplicate_that_moved_before_it_was_known_for_one_is_taken_back_where_it_went(
    warehouse: Warehouse, anna: Phone, typed: None, manager: Caller
) -> None:
    booked = StockMovement.objects.get(product__sku="SOKC")
    Desk(manager, Discrepancy.objects.get(kind="unknown_sku")).settles("move", "applied", sku="SOCK")
    turns_out_to_be_a_duplicate(anna, booked)
    assert (left("SOCK"), left("SOKC")) == (4, 0)


def test_a_question_about_goods_that_moved_goes_along(
    warehouse: Warehouse, anna: Phone, typed: None, manager: Caller
) -> None:
    wrong = Product.objects.get(sku="SOKC")
    doubted = discrepancies.record(
        Discrepancy.Kind.POSSIBLE_DUPLICATE, by=Actor(anna.device.user, anna.device, at=timezone.now()), product=wrong,
        quantity=3, booked=[wrong.movements.get().pk],
    )  # fmt: skip
    Desk(manager, Discrepancy.objects.get(kind="unknown_sku")).settles("move", "applied", sku="SOCK")
    doubted.refresh_from_db()
    Desk(manager, doubted).settles("reverse", "reversed")
    assert (left("SOKC"), left("SOCK")) == (0, 4)


# --- A product that nobody knows --------------------------------------------------------------------------------------
@pytest.fixture
def unknown(warehouse: Warehouse, anna: Phone) -> None:
    """An edit under an id of the phone's own."""
    seen = {"name": "Green cap", "sku": "CAP-GREEN", "quantity": 6, "location": "B2", "image_url": None}
    assert anna.put(seen, key=UUID).status_code == 200


def test_an_unknown_product_is_made_with_what_was_sent_and_the_quantity_that_is_asked_for(
    unknown: None, desk: Any
) -> None:
    vera = desk()
    vera.offers("apply", "dismiss")
    asks = {ask["name"]: ask["value"] for ask in vera.answer("apply")["asks"]}
    assert asks == {"name": "Green cap", "sku": "CAP-GREEN", "quantity": 6}
    before = everything()
    assert "quantity" in check_error(vera.settle("apply"), 400, "missing")
    assert everything() == before
    vera.settles("apply", "applied", quantity=5)
    made = Product.objects.get()
    assert (made.sku, made.name, made.quantity) == ("CAP-GREEN", "Green cap", 5)


def test_an_unknown_product_can_be_made_under_another_name_and_sku(unknown: None, desk: Any) -> None:
    desk().settles("apply", "applied", quantity=0, sku="CAP-1", name="Cap")
    made = Product.objects.get()
    assert (made.sku, made.name, made.quantity) == ("CAP-1", "Cap", 0)


def test_an_unknown_product_whose_sku_is_taken_stays_a_question(unknown: None, warehouse: Warehouse, desk: Any) -> None:
    warehouse.product("CAP-GREEN")
    vera = desk()
    before = everything()
    check_error(vera.settle("apply", quantity=1), 400, "sku_taken")
    assert everything() == before


def test_a_deletion_of_an_unknown_product_says_nothing_to_make_one_of(anna: Phone, desk: Any) -> None:
    anna.delete(UUID)
    desk().offers("dismiss")
