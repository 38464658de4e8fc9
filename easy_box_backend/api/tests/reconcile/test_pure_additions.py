"""reconcile/additions.py by itself: a phone, its queue, and a network that breaks, with a ledger of five lines.

The properties hold for whatever hypothesis makes up; the stories are in test_broken_phases.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from api.reconcile import additions
from api.reconcile.memory import Arrival, Item, Lookup, Memory
from api.tests.examples import examples

Queue = list[tuple[int, int]]
"""`(product, pieces)` in the order in which they were received."""

# Few products and few quantities, so that queues are full of look-alikes.
queues = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2)), min_size=1, max_size=6)


@dataclass
class Books:
    """What the server does with a phone's stock queue: verdicts carried out as the actions do."""

    memory: Memory = field(default_factory=Memory)
    movements: dict[int, tuple[int, int]] = field(default_factory=dict)
    questions: dict[tuple[int, ...], tuple[int, int]] = field(default_factory=dict)
    """What a manager can do by one click each, by the numbers of the requests in question: `(product, pieces)`, with
    negative pieces to take away."""

    connection: int = 0
    stream: int = 0

    def look_up(self, product: int, *, quick: bool, same_connection: bool) -> None:
        self.memory.number += 1
        self.connection += not same_connection
        if not (quick and same_connection):
            self.stream = self.memory.number
        additions.looked_up(self.memory, Lookup(product, self.memory.number, quick, str(self.connection)))

    def add(self, product: int, pieces: int) -> None:
        self.memory.number += 1
        now = self.memory.number
        arrival = Arrival(True, True, "find", str(self.connection), self.stream)
        verdict = additions.added(self.memory, product, pieces, arrived_at=now - 1, arrival=arrival)
        if verdict.book:
            additions.booked(self.memory, self._book(product, pieces))
        for item in verdict.undo:
            if item.movement:
                del self.movements[item.movement]
            self.questions.pop((item.number,), None)
            item.movement = None
        self._after_all(verdict.rebook)
        self._ask(verdict.suspects)
        for item in verdict.doubted:
            self._hold_back([item])
        held_back = [item for item in verdict.withheld if not item.movement]
        for wanted in dict.fromkeys(item.product for item in held_back):
            self._hold_back([item for item in held_back if item.product == wanted])

    def queue_finished(self) -> None:
        self._after_all(additions.queue_finished(self.memory))

    def _after_all(self, items: list[Item]) -> None:
        for item in items:
            item.movement = self._book(item.product, item.quantity)
        self._ask(items)

    def _ask(self, booked: list[Item]) -> None:
        for item in booked:
            if item.movement:
                self.questions[(item.number,)] = (item.product, -item.quantity)

    def _hold_back(self, items: list[Item]) -> None:
        pieces = sum(item.quantity for item in items)
        self.questions[tuple(item.number for item in items)] = (items[0].product, pieces)
        for item in items:
            item.asked = True

    def _book(self, product: int, pieces: int) -> int:
        self.movements[max(self.movements, default=0) + 1] = (product, pieces)
        return max(self.movements)

    @property
    def stock(self) -> Counter[int]:
        total: Counter[int] = Counter()
        for product, pieces in self.movements.values():
            total[product] += pieces
        return total


def send(books: Books, queue: Queue, *, requests: int | None = None, same_connection: bool = False) -> None:
    """One pass on a new connection, or not, of which so many requests arrive (each item is two)."""
    left = 2 * len(queue) if requests is None else requests
    for index, (product, pieces) in enumerate(queue):
        if left >= 1:
            books.look_up(product, quick=index > 0, same_connection=same_connection or index > 0)
        if left >= 2:
            books.add(product, pieces)
        left -= 2


def total(queue: Queue) -> Counter[int]:
    wanted: Counter[int] = Counter()
    for product, pieces in queue:
        wanted[product] += pieces
    return wanted


