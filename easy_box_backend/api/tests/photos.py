"""Functions that create test photos, in memory and once in each process, for tests of the pipeline and the API.

A good photo shows the same scene; upright, it is red top left, green top right, blue bottom left and yellow
bottom right.
"""

from __future__ import annotations

import random
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
SECRET = "Warehouse keeper's home"  # is in every metadata block, and must be in no output
FAST = {"preset": "ultrafast", "x265:ctu": "64", "x265:min-cu-size": "32"}  # options of the HEIC encoder
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    f'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="{SECRET}"/>'
    "</rdf:RDF></x:xmpmeta>"
).encode()


@lru_cache
def scene(width: int, height: int, finest: int = 10_000) -> Image.Image:
    """A picture with as much detail as a photograph: gradients, shapes, noise, and the four CORNERS. It is cached: copy
    it, don't change it.

    finest: the noise has at most so many grains in a row and column.
    """
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
    noise = Image.effect_noise((min(width, finest), min(height, finest)), 16).resize((width, height))
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


def plain_jpeg(colour: str) -> bytes:
    """A small JPEG of one colour."""
    return _saved(Image.new("RGB", (300, 200), colour), "JPEG")


def phone_jpeg() -> bytes:
    """12 megapixels, held upright: stored sideways as 4000x3000 with orientation 6 and GPS."""
    return jpeg(3000, 4000, 6)


@lru_cache
def heic(width: int = 640, height: int = 480, orientation: int = 1) -> bytes:
    """A HEIC in tiles, as phones write it: turned by its own `irot`, and its EXIF says the same again."""
    out = BytesIO()
    # With grains of one pixel, encoding 12 megapixels would take 5 s.
    from_pillow(_stored(width, height, orientation, finest=1000)).save(
        out, quality=50, exif=exif(orientation), xmp=XMP, icc_profile=srgb_profile(), tile_size=512,
        enc_params=FAST,
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


def tiny_webp(side: int) -> bytes:
    """A lossless WebP of side x side pixels of one colour, in 34 bytes."""
    header = (0x2F | (side - 1) << 8 | (side - 1) << 22).to_bytes(5, "little")
    data = b"VP8L\x0e\0\0\0" + header + bytes.fromhex("071011fd0f4444ff03")
    return b"RIFF" + (len(data) + 4).to_bytes(4, "little") + b"WEBP" + data


@lru_cache
def cmyk_jpeg(width: int = 640, height: int = 480) -> bytes:
    """A JPEG from a print shop."""
    return _saved(scene(width, height).convert("CMYK"), "JPEG", quality=88)


def truncated_jpeg() -> bytes:
    """An upload that broke off in the middle."""
    return jpeg()[: len(jpeg()) // 2]


def cut_jpeg(share: float = 0.02, progressive: bool = False) -> bytes:
    """A JPEG without its last bytes. share: how much of it is missing."""
    whole = jpeg(640, 480, 1, progressive)
    return whole[: int(len(whole) * (1 - share))]


def doubled_exif_jpeg() -> bytes:
    """A picture that is stored sideways, by a program that writes EXIF's header twice."""
    return _saved(_stored(640, 480, 6), "JPEG", quality=88, exif=b"Exif\0\0" + exif(6))


@lru_cache
def camera_jpeg(width: int = 12_000, height: int = 9_000) -> bytes:
    """A baseline JPEG of 108 megapixels, as phones with a large sensor make."""
    picture = Image.linear_gradient("L").resize((width, height), Image.Resampling.NEAREST)  # the others take 1 s
    return _saved(picture, "JPEG", quality=85)


@lru_cache
def scan_bomb_jpeg(scans: int = 2000, side: int = 64) -> bytes:
    """A progressive JPEG that paints its last refinement again and again: a small file, endless work."""
    plain = _saved(Image.new("L", (side, side), 128), "JPEG", progressive=True)
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


def packed_zeros(number: int) -> bytes:
    """So many zero bytes, packed by zlib. To be quick, one block is packed and then repeated."""
    block = 2**20
    packer, last = zlib.compressobj(9, wbits=-15), zlib.compressobj(9, wbits=-15)  # without head and checksum
    blocks = (packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)) * (number // block)
    checksum = (number % 65521) << 16 | 1
    return b"\x78\xda" + blocks + last.compress(bytes(number % block)) + last.flush() + struct.pack(">I", checksum)


@lru_cache
def bomb_png() -> bytes:
    """60,000 x 60,000 pixels by its header, in a few kilobytes of valid zlib."""
    pixels = png_chunk(b"IDAT", packed_zeros(5_000_000))
    return png_of(png_header(60_000, 60_000), pixels, png_chunk(b"IEND", b""))


@lru_cache
def text_bomb_png() -> bytes:
    """A one-pixel PNG whose compressed comment unpacks to 50 MB."""
    return png_of(
        png_header(1, 1),
        png_chunk(b"zTXt", b"Comment\0\0" + packed_zeros(50_000_000)),
        png_chunk(b"IDAT", zlib.compress(bytes(4))),
        png_chunk(b"IEND", b""),
    )


@lru_cache
def many_texts_png() -> bytes:
    """A one-pixel PNG with 60 compressed comments, each of which unpacks to nearly 1 MB."""
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9))
    pixel = png_chunk(b"IDAT", zlib.compress(bytes(4)))
    return png_of(png_header(1, 1), *[text] * 60, pixel, png_chunk(b"IEND", b""))


