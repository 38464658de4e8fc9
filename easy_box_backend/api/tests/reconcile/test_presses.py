"""Unit tests of reconcile/presses.py: how many pieces the numbers of + and − stand for."""

from __future__ import annotations

import pytest

from api.reconcile import presses, seen
from api.reconcile.chances import UNSEEN, Timing
from api.reconcile.memory import Memory
from api.reconcile.presses import Base, Number, Page, Reading

MARGIN = 7.0


KEPT = presses.lateness(Timing(1.0, kept=True))


def read(
    *numbers: int, opened: int = 10, added: tuple[int, ...] = (), old: tuple[int, ...] = (), late: float = KEPT
) -> list[Reading]:
    """The readings of these numbers, the likeliest first.

    opened: the number with which the page was opened. added: the pieces of the phone's own additions, which arrive
    later, from its queue. old: numbers that were sent before the last pull. late: the cost of a late copy.
    """
    page = Page(numbers=[Number(number, late, revision=1) for number in numbers], old=list(old))
    return presses.read(page, [Base(opened, 1.0)], [[] for _ in numbers], [(2, pieces) for pieces in added])


@pytest.mark.parametrize(
    ("numbers", "added", "pieces"),
    [
        ((11,), (), 1),
        ((9, 8, 7), (), -3),
        ((11, 12, 11), (), 1),
        ((11, 11, 11), (), 1),  # a second tap before the answer, or a press again after a failure
        ((13,), (2,), 1),  # the page includes two pieces that wait in the queue
        ((11, 17), (5,), 2),  # five are received between the presses
        ((11, 12, 13, 11, 12, 13), (), 3),  # a repaired app sends its queue again
        ((11, 17, 11, 17), (5,), 2),
        ((25,), (), 0),
    ],
)
def test_the_likeliest_reading_of_numbers_has_the_expected_pieces(
    numbers: tuple[int, ...], added: tuple[int, ...], pieces: int
) -> None:
    assert read(*numbers, added=added)[0].pieces == pieces


@pytest.mark.parametrize("numbers", [(11,), (11, 12, 13), (11, 11), (9, 10, 9)])
def test_numbers_that_the_buttons_make_are_not_asked_about(numbers: tuple[int, ...]) -> None:
    assert presses.other(read(*numbers), MARGIN) is None


@pytest.mark.parametrize(
    ("numbers", "added", "difference"),
    [
        ((25,), (), 1),  # nothing explains the number; a press would change it by one
        ((2,), (), -1),
        ((11,), (1,), -1),  # a press, or a page that includes the received piece
        ((10, 9), (), 1),  # a repaired app: a press was sent ahead of another that waited on the phone
    ],
)
def test_numbers_with_two_readings_are_asked_about(
    numbers: tuple[int, ...], added: tuple[int, ...], difference: int
) -> None:
    assert presses.other(read(*numbers, added=added), MARGIN) == difference


def test_a_number_equal_to_the_one_on_the_page_is_no_step_if_no_other_number_comes() -> None:
    assert presses.other(read(10), MARGIN) is None


def test_a_late_copy_of_a_number_before_the_pull_changes_nothing() -> None:
    assert read(12, old=(11, 12), opened=15, late=presses.LATE)[0].pieces == 0


def test_a_new_connection_makes_a_late_copy_likelier_unless_all_are_new() -> None:
    kept = presses.lateness(Timing(1.0, kept=True, new=0.1))
    rare, usual = (presses.lateness(Timing(1.0, elsewhere=True, new=new, spread=0.0)) for new in (0.1, 1.0))
    assert kept < usual < rare


def test_the_chances_of_a_number_sum_to_at_most_one() -> None:
    """The sum is over all numbers that can come next, both from the open page and from a newly opened one."""
    bases, sums = [Base(10, 0.7), Base(30, 0.3, 1)], [0, 5, 9]
    for shown in (None, 12):
        reading = Reading(0.0, shown, 0, 0, past={11: (0, -1)})
        total = sum(
            chance
            for sent in range(-50, 100)
            for chance, *_ in presses._ways(reading, Number(sent, 0.0), 0.0, bases, [], sums, came=1)
            if chance not in presses.GUESSES
        )
        assert total <= 1


@pytest.mark.parametrize(("sent", "difference"), [(11, -1), (9, None)])
def test_a_number_may_be_sent_again_behind_a_list_that_the_open_page_does_not_show(
    sent: int, difference: int | None
) -> None:
    """The list says 10, since somebody else took one. Before it the phone sent 11; the answer may have been lost."""
    page = Page(numbers=[Number(sent, KEPT, revision=1)], before=11, old=[11])
    readings = presses.read(page, [Base(10, 0.95), Base(11, 0.05)], [[]], [])
    assert readings[0].pieces == sent - 10
    assert presses.other(readings, MARGIN) == difference


def test_a_list_that_surely_arrived_hides_those_before_it_whatever_came_after() -> None:
    memory = Memory(pulls=[1, 2, 3], unread=[0.5, 0.0005], pull_unread=0.8)
    assert dict(seen.pulled(memory)) == pytest.approx({3: 1.0, 2: 0.8, 1: 0.0004})
    memory.forget_queues(4, in_one_go=False)
    lost = UNSEEN
    assert dict(seen.pulled(memory)) == pytest.approx({4: 1.0, 3: lost, 2: 0.8 * lost, 1: 0.0004 * lost})
