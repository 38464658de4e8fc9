"""Imports of sheets: the check, an import as a whole or not at all, the questions, and taking an import back."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import pytest
from django.db import connection
from django.utils import timezone

from api.actions import barcodes, counts, imports, ledger, orders, products, reversing, stock
from api.actions.import_rows import Progress, Reading
from api.actor import Actor
from api.alerts import messages
from api.errors import Conflict, Stale
from api.models import Alert, Discrepancy, Import, Order, Product, ProductVersion, Revision, StockMovement, User
from api.ops import pruning
from api.tests.conftest import MakeProduct
from api.tests.locks import waiting_at_most
from api.tests.sheet_files import GERMAN, MOYSKLAD, ONE_C, csv_of, xlsx_of

pytestmark = pytest.mark.django_db
T = TypeVar("T")


@pytest.fixture
def by(db: None) -> Actor:
    user = User.objects.create_user(email="m@example.com", username="Mia", is_staff=True)
    return Actor(user, at=timezone.now() + timedelta(seconds=30))


def finish(steps: Generator[Progress, None, T]) -> T:
    """Run a generator of progress to its end; returns its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def checked(kind: str, content: bytes, by: Actor, **changes: Any) -> Import:
    """Upload and check a sheet. changes: to how it is read, such as its columns."""
    found = imports.upload(kind, "sheet.csv", content, by=by)
    if changes:
        imports.read_as(found.pk, Reading(**{**found.reading, **changes}), by=by)
    return finish(imports.check(found.pk, by=by))


def booked(kind: str, content: bytes, by: Actor, *, leave_out: bool = False, **changes: Any) -> Import:
    found = checked(kind, content, by, **changes)
    assert imports.is_ready(found, leave_out=leave_out), found.report
    return finish(imports.run(found.pk, leave_out=leave_out, by=by))


def take_back(found: Import, by: Actor) -> list[list[str]]:
    """Take an import back; returns what stays, as pairs of a name and a reason."""
    return list(finish(imports.undo(found.pk, by=by)).report["left"])


def reasons(found: Import) -> dict[int, str]:
    return dict(found.report["bad"])


def on_hand(*skus: str) -> list[int]:
    assert ledger.broken_ledgers() == []
    return [Product.objects.live().get(sku=sku).quantity for sku in skus]


def live() -> dict[str, str]:
    return dict(Product.objects.live().values_list("sku", "name"))


# --- Products ------------------------------------------------------------------------------------------------------
def test_a_product_sheet_creates_and_updates_by_sku(by: Actor, make_product: MakeProduct) -> None:
    old = make_product("SOCKS-2", name="Носки", location="B1", quantity=7)
    found = booked("products", MOYSKLAD, by)
    assert {name: found.report[name] for name in ("rows", "new", "changed", "same")} == (
        {"rows": 2, "new": 1, "changed": 1, "same": 0}
    )
    new = Product.objects.get(sku="JACKET-1")
    assert (new.name, new.min_quantity, new.quantity) == ("Куртка зимняя", 5, 0)
    old.refresh_from_db()
    assert (old.name, old.location, old.quantity) == ("Носки «Ёлка»", "B1", 7)
    assert {new.revision, old.revision} == {found.revision, Revision.objects.get().value}
    assert [version.name for version in old.versions.all()][-1] == "Носки «Ёлка»"
    assert ProductVersion.objects.get(product=new).user == by.user


def test_the_same_sheet_again_changes_nothing_and_cannot_be_booked(by: Actor) -> None:
    booked("products", MOYSKLAD, by)
    before = Revision.objects.get().value
    found = checked("products", MOYSKLAD, by)
    assert (found.report["same"], found.report["new"], found.report["changed"]) == (2, 0, 0)
    assert not imports.is_ready(found)
    assert Revision.objects.get().value == before


def test_an_empty_cell_leaves_a_field_as_it_is(by: Actor, make_product: MakeProduct) -> None:
    make_product("A", name="Apron", location="B1")
    booked("products", csv_of(["sku", "name", "location", "minimum"], ["A", "", "", "4"]), by)
    kept = Product.objects.get(sku="A")
    assert (kept.name, kept.location, kept.min_quantity) == ("Apron", "B1", 4)


