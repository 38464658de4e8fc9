"""Reading and writing sheets, without the database: encodings, delimiters, headers, limits."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any

import pytest
from django.utils import translation
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from api import texts
from api.sheets import Unreadable, cells, columns, files, writing
from api.tests.sheet_files import GERMAN, MOYSKLAD, ONE_C, xlsx_of

A_DAY = datetime(2026, 12, 10)  # noqa: DTZ001 (spreadsheets know no zones)


def read(content: bytes, **how: str) -> list[files.Row]:
    return list(files.rows(content, **how))


def found(content: bytes, kind: str) -> tuple[int, dict[str, str]]:
    """The number of the header's row, and the first value of each field."""
    rows = read(content)
    at = columns.header_at(rows, kind)
    chosen = columns.guess(kind, columns.headers(rows, at))
    return at + 1, {name: str(rows[at + 1][column]) for name, column in chosen.items()}


# --- Files ---------------------------------------------------------------------------------------------------------
def test_a_csv_of_moysklad_in_windows_1251_is_recognised() -> None:
    assert found(MOYSKLAD, "products") == (
        1, {"sku": "JACKET-1", "name": "Куртка зимняя", "min_quantity": "5"},
    )  # fmt: skip


def test_a_report_of_1c_with_a_title_and_a_header_in_two_rows_is_recognised() -> None:
    assert found(ONE_C, "stock") == (5, {"sku": "JACKET-1", "counted": "1\u00a0234,000"})


def test_utf_16_is_read_with_a_mark_of_either_byte_order_and_without_one() -> None:
    text = "Артикул\tОстаток\r\nBOX-1\t5\r\nBOX-2\t6\r\n"
    for content in (text.encode("utf-16"), ("\ufeff" + text).encode("utf-16-be"), text.encode("utf-16-le")):
        assert read(content)[:2] == [["Артикул", "Остаток"], ["BOX-1", "5"]]


def test_german_umlauts_in_windows_1252_are_not_taken_for_cyrillic() -> None:
    assert read(GERMAN)[1][1:3] == ["Jacke für Männer", "Gänge 3"]


def test_the_encoding_and_the_delimiter_that_a_person_names_are_used() -> None:
    assert read("Имя|a;b".encode("cp866"), encoding="cp866", delimiter="|") == [["Имя", "a;b"]]


@pytest.mark.parametrize("delimiter", files.DELIMITERS)
def test_the_delimiter_is_found_beside_decimal_commas_and_texts_in_quotes(delimiter: str) -> None:
    line = delimiter.join(["BOX-1", '"a;b,c"', '"1,50"'])
    assert read("\n".join(["sku" + delimiter + "name" + delimiter + "price", line, line]).encode())[2] == (
        ["BOX-1", "a;b,c", "1,50"]
    )


def test_the_line_in_which_excel_names_the_delimiter_is_no_data() -> None:
    assert read(b"sep=,\r\nsku,name\r\n1,a;b;c;d\r\n") == [[], ["sku", "name"], ["1", "a;b;c;d"]]


def test_a_byte_order_mark_is_no_part_of_the_first_header() -> None:
    assert read("\ufeffSKU;Name\nA;B".encode())[0] == ["SKU", "Name"]
    assert read("\ufeffSKU;Name\nA;B".encode("utf-16-le"))[0] == ["SKU", "Name"]


def test_an_xlsx_with_merged_rows_above_its_header_is_recognised() -> None:
    content = xlsx_of(
        ["Остатки на 27.11.2026", None, None], [], ["Наименование", "Артикул", "Остаток"], ["Куртка", "J-1", 5],
        merged="A1:C1",
    )  # fmt: skip
    assert found(content, "stock") == (3, {"sku": "J-1", "counted": "5"})


def test_a_wrong_dimension_in_an_xlsx_hides_no_rows() -> None:
    parts = dict(unpacked(xlsx_of(["sku", "qty"], ["A", 1], ["B", 2])))
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b'ref="A1:B3"', b'ref="A1"')
    assert b'ref="A1"' in parts[sheet]
    assert read(packed(parts)) == [["sku", "qty"], ["A", 1], ["B", 2]]


def unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)


def packed(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    ("part", "most"),
    [
        ("xl/worksheets/sheet1.xml", "_MAX_SHEET"),
        ("xl/sharedStrings.xml", "_MAX_TEXTS"),
        ("xl/styles.xml", "_MAX_OTHER"),
    ],
)
def test_a_zip_bomb_is_refused_before_anything_is_unpacked(
    monkeypatch: pytest.MonkeyPatch, part: str, most: str
) -> None:
    bomb = dict(unpacked(xlsx_of(["sku"])))
    bomb[part] = bytes(getattr(files, most) + 1)
    content = packed(bomb)
    assert len(content) < 1_000_000
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_args: pytest.fail("something was unpacked"))
    with pytest.raises(Unreadable, match="unpacks to too much"):
        read(content)


