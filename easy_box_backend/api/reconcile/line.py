"""When the requests of a phone came, on which connections, and which look-ups still wait for their additions."""

import msgspec
from msgspec.structs import replace

from api.reconcile.chances import APP_SECONDS, KEPT_SECONDS, MOST_SECONDS, Timing

MOST_FOUND = 3
"""How many look-ups of a product can wait for their additions: two passes and the camera."""
LATE_SECONDS = 3.0
"""A look-up that waits for longer than that belongs to no addition, once another one of the product has come."""


class Line(msgspec.Struct, omit_defaults=True):
    """All that is known of how the requests of one phone came. Times are in seconds."""

    requests: int = 0
    last_at: float = -1e9
    connection: str = ""
    kept: list[int] = msgspec.field(default_factory=lambda: [0, 0])
    """How often a connection that the phone would keep was not kept, and was kept."""
    found: dict[int, list[tuple[int, float, Timing, str]]] = {}
    """By product: its look-ups without an addition, as the request's number and time, how it came, and on which
    connection."""
    acted_at: float = -1e9
    """When the last request came that was no look-up: the pace of a pass is measured from then on, and after a scan a
    person has had all that time."""
    first_kept: bool | None = None
    """Whether the first request after that one kept its connection."""
    first_gap: float = 0.0
    """How long after that one it came."""

    def arrive(self, kind: str, at: float, connection: str) -> Timing:
        """Note that a request came, and return how. connection: "" if unknown."""
        gap, kept = at - self.acted_at, None
        if at - self.last_at < KEPT_SECONDS and connection:
            kept = connection == self.connection
            self.kept[kept] += 1
        if self.acted_at == self.last_at:
            self.first_kept, self.first_gap = kept, gap
        self.last_at, self.connection = at, connection
        if kind != "find":
            self.acted_at = at
        self.requests += 1
        new = (self.kept[False] + 0.5) / (sum(self.kept) + 10)
        unbroken = bool(kept or (self.first_kept and self.first_gap > APP_SECONDS))
        return Timing(gap, kept, new, first_kept=self.first_kept, unbroken=unbroken)

    def find(self, product: int, timing: Timing) -> None:
        """The last request was a look-up of this product."""
        waiting = self.found.setdefault(product, [])
        waiting.append((self.requests, self.last_at, timing, self.connection))
        del waiting[:-MOST_FOUND]

    def add(self, product: int, timing: Timing) -> Timing:
        """The last request was an addition. Returns how its look-up came."""
        at, before = self.last_at, self.requests - 1
        found = self.found.pop(product, [])
        waiting = [entry for entry in found if at - entry[1] < MOST_SECONDS or entry[0] == before]
        if not waiting:
            return replace(timing, looked_up=False)
        # Within one pass the look-up comes directly before; two passes look up and add in turn, each on its connection.
        own = [place for place, entry in enumerate(waiting) if entry[3] and entry[3] == self.connection]
        direct = waiting[-1][0] == before
        number, _, its_timing, _ = waiting.pop(own[-1] if own else -1 if direct else 0)
        self._keep(product, waiting)
        return replace(its_timing, interleaved=number != before)

    def pull(self) -> None:
        """The last request was a pull."""
        for product in list(self.found):
            self._keep(product, self.found.pop(product))

    def _keep(self, product: int, waiting: list[tuple[int, float, Timing, str]]) -> None:
        if recent := [entry for entry in waiting if self.last_at - entry[1] < LATE_SECONDS]:
            self.found[product] = recent
