"""The program that decodes one photo, in a process of its own: `python decoder.py FORMAT <file`.

An upload can take any amount of memory and time, or crash a decoder. Here only this process ends, and it limits its
memory and time. `images/__init__.py` starts it and reads the answer from its standard output: a line of JSON, then two
JPEGs. To start fast, it imports no module of this project, and each library only when needed.

The order of the steps keeps memory and time low: check the size in the header first, then decode at the smallest scale
that the decoder offers. All further steps work on about 1,280 px.
"""

from __future__ import annotations

import json
import math
import re
import struct
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

if sys.platform != "win32":  # Windows has no such limits: for development only
    import resource

IMAGE_SIDE = 1280
THUMBNAIL_SIDE = 200
QUALITY = 85
#: The limits of the process: bytes of address space, seconds of processor time.
MEMORY = 640 * 1024 * 1024
SECONDS = 8
#: A JPEG of one scan is scaled down while it is decoded: about 25 MB for 12 megapixels, and no more for the 200 of
#: some phones.
STREAMED_PIXELS = 210_000_000
#: For formats that are decoded in full: PNG takes up to 4 bytes a pixel, HEIC 10, a JPEG of several scans 8.
FULL_PIXELS = 50_000_000
#: WebP takes 16.
WEBP_PIXELS = 30_000_000
#: A camera's progressive JPEG has about ten scans. Each further one costs 75 bytes of upload and 6 ms per
#: megapixel.
MAX_SCANS = 50
MAX_SCANNED_PIXELS = 600_000_000
#: A truncated JPEG is accepted if it has at least this part of its height.
SHOWN = 2 / 3

# WebP reserves memory for all pixels when it is opened. Pillow checks the size before, against twice this value.
Image.MAX_IMAGE_PIXELS = WEBP_PIXELS // 2
# The warning is about the animation; only the first frame is used.
warnings.filterwarnings("ignore", message="Invalid APNG", category=UserWarning)


class Refused(Exception):
    """The file cannot become a photo. code: a key of `images.BadImage.DETAILS`; facts: the values in its sentence."""

    def __init__(self, code: str, **facts: str | int) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts


def main() -> None:
    """Decode the file at standard input. The first argument is its format, a key of READERS."""
    limit()
    try:
        image, thumbnail = decode(sys.argv[1], sys.stdin.buffer.read())
        answer: dict[str, object] = {"image": len(image), "thumbnail": len(thumbnail)}
    except Refused as refused:
        image = thumbnail = b""
        answer = {"code": refused.code, "facts": refused.facts, "cause": repr(refused.__cause__)}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + image + thumbnail)


def limit() -> None:
    """Limit this process. Beyond MEMORY an allocation fails, beyond SECONDS the process is killed."""
    with suppress(OSError):  # Linux: if the machine runs out of memory, this process is killed first
        Path("/proc/self/oom_score_adj").write_text("1000")
    if sys.platform == "win32":
        return
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_AS, MEMORY)):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(what, (most, most))
        except (OSError, ValueError):  # macOS has no limit of memory; for development only
            if sys.platform == "linux":
                raise


def decode(kind: str, raw: bytes) -> tuple[bytes, bytes]:
    """The photo in `raw` and its thumbnail: upright sRGB JPEGs without metadata, at most IMAGE_SIDE and THUMBNAIL_SIDE.

    kind: its format, a key of READERS; no other is tried. Raises only Refused, whatever the content.
    """
    try:
        picture = READERS[kind](raw)
        image = _jpeg(picture)
        picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
        return image, _jpeg(picture)
    except MemoryError as error:
        raise Refused("image_too_complex") from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(kind, WEBP_PIXELS) from error


