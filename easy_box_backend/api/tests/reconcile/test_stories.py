"""Unit tests of stories: how they merge, disagree, are decided and leave the memory. Without phones and database."""

from __future__ import annotations

import pytest

from api.reconcile.chances import Timing
from api.reconcile.program import Queue, State
from api.reconcile.stories import Doubt, Effect, Stories, Story, difference, likeliest, merge, parts

SOCK, CAP = 1, 2
AT_MACHINE_SPEED = Timing(0.1, kept=True, new=0.1)
LATER = Timing(1800.0)


def story(cost: float, *booked: int, product: int = SOCK) -> Story:
    """A story that books these pieces at its additions 1, 2, …"""
    effect = None
    for number, pieces in enumerate(booked, 1):
        effect = Effect(number, product, pieces, effect, "by hand")
    return Story(State(), cost, effect)


def booked_pieces(stories: Stories) -> list[int]:
    return [effect.pieces for effect in stories.told()]


def queue(*items: tuple[int, int], stories: Stories | None = None) -> Stories:
    """The stories after a pass with these items (product and pieces), which begins half an hour later."""
    stories = stories or Stories()
    for place, (product, pieces) in enumerate(items):
        stories.add(product, pieces, AT_MACHINE_SPEED if place else LATER)
    return stories


# --- Merging ----------------------------------------------------------------------------------------------------------
def test_of_two_stories_the_likelier_stays_and_the_other_is_a_doubt() -> None:
    known = story(1.0, 5, 5)
    merge(known, story(3.0, 5, 0), margin=7.0)
    assert known.cost == 1.0
    assert known.doubts == {SOCK: {-5: Doubt(2.0, ((2, -5),))}}


def test_additions_that_both_stories_book_alike_are_no_doubt() -> None:
    known = story(0.0, 5, 0)
    merge(known, story(1.0, 5, 0), margin=7.0)
    assert known.doubts == {}


def test_a_story_beyond_the_margin_is_no_doubt() -> None:
    known = story(0.0, 5, 5)
    merge(known, story(7.1, 5, 0), margin=7.0)
    assert known.doubts == {}


def test_a_merged_story_passes_on_its_doubts_beside_its_own_difference() -> None:
    known, other = story(0.0, 5, 5), story(1.0, 5, 0)
    other.doubts = {SOCK: {-5: Doubt(2.0, ((1, -5),))}}
    merge(known, other, margin=7.0)
    assert known.doubts[SOCK] == {-5: Doubt(1.0, ((2, -5),)), -10: Doubt(3.0, ((2, -5), (1, -5)))}


def test_the_difference_of_two_chains_ends_where_they_join() -> None:
    common = Effect(1, SOCK, 5, None, "by hand")
    one, other = Effect(2, CAP, 3, common, "by hand"), Effect(3, SOCK, 1, common, "by hand")
    assert difference(one, other) == {CAP: {2: -3}, SOCK: {3: 1}}
    assert difference(one, one) == {}


def test_of_several_doubts_about_the_same_change_the_likeliest_is_kept() -> None:
    near, far = Doubt(1.0, ((1, -5),)), Doubt(2.0, ((2, -5),))
    assert likeliest([far, near, Doubt(0.5, ((1, 2), (2, -2)))], margin=7.0) == {-5: near}


# --- Questions --------------------------------------------------------------------------------------------------------
def test_additions_that_all_doubts_have_together_are_one_question() -> None:
    doubts = {-7: Doubt(1.0, ((1, -5), (2, -2))), -10: Doubt(2.0, ((1, -5), (2, -2), (3, -3)))}
    assert parts(doubts) == [{1: -5, 2: -2}, {3: -3}]


def test_an_equal_box_is_a_question_that_the_rest_of_the_queue_answers() -> None:
    stories = queue((SOCK, 1), (CAP, 12), (3, 30))
    stories.add(SOCK, 1, LATER)
    assert stories.doubts()[SOCK]
    for item in ((CAP, 12), (3, 30), (4, 7)):
        stories.add(*item, AT_MACHINE_SPEED)
    stories.pull(AT_MACHINE_SPEED)
    assert booked_pieces(stories) == [1, 12, 30, 0, 0, 0, 7]
    assert set(stories.doubts()) <= {SOCK}


