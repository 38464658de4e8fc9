"""The reader by stories: what it books on days of the installed app, and that planted bugs make it wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from api.reconcile import chances, program, stories
from api.reconcile.chances import Item, Timing, content
from api.reconcile.line import Line
from api.reconcile.program import State, Way
from api.tests.examples import examples
from proofs.simulation.day import people
from proofs.simulation.day.people import BAD_NETWORK, NO_FAULTS, OWN_CONNECTIONS, Profile
from proofs.simulation.day.readers import Naive, StoryReader
from proofs.simulation.day.world import Request

DAYS = 40


class Wire:
    """Sends requests to a reader at the pace of the app: 0.1 s between two requests of a pass."""

    def __init__(self, connections: str = "kept", stock: dict[int, int] | None = None) -> None:
        self.reader, self.at, self.connections, self.made, self.list = StoryReader(), 0.0, connections, 1, stock or {}
        self.send("pull")

    def send(self, kind: str, product: int = 0, quantity: int = 0) -> None:
        self.at += 0.1
        self.made += self.connections == "own"
        self.reader.read(Request(kind, product, quantity, at=self.at, connection=f"c{self.made}"))
        if kind == "pull":
            self.reader.answered(self.list)

    def add(self, product: int, quantity: int, slower: float = 0.0) -> None:
        """slower: by how many seconds the answer to the look-up comes later than usual."""
        self.send("find", product)
        self.at += slower
        self.send("add", product, quantity)

    def pause(self, seconds: float = 60.0) -> None:
        self.at += seconds
        self.made += 1

    def stock(self, product: int) -> int:
        return self.reader.booked().get(product, 0)


@pytest.mark.parametrize("connections", ["kept", "own"])
@pytest.mark.parametrize("boxes", [1, 2, 3, 10, 60, examples(300)])
def test_equal_boxes_of_a_queue_are_all_booked(boxes: int, connections: str) -> None:
    wire = Wire(connections)
    wire.pause()
    for _ in range(boxes):
        wire.add(7, 4)
    wire.send("pull")
    assert wire.stock(7) == 4 * boxes


@pytest.mark.parametrize("connections", ["kept", "own"])
def test_a_queue_that_breaks_off_again_and_again_is_booked_once(connections: str) -> None:
    wire, queue = Wire(connections), [(1, 5), (2, 1), (3, 12), (2, 1), (4, 30)]
    for length in (2, 3, 3, 5):
        wire.pause()
        for product, quantity in queue[:length]:
            wire.add(product, quantity)
    wire.send("pull")
    assert wire.reader.booked() == {1: 5, 2: 2, 3: 12, 4: 30}


def test_looking_changes_nothing() -> None:
    wire = Wire()
    for product in (1, 2, 1, 0):
        wire.pause()
        for _ in range(20):
            wire.send("find", product)
    wire.send("pull")
    assert not any(wire.reader.booked().values())
    assert wire.reader.questions() == {}


def test_after_a_lost_list_a_page_may_lack_goods_from_before_it() -> None:
    """Neither the answer to the addition nor the list has arrived, so the page shows what it did before both."""
    wire = Wire(stock={1: 13})
    wire.pause()
    wire.add(1, 1)
    wire.pause(500)
    wire.list = {1: 14}
    wire.send("pull")
    wire.pause(5)
    for number in (14, 13, 12):
        wire.at += 1
        wire.send("put", 1, number)
    wire.send("pull")
    assert -2 in {change + wire.stock(1) - 1 - 1 for change in (0, *wire.reader.questions().get(1, ()))}


def test_goods_entered_again_after_a_lost_answer_are_asked_about() -> None:
    wire = Wire()
    wire.pause()
    wire.add(1, 24)
    wire.pause(8)
    wire.add(1, 24)
    wire.send("pull")
    assert wire.stock(1) == 24
    assert 24 in wire.reader.questions()[1]


@pytest.mark.parametrize("slower", [-0.04, 0.3])
def test_equal_boxes_by_hand_are_asked_about_only_where_the_network_was_slow(slower: float) -> None:
    wire = Wire("own")
    for product in range(2, 62):
        wire.pause()
        wire.add(product, 5)
    wire.pause()
    wire.add(1, 24, slower)
    wire.pause(8 if slower > 0 else 4)
    wire.add(1, 24, slower)
    wire.pause()
    wire.send("pull")
    assert wire.stock(1) == (24 if slower > 0 else 48)
    assert set(wire.reader.questions()) == ({1} if slower > 0 else set())


@pytest.mark.parametrize(
    ("trip", "least", "most"), [(lambda broke: 0.1, 0.5, 1.0), (lambda broke: 0.1 + 0.3 * broke, 0.0, 0.1)],
    ids=["quick answers before failures", "slow ones"],
)  # fmt: skip
def test_what_quick_answers_prove_is_learned_from_the_failures_of_the_phone(
    trip: Callable[[bool], float], least: float, most: float
) -> None:
    line, at = Line(), 0.0
    for number in range(60):
        breaks = number % 4 == 0
        connection = f"c{(number - 1) // 4}"
        line.find(1, line.arrive("find", at, connection))
        timing = line.add(1, line.arrive("add", at + trip(breaks), connection))
        at += 8.0
    assert least < timing.sudden < most


def test_of_a_new_phone_a_quick_answer_proves_little() -> None:
    line = Line()
    line.find(1, line.arrive("find", 0.0, "c"))
    line.add(1, line.arrive("add", 0.05, "c"))
    assert line.arrive("find", 30.0, "d").sudden >= 0.5


def test_a_connection_that_is_used_again_after_a_pause_proves_that_the_answer_has_arrived() -> None:
    line = Line()
    line.arrive("add", 0.0, "one")
    assert line.arrive("find", 15.06, "one").first_kept
    assert line.arrive("find", 40.0, "other").kept is None


def test_the_same_delivery_again_after_a_list_was_seen_is_new() -> None:
    wire = Wire()
    for _ in range(3):
        wire.pause()
        wire.add(1, 24)
        wire.send("pull")
    assert wire.stock(1) == 72
    assert wire.reader.questions() == {}


def test_a_press_that_counts_goods_in_the_queue_is_explained_once_they_come() -> None:
    """Two pieces wait on the phone, so its page shows 52 of 50, and + sends 53."""
    wire = Wire(stock={1: 50})
    wire.pause()
    wire.send("put", 1, 53)
    wire.pause()
    wire.add(1, 2)
    wire.send("pull")
    assert wire.stock(1) == 3
    assert wire.reader.questions() == {}


@pytest.mark.parametrize("connections", ["kept", "own"])
def test_plus_plus_minus_is_one_more(connections: str) -> None:
    wire = Wire(connections, stock={1: 10})
    wire.pause()
    for number in (11, 12, 11):
        wire.at += 1
        wire.send("put", 1, number)
    wire.send("pull")
    assert wire.stock(1) == 1
    assert wire.reader.questions() == {}


@pytest.mark.parametrize("sent", [((11, 1), (12, 9), (11, 1)), ((12, 9), (11, 1), (10, 1), (11, 1))])
def test_a_copy_can_come_once_an_error_was_shown(sent: tuple[tuple[int, float], ...]) -> None:
    wire = Wire("own", stock={1: sent[0][0] - 1})
    wire.pause()
    for number, pause in sent:
        wire.send("put", 1, number)
        wire.at += pause
    wire.send("pull")
    assert set(wire.reader.questions()) == {1}


# --- Whole days -------------------------------------------------------------------------------------------------------
def outcomes(profile: Profile, days: int, reader: Any = StoryReader) -> list[people.Outcome]:
    return [people.play(f"test {day}", profile, reader()) for day in range(days)]


def test_without_faults_every_day_ends_exactly() -> None:
    assert all(outcome.is_exact for outcome in outcomes(NO_FAULTS, examples(DAYS)))


@pytest.mark.parametrize("profile", [BAD_NETWORK, OWN_CONNECTIONS], ids=["kept", "own connections"])
def test_on_a_bad_network_no_day_is_silently_wrong(profile: Profile) -> None:
    assert [outcome.silent for outcome in outcomes(profile, examples(DAYS)) if outcome.silent] == []


def test_days_are_hard_enough_to_need_reading() -> None:
    assert all(outcome.silent for outcome in outcomes(BAD_NETWORK, 10, Naive))


# --- One distribution -------------------------------------------------------------------------------------------------
def reached(monkeypatch: pytest.MonkeyPatch) -> list[State]:
    """States that stories are in on a few bad days."""
    found: dict[tuple[object, ...], State] = {}
    plain = program.ways

    def noted(state: State, item: Item, timing: Timing) -> Iterator[Way]:
        found[state.key()] = state
        return plain(state, item, timing)

    with monkeypatch.context() as patch:
        patch.setattr(program, "ways", noted)
        outcomes(BAD_NETWORK, 6)
    return list(found.values())


def test_the_content_of_a_new_addition_is_one_distribution() -> None:
    for before, same in ((None, 0.0), ((1, 1), 0.25), ((1, 1), 0.9), ((3, 50), 0.02), ((3, 500), 0.5)):
        total = sum(
            content((product, quantity), before, same) for product in range(1, 101) for quantity in range(1, 1101)
        )
        assert total <= 1 + 1e-9, (before, same)


def test_the_ways_out_of_a_state_sum_to_at_most_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each timing: the chances of all additions and of a pull, as far as it does not speak for or against them."""
    states = reached(monkeypatch)
    assert len(states) > 500
    monkeypatch.setattr(Timing, "pace", 1.0)
    monkeypatch.setattr(Timing, "human", 1.0)
    monkeypatch.setattr(Timing, "passes", lambda timing, two: 1.0)
    monkeypatch.setattr(program, "content", lambda item, *more: float(item == NEW))
    monkeypatch.setattr(program.Queue, "new", lambda queue, length, item: float(item == NEW))
    for state in states:
        known = {state.before or NEW} | set(state.queue.items[: state.length]) | set(state.ghost.items)
        sent = sum(chance for item in {*known, NEW} for _, chance, _, _ in program.ways(state, item, Timing(1.0)))
        pulled = sum(chance for _, chance, _, _ in program.pull_ways(state, Timing(1.0)))
        assert sent + pulled <= 1, state
    both_end = State(program.PASS, program.Queue([NEW]), 1, 1, other=1)
    for state in (*states, both_end):
        assert sum(chance for _, chance, _, _ in program.unknown_ways(state, Timing(1.0))) <= 1, state


