"""The rows of a sheet as values, and the questions about them: damaged SKUs, numbers that can be read in two ways."""

from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from django.utils.translation import gettext as _

from api import texts
from api.models import MAX_NOTE, Barcode, Import, Product
from api.sheets import cells, columns, files
from api.texts import barcode_of

T = TypeVar("T")
STEP = 1000
"""How many rows are handled between two reports of the progress."""
NUMBERS = {"counted", "quantity", "pieces", "min_quantity"}
DATES = {"due_on"}
LONGEST = {"location": 100, "number": 100, "note": MAX_NOTE}
SHORTER_BY = 4
"""A number is asked about if it has up to so many digits less than most SKUs of the sheet."""


class Progress(NamedTuple):
    """What is being done, how many rows of it are done, and of how many, None if that is not known."""

    text: str
    done: int
    total: int | None = None


Row = tuple[int, list[files.Cell]]
"""The number of a row in the spreadsheet, and its cells in the columns that were chosen."""

Steps = Generator[Progress, None, T]
"""Long work: yields its progress now and then, and returns its result."""


@dataclass(slots=True)
class Reading:
    """How a file is read, as people chose it.

    header: the place of the header's row. columns: by field. decimal: "," or "." if it was asked. meant: whether the
    SKUs that look like those of products are meant so: "yes", "no", "" if not answered. counted_at: ISO 8601.
    """

    encoding: str = ""
    delimiter: str = ""
    header: int = 0
    columns: dict[str, int] = field(default_factory=dict)
    decimal: str = ""
    meant: str = ""
    counted_at: str = ""


class Entry(NamedTuple):
    """The values of a row, by field; None or "" where a cell is empty."""

    row: int
    values: dict[str, Any]


@dataclass(slots=True)
class Plan:
    """bad: rows that cannot be imported, with the reason. meant: rows whose SKU was damaged by a spreadsheet, with what
    is written and what is probably meant. unclear: a number that can be read in two ways. new, changed: what to do.
    same: rows without a difference; a count is booked all the same, so `agreeing` of them are among `changed`."""

    rows: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)
    meant: list[tuple[int, str, str]] = field(default_factory=list)
    unclear: str = ""
    new: list[Any] = field(default_factory=list)
    changed: list[Any] = field(default_factory=list)
    same: int = 0
    agreeing: int = 0

    def report(self) -> dict[str, Any]:
        """For people, JSON-able."""
        return {
            "rows": self.rows, "new": len(self.new), "changed": len(self.changed) - self.agreeing,
            "same": self.same + self.agreeing, "to_do": len(self.new) + len(self.changed),
            "bad": [list(row) for row in sorted(self.bad)], "meant": [list(row) for row in self.meant],
            "unclear": self.unclear,
        }  # fmt: skip


def batches(rows: Iterable[T], size: int = STEP) -> Iterator[list[T]]:
    """The rows in lists of at most `size`."""
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield batch


# --- From cells to values -----------------------------------------------------------------------------------------
def read(content: bytes, reading: Reading) -> Steps[list[Row]]:
    """The cells of the chosen columns, in the order of `reading.columns`, by row. Raises Unreadable."""
    table = []
    for number, row in enumerate(files.rows(content, reading.encoding, reading.delimiter), 1):
        if number > reading.header + 1:
            chosen = [row[column] if column < len(row) else None for column in reading.columns.values()]
            if any(cell not in (None, "") for cell in chosen):
                table.append((number, chosen))
        if number % STEP == 0:
            yield Progress(_("Reading the file"), number)
    return table


def entries_of(kind: str, table: Sequence[Row], reading: Reading, plan: Plan, codes: "Codes") -> Steps[list[Entry]]:
    entries = []
    decimal = reading.decimal or _decimal(table, reading)
    for done, (row, chosen) in enumerate(table):
        try:
            entry = Entry(
                row, _values(kind, row, dict(zip(reading.columns, chosen, strict=True)), decimal, codes, plan)
            )
            if entry.values["sku"] is not None:
                entries.append(entry)
        except cells.Unclear as unclear:
            plan.unclear = plan.unclear or str(unclear.reason)
        except cells.Bad as bad:
            plan.bad.append((row, str(bad.reason)))
        if done % STEP == 0:
            yield Progress(_("Checking the rows"), done, len(table))
    return entries


def _decimal(table: Sequence[Row], reading: Reading) -> str:
    """Which of comma and point is the decimal one, if the numbers of the sheet show it."""
    places = [place for place, name in enumerate(reading.columns) if name in NUMBERS]
    shown = {cells.decimal_of(chosen[place]) for _row, chosen in table for place in places} - {""}
    return shown.pop() if len(shown) == 1 else ""


