"""The names that ARGS of `make verify-…` may hold."""

from __future__ import annotations

import sys
from collections.abc import Collection

WRONG_ARGUMENTS = 2


def check_names(chosen: Collection[str], known: Collection[str]) -> None:
    """Exit with code 2 and all names if a chosen name is unknown: a misspelled check would pass without running."""
    if unknown := [name for name in chosen if name not in known]:
        print("\n  ".join([f"Unknown: {', '.join(unknown)}. The names are:", *known]), file=sys.stderr)
        sys.exit(WRONG_ARGUMENTS)
