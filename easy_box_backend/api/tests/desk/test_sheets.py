"""The page of imports and exports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from api.actions import barcodes, imports, ledger, orders
from api.actions.import_rows import Progress
from api.actor import Actor
from api.models import Import, Order, Product, User
from api.sheets import files
from api.tests.conftest import MakeProduct
from api.tests.desk.conftest import enter
from api.tests.sheet_files import MOYSKLAD, csv_of, xlsx_of

pytestmark = pytest.mark.django_db


def body(answer: Any) -> bytes:
    """The whole body of a response, streamed or not."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def upload(desk: Client, content: bytes, kind: str = "products", name: str = "sheet.csv", **more: str) -> Any:
    return desk.post("/sheets/", {"kind": kind, "file": SimpleUploadedFile(name, content), **more})


def check(desk: Client, kind: str, content: bytes, **answers: str) -> tuple[str, str]:
    """Upload and check a sheet. Returns its address, and the page with what it would do."""
    return check_again(desk, upload(desk, content, kind).headers["Location"], **answers)


def check_again(desk: Client, address: str, **answers: str) -> tuple[str, str]:
    """Check an uploaded sheet with its columns as they are, and these answers. Returns as `check`."""
    found = Import.objects.get(pk=int(address.rstrip("/").rpartition("/")[2]))
    chosen = {f"column_{name}": column for name, column in found.reading["columns"].items()}
    sent = body(desk.post(address, {"do": "check", **chosen, **answers})).decode()
    assert f'content="0; url={address}"' in sent
    return address, body(desk.get(address)).decode()


def figures(page: str) -> list[str]:
    """The numbers of the report: of all rows, and of each thing that will be done with them."""
    return re.findall(r"<dd>([\d ]+)</dd>", page)


def test_a_manager_uploads_checks_and_imports_a_sheet_and_takes_it_back(desk: Client) -> None:
    address, page = check(desk, "products", MOYSKLAD)
    assert figures(page) == ["2", "2", "0", "0", "0"]
    assert not Product.objects.exists()
    assert "Import" in page
    answer = desk.post(address, {"do": "run"})
    assert (answer.streaming, answer.headers["X-Accel-Buffering"]) == (True, "no")
    sent = body(answer).decode()
    assert sent.count("</html>") == 1
    assert "<progress" in sent
    assert Product.objects.live().count() == 2
    page = body(desk.get(address)).decode()
    assert "Take this import back" in page
    body(desk.post(address))
    assert not Product.objects.live().exists()
    assert "Everything was taken back." in body(desk.get(address)).decode()


def test_wrong_rows_are_shown_downloaded_and_left_out_by_a_tick(desk: Client) -> None:
    address, page = check(desk, "products", csv_of(["sku", "name"], ["A", "Apron"], ["B", ""]))
    assert "A new product needs a name." in page
    assert body(desk.get(f"{address}?bad=csv")).decode("utf-8-sig") == "Row;Reason\r\n3;A new product needs a name.\r\n"
    assert "wrong rows first" in body(desk.post(address, {"do": "run"})).decode()
    assert not Product.objects.exists()
    body(desk.post(address, {"do": "run", "leave_out": "on"}))
    assert [product.sku for product in Product.objects.all()] == ["A"]


def test_questions_are_asked_on_the_page_and_their_answers_used(desk: Client, make_product: MakeProduct) -> None:
    make_product("0012345")
    sheet = xlsx_of(["sku", "quantity"], [12345, "5,000"])
    address, page = check(desk, "stock", sheet)
    assert "0012345" in page
    assert "Import</button>" not in page
    _address, page = check_again(desk, address, meant="yes")
    assert "can be read in two ways" in page
    check_again(desk, address, meant="yes", decimal=",")
    body(desk.post(address, {"do": "run"}))
    assert Product.objects.get().quantity == 5
    assert ledger.broken_ledgers() == []


def test_the_file_can_be_read_with_another_header_and_encoding(desk: Client) -> None:
    content = "Wort;Ding;Artikel\nх;у;z\nsku;name;\nA;Фартук;\n".encode("cp866")
    address = upload(desk, content).headers["Location"]
    desk.post(address, {"do": "read", "header": "2", "encoding": "cp866", "delimiter": ""})
    found = Import.objects.get()
    assert found.reading["columns"] == {"sku": 0, "name": 1}
    assert "Фартук" in desk.get(address).content.decode()


def test_missing_columns_and_unreadable_files_are_reported(desk: Client) -> None:
    assert "old Excel file" in desk.post(
        "/sheets/", {"kind": "stock", "file": SimpleUploadedFile("x.xls", b"\xd0\xcf\x11\xe0")}, follow=True
    ).content.decode()  # fmt: skip
    address = upload(desk, csv_of(["Ding", "Wort"], ["A", "B"]), "stock").headers["Location"]
    page = desk.post(address, {"do": "check", "column_sku": "0", "column_counted": ""}).content.decode()
    assert "This field is required." in page
    page = desk.post(address, {"do": "check", "column_sku": "0", "column_counted": "0"}).content.decode()
    assert "One column cannot hold two things." in page


