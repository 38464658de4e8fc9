"""When and on which connections the requests of a phone came, and which look-ups still wait for their additions."""

import msgspec
from msgspec.structs import replace

from api.reconcile.chances import APP_SECONDS, ITS_FAILURES, KEPT_SECONDS, MOST_SECONDS, SAME_NETWORK, SUDDEN, Timing

MOST_FOUND = 3
"""How many look-ups of a product can wait for their additions: two passes and the camera."""
MOST_PRODUCTS = 8
"""Look-ups of so many products are kept, the latest ones: a camera looks up many products and adds none."""
NOT_SLOW = 1.25
"""An addition counts as slow if it took at least so many times as long as usual."""
FEW_SPREAD = 0.1
"""Where a balancer changes a larger share of connections, new connections are no evidence of failures."""
LEAST_TURNED = 0.003
"""The least share of presses directly behind another one that come on another connection."""
LATE_SECONDS = 3.0
"""A look-up that has waited longer belongs to no addition once the product has been added again or the list pulled."""
USUAL_TRIP, ITS_WEIGHT, MOST_TRIPS = 0.1, 2, 50
"""A trip is the time from a look-up to its addition. USUAL_TRIP: the average of an unknown phone, in seconds.
ITS_WEIGHT: as how many trips it counts. MOST_TRIPS: the average forgets older trips."""
SLOW_TRIP = 1.5
"""A trip counts as at most so many times the average, so that the average is that of a good network."""
ERROR_SECONDS = 2.0
"""A look-up of the same product that comes directly behind one, but so much later, is entered again: the first has
failed. A camera's come sooner."""
UNTOLD = ("find", "pull orders", "order", "photo")
"""Requests that do not extend the stories, or only together with an addition. What they show of the request before them
is kept until a request extends the stories."""
BUSY_SECONDS = 0.3
"""So long a connection can still be busy; then a new one is no evidence of a failure."""


