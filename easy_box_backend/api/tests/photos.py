"""Makers of test photos, all in memory and made once a process. For the tests of the pipeline and of the API.

A good photo shows the same scene; upright, it is red top left, green top right, blue bottom left and yellow
bottom right.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageChops, ImageCms, ImageDraw
from PIL.PngImagePlugin import PngInfo
from pillow_heif import from_pillow

CORNERS = {"red": (220, 30, 40), "green": (30, 170, 60), "blue": (30, 60, 210), "yellow": (235, 205, 40)}
#: What a camera with this EXIF orientation does to the upright scene before it stores it.
STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
SECRET = "Warehouse keeper's home"  # in every metadata block: must be in no output
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    f'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="{SECRET}"/>'
    "</rdf:RDF></x:xmpmeta>"
).encode()


@lru_cache
def scene(width: int, height: int) -> Image.Image:
    """As rich as a photograph: gradients, shapes, noise; with the four CORNERS. Copy it, don't change it."""
    small = Image.merge(
        "RGB",
        [
            Image.radial_gradient("L").resize((width // 4, height // 4)),
            Image.linear_gradient("L").resize((width // 4, height // 4)),
            Image.linear_gradient("L").rotate(90).resize((width // 4, height // 4)),
        ],
    )
    draw = ImageDraw.Draw(small)
    for n in range(60):  # boxes and balls of all colours
        left, top = n * 37 % (width // 4), n * 91 % (height // 4)
        box = (left, top, left + width // 40 + n, top + height // 30 + n)
        colour = (n * 47 % 256, 255 - n * 4, n * 31 % 256)
        (draw.ellipse if n % 2 else draw.rectangle)(box, fill=colour, outline="black")
    columns, rows = (0, width // 4 - width // 16), (0, height // 4 - height // 16)
    for (left, top), colour in zip(((x, y) for y in rows for x in columns), CORNERS.values(), strict=True):
        draw.rectangle((left, top, left + width // 16, top + height // 16), fill=colour)
    picture = small.resize((width, height), Image.Resampling.BICUBIC)
    noise = Image.effect_noise((width, height), 16)
    return ImageChops.add(picture, Image.merge("RGB", [noise] * 3), offset=-128)


def exif(orientation: int = 6) -> bytes:
    """An EXIF block as a phone writes it: orientation, camera, place."""
    block = Image.Exif()
    block[0x0112], block[0x010F], block[0x010E] = orientation, "Phone", SECRET
    block.get_ifd(0x8825).update({1: "N", 2: (55.0, 45.0, 21.0), 3: "E", 4: (37.0, 37.0, 2.0)})
    return block.tobytes()


def srgb_profile() -> bytes:
    """An sRGB ICC profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@lru_cache
def jpeg(width: int = 640, height: int = 480, orientation: int = 1, progressive: bool = False) -> bytes:
    """A camera JPEG of that size when upright, with GPS, XMP, ICC and a comment."""
    return _saved(
        _stored(width, height, orientation), "JPEG", quality=88, progressive=progressive, comment=SECRET,
        exif=exif(orientation), xmp=XMP, icc_profile=srgb_profile(),
    )  # fmt: skip


def phone_jpeg() -> bytes:
    """12 megapixels, held upright: stored sideways as 4000x3000 with orientation 6 and GPS."""
    return jpeg(3000, 4000, 6)


@lru_cache
def heic(width: int = 640, height: int = 480, orientation: int = 1) -> bytes:
    """A HEIC in tiles, as phones write it: turned by its own `irot`, and its EXIF says the same again."""
    out = BytesIO()
    from_pillow(_stored(width, height, orientation)).save(
        out, quality=50, exif=exif(orientation), xmp=XMP, icc_profile=srgb_profile(), tile_size=512,
        enc_params={"preset": "ultrafast"},
    )  # fmt: skip
    return out.getvalue()


def phone_heic() -> bytes:
    """The same picture as `phone_jpeg`, as an iPhone sends it."""
    return heic(3000, 4000, 6)


@lru_cache
def png(width: int = 640, height: int = 480) -> bytes:
    """A plain PNG with EXIF and text."""
    text = PngInfo()
    text.add_text("Comment", SECRET)
    return _saved(scene(width, height), "PNG", pnginfo=text, exif=exif(1), icc_profile=srgb_profile())


@lru_cache
def transparent_png(width: int = 640, height: int = 480) -> bytes:
    """The scene with a see-through (black) band of a third of the height in the middle."""
    picture = scene(width, height).convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, height // 3, width, height * 2 // 3))
    return _saved(picture, "PNG")


@lru_cache
def webp(width: int = 640, height: int = 480, orientation: int = 1) -> bytes:
    """A WebP with EXIF and XMP."""
    stored = _stored(width, height, orientation)
    return _saved(stored, "WEBP", quality=80, exif=exif(orientation), xmp=XMP, icc_profile=srgb_profile())


@lru_cache
def cmyk_jpeg(width: int = 640, height: int = 480) -> bytes:
    """A JPEG from a print shop."""
    return _saved(scene(width, height).convert("CMYK"), "JPEG", quality=88)


def truncated_jpeg() -> bytes:
    """An upload that broke off in the middle."""
    return jpeg()[: len(jpeg()) // 2]


def scan_bomb_jpeg(scans: int = 2000) -> bytes:
    """A progressive JPEG that paints its last refinement again and again: a small file, endless work."""
    plain = _saved(Image.new("L", (64, 64), 128), "JPEG", progressive=True)
    last = plain.rindex(b"\xff\xda")
    return plain[:-2] + plain[last:-2] * scans + plain[-2:]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk with its right checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(*chunks: bytes) -> bytes:
    """A PNG file of chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """The IHDR chunk; colour: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


@lru_cache
def bomb_png() -> bytes:
    """60,000 x 60,000 pixels by its header, in a few kilobytes of valid zlib."""
    pixels = zlib.compress(bytes(5_000_000), 9)
    return png_of(png_header(60_000, 60_000), png_chunk(b"IDAT", pixels), png_chunk(b"IEND", b""))


@lru_cache
def text_bomb_png() -> bytes:
    """A one-pixel PNG whose compressed comment unpacks to 50 MB."""
    packer = zlib.compressobj(9)
    text = b"".join(packer.compress(bytes(1_000_000)) for _ in range(50)) + packer.flush()
    return png_of(
        png_header(1, 1),
        png_chunk(b"zTXt", b"Comment\0\0" + text),
        png_chunk(b"IDAT", zlib.compress(bytes(4))),
        png_chunk(b"IEND", b""),
    )


def svg() -> bytes:
    """An SVG with a script in it."""
    return b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def html() -> bytes:
    """A web page."""
    return b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"


def too_large_jpeg() -> bytes:
    """21 MB: a good JPEG with a tail."""
    return jpeg() + bytes(21 * 1024 * 1024 - len(jpeg()))


def is_upright(picture: Image.Image, tolerance: int = 60) -> bool:
    """Whether the four corners have the colours of the upright scene."""
    picture = picture.convert("RGB")
    x, y = picture.width // 16, picture.height // 16
    spots = ((x, y), (picture.width - x, y), (x, picture.height - y), (picture.width - x, picture.height - y))
    return all(
        max(abs(a - b) for a, b in zip(_average(picture, spot), colour, strict=True)) <= tolerance
        for spot, colour in zip(spots, CORNERS.values(), strict=True)
    )


def _average(picture: Image.Image, spot: tuple[int, int]) -> tuple[int, ...]:
    reach = max(1, picture.width // 40)
    box = (spot[0] - reach, spot[1] - reach, spot[0] + reach, spot[1] + reach)
    colour = picture.resize((1, 1), Image.Resampling.BOX, box=box).getpixel((0, 0))
    assert isinstance(colour, tuple)
    return tuple(int(part) for part in colour)


def _stored(width: int, height: int, orientation: int) -> Image.Image:
    turn = STORED_AS[orientation]
    return scene(width, height) if turn is None else scene(width, height).transpose(turn)


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()
