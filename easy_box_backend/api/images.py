"""Photos: from whatever a phone sends to two small clean JPEGs. Knows nothing of products, models or HTTP.

The order of the steps is what keeps memory and time low: look at the first bytes, read the size from the
header, refuse, and only then decode, as small as the decoder can. What follows works on about 1,280 px.
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
import threading
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageCms
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
IMAGE_SIDE = 1280
THUMBNAIL_SIDE = 200
QUALITY = 85
#: A camera's progressive JPEG has about ten scans. Each further one: 75 bytes of upload, 45 ms of our time.
MAX_SCANS = 50
#: Pictures up to this size are decoded without queueing.
LIGHT_PIXELS = 4_000_000

# A baseline JPEG is scaled down while it is decoded: some 35 MB for 12 megapixels, 40 MB for 50. HEIC, PNG,
# WebP and progressive JPEG must be decoded in full: 2 to 16 bytes a pixel, up to 0.8 GB for the largest WebP.
# They wait for each other, one at a time in a process, so that ten phones that send at once make a queue of
# a second each and not an out-of-memory kill.
_one_big_picture = threading.Semaphore(1)

# It is about the animation, of which only the first frame is used anyway.
warnings.filterwarnings("ignore", message="Invalid APNG", category=UserWarning)


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo ready to be stored: upright sRGB JPEGs without metadata.

    image: at most IMAGE_SIDE pixels a side. thumbnail: at most THUMBNAIL_SIDE.
    digest: hex SHA-256 of `image`. A name made from it changes exactly when the content does, so that a phone
    may cache it for ever.
    """

    image: bytes
    thumbnail: bytes
    digest: str


class BadImage(Exception):
    """The upload can't become a photo.

    code: a word for machines, a key of DETAILS. facts: the limits and names that its sentence mentions.
    """

    DETAILS: dict[str, str | Promise] = {
        "image_empty": _("The file is empty."),
        "image_too_large": _("The file is larger than %(max_megabytes)d MB."),
        "too_many_pixels": _("The picture has more than %(max_megapixels)d megapixels."),
        "image_too_complex": _("The picture is stored in an unusual way. Save it again as a plain JPEG."),
        "unsupported_format": _("%(format)s pictures are not supported. Send JPEG, PNG, WebP or HEIC."),
        "not_an_image": _("The file is not a picture. Send JPEG, PNG, WebP or HEIC."),
        "image_truncated": _("The picture is incomplete or damaged. Send it again."),
    }

    def __init__(self, code: str, **facts: str | int) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    @property
    def detail(self) -> str:
        """One sentence for the person who sent the file, in the language that is active now."""
        return str(self.DETAILS[self.code]) % self.facts


