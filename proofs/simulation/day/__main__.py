"""`python -m proofs.simulation.day`: play days with each reader, and print how they ended."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator

from api.reconcile.stories import MARGIN, Effect
from proofs.simulation.day.over_http import OverHttp
from proofs.simulation.day.people import PROFILES, Outcome, play
from proofs.simulation.day.readers import EachPhone, Naive, StoryReader
from proofs.simulation.day.server import Server
from proofs.simulation.day.world import Reader

READERS: dict[str, Callable[[float], Reader]] = {
    "stories": lambda margin: EachPhone(lambda: StoryReader(margin)),
    "naive": Naive,
    "server": Server,
    "real": OverHttp,
}
WITH_A_DESK = ("server", "real")
"""The readers that a manager can work with."""


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(prog="python -m proofs.simulation.day", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--profile", choices=PROFILES, action="append", help="all, if none is given")
    parser.add_argument("--reader", choices=READERS, action="append", help="stories, if none is given")
    parser.add_argument(
        "--margin", type=float, nargs="+", default=[MARGIN],
        help="of stories: asks more, the larger it is; with several, what each of them costs",
    )  # fmt: skip
    parser.add_argument("--only", type=int, help="play this day, and print its requests")
    options = parser.parse_args()
    readers = options.reader or ["stories"]
    for profile in options.profile or PROFILES:
        if PROFILES[profile].manager and not set(readers) <= set(WITH_A_DESK):
            print(f"{profile}: needs --reader {' or '.join(WITH_A_DESK)}")
            continue
        for name, margin in itertools.product(readers, options.margin):
            start = time.perf_counter()
            days = range(options.days) if options.only is None else [options.only]
            outcomes = [play(f"{options.seed} {day}", PROFILES[profile], READERS[name](margin)) for day in days]
            for day, outcome in zip(days, outcomes, strict=True):
                if outcome.silent:
                    print(f"  day {day}: silently off by product {outcome.silent}; asked about {outcome.questions}")
                if options.only is not None:
                    show(outcome)
            told = summary(outcomes, time.perf_counter() - start)
            if PROFILES[profile].manager:
                told += f"; {sum(outcome.settled for outcome in outcomes) / len(outcomes):.2f} settled before"
            print(f"{profile}, {name}, margin {margin:g}: {told}", flush=True)


def summary(outcomes: list[Outcome], seconds: float) -> str:
    """How the days ended, in a line."""
    days, requests = len(outcomes), sum(len(outcome.world.log) for outcome in outcomes)
    off = sum(abs(pieces) for outcome in outcomes for pieces in outcome.off.values())
    return (
        f"{days} days, {sum(outcome.is_exact for outcome in outcomes)} exact,"
        f" {sum(bool(outcome.silent) for outcome in outcomes)} silently wrong,"
        f" {sum(len(outcome.questions) for outcome in outcomes) / days:.2f} questions a day,"
        f" {sum(len(outcome.needless) for outcome in outcomes) / days:.2f} needless,"
        f" {off / days:.1f} pieces off; {seconds / requests * 1000:.2f} ms a request, {requests / days:.0f} a day"
    )


def show(outcome: Outcome) -> None:
    """The requests of a day, with the truth, and how the likeliest story reads the additions."""
    reader = outcome.world.reader
    told: dict[str, Iterator[Effect]] = {}
    if isinstance(reader, EachPhone):
        told = {
            name: iter(one.effects.values()) for name, one in reader.readers.items() if isinstance(one, StoryReader)
        }
    for number, request in enumerate(outcome.world.log):
        effect = next(told.get(request.phone, iter(())), None) if request.kind == "add" else None
        print(
            f"{number:4} {request.at:9.2f} s  {request.kind:5} {request.product:3} {request.quantity:5}"
            f"  {request.connection:10} stands for {request.pieces:4}  {request.fault:6}"
            f"  {f'read as {effect.pieces}: {effect.way}' if effect else ''}".rstrip()
        )


if __name__ == "__main__":
    main()
