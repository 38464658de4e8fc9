"""`python -m proofs.simulation`: play schedules; show a failure's shortest history, and the command that repeats it."""

from __future__ import annotations

import argparse
import sys
import time

from proofs.phone.repaired import APPS
from proofs.simulation.failures import play_one, show_failures
from proofs.simulation.many import play_all
from proofs.simulation.sessions import end_on_request
from proofs.simulation.summary import Summary


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line (sys.argv if `words` is None)."""
    parser = argparse.ArgumentParser(prog="python -m proofs.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schedules", type=int, default=200, help="how many, from number 0 on")
    parser.add_argument("--server", choices=("inprocess", "real"), default="inprocess")
    parser.add_argument("--app", choices=list(APPS), default="installed", help="the variant of the app on the phones")
    parser.add_argument("--jobs", type=int, default=2, help="processes, each with a server of its own")
    parser.add_argument("--only", type=int, help="play this schedule and show its history")
    parser.add_argument("--keep", help="with --only: play these acts of it only (see a failure's output)")
    parser.add_argument("--lines", action="store_true", help="show each failure in one line")
    parser.add_argument("--stop", action="store_true", help="like --lines, and stop at the first failure")
    parser.add_argument("--skip", default="", help="numbers of schedules to leave out, with commas")
    parser.add_argument("--no-shrink", action="store_true", help="do not shorten failures")
    return parser.parse_args(words)


def main() -> int:
    """Play the schedules that the command line asks for. Returns 0 if no invariant was broken, else 1."""
    options = arguments()
    end_on_request()
    if options.only is not None:
        return play_one(options)
    start = time.monotonic()
    summary = Summary()
    for short in play_all(options):
        summary.add(short)
        if short.violations and (options.stop or options.lines):
            name, detail = short.violations[0]
            print(f"schedule {short.number}: {name}: {detail}", flush=True)
            if options.stop:
                break
        if summary.schedules % 100 == 0 and sys.stderr.isatty():
            print(f"  {summary.schedules} schedules, {len(summary.broken)} broken", file=sys.stderr)
    if not (options.stop or options.lines):
        show_failures(summary, options)
    print(summary.text(time.monotonic() - start))
    return 1 if summary.broken else 0


if __name__ == "__main__":
    sys.exit(main())
