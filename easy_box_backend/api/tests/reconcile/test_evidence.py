"""How response times, and the times between numbers, change the estimated chance of failures. They are never proof."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from msgspec.structs import replace

from api.reconcile import presses
from api.reconcile.chances import GOOD, SLOW, STOPPED, STOPPED_SOON, SUDDEN, WEAK, WEAK_SHARE, Timing, weakness
from api.reconcile.line import Line
from api.reconcile.presses import Number, Page
from api.reconcile.stories import Stories

QUICK, UNKNOWN, LONG = (Timing(20.0, new=1.0, first_gap=20.0, slowness=s, its_slowness=s) for s in (0.3, 0.0, 4.0))


def test_the_weights_of_response_times_are_consistent_with_probabilities() -> None:
    """The weights of all times average to at most 1, and no weight makes the chance of a weak network exceed 1."""
    good, weak = NormalDist(0.0, GOOD), NormalDist(SLOW, WEAK)
    step = 0.001
    logs = [step * n for n in range(-4000, 4000)]
    usual = [WEAK_SHARE * weak.pdf(log) + (1 - WEAK_SHARE) * good.pdf(log) for log in logs]
    weights = [weakness(math.exp(log)) for log in logs]
    assert 0.9 < step * sum(chance * weight for chance, weight in zip(usual, weights, strict=True)) <= 1
    assert WEAK_SHARE * max(weights) <= 1


def test_a_quick_response_makes_a_failure_less_likely_and_a_slow_one_more_likely() -> None:
    assert QUICK.retried < UNKNOWN.retried < LONG.retried
    assert QUICK.failed < UNKNOWN.failed < LONG.failed


def test_after_a_quick_response_a_failure_is_at_least_as_likely_as_a_sudden_one() -> None:
    assert QUICK.retried >= SUDDEN * UNKNOWN.retried
    sudden = Timing(20.0, new=1.0, first_gap=20.0, slowness=0.3, its_slowness=0.3, sudden=0.9)
    assert sudden.retried >= 0.9 * UNKNOWN.retried


def test_after_a_quick_response_the_person_may_still_put_the_phone_away() -> None:
    assert QUICK.failed >= STOPPED * UNKNOWN.failed
    soon, unknown = (replace(timing, gap=10.0) for timing in (QUICK, UNKNOWN))
    assert STOPPED * unknown.failed > soon.failed >= STOPPED_SOON * unknown.failed


def answered_addition(line: Line, at: float, trip: float, connection: str) -> Timing:
    """The Timing of an addition by hand at `at`, whose look-up was answered after `trip` seconds."""
    line.find(1, line.arrive("find", at, connection))
    return line.add(1, line.arrive("add", at + trip, connection))


@pytest.mark.parametrize("warned", [True, False])
def test_how_often_failures_come_without_a_warning_is_learned_for_each_phone(warned: bool) -> None:
    line = Line()
    for number in range(60):
        breaks = number % 4 == 0
        answered_addition(line, 8.0 * number, 0.4 if breaks and warned else 0.1, f"c{(number - 1) // 4}")
    sudden = line.arrive("find", 480.0, "c14").sudden
    assert sudden < 0.1 if warned else sudden > 0.5


def test_for_a_phone_with_few_requests_a_quick_response_proves_little() -> None:
    line = Line()
    answered_addition(line, 0.0, 0.02, "c")
    assert line.arrive("find", 30.0, "d").sudden >= 0.5


@pytest.mark.parametrize("warned", [True, False])
def test_a_repeated_look_up_tells_whether_failures_come_without_a_warning(warned: bool) -> None:
    """Where each request has its own connection, nothing else tells."""
    line = Line()
    for number in range(60):
        at, failed = 60.0 * number, number % 4 == 0
        if failed:
            line.find(1, line.arrive("find", at - 9.0, f"lost {number}"))
        line.find(1, line.arrive("find", at, f"find {number}"))
        line.add(1, line.arrive("add", at + (0.4 if failed and warned else 0.1), f"add {number}"))
    sudden = line.arrive("find", 4000.0, "last").sudden
    assert sudden < 0.01 if warned else sudden > 0.5


def test_the_look_ups_of_a_camera_are_not_failures() -> None:
    line = Line()
    for number in range(20):
        for nth in range(4):
            line.find(1, line.arrive("find", 60.0 * number + 0.1 * nth, f"c {number} {nth}"))
        line.add(1, line.arrive("add", 60.0 * number + 0.4, f"a {number}"))
    assert line.failures == [0, 0]


def test_two_passes_hardly_ever_send_a_look_up_and_its_addition_with_nothing_between() -> None:
    direct, interleaved = Timing(0.1), Timing(0.1, interleaved=True)
    assert direct.passes(two=True) <= direct.passes(two=False) / 9
    assert interleaved.passes(two=True) >= 9 * interleaved.passes(two=False)
    for two in (True, False):
        assert direct.passes(two) + interleaved.passes(two) == pytest.approx(1)


def test_a_few_slow_responses_hardly_change_the_usual_time_of_a_phone() -> None:
    line = Line()
    for number in range(40):
        answered_addition(line, 8.0 * number, 2.0 if number % 5 == 0 else 0.1, "c")
    assert answered_addition(line, 400.0, 0.4, "c").its_slowness > 2


@pytest.mark.parametrize(
    ("sent", "gaps"),
    [
        ([(11, 0.0), (12, 9.0)], (1.0, 0.0, 1.0)),
        ([(12, 0.0), (11, 8.0), (10, 9.0)], (1.0, 8.0, 1.0)),  # 10 came 1 s ago, and 11 had come 8 s after 12
        ([(11, 0.0), (12, 5.0), (11, 9.98)], (5.0, pytest.approx(4.98), 5.0)),  # a second tap is no copy
        ([(11, 0.0), (12, 5.0), (13, 7.0)], (3.0, 0.0, 5.0)),  # a copy of 11 was sent before 12, 5 s ago
        ([(12, 9.0)], (1.0, 0.0, 0.0)),
        ([], (math.inf, 0.0, 0.0)),
    ],
)
def test_a_copy_is_recognised_by_the_previous_number_and_by_when_its_own_number_came_before(
    sent: list[tuple[int, float]], gaps: tuple[float, float, float]
) -> None:
    page = Page(numbers=[Number(number, 0.0, at=at) for number, at in sent])
    assert page.gaps(11, 10.0) == gaps


def test_a_copy_may_come_at_any_time_but_presses_come_soon_after_each_other() -> None:
    """A press follows the response to the previous number, so only a copy can come at once."""
    gaps = ((0.1, 1.0), (2.0, 1.0), (8.0, 1.0), (2.0, 8.0))
    at_once, soon, later, again = (presses.lateness(Timing(1.0, elsewhere=True), *gap) for gap in gaps)
    assert later / 20 < soon < later == again < at_once


@pytest.mark.parametrize(("used", "possible"), [(5.0, True), (1.0, False), (2.0, False)])
def test_a_copy_cannot_come_on_a_connection_that_has_been_used_since_the_next_number(
    used: float, possible: bool
) -> None:
    """A connection keeps the order. After a second tap the phone has two, and a press may come on either."""
    timing = Timing(1.0, elsewhere=True, turned=0.01)
    late = presses.lateness(replace(timing, used=used), 1.0, 1.0, 2.0)
    assert late == (presses.lateness(timing, 1.0, 1.0, 2.0) if possible else presses.lateness(Timing(1.0), 1.0, 1.0))


def pressed(line: Line, *connections: str) -> Timing:
    """The Timing of the next number, on a connection of its own, after presses on these connections, 1 s apart."""
    for nth, connection in enumerate(connections):
        timing = line.arrive("put", float(nth), connection)
        if nth:
            line.pressed_next(timing)
    return line.arrive("put", float(len(connections)), "copy")


def test_in_a_series_another_connection_points_to_a_copy_unless_presses_change_it_anyway() -> None:
    """Nothing has failed between two presses of a series, however often connections break elsewhere."""
    kept = pressed(Line(), *("c" * 10))
    own = pressed(Line(), *(f"c{nth}" for nth in range(10)))
    assert kept.turned < 0.02 < 0.8 < own.turned
    often_broken, balancer = (replace(timing, new=0.5) for timing in (kept, own))
    late, shared = (presses.lateness(timing, 1.0, 1.0) for timing in (often_broken, balancer))
    assert math.log(presses.STEP / late) < 7 < math.log(presses.STEP / shared)


def test_a_number_is_the_next_press_of_a_series_if_it_is_one_step_on_and_was_not_sent_before() -> None:
    page = Page(numbers=[Number(number, 0.0, at=at) for number, at in ((11, 0.0), (12, 5.0))])
    assert page.is_next(13, 6.0)
    assert not any(page.is_next(*other) for other in ((11, 6.0), (12, 6.0), (14, 6.0), (13, 9.0)))
    assert not Page().is_next(11, 0.0)


@pytest.mark.parametrize(("seconds", "kept"), [(13.0, None), (17.0, False)])
def test_a_connection_that_was_idle_longer_than_the_phone_keeps_it_is_not_one_of_its_own(
    seconds: float, kept: bool | None
) -> None:
    """What comes there was sent earlier."""
    line = Line()
    for at, connection in ((0.0, "before"), (seconds - 5, "now")):
        line.arrive("put", at, connection)
    assert line.arrive("put", seconds, "before").kept is kept


@pytest.mark.parametrize(("apart", "of_two"), [(0.05, True), (1.0, False)])
def test_of_two_passes_that_look_up_the_same_product_either_look_up_may_be_the_first(
    apart: float, of_two: bool
) -> None:
    """Where each request has its own connection. So both additions are evidence of two passes."""
    line = Line()
    for nth, at in enumerate((0.0, apart)):
        line.find(1, line.arrive("find", at, f"find {nth}"))
    timings = [line.add(1, line.arrive("add", apart + 0.05 * nth, f"add {nth}")) for nth in (1, 2)]
    assert [timing.interleaved for timing in timings] == [of_two, True]


@pytest.mark.parametrize("gap", [9.0, 34.0])
def test_an_error_may_be_given_up_and_the_next_box_be_an_equal_one(gap: float) -> None:
    """However certain the failure of the first addition, a manager is asked about the second."""
    stories = Stories()
    stories.add(1, 1, Timing(600.0))
    failed = Timing(gap, kept=False, new=0.06, first_kept=False, first_gap=9.0, spread=0.0)
    stories.add(1, 1, replace(failed, slowness=9.0, its_slowness=3.0))
    assert stories.told()[-1].way == "entered again"
    assert set(stories.doubts()) == {1}


@pytest.mark.parametrize(("kept", "pieces"), [(False, [1, 0]), (True, [1, 1])])
def test_a_press_on_a_new_connection_may_follow_a_pass_that_broke_off(kept: bool, pieces: list[int]) -> None:
    """On the same connection the answer to the addition has arrived, so it came by hand, and the next is new."""
    stories = Stories()
    stories.add(1, 1, Timing(600.0))
    stories.act(Timing(9.0, kept=kept, new=0.1, first_kept=kept, first_gap=9.0, spread=0.0, unbroken=kept))
    stories.add(1, 1, Timing(2.0, kept=True, new=0.1, first_kept=True, spread=0.0))
    assert [effect.pieces for effect in stories.told()] == pieces
    assert set(stories.doubts()) == (set() if kept else {1})


def test_many_pieces_again_after_another_act_may_be_a_queue_that_is_sent_again() -> None:
    """A person who has left the screen for receiving goods is not within a series of equal boxes."""
    stories = Stories()
    stories.add(1, 137, Timing(600.0))
    for gap in (8.0, 3.0):
        stories.act(Timing(gap))
    stories.add(1, 137, Timing(1.6))
    assert stories.doubts()[1][-137].cost < 4


def test_of_two_equal_additions_whose_look_ups_both_came_before_one_is_a_late_copy() -> None:
    """A person looks the second box up only when the first is on the screen. Here an error was shown, and then the
    first addition arrived after all."""
    line, stories = Line(), Stories()
    for nth in range(8):
        at = 8.0 * nth
        line.find(1, line.arrive("find", at, "c"))
        stories.add(1, 10, line.add(1, line.arrive("add", at + 0.1, "c")))
    for at, connection in ((66.0, "c"), (73.0, "d")):
        line.find(1, line.arrive("find", at, connection))
    for at, connection in ((73.1, "c"), (73.2, "d")):
        stories.add(1, 10, line.add(1, line.arrive("add", at, connection)))
    assert [effect.pieces for effect in stories.told()] == [10] * 9 + [0]
    assert stories.doubts()[1][10]


@pytest.mark.parametrize("received", [False, True])
def test_a_late_request_of_a_pass_that_broke_off_belongs_to_its_queue(received: bool) -> None:
    """Before it arrives the person presses + or −, or receives other goods."""
    line, stories = Line(), Stories()
    for at in (0.0, 0.2, 0.4, 60.0, 60.2, 60.4, 60.6):
        line.find(1, line.arrive("find", at, "c"))
        is_late = at == 0.4
        if is_late:
            if received:
                line.find(2, line.arrive("find", 7.9, "d"))
                stories.add(2, 6, line.add(2, line.arrive("add", 8.0, "d")))
            else:
                stories.act(line.arrive("put", 8.0, "d"))
        stories.add(1, 1, line.add(1, line.arrive("add", 9.0 if is_late else at + 0.1, "c")))
    assert sum(effect.pieces for effect in stories.told() if effect.product == 1) == 4
