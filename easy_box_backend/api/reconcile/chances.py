"""How likely it is what people and phones do, and what their requests then look like.

None of these numbers is exact. What matters is their size beside each other, and that they are one distribution: then
a long queue of equal boxes is not read as repetitions, however long it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

KEPT_SECONDS = 15.0
"""How long the phone keeps an idle connection."""
MOST_SECONDS = 20.0
"""A pass hardly ever waits longer for an answer."""

# Of what can come next. In each state the chances sum to at most 1 (a test says so).
BROKEN = 0.03
"""A pass ended because a request of it failed."""
FAILED = 0.035
"""The answer to an addition by hand was lost, so that the person was shown an error."""
USUAL_NEW = 0.06
"""How often a connection is not kept where so many requests fail. Where it is rarer, fewer fail."""
FIRST = 0.06
"""An addition of a phone at rest is the first of a queue, since it had no network before."""
UNSEEN = 0.05
"""The pull after a success never arrived."""
UNREAD_BUT_KEPT = 0.0005
"""The answer to a pull was not read, although its connection was used again."""
NEXT_LOST = 0.001
"""A pass goes on without the addition that it has looked up."""
LOST_BY_HAND = 0.005
"""A person looks up another product so soon after an addition."""
SECOND_PASS = 0.01
ONE_OF_TWO = 0.3
"""One of two passes broke off: the screen is opened again where the network is bad."""
BESIDE = 0.002
"""A person does something else while a pass runs."""
LATE = 0.1
"""A request that failed comes after all, late."""
AGAIN = 0.85
"""A person who was shown an error enters the same again."""
SAME_AS_QUEUED = 0.003
"""Somebody receives by hand what the queue begins with: what was received once comes more often than anything else."""
SAME_AS_BY_HAND = 0.02
"""A queue begins with one more of the boxes that were received by hand."""
SAME_LIST = 0.0005
"""A new queue is the same list as the one before. This has a price of its own, or the second of two equal deliveries
would be surely a repetition, the longer it is."""
SAME_NEXT = 0.95
"""The next of its items is the same again, once it is certain that it is that list."""
ELSEWHERE = 0.15
"""The share of additions entered again where the network is as elsewhere."""
SUDDEN, ITS_FAILURES = 0.02, 3
"""The share of failures without warning, on a network that was as quick as usual; it counts as much as so many failures
of a phone."""
STOPPED, STOPPED_SOON = 0.5, 0.15
"""The same of passes, at least: they also end because somebody puts the phone away. Where the phone is used again
within 15 seconds that is less likely."""
SAME_NETWORK = 0.6
"""How often an addition comes from the network of the one before. So after a few the usual one is known."""
WEAK_SHARE = 0.2
"""The share of requests on a weak network."""
GOOD, SLOW, WEAK = 0.4, math.log(3.0), 0.5
"""How the logarithm of the slowness spreads on a good network, around 0, and its mean and spread on a weak one."""
CONTRADICTION = 1e-4
"""What the program cannot do, as far as it is known here."""
APP_SECONDS = 1.5
"""The app itself hardly ever waits for longer."""

Item = tuple[int, int]
"""A product, and how many pieces of it."""


class Timing(msgspec.Struct, frozen=True, array_like=True):
    """How an addition, or a pull, came.

    gap: seconds between the request before its look-up and that look-up. kept: whether that look-up came on the same
    connection; None if the phone would have closed it. new: how often such a one is not kept. spread: how often not
    although nothing has failed, as behind a balancer. interleaved: whether
    another request came between the look-up and the addition. looked_up: whether there was a look-up. first_kept: as
    kept, of the first request after the last one that was no look-up: whether the answer to that one has arrived;
    first_gap: how long after it that one came.
    lost: whether the app looked up another product right behind that request, and did not add it.
    slowness: how much longer than usual the last addition came after its look-up; 0 if that tells nothing.
    its_slowness: the same of this one. sudden: the share of failures that came although it took no longer.
    elsewhere: whether this request came on another connection than the one before, be it one that the phone has kept.
    unbroken: whether no request can have failed before the person's next.
    """

    gap: float
    kept: bool | None = None
    new: float = 1.0
    interleaved: bool = False
    looked_up: bool = True
    first_kept: bool | None = None
    unbroken: bool = False
    spread: float = 1.0
    first_gap: float = 1e9
    lost: bool = False
    slowness: float = 0.0
    elsewhere: bool = False
    its_slowness: float = 0.0
    sudden: float = SUDDEN

    @property
    def fresh(self) -> float:
        """How often another connection comes than the one that the phone would keep."""
        return max(self.new, self.spread)

    @property
    def machine(self) -> float:
        """The chance of the gap and the connection if the app went on by itself: then nothing has failed."""
        return self.pace * (self.spread if self.kept is False else 1.0) * (NEXT_LOST if self.lost else 1.0)

    @property
    def pace_of_two(self) -> float:
        """The same for two passes, which have a connection each: they are told by what comes between."""
        surprising = self.kept is False and not self.interleaved
        return self.pace * (max(self.fresh, 0.5) if surprising else 1.0)

    @property
    def another(self) -> float:
        """The chance of the connection if a pass runs beside: it holds its connection all the time."""
        return 0.0005 if self.kept and not self.interleaved else 1.0

    @property
    def late(self) -> float:
        """The chance of the gap if the request was long on its way, so that it comes after the one before by chance."""
        return _of(self.gap, ((0.3, 0.005), (1.5, 0.2), (6.0, 0.3), (math.inf, 1.0)))

    @property
    def failed(self) -> float:
        """The chance of the connection and the gap if the request before has failed: it would have broken, and that
        takes a while to show."""
        shown = _of(self.gap, ((5.0, 0.1), (10.0, 0.3), (15.0, 0.5), (math.inf, 1.0)))
        stopped = STOPPED_SOON if self.gap < KEPT_SECONDS else STOPPED
        return shown * (0.0005 if self.unbroken else self._weak(max(self.sudden, stopped)))

    @property
    def arrived(self) -> float:
        """The chance of the connection if the answer to the last act has arrived.

        Then another request has failed on it, which nobody saw, and was entered again. That takes as long as an error.
        """
        if self.first_kept is not False:
            return 1.0
        unseen = _of(self.first_gap, ((5.0, 0.002), (10.0, 0.01), (15.0, 0.04), (math.inf, 0.3)))
        return min(1.0, self.spread + self.new * unseen)

    @property
    def unread(self) -> float:
        """How much likelier it is that the answer to the pull before this request was lost than that it was read."""
        if self.kept:
            return UNREAD_BUT_KEPT
        return min(1.0, UNSEEN * self.bad / self.arrived)

    @property
    def pace(self) -> float:
        """The chance of the gap if the app went on by itself."""
        return _of(self.gap, ((0.3, 0.75), (1.5, 0.2), (6.0, 0.045), (MOST_SECONDS, 0.005), (math.inf, 0.002)))

    @property
    def human(self) -> float:
        """The chance of the gap if a person had to do something first."""
        return _of(self.gap, ((0.3, 0.002), (1.5, 0.03), (math.inf, 0.968)))

    @property
    def retried(self) -> float:
        """The same as `human` if the request before has failed, and the person enters it again: the error takes a
        while to show, and then it is done at once. Interleaved, that request was late, and came behind the look-up."""
        if self.interleaved:
            return LATE * self._weak(self.sudden) * self.human
        usual = _of(
            self.first_gap,
            (
                (5.0, 0.03),
                (10.0, 0.08),
                (15.0, 0.15),
                (20.0, 4.0),
                (30.0, 5.0),
                (60.0, 2.0),
                (90.0, 1.0),
                (math.inf, 0.4),
            ),
        )
        there = ELSEWHERE + (1 - ELSEWHERE) * weakness(self.its_slowness)
        return (0.0005 if self.first_kept else self._weak(self.sudden, there)) * self.human * usual

    def _weak(self, sudden: float, there: float = 1.0) -> float:
        """How bad the network was when the last addition came: where it is weak, the app waits longer for an answer.

        sudden: the share of failures without that. there: the same of where this addition came from.
        """
        return self.bad * (sudden + (1 - sudden) * weakness(self.slowness) * there)

    @property
    def bad(self) -> float:
        """How bad the network is, as far as the connections tell: 1 where as many are not kept as usual, or more."""
        return min(1.0, self.new / USUAL_NEW)

    def passes(self, two: bool) -> float:
        """The chance of the order of the requests, with one pass or with two at once: between the look-up and the
        addition of one of two, the other nearly always sends something."""
        return (0.9 if two else 0.02) if self.interleaved else (0.1 if two else 0.98)


def weakness(slowness: float) -> float:
    """How much likelier the network was weak than usual, where the app had to wait for an answer so many times as long
    as usual; 1 if that is not known."""
    if slowness <= 0:
        return 1.0
    log = max(-SLOW, min(math.log(slowness), SLOW))
    odds = GOOD / WEAK * math.exp((log / GOOD) ** 2 / 2 - ((log - SLOW) / WEAK) ** 2 / 2)
    return odds / (WEAK_SHARE * odds + 1 - WEAK_SHARE)


def _of(gap: float, chances: tuple[tuple[float, float], ...]) -> float:
    """The chance of the first span that the gap is shorter than."""
    for limit, chance in chances:
        if gap < limit:
            return chance
    return chances[-1][1]


def more(length: int) -> float:
    """The chance that a queue goes on after its known items: the longer it is, the likelier.

    So a long queue costs the logarithm of its length, and no story of repetitions can undercut it.
    """
    return (length + 2) / (length + 3)


PRODUCTS = 100
"""A product that has not been seen is one of so many."""


def share(product: int, times: Mapping[int, int], runs: int) -> float:
    """The chance of a product, given those before: the more often these came again, the likelier one of them is.

    times: in how many of the `runs` of equal items each product of a queue came.
    """
    if not runs:
        return 1 / PRODUCTS
    again = (runs - len(times) + 0.3) / (runs + 4)
    return again * times.get(product, 0) / runs + (1 - again) / PRODUCTS


def content(item: Item, before: Item | None, same: float = 0.0, its_share: float = 1 / PRODUCTS) -> float:
    """The chance that a new addition is this one; small quantities are the likelier.

    before: the last one of its kind; same: the chance that it comes again. its_share: the chance of the product.
    """
    product, quantity = item
    sizes = 0.3 if quantity == 1 else 0.4 / 11 if quantity <= 12 else 0.25 / 88 if quantity <= 100 else 5e-5
    other = sizes * its_share
    if before is None:
        return other
    if item == before:
        return same
    return (1 - same) * ((0.1 * sizes if product == before[0] else 0.0) + 0.9 * other)


def series(run: int, gap: float) -> float:
    """The chance that the next box by hand is equal to the last `run` ones, so many seconds after these."""
    odds = run**2 / 10
    odds *= _of(gap, ((30.0, 1.0), (90.0, 0.5), (math.inf, 0.1)))
    return odds / (1 + odds)
