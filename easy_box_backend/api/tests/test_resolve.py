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
from api.tests.calls import Caller, check_error
from api.tests.examples import some
from api.tests.reconcile.people import Phone, Warehouse, turns_out_to_be_a_duplicate

pytestmark = pytest.mark.django_db
UUID = "1f0c2f8e-7d6b-4a53-9a41-6c1b6d5e0f11"


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """A warehouse with a simulated clock, so that the machine's speed does not matter. After each test its ledger is
    checked."""
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        yield Warehouse(clock)
    assert ledger.broken_ledgers() == []


@pytest.fixture
def anna(warehouse: Warehouse) -> Phone:
    return warehouse.phone("Anna")


@dataclass
class Desk:
    """Vera, the manager, with the only open discrepancy."""

    vera: Caller
    found: Discrepancy

    def settle(self, action: str, **more: Any) -> Any:
        return self.vera.post(f"/api/discrepancies/{self.found.pk}/resolve/", {"action": action, **more})

    def read(self) -> dict[str, Any]:
        """The discrepancy as the API returns it."""
        rows = self.vera.get("/api/discrepancies/", {"status": "all"}).json()
        (row,) = [row for row in rows if row["id"] == self.found.pk]
        return dict(row)

    def offered_answer(self, action: str) -> dict[str, Any]:
        """The answer with this action that the API offers: its text and the changes that it would make."""
        return next(answer for answer in self.read()["answers"] if answer["action"] == action)

    def check_offered(self, *ways: str) -> None:
        """Assert that exactly these actions are offered, and that any other is refused and changes nothing."""
        assert [answer.action for answer in kinds.describe([self.found])[0].answers] == list(ways)
        others = sorted({"apply", "reverse", "move", "dismiss"} - set(ways))
        for other in some(others, (self.found.kind, ways)) if others else ():
            before = everything()
            assert check_error(self.settle(other), 400, "not_applicable")["facts"] == {"ways": list(ways)}
            assert everything() == before

    def check_settled(self, action: str, status: str, **more: Any) -> None:
        """Settle the discrepancy, and assert that it gets this status, that exactly the promised changes are made, and
        that it can't be settled again. more: values that the manager enters."""
        promised = self.offered_answer(action)
        is_so = {(row.pk, "on_hand"): row.quantity for row in Product.objects.all()}
        answer = self.settle(action, note="looked at the shelf", token=promised["token"], **more)
        assert answer.status_code == 200, answer.content
        assert (answer.json()["status"], answer.json()["note"]) == (status, "looked at the shelf")
        assert answer.json()["answers"] == []
        self.check_changes(promised["changes"], is_so, entered=bool(more))
        self.found.refresh_from_db()
        assert self.found.resolved_by == self.vera.user
        before = everything()
        for again in some(("apply", "reverse", "dismiss"), (self.found.kind, action)):
            check_error(self.settle(again), 409, "already_settled")
        assert everything() == before

    def check_changes(self, changes: list[dict[str, Any]], before: dict[Any, Any], *, entered: bool) -> None:
        """Assert that each value before and after is the promised one, and that no other quantity has changed, unless
        the manager has entered values."""
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
    """All rows that settling can change."""
    found = []
    with connection.cursor() as cursor:  # faster than models
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
    vera.check_offered("apply", "dismiss")
    vera.check_settled(action, status)
    product = Product.objects.get()
    assert (product.name, product.quantity) == (name, 4)


@pytest.fixture
def taken_sku(warehouse: Warehouse, anna: Phone) -> int:
    """Anna wanted the SKU BLUE for her socks. Returns the id of the product that has it."""
    warehouse.product("SOCK", 4)
    other = warehouse.product("BLUE")
    seen = anna.pull()["SOCK"]
    for _ in range(2):
        anna.put(seen, sku="BLUE")
    return other


def test_sku_taken_is_applied_once_the_sku_is_free(taken_sku: int, desk: Any, manager: Caller) -> None:
    vera = desk()
    vera.check_offered("apply", "dismiss")
    before = everything()
    assert "sku" in check_error(vera.settle("apply"), 400, "sku_taken")
    assert everything() == before, "still open"
    manager.delete(f"/api/products/{taken_sku}/")
    vera.check_settled("apply", "applied")
    assert Product.objects.live().get().sku == "BLUE"


