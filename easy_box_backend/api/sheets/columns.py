"""Recognises what the columns of a sheet hold, by the headers that МойСклад, 1С, other programs and our own exports
use."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from api.sheets.files import Cell, Row

HEADER_WITHIN = 30
"""The header is searched for in this many first rows."""


@dataclass(frozen=True, slots=True)
class Field:
    """A value that a row can have. words: headers that name it, the most certain first."""

    name: str
    label: str | Promise
    words: tuple[str, ...]
    required: bool = False


def _field(name: str, label: str | Promise, words: str, *, required: bool = False) -> Field:
    return Field(name, label, tuple(word.strip() for word in words.split("|")), required)


_SKU = """артикул | sku | артикул товара | art.-nr. | artikelnummer | artikel-nr. | artikel | article | item number |
    item no. | код товара | код | code"""
_NAME = """наименование | название | name | bezeichnung | номенклатура | товар | наименование товара | product name |
    product | title | artikelbezeichnung | produktname | produkt"""
_LOCATION = """место | ячейка | полка | место хранения | адрес хранения | location | shelf | bin | lagerplatz | platz |
    fach | regal"""
_MINIMUM = """минимум | неснижаемый остаток | минимальный остаток | мин. остаток | minimum | min | min. quantity |
    mindestbestand | minimalbestand"""
_COUNTED = """посчитано | насчитано | counted | gezählt | факт | фактическое количество | остаток | конечный остаток |
    остаток на складе | на складе | в наличии | количество | кол-во | on hand | in stock | stock | quantity | qty |
    bestand | menge | anzahl"""
_BARCODE = "штрихкод | штрих-код | barcode | ean | ean13 | ean-13 | gtin | upc | strichcode | штрихкод ean13"
_PIECES = """штук в упаковке | количество в упаковке | штук | pieces per pack | pieces | pack size | stück je packung |
    stück pro packung | packungsinhalt | stück"""
_NUMBER = """номер заказа | внешний номер | номер | № | № заказа | заказ | outside number | order number | order no. |
    order | number | externe nummer | bestellnummer | auftragsnummer | bestellung | auftrag"""
_CUSTOMER = "покупатель | клиент | контрагент | заказчик | customer | client | kunde | besteller"
_DUE = """срок | отгрузить до | дата отгрузки | плановая дата отгрузки | due on | due | due date | fällig am | fällig |
    liefertermin | termin"""
_NOTE = "примечание | комментарий | заметка | note | comment | remark | notiz | bemerkung | kommentar"
_TO_PICK = f"собрать | заказано | to pick | ordered | zu entnehmen | bestellt | {_COUNTED}"

SKU = _field("sku", _("SKU"), _SKU, required=True)
NAME = _field("name", _("name"), _NAME)
KINDS: dict[str, tuple[Field, ...]] = {
    "products": (
        SKU,
        NAME,
        _field("location", _("location"), _LOCATION),
        _field("min_quantity", _("minimum"), _MINIMUM),
    ),
    "stock": (SKU, _field("counted", _("on hand"), _COUNTED, required=True)),
    "barcodes": (
        SKU,
        _field("barcode", _("barcode"), _BARCODE, required=True),
        _field("pieces", _("pieces per pack"), _PIECES),
    ),
    "orders": (
        _field("number", _("outside number"), _NUMBER, required=True),
        _field("customer", _("customer"), _CUSTOMER, required=True),
        SKU,
        _field("quantity", _("to pick"), _TO_PICK, required=True),
        _field("due_on", _("due on"), _DUE),
        _field("note", _("note"), _NOTE),
    ),
}


def fields(kind: str) -> dict[str, Field]:
    """The fields of a kind of sheet, by name."""
    return {field.name: field for field in KINDS[kind]}


def wording(header: Cell) -> str:
    """A header as it is compared: in lower case, with е for ё and single spaces, without marks around it."""
    plain = re.sub(r"\s+", " ", str("" if header is None else header)).casefold().replace("ё", "е")
    return plain.strip(" *:\"'«»")


def header_at(rows: Sequence[Row], kind: str) -> int:
    """The place of the header among the first rows: where the most columns are recognised, else the first row with two
    filled cells. Of a header in two rows, whose upper cells can be merged with lower ones, it is the lower row."""
    best, most = next((place for place, row in enumerate(rows) if sum(map(_filled, row)) > 1), 0), 0
    for place, row in enumerate(rows[:HEADER_WITHIN]):
        own = guess(kind, [wording(cell) for cell in row])
        if own and len(guess(kind, headers(rows, place))) >= max(most, 1):
            best, most = place, len(guess(kind, headers(rows, place)))
    return best


def _filled(cell: Cell) -> bool:
    return cell not in (None, "")


def headers(rows: Sequence[Row], at: int) -> list[str]:
    """The wordings of the header in row `at`, by which columns are recognised."""
    return [wording(text) for text in header_texts(rows, at)]


def header_texts(rows: Sequence[Row], at: int) -> list[Cell]:
    """The header in row `at` as it is written. A cell that is empty there takes the text of the two rows above it,
    since it can be merged with them."""
    width = max((len(row) for row in rows[max(at - 2, 0) : at + 1]), default=0)
    above = [rows[place] for place in range(at, max(at - 3, -1), -1)]
    return [
        next((row[column] for row in above if column < len(row) and _filled(row[column])), None)
        for column in range(width)
    ]


def guess(kind: str, found: Sequence[str]) -> dict[str, int]:
    """Which column holds which field, by the wordings of their headers. A column holds one field at most."""
    result: dict[str, int] = {}
    for field in KINDS[kind]:
        free = {text: column for column, text in reversed(list(enumerate(found))) if column not in result.values()}
        named = next((free[wording(word)] for word in field.words if wording(word) in free), None)
        if named is not None:
            result[field.name] = named
    return result


def digest(found: Sequence[str]) -> str:
    """A digest of this set of headers, the same for any order of the columns."""
    return hashlib.sha256(json.dumps(sorted(found)).encode()).hexdigest()


def title(field: Field) -> str:
    """The header of a field in our own exports."""
    label = str(field.label)
    return label[:1].upper() + label[1:]