def test_a_forged_row_number_does_not_make_the_reader_run_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.sheets.files.LAST_ROW", 20_000)  # a spreadsheet's own limit takes 3 s
    parts = dict(unpacked(xlsx_of(["sku"], ["A"])))
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b'r="2"', b'r="999999999"').replace(b'"A2"', b'"A999999999"')
    with pytest.raises(Unreadable):
        read(packed(parts))


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04nothing", b"PK\x03\x04" + bytes(100), b"\xd0\xcf\x11\xe0old excel", b"  <html><table>",
        packed({"hello.txt": b"x"}), packed({"xl/workbook.xml": b"<broken"}), b"a;b\n" + b'"' + b"x" * 200_000,
    ],
    ids=["no zip", "zeros", "xls", "html", "another zip", "broken xml", "an endless quote"],
)  # fmt: skip
def test_a_file_that_is_no_sheet_is_refused_with_a_reason(content: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        read(content)
    assert str(refused.value.reason).endswith(".")


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_raise_another_error(content: bytes) -> None:
    for start in (b"", b"PK\x03\x04", b"\xff\xfe"):
        with suppress(Unreadable):
            read(start + content)


def test_too_many_bytes_and_too_many_rows_are_refused_and_empty_rows_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "MAX_ROWS", 3)
    assert len(read(b"a;b\n;\n\n1;2\n3;4\n")) == 5
    with pytest.raises(Unreadable, match="more than 3 rows"):
        read(b"a;b\n1;2\n3;4\n5;6\n")
    with pytest.raises(Unreadable, match="20 MB"):
        read(bytes(files.MAX_BYTES + 1))


def test_rows_are_read_lazily() -> None:
    rows = files.rows(b"a;b\n" * 100)
    assert len(list(islice(rows, 2))) == 2


# --- Cells ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("5", 5), ("5,00", 5), ("5.00", 5), ("1 234", 1234), ("1\u00a0234,00", 1234), ("1\u202f234", 1234),
        ("1'234", 1234),
        ("1.234.567", 1234567), ("1,234.00", 1234), ("1.234,00", 1234), ("-3", -3), ("−3", -3), ("+3", 3), (5, 5),
        (5.0, 5), (1e6, 1000000), ("", None), (None, None), (" 7 ", 7), ("'-3", -3), ("0,000", 0), ("1234,000", 1234),
    ],
)  # fmt: skip
def test_whole_numbers_are_read_as_people_write_them(cell: Any, number: int | None) -> None:
    assert cells.whole(cell) == number


@pytest.mark.parametrize(
    "cell",
    ["5,5", 5.5, "0,001", "12 34", "1 23", "пять", "5 шт", True, A_DAY, "1,2,3", "--5", "#N/A", "1e5",
     "½", "٣", "1,234,56", "9" * 30],
)  # fmt: skip
def test_an_invalid_whole_number_is_refused(cell: Any) -> None:
    with pytest.raises(cells.Bad) as bad:
        cells.whole(cell)
    assert not isinstance(bad.value, cells.Unclear)


@pytest.mark.parametrize(("cell", "comma", "point"), [("5,000", 5, 5000), ("1.234", None, 1234), ("-5,000", -5, -5000)])
def test_three_digits_after_the_only_comma_are_asked_about(cell: str, comma: int | None, point: int) -> None:
    with pytest.raises(cells.Unclear):
        cells.whole(cell)
    mark, other = (",", ".") if "," in cell else (".", ",")
    assert cells.whole(cell, other) == point
    if comma is None:
        with pytest.raises(cells.Bad, match="not a whole number"):
            cells.whole(cell, mark)
    else:
        assert cells.whole(cell, mark) == comma


@pytest.mark.parametrize(
    ("cell", "decimal"),
    [("12,5", ","), ("12.50", "."), ("1 234,000", ","), ("0,000", ","), ("1,234,567", "."), ("1.234.567", ","),
     ("1,234.5", "."), ("1.234,5", ","), ("5,000", ""), ("5", ""), (5.5, ""), (None, ""), ("пять", "")],
)  # fmt: skip
def test_a_number_can_show_which_character_is_the_decimal_mark(cell: Any, decimal: str) -> None:
    assert cells.decimal_of(cell) == decimal


def test_a_sku_that_is_a_number_keeps_all_its_digits() -> None:
    assert [cells.sku(cell) for cell in (4601234567890, 4601234567890.0, "4601234567890", 0.0, 12.5, " A ")] == (
        ["4601234567890", "4601234567890", "4601234567890", "0", "12.5", "A"]
    )