def test_sku_taken_dismissed_changes_nothing(taken_sku: int, desk: Any) -> None:
    desk().check_settled("dismiss", "dismissed")
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
    vera.check_offered("apply", "move", "dismiss")
    vera.check_settled(action, status)
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
    vera.check_offered("apply", "reverse", "dismiss")
    vera.check_settled(action, status)
    product = Product.objects.get()
    assert (product.quantity, product.is_archived) == (left, False)


@pytest.mark.parametrize(
    ("action", "status", "archived"), [("apply", "applied", True), ("dismiss", "dismissed", False)]
)
def test_a_deletion_that_a_picker_asked_for(
    warehouse: Warehouse, desk: Any, action: str, status: str, archived: bool
) -> None:
    socks, paul = warehouse.product("SOCK", 3), warehouse.phone("Paul", manager=False)
    paul.pull()
    paul.delete(socks)
    vera = desk()
    assert vera.found.kind == "deletion_asked"
    vera.check_offered("apply", "dismiss")
    vera.check_settled(action, status)
    product = Product.objects.get(pk=socks)
    assert (product.is_archived, product.quantity) == (archived, 3)


# --- Quantities -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "status", "left"), [("apply", "applied", 25), ("reverse", "reversed", 10), ("dismiss", "dismissed", 25)]
)
def test_a_quantity_guess_that_is_booked(
    warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, left: int
) -> None:
    _is_guessed(anna, warehouse.product("SOCK", 10), 25)
    vera = desk()
    vera.check_offered("apply", "reverse", "dismiss")
    vera.check_settled(action, status)
    assert warehouse.on_hand("SOCK") == left


@pytest.mark.parametrize(("action", "status", "left"), [("apply", "applied", 25), ("dismiss", "dismissed", 10)])
def test_a_quantity_guess_that_is_held_back(
    warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, left: int
) -> None:
    _is_held_back(anna, warehouse.product("SOCK", 10), 25)
    vera = desk()
    vera.check_offered("apply", "dismiss")
    vera.check_settled(action, status)
    assert warehouse.on_hand("SOCK") == left


BARCODE = 4_006_381_333_999


@pytest.mark.parametrize("quantity", [2_000_000, BARCODE, 2**63 - 1])
def test_an_implausible_quantity_asks_for_the_real_one_and_is_never_booked_by_one_click(
    warehouse: Warehouse, anna: Phone, desk: Any, quantity: int
) -> None:
    warehouse.product("SOCK", 4)
    anna.add("SOCK", quantity)
    vera = desk()
    vera.check_offered("apply", "dismiss")
    question = vera.offered_answer("apply")
    assert [(ask["name"], ask["most"]) for ask in question["asks"]] == [("quantity", 1_000_000)]
    assert [(change["before"], change["after"]) for change in question["changes"]] == [(4, None)]
    before = everything()
    assert "quantity" in check_error(vera.settle("apply"), 400, "implausible_quantity")
    for wrong in (0, -3, 1_000_001, quantity, "3.5", "x"):
        assert "quantity" in check_error(vera.settle("apply", quantity=wrong), 400)
    assert everything() == before
    vera.check_settled("apply", "applied", quantity=3)
    assert warehouse.on_hand("SOCK") == 7


def test_an_implausible_quantity_dismissed_changes_nothing(warehouse: Warehouse, anna: Phone, desk: Any) -> None:
    warehouse.product("SOCK", 4)
    anna.add("SOCK", BARCODE)
    desk().check_settled("dismiss", "dismissed")
    assert warehouse.on_hand("SOCK") == 4


def test_a_number_of_minus_a_barcode_asks_how_many_were_taken_out(warehouse: Warehouse, anna: Phone, desk: Any) -> None:
    warehouse.product("SOCK", 4)
    anna.put(anna.pull()["SOCK"], quantity=-BARCODE)
    anna.pull()
    vera = desk()
    assert vera.found.kind == "implausible_quantity"
    check_error(vera.settle("apply"), 400, "implausible_quantity")
    vera.check_settled("apply", "applied", quantity=3)
    assert warehouse.on_hand("SOCK") == 1