def test_a_name_from_a_sheet_identifies_an_unknown_product_and_closes_its_question(
    by: Actor, make_product: MakeProduct
) -> None:
    product = make_product("A", name="A", unverified=True)
    Discrepancy.objects.create(kind=Discrepancy.Kind.UNKNOWN_SKU, product=product, created_at=by.at)
    booked("products", csv_of(["sku", "name"], ["A", "Apron"]), by)
    product.refresh_from_db()
    assert not product.unverified
    assert not Discrepancy.objects.open().exists()


def test_a_dry_run_names_each_bad_row_with_its_reason_and_writes_nothing(by: Actor) -> None:
    sheet = csv_of(
        ["sku", "name", "minimum"], ["A", "Apron", "1,5"], ["", "Nothing", 1], ["B", "", 1], ["C", "Cap", -1],
        ["D", "Dress", 2], ["D", "Dress", 3], ["E", "x" * 256, 1],
    )  # fmt: skip
    found = checked("products", sheet, by)
    assert sorted(reasons(found)) == [2, 3, 4, 5, 7, 8]
    assert "1,5 is not a whole number" in reasons(found)[2]
    assert "SKU is missing" in reasons(found)[3]
    assert "needs a name" in reasons(found)[4]
    assert "row 6" in reasons(found)[7]
    assert live() == {}
    with pytest.raises(imports.NotNow):
        finish(imports.run(found.pk, by=by))
    assert live() == {}


def test_bad_rows_are_left_out_only_when_somebody_says_so(by: Actor) -> None:
    sheet = csv_of(["sku", "name"], ["A", "Apron"], ["", "Total"])
    booked("products", sheet, by, leave_out=True)
    assert live() == {"A": "Apron"}


def test_a_phones_old_list_plus_the_changes_after_an_import_is_a_fresh_list(
    by: Actor, make_product: MakeProduct
) -> None:
    """One product of the sheet is there already, and another one is not in the sheet."""
    make_product("JACKET-1", quantity=3)
    make_product("OTHER")

    def rows(**more: int) -> dict[int, tuple[Any, ...]]:
        found = Product.objects.filter(**more).values_list("id", "sku", "name", "location", "quantity", "revision")
        return {row[0]: row for row in found}

    before, old = Revision.objects.get().value, rows()
    booked("products", MOYSKLAD, by)
    changes = rows(revision__gt=before)
    assert {row[1] for row in changes.values()} == {"JACKET-1", "SOCKS-2"}
    assert old | changes == rows()


# --- All or nothing ------------------------------------------------------------------------------------------------
def test_a_change_after_the_check_stops_the_import(by: Actor, make_product: MakeProduct) -> None:
    found = checked("products", MOYSKLAD, by)
    make_product("SOCKS-2")
    with pytest.raises(imports.NotNow, match="Check again"):
        finish(imports.run(found.pk, by=by))
    assert "JACKET-1" not in live()
    finish(imports.check(found.pk, by=by))
    finish(imports.run(found.pk, by=by))
    assert "JACKET-1" in live()


def test_an_import_that_fails_half_way_writes_nothing(by: Actor) -> None:
    found = checked("products", MOYSKLAD, by)
    steps = imports.run(found.pk, by=by)
    while next(steps).text != "Writing":
        pass
    steps.close()
    found.refresh_from_db()
    assert (live(), found.status) == ({}, Import.Status.CHECKED)


def test_an_import_is_booked_once(by: Actor) -> None:
    found = booked("products", MOYSKLAD, by)
    with pytest.raises(imports.NotNow):
        finish(imports.run(found.pk, by=by))
    with pytest.raises(imports.NotNow):
        imports.read_as(found.pk, Reading(**found.reading), by=by)
    assert found.content is None


def test_a_large_import_reports_its_progress(by: Actor) -> None:
    rows = [["sku", "name"], *([f"S{number}", f"Thing {number}"] for number in range(2500))]
    found = imports.upload("products", "x.xlsx", xlsx_of(*rows), by=by)
    assert len(list(imports.check(found.pk, by=by))) >= 4
    steps = list(imports.run(found.pk, by=by))
    writing = [(step.done, step.total) for step in steps if step.text == "Writing"]
    assert writing == [(1000, 5000), (2000, 5000), (2500, 5000), (3500, 5000), (4500, 5000), (5000, 5000)]
    assert Product.objects.live().count() == 2500