def can_be_set_right(books: Books, queue: Queue) -> bool:
    """Whether the stock is what was received, or becomes so by clicks on what a manager is asked."""
    for product in total(queue) + books.stock:
        reachable = {books.stock[product]}
        for asked, pieces in books.questions.values():
            if asked == product:
                reachable |= {quantity + pieces for quantity in reachable}
        if total(queue)[product] not in reachable:
            return False
    return True


@given(queues)
def test_a_queue_that_goes_through_counts_as_it_is(queue: Queue) -> None:
    books = Books()
    send(books, queue)
    books.queue_finished()
    assert books.stock == total(queue)
    assert books.questions == {}


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2)), min_size=1, max_size=12))
def test_what_a_person_receives_online_counts_each_time(received: Queue) -> None:
    """One at a time on one connection, even if all are equal."""
    books = Books()
    for product, pieces in received:
        books.look_up(product, quick=False, same_connection=True)
        books.add(product, pieces)
    assert books.stock == total(received)
    assert books.questions == {}


@settings(max_examples=examples(300))
@given(queues, st.data())
def test_a_queue_that_breaks_off_anywhere_and_comes_again_counts_once_or_is_asked_about(
    queue: Queue, data: st.DataObject
) -> None:
    """It may have grown meanwhile. Whether the last answer arrived makes no difference to the phone."""
    books = Books()
    send(books, queue, requests=data.draw(st.integers(0, 2 * len(queue)), label="requests that arrived"))
    grown = queue + data.draw(queues | st.just([]), label="received meanwhile")
    send(books, grown)
    books.queue_finished()
    assert can_be_set_right(books, grown)


@settings(max_examples=examples(300))
@given(queues, st.data())
def test_also_when_it_breaks_off_again_and_again(queue: Queue, data: st.DataObject) -> None:
    books = Books()
    for _ in range(data.draw(st.integers(1, 3), label="broken passes")):
        send(books, queue, requests=data.draw(st.integers(0, 2 * len(queue)), label="requests that arrived"))
        queue = queue + data.draw(queues | st.just([]), label="received meanwhile")
    send(books, queue)
    books.queue_finished()
    assert can_be_set_right(books, queue)


@settings(max_examples=examples(500))
@given(queues, st.data())
def test_nor_is_a_box_lost_that_was_received_by_hand_between_two_passes(queue: Queue, data: st.DataObject) -> None:
    """It may equal the first of the queue, and the next pass may come over its connection."""
    books, received = Books(), list(queue)
    for _ in range(data.draw(st.integers(1, 2), label="broken passes")):
        send(books, queue, requests=data.draw(st.integers(0, 2 * len(queue)), label="requests that arrived"))
        box = data.draw(st.sampled_from([queue[0], (1, 1)]), label="by hand")
        books.look_up(box[0], quick=False, same_connection=False)
        books.add(*box)
        received.append(box)
    send(books, queue, same_connection=data.draw(st.booleans(), label="over its connection"))
    books.queue_finished()
    assert can_be_set_right(books, received)


@settings(max_examples=examples(300))
@given(queues, st.data())
def test_behind_a_proof_nothing_is_asked(queue: Queue, data: st.DataObject) -> None:
    """The pass broke off between a look-up and its addition, after at least one addition."""
    books = Books()
    pieces = data.draw(st.integers(1, len(queue)), label="additions that arrived")
    grown = [*queue, (1, 1)]
    send(books, grown, requests=2 * pieces + 1)
    send(books, grown)
    books.queue_finished()
    assert books.stock == total(grown)
    assert books.questions == {}


@settings(max_examples=examples(300))
@given(queues)
def test_two_passes_in_turns_count_once_or_are_asked_about(queue: Queue) -> None:
    """The screen was opened twice: each request of one pass is followed by the same of the other."""
    books = Books()
    for product, pieces in queue:
        for _ in range(2):
            books.look_up(product, quick=True, same_connection=False)
        for _ in range(2):
            books.add(product, pieces)
    assert can_be_set_right(books, queue)
