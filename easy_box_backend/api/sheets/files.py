"""Reads the rows of an uploaded file: a CSV in the encodings that Excel, МойСклад and 1С write, or an XLSX."""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Any, cast

import openpyxl
from django.utils.translation import gettext_lazy as _

from api.sheets import Unreadable

Cell = str | int | float | bool | datetime | date | time | timedelta | None
Row = list[Cell]

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 100_000
"""The most rows that are not empty. An export of 100,000 products can be read again."""
MAX_COLUMNS = 100
LAST_ROW = 1_048_576
"""Excel's last row. A file with more rows is forged."""

ENCODINGS = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "cp1251": "Windows-1251",
    "cp1252": "Windows-1252",
    "cp866": "DOS 866",
}
DELIMITERS = {";": ";", ",": ",", "\t": "Tab", "|": "|"}
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NOT_IN_XML = re.compile("[\x01-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""The byte order marks of UTF-16: little-endian, big-endian."""
_SAMPLE = 64 * 1024
"""The encoding and the delimiter are guessed from this many first bytes."""
# How large the parts of an XLSX may become when they are unpacked. Sheets are read row by row, other parts are held in
# memory.
_MAX_SHEET, _MAX_TEXTS, _MAX_OTHER = 128 * 1024 * 1024, 48 * 1024 * 1024, 4 * 1024 * 1024


def is_xlsx(content: bytes) -> bool:
    return content.startswith(b"PK\x03\x04")


def rows(content: bytes, encoding: str = "", delimiter: str = "") -> Iterator[Row]:
    """The rows of a file, also the empty ones, so that the first is row 1 of the spreadsheet.

    encoding, delimiter: of a CSV; "" if they are to be recognised. Raises Unreadable, possibly after some rows.
    """
    if len(content) > MAX_BYTES:
        raise Unreadable(_("The file is too large. The limit is %(most)s MB.") % {"most": MAX_BYTES // 1024**2})
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable(_("This is an old Excel file (.xls) or one with a password. Save it as .xlsx or as CSV."))
    if content.lstrip()[:1] == b"<":
        raise Unreadable(_("This is a web page, not a spreadsheet. Save it as .xlsx or as CSV."))
    found = _xlsx(content) if is_xlsx(content) else _csv(content, encoding, delimiter)
    return _bounded(found)


def _bounded(found: Iterator[Row]) -> Iterator[Row]:
    """The rows. Raises Unreadable if there are too many."""
    filled = 0
    for number, row in enumerate(found):
        filled += any(cell not in (None, "") for cell in row)
        if filled > MAX_ROWS or number >= LAST_ROW:
            raise Unreadable(_("The file has more than %(most)s rows. Divide it.") % {"most": MAX_ROWS})
        yield row


# --- CSV ----------------------------------------------------------------------------------------------------------
def _csv(content: bytes, encoding: str, delimiter: str) -> Iterator[Row]:
    encoding = encoding or encoding_of(content)
    if encoding == "utf-16" and not content.startswith(_MARKS):
        content = _MARKS[0] + content
    lines = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, errors="replace", newline="")
    delimiter = delimiter or delimiter_of(content, encoding)
    try:
        for number, row in enumerate(csv.reader(lines, delimiter=delimiter)):
            if number == 0 and _names_delimiter("".join(row)):
                row = []
            yield cast(Row, row[:MAX_COLUMNS])
    except (csv.Error, UnicodeError) as error:
        raise Unreadable(_("The file cannot be read as CSV: %(error)s.") % {"error": error}) from error


def encoding_of(content: bytes) -> str:
    """The likeliest encoding of a text, a key of ENCODINGS."""
    start = content[:_SAMPLE]
    if start.startswith(_MARKS) or _looks_like_utf_16(start):
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8-sig"
    # Cyrillic words are runs of bytes above 0x7F; in German or French such a byte stands alone, between ASCII letters.
    in_runs = sum(one > 0x7F and other > 0x7F for one, other in pairwise(start))
    return "cp1251" if in_runs * 2 > sum(byte > 0x7F for byte in start) else "cp1252"


def _looks_like_utf_16(start: bytes) -> bool:
    """Whether this is UTF-16 without a byte order mark, little-endian as on Windows: in ASCII every second byte is
    0."""
    return len(start) > 8 and start[1::2].count(0) * 5 > len(start)


def delimiter_of(content: bytes, encoding: str) -> str:
    """The delimiter that gives the same number of columns to the most of the first rows."""
    text = content[:_SAMPLE].decode(encoding, errors="replace").lstrip("\ufeff")
    first, *_others = text.split("\n", 1)
    if _names_delimiter(first.strip()):
        return first.strip()[-1:]

    def evenness(delimiter: str) -> tuple[int, int]:
        try:
            widths = Counter(len(row) for row in islice(csv.reader(io.StringIO(text), delimiter=delimiter), 50))
        except csv.Error:
            return 0, 0
        return max(((number, width) for width, number in widths.items() if width > 1), default=(0, 0))

    return max(DELIMITERS, key=evenness)


def _names_delimiter(line: str) -> bool:
    """Whether a line is Excel's `sep=;`."""
    return line.lower().startswith("sep=") and len(line) <= 5


# --- XLSX ---------------------------------------------------------------------------------------------------------
def _xlsx(content: bytes) -> Iterator[Row]:
    """The rows of the first visible sheet that is not empty. A formula is read as the value that was computed last."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_sizes(archive.infolist())
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheets: list[Any] = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        for sheet in sheets:
            sheet.reset_dimensions()  # 1С writes wrong dimensions
            found = sheet.iter_rows(max_col=MAX_COLUMNS, values_only=True)
            if sheet is sheets[-1] or any(any(row) for row in islice(found, 1000)):
                break
        for row in sheet.iter_rows(max_col=MAX_COLUMNS, values_only=True):
            yield _cells(row)
    except Unreadable:
        raise
    except Exception as error:  # a damaged or forged file can fail anywhere in the reader
        raise Unreadable(_("The file cannot be read as XLSX. Open it in Excel and save it again.")) from error


def _check_sizes(parts: list[zipfile.ZipInfo]) -> None:
    """Raise Unreadable for a file that would become too large when it is unpacked. No part unpacks to more than it
    declares here: zipfile stops reading there."""
    for part in parts:
        is_sheet, is_texts = part.filename.startswith("xl/worksheets/"), part.filename == "xl/sharedStrings.xml"
        most = _MAX_SHEET if is_sheet else _MAX_TEXTS if is_texts else _MAX_OTHER
        if part.file_size > most and part.filename.endswith((".xml", ".rels")):
            raise Unreadable(_("The file unpacks to too much data. Divide it, or save it as CSV."))


def _cells(row: tuple[Any, ...]) -> Row:
    """The row without empty cells at its end. Control characters, which XML cannot contain, are written _x001D_."""
    end = len(row)
    while end and row[end - 1] in (None, ""):
        end -= 1
    return [unescaped(cell) if isinstance(cell, str) and "_x" in cell else cell for cell in row[:end]]


def escaped(text: str) -> str:
    """`text` for an XLSX, which writes a control character as _x001D_. `unescaped` undoes it."""
    return _NOT_IN_XML.sub(lambda match: f"_x{ord(match[0]):04X}_", text)


def unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
