"""The chances of what people and phones do, and of how the requests then come.

None of these numbers is exact. What matters is their ratio, and that the ways out of a state are one distribution: then
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

# Chances of what comes next. In each state they sum to at most 1 (a test checks it).
BROKEN = 0.03
"""A pass ended because a request of it failed."""
FAILED = 0.035
"""The answer to an addition by hand was lost, so that the person was shown an error."""
USUAL_NEW = 0.06
"""The share of connections that are not kept on a network on which requests fail as often as above. Where the share is
smaller, failures are rarer."""
FIRST = 0.06
"""An addition of a phone at rest is the first of a queue, received without a network."""
UNSEEN = 0.05
"""The pull after a completed pass never arrived."""
UNREAD_BUT_KEPT = 0.0005
"""The answer to a pull was not read, although its connection was used again."""
NEXT_LOST = 0.001
"""A pass continues without the addition whose product it has looked up."""
LOST_BY_HAND = 0.005
"""A person looks up another product at machine speed after an addition."""
SECOND_PASS = 0.01
ONE_OF_TWO = 0.3
"""One of two passes broke off: two passes are common where the network is bad."""
BESIDE = 0.002
"""A person does something else while a pass runs."""
LATE = 0.1
"""A request that seemed to have failed arrives late."""
AGAIN = 0.85
"""A person who was shown an error enters the same addition again."""
SAME_AS_QUEUED = 0.003
"""Somebody receives by hand the same item that the queue begins with: an item that was received once comes more often
than others."""
SAME_AS_BY_HAND = 0.02
"""A queue begins with another box of the kind that was received by hand last."""
SAME_LIST = 0.0005
"""A new queue has the same items as the previous one. Without this chance the second of two equal deliveries would
surely count as a repetition, the more so the longer it is."""
SAME_NEXT = 0.95
"""The next item of such a queue is the same again, once it is certain that the queues are equal."""
ELSEWHERE = 0.15
"""The share of additions entered again on a network that is like the usual one."""
SUDDEN, ITS_FAILURES = 0.02, 3
"""The share of failures on a network that was as quick as usual, and the number of a phone's own failures that weigh as
much as this share."""
STOPPED, STOPPED_SOON = 0.5, 0.15
"""The least share of passes that end on a network as quick as usual: they also end because somebody puts the phone
away. That is less likely where the phone is used again within 15 seconds."""
SAME_NETWORK = 0.6
"""The chance that an addition comes from the same network as the previous one. So after a few additions the usual
network is known."""
WEAK_SHARE = 0.2
"""The share of requests on a weak network."""
GOOD, SLOW, WEAK = 0.4, math.log(3.0), 0.5
"""The logarithm of the slowness: its standard deviation on a good network (mean 0), and its mean and standard deviation
on a weak one."""
CONTRADICTION = 1e-4
"""The chance of what the app cannot do, as far as is known here."""
APP_SECONDS = 1.5
"""Between two requests of its own the app hardly ever waits longer."""

Item = tuple[int, int]
"""A product, and how many pieces of it."""


class Timing(msgspec.Struct, frozen=True, array_like=True):
    """When and on which connection an addition, or a pull, came. Times are in seconds.

    For an addition these are the facts of its look-up. "The previous request" is the last one that was no look-up.

    gap: the time since the previous request. kept: whether it came on the same connection; None if the phone would have
    closed that one by then. new: the share of connections of this phone that were not kept. spread: that share where
    nothing has failed, as behind a balancer. interleaved: whether another request came between the look-up and the
    addition. looked_up: whether there was a look-up. first_kept, first_gap: like kept and gap, for the first request
    after the previous one: on the same connection it shows that the answer to the previous one has arrived. unbroken:
    whether no request can have failed since. lost: whether the app looked up another product directly after the
    previous request and did not add it. elsewhere: whether this request came on another connection than the one before
    it, even on one that the phone has kept.
    slowness, its_slowness: how many times as long as usual the last addition, and this one, came after its look-up; 0
    if unknown. sudden: the share of this phone's failures that came although the answers were as quick as usual.
    turned: the share of presses directly behind another one that come on another connection. used: the time since the
    previous request on this connection, as far as known. crossed: whether "the previous request" came only after the
    look-up.
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
    turned: float = 1.0
    used: float = 1e9
    crossed: bool = False

    @property
    def fresh(self) -> float:
        """The chance that a request comes on another connection than the one that the phone would keep."""
        return max(self.new, self.spread)

    @property
    def machine(self) -> float:
        """The chance of the gap and the connection if the app itself continued: then nothing has failed."""
        return self.pace * (self.spread if self.kept is False else 1.0) * (NEXT_LOST if self.lost else 1.0)

    @property
    def pace_of_two(self) -> float:
        """The chance of the gap and the connection with two passes, which have a connection each: the evidence for two
        is what comes between."""
        surprising = self.kept is False and not self.interleaved
        return self.pace * (max(self.fresh, 0.5) if surprising else 1.0)

    @property
    def another(self) -> float:
        """The chance of the connection while another pass runs, which uses its own connection all the time."""
        return 0.0005 if self.kept and not self.interleaved else 1.0

    @property
    def late(self) -> float:
        """The chance of the gap if the request was delayed on its way, so that its place is accidental."""
        return _of(self.gap, ((0.3, 0.005), (1.5, 0.2), (6.0, 0.3), (math.inf, 1.0)))

    @property
    def failed(self) -> float:
        """The chance of the connection and the gap if the previous request has failed: then the connection is broken,
        and the error takes a while to show."""
        shown = _of(self.gap, ((5.0, 0.1), (10.0, 0.3), (15.0, 0.5), (math.inf, 1.0)))
        stopped = STOPPED_SOON if self.gap < KEPT_SECONDS else STOPPED
        return shown * (0.0005 if self.unbroken else self._weak(max(self.sudden, stopped)))

    @property
    def arrived(self) -> float:
        """The chance of the connection if the answer to the previous request has arrived.

        If the connection is new all the same, a later request has failed on the old one before it reached the server,
        and was entered again. That takes as long as an error takes to show.
        """
        if self.first_kept is not False:
            return 1.0
        unseen = _of(self.first_gap, ((5.0, 0.002), (10.0, 0.01), (15.0, 0.04), (math.inf, 0.3)))
        return min(1.0, self.spread + self.new * unseen)

    @property
    def moved_on(self) -> float:
        """The chance of the connection if a person does something else after an addition by hand: its answer has
        arrived, or it has failed and is given up."""
        given_up = FAILED * (1 - AGAIN) * (0.0005 if self.first_kept else self._weak(self.sudden))
        if self.crossed:  # the addition arrived late
            return given_up * LATE
        shown = _of(self.gap, ((5.0, 0.1), (10.0, 0.3), (15.0, 0.5), (math.inf, 1.0)))
        return min(1.0, self.arrived + given_up * shown)

    @property
    def unread(self) -> float:
        """The odds that the answer to the pull before this request was lost, against that it was read."""
        if self.kept:
            return UNREAD_BUT_KEPT
        return min(1.0, UNSEEN * self.bad / self.arrived)

    @property
    def pace(self) -> float:
        """The chance of the gap if the app itself continued."""
        return _of(self.gap, ((0.3, 0.75), (1.5, 0.2), (6.0, 0.045), (MOST_SECONDS, 0.005), (math.inf, 0.002)))

    @property
    def human(self) -> float:
        """The chance of the gap if a person had to do something first."""
        return _of(self.gap, ((0.3, 0.002), (1.5, 0.03), (math.inf, 0.968)))

    @property
    def retried(self) -> float:
        """The chance of the gap if the previous request has failed and the person enters it again: the error takes a
        while to show, and then the person is quick. If it has crossed the look-up, it was late."""
        if self.crossed:
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
        """How much likelier a failure of the last addition is, by how slow the network was then: on a weak network the
        app waits longer for answers.

        sudden: the share of failures without such a warning. there: the factor for the network of this addition.
        """
        return self.bad * (sudden + (1 - sudden) * weakness(self.slowness) * there)

    @property
    def bad(self) -> float:
        """How bad the network is, judged by its connections: 1 if at least the usual share of them is not kept."""
        return min(1.0, self.new / USUAL_NEW)

    def passes(self, two: bool) -> float:
        """The chance of the order of the requests, with one pass or with two at once: between the look-up and the
        addition of one of two, the other nearly always sends something."""
        return (0.9 if two else 0.02) if self.interleaved else (0.1 if two else 0.98)


