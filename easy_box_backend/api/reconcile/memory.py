"""What the server remembers of one app device, to understand its next request.

Most of it is forgotten at each pull of the product list, since a phone pulls only after all its queues are empty.
It is stored as JSON (see `phones/memory.py`). The stored keys never change, so that each release reads what another
one has written: a field that gets another name keeps its key by `rename`.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.conf import settings

from api.reconcile.chances import UNSEEN, Timing
from api.reconcile.line import Line
from api.reconcile.presses import Page
from api.reconcile.stored_stories import Stored

VERSION = 2
"""The version of the stored document. It grows when a release gives a stored key another meaning."""

KEPT_PULLS = 5
"""How many pulls are remembered: the answers of the latest may have been lost on their way."""

KEPT_STREAMS = 4
KEPT_MADE = 200

NO_TIMING = Timing(0.0)

DECIDED = 0
"""In place of a movement: a manager has decided about the addition, or is asked something else about it."""


class Addition(msgspec.Struct, array_like=True):
    """An addition that the phone's stories still disagree about.

    came_at: in seconds since 1970. movement: the booking; None if it is not booked, DECIDED if it is decided otherwise.
    """

    product: int
    quantity: int
    came_at: float
    movement: int | None = None


class Question(msgspec.Struct, array_like=True):
    """An open discrepancy about additions of one product. additions: by number, how many pieces more or less another
    story books; with several numbers all of these or none. facts: the fingerprint of its facts."""

    discrepancy: int
    additions: dict[int, int] = {}
    facts: str = ""


class Shown(msgspec.Struct):
    """What the phone says of a product since its own last accepted PUT.

    first_request: the number of the request that was the first of its PUTs since the pull. fingerprints: of these.
    fields, photo: the description, and the phone's own photo (`updates.Sent.file`), in the last of them. revision: of
    the product after it.
    """

    first_request: int = 0
    fingerprints: list[str] = []
    fields: dict[str, str] = {}
    revision: int = 0
    photo: str = ""


class Created(msgspec.Struct):
    """The answer to a creation, which the app shows from then on. number: of the request."""

    product: int
    revision: int
    number: int


class Stream(msgspec.Struct):
    """Requests that came at machine speed over one connection.

    began, last: the numbers of its first and its latest request.
    """

    began: int
    last: int
    last_at: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a request came in relation to the device's previous request.

    quick: too soon after it for a person to have caused it. previous_kind: the kind of that request, "" for none.
    connection, stream: on which connection, and the number of the request with which its stream there began.
    timing: the same for the stories.
    """

    quick: bool
    same_connection: bool
    previous_kind: str
    connection: str = ""
    stream: int = 0
    timing: Timing = NO_TIMING


