"""What a phone's PUT changed of a product's description: a three-way merge, field by field."""

from collections.abc import Mapping, Sequence

FIELDS = ("name", "sku", "location")


def edits(sent: Mapping[str, str], seen: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The fields that the person edited: those that differ from what the phone had seen.

    seen: the descriptions that the phone can have seen, the likeliest first. Of several, the one that explains the
    request with the fewest edits is taken. Without any, all that is sent counts as edited.
    """
    candidates = [{f: sent[f] for f in FIELDS if sent[f] != known.get(f)} for known in seen]
    return min(candidates, key=len) if candidates else {f: sent[f] for f in FIELDS}
