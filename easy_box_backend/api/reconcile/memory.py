"""What the server remembers of one app device: the base on which its next request is read.

One JSON document a device, in one row, whose lock makes a phone's requests follow one another however they arrive.
Most of it is forgotten at each pull of the product list, since a phone pulls only after all its queues are empty.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from django.conf import settings

from api.models import MAX_QUANTITY

VERSION = 1
"""Of the stored document. A release that reads an older one differently gives it another number."""

KEPT_PULLS = 5
"""How many pulls are remembered: the answers of the latest may have been lost on their way."""

KEPT_STREAMS = 4
KEPT_MADE = 200

MOST_OFFSETS = 500

ENDED = " ended"
"""Behind the name of a connection: what came on it later is not of the same pass for sure."""

STOCK_QUEUE = frozenset(("find", "add"))
"""The requests that the phone's queue of additions is made of."""


class Ticket(msgspec.Struct):
    """A look-up that no addition has used yet: the app looks a SKU up just before each addition."""

    product: int
    number: int
    """The request's number among the device's."""


class Look(msgspec.Struct):
    """A look-up of which it has not shown yet what it is (see `scanning.py`).

    product: 0 where none was found. quick: whether it came right behind the request before.
    """

    product: int
    number: int
    quick: bool
    connection: str = ""


class Item(msgspec.Struct):
    """An addition as the phone sent it; `movement` is None where it was a repetition and not booked."""

    product: int
    quantity: int
    number: int
    movement: int | None = None
    looked_up: bool = True
    asked: bool = False
    """Whether a manager has been asked whether it is a repetition."""
    connection: str = ""
    stream: int = 0
    """The number of the request with which its stream began (see `Stream`)."""
    closed: int = 0
    """The number of the request that shows that the phone has read the answer and won't send this again; 0 for none."""
    came_at: float = 0.0
    """When it came, in seconds since 1970; 0 where an earlier release did not note it."""

    def came(self) -> datetime | None:
        """When it came; None where that is not known."""
        return datetime.fromtimestamp(self.came_at, UTC) if self.came_at else None


class Phase(msgspec.Struct):
    """Requests of the stock queue that came in one go."""

    items: list[Item] = []
    dangling: int | None = None
    """The product of a look-up that was not followed by its addition."""
    closed: bool = False
    """Whether the phone went on to its next queue, which it does only when this one is through."""
    follows: int | None = None
    """The index of the earlier phase that this one seems to repeat."""
    proven: bool = False
    """Whether its additions are taken for repetitions of those of `follows`."""
    likely: bool = False
    """Whether that rests on two additions in order alone, and not on proof that `follows` was broken off."""
    apart: bool = False
    """Whether it turned out to be goods received between two passes, and no part of the queue."""


class Shown(msgspec.Struct):
    """What the phone shows of a product since its own last accepted PUT."""

    quantity: int
    counted: int
    """The last own addition (a movement's id) that this quantity includes; 0 for none."""
    sent: dict[int, int] = {}
    """The quantities of all its accepted PUTs since the pull, and which own addition each counts as the last."""
    since: int = -1
    """The revision of that pull."""
    began: int = 0
    """The number of the request that was the first of them."""
    bodies: list[str] = []
    """All of them in order, by fingerprint."""
    came_again: bool = False
    """Whether the last of them had been sent before, on another connection."""
    reached: dict[str, int] = {}
    """How many of them each connection has sent."""
    outside: bool = False
    """Whether one of them came over a new connection without those before it: a press that was not of their queue."""
    fields: dict[str, str] = {}
    revision: int = 0
    photo: str = ""
    """The file on the phone that the last PUT named: it stays in the later ones."""
    unsure: bool = False
    """Whether one of them was read with a doubt, on which those behind it are built."""

    def is_of_second_pass(self, body: str, connection: str, burst: int) -> bool:
        """Whether this PUT is what the pass on this connection is due to send, another pass with the same queue having
        sent it already. Both have been under way since before the first of these PUTs, at machine speed, so no person
        has done it again. Counts it in."""
        due = self.reached.get(connection, 0)
        if burst > self.began or not connection or self.bodies[due : due + 1] != [body]:
            return False
        self.reached[connection] = due + 1
        return True


class Glance(msgspec.Struct):
    """A single product's answer that the person may have looked at. kept: the app shows it from then on, as it does
    with the answer to a creation and to an upload."""

    product: int
    revision: int
    number: int
    kept: bool = False