# --- Columns -------------------------------------------------------------------------------------------------------
def test_columns_that_somebody_chose_are_remembered_for_the_same_headers(by: Actor) -> None:
    sheet = csv_of(["Ding", "Wort", "Platz"], ["A", "Apron", "B1"])
    found = imports.upload("products", "x.csv", sheet, by=by)
    assert found.reading["columns"] == {"location": 2}
    imports.read_as(found.pk, Reading(columns={"sku": 0, "name": 1}), by=by)
    again = imports.upload("products", "y.csv", csv_of(["Platz", "Wort", "ding"], ["B1", "Apron", "A"]), by=by)
    assert again.reading["columns"] == {"sku": 2, "name": 1}
    assert imports.upload("stock", "x.csv", sheet, by=by).reading["columns"] == {}


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"columns": {"name": 1}}, "sku"), ({"columns": {"sku": 0, "name": 0}}, "columns"), ({"header": 9}, "header")],
)
def test_a_choice_of_columns_without_a_required_one_is_refused(by: Actor, changes: dict[str, Any], field: str) -> None:
    found = imports.upload("products", "x.csv", csv_of(["sku", "name"], ["A", "Apron"]), by=by)
    with pytest.raises(imports.BadSheet) as refused:
        imports.read_as(found.pk, Reading(**{**found.reading, **changes}), by=by)
    assert field in refused.value.fields


@pytest.mark.parametrize("content", [b"", b";;\n;", b"\xd0\xcf\x11\xe0xls"])
def test_a_file_without_anything_readable_is_refused_at_once(by: Actor, content: bytes) -> None:
    with pytest.raises(imports.BadSheet):
        imports.upload("products", "x.csv", content, by=by)
    assert not Import.objects.exists()


# --- Damaged SKUs --------------------------------------------------------------------------------------------------
def test_lost_zeros_are_asked_about_and_not_guessed(by: Actor, make_product: MakeProduct) -> None:
    make_product("0012345", quantity=3)
    sheet = xlsx_of(["sku", "quantity"], [12345, 8])
    found = checked("stock", sheet, by)
    assert found.report["meant"] == [[2, "12345", "0012345"]]
    assert not imports.is_ready(found)
    assert on_hand("0012345") == [3]
    assert "No product" in reasons(checked("stock", sheet, by, meant="no"))[2]
    booked("stock", sheet, by, meant="yes")
    assert on_hand("0012345") == [8]


@pytest.mark.parametrize("written", ["4,60123E+12", "4.60123E+12"])
def test_a_sku_in_scientific_notation_is_asked_about_or_refused(
    by: Actor, make_product: MakeProduct, written: str
) -> None:
    make_product("4601234567893")
    found = checked("stock", csv_of(["sku", "quantity"], [written, 8], ["4,7E+12", 9]), by)
    assert found.report["meant"] == [[2, written, "4601234567893"]]
    assert "last digits are lost" in reasons(found)[3]
    make_product("4601230000000")
    both = checked("stock", csv_of(["sku", "quantity"], [written, 8]), by)
    assert "4601234567893" in reasons(both)[2]
    assert "4601230000000" in reasons(both)[2]


def test_a_number_that_matches_two_skus_is_refused_with_both(by: Actor, make_product: MakeProduct) -> None:
    make_product("12345")
    make_product("0012345")
    assert "12345, 0012345" in reasons(checked("stock", xlsx_of(["sku", "quantity"], [12345, 8]), by))[2]
    assert checked("stock", csv_of(["sku", "quantity"], ["12345", 8]), by).report["bad"] == []


def test_new_article_numbers_that_are_shorter_than_the_others_are_asked_about(by: Actor) -> None:
    rows = [["sku", "name"], [4601234567893, "a"], [4601234567894, "b"], [123456789012, "c"]]
    assert checked("products", xlsx_of(*rows), by).report["meant"] == [[4, "123456789012", "0123456789012"]]
    booked("products", xlsx_of(*rows), by, meant="no")
    assert "123456789012" in live()


