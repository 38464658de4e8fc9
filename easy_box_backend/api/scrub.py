"""Takes secrets out of texts that leave the server: logs, alerts. Knows nothing of ours."""

import re

_NAMES = r"pass(?:word|wd|phrase)?|secret(?:_key)?|token|api_?key|authorization|cookie|session(?:id|_key)?"
_PATTERNS = [
    # What this project's clients send (`Authorization: Token …`), and its relatives.
    (re.compile(r"(?i)\b(token|bearer|basic)(\s+|%20)[\w.~+/=-]{8,}"), r"\1\2***"),
    # A Telegram bot's token, alone or in the address of a call.
    (re.compile(r"\b(bot)?\d{5,}:[\w-]{20,}"), "***"),
    # The account in a URL.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@]+@"), r"\1***@"),
    # name=value, "name": "value", name: value
    (
        re.compile(rf"""(?i)(["']?[\w-]*(?:{_NAMES})["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&}})\]]+)"""),
        r"\1***",
    ),
]
_HINTS = r"token|bearer|basic|://|pass|secret|key|auth|cookie|session|\d:"
_HINT, _HINT_IN_LOWER_CASE = re.compile(f"(?i){_HINTS}"), re.compile(_HINTS)


def scrub(text: str) -> str:
    """`text` with *** in place of passwords, tokens and keys."""
    # Nearly every line has none. Regardless of case it takes ten times as long, and only other alphabets need that.
    if not (_HINT_IN_LOWER_CASE.search(text.lower()) if text.isascii() else _HINT.search(text)):
        return text
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text
