"""Finds out what the SKUs of a sheet mean. A person is asked about those that a spreadsheet has damaged."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from django.utils.translation import gettext as _

from api import texts
from api.actions.import_rows import Plan, Reading, Row, is_number
from api.models import Barcode, Import, Product
from api.sheets import cells, files
from api.texts import barcode_of

SHORTER_BY = 4
"""A person is asked about a number that has up to this many digits fewer than most SKUs of the sheet."""


class Codes:
    """The live products by SKU, and what a SKU that a spreadsheet has damaged can mean. ids: of products, by SKU."""

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
        """The SKU that a cell means; None if a person must be asked, and the question is in the plan. Raises Bad."""
        lost: cells.Shortened | None = None
        try:
            written = self._by_barcode(cells.sku(cell))
            meant = [] if written in self.ids and isinstance(cell, str) else self._alike.get(bare(written), [])
        except cells.Shortened as shortened:
            lost, written = shortened, shortened.written
            meant = [written] if written in self.ids else self._shortened_to(shortened.number)
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
        """The SKU of the product with this barcode; the text itself if it is a SKU, or unknown. Raises Bad for the
        barcode of a pack."""
        sku, pieces = self._packs.get(barcode_of(written), ("", 1))
        if not sku or written in self.ids:
            return written
        if pieces > 1:
            raise cells.Bad(
                _("This is the barcode of %(pieces)s pieces of %(sku)s. Give the SKU.") % {"pieces": pieces, "sku": sku}
            )
        return sku

    def _shortened_to(self, number: str) -> list[str]:
        """The SKUs that a spreadsheet shortens to this number."""
        kept = sum(sign.isdecimal() for sign in number.partition("E")[0])
        if kept not in self._shortened:
            found = self._shortened[kept] = defaultdict(list)
            for sku in self.ids:
                if sku.isascii() and sku.isdecimal():
                    found[cells.shortened(sku, kept)].append(sku)
        return self._shortened[kept].get(number, [])

    def _filled(self, written: str) -> list[str]:
        """The number with the leading zeros that it probably lost, if most SKUs of the sheet have more digits; else
        an empty list."""
        is_short = is_number(written) and self._length - SHORTER_BY <= len(written) < self._length
        return [written.zfill(self._length)] if is_short else []


def bare(sku: str) -> str:
    """A SKU without what a spreadsheet takes away: leading zeros, blanks and invisible characters."""
    sku = texts.tidy(sku)
    return sku.lstrip("0") if is_number(sku) else sku


def _usual_length(table: Sequence[Row], reading: Reading) -> int:
    """The number of digits that most SKUs of the sheet have, if they are article numbers; 0 otherwise."""
    place = list(reading.columns).index("sku")
    skus = (str(chosen[place]).strip() for _row, chosen in table)
    lengths = Counter(len(sku) for sku in skus if is_number(sku))
    length, number = max(lengths.items(), key=lambda item: item[1], default=(0, 0))
    return length if length >= 8 and number * 2 > lengths.total() else 0