def prepare(upload: BinaryIO) -> Photo:
    """Turn an uploaded file into a Photo. What it is, its content decides, never its name or declared type.

    upload: a binary file, read from its start; at most MAX_BYTES + 1 bytes are read.
    Raises BadImage, and nothing else, for any content whatever.
    """
    upload.seek(0)
    raw = upload.read(MAX_BYTES + 1)
    if not raw:
        raise BadImage("image_empty")
    if len(raw) > MAX_BYTES:
        raise BadImage("image_too_large", max_megabytes=MAX_BYTES // 1024**2, max_bytes=MAX_BYTES)
    picture = _decode(raw)
    image = _jpeg(picture)
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return Photo(image=image, thumbnail=_jpeg(picture), digest=hashlib.sha256(image).hexdigest())


def _decode(raw: bytes) -> Image.Image:
    """The picture in `raw`, upright, RGB, at most IMAGE_SIDE a side. Raises BadImage."""
    reader = _reader(raw)
    # A decoder may raise anything on damaged input (SyntaxError, struct.error, RuntimeError, …), so all
    # is caught, but only around Pillow's and libheif's own work; the cause stays chained.
    try:
        source = reader(BytesIO(raw))
    except Image.DecompressionBombError as error:  # WebP checks by itself, against a higher limit
        raise _too_many_pixels() from error
    except Exception as error:
        raise BadImage("image_truncated") from error
    with source:
        _check_size(source)
        big = source.width * source.height > LIGHT_PIXELS
        if isinstance(source, JpegImageFile):
            scans = _scans(raw, source)
            big = big and (scans > 1 or "progressive" in source.info)
            _draft(source)
        with _one_big_picture if big else nullcontext():
            try:
                source.load()
            except Exception as error:
                raise BadImage("image_truncated") from error
            _check_size(source)  # a HEIC's header may have said something else
            exif, profile = source.info.get("exif"), source.info.get("icc_profile")
            # libheif has already turned a HEIC by its own `irot`; its EXIF says the same once more.
            turn = None if isinstance(source, HeifImageFile) else _TURNS.get(_orientation(exif))
            picture = _flat(source)
            picture.thumbnail((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.LANCZOS)
    picture = _srgb(picture, profile)
    return picture if turn is None else picture.transpose(turn)


def _too_many_pixels() -> BadImage:
    return BadImage("too_many_pixels", max_megapixels=MAX_PIXELS // 1_000_000, max_pixels=MAX_PIXELS)


def _check_size(source: ImageFile) -> None:
    if source.width * source.height > MAX_PIXELS:
        raise _too_many_pixels()
    if not source.width or not source.height:
        raise BadImage("image_truncated")


# --- What is it? --------------------------------------------------------------------------------------------

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_ANY_HEIF_BRANDS = {b"mif1", b"msf1", b"mif2", b"miaf"}
_UNSUPPORTED = {
    b"GIF8": "GIF", b"BM": "BMP", b"%PDF": "PDF", b"8BPS": "PSD", b"\0\0\1\0": "ICO",
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF",
    b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000",
}  # fmt: skip


class _Jpeg(JpegImageFile):
    """Pillow's reader without its look into EXIF for a resolution, which warns and fails on odd camera data.

    Used directly and not through Image.open: a phone's multi-picture file (MPO) is read as its main picture.
    """

    def _read_dpi_from_exif(self) -> None:
        pass


def _reader(raw: bytes) -> type[ImageFile]:
    """The decoder for what the first bytes say. Raises BadImage if there is none; no other is ever tried."""
    if raw.startswith(b"\xff\xd8\xff"):
        return _Jpeg
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
        return WebPImageFile
    if raw[4:8] == b"ftyp":
        length = min(int.from_bytes(raw[:4]), 256)
        brands = {raw[8:12], *(raw[at : at + 4] for at in range(16, length, 4))}
        if brands & _HEIC_BRANDS or (brands & _ANY_HEIF_BRANDS and not brands & _AVIF_BRANDS):
            return HeifImageFile
        if brands & _AVIF_BRANDS:
            raise BadImage("unsupported_format", format="AVIF")
    for start, name in _UNSUPPORTED.items():
        if raw.startswith(start):
            raise BadImage("unsupported_format", format=name)
    text = raw[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text:
        raise BadImage("unsupported_format", format="SVG")
    raise BadImage("not_an_image")


# --- JPEG ---------------------------------------------------------------------------------------------------

_MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")  # but for those without a length


def _scans(raw: bytes, source: JpegImageFile) -> int:
    """How often the picture is painted over; refused beyond MAX_SCANS: 20 MB of empty scans take hours."""
    assert source.fp is not None
    at, scans = source.fp.tell(), 1  # right behind the marker of the first scan
    while (marker := _MARKER.search(raw, at)) and (kind := marker[0][1]) != 0xD9:
        scans += kind == 0xDA
        if scans > MAX_SCANS:
            raise BadImage("image_too_complex", max_scans=MAX_SCANS)
        at = marker.end() + int.from_bytes(raw[marker.end() : marker.end() + 2])
    return scans


def _draft(source: JpegImageFile) -> None:
    """Let libjpeg decode at 1/2, 1/4 or 1/8, the smallest whose longer side is still at least IMAGE_SIDE.

    Pillow takes the scale that keeps *both* sides above what is asked, so a square gets less, or nothing.
    """
    longer = max(source.size)
    scale = next(scale for scale in (8, 4, 2, 1) if scale == 1 or longer // scale >= IMAGE_SIDE)
    source.draft(None, (max(1, source.width // scale), max(1, source.height // scale)))


# --- EXIF orientation ---------------------------------------------------------------------------------------

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION, _LONG = 0x0112, 4


def _orientation(exif: bytes | None) -> int:
    """The orientation (1 to 8) in an EXIF block; 1 if there is none, or it is broken: the picture isn't.

    Read by hand: Pillow's reader parses the whole untrusted block, with warnings and errors of many kinds.
    """
    block = (exif or b"").removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, directory)
        for at in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", block, at)
            if tag == _ORIENTATION:
                (value,) = struct.unpack_from(f"{order}{'I' if kind == _LONG else 'H'}", block, at + 8)
                return int(value)
    except struct.error:
        pass
    return 1


# --- Colours ------------------------------------------------------------------------------------------------

_GREYS = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "F"}
_STRIP_ROWS = 64


def _flat(source: Image.Image) -> Image.Image:
    """The picture as L, RGB or CMYK, without transparency (on white) or palette, shrunk if far too large.

    In strips: a transparent picture of 50 megapixels would need another 400 MB if converted at once.
    """
    mode = source.mode if source.mode == "CMYK" else "L" if source.mode in _GREYS else "RGB"
    factor = max(1, max(source.size) // (2 * IMAGE_SIDE))
    if source.mode == mode and not source.has_transparency_data:
        return source.reduce(factor) if factor > 1 else source
    flat = Image.new(mode, (math.ceil(source.width / factor), math.ceil(source.height / factor)))
    for top in range(0, source.height, _STRIP_ROWS * factor):
        bottom = min(source.height, top + _STRIP_ROWS * factor)
        strip = _opaque(source.crop((0, top, source.width, bottom)), mode)
        flat.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    return flat


def _opaque(strip: Image.Image, mode: str) -> Image.Image:
    if strip.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion cuts off at 255 and does not scale
        return strip.point(lambda value: value / 257).convert(mode)
    if not strip.has_transparency_data:
        return strip.convert(mode)
    on_white = Image.new("RGBA", strip.size, "white")
    strip = strip.convert("LA") if strip.mode == "La" else strip
    try:
        on_white.alpha_composite(strip.convert("RGBA"))
    except ValueError as error:  # a PNG's table of transparencies may be longer than its palette
        raise BadImage("image_truncated") from error
    return on_white.convert(mode)


def _srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The same colours as RGB in sRGB, which every screen assumes when a file carries no profile."""
    if profile:
        try:
            own = ImageCms.ImageCmsProfile(BytesIO(profile))
            space = {"GRAY": "L"}.get(own.profile.xcolor_space.strip(), own.profile.xcolor_space.strip())
            if space == picture.mode:
                srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
                converted = ImageCms.profileToProfile(picture, own, srgb, outputMode="RGB")
                return converted or picture.convert("RGB")
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass  # a broken profile: the colours are a little off, which is better than no photo
    return picture.convert("RGB")


def _jpeg(picture: Image.Image) -> bytes:
    picture.info.clear()  # Pillow would write a comment found there
    out = BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return out.getvalue()
