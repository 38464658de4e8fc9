"""What the server remembers of one app device: the base on which its next request is read.

One JSON document a device, in one row, whose lock makes a phone's requests follow one another however they arrive.
Most of it is forgotten at each pull of the product list, since a phone pulls only after all its queues are empty.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.conf import settings

from api.models import MAX_QUANTITY, Device, DeviceMemory

KEPT_PULLS = 5
"""How many pulls are remembered: the answers of the latest may have been lost on their way."""


class Ticket(msgspec.Struct):
    """A look-up that no addition has used yet: the app looks a SKU up just before each addition."""

    product: int
    number: int
    """The request's number among the device's."""


class Item(msgspec.Struct):
    """An addition as the phone sent it; `movement` is None where it was a repetition and not booked."""

    product: int
    quantity: int
    number: int
    movement: int | None = None
    looked_up: bool = True


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


class Shown(msgspec.Struct):
    """What the phone shows of a product since its own last accepted PUT."""

    quantity: int
    counted: int
    """The last own addition (a movement's id) that this quantity includes; 0 for none."""
    numbers: list[int] = []
    """The quantities of all its accepted PUTs since the pull."""
    bodies: list[str] = []
    fields: dict[str, str] = {}
    revision: int = 0


class Glance(msgspec.Struct):
    """A single product's answer that the person may have looked at (a scan, or the phone's own creation)."""

    product: int
    revision: int
    number: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a request came in relation to the device's request before.

    quick: too soon behind it for a person to have caused it. behind: the kind of that request, "" if there was none.
    """

    quick: bool
    same_connection: bool
    behind: str


class Memory(msgspec.Struct):
    number: int = 0
    """How many requests of this device have been read."""
    last_at: float = 0.0
    last_kind: str = ""
    connection: str = ""
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
    second_pass: bool = False
    """Whether additions came so soon behind a pull that they belong to another pass that was under way with it."""
    earlier: list[Item] = []
    """The additions before the last pull: a second pass under way may still be sending them."""
    refused: list[str] = []
    created: list[str] = []
    """The creations since the last pull, as the phone sent them."""
    misses: dict[str, int] = {}
    draining: bool = False
    shown: dict[int, Shown] = {}
    shown_before: dict[int, Shown] = {}
    """The same before the last pull: its answer may have been lost, and a second pass may still send its PUTs."""
    aliases: dict[str, int] = {}
    deleted: list[int] = []

    @property
    def held_back(self) -> list[Item]:
        """Additions since the last pull that the phone counts and the ledger does not, being implausibly large."""
        return [item for phase in self.phases for item in phase.items if item.quantity > MAX_QUANTITY]

    @property
    def has_queues(self) -> bool:
        """Whether there is anything to forget at the next pull."""
        return bool(self.phases or self.tickets or self.shown or self.misses or self.refused or self.deleted)

    @property
    def last_pull(self) -> int:
        """The revision of the last pull; -1 if this device has never pulled."""
        return self.pulls[-1] if self.pulls else -1

    def arrive(self, kind: str, at: datetime, connection: str) -> Arrival:
        """Count a request of this device in.

        connection: names the TCP connection it came on, "" if unknown. A request on the same connection as the one
        before proves that the phone has read that one's answer, since HTTP/1.1 answers in order.
        """
        quick = (at.timestamp() - self.last_at) * 1000 < settings.PASS_GAP_MILLISECONDS
        arrival = Arrival(quick, bool(connection) and connection == self.connection, self.last_kind)
        self.pull_seen = self.pull_seen or (self.last_kind == "pull" and arrival.same_connection)
        self.behind_pull = kind == "pull" or (self.behind_pull and quick)
        self.number += 1
        self.last_at, self.last_kind, self.connection = at.timestamp(), kind, connection
        return arrival

    def forget_queues(self, revision: int) -> None:
        """The phone has pulled the list at this revision: all its queues are through."""
        self.pulls = [*self.pulls, revision][-KEPT_PULLS:] if self.last_pull != revision else self.pulls
        self.shown_before = self.shown if self.shown or self.pull_seen else self.shown_before
        self.pull_seen = False
        self.earlier = [item for phase in self.phases for item in phase.items if item.movement]
        self.tickets, self.phases, self.refused, self.misses, self.glances = [], [], [], {}, []
        self.shown, self.deleted, self.draining, self.overlapping = {}, [], False, False
        self.second_pass = self.repeats_asked = False
        self.created = []

    def refuse_once(self, fingerprint: str) -> bool:
        """Whether this is the first time that this is to be refused; the second time it is not."""
        if fingerprint in self.refused:
            return False
        self.refused.append(fingerprint)
        return True


def recall(device: Device) -> Memory:
    """What is remembered of this device, locked to the end of the transaction."""
    row = DeviceMemory.objects.select_for_update(no_key=True).filter(device=device).first()
    if row is None:
        DeviceMemory.objects.get_or_create(device=device)
        row = DeviceMemory.objects.select_for_update(no_key=True).get(device=device)
    return msgspec.json.decode(row.state, type=Memory)


def keep(device: Device, memory: Memory) -> None:
    """Write down what is remembered, in the same transaction."""
    state = msgspec.json.encode(memory).decode()
    DeviceMemory.objects.filter(device=device).update(state=state, number=memory.number)