def test_a_number_that_can_be_read_in_two_ways_is_asked_about(by: Actor, make_product: MakeProduct) -> None:
    make_product("A")
    sheet = csv_of(["sku", "quantity"], ["A", "5,000"])
    found = checked("stock", sheet, by)
    assert "5,000" in found.report["unclear"]
    assert not imports.is_ready(found)
    booked("stock", sheet, by, decimal=",")
    assert on_hand("A") == [5]
    booked("stock", sheet, by, decimal=".")
    assert on_hand("A") == [5000]


def test_another_number_of_the_sheet_can_show_which_reading_is_right(by: Actor, make_product: MakeProduct) -> None:
    make_product("A")
    make_product("B")
    booked("stock", csv_of(["sku", "quantity"], ["A", "5,000"], ["B", "1 234,000"]), by)
    assert on_hand("A", "B") == [5, 1234]


# --- Stock ---------------------------------------------------------------------------------------------------------
def test_a_stock_sheet_of_1c_is_a_count(by: Actor, make_product: MakeProduct) -> None:
    for sku in ("JACKET-1", "SOCKS-2"):
        make_product(sku, quantity=12)
    found = checked("stock", ONE_C, by)
    assert list(reasons(found)) == [8], "the sum is no product"
    assert (found.report["changed"], found.report["same"]) == (1, 1)
    booked("stock", ONE_C, by, leave_out=True)
    assert on_hand("JACKET-1", "SOCKS-2") == [1234, 12]
    made = StockMovement.objects.filter(kind="count").order_by("product_id")
    assert [(one.counted, one.quantity_delta, one.user) for one in made] == [(1234, 1222, by.user), (12, 0, by.user)]


def test_a_german_sheet_of_quantities_is_read(by: Actor, make_product: MakeProduct) -> None:
    make_product("JACKE-1")
    booked("stock", GERMAN, by)
    assert on_hand("JACKE-1") == [1234]


def test_quantities_that_cannot_have_been_counted_are_bad_rows(by: Actor, make_product: MakeProduct) -> None:
    for sku in "ABCD":
        make_product(sku)
    rows = csv_of(["sku", "quantity"], ["A", "-1"], ["B", "2,5"], ["C", ""], ["D", 9_000_000], ["X", 1])
    assert sorted(reasons(checked("stock", rows, by))) == [2, 3, 4, 5, 6]


def test_a_count_from_before_the_product_existed_is_refused(by: Actor, make_product: MakeProduct) -> None:
    make_product("A")
    at = (by.at - timedelta(hours=1)).isoformat()
    found = checked("stock", csv_of(["sku", "quantity"], ["A", 1]), by, counted_at=at)
    assert "did not exist" in reasons(found)[2]


def test_a_count_of_a_product_that_is_older_than_its_row_here_is_imported_as_it_is_counted(
    by: Actor, make_product: MakeProduct
) -> None:
    """Such as one of the demo data: its first version is a month old."""
    product = make_product("A")
    ProductVersion.objects.filter(product=product).update(changed_at=by.at - timedelta(days=30))
    at = by.at - timedelta(hours=1)
    found = checked("stock", csv_of(["sku", "quantity"], ["A", 1]), by, counted_at=at.isoformat())
    assert reasons(found) == {}
    assert counts.count(product.pk, 1, counted_at=at, by=by)


def scene(make_product: MakeProduct, by: Actor) -> list[Product]:
    """Products for which a count has different effects."""
    by = by.then(by.at - timedelta(seconds=1))
    made = [make_product(sku, quantity=10) for sku in ("PLAIN", "SAME", "MOVED", "OVERTAKEN", "LOW")]
    Product.objects.update(created_at=by.at - timedelta(days=2))
    ProductVersion.objects.update(changed_at=by.at - timedelta(days=2))
    StockMovement.objects.update(occurred_at=by.at - timedelta(days=2), recorded_at=by.at - timedelta(days=2))
    stock.receive(made[2].pk, 5, by=by.then(by.at - timedelta(minutes=10)))
    counts.count(made[3].pk, 4, counted_at=by.at - timedelta(minutes=10), by=by)
    Product.objects.filter(sku="LOW").update(min_quantity=9)
    return made


def visible_state(made: list[Product]) -> list[Any]:
    """For each product: on hand, and its movements."""
    assert ledger.broken_ledgers() == []
    fields = ("kind", "quantity_delta", "quantity_after", "counted", "occurred_at", "reverses__kind")
    return [
        (Product.objects.get(sku=one.sku).quantity, list(one.movements.order_by("id").values_list(*fields)))
        for one in made
    ]