class Stream(msgspec.Struct):
    """Requests that came one right behind the other over one connection.

    began, last: the numbers of its first and its latest request.
    """

    began: int
    last: int
    last_at: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a request came in relation to the device's request before.

    quick: too soon behind it for a person to have caused it. behind: the kind of that request, "" if there was none.
    connection, stream: on which connection, and the number of the request with which its stream there began.
    """

    quick: bool
    same_connection: bool
    behind: str
    connection: str = ""
    stream: int = 0


class Memory(msgspec.Struct):
    version: int = VERSION
    number: int = 0
    """How many requests of this device have been read."""
    last_at: float = 0.0
    last_kind: str = ""
    connection: str = ""
    streams: dict[str, Stream] = {}
    """The latest stream of each of the last few connections."""
    burst: int = 0
    """The number of the request since which all came too soon behind one another for a person to have caused them."""
    pulls: list[int] = []
    pull_seen: bool = False
    """Whether the answer to the last pull surely arrived."""
    order_pulls: list[int] = []
    order_puts: dict[int, str] = {}
    glances: list[Glance] = []
    tickets: list[Ticket] = []
    phases: list[Phase] = []
    overlapping: bool = False
    """Whether two passes with the same queue have been seen under way at once since the last pull."""
    repeats_asked: bool = False
    """Whether a manager has been asked about what came before that showed."""
    behind_pull: bool = False
    """Whether every request since the last pull came too soon behind the one before for a person to have caused it."""
    earlier: list[Item] = []
    """The additions before the last pull: a second pass under way may still be sending them."""
    refused: list[str] = []
    created: list[str] = []
    """The creations since the last pull, as the phone sent them."""
    looks: list[Look] = []
    """The look-ups since the last pause or other request."""
    in_a_row: int = 0
    """How many there were."""
    last_sku: str = ""
    """What the last look-up asked for."""
    misses: dict[str, int] = {}
    """At how many openings the phone has asked for each unknown SKU since the pull (see `scanning.py`)."""
    missed_at: dict[str, float] = {}
    draining: bool = False
    """Whether its queue holds an unknown SKU for sure, so that others in it are made at once."""
    pull_number: int = 0
    """The number of the request that was the last pull."""
    pull_connection: str = ""
    shown: dict[int, Shown] = {}
    shown_before: dict[int, Shown] = {}
    """The same before the last pull: its answer may have been lost, and a second pass may still send its PUTs."""
    aliases: dict[str, int] = {}
    """The phone's own UUIDs of products."""
    made: dict[int, dict[str, str]] = {}
    """Products that the phone created, perhaps as others had before: how it shows them under its UUID."""
    deleted: list[int] = []
    taken_over: list[int] = []
    """The devices that this phone may have been before (see `former.py`)."""

    @property
    def held_back(self) -> list[Item]:
        """Additions since the last pull that the phone counts and the ledger does not, being implausibly large."""
        return [item for phase in self.phases for item in phase.items if item.quantity > MAX_QUANTITY]

    def offsets(self, product: int) -> set[int]:
        """By how much the stock of a product may differ from what the phone counts: what was booked and may be a
        repetition less, what was withheld as one more, in any combination."""
        sums = {0}
        for item in [item for phase in self.phases for item in phase.items] + self.earlier:
            if item.product == product and item.quantity <= MAX_QUANTITY and (item.asked or not item.movement):
                change = -item.quantity if item.movement else item.quantity
                sums |= {total + change for total in sums}
            if len(sums) > MOST_OFFSETS:
                break
        return sums

    @property
    def has_queues(self) -> bool:
        """Whether there is anything to forget at the next pull."""
        looked = self.tickets or self.looks or self.misses
        return bool(self.phases or looked or self.shown or self.refused or self.deleted)

    @property
    def last_pull(self) -> int:
        """The revision of the last pull; -1 if this device has never pulled."""
        return self.pulls[-1] if self.pulls else -1

    def arrive(self, kind: str, at: datetime, connection: str) -> Arrival:
        """Count a request of this device in.

        connection: names the TCP connection it came on, "" if unknown. A request on the same connection as the one
        before proves that the phone has read that one's answer, since HTTP/1.1 answers in order.
        """
        now = at.timestamp()
        quick = is_quick(now - self.last_at)
        self.number += 1
        stream = self.streams.pop(connection, None)
        if stream is None or not is_quick(now - stream.last_at):
            stream = Stream(self.number, 0, 0)
        elif stream.last != self.number - 1 and {kind, self.last_kind} <= STOCK_QUEUE and kind != self.last_kind:
            # Requests of two connections in turns, at machine speed: two passes are under way. (The camera's look-ups
            # may use two as well.)
            self.overlapping = True
        stream.last, stream.last_at = self.number, now
        self.streams = {**dict(list(self.streams.items())[-KEPT_STREAMS + 1 :]), connection: stream}
        same_connection = bool(connection) and connection == self.connection
        arrival = Arrival(quick, same_connection, self.last_kind, connection, stream.began)
        self.pull_seen = self.pull_seen or (self.last_kind == "pull" and arrival.same_connection)
        self.behind_pull = kind == "pull" or (self.behind_pull and quick)
        if not quick:
            self.burst = self.number
        if kind not in STOCK_QUEUE:
            self._close(connection, quick)
        self.last_at, self.last_kind, self.connection = now, kind, connection
        return arrival

    def _close(self, connection: str, quick: bool) -> None:
        """A request other than of the stock queue: what was added on its connection before is answered and done."""
        for phase in self.phases:
            for item in phase.items:
                if not item.closed and item.connection == connection and (connection or quick):
                    item.closed = self.number

    def note_made(self, product: int, fields: dict[str, str]) -> None:
        """Remember how the phone shows a product that it created. The oldest go: every request reads all of this."""
        self.made.pop(product, None)
        self.made = {**dict(list(self.made.items())[-KEPT_MADE + 1 :]), product: fields}

    def still_scans(self, sku: str, at: datetime, connection: str) -> bool:
        """Whether this is one more of the camera's look-ups, so soon that it need not be written down."""
        soon = 0 <= (at.timestamp() - self.last_at) * 2000 < settings.PASS_GAP_MILLISECONDS
        return self.in_a_row > 2 and soon and (sku, connection) == (self.last_sku, self.connection)

    def glance(self, product: int, revision: int, *, kept: bool = False) -> None:
        """The person may have looked at this product as it is at this revision. Twice is once."""
        if kept or not self.has_seen(product, revision):
            self.glances.append(Glance(product, revision, self.number, kept))

    def has_seen(self, product: int, revision: int) -> bool:
        return any((glance.product, glance.revision) == (product, revision) for glance in self.glances)

    def pass_ended(self, connection: str) -> None:
        """The phone was told that a SKU is unknown, at which a pass ends though its connection lives on."""
        for phase in self.phases:
            for item in phase.items:
                if item.connection == connection:
                    item.connection += ENDED

    def forget_queues(self, revision: int, *, in_one_go: bool) -> None:
        """The phone has pulled the list at this revision: all its queues are through.

        in_one_go: every request since the pull before came at machine speed, so another pass may be under way still.
        """
        self.pulls = [*self.pulls, revision][-KEPT_PULLS:] if self.last_pull != revision else self.pulls
        seen = self.pull_seen and not in_one_go
        self.shown_before = self.shown if self.shown or seen else self.shown_before
        self.pull_seen, self.pull_number, self.pull_connection = False, self.number, self.connection
        items = [item for phase in self.phases for item in phase.items]
        self.earlier = items if items or not in_one_go else self.earlier
        for item in self.earlier:
            item.closed = item.closed or self.number
        self.tickets, self.phases, self.refused, self.misses, self.glances = [], [], [], {}, []
        self.shown, self.deleted, self.draining, self.overlapping = {}, [], False, False
        self.repeats_asked = False
        self.created, self.looks, self.in_a_row, self.missed_at = [], [], 0, {}

    def refuse_once(self, fingerprint: str, *, unless_others: bool = False) -> bool:
        """Whether this is the first time that this is to be refused; the second time it is not.

        unless_others: it is let through if anything else has been refused since the last pull. Each refusal costs the
        phone a pass, and with more than one and an unknown SKU in its queues it would need over four.
        """
        if fingerprint in self.refused or (unless_others and self.refused):
            return False
        self.refused.append(fingerprint)
        return True


def is_quick(seconds: float) -> bool:
    """Whether this is too soon behind one another for a person to have caused it."""
    return seconds * 1000 < settings.PASS_GAP_MILLISECONDS
