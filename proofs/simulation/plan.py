"""The plan of a schedule: who does what, in which order, and what the network does to it. author.py writes it.

A plan has only intentions ("Anna receives 3 of A") and no answers of the server, so acts can be removed from it
(see shrink.py) and the rest still makes sense.
"""

from __future__ import annotations

from dataclasses import dataclass

PHONES = ("Anna", "Boris", "Clara")
MANAGERS_WITH_PHONES = ("Anna",)
"""The people whose phones may delete; a picker's deletion only asks a manager to delete (docs/rights.md)."""
MANAGER, SHOP = "Vera", "shop"

KNOWN = ("A", "B", "C")
"""SKUs that exist from the start (scene.py)."""
NEW = ("N1", "N2", "N3")
"""SKUs that people create during a schedule; two of them may create the same one."""
UNTOUCHED = "D"
"""A SKU that exists from the start. By mistake people give it to other products; nobody does anything else with it."""
LABEL = "LABEL"
"""A label that is only scanned, of goods that are not ours: no product has it, and nobody receives it."""
MISTYPED = "TYPO"
"""A SKU that nobody ever creates."""
ORDERS = 3
"""How many orders exist from the start; later ones continue the numbering."""

DROP, LOSE, CUT, LATE, TWICE = "drop", "lose", "cut", "late", "twice"
BAD_GATEWAY, LATE_GATEWAY = "gateway", "late-gateway"
BREAKS = (DROP, LOSE, CUT, BAD_GATEWAY, LATE_GATEWAY)
PULL = "pull"
KILLS = ("kill worker", "kill gunicorn", "kill postgresql")
"""While the request is under way, a part of the server is killed and started again (real server only)."""

BARCODE = 4_006_381_333_931
"""A barcode that a scanner enters into the quantity field by mistake."""


@dataclass(frozen=True)
class Fault:
    """What the network does to a request of an act.

    Attributes:
        kind: ``drop`` (never reaches the server), ``lose`` (its answer doesn't reach the phone), ``cut`` (reset in
            the middle of its body), ``late`` (the phone's connection is reset, the request reaches the server behind
            the phone's next one), ``twice`` (delivered twice), ``gateway`` and ``late-gateway`` (a 502, before and
            after the server had it), or one of KILLS.
        nth: which request of the act, from 0.
        verb: if given, the first request of this verb instead (see ``proofs.phone.offline.Call``).
    """

    kind: str
    nth: int = -1
    verb: str = ""

    def __str__(self) -> str:
        return f"{self.kind}@{self.verb or self.nth}"


@dataclass(frozen=True)
class Act:
    """One thing that somebody does.

    Attributes:
        n: the act's number in the whole plan; it does not change when others are removed.
        who: one of PHONES, MANAGER or SHOP.
        verb: a method ``do_<verb>`` of people.py or programs.py.
        gap: seconds since the previous act, if that is another person's.
        faults: what the network does to its requests.
        weave: not empty for two passes at once: which of them makes the next request, repeated, e.g. ``"abb"``.
        scans: a label that the person scans first, or "".
        logs_in: whether the phone must log in again first; its queues outlive that.
        persists: whether the person later repeats what failed without a radio, and may finish an order again.
        taps_twice: whether + or − is tapped again before the answer is there.
        slices: for a slow pass: how many requests it makes between two acts of others, repeated as needed.
    """

    n: int
    who: str
    verb: str
    sku: str = ""
    quantity: int = 0
    text: str = ""
    order: int = -1
    gap: float = 5.0
    faults: tuple[Fault, ...] = ()
    weave: str = ""
    slices: tuple[int, ...] = ()
    scans: str = ""
    logs_in: bool = False
    persists: bool = False
    taps_twice: bool = False

    def __str__(self) -> str:
        parts = [f"{self.n:>2}  {self.who} {self.verb}"]
        parts += [self.sku] if self.sku else []
        parts += [f"{self.quantity:+d}"] if self.quantity else []
        parts += [repr(self.text)] if self.text else []
        parts += [f"order {self.order}"] if self.order >= 0 else []
        parts += [f"[network: {', '.join(map(str, self.faults))}]"] if self.faults else []
        parts += [f"[two passes: {self.weave}]"] if self.weave else []
        parts += [f"[slowly: {self.slices}]"] if self.slices else []
        parts += [f"[scans {self.scans} first]"] if self.scans else []
        parts += ["[logs in]"] if self.logs_in else []
        parts += ["[persists]"] if self.persists else []
        parts += ["[taps twice]"] if self.taps_twice else []
        return " ".join(parts)


@dataclass(frozen=True)
class Plan:
    """A schedule. equal: quantities are small and often equal, else large and different. app: the app's variant."""

    seed: int
    number: int
    equal: bool
    acts: tuple[Act, ...]
    app: str = "installed"
