"""SQLite as we need it: its own LIKE knows the case of A to Z only and would not find "Куртка" by "куртка"."""

import re
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=200)
def _expression(pattern: str, escape: str) -> re.Pattern[str]:
    parts: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == escape:
            parts.append(re.escape(next(letters, "")))
        else:
            parts.append({"%": ".*", "_": "."}.get(letter, re.escape(letter)))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def like(pattern: Any, text: Any, escape: str = "") -> bool | None:
    """SQL's LIKE in every alphabet, as PostgreSQL's ILIKE is."""
    if pattern is None or text is None:
        return None
    return _expression(str(pattern), escape).fullmatch(str(text)) is not None


def teach_alphabets(sender: Any, connection: Any, **kwargs: Any) -> None:
    """Replace LIKE in a new connection to SQLite; a receiver of `connection_created`."""
    if connection.vendor == "sqlite":
        for arguments in (2, 3):
            connection.connection.create_function("like", arguments, like, deterministic=True)