@pytest.mark.parametrize("kind", ["quantity_guess", "possible_duplicate", "picked_after_cancel", "picked_twice"])
def test_more_than_a_million_held_back_by_any_kind_asks_for_the_number(
    warehouse: Warehouse, anna: Phone, manager: Caller, kind: str
) -> None:
    """Two quantities of 600,000 in one answer are also more than a million."""
    socks = Product.objects.get(pk=warehouse.product("SOCK", 4))
    found = discrepancies.record(
        Discrepancy.Kind(kind), by=Actor(anna.device.user, anna.device, at=timezone.now()), product=socks,
        quantity=1_200_000, pending=[{"product": socks.pk, "delta": 600_000}] * 2,
    )  # fmt: skip
    vera = Desk(manager, found)
    check_error(vera.settle("apply"), 400, "implausible_quantity")
    vera.check_settled("apply", "applied", quantity=600_000)
    assert warehouse.on_hand("SOCK") == 600_004


def test_more_than_a_million_of_several_products_is_not_applied_at_once(
    warehouse: Warehouse, anna: Phone, manager: Caller
) -> None:
    keys = [warehouse.product("SOCK", 4), warehouse.product("CAP", 4)]
    found = discrepancies.record(
        Discrepancy.Kind.PICKED_AFTER_CANCEL, by=Actor(anna.device.user, anna.device, at=timezone.now()),
        pending=[{"product": key, "delta": -BARCODE} for key in keys],
    )  # fmt: skip
    Desk(manager, found).check_offered("dismiss")


@pytest.mark.parametrize(
    ("action", "status", "left"), [("apply", "applied", 25), ("reverse", "reversed", 20), ("dismiss", "dismissed", 25)]
)
def test_a_possible_duplicate_that_was_booked(
    warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, left: int
) -> None:
    """Equal boxes one after the other, and no pull after the fourth: the fifth may be a duplicate of it."""
    warehouse.product("SOCK")
    for number in range(5):
        anna.add("SOCK", 5)
        if number < 3:
            anna.pull()
        anna.loses_connection()
        warehouse.later(1)
    vera = desk()
    vera.check_offered("apply", "reverse", "dismiss")
    vera.check_settled(action, status)
    assert warehouse.on_hand("SOCK") == left


@pytest.mark.parametrize(("action", "status", "left"), [("apply", "applied", 48), ("dismiss", "dismissed", 24)])
def test_a_possible_duplicate_that_was_held_back(
    warehouse: Warehouse, anna: Phone, desk: Any, action: str, status: str, left: int
) -> None:
    """The response was lost, the screen showed an error, and Anna enters the addition again; or it is another box."""
    warehouse.product("SOCK")
    for _ in range(2):
        anna.add("SOCK", 24)
        anna.loses_connection()
        warehouse.later(0.15)
    vera = desk()
    vera.check_offered("apply", "dismiss")
    vera.check_settled(action, status)
    assert warehouse.on_hand("SOCK") == left


def test_an_addition_that_was_reversed_already_is_not_reversed_twice(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller
) -> None:
    _is_guessed(anna, warehouse.product("SOCK", 10), 25)
    vera = desk()
    booked = vera.found.facts["booked"][0]
    assert manager.post(f"/api/movements/{booked}/reverse/").status_code == 200
    vera.check_settled("reverse", "reversed")
    assert warehouse.movements("SOCK") == [10, 15, -15]


def test_the_movement_of_a_reversal_has_its_user_and_reason(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller
) -> None:
    _is_guessed(anna, warehouse.product("SOCK", 10), 25)
    vera = desk()
    vera.check_settled("reverse", "reversed")
    back = StockMovement.objects.latest("id")
    assert (back.kind, back.reverses_id, back.user) == ("reversal", vera.found.facts["booked"][0], manager.user)
    assert back.reason


def _is_guessed(phone: Phone, product: int, number: int) -> None:
    """Record a quantity guess whose difference is booked. number: what the phone sent."""
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
    """Record a quantity guess whose difference is held back. number: what the phone sent."""
    by, named = Actor(phone.device.user, phone.device, at=timezone.now()), Product.objects.get(pk=product)
    pending = [{"product": product, "delta": number - named.quantity, "at": by.at.isoformat()}]
    facts: dict[str, Any] = {"sent": number, "on_hand": named.quantity, "change": 0, "pending": pending}
    discrepancies.record(Discrepancy.Kind.QUANTITY_GUESS, by=by, product=named, **facts)


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
    vera.check_offered("apply", "dismiss")
    vera.check_settled(action, status)
    assert warehouse.on_hand("SHIRT") == left


