"""Reads the rows of a sheet as values. It finds numbers that can be read in two ways. For SKUs see `import_skus`."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.utils.translation import gettext as _

from api import texts
from api.models import MAX_NOTE
from api.sheets import cells, columns, files
from api.texts import barcode_of

if TYPE_CHECKING:
    from api.actions.import_skus import Codes

T = TypeVar("T")
STEP = 1000
"""How many rows are handled between two reports of the progress."""
NUMBERS = {"counted", "quantity", "pieces", "min_quantity"}
DATES = {"due_on"}
LONGEST = {"location": 100, "number": 100, "note": MAX_NOTE}


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

    header: the place of the header's row. columns: the place of the column by field. decimal: "," or "." if a person
    was asked. meant: whether SKUs that look like those of products mean these products: "yes", "no", "" if not
    answered. counted_at: ISO 8601.
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
    """What an import would do.

    bad: rows that cannot be imported, with the reason. meant: rows whose SKU was damaged by a spreadsheet, with what is
    written and what is probably meant. unclear: a number that can be read in two ways. new, changed: what to do. same:
    rows without a difference. A count that agrees is booked all the same: `changed` includes `agreeing` such counts.
    """

    rows: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)
    meant: list[tuple[int, str, str]] = field(default_factory=list)
    unclear: str = ""
    new: list[Any] = field(default_factory=list)
    changed: list[Any] = field(default_factory=list)
    same: int = 0
    agreeing: int = 0

    def report(self) -> dict[str, Any]:
        """The plan as people read it, JSON-able."""
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
    """The values of the rows that can be read. The others, and questions about them, are added to the plan."""
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
    """The decimal separator, comma or point, if the numbers of the sheet show it; else ""."""
    places = [place for place, name in enumerate(reading.columns) if name in NUMBERS]
    shown = {cells.decimal_of(chosen[place]) for _row, chosen in table for place in places} - {""}
    return shown.pop() if len(shown) == 1 else ""


def _values(
    kind: str, row: int, chosen: dict[str, files.Cell], decimal: str, codes: "Codes", plan: Plan
) -> dict[str, Any]:
    """The values of a row. The SKU is None if a person must be asked what it means. Raises Bad."""
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
    lost = is_number(code) and not texts.gtins(code)
    if lost and any(0 < length - len(code) <= 2 and texts.gtins(code.zfill(length)) for length in (12, 13)):
        raise cells.Bad(_("%(written)s has lost its leading zeros. Make the column text.") % {"written": code})
    return code


def is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
