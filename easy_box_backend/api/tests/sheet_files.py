"""Contents of sheets as other programs export them."""

import io
from typing import Any

from openpyxl import Workbook

MOYSKLAD = (
    "Группы;Код;Наименование;Внешний код;Артикул;Единица измерения;Цена: Цена продажи;Неснижаемый остаток;Остаток\r\n"
    "Одежда;00001;Куртка зимняя;a1b2;JACKET-1;шт;3 500,00;5;1 234,00\r\n"
    "Одежда;00002;Носки «Ёлка»;c3d4;SOCKS-2;шт;150,50;;12,00\r\n"
).encode("cp1251")
"""Windows-1251, semicolons, decimal commas, and spaces between thousands."""

ONE_C = (
    "\ufeffВедомость по товарам на складах\t\t\t\r\n"
    "Период: 01.11.2026 - 27.11.2026\t\t\t\r\n"
    "\t\t\t\r\n"
    "Номенклатура\tАртикул\tКонечный остаток\t\r\n"
    "\t\tКоличество\tСумма\r\n"
    "Куртка зимняя\tJACKET-1\t1\u00a0234,000\t4\u00a0319\u00a0000,00\r\n"
    "Носки\tSOCKS-2\t12,000\t1\u00a0806,00\r\n"
    "Итого\t\t1\u00a0246,000\t4\u00a0320\u00a0806,00\r\n"
).encode("utf-16-le")
"""Excel's "Unicode text": UTF-16 with a mark, tabs, a title, and a header in two rows whose cells are merged."""

GERMAN = "Artikelnummer;Bezeichnung;Lagerplatz;Bestand\r\nJACKE-1;Jacke für Männer;Gänge 3;1.234,00\r\n".encode(
    "cp1252"
)


def csv_of(*rows: Any) -> bytes:
    return "\r\n".join(";".join(map(str, row)) for row in rows).encode()


def xlsx_of(*rows: Any, merged: str = "") -> bytes:
    """An .xlsx file with these rows. merged: a range of cells to merge, such as "A1:B1"."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    if merged:
        sheet.merge_cells(merged)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
