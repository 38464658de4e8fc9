"""Writes our own sheets row by row, so that no sheet is held in memory. A program that opens one runs none of its texts
as a formula."""

import csv
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

from openpyxl import Workbook

from api.sheets.cells import safe
from api.sheets.files import escaped


def _safe(row: Iterable[Any]) -> list[Any]:
    """The row with its texts as `cells.safe`."""
    return [safe(cell) if isinstance(cell, str) else cell for cell in row]


class _Echo:
    """A file object for the csv module that returns each line instead of storing it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """The lines of a CSV that Excel opens by a double click in Russia and Germany: UTF-8 with a byte order mark, and
    semicolons."""
    writer = csv.writer(_Echo(), delimiter=";")
    yield b"\xef\xbb\xbf"
    for row in rows:
        yield writer.writerow(_safe(row)).encode()


def xlsx_file(rows: Iterable[Iterable[Any]]) -> IO[bytes]:
    """An XLSX in a temporary file, positioned at its beginning. The caller closes it."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append([escaped(cell) if isinstance(cell, str) else cell for cell in _safe(row)])
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller sends it and closes it)
    book.save(file)
    file.seek(0)
    return file
