"""Telegram's Bot API: sends one message to one chat. Independent of the rest of the project.

The class of an error says what to do: retry later (`Unreachable`), correct the bot's settings (`Refused`), or drop this
message (`BadMessage`). Each call's address contains the bot's token, so no error shows an address.
"""

import http.client
import json
import urllib.error
import urllib.request
from bisect import bisect_right
from dataclasses import dataclass, field
from html import escape, unescape
from itertools import dropwhile, islice
from re import sub
from typing import Any

OFFICIAL = "https://api.telegram.org"
MAX_UNITS = 4096
"""The longest message, counted as Telegram does: in UTF-16 units."""
TIMEOUT_SECONDS = 10.0
_MOST_OF_AN_ANSWER = 65_536
"""How many bytes of an answer are read."""


class Failed(Exception):
    """The message was not sent, as far as we know."""


class Unreachable(Failed):
    """A later try may work. retry_after: in how many seconds; None if Telegram does not say."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Refused(Failed):
    """No message is accepted: the token or the chat is wrong, or the bot was removed from the chat."""


class BadMessage(Failed):
    """This message will never be accepted."""


@dataclass(frozen=True, slots=True)
class Chat:
    """The chat, the bot and the API server. token: a secret, shown nowhere. timeout: in seconds."""

    chat_id: str
    token: str = field(repr=False)
    api_url: str = OFFICIAL
    timeout: float = TIMEOUT_SECONDS


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token in the address is for this host only."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def send(html: str, chat: Chat) -> None:
    """Send a message of at most MAX_UNITS, without its markup if Telegram does not accept it.

    Raises Unreachable, Refused or BadMessage. After a time-out the message may have arrived all the same.
    """
    try:
        _call(chat, {"text": html, "parse_mode": "HTML"})
    except BadMessage:
        _call(chat, {"text": plain(html)})


def _call(chat: Chat, message: dict[str, str]) -> None:
    body = {"chat_id": chat.chat_id, "link_preview_options": {"is_disabled": True}, **message}
    request = urllib.request.Request(  # noqa: S310 (settings.py allows http and https only)
        f"{chat.api_url}/bot{chat.token}/sendMessage",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=chat.timeout) as response:
            answer = _read(response)
    except urllib.error.HTTPError as error:
        with error:
            raise _failure(chat, error.code, _read(error), error.headers.get("Retry-After")) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise Unreachable(_clean(chat, f"{type(reason).__name__}: {reason}")) from None
    if answer.get("ok") is not True:  # a proxy in between has answered
        raise Unreachable("The answer is not Telegram's.")


def _read(response: Any) -> dict[str, Any]:
    """The answer's JSON object; empty if it is not one."""
    try:
        answer = json.loads(response.read(_MOST_OF_AN_ANSWER))
    except (ValueError, OSError, http.client.HTTPException):
        return {}
    return answer if isinstance(answer, dict) else {}


def _failure(chat: Chat, status: int, answer: dict[str, Any], header: str | None) -> Failed:
    """The error for an answer with this status. header: its `Retry-After`."""
    description = str(answer.get("description") or "")
    reason = _clean(chat, f"{status} {description}".strip())
    if status == 429 or status >= 500:
        parameters = answer.get("parameters")
        wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
        return Unreachable(reason, _seconds(wait if wait is not None else header))
    # "chat not found", "group chat was upgraded to a supergroup chat", "PEER_ID_INVALID": the message is not the cause
    names_chat = any(word in description.lower() for word in ("chat", "peer", "user"))
    if status == 413 or (status == 400 and not names_chat):
        return BadMessage(reason)
    return Refused(reason)


def _seconds(value: Any) -> float | None:
    try:
        return min(max(float(value), 0.0), 24 * 3600.0)
    except (TypeError, ValueError):
        return None


def _clean(chat: Chat, text: str) -> str:
    """`text` without the bot's token."""
    return (text.replace(chat.token, "***") if chat.token else text)[:400]


# --- Text ---------------------------------------------------------------------------------------------------------
def units(text: str) -> int:
    """The length of `text` in UTF-16 units, as Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def escaped(value: object, most: int = 300) -> str:
    """`value` escaped for HTML, at most `most` units long; "…" replaces what was cut."""
    letters = (c for c in str(value).rstrip() if c.isprintable() or c == "\n")
    # A character takes at least one unit, so no more than `most` can fit. The rest may be megabytes: it is not read.
    text = "".join(islice(dropwhile(str.isspace, letters), most + 1))
    whole = escape(text if len(text) > most else text.rstrip(), quote=False)
    if units(whole) <= most:
        return whole
    lengths = range(len(text) + 1)
    fits = bisect_right(lengths, most - 1, key=lambda length: units(escape(text[:length], quote=False))) - 1
    return escape(text[:fits], quote=False) + "…"


def plain(html: str) -> str:
    """The text of a message made of `escaped` texts and simple tags."""
    return unescape(sub(r"</?[a-z][^>]*>", "", html))