NEW: Item = (10**6, 1)


# --- Planted bugs -----------------------------------------------------------------------------------------------------
def leave_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = program.ways
    monkeypatch.setattr(program, "ways", lambda *given: (way for way in plain(*given) if way[0] != name))


def forget_doubts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stories, "merge", lambda known, other, margin: None)


def take_the_connection_as_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = program.ways
    monkeypatch.setattr(program, "ways", lambda state, item, timing: plain(state, item, replace(timing, new=1e-9)))


def take_slow_for_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = chances.weakness
    monkeypatch.setattr(chances, "weakness", lambda slowness: plain(1 / slowness if slowness else 0.0))


def let_a_chance_exceed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "SECOND_PASS", 40.0)


BUGS: dict[str, tuple[int, Callable[[pytest.MonkeyPatch], None]]] = {
    "a way left out: the pass from the beginning": (65, lambda patch: leave_out("pass from the beginning", patch)),
    "a way left out: entered again": (22, lambda patch: leave_out("entered again", patch)),
    "a merge that forgets a doubt": (1, forget_doubts),
    "the connection as proof": (8, take_the_connection_as_proof),
    "slow for quick": (28, take_slow_for_quick),
    "a chance over 1": (0, let_a_chance_exceed_one),
}
"""With the day that noticed it last time. It is played first, to save the days before it."""


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught_within_a_hundred_days(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noticed, plant = BUGS[bug]
    plant(monkeypatch)
    for day in (noticed, *range(100)):
        for profile in (NO_FAULTS, BAD_NETWORK, OWN_CONNECTIONS):
            outcome = people.play(f"test {day}", profile, StoryReader())
            if outcome.silent or (profile is NO_FAULTS and not outcome.is_exact):
                return
    pytest.fail("no day noticed it")