def test_cancelling_an_order_returns_picked_twice_goods_that_were_applied(
    warehouse: Warehouse, anna: Phone, manager: Caller, desk: Any, order: dict[str, Any]
) -> None:
    boris = warehouse.phone("Boris")
    boris.pull_orders()
    anna.finish(order)
    boris.finish(order)
    desk().check_settled("apply", "applied")
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
    vera.check_offered("apply", "dismiss")
    vera.check_settled(action, status)
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
    vera.check_offered("apply", "dismiss")
    vera.check_settled(action, status)
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
    desk().check_settled("apply", "applied")
    assert (warehouse.on_hand("SHIRT"), warehouse.on_hand("SOCK")) == (8, 8)
    assert [line["quantity_picked"] for line in manager.get(url).json()["lines"]] == [2, 2]
    manager.patch(url, {"status": "cancelled"})
    assert (warehouse.on_hand("SHIRT"), warehouse.on_hand("SOCK")) == (10, 10)


@pytest.mark.parametrize(
    ("action", "text"),
    [("apply", "Book 15 pieces: 12 → 12 (counted since then)"), ("dismiss", "Do not book it: stays at 12")],
)
def test_a_button_takes_a_later_count_into_account(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller, action: str, text: str
) -> None:
    socks = warehouse.product("SOCK", 10)
    _is_held_back(anna, socks, 25)
    vera = desk()
    assert manager.post(f"/api/products/{socks}/count/", {"counted": 12}).status_code == 200
    assert vera.offered_answer(action)["text"] == text
    vera.check_settled(action, "applied" if action == "apply" else "dismissed")
    assert warehouse.on_hand("SOCK") == 12


def test_reversing_an_addition_that_a_count_includes_changes_nothing_and_the_button_says_so(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller
) -> None:
    socks = warehouse.product("SOCK", 10)
    _is_guessed(anna, socks, 25)
    assert manager.post(f"/api/products/{socks}/count/", {"counted": 12}).status_code == 200
    vera = desk()
    assert vera.offered_answer("reverse")["text"] == "Take 15 pieces back out: 12 → 12 (counted since then)"
    vera.check_settled("reverse", "reversed")
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
def test_a_kind_without_an_action_can_only_be_dismissed(
    anna: Phone, order: dict[str, Any], desk: Any, happens: Any, kind: str
) -> None:
    happens(anna, order)
    vera = desk()
    assert vera.found.kind == kind
    before = everything()
    vera.check_offered("dismiss")
    vera.check_settled("dismiss", "dismissed")
    after = everything()
    assert (after[:3], after[4:]) == (before[:3], before[4:])


# --- Permissions and invalid requests ---------------------------------------------------------------------------------
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
def test_an_invalid_action_is_400(two_names: None, desk: Any, manager: Caller, body: dict[str, Any]) -> None:
    before = everything()
    answer = manager.post(f"/api/discrepancies/{desk().found.pk}/resolve/", body, format="json")
    assert "action" in check_error(answer, 400, "invalid")
    assert everything() == before


@pytest.mark.parametrize("key", ["99999999", "x", "-1", "9" * 30])
def test_an_unknown_discrepancy_is_404(manager: Caller, key: str) -> None:
    check_error(manager.post(f"/api/discrepancies/{key}/resolve/", {"action": "dismiss"}), 404, "no_such_discrepancy")


# --- The changes that a button announces ------------------------------------------------------------------------------
def test_a_button_says_the_numbers_before_and_after(warehouse: Warehouse, anna: Phone, desk: Any) -> None:
    _is_held_back(anna, warehouse.product("SOCK", 10), 25)
    vera = desk()
    assert vera.offered_answer("apply")["text"] == "Book 15 pieces: 10 → 25"
    assert vera.offered_answer("dismiss")["text"] == "Do not book it: stays at 10"


