"""/api/products/{id}/barcodes/, and `?sku=` by a barcode."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.db import IntegrityError, transaction

from api import revision
from api.models import MAX_QUANTITY, Barcode, Product, ProductVersion
from api.tests.calls import Caller, check_error
from api.tests.cases import each
from api.tests.conftest import MakeProduct

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
EAN = "4006381333931"
UPC = ["036000291452", "0036000291452", "00036000291452"]


def address(product: Product) -> str:
    return f"/api/products/{product.pk}/barcodes/"


def give(caller: Caller, product: Product, code: str, **more: Any) -> Any:
    return caller.post(address(product), {"code": code, **more})


def look_up(caller: Caller, code: str) -> list[str]:
    answer = caller.get(f"/api/products/?sku={quote(code, safe='')}")
    assert answer.status_code == 200, answer.content
    return [row["sku"] for row in answer.json()]


# --- Looking up -------------------------------------------------------------------------------------------------------
def test_a_product_is_found_by_each_of_its_barcodes_and_the_response_has_its_sku(
    manager: Caller, picker: Caller, make_product: MakeProduct
) -> None:
    pen, cap = make_product("PEN"), make_product("CAP")
    for code in (EAN, "inner/7", "01046\x1d21&=5"):
        assert give(manager, pen, code).status_code == 200
    give(manager, cap, "CAP-LABEL")
    for code in (EAN, "inner/7", "01046\x1d21&=5"):
        assert look_up(picker, code) == ["PEN"]
    assert look_up(picker, "CAP-LABEL") == ["CAP"]
    assert look_up(picker, "INNER/7") == []


@pytest.mark.parametrize("kept", UPC)
def test_an_article_number_is_one_barcode_in_each_spelling(
    manager: Caller, picker: Caller, make_product: MakeProduct, kept: str
) -> None:
    pen, cap = make_product("PEN"), make_product("CAP")
    assert give(manager, pen, kept).json()["code"] == UPC[1]
    for asked in UPC:
        assert look_up(picker, asked) == ["PEN"]
        check_error(give(manager, cap, asked), 400, "barcode_taken")
        assert give(manager, pen, asked).status_code == 200
    assert Barcode.objects.count() == 1


def test_a_number_with_a_wrong_check_digit_is_stored_unchanged_and_the_response_says_so(
    manager: Caller, picker: Caller, make_product: MakeProduct
) -> None:
    pen = make_product("PEN")
    assert give(manager, pen, "036000291453").json() == {"code": "036000291453", "pieces": 1, "check_digit_ok": False}
    assert look_up(picker, "0036000291453") == []
    assert look_up(picker, "036000291453") == ["PEN"]
    assert [row["check_digit_ok"] for row in (give(manager, pen, EAN).json(), give(manager, pen, "A").json())] == [
        True,
        None,
    ]


def test_the_barcode_of_an_archived_product_finds_nothing_and_can_be_given_to_another(
    manager: Caller, picker: Caller, make_product: MakeProduct
) -> None:
    pen, cap = make_product("PEN"), make_product("CAP")
    give(manager, pen, EAN)
    manager.delete(f"/api/products/{pen.pk}/")
    assert look_up(picker, EAN) == []
    assert give(manager, cap, EAN).status_code == 200
    assert look_up(picker, EAN) == ["CAP"]


def test_a_look_up_takes_one_more_statement_only_if_no_sku_is_found(
    manager: Caller, make_product: MakeProduct, django_assert_num_queries: Any
) -> None:
    pen = make_product("PEN")
    for number in range(20):
        give(manager, pen, f"B-{number}")
    for code, statements in (("PEN", 2), ("B-7", 3), ("unknown", 3)):
        with django_assert_num_queries(statements):
            look_up(manager, code)


# --- Reading and writing ----------------------------------------------------------------------------------------------
def test_everybody_reads_barcodes_and_only_a_manager_writes_them(
    manager: Caller, picker: Caller, make_product: MakeProduct
) -> None:
    pen = make_product("PEN")
    assert give(manager, pen, EAN, pieces=12).json() == {"code": EAN, "pieces": 12, "check_digit_ok": True}
    check_error(give(picker, pen, "B"), 403)
    check_error(picker.delete(address(pen) + f"?code={EAN}"), 403)
    assert picker.get(address(pen)).json() == [{"code": EAN, "pieces": 12, "check_digit_ok": True}]


def test_a_barcode_that_is_added_again_gets_the_new_pieces_and_a_duplicate_changes_nothing(
    manager: Caller, make_product: MakeProduct
) -> None:
    pen = make_product("PEN")
    give(manager, pen, EAN)
    assert give(manager, pen, EAN, pieces=6).json()["pieces"] == 6
    before = revision.current()
    assert give(manager, pen, EAN, pieces=6).status_code == 200
    assert revision.current() == before
    assert [(row.code, row.pieces) for row in Barcode.objects.all()] == [(EAN, 6)]


def test_each_change_takes_a_revision_and_is_in_the_products_history(
    manager: Caller, make_product: MakeProduct
) -> None:
    pen = make_product("PEN", min_quantity=3)
    seen = [revision.current()]
    give(manager, pen, EAN)
    seen.append(revision.current())
    give(manager, pen, "B", pieces=6)
    seen.append(revision.current())
    assert manager.delete(address(pen) + f"?code={EAN}").status_code == 204
    seen.append(revision.current())
    assert seen == [seen[0] + step for step in range(4)]
    assert Product.objects.get().revision == seen[-1]
    versions = ProductVersion.objects.order_by("revision")
    assert [row.barcodes for row in versions] == [{}, {EAN: 1}, {EAN: 1, "B": 6}, {"B": 6}]
    assert {row.min_quantity for row in versions} == {3}
    assert versions.last().user == manager.user  # type: ignore[union-attr]


def test_a_removed_barcode_finds_nothing_and_a_second_removal_is_404(
    manager: Caller, make_product: MakeProduct
) -> None:
    pen = make_product("PEN")
    give(manager, pen, UPC[1])
    assert manager.delete(address(pen) + f"?code={UPC[0]}").status_code == 204
    assert look_up(manager, UPC[1]) == []
    check_error(manager.delete(address(pen) + f"?code={UPC[0]}"), 404, "no_such_barcode")
    check_error(manager.delete(address(pen)), 400)


@each("body", [{}, {"code": ""}, {"code": " \u200b "}, {"code": "x" * 256}, {"code": "A", "pieces": 0}, {"code": ["A"]},
               {"code": "A", "pieces": MAX_QUANTITY + 1}, {"code": "A", "pieces": "many"}])  # fmt: skip
def test_an_invalid_barcode_is_refused(manager: Caller, make_product: MakeProduct, body: dict[str, Any]) -> None:
    check_error(manager.post(address(make_product("PEN")), body), 400)
    assert not Barcode.objects.exists()


def test_a_product_has_at_most_a_hundred_barcodes(manager: Caller, make_product: MakeProduct) -> None:
    pen = make_product("PEN")
    Barcode.objects.bulk_create(Barcode(product=pen, code=f"B-{number}") for number in range(100))
    check_error(give(manager, pen, "one more"), 400, "too_many_barcodes")
    assert give(manager, pen, "B-7", pieces=2).status_code == 200


def test_an_unknown_or_archived_product_is_404(manager: Caller, make_product: MakeProduct) -> None:
    pen = make_product("PEN")
    give(manager, pen, EAN)
    manager.delete(f"/api/products/{pen.pk}/")
    check_error(give(manager, pen, "B"), 404, "no_such_product")
    check_error(manager.delete(address(pen) + f"?code={EAN}"), 404, "no_such_product")
    check_error(manager.get("/api/products/99999999/barcodes/"), 404, "no_such_product")
    assert [row["code"] for row in manager.get(address(pen)).json()] == [EAN]


# --- One code, one product --------------------------------------------------------------------------------------------
def test_the_sku_of_another_live_product_is_refused_as_a_barcode_in_each_spelling(
    manager: Caller, make_product: MakeProduct
) -> None:
    pen, other = make_product(EAN), make_product(UPC[0])
    for code in UPC:
        body = check_error(give(manager, pen, code), 400, "barcode_taken")
        assert body["code"] == "barcode_taken"
        assert body["facts"] == {"code": UPC[1], "product": other.pk}
    before = revision.current()
    assert not Barcode.objects.exists()
    assert give(manager, pen, EAN).status_code == 200
    assert revision.current() == before + 1


def test_a_product_cannot_get_the_barcode_of_another_as_its_sku(manager: Caller, make_product: MakeProduct) -> None:
    pen, cap = make_product("PEN"), make_product("CAP")
    give(manager, pen, UPC[1])
    before = revision.current()
    for sku in UPC:
        made = check_error(manager.post("/api/products/", {"sku": sku, "name": "X"}), 400, "sku_taken")
        changed = check_error(manager.patch(f"/api/products/{cap.pk}/", {"sku": sku}), 400, "sku_taken")
        for body in (made, changed):
            assert body["sku"] == ["This SKU is a barcode of the product PEN · Product 1."]
            assert body["facts"] == {"sku": sku, "product": pen.pk}
    assert revision.current() == before
    assert Product.objects.count() == 2
    assert manager.patch(f"/api/products/{pen.pk}/", {"sku": UPC[0]}).status_code == 200, "its own"


def test_a_product_is_not_restored_if_its_sku_has_become_the_barcode_of_another(
    manager: Caller, make_product: MakeProduct
) -> None:
    old, pen = make_product(EAN), make_product("PEN")
    manager.delete(f"/api/products/{old.pk}/")
    assert give(manager, pen, EAN).status_code == 200
    check_error(manager.post(f"/api/products/{old.pk}/unarchive/"), 409, "sku_taken")
    assert Product.objects.get(pk=old.pk).is_archived


def test_a_sku_takes_precedence_over_an_equal_barcode_of_a_restored_product(
    manager: Caller, make_product: MakeProduct
) -> None:
    old = make_product("OLD")
    give(manager, old, EAN)
    manager.delete(f"/api/products/{old.pk}/")
    make_product(EAN)
    assert manager.post(f"/api/products/{old.pk}/unarchive/").status_code == 200
    assert look_up(manager, EAN) == [EAN]


def test_database_constraints_allow_a_code_once_and_with_positive_pieces_only(make_product: MakeProduct) -> None:
    pen, cap = make_product(), make_product()
    Barcode.objects.create(product=pen, code="A")
    for wrong in ({"code": "A"}, {"code": ""}, {"code": "B", "pieces": 0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Barcode.objects.create(product=cap, **wrong)


# --- For the desk -----------------------------------------------------------------------------------------------------
def test_by_code_returns_how_many_pieces_a_barcode_stands_for(manager: Caller, make_product: MakeProduct) -> None:
    pen = make_product("PEN")
    give(manager, pen, UPC[1], pieces=12)
    for text, pack in ((UPC[0], 12), (f" {UPC[2]}\u200b", 12), ("PEN", 1)):
        found = Product.objects.by_code(text)
        assert found
        assert (found.pk, found.pack) == (pen.pk, pack)
    for text in ("", "\0", "pen", "nothing"):
        assert Product.objects.by_code(text) is None
