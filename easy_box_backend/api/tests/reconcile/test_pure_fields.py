"""Unit tests of reconcile/fields.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.reconcile.fields import FIELDS, edits

descriptions = st.fixed_dictionaries({field: st.sampled_from("abc") for field in FIELDS})


def test_without_a_list_that_the_phone_has_seen_every_field_is_an_edit() -> None:
    sent = {"name": "a", "sku": "b", "location": "c"}
    assert edits(sent, []) == sent


@given(descriptions, descriptions, st.sets(st.sampled_from(FIELDS)))
def test_a_merge_keeps_the_managers_value_of_a_field_that_the_phone_did_not_edit(
    seen: dict[str, str], now: dict[str, str], touched: set[str]
) -> None:
    """seen: the description that the phone has seen. now: the description after the manager's change."""
    sent = {field: "edited" if field in touched else seen[field] for field in FIELDS}
    merged = {**now, **edits(sent, [seen])}
    assert merged == {field: "edited" if field in touched else now[field] for field in FIELDS}


@given(descriptions, descriptions, st.sets(st.sampled_from(FIELDS), max_size=1))
def test_an_edit_is_found_also_if_the_phone_can_have_seen_either_of_two_lists(
    older: dict[str, str], newer: dict[str, str], touched: set[str]
) -> None:
    sent = {field: "edited" if field in touched else older[field] for field in FIELDS}
    found = edits(sent, [newer, older])
    assert touched <= set(found)
    assert len(found) == len(touched), "the list that explains the PUT with the fewest edits is used"


@given(descriptions, st.lists(descriptions, min_size=1, max_size=4))
def test_a_description_that_the_phone_can_have_seen_is_no_edit(
    sent: dict[str, str], others: list[dict[str, str]]
) -> None:
    assert edits(sent, [*others, sent]) == {}
