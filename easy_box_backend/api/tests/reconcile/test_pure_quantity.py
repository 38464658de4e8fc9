"""reconcile/quantity.py by itself."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.reconcile.quantity import Reading, View, growing, read

presses = st.lists(st.sampled_from([1, -1]), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("sent", "views", "edited", "found"),
    [
        (10, [View(10)], False, Reading(0, True, 0, sure_base=False)),
        (11, [View(10)], False, Reading(1, True, 0)),
        (9, [View(10)], False, Reading(-1, True, 0)),
        (12, [View(10)], False, Reading(0, False, 0, possible_delta=2)),
        (11, [View(10)], True, Reading(0, False, 0, possible_delta=1)),
        (10, [View(10)], True, Reading(0, True, 0)),
        (11, [View(15, 7), View(10)], False, Reading(1, True, 0)),
        (16, [View(15, 7), View(10)], False, Reading(1, True, 7)),
        (10, [View(15, 7), View(10)], True, Reading(0, True, 0)),
        (11, [View(11, 7), View(10)], False, Reading(1, False, 0)),
        (11, [View(11, 7), View(10)], True, Reading(0, True, 7)),
        (11, [View(12, 7), View(10)], False, Reading(-1, False, 7)),
        (20, [View(15, 7), View(10)], False, Reading(0, False, 7, possible_delta=5)),
    ],
)
def test_a_number_means(sent: int, views: list[View], edited: bool, found: Reading) -> None:
    assert read(sent, views, edited=edited) == found


def test_a_number_that_the_phone_sent_before_is_a_duplicate_and_no_question() -> None:
    assert read(11, [View(13)], edited=False, sent_before={13: [View(13)], 11: [View(11)]}) == Reading(-2, True, 0)


def test_so_it_is_with_what_was_added_since() -> None:
    assert read(40, [View(60, 9)], edited=False, sent_before={60: [View(60, 9)], 40: [View(61)]}) == Reading(1, True, 0)


def test_the_same_number_behind_goods_is_likelier_a_new_step_and_a_question() -> None:
    assert read(11, [View(12, 9)], edited=False, sent_before={11: [View(12, 9), View(11)]}) == Reading(-1, False, 9)


def test_the_next_number_of_one_pass_while_another_has_gone_back_to_the_beginning() -> None:
    earlier = {11: [View(11)], 12: [View(12)]}
    assert read(13, [View(11)], edited=False, sent_before=earlier) == Reading(2, True, 0)


def test_numbers_of_a_series_are_no_further_apart_than_its_presses() -> None:
    """Seed 404, schedule 1118: a number that counted goods still waiting on the phone, then its queue from before."""
    before = {5: growing(5, 0, [(9, 3764)]), 3770: growing(3770, 0, [(9, 3764)])}
    reading = read(3771, before[5], edited=False, sent_before=before)
    assert (reading.delta, reading.sure, reading.possible_delta) == (0, False, 3766)
    again = read(3770, before[5], edited=True, sent_before=before)
    assert (again.delta, again.sure, again.possible_delta) == (0, False, 3765)


def test_a_step_is_a_guess_where_a_duplicate_among_the_goods_makes_it_the_other_one() -> None:
    views = [View(51, 9), View(46)]
    assert read(50, views, edited=False) == Reading(-1, True, 9)
    assert read(50, views, edited=False, possible_errors={0, -2}) == Reading(-1, False, 9)


def test_a_number_without_a_change_is_a_guess_where_something_may_be_counted_twice() -> None:
    assert read(50, [View(50)], edited=False, possible_errors={0, -1}) == Reading(0, False, 0, sure_base=False)


def test_views_grow_by_own_additions_the_fullest_first() -> None:
    assert growing(10, 0, [(7, 5), (9, 2)]) == [View(17, 9), View(15, 7), View(10, 0)]


@given(st.integers(-5, 50), presses, st.lists(st.integers(0, 8), max_size=4))
def test_a_series_of_presses_however_often_broken_off_leaves_exactly_its_sum(
    start: int, steps: list[int], broken: list[int]
) -> None:
    """Each pass sends the numbers from the beginning; only the last one reaches the end."""
    numbers = list(accumulate(steps, initial=start))[1:]
    booked, shown, earlier = 0, start, list[int]()
    for reached in [*broken, len(numbers)]:
        for number in numbers[:reached]:
            before = {sent: [View(sent)] for sent in reversed(earlier)}
            reading = read(number, [View(shown)], edited=False, sent_before=before)
            assert reading.sure
            booked, shown = booked + reading.delta, number
            earlier = [sent for sent in earlier if sent != number] + [number]
    assert booked == sum(steps)


@given(presses, presses, st.integers(2, 9), st.lists(st.integers(0, 16), max_size=3))
def test_an_addition_among_the_presses_makes_no_difference_or_is_asked_about(
    before: list[int], behind: list[int], pieces: int, broken: list[int]
) -> None:
    """Additions are sent before updates, so numbers from before the addition arrive after it."""
    start, movement = 100, 7
    first = list(accumulate(before, initial=start))[1:]
    numbers = first + list(accumulate(behind, initial=first[-1] + pieces))[1:]
    booked, shown, counted, sure, earlier = pieces, start, 0, True, dict[int, int]()
    for reached in [*broken, len(numbers)]:
        for number in numbers[:reached]:
            views = growing(shown, counted, [] if counted else [(movement, pieces)])
            before_it = {
                sent: growing(sent, seen, [] if seen else [(movement, pieces)])
                for sent, seen in reversed(earlier.items())
            }
            reading = read(number, views, edited=False, sent_before=before_it)
            booked, shown = booked + reading.delta, number
            counted, sure = reading.last_addition, sure and reading.sure and reading.sure_base
            earlier.pop(number, None)
            earlier[number] = reading.last_addition
    assert booked == sum(before) + pieces + sum(behind) or not sure


@given(st.integers(0, 50), st.integers(-100, 100), st.lists(st.integers(0, 50), min_size=1, max_size=4))
def test_further_off_than_a_step_is_never_sure(sent: int, shift: int, seen: list[int]) -> None:
    views = [View(quantity) for quantity in seen]
    reading = read(sent, views, edited=False)
    assert reading.sure <= (min(abs(sent - quantity) for quantity in seen) <= 1)
    assert sent - (reading.delta or reading.possible_delta) in seen
    assert abs(reading.delta) <= 1
