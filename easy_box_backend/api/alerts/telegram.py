"""Telegram's Bot API, as far as we use it: one message to one chat. Knows nothing of ours.

A failure says what can be done about it: wait (`Unreachable`), set the bot up rightly (`Refused`), or give this one
message up (`BadMessage`). The bot's token stands in the address of every call, so no error shows an address.
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


class Failed(Exception):
    """The message was not sent, as far as we know."""


class Unreachable(Failed):
    """It may work later. retry_after: after how many seconds, if Telegram has said so."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Refused(Failed):
    """No message of ours would be taken: the token or the chat is wrong, or the bot was thrown out."""


class BadMessage(Failed):
    """This very message will never be taken."""


@dataclass(frozen=True, slots=True)
class Chat:
    """To whom, as which bot, by which server. The token is a secret and shown nowhere."""

    chat_id: str
    token: str = field(repr=False)
    api_url: str = OFFICIAL
    timeout: float = TIMEOUT_SECONDS


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token in the address is for this host only."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def send(html: str, chat: Chat) -> None:
    """Send a message of at most MAX_UNITS. If its markup is not understood, it is sent without.

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
    if answer.get("ok") is not True:  # something between us and Telegram has answered
        raise Unreachable("The answer is not Telegram's.")


def _read(response: Any) -> dict[str, Any]:
    """The answer's JSON object; empty if it is none."""
    try:
        answer = json.loads(response.read(_MOST_OF_AN_ANSWER))
    except (ValueError, OSError, http.client.HTTPException):
        return {}
    return answer if isinstance(answer, dict) else {}


def _failure(chat: Chat, status: int, answer: dict[str, Any], header: str | None) -> Failed:
    said = str(answer.get("description") or "")
    reason = _clean(chat, f"{status} {said}".strip())
    if status == 429 or status >= 500:
        parameters = answer.get("parameters")
        wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
        return Unreachable(reason, _seconds(wait if wait is not None else header))
    # "chat not found", "group chat was upgraded to a supergroup chat", "PEER_ID_INVALID": not the message's fault
    if status == 413 or (status == 400 and not any(word in said.lower() for word in ("chat", "peer", "user"))):
        return BadMessage(reason)
    return Refused(reason)


def _seconds(value: Any) -> float | None:
    try:
        return min(max(float(value), 0.0), 24 * 3600.0)
    except (TypeError, ValueError):
        return None


def _clean(chat: Chat, text: str) -> str:
    return (text.replace(chat.token, "***") if chat.token else text)[:400]


# --- Text ---------------------------------------------------------------------------------------------------------
def units(text: str) -> int:
    """The length of `text` as Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def escaped(value: object, most: int = 300) -> str:
    """`value` as text that is no markup, at most `most` units long when escaped; "…" stands for what was cut."""
    letters = (c for c in str(value).rstrip() if c.isprintable() or c == "\n")
    # A letter takes a unit or more, so what comes after `most` of them is cut anyway: don't look at megabytes.
    text = "".join(islice(dropwhile(str.isspace, letters), most + 1))
    whole = escape(text if len(text) > most else text.rstrip(), quote=False)
    if units(whole) <= most:
        return whole
    lengths = range(len(text) + 1)
    fits = bisect_right(lengths, most - 1, key=lambda length: units(escape(text[:length], quote=False))) - 1
    return escape(text[:fits], quote=False) + "…"


def plain(html: str) -> str:
    """The text of a message that `escaped` and simple tags made."""
    return unescape(sub(r"</?[a-z][^>]*>", "", html))