def test_an_answer_whose_effect_has_changed_meanwhile_is_refused_with_the_new_numbers(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller
) -> None:
    socks = warehouse.product("SOCK", 10)
    _is_held_back(anna, socks, 25)
    vera = desk()
    shown = vera.offered_answer("apply")["token"]
    assert manager.post(f"/api/products/{socks}/adjust/", {"quantity_delta": 5, "reason": "found"}).status_code == 200
    before = everything()
    said = check_error(vera.settle("apply", token=shown), 409, "changed")
    assert "Book 15 pieces: 15 → 30" in said["detail"]
    assert everything() == before, "still open, nothing booked"
    assert vera.settle("apply", token=said["facts"]["token"]).status_code == 200
    assert warehouse.on_hand("SOCK") == 30


def test_a_program_need_not_send_the_token_of_the_answer(warehouse: Warehouse, anna: Phone, desk: Any) -> None:
    _is_held_back(anna, warehouse.product("SOCK", 10), 25)
    assert desk().settle("apply").status_code == 200
    assert warehouse.on_hand("SOCK") == 25


def test_an_answer_that_changes_no_stock_is_accepted_also_after_goods_have_come(
    warehouse: Warehouse, anna: Phone, desk: Any, manager: Caller
) -> None:
    socks = warehouse.product("SOCK", 10)
    _is_held_back(anna, socks, 25)
    vera = desk()
    shown = vera.offered_answer("dismiss")["token"]
    manager.post(f"/api/products/{socks}/adjust/", {"quantity_delta": 5, "reason": "found"})
    assert vera.settle("dismiss", token=shown).status_code == 200


# --- These are goods of another SKU -----------------------------------------------------------------------------------
def quantity_of(sku: str) -> int:
    """On hand, also of an archived product."""
    return Product.objects.get(sku=sku).quantity


@pytest.fixture
def typed(warehouse: Warehouse, anna: Phone) -> None:
    """Anna received 3 under the mistyped SKU SOKC instead of SOCK, of which 4 are on hand."""
    warehouse.product("SHIRT")
    warehouse.product("SOCK", 4)
    anna.add("SHIRT", 1)
    anna.add("SOKC", 3)


def test_goods_of_a_mistyped_sku_move_to_the_right_one(warehouse: Warehouse, typed: None, desk: Any) -> None:
    vera = desk()
    came = StockMovement.objects.get(product__sku="SOKC").occurred_at
    vera.check_settled("move", "applied", sku="SOCK")
    wrong, right = Product.objects.get(sku="SOKC"), Product.objects.get(sku="SOCK")
    assert (wrong.quantity, wrong.is_archived, right.quantity) == (0, True, 7)
    assert warehouse.movements("SOKC") == [3, -3]
    assert warehouse.movements("SOCK") == [4, 3]
    assert right.movements.latest("id").occurred_at == came, "with the time of the receipt"
    assert right.movements.latest("id").kind == "receipt"


@pytest.mark.parametrize("sku", ["", "NOWHERE", "SOKC", "\x00"])
def test_goods_can_be_moved_to_a_live_product_only(typed: None, desk: Any, sku: str) -> None:
    vera = desk()
    before = everything()
    assert "sku" in check_error(vera.settle("move", sku=sku), 400)
    assert everything() == before


def test_picked_goods_of_the_mistyped_product_move_too(
    warehouse: Warehouse, typed: None, desk: Any, manager: Caller
) -> None:
    wrong = Product.objects.get(sku="SOKC")
    manager.post(f"/api/products/{wrong.pk}/adjust/", {"quantity_delta": -1, "reason": "broken"})
    desk().check_settled("move", "applied", sku="SOCK")
    assert (quantity_of("SOKC"), quantity_of("SOCK")) == (0, 6)
    assert not Discrepancy.objects.open().exists(), "nothing fell below zero meanwhile"


def test_an_old_queue_finds_the_right_product_under_the_mistyped_sku(
    warehouse: Warehouse, anna: Phone, typed: None, desk: Any
) -> None:
    desk().check_settled("move", "applied", sku="SOCK")
    anna.add("SOKC", 2)  # before her next pull, so the phone still knows the product that was created for SOKC
    assert (quantity_of("SOKC"), quantity_of("SOCK")) == (0, 9)
    anna.pull()
    anna.add("SOKC", 5)
    assert (quantity_of("SOKC"), quantity_of("SOCK")) == (0, 14)
    assert Product.objects.filter(sku="SOKC", archived_at=None).count() == 0
    assert not Discrepancy.objects.open().exists(), "the manager has answered this already"


