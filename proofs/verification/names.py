"""The names that ARGS of `make verify-…` may hold."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import NoReturn

WRONG_ARGUMENTS = 2


def check_names(words: list[str], known: Collection[str], needs: Mapping[str, Collection[str]] | None = None) -> None:
    """Exit with code 2 and a message if a word is unknown, or if a scenario lacks another that it needs.

    words: the chosen names; none mean all. known: all names. needs: for a name, those of which one must be chosen too.
    """
    unknown = [word for word in words if word not in known]
    if unknown:
        stop("\n  ".join([f"Unknown: {', '.join(unknown)}. The names are:", *known]))
    for name, others in (needs or {}).items():
        if name in words and not set(others) & set(words):
            stop(f"{name} needs one of these too: {', '.join(others)}")


def stop(text: str) -> NoReturn:
    """Exit with code 2 and a message on standard error."""
    print(text, file=sys.stderr)
    sys.exit(WRONG_ARGUMENTS)
