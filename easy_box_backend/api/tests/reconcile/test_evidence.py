"""What the time that an answer took, and the time of a number, say about failures: evidence, and never proof."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from msgspec.structs import replace

from api.reconcile import presses
from api.reconcile.chances import GOOD, SLOW, STOPPED, STOPPED_SOON, SUDDEN, WEAK, WEAK_SHARE, Timing, weakness
from api.reconcile.line import Line
from api.reconcile.presses import Number, Page

QUICK, UNKNOWN, LONG = (Timing(20.0, new=1.0, first_gap=20.0, slowness=s, its_slowness=s) for s in (0.3, 0.0, 4.0))


def test_how_much_the_time_of_an_answer_says_is_no_more_than_a_chance_can() -> None:
    """All times together say nothing. With the last time, the network was weak for certain at most."""
    good, weak = NormalDist(0.0, GOOD), NormalDist(SLOW, WEAK)
    step = 0.001
    logs = [step * n for n in range(-4000, 4000)]
    usual = [WEAK_SHARE * weak.pdf(log) + (1 - WEAK_SHARE) * good.pdf(log) for log in logs]
    said = [weakness(math.exp(log)) for log in logs]
    assert 0.9 < step * sum(chance * much for chance, much in zip(usual, said, strict=True)) <= 1
    assert WEAK_SHARE * max(said) <= 1


def test_a_quick_answer_speaks_against_a_failure_and_a_slow_one_for_it() -> None:
    assert QUICK.retried < UNKNOWN.retried < LONG.retried
    assert QUICK.failed < UNKNOWN.failed < LONG.failed


def test_behind_a_quick_answer_a_failure_is_as_likely_as_failures_without_a_warning() -> None:
    assert QUICK.retried >= SUDDEN * UNKNOWN.retried
    sudden = Timing(20.0, new=1.0, first_gap=20.0, slowness=0.3, its_slowness=0.3, sudden=0.9)
    assert sudden.retried >= 0.9 * UNKNOWN.retried


def test_behind_a_quick_answer_somebody_can_put_the_phone_away() -> None:
    assert QUICK.failed >= STOPPED * UNKNOWN.failed
    soon, unknown = (replace(timing, gap=10.0) for timing in (QUICK, UNKNOWN))
    assert STOPPED * unknown.failed > soon.failed >= STOPPED_SOON * unknown.failed


def answered(line: Line, at: float, trip: float, connection: str) -> Timing:
    """An addition by hand, whose look-up was answered after `trip` seconds."""
    line.find(1, line.arrive("find", at, connection))
    return line.add(1, line.arrive("add", at + trip, connection))


@pytest.mark.parametrize("warned", [True, False])
def test_whether_failures_come_without_a_warning_is_learned_from_the_phone(warned: bool) -> None:
    line = Line()
    for number in range(60):
        breaks = number % 4 == 0
        answered(line, 8.0 * number, 0.4 if breaks and warned else 0.1, f"c{(number - 1) // 4}")
    sudden = line.arrive("find", 480.0, "c14").sudden
    assert sudden < 0.1 if warned else sudden > 0.5


def test_of_a_phone_that_was_hardly_heard_of_a_quick_answer_proves_little() -> None:
    line = Line()
    answered(line, 0.0, 0.02, "c")
    assert line.arrive("find", 30.0, "d").sudden >= 0.5


def test_slow_answers_hardly_change_what_is_usual_for_a_phone() -> None:
    line = Line()
    for number in range(40):
        answered(line, 8.0 * number, 2.0 if number % 5 == 0 else 0.1, "c")
    assert answered(line, 400.0, 0.4, "c").its_slowness > 2


@pytest.mark.parametrize(
    ("sent", "gaps"),
    [
        ([(11, 0.0), (12, 9.0)], (1.0, 0.0)),
        ([(12, 0.0), (11, 8.0), (10, 9.0)], (1.0, 8.0)),  # that long an error can have been shown, and 11 pressed again
        ([(11, 0.0), (12, 5.0), (11, 9.98)], (5.0, pytest.approx(4.98))),  # a second tap is no copy
        ([(12, 9.0)], (1.0, 0.0)),
        ([], (math.inf, 0.0)),
    ],
)
def test_a_copy_is_told_by_the_last_number_and_by_when_its_own_came_before(
    sent: list[tuple[int, float]], gaps: tuple[float, float]
) -> None:
    page = Page(numbers=[Number(number, 0.0, at=at) for number, at in sent])
    assert page.gaps(11, 10.0) == gaps


def test_a_copy_comes_at_any_time_and_presses_one_soon_after_the_other() -> None:
    """The number before must have been answered before the next press, so nothing else comes at once."""
    gaps = ((0.1, 1.0), (2.0, 1.0), (8.0, 1.0), (2.0, 8.0))
    at_once, soon, later, again = (presses.lateness(Timing(1.0, elsewhere=True), *gap) for gap in gaps)
    assert later / 20 < soon < later == again < at_once
