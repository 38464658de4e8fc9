"""The two stories of a question in words: what the server believes, and what may be true instead.

Their facts are stored with the question when it is asked (the fact `story`, a document with a version), since the
phone's memory forgets them. Questions of an earlier release do not have this fact: they are described by their others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.discrepancies.case import Case
from api.discrepancies.words import clock, number, pieces, signed
from api.errors import Text
from api.models import Discrepancy

VERSION = 1
"""The version of the stored document. It is raised when a release gives a stored key another meaning."""


class TwoStories(NamedTuple):
    """Two texts. believed: the story by which the server booked. other: what may be true instead."""

    believed: str
    other: str


def stories_of(case: Case) -> TwoStories | None:
    """Both stories of a question about additions or about numbers of + and −; None for other kinds."""
    stored = case.facts.get("story", {})
    stored = stored if stored.get("version") == VERSION else {}
    if case.row.kind == Discrepancy.Kind.POSSIBLE_DUPLICATE:
        additions = stored.get("additions") or [_plain_addition(case)]
        return TwoStories(_additions(case, additions, believed=True), _additions(case, additions, believed=False))
    if case.row.kind == Discrepancy.Kind.QUANTITY_GUESS:
        booked, numbers = case.facts.get("change", 0), stored.get("numbers", [])
        other = booked + sum(case.held.values()) if case.held else 0
        return TwoStories(
            _numbers(numbers, stored.get("believed", []), booked), _numbers(numbers, stored.get("other", []), other)
        )
    return None


# --- Additions ------------------------------------------------------------------------------------------------------
_RECEIVED = _("%(when)s: %(pieces)s received.")
_NEW = _("%(when)s: %(pieces)s more received by %(person)s.")
_STORED = _("%(when)s: the phone sent %(pieces)s that it had stored; these are other goods.")
_AGAIN = _("%(when)s: the same once more (%(pieces)s), nothing new.")
_ENTERED = _("%(when)s: %(person)s entered the same again (%(pieces)s), since the answer to the first had been lost.")
_PASS = _("%(when)s: the phone sent its list again from the beginning (%(pieces)s), since it had broken off.")
_PASSES = _("%(when)s: the phone sent the same list twice at the same time (%(pieces)s).")
_NETWORK = _("%(when)s: the same request came twice over the network (%(pieces)s).")

WAYS: dict[str, Text] = {
    "by hand": _NEW,
    "without a look-up": _NEW,
    "first of a queue": _STORED,
    "new at the queue's end": _STORED,
    "entered again": _ENTERED,
    "pass from the beginning": _PASS,
    "next of the pass": _PASS,
    "second pass": _PASSES,
    "second pass begins": _PASSES,
    "second pass begins late": _PASSES,
    "came twice": _NETWORK,
}
"""The sentence for each way in which an addition can have come (`reconcile/program.py` yields their names)."""


def _plain_addition(case: Case) -> dict[str, Any]:
    """The addition of a question that has no stored story. How it can have come is unknown."""
    quantity = case.facts.get("quantity", 0)
    return {"at": case.row.created_at.isoformat(), "pieces": quantity, "booked": not case.held}


def _additions(case: Case, additions: Sequence[Mapping[str, Any]], *, believed: bool) -> str:
    """A story of these additions. believed: the one in which the booked additions are new goods and the others are not;
    else the opposite."""
    texts = [_with_text(addition, is_new=addition["booked"] == believed) for addition in additions]
    lines, earlier = list[str](), case.earlier if _repeats_one(additions) else None
    if earlier:
        values = {"when": clock(earlier.occurred_at, case.row.created_at), "pieces": pieces(earlier.quantity_delta)}
        lines.append(_RECEIVED % values)
    for text, group in groupby(texts, key=lambda one: one[0]):
        same = list(group)
        when = clock(datetime.fromisoformat(same[0][1]["at"]), case.row.created_at)
        values = {"when": when, "person": case.person, "pieces": pieces(sum(one["pieces"] for _text, one in same))}
        lines.append(text % values)
    if earlier:
        (one,) = additions
        total = earlier.quantity_delta + (one["pieces"] if one["booked"] == believed else 0)
        lines.append(gettext("Together %(pieces)s.") % {"pieces": pieces(total)})
    return " ".join(lines)


def _repeats_one(additions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the question is about one addition that may repeat a single earlier one, and not a whole list."""
    return len(additions) == 1 and _with_text(additions[0], is_new=False)[0] not in (_PASS, _PASSES)


def _with_text(addition: Mapping[str, Any], *, is_new: bool) -> tuple[Text, Mapping[str, Any]]:
    """An addition with the sentence for its way, as new goods or as a repetition."""
    text = WAYS.get(addition.get("new" if is_new else "again", ""), _NEW if is_new else _AGAIN)
    return text, addition


# --- Numbers of + and − ---------------------------------------------------------------------------------------------
def _numbers(sent: Sequence[int], steps: Sequence[Sequence[Any]], total: int) -> str:
    """A story of the numbers that the phone sent.

    steps: for each number, the pieces by which it changes the stock, and whether nothing explains it. total: the change
    in pieces.
    """
    known, runs = set[int](), list[tuple[Text, int, list[int]]]()
    for quantity, (change, guess) in zip(sent, steps, strict=False):
        text = _step_text(change, guess, known=quantity in known)
        shown = quantity - change
        known.add(quantity)
        if runs and runs[-1][0] is text and (text not in (_PLUS, _MINUS) or runs[-1][2][-1] == shown):
            runs[-1][2].append(quantity)
        else:
            runs.append((text, shown, [quantity]))
    lines = [text % {"shown": number(shown), "numbers": _listed(run)} for text, shown, run in runs]
    return " ".join([*lines, gettext("Together %(change)s.") % {"change": signed(total)}])


_PLUS = _("The page showed %(shown)s, and + was pressed: %(numbers)s.")
_MINUS = _("The page showed %(shown)s, and − was pressed: %(numbers)s.")
_CAME_AGAIN = _("Sent again: %(numbers)s.")
_UNCHANGED = _("The number was not changed: %(numbers)s.")
_UNEXPLAINED = _("Nothing explains %(numbers)s.")


def _step_text(change: int, guess: bool, *, known: bool) -> Text:
    """The sentence for a number. guess: nothing explains it. known: the phone sent the same number before."""
    if guess:
        return _UNEXPLAINED
    if change in (1, -1):
        return _PLUS if change == 1 else _MINUS
    return _CAME_AGAIN if known else _UNCHANGED


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(number, numbers))
