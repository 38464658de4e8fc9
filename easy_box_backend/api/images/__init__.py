"""Photos: turns an uploaded file into two small JPEGs without metadata. Independent of products, models and HTTP.

The format is detected from the first bytes. The file is decoded by `decoder.py`, in a process of its own with limits of
memory and time, one at a time per machine. So no upload can use up this process's memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

if sys.platform != "win32":  # on Windows, for development only, the lock holds in this process only
    import fcntl

MAX_BYTES = 20 * 1024 * 1024
#: The format is detected from this many first bytes.
LOOK = 1024
#: How long a photo waits for earlier ones to be decoded. Most take 0.2 s, a HEIC of 12 megapixels 1 s.
WAIT_SECONDS = 12.0
#: How many photos of one process may wait or be decoded at a time: of its four threads two stay free for all else.
PLACES = threading.BoundedSemaphore(2)
#: How long a decoder may take by the clock. Its processor time is limited too, so it reaches this only on a machine
#: under load. Both waits together are shorter than a stopping server waits for its requests (30 s).
DECODE_SECONDS = 18.0
#: The `Retry-After` of a program that gets DecoderBusy.
RETRY_SECONDS = 5

_windows_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo ready to be stored: upright sRGB JPEGs without metadata.

    image: at most decoder.IMAGE_SIDE pixels a side. thumbnail: at most decoder.THUMBNAIL_SIDE.
    digest: hex SHA-256 of `image`. A name made from it changes exactly when the content does, so that a phone
    may cache it for ever.
    """

    image: bytes
    thumbnail: bytes
    digest: str


class BadImage(Exception):
    """The upload cannot become a photo; a retry will not help.

    code: a word for programs, a key of DETAILS. facts: the limits and names that the sentence mentions.
    """

    DETAILS: dict[str, str | Promise] = {
        "image_empty": _("The file is empty."),
        "image_too_large": _("The file is larger than %(max_megabytes)d MB."),
        "too_many_pixels": _(
            "A %(format)s picture may have at most %(max_megapixels)d megapixels. Send a smaller one."
        ),
        "image_too_complex": _("The picture takes too much memory or time to decode. Save it again as a plain JPEG."),
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


class DecoderBusy(Exception):
    """Too many photos at once, or a machine under load. The photo may be fine and can be sent again."""

    code, detail = "busy", _("The server is busy with other photos. Send it again in a moment.")


class _DecoderError(Exception):
    """Why the decoder failed, as a text: the error itself was raised in another process."""


def prepare(upload: BinaryIO, *, lock_folder: Path) -> Photo:
    """Turn an uploaded file into a Photo. Its format is detected from the bytes, not from its name or declared type.

    upload: a seekable binary file. lock_folder: a folder on a local disk that all servers on the machine share; the
    server that holds its lock decodes. Raises BadImage for content that cannot become a photo, and DecoderBusy.
    """
    size = upload.seek(0, os.SEEK_END)
    upload.seek(0)
    if not size:
        raise BadImage("image_empty")
    if size > MAX_BYTES:
        raise BadImage("image_too_large", max_megabytes=MAX_BYTES // 1024**2, max_bytes=MAX_BYTES)
    kind = format_of(upload.read(LOOK))
    if not PLACES.acquire(blocking=False):
        raise DecoderBusy
    try:
        with lock(lock_folder) as held:
            upload.seek(0)
            return _run_decoder(kind, upload.read(), held)
    finally:
        PLACES.release()


def drawn_here(jpeg: bytes) -> Photo:
    """A Photo from a trusted JPEG, decoded in this process: for the demo."""
    from api.images import decoder

    return _photo(*decoder.decode("JPEG", jpeg))


def _photo(image: bytes, thumbnail: bytes) -> Photo:
    return Photo(image=image, thumbnail=thumbnail, digest=hashlib.sha256(image).hexdigest())


# --- The decoder's process ----------------------------------------------------------------------------------------

_DECODER = Path(__file__).with_name("decoder.py")
_STOPPED = {-signal.SIGINT, -signal.SIGTERM}  # the server and its processes are being stopped


@contextmanager
def lock(folder: Path) -> Iterator[tuple[int, ...]]:
    """Wait until no other process on the machine decodes. Yields the open files that hold the lock.

    Raises DecoderBusy after WAIT_SECONDS.
    """
    if sys.platform == "win32":
        if not _windows_lock.acquire(timeout=WAIT_SECONDS):
            raise DecoderBusy
        try:
            yield ()
        finally:
            _windows_lock.release()
        return
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder, os.O_RDONLY)
    end = time.monotonic() + WAIT_SECONDS
    try:
        while not _locked(file):
            if time.monotonic() > end:
                raise DecoderBusy
            time.sleep(0.02)
        yield (file,)
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _run_decoder(kind: str, raw: bytes, held: tuple[int, ...]) -> Photo:
    """Decode a file by decoder.py in a process of its own. Raises BadImage and DecoderBusy.

    held: open files that the decoder inherits. They keep the lock, also if this server is killed meanwhile.
    """
    # Without the environment, which has secrets; Windows cannot start a process without one.
    # One arena: glibc reserves 64 MB of address space for each further one, which the limit would count.
    environment = None if sys.platform == "win32" else {"MALLOC_ARENA_MAX": "1"}
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", "-B", str(_DECODER), kind],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=held, env=environment,
    ) as decoder:  # fmt: skip
        try:
            output, errors = decoder.communicate(raw, timeout=DECODE_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise DecoderBusy from error
        finally:
            decoder.kill()
    if decoder.returncode in _STOPPED:
        raise DecoderBusy
    if decoder.returncode < 0:  # another signal: out of time or memory, or a crash in a library
        raise BadImage("image_too_complex") from _DecoderError(f"ended by signal {-decoder.returncode}")
    if decoder.returncode:
        raise RuntimeError(f"The decoder ended with {decoder.returncode}: {errors.decode(errors='replace')[-2000:]}")
    head, _newline, files = output.partition(b"\n")
    answer = json.loads(head)
    if code := answer.get("code"):
        raise BadImage(code, **answer["facts"]) from _DecoderError(answer["cause"])
    return _photo(files[: answer["image"]], files[answer["image"] :])


# --- The format ---------------------------------------------------------------------------------------------

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_ANY_HEIF_BRANDS = {b"mif1", b"msf1", b"mif2", b"miaf"}
_UNSUPPORTED = {
    b"GIF8": "GIF", b"BM": "BMP", b"%PDF": "PDF", b"8BPS": "PSD", b"\0\0\1\0": "ICO",
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF",
    b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000",
}  # fmt: skip


def format_of(raw: bytes) -> str:
    """The format of a file by its first LOOK bytes. Raises BadImage if it is not in decoder.READERS."""
    if raw.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
        return "WebP"
    if raw[4:8] == b"ftyp":
        length = min(int.from_bytes(raw[:4]), 256)
        brands = {raw[8:12], *(raw[at : at + 4] for at in range(16, length, 4))}
        if brands & _HEIC_BRANDS or (brands & _ANY_HEIF_BRANDS and not brands & _AVIF_BRANDS):
            return "HEIC"
        if brands & _AVIF_BRANDS:
            raise BadImage("unsupported_format", format="AVIF")
    for start, name in _UNSUPPORTED.items():
        if raw.startswith(start):
            raise BadImage("unsupported_format", format=name)
    text = raw.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text:
        raise BadImage("unsupported_format", format="SVG")
    raise BadImage("not_an_image")
