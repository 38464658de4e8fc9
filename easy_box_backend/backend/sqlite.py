"""LIKE for SQLite that ignores case in every alphabet. SQLite's own LIKE does not find "Куртка" by "куртка"."""

import re
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=200)
def _expression(pattern: str, escape: str) -> re.Pattern[str]:
    """The regular expression for a LIKE pattern."""
    parts: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == escape:
            parts.append(re.escape(next(letters, "")))
        else:
            parts.append({"%": ".*", "_": "."}.get(letter, re.escape(letter)))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def like(pattern: Any, text: Any, escape: str = "") -> bool | None:
    """SQL's LIKE, case-insensitive in every alphabet as PostgreSQL's ILIKE. None if an argument is NULL."""
    if pattern is None or text is None:
        return None
    return _expression(str(pattern), escape).fullmatch(str(text)) is not None


def replace_like(sender: Any, connection: Any, **kwargs: Any) -> None:
    """Receiver of `connection_created`: replaces LIKE on connections to SQLite."""
    if connection.vendor == "sqlite":
        for arguments in (2, 3):
            connection.connection.create_function("like", arguments, like, deterministic=True)
