"""Reads printed codes back, as a scanner does."""

import io
import re

import pypdfium2
import zxingcpp
from PIL import Image, ImageDraw

NAMES = {
    zxingcpp.BarcodeFormat.Code128: "code128",
    zxingcpp.BarcodeFormat.EAN13: "ean13",
    zxingcpp.BarcodeFormat.UPCA: "upca",
    zxingcpp.BarcodeFormat.QRCode: "qr",
}
FORMATS = zxingcpp.BarcodeFormats(list(NAMES))


def codes_in(picture: bytes | Image.Image) -> list[tuple[str, str]]:
    """The kind and text of each code in a picture, from top to bottom."""
    image = picture if isinstance(picture, Image.Image) else Image.open(io.BytesIO(picture))
    found = zxingcpp.read_barcodes(image.convert("L"), formats=FORMATS, text_mode=zxingcpp.TextMode.Plain)
    found.sort(key=lambda code: (code.position.top_left.y, code.position.top_left.x))
    return [(NAMES[code.format], code.text) for code in found]


def codes_in_pdf(pdf: bytes, dpi: int = 203) -> list[list[tuple[str, str]]]:
    """The codes on each page of a PDF, drawn at the resolution of a label printer."""
    return [codes_in(page.render(scale=dpi / 72).to_pil()) for page in pypdfium2.PdfDocument(pdf)]


def drawn(svg: str, module: int = 3) -> Image.Image:
    """An SVG of `api.desk.codes` as a picture. module: the width of a module in pixels."""
    box = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    assert box
    width, height = int(box[1]), int(box[2])
    tall = module if height > 1 else 60
    image = Image.new("L", (width * module, height * tall), 255)
    draw = ImageDraw.Draw(image)
    for x, y, length in (map(int, run) for run in re.findall(r"M(\d+) (\d+)h(\d+)v1h", svg)):
        draw.rectangle([x * module, y * tall, (x + length) * module - 1, (y + 1) * tall - 1], fill=0)
    return image
