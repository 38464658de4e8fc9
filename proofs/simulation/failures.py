"""Print failures: the shortest history found, and the command that repeats it."""

from __future__ import annotations

import argparse

from proofs.simulation.many import plan_of
from proofs.simulation.plan import Plan
from proofs.simulation.schedule import Result
from proofs.simulation.sessions import Session, open_session
from proofs.simulation.shrink import keep_text, kept, shrink
from proofs.simulation.summary import Summary

SHOWN_FAILURES = 3
SHRINK_SECONDS = 20.0


def play_one(options: argparse.Namespace) -> int:
    """Play the schedule that `--only` names; print its whole history. Returns 1 if an invariant was broken, else 0."""
    plan = plan_of(options, options.only)
    if options.keep is not None:
        plan = kept(plan, options.keep)
    session = open_session(options.server)
    try:
        result = session.play(plan)
    finally:
        session.close()
    print(history(result))
    return 1 if result.violations else 0


def show_failures(summary: Summary, options: argparse.Namespace) -> None:
    """Print a failure for each of the first few broken invariants, as short as possible."""
    chosen: dict[str, int] = {}
    for short in summary.broken:
        for name, _detail in short.violations:
            chosen.setdefault(name, short.number)
    if not chosen:
        return
    session = open_session(options.server)
    try:
        for name, number in list(chosen.items())[:SHOWN_FAILURES]:
            show_failure(session, name, plan_of(options, number), options)
    finally:
        session.close()


def show_failure(session: Session, invariant: str, whole: Plan, options: argparse.Namespace) -> None:
    """Shrink a plan that breaks `invariant`; print its history and the command that repeats it."""

    def fails(plan: Plan) -> bool:
        return any(violation.invariant == invariant for violation in session.play(plan).violations)

    plan = whole
    if not options.no_shrink and fails(whole):
        plan = shrink(whole, fails, SHRINK_SECONDS)
    keep = keep_text(plan, whole)
    print(f"=== {invariant}: seed {whole.seed}, schedule {whole.number} ===")
    print(history(session.play(plan)))
    server = "" if options.server == "inprocess" else f" --server {options.server}"
    server += "" if options.app == "installed" else f" --app {options.app}"
    print(
        f"again: python -m proofs.simulation --seed {whole.seed}{server} --only {whole.number} --keep {keep}\n",
        flush=True,
    )


def history(result: Result) -> str:
    """The acts, the requests and the violations of a result, as text."""
    lines = ["what people do:", *(f"  {act}" for act in result.plan.acts), "requests:"]
    act = None
    for entry in result.log:
        if entry.act != act:
            act = entry.act
            lines.append(f"  --- {'the network works again' if act < 0 else f'act {act}'}")
        lines.append(f"  {entry}")
    lines.append("wrong:" if result.violations else "nothing is wrong")
    lines += [f"  {violation}" for violation in result.violations]
    return "\n".join(lines)
