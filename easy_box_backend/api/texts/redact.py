"""Removes secrets from texts that leave the server: logs, alerts. Independent of the rest of the project.

Strangers choose some of these texts (a path, a `Host`), so the time must be linear in the length: no pattern begins
with a repetition, and texts are cut before they are searched.
"""

import re

MOST = 16_000
"""The most characters of a text that are searched and kept."""

_NAMES = r"pass(?:word|wd|phrase)?|secret(?:_key)?|token|api_?key|authorization|cookie|session(?:id|_key)?"
PATTERNS = [
    # An Authorization header: this project's clients send `Token …`.
    (re.compile(r"(?i)\b(token|bearer|basic)(\s+|%20)[\w.~+/=-]{8,}"), r"\1\2***"),
    # A Telegram bot's token, alone or in the address of a call.
    (re.compile(r"\b(bot)?\d{5,}:[\w-]{20,}"), "***"),
    # The credentials in a URL.
    (re.compile(r"://[^/\s@]+@"), "://***@"),
    # name=value, "name": "value", name: value
    (re.compile(rf"""(?i)((?:{_NAMES})["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&}})\]]+)"""), r"\1***"),
]
_HINTS = r"token|bearer|basic|://|pass|secret|key|auth|cookie|session|\d:"
_HINT, _HINT_IN_LOWER_CASE = re.compile(f"(?i){_HINTS}"), re.compile(_HINTS)


def redact(text: str) -> str:
    """`text`, cut to about MOST characters, with *** in place of passwords, tokens and keys."""
    text = cut(text)
    # Few texts have a secret, so look for hints first. A search that ignores case takes ten times as long; only texts
    # in other alphabets need it.
    if not (_HINT_IN_LOWER_CASE.search(text.lower()) if text.isascii() else _HINT.search(text)):
        return text
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def cut(text: str) -> str:
    """`text` if it has at most MOST characters; else its beginning and its last lines, where a traceback has the error.
    The end begins with a whole line, since a secret that is cut in two is not recognised."""
    if len(text) <= MOST:
        return text
    start, end = text[: MOST * 3 // 4], text[-MOST // 4 :].partition("\n")[2]
    return f"{start}\n… {len(text) - len(start) - len(end)} characters left out …\n{end}"
