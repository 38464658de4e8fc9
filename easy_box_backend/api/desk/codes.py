"""Barcodes and QR codes to print, as SVG without styles or scripts, which the Content-Security-Policy allows.

A code holds the SKU exactly, since the app compares letter by letter (docs/flutter-app.md).
"""

import re
from dataclasses import dataclass
from itertools import groupby

import segno
from barcode.codex import Code128
from barcode.ean import EuropeanArticleNumber13
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from api import texts

DOT = 0.125
"""The width of a dot of a usual label printer (203 dpi), in mm. Bars are whole dots wide, so that none is blurred."""

QUIET = 11
"""White space on each side of the bars, in modules: Code 128 needs 10, EAN-13 11."""

QUIET_QR = 4
"""White space around a QR code, in modules."""


@dataclass(frozen=True, slots=True)
class Code:
    """A code to print. kind: `code128`, `ean13` or `qr`. svg: bars have the width in which they are to be printed; the
    size of a QR code is in the stylesheet."""

    kind: str
    svg: SafeString


class _Code128(Code128):
    def _try_to_optimize(self, encoded: list[int]) -> list[int]:
        """Do not optimize a text that begins with 99: python-barcode would take that for a switch to another character
        set, and drop it."""
        return encoded if self.code.startswith("99") else super()._try_to_optimize(encoded)


def code_of(text: str, room: float = 52) -> Code:
    """The code that holds exactly this text and is easiest to scan: bars if they fit into `room` mm, else a QR code.

    EAN-13 is used only for numbers that scanners return unchanged. Many scanners return one with a leading 0 as a UPC-A
    of 12 digits.
    """
    if len(text) == 13 and text[0] != "0" and texts.gtins(text):
        kind, modules = "ean13", EuropeanArticleNumber13(text).build()[0]
    elif re.fullmatch(r"[ -~]+", text):
        kind, modules = "code128", _Code128(text).build()[0]
    else:
        return Code("qr", qr(text))
    dots = min(3, int(room / DOT / (len(modules) + 2 * QUIET)))
    return Code(kind, _bars(modules, dots * DOT, text)) if dots >= 2 else Code("qr", qr(text))


def qr(text: str) -> SafeString:
    """A QR code. Its text is in UTF-8, which phones and scanners expect, without a marker of the encoding (ECI), which
    some of them cannot read."""
    drawn = segno.make(text, micro=False, encoding=None if text.isascii() else "utf-8", boost_error=True)
    size = len(drawn.matrix) + 2 * QUIET_QR
    path = _path(["".join("01"[bit] for bit in row) for row in drawn.matrix], QUIET_QR)
    return _svg("code qr", path, size, size, text)


def _bars(modules: str, width: float, text: str) -> SafeString:
    total = len(modules) + 2 * QUIET
    size = format_html('width="{}mm" preserveAspectRatio="none"', f"{total * width:g}")
    return _svg("code bars", _path([modules], QUIET), total, 1, text, size)


def _path(rows: list[str], quiet: int) -> SafeString:
    """The dark modules of these rows of 0 and 1 as one SVG path, with a rectangle for each run. quiet: white modules
    around them."""
    parts = []
    for y, row in enumerate(rows, start=quiet if len(rows) > 1 else 0):
        x = quiet
        for dark, run in groupby(row):
            length = len(list(run))
            if dark == "1":
                parts.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length
    return mark_safe("".join(parts))  # noqa: S308 - digits and letters of our own


def _svg(css: str, path: SafeString, width: int, height: int, text: str, more: str = "") -> SafeString:
    return format_html(
        '<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}" shape-rendering="crispEdges" {}>'
        '<path fill="#fff" d="M0 0h{}v{}H0z"/><path fill="#000" d="{}"/></svg>',
        css, width, height, text, more, width, height, path,
    )  # fmt: skip