def test_a_queue_that_is_sent_again_after_the_move_is_booked_once(
    warehouse: Warehouse, anna: Phone, typed: None, desk: Any
) -> None:
    desk().check_settled("move", "applied", sku="SOCK")
    anna.find("SHIRT")  # a look-up without its addition
    anna.loses_connection()
    warehouse.later()
    anna.add("SHIRT", 1)
    anna.add("SOKC", 3)
    assert (quantity_of("SHIRT"), quantity_of("SOCK"), quantity_of("SOKC")) == (1, 7, 0)
    anna.pull()  # the pass has ended without new items
    assert (quantity_of("SHIRT"), quantity_of("SOCK"), quantity_of("SOKC")) == (1, 7, 0)
    assert warehouse.questions() == []


def test_a_moved_addition_that_turns_out_to_be_a_duplicate_is_reversed_at_the_new_product(
    warehouse: Warehouse, anna: Phone, typed: None, manager: Caller
) -> None:
    booked = StockMovement.objects.get(product__sku="SOKC")
    Desk(manager, Discrepancy.objects.get(kind="unknown_sku")).check_settled("move", "applied", sku="SOCK")
    turns_out_to_be_a_duplicate(anna, booked)
    assert (quantity_of("SOCK"), quantity_of("SOKC")) == (4, 0)


def test_a_question_about_moved_goods_is_about_the_new_product(
    warehouse: Warehouse, anna: Phone, typed: None, manager: Caller
) -> None:
    wrong = Product.objects.get(sku="SOKC")
    doubted = discrepancies.record(
        Discrepancy.Kind.POSSIBLE_DUPLICATE, by=Actor(anna.device.user, anna.device, at=timezone.now()), product=wrong,
        quantity=3, booked=[wrong.movements.get().pk],
    )  # fmt: skip
    Desk(manager, Discrepancy.objects.get(kind="unknown_sku")).check_settled("move", "applied", sku="SOCK")
    doubted.refresh_from_db()
    Desk(manager, doubted).check_settled("reverse", "reversed")
    assert (quantity_of("SOKC"), quantity_of("SOCK")) == (0, 4)


# --- A product that nobody knows --------------------------------------------------------------------------------------
@pytest.fixture
def unknown(warehouse: Warehouse, anna: Phone) -> None:
    """A question about an edit under an id of the phone's own."""
    seen = {"name": "Green cap", "sku": "CAP-GREEN", "quantity": 6, "location": "B2", "image_url": None}
    assert anna.put(seen, key=UUID).status_code == 200


def test_an_unknown_product_is_created_with_the_fields_that_were_sent_and_the_entered_quantity(
    unknown: None, desk: Any
) -> None:
    vera = desk()
    vera.check_offered("apply", "dismiss")
    asks = {ask["name"]: ask["value"] for ask in vera.offered_answer("apply")["asks"]}
    assert asks == {"name": "Green cap", "sku": "CAP-GREEN", "quantity": 6}
    before = everything()
    assert "quantity" in check_error(vera.settle("apply"), 400, "missing")
    assert everything() == before
    vera.check_settled("apply", "applied", quantity=5)
    made = Product.objects.get()
    assert (made.sku, made.name, made.quantity) == ("CAP-GREEN", "Green cap", 5)


def test_an_unknown_product_can_be_created_under_another_name_and_sku(unknown: None, desk: Any) -> None:
    desk().check_settled("apply", "applied", quantity=0, sku="CAP-1", name="Cap")
    made = Product.objects.get()
    assert (made.sku, made.name, made.quantity) == ("CAP-1", "Cap", 0)


def test_an_unknown_product_whose_sku_is_taken_stays_a_question(unknown: None, warehouse: Warehouse, desk: Any) -> None:
    warehouse.product("CAP-GREEN")
    vera = desk()
    before = everything()
    check_error(vera.settle("apply", quantity=1), 400, "sku_taken")
    assert everything() == before


def test_a_deletion_of_an_unknown_product_can_not_be_answered_by_creating_it(anna: Phone, desk: Any) -> None:
    anna.delete(UUID)
    desk().check_offered("dismiss")
