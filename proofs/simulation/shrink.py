"""Finds the shortest history that still fails: removes acts, then network faults, as long as the failure remains."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from proofs.simulation.plan import Act, Plan

Fails = Callable[[Plan], bool]

# What can be removed from a remaining act, by its letter in the value of `--keep`.
SIMPLIFICATIONS: dict[str, Callable[[Act], Act]] = {
    "f": lambda act: replace(act, faults=()),
    "w": lambda act: replace(act, weave=""),
    "s": lambda act: replace(act, slices=()),
}


def shrink(plan: Plan, fails: Fails, seconds: float) -> Plan:
    """The smallest plan found in this time for which `fails` is still true; it must be true for `plan`."""
    deadline = time.monotonic() + seconds
    best = plan
    while True:
        smaller = _one_round(best, fails, deadline)
        if len(smaller.acts) == len(best.acts) and smaller == best:
            return best
        best = smaller


def _one_round(plan: Plan, fails: Fails, deadline: float) -> Plan:
    size = max(1, len(plan.acts) // 2)
    while size:
        start = len(plan.acts)
        while start > 0:
            start -= size
            if time.monotonic() > deadline:
                return plan
            rest = plan.acts[: max(start, 0)] + plan.acts[start + size :]
            candidate = replace(plan, acts=rest)
            if len(rest) < len(plan.acts) and fails(candidate):
                plan = candidate
        size //= 2
    for index, act in enumerate(plan.acts):
        for simplify in SIMPLIFICATIONS.values():
            simpler = simplify(act)
            candidate = replace(plan, acts=(*plan.acts[:index], simpler, *plan.acts[index + 1 :]))
            if simpler != act and time.monotonic() <= deadline and fails(candidate):
                plan, act = candidate, simpler
    return plan


def keep_text(shrunk: Plan, whole: Plan) -> str:
    """The value of `--keep` for a shrunk plan: the numbers of its acts, with letters for what was removed from each."""
    by_number = {act.n: act for act in whole.acts}
    words = []
    for act in shrunk.acts:
        letters = [
            letter for letter, simplify in SIMPLIFICATIONS.items()
            if simplify(act) == act and simplify(by_number[act.n]) != by_number[act.n]
        ]  # fmt: skip
        words.append(f"{act.n}{''.join(letters)}")
    return ",".join(words)


def kept(whole: Plan, text: str) -> Plan:
    """The plan that a value of `--keep` describes. Raises KeyError for an unknown act or letter."""
    by_number = {act.n: act for act in whole.acts}
    acts = []
    for word in filter(None, text.split(",")):
        digits = word.rstrip("fws")
        act = by_number[int(digits)]
        for letter in word[len(digits) :]:
            act = SIMPLIFICATIONS[letter](act)
        acts.append(act)
    return replace(whole, acts=tuple(acts))