@pytest.mark.parametrize("many", [False, True])
def test_a_count_by_sheet_has_the_same_effect_as_single_counts(
    by: Actor, make_product: MakeProduct, many: bool
) -> None:
    counted_at = by.at - timedelta(hours=1)
    made, numbers = scene(make_product, by), [8, 10, 8, 8, 3]
    if many:
        rows = [[one.sku, number] for one, number in zip(made, numbers, strict=True)]
        booked("stock", csv_of(["sku", "quantity"], *rows), by, counted_at=counted_at.isoformat())
    else:
        for one, number in zip(made, numbers, strict=True):
            counts.count(one.pk, number, counted_at=counted_at, by=by)
    assert [on for on, _movements in visible_state(made)] == [8, 10, 13, 4, 3]
    last = [movements[-1] for _on, movements in visible_state(made)]
    assert [movement[1:4] for movement in last] == [(-2, 8, 8), (0, 10, 10), (-2, 13, 8), (0, 4, 8), (-7, 3, 3)]
    assert {movement[4] for movement in last} == {counted_at}


# --- Orders --------------------------------------------------------------------------------------------------------
ORDERS = [
    ["Номер заказа", "Покупатель", "Артикул", "Количество", "Срок", "Комментарий"],
    ["W-1", "Café Nord", "A", 2, "31.12.2026", "Hintertür"],
    ["W-1", "Café Nord", "B", 1, "31.12.2026", "Hintertür"],
    ["W-2", "Bäckerei", "A", 3, "", ""],
    ["W-1", "Café Nord", "A", 4, "31.12.2026", "Hintertür"],
]


@pytest.fixture
def goods(make_product: MakeProduct) -> list[Product]:
    return [make_product(sku, quantity=10) for sku in "AB"]


def test_rows_with_the_same_number_are_one_order(by: Actor, goods: list[Product]) -> None:
    found = booked("orders", csv_of(*ORDERS), by)
    first, second = Order.objects.order_by("id")
    assert (first.customer_name, first.outside_number, first.due_on, first.note, first.status) == (
        ("Café Nord", "W-1", date(2026, 12, 31), "Hintertür", "open")
    )
    lines = list(first.lines.order_by("id").values_list("sku", "name", "quantity_to_pick", "quantity_picked"))
    assert lines == [("A", goods[0].name, 6, 0), ("B", goods[1].name, 1, 0)]
    assert (second.customer_name, second.due_on, second.revision) == ("Bäckerei", None, found.revision)
    version = first.versions.get()
    assert (version.revision, version.user, [line["quantity_to_pick"] for line in version.lines]) == (
        (found.revision, by.user, [6, 1])
    )
    assert on_hand("A") == [10]


def test_an_order_with_a_bad_row_is_refused_as_a_whole(by: Actor, goods: list[Product]) -> None:
    rows = [*ORDERS, ["W-1", "Café Süd", "B", 1, "31.12.2026", "Hintertür"], ["W-3", "X", "NONE", 1, "", ""],
            ["W-4", "X", "A", 0, "", ""]]  # fmt: skip
    found = checked("orders", csv_of(*rows), by)
    assert sorted(reasons(found)) == [2, 3, 5, 6, 7, 8]
    booked("orders", csv_of(*rows), by, leave_out=True)
    assert [order.outside_number for order in Order.objects.all()] == ["W-2"]


def test_an_order_that_exists_is_not_created_again(by: Actor, goods: list[Product]) -> None:
    booked("orders", csv_of(*ORDERS), by)
    found = checked("orders", csv_of(*ORDERS), by)
    assert sorted(reasons(found)) == [2, 3, 4, 5]
    assert "already" in reasons(found)[2]


# --- Barcodes ------------------------------------------------------------------------------------------------------
EAN, CARTON = "4006381333931", "04006381333931"


def codes_of(sku: str) -> dict[str, int]:
    return dict(Product.objects.live().get(sku=sku).barcodes.values_list("code", "pieces"))