class Line(msgspec.Struct, omit_defaults=True):
    """What is known of the times and connections of one phone's requests. Times are in seconds."""

    requests: int = 0
    last_at: float = -1e9
    connection: str = ""
    before: str = ""
    """The previous connection, which the phone can have kept as well."""
    before_at: float = -1e9
    """When the last request came on that one."""
    kept: list[int] = msgspec.field(default_factory=lambda: [0, 0])
    """How often a connection that the phone would keep was not kept, and how often it was."""
    pairs: list[int] = msgspec.field(default_factory=lambda: [0, 0])
    """The same for requests directly after a look-up of the same product, whose answer has certainly arrived."""
    turns: list[int] = msgspec.field(default_factory=lambda: [0, 0])
    """How often a press directly behind another one came on another connection, and how often on the same."""
    trips: tuple[int, float] = (0, 0.0)
    """The number of measured trips, and their average, in seconds."""
    trip: float = 0.0
    """The trip of the last addition, 0 if unknown."""
    failures: list[int] = msgspec.field(default_factory=lambda: [0, 0])
    """How many failures there were where an addition was slow, and where it was not: the connection broke behind it, or
    its look-up was entered again."""
    found: dict[int, list[tuple[int, float, Timing, str]]] = {}
    """By product: its look-ups without an addition, as the request's number and time, how it came, and on which
    connection."""
    acted_at: float = -1e9
    """When the last request came that extended the stories. Gaps are measured from then on."""
    acted: tuple[int, int] = (0, 0)
    """The number of that request, and of the one before that extended the stories."""
    acted_on: str = ""
    """The connection of that request: as long as it is used, nothing has failed."""
    first_kept: bool | None = None
    """Whether the first request after that one came on the same connection."""
    first_gap: float = 0.0
    """How long after it that first request came."""
    next: int = 0
    """The product that the app itself looked up directly after that request, 0 for none: a pass adds it next."""
    next_at: float = 0.0
    """When that look-up came."""

    def arrive(self, kind: str, at: float, connection: str) -> Timing:
        """Note a request, and return its timing. connection: "" if unknown."""
        gap, kept = at - self.acted_at, None
        since = at - self.last_at
        elsewhere = since < KEPT_SECONDS and connection != self.connection
        used = at - {self.before: self.before_at, self.connection: self.last_at}.get(connection, -1e9)
        besides = connection == self.before and used < KEPT_SECONDS
        if connection and (connection == self.connection or (since < KEPT_SECONDS and not besides)):
            kept = connection == self.connection
            if BUSY_SECONDS < since < KEPT_SECONDS:
                self.kept[kept] += 1
        if self.acted_at == self.last_at:
            self.first_kept, self.first_gap = kept, gap
            if self.trip and kept is False and since > BUSY_SECONDS and self._spread() < FEW_SPREAD:
                self.failures[self._slowness() < NOT_SLOW] += 1
        if connection != self.connection:
            self.before, self.before_at, self.connection = self.connection, self.last_at, connection
        self.last_at = at
        if kind not in UNTOLD:
            self.acted_at = at
        lost = False
        if kind not in (*UNTOLD, "add"):
            lost, self.next, self.trip = self.next > 0, 0, 0.0
        self.requests += 1
        new = (self.kept[False] + 0.12) / (sum(self.kept) + 2)
        unbroken = bool(connection) and connection == self.acted_on
        if kind not in UNTOLD:
            self.acted_on, self.acted = connection, (self.requests, self.acted[0])
        sudden = (self.failures[True] + SUDDEN * ITS_FAILURES) / (sum(self.failures) + ITS_FAILURES)
        sudden = max(sudden, SAME_NETWORK ** self.trips[0])  # all of them may have been on a weak network
        return Timing(
            gap, kept, new, first_kept=self.first_kept, unbroken=unbroken, spread=self._spread(),
            first_gap=self.first_gap, lost=lost, slowness=self._slowness(), elsewhere=elsewhere, sudden=sudden,
            turned=self._turned(), used=used,
        )  # fmt: skip

    def _spread(self) -> float:
        """The share of connections that are not kept although nothing has failed."""
        return (self.pairs[False] + 0.01) / (sum(self.pairs) + 5)

    def _turned(self) -> float:
        """The share of presses directly behind another one that come on another connection: nothing has failed between
        them, so that is a balancer's doing, or the trace of a second tap."""
        return max((self.turns[False] + 0.01) / (sum(self.turns) + 2), LEAST_TURNED)

    def pressed_next(self, timing: Timing) -> None:
        """The last request was a press directly behind another one."""
        self.turns[not timing.elsewhere] += 1

    def _usual(self) -> float:
        """The average trip, in seconds. While few trips are known, it is mostly that of other phones."""
        count, average = self.trips
        return (ITS_WEIGHT * USUAL_TRIP + count * average) / (ITS_WEIGHT + count)

    def _slowness(self) -> float:
        """How many times as long as usual the last trip took, 0 if unknown."""
        return self.trip / self._usual()

    def find(self, product: int, timing: Timing) -> None:
        """The last request was a look-up of this product."""
        if self.last_at - self.acted_at == self.first_gap < BUSY_SECONDS and not self.next:
            self.next, self.next_at = product, self.last_at
        waiting = self.found.pop(product, [])
        self._note_pair(waiting, timing)
        entry = (self.requests, self.last_at, timing, self.connection)
        self.found = dict([*self.found.items(), (product, [*waiting, entry][-MOST_FOUND:])][-MOST_PRODUCTS:])

    def scanned(self, product: int) -> None:
        """The last request is one of a camera's look-ups of this product. The earlier ones on its connection have no
        additions. Those on another connection can be a second pass's."""
        self._set(product, [entry for entry in self.found.pop(product, []) if entry[3] != self.connection])

    def add(self, product: int, timing: Timing) -> Timing:
        """The last request was an addition. Returns the timing of its look-up."""
        at, before = self.last_at, self.requests - 1
        found = self.found.pop(product, [])
        self._note_pair(found, timing)
        waiting = [entry for entry in found if at - entry[1] < MOST_SECONDS or entry[0] == before]
        if not waiting:
            self.trip = 0.0
            return replace(timing, looked_up=False)
        # Within one pass the look-up comes directly before; two passes look up and add in turn, each on its connection.
        own = [place for place, entry in enumerate(waiting) if entry[3] and entry[3] == self.connection]
        direct = waiting[-1][0] == before
        place = own[-1] if own else len(waiting) - 1 if direct else 0
        number, looked_up_at, its_timing, _ = waiting.pop(place)
        # Whose look-up was the first cannot be told where two passes have looked up the same product.
        of_two = not own and place > 0 and looked_up_at - waiting[place - 1][1] < BUSY_SECONDS
        self._measure(at - looked_up_at if number == before else 0.0)
        if self.trip and any(nth == number - 1 and looked_up_at - then > ERROR_SECONDS for nth, then, *_ in waiting):
            self.failures[self._slowness() < NOT_SLOW] += 1
        lost = self.next > 0 and (self.next != product or looked_up_at - self.next_at > APP_SECONDS)
        self.next = 0
        self._keep(product, waiting)
        return replace(
            its_timing, interleaved=of_two or number != before, lost=lost, its_slowness=self._slowness(),
            crossed=number < self.acted[1],
        )  # fmt: skip

    def _measure(self, trip: float) -> None:
        """Note the trip of the last addition, in seconds; 0 if it is unknown."""
        self.trip = max(trip, 0.0)
        if self.trip:
            count, average = self.trips
            count = min(count + 1, MOST_TRIPS)
            self.trips = count, average + (min(trip, SLOW_TRIP * self._usual()) - average) / count

    def _note_pair(self, found: list[tuple[int, float, Timing, str]], timing: Timing) -> None:
        """The last request came by the app itself directly behind one of these look-ups: it has read its answer."""
        is_behind = found and found[-1][0] == self.requests - 1 and self.last_at - found[-1][1] < BUSY_SECONDS
        if is_behind and timing.kept is not None:
            self.pairs[timing.kept] += 1

    def pull(self) -> None:
        """The last request was a pull."""
        for product in list(self.found):
            self._keep(product, self.found.pop(product))

    def _keep(self, product: int, waiting: list[tuple[int, float, Timing, str]]) -> None:
        self._set(product, [entry for entry in waiting if self.last_at - entry[1] < LATE_SECONDS])

    def _set(self, product: int, waiting: list[tuple[int, float, Timing, str]]) -> None:
        if waiting:
            self.found[product] = waiting
