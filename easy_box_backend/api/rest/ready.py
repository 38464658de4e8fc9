"""Whole lists as ready bytes: compressed once, and after a write only what has changed is made again.

Each process keeps the rows of a list as JSON, in chunks. For each public address, which photo URLs contain, it keeps
the chunks compressed. A gzip stream may consist of parts that were compressed separately, so the parts are put together
as they are (docs/decisions/0005).
"""

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple

from api import revision
from api.models import Order
from api.rest import lists
from api.rest.answers import dump

ROWS = 128
"""How many ids a chunk holds at most."""
LEVEL = 6
"""Of compression, see docs/benchmarks.md."""
ADDRESSES = 4
"""For how many public addresses a list is kept compressed."""

PHOTOS = "\0"
"""Stands for the prefix of photo URLs in kept rows. No text in the database contains it."""
PHOTOS_IN_JSON = dump(PHOTOS)[:-1]

Place = tuple[int, int, int]
"""Where a row is in its list; rows are sorted by it."""
Bucket = tuple[int, int]
"""Names a chunk. Chunks are sorted by it."""
Packed = tuple[bytes, "Part"]
"""A compressed chunk, and the sign before its first row, with which it begins."""


# --- Gzip ---------------------------------------------------------------------------------------------------------
class Part(NamedTuple):
    """A piece of text as part of a gzip stream. shift: what the CRC of the text before it is multiplied by."""

    deflated: bytes
    length: int
    crc: int
    shift: int


def part(text: bytes) -> Part:
    """Compress a piece of text. It refers to nothing before it and ends at a byte, so any other part may follow."""
    packer = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)
    deflated, zeros = packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH), bytes(len(text))
    shift = zlib.crc32(zeros, ONE) ^ zlib.crc32(zeros)
    return Part(deflated, len(text), zlib.crc32(text), shift)


def joined(parts: Iterable[Part]) -> bytes:
    """One gzip stream (RFC 1952) of these parts. It has one member, since some clients read only the first."""
    found, crc, length = [GZIP_HEADER], 0, 0
    for deflated, size, own, shift in parts:
        found.append(deflated)
        crc, length = _times(crc, shift) ^ own, length + size
    return b"".join([*found, LAST_BLOCK, struct.pack("<LL", crc, length & 0xFFFFFFFF)])


def _times(left: int, right: int) -> int:
    """The product of two CRCs. A CRC is a polynomial over two elements, modulo that of CRC-32; its highest bit is 1."""
    product = 0
    while left:
        if left & ONE:
            product ^= right
        left = left << 1 & 0xFFFFFFFF
        right = right >> 1 ^ (0xEDB88320 if right & 1 else 0)
    return product


ONE = 1 << 31
GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
LAST_BLOCK = b"\x03\0"
OPEN, CLOSE = part(b"["), part(b"]")


# --- Lists --------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Kept:
    """A list in this process, as it is at the tag and, for orders, since that midnight. The tag is empty if it is not
    complete."""

    lock: Lock = field(default_factory=Lock)
    tag: str = ""
    since: datetime | None = None
    places: dict[int, Place] = field(default_factory=dict)
    chunks: dict[Bucket, dict[Place, bytes]] = field(default_factory=lambda: defaultdict(dict))
    packed: dict[str, dict[Bucket, Packed]] = field(default_factory=dict)
    """By address. A chunk that has changed is missing here."""
    bodies: dict[str, bytes] = field(default_factory=dict)
    """By address, as long as nothing changes."""


PRODUCTS, ORDERS, ORDERS_FOR_PROGRAMS = LISTS = "products", "orders", "orders for programs"
_kept: dict[str, Kept] = {}


def forget() -> None:
    """Keep nothing. Only needed if the database goes back to an earlier state of the same epoch, as in tests."""
    _kept.update({name: Kept() for name in LISTS})


forget()


def whole_list(tag: str, photos: str, since: datetime | None = None, *, for_app: bool) -> tuple[str, bytes]:
    """All products, or the orders that the app shows, as gzipped JSON; with their tag, which may be newer than `tag`.

    tag: the present one (`revision.tag`), read by the caller in this request. It never names another state of the
    database. photos: the prefix of photo URLs. since: for the orders, see `lists.orders_kept_since`; None for products.

    Requests that need what is not there yet wait until the first of them has made it.
    """
    kept = _kept[PRODUCTS if since is None else ORDERS if for_app else ORDERS_FOR_PROGRAMS]
    with kept.lock:
        if (kept.tag, kept.since) != (tag, since):
            _refresh(kept, since, for_app=for_app)
        packed = kept.packed[photos] = kept.packed.pop(photos, {})  # the last one used is the last one here
        if len(kept.packed) > ADDRESSES:
            oldest = next(iter(kept.packed))
            del kept.packed[oldest]
            kept.bodies.pop(oldest, None)
        if photos not in kept.bodies:
            kept.bodies[photos] = _body(kept.chunks, packed, photos)
        return kept.tag, kept.bodies[photos]


def _body(chunks: dict[Bucket, dict[Place, bytes]], packed: dict[Bucket, Packed], photos: str) -> bytes:
    """The list at this address. Compresses the chunks that are missing in `packed`, and adds them to it."""
    prefix, parts = dump(photos)[:-1], list[Part]()
    for bucket in sorted(chunks):
        before = b"," if parts else b"["
        if bucket not in packed or packed[bucket][0] != before:
            rows = b",".join(row for _place, row in sorted(chunks[bucket].items()))
            packed[bucket] = before, part(before + rows.replace(PHOTOS_IN_JSON, prefix))
        parts.append(packed[bucket][1])
    return joined([*(parts or [OPEN]), CLOSE])


def _refresh(kept: Kept, since: datetime | None, *, for_app: bool) -> None:
    """Bring a list to the present revision, and again if there was a write meanwhile. Reads the rows that have changed;
    all of them if it can't be known which. After the last try the rows may be newer than the tag, never older."""
    for _try in range(5):
        tag = revision.tag()
        if (kept.tag, kept.since) == (tag, since):
            return
        after = revision.since(kept.tag, tag) if kept.since == since else None
        changed, rows = (
            lists.orders_changed(after, since, PHOTOS, for_app=for_app) if since else
            lists.products_changed(after, PHOTOS)
        )  # fmt: skip
        kept.tag = ""  # until it is complete again
        kept.bodies.clear()
        if after is None:
            for part_of_it in (kept.places, kept.chunks, kept.packed):
                part_of_it.clear()
        touched = {_remove(kept, kept.places.pop(key)) for key in changed if key in kept.places}
        touched |= {_add(kept, row) for row in rows}
        for bucket in touched:
            for packed in kept.packed.values():
                packed.pop(bucket, None)
            if not kept.chunks[bucket]:
                del kept.chunks[bucket]
        kept.tag, kept.since = tag, since


def _add(kept: Kept, row: dict[str, Any]) -> Bucket:
    """Add a row; returns its chunk. Running orders are sorted by id, the others behind them by revision, backwards
    (`OrderQuerySet.as_in_the_app`)."""
    runs = row.get("status", Order.Status.OPEN) in Order.RUNNING
    place = kept.places[row["id"]] = (0, row["id"], 0) if runs else (1, -row["revision"], -row["id"])
    kept.chunks[_bucket(place)][place] = dump(row)
    return _bucket(place)


def _remove(kept: Kept, place: Place) -> Bucket:
    del kept.chunks[_bucket(place)][place]
    return _bucket(place)


def _bucket(place: Place) -> Bucket:
    return place[0], place[1] // ROWS
