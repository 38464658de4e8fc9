"""Days with two phones, a manager and a web shop, and the same days over HTTP."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from api.actions import stock
from api.tests.examples import examples
from proofs.simulation.day import over_http
from proofs.simulation.day.office import Manager, Question, choose
from proofs.simulation.day.people import TWO_PHONES, WITH_MANAGER, Outcome, Profile, play
from proofs.simulation.day.phone import Item, Phone
from proofs.simulation.day.readers import EachPhone, Naive, StoryReader
from proofs.simulation.day.server import Server
from proofs.simulation.day.world import Link, Network, World


def test_with_two_phones_no_day_is_silently_wrong() -> None:
    outcomes = [play(f"test {day}", TWO_PHONES, EachPhone(StoryReader)) for day in range(examples(40))]
    assert [outcome.silent for outcome in outcomes if outcome.silent] == []


def test_two_people_work_on_the_same_shelves_with_a_network_and_connections_of_their_own() -> None:
    log = play("test 0", TWO_PHONES, EachPhone(StoryReader)).world.log
    first, second = ([one for one in log if one.phone == name] for name in ("phone", "phone 2"))
    added = [{one.product for one in mine if one.kind == "add"} for mine in (first, second)]
    assert len(added[0] & added[1]) >= 6
    assert {one.connection for one in first}.isdisjoint({one.connection for one in second})
    assert {one.fault for one in first} != {""} != {one.fault for one in second}


# --- The manager ------------------------------------------------------------------------------------------------------
@dataclass
class Desk(Naive):
    """A reader that notes what the manager does. It books `wrong` pieces too many of each product.

    asked: the open questions. received: time and pieces of the receipt that can be reversed, or None.
    """

    asked: list[Question] = field(default_factory=list)
    received: tuple[float, int] | None = None
    wrong: int = 2
    counted: list[tuple[int, int]] = field(default_factory=list)
    settled: list[tuple[int, str]] = field(default_factory=list)

    def booked(self) -> dict[int, int]:
        return dict.fromkeys((1, 2, 3), self.wrong)

    def questions(self) -> dict[int, set[int]]:
        return {}

    def sell(self, product: int, pieces: int, at: float) -> None:
        pass

    def count(self, product: int, counted: int, at: float) -> None:
        self.counted.append((product, counted))

    def reverse(self, product: int, at: float) -> tuple[float, int] | None:
        return self.received

    def open_questions(self) -> list[Question]:
        return self.asked

    def settle(self, question: int, action: str, at: float) -> None:
        self.settled.append((question, action))


def manager_of(desk: Desk) -> Manager:
    """The manager of a warehouse with one product and one phone."""
    rng = random.Random(1)
    world = World(rng, desk, products=1, now=1000.0)
    return Manager(world, desk, [Phone(world, Link(world, Network(rng), "phone"), rng)], rng)


def test_a_shelf_is_counted_only_if_nothing_about_it_is_under_way() -> None:
    desk = Desk()
    manager = manager_of(desk)
    world, (phone,) = manager.world, manager.phones
    phone.queue.append(Item(1, 5, (7, 5)))
    manager._count()
    world.arrived.add(7)
    world.touched[1] = 970.0
    manager._count()
    assert desk.counted == []
    world.now += 60
    manager._count()
    assert desk.counted == [(1, world.start[1])]


@pytest.mark.parametrize(("came_at", "back"), [(500.0, -6), (10.0, 0)], ids=["after the count", "before it"])
def test_goods_that_are_reversed_leave_the_shelf_unless_they_were_counted_on_it_later(
    came_at: float, back: int
) -> None:
    desk = Desk(received=(came_at, 6), wrong=0)
    manager = manager_of(desk)
    manager._counted_at[1] = 100.0
    manager._reverse()
    assert manager.world.others[1] == back


def test_nothing_is_reversed_where_the_stock_is_wrong_or_asked_about() -> None:
    for desk in (Desk(received=(1.0, 6)), Desk(received=(1.0, 6), wrong=0, asked=[Question(1, 1, {})])):
        manager = manager_of(desk)
        manager._reverse()
        assert manager.world.others[1] == 0


@pytest.mark.parametrize(
    ("answers", "settled", "counted"),
    [
        ([{"dismiss": 0, "reverse": -2}], ["reverse"], False),
        ([{"dismiss": 0, "reverse": -5}, {"dismiss": 0, "apply": 3}], ["reverse", "apply"], False),
        ([{"dismiss": 0, "reverse": -5}], ["dismiss"], True),
    ],
    ids=["one answer", "two questions", "none is right"],
)
def test_questions_are_settled_so_that_the_shelf_is_right(
    answers: list[dict[str, int]], settled: list[str], counted: bool
) -> None:
    desk = Desk(asked=[Question(number, 1, one) for number, one in enumerate(answers)])
    manager = manager_of(desk)
    manager._settle()
    assert desk.settled == list(enumerate(settled))
    assert bool(desk.counted) == counted
    assert manager.settled == len(answers)


def test_no_question_needs_no_answer_and_a_difference_that_no_answer_closes_has_none() -> None:
    assert choose([], 0) == []
    assert choose([Question(1, 1, {"dismiss": 0, "apply": 2})], 1) is None


# --- The server -------------------------------------------------------------------------------------------------------
def served(*days: int) -> Iterator[Outcome]:
    return (play(f"1 {day}", WITH_MANAGER, Server()) for day in days)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.any_database
def test_with_a_manager_no_day_is_silently_wrong_and_what_is_asked_can_be_answered() -> None:
    outcomes = list(served(*range(examples(10))))
    assert [outcome.silent or outcome.unlike for outcome in outcomes if outcome.silent or outcome.unlike] == []
    assert sum(outcome.settled for outcome in outcomes) > 0


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.any_database
def test_a_planted_bug_that_leaves_late_bookings_out_of_counts_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "count_with", lambda *given: None)
    noticed = 4  # last time; it is played first, to save the days before it
    assert any(outcome.silent for outcome in served(noticed, *range(10)))


# --- Over HTTP --------------------------------------------------------------------------------------------------------
@pytest.fixture
def real_server() -> Iterator[None]:
    over_http.started.cache_clear()
    yield
    over_http.started()[0].close()
    over_http.started.cache_clear()


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.usefixtures("real_server")
def test_gunicorn_and_postgresql_read_a_day_as_the_actions_do() -> None:
    profile = Profile(bad=0.3, own_connections=True, acts=25, phones=2, products=6, manager=True)
    for day in range(2):
        here, there = (play(f"1 {day}", profile, reader()) for reader in (Server, over_http.OverHttp))
        assert here.world.stock() == there.world.stock()
        assert (here.off, here.questions, here.settled) == (there.off, there.questions, there.settled)