def test_a_barcode_sheet_adds_barcodes_with_their_pieces_to_products(by: Actor, goods: list[Product]) -> None:
    barcodes.add(goods[0].pk, "INNER-1", by=by)
    rows = [["Артикул", "Штрихкод", "Штук в упаковке"], ["A", 4006381333931, ""], ["A", "BOX-OF-12", 12],
            ["B", "036000291452", 1], ["A", "INNER-1", 6]]  # fmt: skip
    found = booked("barcodes", xlsx_of(*rows), by)
    assert (found.report["new"], found.report["changed"]) == (3, 1)
    assert codes_of("A") == {EAN: 1, "BOX-OF-12": 12, "INNER-1": 6}
    assert codes_of("B") == {"0036000291452": 1}
    version = goods[0].versions.latest("revision")
    assert (version.barcodes, version.revision) == (codes_of("A"), found.revision)
    assert checked("barcodes", xlsx_of(*rows), by).report["same"] == 4
    assert take_back(found, by) == []
    assert (codes_of("A"), codes_of("B")) == ({"INNER-1": 1}, {})


def test_codes_that_belong_to_other_products_or_can_be_no_barcodes_are_bad_rows(
    by: Actor, goods: list[Product]
) -> None:
    barcodes.add(goods[1].pk, EAN, by=by)
    rows = [["sku", "barcode", "pieces"], ["A", EAN, 1], ["A", "B", 1], ["A", "NEW", 0], ["X", "NEW2", 1],
            ["A", "4,00638E+12", 1], ["A", 36000291452, 1], ["B", "NEW3", 1], ["A", "NEW3", 1]]  # fmt: skip
    found = checked("barcodes", xlsx_of(*rows), by)
    assert sorted(reasons(found)) == [2, 3, 4, 5, 6, 7, 9]
    assert "lost its leading zeros" in reasons(found)[7]


def test_a_barcode_stands_for_its_product_in_a_stock_sheet_but_a_packs_does_not(
    by: Actor, goods: list[Product]
) -> None:
    barcodes.add(goods[0].pk, EAN, by=by)
    barcodes.add(goods[0].pk, "BOX-OF-12", pieces=12, by=by)
    booked("stock", csv_of(["sku", "quantity"], [CARTON, 3]), by)
    assert on_hand("A") == [3]
    assert "12 pieces of A" in reasons(checked("stock", csv_of(["sku", "quantity"], ["BOX-OF-12", 3]), by))[2]


def test_the_barcode_of_a_product_is_refused_as_the_sku_of_another(by: Actor, goods: list[Product]) -> None:
    sheet = csv_of(["sku", "name"], [EAN, "Pen"])
    found = checked("products", sheet, by)
    barcodes.add(goods[0].pk, EAN, by=by)
    assert "barcode of the product A" in reasons(checked("products", sheet, by))[2]
    with pytest.raises(imports.NotNow):
        finish(imports.run(found.pk, by=by))


# --- Taking back ---------------------------------------------------------------------------------------------------
def test_taking_back_archives_new_products_and_restores_changed_fields(by: Actor, make_product: MakeProduct) -> None:
    old = make_product("SOCKS-2", name="Носки")
    found = booked("products", MOYSKLAD, by)
    assert take_back(found, by) == []
    assert live() == {"SOCKS-2": "Носки"}
    old.refresh_from_db()
    assert old.versions.latest("revision").name == "Носки"
    assert old.revision == Revision.objects.get().value > (found.revision or 0)


def test_taking_back_keeps_later_changes_and_names_them(by: Actor, make_product: MakeProduct) -> None:
    old = make_product("A", name="Apron", location="B1")
    rows = csv_of(
        ["sku", "name", "location"], ["A", "Apron, long", "C1"], ["B", "Belt", ""], ["C", "Cap", ""], ["D", "Dress", ""]
    )
    found = booked("products", rows, by)
    ids = dict(Product.objects.values_list("sku", "id"))
    products.update(old.pk, {"name": "Apron, red"}, by=by)
    stock.receive(ids["B"], 5, by=by)
    orders.create(customer_name="X", lines=[orders.Line(ids["C"], 1)], by=by)
    left = take_back(found, by)
    assert [what for what, _why in left] == ["A · Apron, red", "B · Belt", "C · Cap"]
    old.refresh_from_db()
    assert (old.name, old.location) == ("Apron, red", "B1")
    assert set(live()) == {"A", "B", "C"}


