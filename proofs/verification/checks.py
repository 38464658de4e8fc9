"""Shared by the `make verify-…` commands: checking the names in ARGS, running checks, and the report."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import TypeVar

from proofs.verification.engine import say

WRONG_ARGUMENTS = 2
MOST_SHOWN = 6000
"""At most so many characters of an error are shown, from its end."""
Result = tuple[str, bool, str]
"""A check's name, whether it passed, and a text with figures or the reason."""


@dataclass
class Checked:
    """The base class of what is checked. It keeps the results so far."""

    results: list[Result] = field(default_factory=list, kw_only=True)

    def note(self, name: str, good: bool, text: str) -> None:
        """Print a result, and keep it for the report."""
        self.results.append((name, good, text))
        say(f"{'ok    ' if good else 'FAILED'} {name}: {text}")


C = TypeVar("C", bound=Checked)


def check_names(chosen: Collection[str], known: Collection[str]) -> None:
    """Exit with code 2 and all names if a chosen name is unknown: a misspelled check would pass without running."""
    if unknown := [name for name in chosen if name not in known]:
        print("\n  ".join([f"Unknown: {', '.join(unknown)}. The names are:", *known]), file=sys.stderr)
        sys.exit(WRONG_ARGUMENTS)


def crashed(subject: C, checks: Iterable[Callable[[C], None]]) -> Iterator[Callable[[C], None]]:
    """Run the checks in turn. Yields each that ended with an exception, after noting it; the caller may stop there."""
    for check in checks:
        say(f"--- {(check.__doc__ or check.__name__).splitlines()[0]}")
        try:
            check(subject)
        except Exception as error:
            subject.note(check.__name__, False, f"{type(error).__name__}: {str(error)[-MOST_SHOWN:]}")
            yield check


def report(results: Collection[Result], began: float, *more: str) -> int:
    """Print all results, and the lines `more`. Returns 1 if a check failed, else 0. began: by time.monotonic."""
    failed = [name for name, good, _ in results if not good]
    print(f"\n{len(results) - len(failed)} of {len(results)} in {time.monotonic() - began:.0f} s")
    print(*more, sep="\n", end="\n" if more else "")
    for name, good, text in results:
        print(f"  {'ok    ' if good else 'FAILED'} {name}: {text}")
    return 1 if failed else 0


def end_by_exception() -> None:
    """Let SIGTERM and SIGHUP raise an exception from now on, so that everything that was started is stopped."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