def _too_many_pixels(kind: str, most: int) -> Refused:
    return Refused("too_many_pixels", format=kind, max_megapixels=most // 1_000_000, max_pixels=most)


def _check_size(source: ImageFile, kind: str, most: int = FULL_PIXELS) -> None:
    if source.width * source.height > most:
        raise _too_many_pixels(kind, most)
    if not source.width or not source.height:
        raise Refused("image_truncated")


# A decoder may raise any exception on damaged input (SyntaxError, struct.error, RuntimeError, …). All are caught, but
# only around calls of Pillow and libheif. The cause is chained.


def _opened(reader: Callable[[BytesIO], ImageFile], raw: bytes) -> ImageFile:
    try:
        return reader(BytesIO(raw))
    except (MemoryError, Image.DecompressionBombError):
        raise
    except Exception as error:
        raise Refused(_reason(error)) from error


def _load(source: ImageFile) -> None:
    try:
        source.load()
    except MemoryError:
        raise
    except Exception as error:
        raise Refused(_reason(error)) from error


def _reason(error: Exception) -> str:
    """The code for an error of a decoder. libheif says only in the text of its error that it ran out of memory, or that
    there was a C++ exception, which mostly means the same."""
    is_out_of_memory = any(word in str(error) for word in ("emory", "C++ exception"))
    return "image_too_complex" if is_out_of_memory else "image_truncated"


def _finished(source: ImageFile, *, turn: bool = True) -> Image.Image:
    """The decoded picture as it is stored: small, upright, sRGB."""
    orientation = _orientation(source.info.get("exif")) if turn else 1
    profile = source.info.get("icc_profile")
    picture = _flat(source)
    picture.thumbnail((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.LANCZOS)
    picture = _srgb(picture, profile)
    return picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture


# --- PNG, WebP, HEIC ----------------------------------------------------------------------------------------------


def _read_png(raw: bytes) -> Image.Image:
    from PIL.PngImagePlugin import PngImageFile

    source = _opened(PngImageFile, raw)
    _check_size(source, "PNG")
    _load(source)
    return _finished(source)


def _read_webp(raw: bytes) -> Image.Image:
    from PIL.WebPImagePlugin import WebPImageFile

    source = _opened(WebPImageFile, raw)
    _check_size(source, "WebP", WEBP_PIXELS)
    _load(source)
    return _finished(source)


def _read_heic(raw: bytes) -> Image.Image:
    from pillow_heif import HeifImageFile

    source = _opened(HeifImageFile, raw)
    _check_size(source, "HEIC")
    _load(source)
    _check_size(source, "HEIC")  # the header may have named another size
    # libheif has already rotated it by its `irot` box; EXIF repeats that orientation.
    return _finished(source, turn=False)


# --- JPEG ---------------------------------------------------------------------------------------------------------


class _Jpeg(JpegImageFile):
    """Pillow's reader without reading the resolution from EXIF, which warns and fails on odd camera data.

    Used directly and not through Image.open: a phone's multi-picture file (MPO) is read as its main picture.
    """

    def _read_dpi_from_exif(self) -> None:
        pass


def _read_jpeg(raw: bytes) -> Image.Image:
    source = _opened(_Jpeg, raw)
    frame, scans, broken_at = _structure(raw)
    if frame in _SEQUENTIAL and scans == 1:
        _check_size(source, "JPEG", STREAMED_PIXELS)
    else:  # the coefficients of all scans are in memory until the last one
        _check_size(source, "progressive JPEG")
        if frame not in _SEQUENTIAL | _PROGRESSIVE or scans > MAX_SCANS:
            raise Refused("image_too_complex")
        if scans * source.width * source.height > MAX_SCANNED_PIXELS:
            raise Refused("image_too_complex")
    if broken_at is not None:  # libjpeg fills what is missing with grey, if there is an end marker
        source = _opened(_Jpeg, raw[:broken_at] + b"\xff\xd9")
    _draft(source)
    _load(source)
    if broken_at is not None and _shown_rows(source) < SHOWN * source.height:
        raise Refused("image_truncated")
    return _finished(source)


_MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")  # a marker that a length follows
_SEQUENTIAL, _PROGRESSIVE = {0xC0, 0xC1, 0xC9}, {0xC2, 0xCA}  # Huffman and arithmetic; others are very rare
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _END = 0xDA, 0xD9


def _structure(raw: bytes) -> tuple[int, int, int | None]:
    """A JPEG's frame marker (0: none), its number of scans (at most MAX_SCANS + 1), and the offset where it breaks off
    (None: it is complete)."""
    frame, scans, at = 0, 0, 2
    while marker := _MARKER.search(raw, at):
        if (kind := marker[0][1]) == _END:
            return frame, scans, None
        at = marker.end() + int.from_bytes(raw[marker.end() : marker.end() + 2])
        if at >= len(raw):
            return frame, scans, marker.start()
        if kind in _FRAMES:
            frame = frame or kind
        scans += kind == _SCAN
        if scans > MAX_SCANS:
            return frame, scans, None
    return frame, scans, len(raw)


def _draft(source: ImageFile) -> None:
    """Let libjpeg decode at the smallest of 1/2, 1/4 and 1/8 whose longer side is at least IMAGE_SIDE.

    Pillow takes the scale at which *both* sides are at least as long as those given here, so both are given.
    """
    longer = max(source.size)
    scale = next(scale for scale in (8, 4, 2, 1) if scale == 1 or longer // scale >= IMAGE_SIDE)
    source.draft(None, (max(1, source.width // scale), max(1, source.height // scale)))


def _shown_rows(source: Image.Image) -> int:
    """How many rows of a truncated JPEG were decoded: everything below them is grey. For CMYK: all rows."""
    from PIL import ImageChops

    if source.mode not in {"L", "RGB"}:
        return source.height
    grey = Image.new(source.mode, source.size, (128,) * len(source.getbands()))
    shown = ImageChops.difference(source, grey).getbbox()
    return shown[3] if shown else 0


READERS: dict[str, Callable[[bytes], Image.Image]] = {
    "JPEG": _read_jpeg,
    "PNG": _read_png,
    "WebP": _read_webp,
    "HEIC": _read_heic,
}


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
_EXIF = b"Exif\0\0"


def _orientation(exif: bytes | None) -> int:
    """The orientation (1 to 8) in an EXIF block; 1 if there is none or the block is damaged.

    It is parsed here, since Pillow's reader parses the whole untrusted block, with warnings and errors of many kinds.
    """
    block = exif or b""
    while block.startswith(_EXIF):  # some programs write the header twice
        block = block.removeprefix(_EXIF)
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
    """The picture as L, RGB or CMYK, on white, without palette, reduced if much too large.

    It is converted in strips: a transparent picture of 50 megapixels would need another 400 MB if converted at once.
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
    if strip.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips at 255 and does not scale
        return strip.point(lambda value: value / 257).convert(mode)
    if not strip.has_transparency_data:
        return strip.convert(mode)
    on_white = Image.new("RGBA", strip.size, "white")
    strip = strip.convert("LA") if strip.mode == "La" else strip
    try:
        on_white.alpha_composite(strip.convert("RGBA"))
    except ValueError as error:  # a PNG's transparency table may be longer than its palette
        raise Refused("image_truncated") from error
    return on_white.convert(mode)


def _srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in sRGB, converted from its profile. Every screen assumes sRGB for a file without a profile."""
    if profile:
        from PIL import ImageCms

        try:
            own = ImageCms.ImageCmsProfile(BytesIO(profile))
            space = {"GRAY": "L"}.get(own.profile.xcolor_space.strip(), own.profile.xcolor_space.strip())
            if space == picture.mode:
                srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
                converted = ImageCms.profileToProfile(picture, own, srgb, outputMode="RGB")
                return converted or picture.convert("RGB")
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass  # a damaged profile: slightly wrong colours are better than no photo
    return picture.convert("RGB")


def _jpeg(picture: Image.Image) -> bytes:
    picture.info.clear()  # otherwise Pillow would write a comment that it finds there
    out = BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return out.getvalue()


if __name__ == "__main__":
    main()
