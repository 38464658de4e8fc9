"""A seed gives the same plan everywhere, and a shrunk plan can be replayed from its `--keep` value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proofs.simulation.author import make_plan
from proofs.simulation.plan import BREAKS, Fault, Plan
from proofs.simulation.shrink import keep_text, kept, shrink


def test_the_same_seed_makes_the_same_plan() -> None:
    assert make_plan(7, 3) == make_plan(7, 3)
    assert make_plan(7, 3) != make_plan(7, 4)
    assert make_plan(7, 3) != make_plan(8, 3)


def test_half_of_the_schedules_have_equal_small_quantities() -> None:
    plans = [make_plan(1, number) for number in range(200)]
    assert 70 < sum(plan.equal for plan in plans) < 130
    received = [act.quantity for plan in plans if plan.equal for act in plan.acts if act.verb == "receive"]
    assert {quantity for quantity in received if quantity < 1_000_000} == {1, 2}


def test_a_fifth_of_the_passes_breaks_and_a_tenth_of_the_pulls_is_lost() -> None:
    passes = [act for number in range(400) for act in make_plan(2, number).acts if act.verb == "open"]
    lost = [act for act in passes if any(fault.verb == "pull" for fault in act.faults)]
    broken = [act for act in passes if any(fault.kind in BREAKS and not fault.verb for fault in act.faults)]
    assert 0.07 < len(lost) / len(passes) < 0.13
    assert 0.17 < len(broken) / len(passes) < 0.23


def test_shrinking_keeps_only_the_acts_that_the_failure_needs() -> None:
    plan = next(
        plan for plan in (make_plan(1, number) for number in range(100))
        if len(plan.acts) > 12 and plan.acts[9].faults
    )  # fmt: skip
    needed = {3, 9}

    def fails(candidate: Plan) -> bool:
        return needed <= {act.n for act in candidate.acts}

    shrunk = shrink(plan, fails, seconds=10)
    assert {act.n for act in shrunk.acts} == needed
    assert not any(act.faults for act in shrunk.acts)


def test_shrinking_keeps_faults_that_are_needed() -> None:
    plan = replace(make_plan(1, 0), acts=make_plan(1, 0).acts[:4])
    broken = replace(plan.acts[2], faults=(Fault("drop", 1), Fault("lose", 2)))
    plan = replace(plan, acts=(*plan.acts[:2], broken, *plan.acts[3:]))
    shrunk = shrink(plan, lambda candidate: broken in candidate.acts, seconds=10)
    assert shrunk.acts == (broken,)


def test_a_shrunk_plan_is_restored_from_its_keep_value() -> None:
    whole = make_plan(1, 5)
    shrunk = replace(whole, acts=tuple(replace(act, faults=(), slices=()) for act in whole.acts[1::2]))
    assert kept(whole, keep_text(shrunk, whole)) == shrunk
    with pytest.raises(KeyError):
        kept(whole, "999")