def test_taking_back_counts_keeps_later_movements(by: Actor, make_product: MakeProduct) -> None:
    made = [make_product(sku, quantity=10) for sku in ("PLAIN", "SAME", "MOVED", "REVERSED")]
    rows = [["PLAIN", 3], ["SAME", 10], ["MOVED", 4], ["REVERSED", 5]]
    later = by.then(by.at + timedelta(minutes=1))
    found = booked("stock", csv_of(["sku", "quantity"], *rows), by)
    stock.receive(made[2].pk, 5, by=later)
    reversing.reverse(made[3].movements.latest("id").pk, by=later)
    assert take_back(found, later) == [["REVERSED · Product 4", "The count was taken back already."]]
    assert on_hand("PLAIN", "SAME", "MOVED", "REVERSED") == [10, 10, 15, 10]
    assert StockMovement.objects.filter(kind="reversal").count() == 4


@pytest.mark.parametrize("many", [False, True])
def test_taking_back_counts_has_the_same_effect_as_single_reversals(
    by: Actor, make_product: MakeProduct, many: bool
) -> None:
    made = scene(make_product, by)
    rows = [[one.sku, number] for one, number in zip(made, [8, 10, 8, 8, 3], strict=True)]
    found = booked("stock", csv_of(["sku", "quantity"], *rows), by, counted_at=(by.at - timedelta(hours=1)).isoformat())
    if many:
        assert take_back(found, by) == []
    else:
        for number in found.did["movements"]:
            reversing.reverse(number, by=by)
    assert [on for on, _movements in visible_state(made)] == [10, 10, 15, 4, 10]
    assert [movements[-1][:2] for _on, movements in visible_state(made)] == (
        [("reversal", 2), ("reversal", 0), ("reversal", 2), ("reversal", 0), ("reversal", 7)]
    )


def test_taking_back_orders_keeps_those_that_were_begun(by: Actor, goods: list[Product]) -> None:
    found = booked("orders", csv_of(*ORDERS), by)
    first, second = Order.objects.order_by("id")
    orders.update(first.pk, lines=[orders.Line(goods[0].pk, 6, 2), orders.Line(goods[1].pk, 1)], by=by)
    assert [what for what, _why in take_back(found, by)] == [str(first)]
    second.refresh_from_db()
    version = second.versions.latest("revision")
    assert (second.status, second.archived_at, version.archived) == ("cancelled", by.at, True)
    assert [line["quantity_to_pick"] for line in version.lines] == [3]
    first.refresh_from_db()
    assert (first.archived_at, on_hand("A")) == (None, [8])


def test_only_the_last_import_can_be_taken_back_and_only_once(by: Actor) -> None:
    first = booked("products", MOYSKLAD, by)
    second = booked("products", csv_of(["sku", "name"], ["Z", "Zip"]), by.then(by.at + timedelta(seconds=1)))
    with pytest.raises(imports.NotNow, match="last"):
        finish(imports.undo(first.pk, by=by))
    take_back(second, by)
    for found in (first, second):
        with pytest.raises(imports.NotNow):
            finish(imports.undo(found.pk, by=by))
    first.refresh_from_db()
    assert first.did == {}


def test_many_products_that_run_low_at_once_are_one_alert(by: Actor, make_product: MakeProduct) -> None:
    for number in range(stock.MOST_TOLD + 1):
        make_product(f"S{number}", quantity=10, min_quantity=5)
    rows = [[f"S{number}", 2] for number in range(stock.MOST_TOLD + 1)]
    booked("stock", csv_of(["sku", "quantity"], *rows[:3]), by)
    assert Alert.objects.filter(kind="low_stock").count() == 3
    Alert.objects.all().delete()
    booked("stock", csv_of(["sku", "quantity"], *([sku, 9] for sku, _pieces in rows)), by)
    booked("stock", csv_of(["sku", "quantity"], *rows), by)
    assert [alert.facts for alert in Alert.objects.filter(kind="low_stock")] == [{"products": 21}]
    assert "21 товар ниже минимума" in messages.compose(list(Alert.objects.all()))


def test_uploads_that_nobody_imported_are_pruned_and_imported_ones_stay(by: Actor) -> None:
    done = booked("products", MOYSKLAD, by)
    old = checked("products", MOYSKLAD, by)
    assert pruning.prune(by.at + timedelta(days=8))["uploads"] == 1
    assert list(Import.objects.values_list("pk", flat=True)) == [done.pk] != [old.pk]


