"""A cache of whole lists as bytes, compressed. After a write, only the chunks that have changed are made again.

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
"""A chunk holds the rows of this many successive ids (or revisions, for ended orders)."""
LEVEL = 6
"""The level of compression, see docs/benchmarks.md."""
ADDRESSES = 4
"""For how many public addresses a list is kept compressed."""

PHOTOS = "\0"
"""The placeholder for the prefix of photo URLs in kept rows. No text in the database contains it."""
PHOTOS_IN_JSON = dump(PHOTOS)[:-1]

Place = tuple[int, int, int]
"""The sort key of a row in its list."""
Bucket = tuple[int, int]
"""The key of a chunk, by which chunks are sorted."""
Packed = tuple[bytes, "Part"]
"""The character before the first row of a chunk (`[` or `,`), and the compressed chunk, which begins with it."""


# --- Gzip ---------------------------------------------------------------------------------------------------------
class Part(NamedTuple):
    """A piece of text as part of a gzip stream. shift: the factor for the CRC of the text before it."""

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
    """A list in this process.

    tag: the revision tag for which it is up to date; "" while it is not complete. since: as in `whole_list`. places: by
    the id of the row. chunks: the rows as JSON.
    """

    lock: Lock = field(default_factory=Lock)
    tag: str = ""
    since: datetime | None = None
    places: dict[int, Place] = field(default_factory=dict)
    chunks: dict[Bucket, dict[Place, bytes]] = field(default_factory=lambda: defaultdict(dict))
    packed: dict[str, dict[Bucket, Packed]] = field(default_factory=dict)
    """The compressed chunks by address. One that has changed is missing here."""
    bodies: dict[str, bytes] = field(default_factory=dict)
    """The whole list by address, until something changes."""


PRODUCTS, ORDERS, ORDERS_FOR_PROGRAMS = LISTS = "products", "orders", "orders for programs"
_kept: dict[str, Kept] = {}


def forget() -> None:
    """Empty the cache. Needed only if the database goes back to an earlier state of the same epoch, as in tests."""
    _kept.update({name: Kept() for name in LISTS})


forget()


def whole_list(tag: str, photos: str, since: datetime | None = None, *, for_app: bool) -> tuple[str, bytes]:
    """All products, or the orders that the app shows, as gzipped JSON; with their tag, which may be newer than `tag`.

    tag: the present one (`revision.tag`), read by the caller in this request. A tag never stands for two states of the
    database. photos: the prefix of photo URLs. since: for the orders, see `lists.orders_kept_since`; None for products.

    If several requests need the same list and it must be made, one makes it and the others wait.
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
    """Bring a list up to the present revision; again if there was a write meanwhile. Only rows that have changed are
    read; all rows if it is not known which. After the last try the rows may be newer than the tag, never older."""
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
            for cache in (kept.places, kept.chunks, kept.packed):
                cache.clear()
        touched = {_remove(kept, kept.places.pop(key)) for key in changed if key in kept.places}
        touched |= {_add(kept, row) for row in rows}
        for bucket in touched:
            for packed in kept.packed.values():
                packed.pop(bucket, None)
            if not kept.chunks[bucket]:
                del kept.chunks[bucket]
        kept.tag, kept.since = tag, since


def _add(kept: Kept, row: dict[str, Any]) -> Bucket:
    """Add a row. Returns the key of its chunk. Running orders are sorted by id; after them the others, the latest
    revision first (`OrderQuerySet.as_in_the_app`)."""
    runs = row.get("status", Order.Status.OPEN) in Order.RUNNING
    place = kept.places[row["id"]] = (0, row["id"], 0) if runs else (1, -row["revision"], -row["id"])
    kept.chunks[_bucket(place)][place] = dump(row)
    return _bucket(place)


def _remove(kept: Kept, place: Place) -> Bucket:
    """Remove a row. Returns the key of its chunk."""
    del kept.chunks[_bucket(place)][place]
    return _bucket(place)


def _bucket(place: Place) -> Bucket:
    return place[0], place[1] // ROWS