@lru_cache
def profile_bomb_png() -> bytes:
    """A one-pixel PNG whose colour profile unpacks to 50 MB."""
    profile = png_chunk(b"iCCP", b"name\0\0" + packed_zeros(50_000_000))
    pixel = png_chunk(b"IDAT", zlib.compress(bytes(4)))
    return png_of(png_header(1, 1), profile, pixel, png_chunk(b"IEND", b""))


@lru_cache
def profile_bomb_jpeg() -> bytes:
    """A JPEG with the largest colour profile that fits: 10 MB behind a good header."""
    return _saved(scene(64, 48), "JPEG", icc_profile=srgb_profile().ljust(10_000_000, b"\0"))


@lru_cache
def exif_bomb_jpeg() -> bytes:
    """A JPEG with a hundred EXIF blocks of 64 KB; its directory announces 65,535 entries."""
    block = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff".ljust(65_533, b"\0")
    segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    plain = _saved(scene(64, 48), "JPEG")
    return plain[:2] + segment * 100 + plain[2:]


@lru_cache
def empty_png(side: int) -> bytes:
    """A black RGBA PNG of side x side pixels in a few kilobytes."""
    rows = png_chunk(b"IDAT", packed_zeros(side * (1 + 4 * side)))
    return png_of(png_header(side, side, 8, 6), rows, png_chunk(b"IEND", b""))


@lru_cache
def animation(kind: str, frames: int) -> bytes:
    """So many frames of 40 x 40 pixels, each different. kind: WEBP, PNG or GIF."""
    pictures = [Image.new("RGB", (40, 40), (n % 256, n // 256, 90)) for n in range(frames)]
    return _saved(pictures[0], kind, save_all=True, append_images=pictures[1:], duration=20)


@lru_cache
def heic_album() -> bytes:
    """A HEIC of a hundred pictures."""
    album = from_pillow(scene(64, 48))
    for _ in range(99):
        album.add_from_pillow(scene(64, 48))
    out = BytesIO()
    album.save(out, quality=50, save_all=True, enc_params=FAST)
    return out.getvalue()


@lru_cache
def mpo() -> bytes:
    """A phone's multi-picture file: the scene, and 20 others."""
    others = [scene(640, 480).rotate(180)] * 20
    return _saved(scene(640, 480), "MPO", save_all=True, append_images=others)


def huge_jpeg() -> bytes:
    """65,535 x 65,535 pixels by its header."""
    raw = bytearray(_saved(Image.new("L", (16, 16)), "JPEG"))
    at = raw.find(b"\xff\xc0")
    raw[at + 5 : at + 9] = b"\xff" * 4
    return bytes(raw)


def avif() -> bytes:
    """Bytes that begin like an AVIF file."""
    return b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif" + bytes(500)


@lru_cache
def small_files() -> list[bytes]:
    """A small good file of each kind."""
    picture = scene(64, 48)
    return [
        jpeg(64, 48, 6),
        jpeg(64, 48, 3, True),
        heic(64, 48, 6),
        png(64, 48),
        webp(64, 48, 8),
        cmyk_jpeg(64, 48),
        _saved(picture.quantize(16), transparency=bytes(range(16))),
        _saved(picture.convert("L"), transparency=7),
        _saved(picture.convert("LA")),
        _saved(picture, save_all=True, append_images=[picture.rotate(9)]),
        _saved(picture, "WEBP", save_all=True, append_images=[picture.rotate(9)]),
    ]


def damaged(raw: bytes, dice: random.Random) -> bytes:
    """The file with some bytes changed, added or removed at random."""
    data = bytearray(raw)
    for _ in range(dice.choice((1, 1, 2, 5, 20))):
        at = dice.randrange(min(len(data), 400) if dice.random() < 0.5 else len(data))
        match dice.randrange(5):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                data[at] = dice.randrange(256)
            case 2:
                data[at : at + 4] = dice.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\0\1"))
            case 3:
                data[at:at] = dice.randbytes(dice.randrange(1, 9))
            case 4:
                del data[at : at + dice.randrange(1, 20)]
        if len(data) < 50:
            break
    return _with_right_checksums(bytes(data)) if dice.random() < 0.8 else bytes(data)


def _with_right_checksums(raw: bytes) -> bytes:
    """A damaged PNG with corrected checksums, so that readers do not reject it at once; other files unchanged."""
    if not raw.startswith(b"\x89PNG"):
        return raw
    out, at = raw[:8], 8
    while at + 12 <= len(raw):
        length = int.from_bytes(raw[at : at + 4])
        if at + 12 + length > len(raw):
            break
        out += png_chunk(raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length])
        at += 12 + length
    return out + raw[at:]


def svg() -> bytes:
    """An SVG with a script in it."""
    return b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def html() -> bytes:
    """A web page."""
    return b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"


def too_large_jpeg() -> bytes:
    """A file of 21 MB: a good JPEG, then zeros."""
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


def _stored(width: int, height: int, orientation: int, finest: int = 10_000) -> Image.Image:
    turn, upright = STORED_AS[orientation], scene(width, height, finest)
    return upright if turn is None else upright.transpose(turn)


def _saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()