def test_a_file_that_is_too_large_is_refused(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    assert "too large" in upload(desk, b"sku;name\nA;B").content.decode()
    assert not Import.objects.exists()


def test_a_form_sent_twice_is_one_upload(desk: Client) -> None:
    for _time in range(2):
        upload(desk, MOYSKLAD, form_token="t")
    assert Import.objects.count() == 1


def test_an_import_that_was_started_twice_is_booked_once_and_says_so(desk: Client) -> None:
    address, _page = check(desk, "products", MOYSKLAD)
    both = [desk.post(address, {"do": "run"}) for _time in range(2)]
    assert ["imported" in body(answer).decode() for answer in both] == [False, True]
    assert Product.objects.count() == 2


@pytest.mark.parametrize(("error", "message"), [(OperationalError, "busy"), (RuntimeError, "did not work")])
def test_a_failure_is_shown_on_the_page_whose_response_has_begun(
    desk: Client, monkeypatch: pytest.MonkeyPatch, error: type[Exception], message: str
) -> None:
    def fail(*_args: Any, **_named: Any) -> Iterator[Progress]:
        yield Progress("x", 1)
        raise error

    address, _page = check(desk, "products", MOYSKLAD)
    monkeypatch.setattr(imports, "run", fail)
    page = body(desk.post(address, {"do": "run"})).decode()
    assert message in page
    assert page.rstrip().endswith("</html>")


def test_the_progress_is_in_the_persons_language(vera: User) -> None:
    desk = enter(vera, "de")
    address = upload(desk, MOYSKLAD).headers["Location"]
    page = body(desk.post(address, {"do": "check", "column_sku": "4", "column_name": "2"})).decode()
    assert "Zeilen werden geprüft" in page


def test_the_time_of_the_count_can_be_entered(desk: Client, make_product: MakeProduct) -> None:
    product = make_product("A", quantity=10)
    Product.objects.update(created_at=timezone.now() - timedelta(days=2))
    product.versions.update(changed_at=timezone.now() - timedelta(days=2))
    at = timezone.localtime() - timedelta(hours=1)
    address, _page = check(desk, "stock", csv_of(["sku", "quantity"], ["A", 7]), counted_at=f"{at:%Y-%m-%dT%H:%M}")
    body(desk.post(address, {"do": "run"}))
    assert Product.objects.get().quantity == 17, "the ten came after the count"


# --- Export --------------------------------------------------------------------------------------------------------
@pytest.fixture
def filled(make_product: MakeProduct, vera: User) -> list[Product]:
    """Two products, a barcode and two orders, with values that a spreadsheet could change."""
    by = Actor(vera, at=timezone.now())
    first = make_product("007", name="=Apron", location="B1", quantity=-3, min_quantity=2)
    second = make_product("+B\x1dC", name="Belt; “long”", quantity=4)
    barcodes.add(first.pk, "4006381333931", pieces=6, by=by)
    orders.create(customer_name="Café", lines=[orders.Line(first.pk, 2), orders.Line(second.pk, 1)], by=by)
    orders.create(customer_name="@Bar", lines=[orders.Line(second.pk, 1)], outside_number="W-7", by=by)
    return [first, second]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("kind", ["products", "barcodes"])
def test_an_export_that_is_imported_again_changes_nothing(
    desk: Client, filled: list[Product], kind: str, form: str
) -> None:
    answer = desk.get(f"/sheets/?export={kind}&format={form}")
    assert answer.streaming
    assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{kind}-')
    _address, page = check(desk, kind, body(answer))
    rows = {"products": "2", "barcodes": "1"}[kind]
    assert figures(page) == [rows, "0", "0", rows, "0"]


def test_a_stock_export_that_is_imported_again_counts_the_same(desk: Client, filled: list[Product]) -> None:
    content = body(desk.get("/sheets/?export=stock&format=xlsx"))
    _address, page = check(desk, "stock", content)
    assert figures(page) == ["2", "0", "0", "1", "1"]
    assert "Fewer than 0 pieces" in page


def test_exported_orders_that_are_imported_again_are_refused(desk: Client, filled: list[Product]) -> None:
    content = body(desk.get("/sheets/?export=orders&format=csv"))
    assert b"'@Bar" in content
    _address, page = check(desk, "orders", content)
    assert page.count("There is an order with this number already.") == 3
    assert Order.objects.count() == 2


def test_chosen_rows_are_exported(desk: Client, filled: list[Product]) -> None:
    rows = list(files.rows(body(desk.get(f"/sheets/?export=products&format=xlsx&id={filled[0].pk}"))))
    assert [row[0] for row in rows[1:]] == ["007"]
    assert desk.get("/sheets/?export=secrets").status_code == 404


@pytest.mark.parametrize("kind", ["products", "stock", "barcodes", "orders"])
def test_if_no_chosen_id_is_valid_nothing_is_exported(desk: Client, filled: list[Product], kind: str) -> None:
    answer = desk.get(f"/sheets/?export={kind}&id=x&id={'9' * 30}", follow=True)
    assert "None of these can be exported" in answer.content.decode()
    rows = list(files.rows(body(desk.get(f"/sheets/?export={kind}&format=csv&id=987654")), "utf-8-sig", ","))
    assert len(rows) == 1  # the header


def test_an_id_too_large_for_the_database_is_left_out(desk: Client, filled: list[Product]) -> None:
    content = body(desk.get(f"/sheets/?export=products&format=csv&id={filled[0].pk}&id={'9' * 30}"))
    assert [row[0] for row in files.rows(content)][1:] == ["007"]


def test_the_pages_take_few_queries(
    desk: Client, filled: list[Product], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(3):
        address, _page = check(desk, "products", MOYSKLAD)
    for page in ("/sheets/", address):
        with django_assert_max_num_queries(11):
            desk.get(page)
    with django_assert_max_num_queries(5):
        body(desk.get("/sheets/?export=products&format=csv"))


def test_a_picker_is_refused(make_user: Any) -> None:
    picker = enter(make_user("Paul"))
    assert picker.get("/sheets/").status_code == 403
    assert picker.get("/sheets/?export=products").status_code == 403
    assert upload(picker, MOYSKLAD).status_code == 403