@pytest.mark.parametrize("cell", ["4.60123E+12", "4,60123E+12", "4,60123e+12", "4E+12", 1.2345678901234568e17])
def test_a_sku_in_scientific_notation_has_lost_its_end(cell: str | float) -> None:
    with pytest.raises(cells.Shortened):
        cells.sku(cell)


@pytest.mark.parametrize("cell", ["1E5", "E+12", "4.60E+1", "X4.6E+12"])
def test_a_sku_that_only_resembles_scientific_notation_is_kept_unchanged(cell: str) -> None:
    assert cells.sku(cell) == cell


@pytest.mark.parametrize("cell", [A_DAY, True, "#ССЫЛКА!", "x" * 256])
def test_a_sku_that_the_spreadsheet_has_converted_is_refused(cell: Any) -> None:
    with pytest.raises(cells.Bad):
        cells.sku(cell)


@pytest.mark.parametrize(
    "cell", [A_DAY, A_DAY.date(), "2026-12-10", "10.12.2026", "10.12.2026 0:00:00", "2026-12-10T00:00"]
)
def test_dates_are_read_as_programs_write_them(cell: Any) -> None:
    assert cells.day(cell) == A_DAY.date()
    assert cells.day("") is None


@pytest.mark.parametrize("cell", ["3/4/2026", "10.12.26", "32.12.2026", "2026-13-01", "morgen", 46000, "0000-00-00"])
def test_an_ambiguous_date_is_refused(cell: Any) -> None:
    with pytest.raises(cells.Bad):
        cells.day(cell)


# --- Columns -------------------------------------------------------------------------------------------------------
def test_an_article_column_takes_precedence_over_a_code_column_and_a_column_has_one_field() -> None:
    assert columns.guess("products", ["код", "название", "артикул"]) == {"sku": 2, "name": 1}
    assert columns.guess("products", ["код", "название"]) == {"sku": 0, "name": 1}
    assert columns.guess("barcodes", ["артикул", "штрихкод", "штук в упаковке"]) == {
        "sku": 0,
        "barcode": 1,
        "pieces": 2,
    }


@pytest.mark.parametrize("language", ["ru", "de", "en"])
@pytest.mark.parametrize("kind", columns.KINDS)
def test_the_headers_of_our_own_exports_are_recognised_in_every_language(kind: str, language: str) -> None:
    with translation.override(language):
        headers = [columns.wording(columns.title(field)) for field in columns.KINDS[kind]]
    assert columns.guess(kind, headers) == {field.name: place for place, field in enumerate(columns.KINDS[kind])}


def test_the_order_and_case_of_headers_do_not_matter() -> None:
    names = [columns.wording(header) for header in ("Артикул:", " ШТРИХКОД", "Счёт  *")]
    assert names == ["артикул", "штрихкод", "счет"]
    assert columns.digest(names) == columns.digest(names[::-1]) != columns.digest(names[:2])


# --- Writing -------------------------------------------------------------------------------------------------------
ROWS = [["SKU", "Name"], ["007", "=1+1"], ["+7", "@x"], ["-5", "'=quoted"], ["a\x1db", "_x001D_ ёÄ\n2"], ["b", "\tx"]]


def test_an_export_contains_nothing_that_a_spreadsheet_would_run() -> None:
    for content in (b"".join(writing.csv_lines(ROWS)), writing.xlsx_file(ROWS).read()):
        texts_of = [cell for row in read(content) for cell in row]
        assert not [cell for cell in texts_of if str(cell)[:1] in "=+-@\t\r"]
        assert "'=1+1" in texts_of


def test_the_cells_of_an_xlsx_are_texts_so_that_zeros_stay() -> None:
    sheet = load_workbook(writing.xlsx_file(ROWS)).active
    assert sheet is not None
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s"}


def test_a_number_is_written_as_a_number_also_below_zero() -> None:
    assert b"".join(writing.csv_lines([["A", -5]])).decode("utf-8-sig") == "A;-5\r\n"
    assert read(writing.xlsx_file([["A", -5]]).read()) == [["A", -5]]


STORED = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(deadline=None)
@given(STORED, STORED)
def test_every_exported_text_is_read_unchanged(one: str, other: str) -> None:
    row = [texts.tidy(text) or "-" for text in (one, other)]
    assume(not {text.upper() for text in row} & cells._ERRORS)
    for content in (b"".join(writing.csv_lines([["Артикул", "b"], row])), writing.xlsx_file([["a", "b"], row]).read()):
        assert [cells.text(cell) for cell in read(content, delimiter=";")[1]] == row