def _values(
    kind: str, row: int, chosen: dict[str, files.Cell], decimal: str, codes: "Codes", plan: Plan
) -> dict[str, Any]:
    """The values of a row; of the SKU None if somebody must be asked what it means. Raises Bad."""
    values: dict[str, Any] = {}
    for name, cell in chosen.items():
        described = columns.fields(kind)[name]
        try:
            if name == "sku":
                values[name] = codes.read(row, cell, plan)
            elif name in NUMBERS:
                values[name] = cells.whole(cell, decimal)
            elif name == "barcode":
                values[name] = _barcode(cell)
            elif name in DATES:
                values[name] = cells.day(cell)
            else:
                values[name] = cells.text(cell, LONGEST.get(name, 255))
        except cells.Unclear:
            raise
        except cells.Bad as bad:
            raise cells.Bad(f"{columns.title(described)}: {bad.reason}") from bad
        if described.required and values[name] in ("", None) and not (name == "sku" and values[name] is None):
            raise cells.Bad(_("%(column)s is missing.") % {"column": columns.title(described)})
    return values


def _barcode(cell: files.Cell) -> str:
    """The cell as a barcode is stored. Raises Bad, also for an article number that has lost a zero or two."""
    code = barcode_of(cells.sku(cell))
    lost = _is_number(code) and not texts.gtins(code)
    if lost and any(0 < length - len(code) <= 2 and texts.gtins(code.zfill(length)) for length in (12, 13)):
        raise cells.Bad(_("%(written)s has lost its leading zeros. Make the column text.") % {"written": code})
    return code


class Codes:
    """The live products by SKU, and what a SKU can mean that a spreadsheet has damaged. ids: of products, by SKU."""

    def __init__(self, kind: str, table: Sequence[Row], reading: Reading) -> None:
        self.ids = dict(Product.objects.live().values_list("sku", "id"))
        self.answer = reading.meant
        self._length = _usual_length(table, reading) if kind == Import.Kind.PRODUCTS else 0
        self._packs: dict[str, tuple[str, int]] = {}
        if kind in (Import.Kind.STOCK, Import.Kind.ORDERS):
            rows = Barcode.objects.live().values_list("code", "product__sku", "pieces")
            self._packs = {code: (sku, pieces) for code, sku, pieces in rows}
        self._alike: dict[str, list[str]] = defaultdict(list)
        self._shortened: dict[int, dict[str, list[str]]] = {}
        for sku in self.ids:
            self._alike[bare(sku)].append(sku)

    def read(self, row: int, cell: files.Cell, plan: Plan) -> str | None:
        """The SKU that a cell means; None if it must be asked, which is then in the plan. Raises Bad."""
        lost: cells.Shortened | None = None
        try:
            written = self._by_barcode(cells.sku(cell))
            meant = [] if written in self.ids and isinstance(cell, str) else self._alike.get(bare(written), [])
        except cells.Shortened as shortened:
            lost, written = shortened, shortened.written
            meant = [written] if written in self.ids else self._with_end(shortened.number)
        others = [sku for sku in meant if sku != written]
        if len(meant) > 1:
            choices = ", ".join(meant[:5])
            raise cells.Bad(_("%(written)s can be any of: %(choices)s.") % {"written": written, "choices": choices})
        if not others and written not in self.ids and not lost:
            others = self._filled(written)
        if not others and lost and written not in self.ids:
            raise lost
        if not others:
            return written
        if self.answer == "yes":
            return others[0]
        if self.answer == "no":
            if lost:
                raise lost
            return written
        plan.meant.append((row, written, others[0]))
        return None

    def _by_barcode(self, written: str) -> str:
        """The SKU of the product that has this barcode, if it is no SKU itself. Raises Bad for that of a pack."""
        sku, pieces = self._packs.get(barcode_of(written), ("", 1))
        if not sku or written in self.ids:
            return written
        if pieces > 1:
            raise cells.Bad(
                _("This is the barcode of %(pieces)s pieces of %(sku)s. Give the SKU.") % {"pieces": pieces, "sku": sku}
            )
        return sku

    def _with_end(self, number: str) -> list[str]:
        """The SKUs that a spreadsheet shortens to this number."""
        kept = sum(sign.isdecimal() for sign in number.partition("E")[0])
        if kept not in self._shortened:
            found = self._shortened[kept] = defaultdict(list)
            for sku in self.ids:
                if sku.isascii() and sku.isdecimal():
                    found[cells.shortened(sku, kept)].append(sku)
        return self._shortened[kept].get(number, [])

    def _filled(self, written: str) -> list[str]:
        """The number with the zeros that it probably lost, if the other SKUs of the sheet have more digits."""
        is_short = _is_number(written) and self._length - SHORTER_BY <= len(written) < self._length
        return [written.zfill(self._length)] if is_short else []


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def bare(sku: str) -> str:
    """A SKU without what a spreadsheet takes away: leading zeros, blanks and invisible characters."""
    sku = texts.tidy(sku)
    return sku.lstrip("0") if _is_number(sku) else sku


def _usual_length(table: Sequence[Row], reading: Reading) -> int:
    """The number of digits that most SKUs of the sheet have, if they are article numbers; 0 otherwise."""
    place = list(reading.columns).index("sku")
    skus = (str(chosen[place]).strip() for _row, chosen in table)
    lengths = Counter(len(sku) for sku in skus if _is_number(sku))
    length, number = max(lengths.items(), key=lambda item: item[1], default=(0, 0))
    return length if length >= 8 and number * 2 > lengths.total() else 0
