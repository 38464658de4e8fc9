"""Unit tests of reconcile/picking.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.reconcile.picking import merge

Lines = dict[int, tuple[int, int]]
lines = st.dictionaries(st.integers(1, 4), st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=4)


@given(lines, lines)
def test_an_order_sent_unchanged_changes_nothing(seen: Lines, now: Lines) -> None:
    result = merge(seen, seen, now)
    assert result.lines == now
    assert (result.twice, result.gone) == ({}, {})


@given(lines, lines)
def test_an_order_from_a_phone_that_is_up_to_date_is_applied_as_sent(sent: Lines, now: Lines) -> None:
    result = merge(sent, now, now)
    assert result.lines == sent
    assert (result.twice, result.gone) == ({}, {})


@given(lines, lines, st.dictionaries(st.integers(1, 4), st.integers(0, 3)))
def test_every_picked_piece_is_booked_or_asked_about(seen: Lines, now: Lines, more: dict[int, int]) -> None:
    sent = {product: (to_pick, picked + more.get(product, 0)) for product, (to_pick, picked) in seen.items()}
    result = merge(sent, seen, now)
    for product in seen:
        before = now.get(product, (0, 0))[1]
        after = result.lines.get(product, (0, 0))[1]
        held_back = result.twice.get(product, 0) + result.gone.get(product, 0)
        assert after - before + held_back == more.get(product, 0)


@given(lines, lines, lines)
def test_a_line_that_the_manager_added_stays(sent: Lines, seen: Lines, now: Lines) -> None:
    result = merge(sent, seen, now)
    for product in set(now) - set(seen) - set(sent):
        assert result.lines[product] == now[product]


@given(lines, lines, lines)
def test_a_line_that_the_manager_removed_stays_out(sent: Lines, seen: Lines, now: Lines) -> None:
    result = merge(sent, seen, now)
    assert not (set(seen) - set(now)) & set(result.lines)


@given(lines, lines, lines)
def test_the_shortage_is_what_is_still_to_be_picked(sent: Lines, seen: Lines, now: Lines) -> None:
    result = merge(sent, seen, now)
    assert result.short == {product: n - picked for product, (n, picked) in result.lines.items() if picked < n}
