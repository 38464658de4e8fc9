"""Cleans texts that people type and scanners read, and finds the SKUs that a scanned text can mean."""

import hashlib
import re
import unicodedata

MAX_SKU = 255
"""The most characters of a SKU. A longer one, such as the text of a QR code, is shortened (`sku_of`)."""

NO_SKU = "NO-SKU"
"""The SKU of goods whose label has no visible text. Not translated: phones compare SKUs letter by letter."""

# Characters without width: soft hyphen, marks and controls of direction, zero-width space, word joiner, byte order
# mark. Not the joiners U+200C and U+200D, which scripts and emoji are written with.
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def tidy(text: str) -> str:
    """`text` without surrounding blanks and without invisible characters."""
    return _INVISIBLE.sub("", text).strip()


def storable(text: str) -> str:
    """`text` with U+FFFD in place of characters that no database stores: NUL and lone surrogates."""
    return _UNSTORABLE.sub("\ufffd", text)


def folded(text: str) -> str:
    """`text` as it is searched and sorted: without regard to case, and with е for ё."""
    return unicodedata.normalize("NFC", text).casefold().replace("ё", "е")


def cut(text: str, most: int) -> str:
    """At most `most` characters of `text`; if it is cut, it ends in an ellipsis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def sku_of(text: str) -> str:
    """The SKU under which a scanned text is stored, the same one each time; "" if the text has no visible characters.

    A long one ends in a digest of the whole text, so that texts with the same beginning get different SKUs.
    """
    text = tidy(storable(text))
    if len(text) <= MAX_SKU:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[: MAX_SKU - 17]}~{digest}"


_TIMES = re.compile(r"(.*\S)(?:\s*[×*]\s*|\s+[xх]\s*)(\d[\d\s]{0,15})", re.IGNORECASE)  # Latin and Cyrillic x
_WHOLE = re.compile(r"(\d[\d\s]{0,15})(?:[.,]0{1,2})?")


def entered(row: str) -> list[tuple[str, int]]:
    """The possible readings of what somebody scanned, typed or pasted: codes and pieces, the likeliest first.

    `SOCK` is one piece; `SOCK×5`, `SOCK*5` and `SOCK x5` are five pieces, but can also be SKUs. In a row copied from a
    spreadsheet the first cell is the code, and the last number after it is the quantity. 0 pieces: the quantity cannot
    be read.
    """
    code, *cells = (tidy(cell) for cell in row.strip("\r\n").split("\t"))
    filled = [cell for cell in cells if cell]
    if filled:
        numbers = [int("".join(found[1].split())) for cell in filled if (found := _WHOLE.fullmatch(cell))]
        return [(code, numbers[-1] if numbers else 0)]
    times = _TIMES.fullmatch(code)
    return [(code, 1)] + ([(times[1], int("".join(times[2].split())))] if times else [])


def gtins(sku: str) -> list[str]:
    """The other ways to write this article number (GTIN), with fewer or more leading zeros.

    An EAN-13 with a leading zero is a UPC-A; on cartons the number has 14 digits (GS1 General Specifications, section
    7.9, also for the check digit). Empty for any other text, and for a number with a wrong check digit.
    """
    if not check_digit_ok(sku):
        return []
    digits = sku.zfill(14)
    spellings = (digits[14 - length :] for length in (13, 12, 14, 8) if not digits[: 14 - length].strip("0"))
    return [spelling for spelling in spellings if spelling != sku]


def check_digit_ok(code: str) -> bool | None:
    """Whether an article number (GTIN) ends in the right check digit; None for a text that can't be one."""
    if len(code) not in (8, 12, 13, 14) or not (code.isascii() and code.isdecimal()):
        return None
    return sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(code.zfill(14))) % 10 == 0


def barcode_of(text: str) -> str:
    """The barcode under which a scanned text is stored: as a SKU (`sku_of`), but an article number always in the same
    spelling, an EAN-8 or EAN-13 where it can be one. So two spellings of one number are never two barcodes."""
    code = sku_of(text)
    spellings = {len(spelling): spelling for spelling in (code, *gtins(code))}
    return spellings.get(8) or spellings.get(13) or code


def skus_of(*texts: str, blank: str = "") -> list[str]:
    """The SKUs that a scanned text can mean, the likeliest first.

    texts: its possible readings, the likeliest first. blank: the SKU of a text without visible characters, "" for none.
    After the texts as cleaned come the texts with their invisible characters, which older SKUs can have, and last the
    other spellings of an article number, which count only if the SKU itself does not exist.
    """
    kept = [sku_of(text) for text in texts]
    kept[0] = kept[0] or blank
    found = kept + [storable(text).strip()[:MAX_SKU] for text in texts] + [twin for sku in kept for twin in gtins(sku)]
    return [sku for sku in dict.fromkeys(found) if sku]
