"""`python -m proofs.simulation.day`: play days with each reader, and print how they ended."""

from __future__ import annotations

import argparse
import statistics
import time

from proofs.simulation.day.people import PROFILES, play
from proofs.simulation.day.readers import Naive, StoryReader
from proofs.simulation.day.rules import Rules

READERS = {"stories": StoryReader, "rules": Rules, "naive": Naive}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m proofs.simulation.day", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--profile", choices=PROFILES, action="append")
    parser.add_argument("--reader", choices=READERS, action="append")
    parser.add_argument("--margin", type=float, default=7.0)
    parser.add_argument("--show", type=int, help="print the requests of this day")
    options = parser.parse_args()
    for profile in options.profile or PROFILES:
        for name in options.reader or READERS:
            begin = time.perf_counter()
            outcomes = []
            for day in [options.show] if options.show is not None else range(options.days):
                reader = READERS[name](options.margin)
                outcome = play(f"{options.seed} {day}", PROFILES[profile], reader)
                outcomes.append(outcome)
                if outcome.silent and name == "stories":
                    print(f"  day {day}: silently off {outcome.silent}, asked {outcome.questions}")
                if options.show is not None:
                    for n, request in enumerate(outcome.world.log):
                        print(n, f"{request.at:9.2f} {request.kind:5} {request.product:3} {request.quantity:4}",
                              request.connection, request.pieces, request.fault)
            seconds = time.perf_counter() - begin
            requests = sum(len(outcome.world.log) for outcome in outcomes)
            days = len(outcomes)
            print(
                f"{profile:16} {name:8} {days} days: {sum(o.is_exact for o in outcomes)} exact,"
                f" {sum(bool(o.silent) for o in outcomes)} silent,"
                f" {sum(bool(o.unlike) for o in outcomes)} unlike,"
                f" {sum(len(o.questions) for o in outcomes) / days:.2f} questions,"
                f" {sum(len(o.needless) for o in outcomes) / days:.2f} needless,"
                f" {statistics.mean(sum(abs(n) for n in o.off.values()) for o in outcomes):.1f} pieces off,"
                f" {seconds / requests * 1000:.2f} ms a request, {requests / days:.0f} requests"
            )


if __name__ == "__main__":
    main()