class Memory(
    msgspec.Struct,
    rename={
        "quick_since": "burst",
        "quick_since_pull": "behind_pull",
        "lookups_in_a_row": "in_a_row",
        "stuck_at_unknown_sku": "draining",
        "created": "created_answers",
        "created_products": "made",
    },
    omit_defaults=True,
):
    """All that is remembered of a device; `forget_queues` shows what is about the time since the last pull only."""

    version: int = msgspec.field(default_factory=lambda: VERSION)  # is stored always, as its default changes
    number: int = 0
    """How many requests of this device have been read."""
    last_at: float = 0.0
    last_kind: str = ""
    connection: str = ""
    streams: dict[str, Stream] = {}
    """The latest stream of each of the last few connections."""
    quick_since: int = 0
    """The number of the request since which all came too fast for a person to have caused them."""
    pulls: list[int] = []
    """The revisions of its last pulls of the product list."""
    pull_seen: bool = False
    """Whether the answer to the last pull arrived for certain."""
    pull_unread: float = UNSEEN
    """How much likelier it is that this answer was lost, see `Timing.unread`."""
    unread: list[float] = []
    """The same of the pulls before it, the latest last."""
    order_pulls: list[int] = []
    """The revisions of its last pulls of the orders."""
    order_puts: dict[int, str] = {}
    """The fingerprint of its last PUT of each order since the last pull of the orders."""
    created: list[Created] = []
    """The answers to its creations since the last pull."""
    line: Line = msgspec.field(default_factory=Line)
    stories: Stored = msgspec.field(default_factory=Stored)
    """What it can have been doing, see `stories.py`."""
    additions: dict[int, Addition] = {}
    """By their numbers in the stories."""
    questions: dict[int, list[Question]] = {}
    """By product, while later requests can still decide them."""
    implausible: list[tuple[int, int]] = []
    """Implausibly large additions since the last pull, product and quantity: the phone counts them, the ledger does
    not."""
    quick_since_pull: bool = False
    """Whether every request came too soon after the previous one for a person to have caused it."""
    refused: list[str] = []
    """The fingerprints of the requests that were refused."""
    lookups_in_a_row: int = 0
    """How many look-ups came since the last pause or other request."""
    last_sku: str = ""
    """The SKU of the last look-up."""
    misses: dict[str, int] = {}
    """By unknown SKU: at how many openings of the screen the phone has asked for it (see `scanning.py`)."""
    missed_at: dict[str, float] = {}
    """By unknown SKU: when it asked for it last, in seconds since 1970."""
    stuck_at_unknown_sku: bool = False
    """Whether its queue was stuck at an unknown SKU, so that others in the queue are made at once."""
    stuck_at: str = ""
    """The last SKU at which it was."""
    pull_number: int = 0
    """The number of the request that was the last pull."""
    pull_connection: str = ""
    shown: dict[int, Shown] = {}
    shown_before: dict[int, Shown] = {}
    """`shown` before the last pull, whose answer may have been lost; a second pass may also still send these PUTs."""
    pages: dict[int, Page] = {}
    """By product: the numbers of + and −."""
    aliases: dict[str, int] = {}
    """The product of each UUID that the phone uses."""
    created_products: dict[int, dict[str, str]] = {}
    """By product that the phone created, or that a creation turned out to be: the description that it shows."""
    deleted: list[int] = []
    """The products that it deleted."""
    photos: dict[int, str] = {}
    """By product: the digest of the photo that it uploaded last, which the photo's URL contains."""

    @property
    def has_queues(self) -> bool:
        """Whether there is anything of a queue to forget at the next pull."""
        numbers = self.pages or self.shown or self.implausible
        return bool(self.additions or numbers or self.misses or self.refused or self.deleted)

    @property
    def last_pull(self) -> int:
        """The revision of the last pull; -1 if this device has never pulled."""
        return self.pulls[-1] if self.pulls else -1

    @property
    def list_in_use(self) -> int:
        """The revision of the list that the phone's requests rest on; -1 for none.

        After a pull at machine speed that is the pull before: a second pass may still send what was so then.
        """
        return self.pulls[-2] if self.quick_since_pull and len(self.pulls) > 1 else self.last_pull

    def arrive(self, kind: str, at: datetime, connection: str) -> Arrival:
        """Note that a request has come.

        connection: names the TCP connection it came on, "" if unknown. A request on the same connection as the
        previous one proves that the phone has read the previous answer, since HTTP/1.1 answers in order.
        """
        now = at.timestamp()
        quick = is_quick(now - self.last_at)
        self.number += 1
        stream = self.streams.pop(connection, None)
        if stream is None or not is_quick(now - stream.last_at):
            stream = Stream(self.number, 0, 0)
        stream.last, stream.last_at = self.number, now
        self.streams = {**dict(list(self.streams.items())[-KEPT_STREAMS + 1 :]), connection: stream}
        same_connection = bool(connection) and connection == self.connection
        timing = self.line.arrive(kind, now, connection)
        arrival = Arrival(quick, same_connection, self.last_kind, connection, stream.began, timing)
        self.pull_seen = self.pull_seen or (self.last_kind == "pull" and arrival.same_connection)
        if self.last_kind == "pull":
            self.pull_unread = timing.unread
        if self.last_kind == "pull orders" and arrival.same_connection:
            self.order_pulls = self.order_pulls[-1:]  # its answer has arrived, so the phone shows no earlier list
        self.quick_since_pull = kind == "pull" or (self.quick_since_pull and quick)
        if not quick:
            self.quick_since = self.number
        self.last_at, self.last_kind, self.connection = now, kind, connection
        return arrival

    def is_same_order_pull(self, revision: int) -> bool:
        """Whether a pull of the orders at this revision tells nothing that is not known yet."""
        return self.order_pulls[-1:] == [revision] and not self.order_puts

    def note_order_pull(self, revision: int) -> None:
        """The phone has pulled the orders at this revision."""
        self.order_pulls = [*self.order_pulls, revision][-KEPT_PULLS:]
        self.order_puts = {}

    def note_made(self, product: int, fields: dict[str, str]) -> None:
        """Remember how the phone shows a product that it created; only the latest, since every request reads all."""
        self.created_products.pop(product, None)
        self.created_products = {**dict(list(self.created_products.items())[-KEPT_MADE + 1 :]), product: fields}

    def still_scans(self, sku: str, at: datetime, connection: str) -> bool:
        """Whether this is one more look-up of the camera, so soon that it need not be written down."""
        soon = 0 <= (at.timestamp() - self.last_at) * 2000 < settings.PASS_GAP_MILLISECONDS
        return self.lookups_in_a_row > 2 and soon and (sku, connection) == (self.last_sku, self.connection)

    def is_same_pull(self, revision: int) -> bool:
        """Whether a pull at this revision tells nothing that is not known yet."""
        return self.last_pull == revision and not self.has_queues

    def forget_queues(self, revision: int, *, in_one_go: bool) -> None:
        """The phone has pulled the list at this revision: all its queues are empty.

        in_one_go: the pull and every request since the previous one came at machine speed, so another pass may still be
        under way.
        """
        if self.last_pull != revision:
            self.unread = [*self.unread, self.pull_unread][-KEPT_PULLS + 1 :] if self.pulls else []
            self.pulls = [*self.pulls, revision][-KEPT_PULLS:]
        seen = self.pull_seen and not in_one_go
        self.shown_before = self.shown if self.shown or seen else self.shown_before
        self.pull_seen, self.pull_number, self.pull_connection = False, self.number, self.connection
        self.pull_unread = UNSEEN
        self.refused, self.misses, self.created, self.implausible = [], {}, [], []
        self.shown, self.deleted, self.stuck_at_unknown_sku, self.stuck_at = {}, [], False, ""
        self.lookups_in_a_row, self.missed_at, self.photos = 0, {}, {}

    def saw_later(self, revision: int, instead_of: int) -> None:
        """The list of one of the pulls was of this revision."""
        self.pulls = [revision if pull == instead_of else pull for pull in self.pulls]

    def refuse_once(self, fingerprint: str, *, unless_others: bool = False) -> bool:
        """Whether to refuse this request: only the first time.

        unless_others: not even then if another request has been refused since the last pull. Each refusal costs the
        phone a pass; with more than one and an unknown SKU in its queues it would need more than four.
        """
        if fingerprint in self.refused or (unless_others and self.refused):
            return False
        self.refused.append(fingerprint)
        return True


def is_quick(seconds: float) -> bool:
    """Whether a request so long after the previous one came too soon for a person to have caused it."""
    return seconds * 1000 < settings.PASS_GAP_MILLISECONDS


def fingerprint_of(*parts: object) -> str:
    """A short digest of what a phone sent, to recognize it when it comes again."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]
