"""Printed codes hold exactly the SKU, as the app compares it."""

import random
import re

import pytest

from api.desk.codes import code_of, qr
from api.tests.desk.decoding import codes_in, drawn

pytestmark = pytest.mark.any_database


def scan(text: str, room: float = 1000) -> tuple[str, str]:
    """The kind and the text that a scanner reads from the code of a text."""
    code = code_of(text, room)
    [(kind, found)] = codes_in(drawn(code.svg))
    assert kind == code.kind
    return kind, found


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("APRON-1", "code128"),
        ("a b+c%20&=#/;", "code128"),
        ("7", "code128"),
        ("12345", "code128"),
        ("99-1", "code128"),
        ("A1234567B89", "code128"),
        ("4006381333931", "ean13"),
        ("4006381333932", "code128"),  # a wrong check digit
        ("0012345678905", "code128"),  # as EAN-13 it would come back as a UPC-A
        ("012345678905", "code128"),
        ("ФАРТУК-1", "qr"),
        ("Schürze", "qr"),
        ("棚-1", "qr"),
        ("A\x1dB", "qr"),
        ("x" * 255, "qr"),
        ("я" * 255, "qr"),
        ("\"<&>'", "code128"),
    ],
)
def test_a_scanner_reads_exactly_the_text(text: str, kind: str) -> None:
    assert scan(text, room=52) == (kind, text)


def test_random_texts_of_printable_characters_are_read_back_exactly() -> None:
    chance = random.Random(7)
    characters = [chr(code) for code in range(32, 127)] + list("0123456789") * 8
    wrong = []
    for _ in range(400):
        text = "".join(chance.choices(characters, k=chance.randint(1, 30))).strip() or "-"
        if scan(text)[1] != text:
            wrong.append(text)
    assert wrong == []


def test_bars_are_whole_dots_of_a_label_printer_and_fit_or_are_a_qr_code() -> None:
    for length in range(1, 40):
        code = code_of("A" * length, room=52)
        if code.kind == "qr":
            assert length > 10
            continue
        width = re.search(r'width="([\d.]+)mm"', code.svg)
        modules = re.search(r'viewBox="0 0 (\d+) ', code.svg)
        assert width
        assert modules
        module = float(width[1]) / int(modules[1])
        assert module in (0.25, 0.375)
        assert float(width[1]) <= 52


def test_the_svg_has_no_style_and_escapes_the_text() -> None:
    svg = code_of("<b>&\"'").svg + qr("<b>я")
    assert "style" not in svg
    assert "<b>" not in svg