def weakness(slowness: float) -> float:
    """How much likelier than usual it is that the network was weak, if an answer took `slowness` times as long as
    usual; 1 if that is unknown (0)."""
    if slowness <= 0:
        return 1.0
    log = max(-SLOW, min(math.log(slowness), SLOW))
    odds = GOOD / WEAK * math.exp((log / GOOD) ** 2 / 2 - ((log - SLOW) / WEAK) ** 2 / 2)
    return odds / (WEAK_SHARE * odds + 1 - WEAK_SHARE)


def _of(gap: float, chances: tuple[tuple[float, float], ...]) -> float:
    """The chance of the span that contains the gap. chances: the upper limit of each span, and its chance."""
    for limit, chance in chances:
        if gap < limit:
            return chance
    return chances[-1][1]


def more(length: int) -> float:
    """The chance that a queue has another item after its `length` known ones: the longer it is, the likelier.

    So a long queue costs the logarithm of its length, and no story of repetitions can be cheaper.
    """
    return (length + 2) / (length + 3)


PRODUCTS = 100
"""A product that is new in a queue is one of so many."""


def share(product: int, times: Mapping[int, int], runs: int) -> float:
    """The chance that the next product of a queue is this one: the more often earlier products came again, the likelier
    is one of them.

    times: by product, in how many of the `runs` of equal items it came.
    """
    if not runs:
        return 1 / PRODUCTS
    again = (runs - len(times) + 0.3) / (runs + 4)
    return again * times.get(product, 0) / runs + (1 - again) / PRODUCTS


def content(item: Item, before: Item | None, same: float = 0.0, its_share: float = 1 / PRODUCTS) -> float:
    """The chance that a new addition is this item; small quantities are likelier.

    before: the previous addition of the queue, or by hand. same: the chance that it comes again. its_share: the chance
    of the product.
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
    """The chance that the next box by hand equals the last `run` boxes, `gap` seconds after them."""
    odds = run**2 / 10
    odds *= _of(gap, ((30.0, 1.0), (90.0, 0.5), (math.inf, 0.1)))
    return odds / (1 + odds)