def test_a_doubt_from_before_the_last_pull_but_one_is_final_and_returned_once() -> None:
    stories = queue((SOCK, 24))
    stories.add(SOCK, 24, Timing(8.0, kept=False, new=0.1))
    assert stories.pull(AT_MACHINE_SPEED) == {}
    assert stories.doubts()[SOCK]
    assert set(stories.pull(LATER)) == {SOCK}
    assert stories.doubts() == {}
    assert stories.pull(LATER) == {}


def test_a_pinned_addition_is_booked_as_pinned_in_every_story() -> None:
    stories = queue((SOCK, 24))
    stories.add(SOCK, 24, Timing(8.0, kept=False, new=0.1))
    stories.pin({2: 24})
    assert all([effect.pieces for effect in each.chain()] == [24, 24] for each in stories.stories)
    assert stories.doubts() == {}


def test_a_pinned_addition_is_removed_from_the_doubts_of_merged_stories() -> None:
    stories = Stories()
    stories.stories[0].doubts = {SOCK: {-7: Doubt(1.0, ((1, -5), (2, -2)))}}
    stories.pin({1: 5})
    assert stories.doubts() == {SOCK: {-2: Doubt(1.0, ((2, -2),))}}


# --- Memory -----------------------------------------------------------------------------------------------------------
def test_additions_that_all_stories_agree_about_leave_the_memory_anywhere_in_the_chain() -> None:
    stories = Stories()
    stories.stories = [story(0.0, 5, 0, 3, 0), story(1.0, 5, 2, 3, 0)]
    stories.settle()
    assert [[effect.number for effect in each.chain()] for each in stories.stories] == [[2], [2]]


def test_settling_changes_no_doubt() -> None:
    stories = queue((SOCK, 1), (CAP, 12))
    stories.add(SOCK, 1, LATER)
    before = stories.doubts()
    stories.settle()
    assert stories.doubts() == before


# --- What decides between stories -------------------------------------------------------------------------------------
@pytest.mark.parametrize("boxes", [1, 3, 30, 300])
def test_every_one_of_many_equal_boxes_is_booked(boxes: int) -> None:
    stories = queue(*[(SOCK, 4)] * boxes)
    stories.pull(AT_MACHINE_SPEED)
    assert sum(booked_pieces(stories)) == 4 * boxes


@pytest.mark.parametrize("items", [[(SOCK, 1), (CAP, 1)] * 6, [(SOCK, 4), (SOCK, 4), (CAP, 2)] * 5])
def test_two_kinds_of_boxes_in_turns_are_all_booked(items: list[tuple[int, int]]) -> None:
    stories = queue(*items)
    stories.pull(AT_MACHINE_SPEED)
    assert booked_pieces(stories) == [pieces for _, pieces in items]


def test_an_equal_queue_is_new_after_a_pull_and_a_duplicate_without_one() -> None:
    items = [(SOCK, 5), (CAP, 12), (3, 30)]
    pulled = queue(*items)
    pulled.pull(AT_MACHINE_SPEED)
    assert sum(booked_pieces(queue(*items, stories=pulled))) == 2 * 47
    assert sum(booked_pieces(queue(*items, stories=queue(*items)))) == 47


def test_the_queue_of_a_former_login_begins_one_more_story() -> None:
    items = [(SOCK, 5), (CAP, 12), (3, 30)]
    stories = Stories()
    stories.begin_with(items[:2], cost=1.5)
    assert booked_pieces(queue(*items, stories=stories)) == [0, 0, 30]


def test_queues_come_from_the_likeliest_story_that_has_one() -> None:
    assert Stories().queues() == []
    items, cost = queue((SOCK, 5), (CAP, 12)).queues()[0]
    assert (items, cost) == ([(SOCK, 5), (CAP, 12)], 0.0)


def test_a_stored_queue_expects_the_same_as_one_that_has_grown() -> None:
    items = [(n * n % 5, 1 + n % 2) for n in range(30)] + [(7, 1)] * 4 + [(3, 1), (7, 1)] * 6
    grown = Queue()
    for length, item in enumerate(items):
        stored = Queue().with_items(items[:length])
        for following in (item, (1, 1), (7, 1), (99, 5)):
            assert grown.new(length, following) == stored.new(length, following)
        grown = grown.grown(length, item)
