"""reconcile/fields.py by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.reconcile.fields import FIELDS, edits

descriptions = st.fixed_dictionaries({field: st.sampled_from("abc") for field in FIELDS})


def test_without_any_view_all_is_edited() -> None:
    sent = {"name": "a", "sku": "b", "location": "c"}
    assert edits(sent, []) == sent


@given(descriptions, descriptions, st.sets(st.sampled_from(FIELDS)))
def test_a_merge_never_loses_a_field_that_the_phone_did_not_touch(
    seen: dict[str, str], now: dict[str, str], touched: set[str]
) -> None:
    """now: the description after the manager's change."""
    sent = {field: "edited" if field in touched else seen[field] for field in FIELDS}
    merged = {**now, **edits(sent, [seen])}
    assert merged == {field: "edited" if field in touched else now[field] for field in FIELDS}


@given(descriptions, descriptions, st.sets(st.sampled_from(FIELDS), max_size=1))
def test_with_two_lists_that_it_can_have_seen_an_edit_is_still_found(
    older: dict[str, str], newer: dict[str, str], touched: set[str]
) -> None:
    sent = {field: "edited" if field in touched else older[field] for field in FIELDS}
    found = edits(sent, [newer, older])
    assert touched <= set(found)
    assert len(found) == len(touched), "the view that explains it with the fewest edits"


@given(descriptions, st.lists(descriptions, min_size=1, max_size=4))
def test_what_the_phone_can_have_seen_is_no_edit(sent: dict[str, str], others: list[dict[str, str]]) -> None:
    assert edits(sent, [*others, sent]) == {}
