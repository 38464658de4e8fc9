"""Play many schedules, in several processes."""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.util
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from proofs.simulation.author import Rates, make_plan
from proofs.simulation.plan import Plan
from proofs.simulation.sessions import Session, end_on_request, open_session
from proofs.simulation.summary import Short

REAL_RATES = Rates(kill=0.1)
CHUNK = 10

_session: Session | None = None


def plan_of(options: argparse.Namespace, number: int) -> Plan:
    """The plan of a schedule; with a real server, processes are killed too."""
    return make_plan(options.seed, number, REAL_RATES if options.server == "real" else None, options.app)


def play_all(options: argparse.Namespace) -> Iterator[Short]:
    """Play all schedules that the options ask for. Yields the results in the order of their numbers."""
    skipped = {int(number) for number in options.skip.split(",") if number}
    numbers = [number for number in range(options.schedules) if number not in skipped]
    if options.jobs <= 1:
        yield from _play_here(options, numbers)
        return
    context = multiprocessing.get_context("spawn")
    chunks = [(options, numbers[start : start + CHUNK]) for start in range(0, len(numbers), CHUNK)]
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        try:
            for shorts in pool.map(_play_chunk, chunks):
                yield from shorts
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _play_chunk(chunk: tuple[argparse.Namespace, list[int]]) -> list[Short]:
    global _session  # noqa: PLW0603  (one per process: Django can be set up only once)
    options, numbers = chunk
    if _session is None:
        end_on_request()
        _session = open_session(options.server)
        multiprocessing.util.Finalize(_session, _session.close, exitpriority=10)
    return [Short.of(_session.play(plan_of(options, number))) for number in numbers]


def _play_here(options: argparse.Namespace, numbers: Iterable[int]) -> Iterator[Short]:
    session = open_session(options.server)
    try:
        for number in numbers:
            yield Short.of(session.play(plan_of(options, number)))
    finally:
        session.close()