def test_times_come_from_the_caller(by: Actor) -> None:
    at = datetime.fromisoformat("2026-03-01T10:00:00+00:00")
    found = booked("products", MOYSKLAD, by.then(at))
    assert (found.created_at, found.done_at) == (at, at)
    assert set(ProductVersion.objects.values_list("changed_at", flat=True)) == {at}


# --- In parallel with others ---------------------------------------------------------------------------------------
def on_another_connection(verb: Callable[[], Any]) -> Any:
    """Call `verb` on another connection, with a lock timeout of 2 s; returns its result."""

    def run() -> Any:
        with waiting_at_most("2s"):
            return verb()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def import_up_to_the_last_row(found: Import, by: Actor) -> Generator[Progress, None, Import]:
    """Run an import until its last row is written, but not committed; returns the generator of the rest."""
    steps = imports.run(found.pk, by=by)
    for step in steps:
        if step.text == "Writing" and step.done == step.total:
            break
    return steps


@pytest.fixture
def sock_and_cap(transactional_db: None, make_product: MakeProduct) -> list[Product]:
    if connection.vendor != "postgresql":
        pytest.skip("one at a time writes to SQLite")
    return [make_product("SOCK", 5), make_product("CAP", 5)]


@pytest.mark.django_db(transaction=True)
def test_an_addition_to_another_product_does_not_wait_for_an_import(sock_and_cap: list[Product], by: Actor) -> None:
    sock, cap = sock_and_cap
    found = checked("stock", csv_of(["sku", "quantity"], ["SOCK", 7]), by)
    steps = import_up_to_the_last_row(found, by)
    movement = on_another_connection(lambda: stock.receive(cap.pk, 1, by=by))
    assert Revision.objects.get().value == movement.revision
    finish(steps)
    sock.refresh_from_db()
    assert (sock.quantity, sock.revision) == (7, Revision.objects.get().value)
    assert sock.revision > movement.revision  # so a phone that has seen the addition gets the changes of the import too
    assert stock.receive(cap.pk, 1, by=by).revision == sock.revision + 1
    assert ledger.broken_ledgers() == []


@pytest.mark.django_db(transaction=True)
def test_of_two_parallel_imports_the_later_one_is_refused_as_a_whole(sock_and_cap: list[Product], by: Actor) -> None:
    first = checked("stock", csv_of(["sku", "quantity"], ["SOCK", 7]), by)
    second = checked("stock", csv_of(["sku", "quantity"], ["CAP", 8]), by)
    steps = import_up_to_the_last_row(first, by)
    on_another_connection(lambda: finish(imports.run(second.pk, by=by)))
    with pytest.raises(Stale):
        finish(steps)
    assert [Product.objects.get(pk=product.pk).quantity for product in sock_and_cap] == [5, 8]


@pytest.mark.django_db(transaction=True)
def test_a_code_that_another_product_got_meanwhile_stops_an_import(sock_and_cap: list[Product], by: Actor) -> None:
    sock, cap = sock_and_cap
    steps = import_up_to_the_last_row(checked("products", csv_of(["sku", "name"], ["4600000000015", "New"]), by), by)
    on_another_connection(lambda: barcodes.add(sock.pk, "4600000000015", by=by))
    with pytest.raises(Conflict):
        finish(steps)
    steps = import_up_to_the_last_row(checked("barcodes", csv_of(["sku", "barcode"], ["CAP", "4600000000022"]), by), by)
    on_another_connection(lambda: products.create(sku="4600000000022", name="New", by=by))
    with pytest.raises(Conflict):
        finish(steps)
    assert not cap.barcodes.exists()


def test_a_receipt_between_the_check_and_the_import_does_not_stop_it(by: Actor, make_product: MakeProduct) -> None:
    sock = make_product("SOCK", 7)
    found = checked("stock", csv_of(["sku", "quantity"], ["SOCK", 7]), by)
    stock.receive(sock.pk, 1, by=by.then(by.at - timedelta(seconds=1)))
    finish(imports.run(found.pk, by=by))
    sock.refresh_from_db()
    assert sock.quantity == 7
