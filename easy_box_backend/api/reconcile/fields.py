"""What a phone's PUT changed of a product's description: a three-way merge, field by field."""

from collections.abc import Mapping, Sequence

FIELDS = ("name", "sku", "location")


def edits(sent: Mapping[str, str], seen: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The fields that the person edited: those that differ from what the phone had seen.

    seen: the descriptions that the phone can have seen, the likeliest first. The one with the fewest differences is
    taken. Without any, all fields count as edited.
    """
    candidates = [{f: sent[f] for f in FIELDS if sent[f] != known.get(f)} for known in seen]
    return min(candidates, key=len) if candidates else {f: sent[f] for f in FIELDS}
