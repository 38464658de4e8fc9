"""Reads one cell as a text, SKU, number or date. A cell that is not clear is refused, or a person is asked; its value
is never guessed."""

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from api import texts
from api.sheets.files import Cell

_RUNS = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
"""The beginning of a text that a spreadsheet could run as a formula, with what `safe` put before it."""
_SHORTENED = re.compile(r"(\d)(?:[.,](\d+))?E\+(\d{1,2})", re.IGNORECASE)
_GROUPS = re.compile(r"(?<=\d)[\s'’](?=\d{3}(?!\d))")  # \s includes the no-break and the narrow spaces
_THREE_PLACES = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")
_ERRORS = {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#Н/Д", "#ССЫЛКА!", "#ЗНАЧ!", "#ИМЯ?"}
MAX_EXACT_DIGITS = 15
"""Spreadsheets keep this many digits of a number. A longer SKU that became a number has lost its last digits."""


class Bad(Exception):
    """A cell with no usable value. reason: a sentence for people."""

    def __init__(self, reason: str | Promise) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Shortened(Bad):
    """A SKU in scientific notation. written: the text of the cell. number: its remaining digits, as in `shortened`."""

    def __init__(self, written: str, number: str) -> None:
        super().__init__(
            _("The spreadsheet shortened this number to %(written)s, and its last digits are lost. Make the column "
              "text and export it again.") % {"written": written}
        )  # fmt: skip
        self.written, self.number = written, number


class Unclear(Bad):
    """A number such as 5,000: five with three decimal places, or five thousand."""


def safe(text: str) -> str:
    """`text` for a cell, with an apostrophe before it if a spreadsheet would run it as a formula. The function `text`
    removes the apostrophe."""
    return f"'{text}" if _RUNS.match(text) else text


def text(value: Cell, most: int = 255) -> str:
    """The cell as a tidy text, "" if it is empty. Raises Bad."""
    if value is None:
        return ""
    if isinstance(value, bool):
        raise Bad(_("This cell is true or false, not a text."))
    if isinstance(value, float):
        found = f"{value:.0f}" if value.is_integer() else f"{value:.15g}"
    elif isinstance(value, datetime):
        found = f"{value:%d.%m.%Y}" if value.time() == time() else f"{value:%d.%m.%Y %H:%M}"
    else:
        found = str(value)
    if found.startswith("'") and _RUNS.match(found):
        found = found[1:]
    found = texts.tidy(texts.storable(found))
    if found.upper() in _ERRORS:
        raise Bad(_("The cell has an error of the spreadsheet: %(error)s.") % {"error": found})
    if len(found) > most:
        raise Bad(_("The text is too long. The limit is %(most)s characters.") % {"most": most})
    return found


def sku(value: Cell) -> str:
    """The cell as a SKU, "" if it is empty. Raises Bad, and Shortened for a number whose last digits are lost.

    Leading zeros that a spreadsheet has removed are not noticed here, but in `actions/import_skus.py`.
    """
    if isinstance(value, date | time | timedelta):  # a datetime is a date
        raise Bad(_("The spreadsheet made a date of this SKU. Make the column text and export it again."))
    if isinstance(value, float) and abs(value) >= 10**MAX_EXACT_DIGITS:
        kept = shortened(str(int(value)), MAX_EXACT_DIGITS)
        raise Shortened(kept, kept)
    found = text(value, texts.MAX_SKU)
    match = _SHORTENED.fullmatch(found)
    if match and len(match[2] or "") < int(match[3]):
        raise Shortened(found, shortened(str(int(Decimal(found.replace(",", ".")))), 1 + len(match[2] or "")))
    return found


def shortened(digits: str, kept: int) -> str:
    """A number in scientific notation with `kept` digits: 4.60123E+12 has six."""
    return f"{Decimal(digits):.{kept - 1}E}"


def whole(value: Cell, decimal: str = "") -> int | None:
    """The cell as a whole number, None if it is empty. Raises Bad, and Unclear if it depends on `decimal`.

    decimal: the decimal separator in this column, comma or point; "" if it is not known.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = f"{value:.15g}" if isinstance(value, float) else text(value)
    if not found:
        return None
    plain = _without_groups(found)
    sign = -1 if found.startswith(("-", "−")) else 1
    if not isinstance(value, float) and (match := _THREE_PLACES.fullmatch(plain)):
        if not decimal:
            raise Unclear(_("%(written)s can be read in two ways.") % {"written": found})
        plain = plain.replace(match[1], "." if match[1] == decimal else "")
    number = _decimal(plain)
    if number is None:
        raise Bad(_("“%(written)s” is not a number.") % {"written": texts.cut(found, 40)})
    if number != number.to_integral_value():
        raise Bad(_("%(written)s is not a whole number of pieces.") % {"written": texts.cut(found, 40)})
    return sign * int(number)


def day(value: Cell) -> date | None:
    """The cell as a date, None if it is empty. Raises Bad, also for 3/4/2026, which can be read in two ways."""
    if isinstance(value, date):  # also with a time
        return date(value.year, value.month, value.day)
    found = text(value)
    if not found:
        return None
    iso = re.fullmatch(r"(\d{4})-(\d\d?)-(\d\d?)(?:[T ].*)?", found, re.ASCII)
    dotted = re.fullmatch(r"(\d\d?)\.(\d\d?)\.(\d{4})(?: .*)?", found, re.ASCII)
    parts = iso.groups() if iso else dotted.groups()[::-1] if dotted else ("0", "0", "0")
    try:
        return date(*map(int, parts))
    except ValueError as error:
        raise Bad(_("“%(written)s” is not a date such as 2026-12-31 or 31.12.2026.") % {"written": found}) from error


def _without_groups(found: str) -> str:
    """A number without its sign and without spaces between thousands."""
    return _GROUPS.sub("", found[1:] if found[:1] in ("+", "-", "−") else found)


def _decimal(plain: str) -> Decimal | None:
    """The value of a number without spaces between thousands; None if it is not a number. If it has both comma and
    point, the last one is the decimal separator. One that is repeated separates thousands."""
    marks = [mark for mark in plain if mark in ",."]
    if len(set(marks)) == 2:
        if marks.count(marks[-1]) > 1:
            return None
        plain = plain.replace(marks[0], "")
    elif len(marks) > 1:
        if not re.fullmatch(r"\d{1,3}([.,]\d{3})+", plain):
            return None
        plain = plain.replace(marks[0], "")
    plain = plain.replace(",", ".")
    return Decimal(plain) if re.fullmatch(r"\d{1,18}(\.\d{0,20})?", plain, re.ASCII) else None


def decimal_of(value: Cell) -> str:
    """The decimal separator, comma or point, as far as this cell shows which one its column uses; else ""."""
    plain = _without_groups(value.strip()) if isinstance(value, str) else ""
    if match := re.fullmatch(r"\d{1,3}([.,])\d{3}(?:\1\d{3})+|\d{1,3}(?:([.,])\d{3})+(?!\2)[.,]\d+", plain):
        return "," if "." in (match[1], match[2]) else "."
    match = re.fullmatch(r"(?:0|\d{4,})([.,])\d+|\d+([.,])(?:\d{1,2}|\d{4,})", plain)
    return (match[1] or match[2]) if match else ""
