"""Domain errors: why a request is refused, as a code, a sentence and facts. Independent of HTTP."""

import math
from datetime import timedelta
from typing import Any

from django.utils.functional import Promise

Text = str | Promise


class DomainError(Exception):
    """A request that was understood and is refused.

    code: a word for programs, stable across versions.
    detail: a translatable sentence for people.
    facts: what a client or a log needs to understand the error, JSON-able.
    fields: messages by field name, in REST framework's shape.
    retryable: whether the same request can succeed later unchanged.
    """

    code = "refused"
    retryable = False

    def __init__(
        self,
        detail: Text,
        *,
        code: str | None = None,
        facts: dict[str, Any] | None = None,
        fields: dict[str, list[Text]] | None = None,
    ) -> None:
        super().__init__(str(detail))
        self.detail = detail
        self.code = code or self.code
        self.facts = facts or {}
        self.fields = fields or {}


class Invalid(DomainError):
    """The request itself is wrong; a retry will not help."""

    code = "invalid"


class NotFound(DomainError):
    """What was asked for does not exist."""

    code = "not_found"


class NoSuch(NotFound):
    """A row that does not exist. code: `no_such_` and the kind of row, under which the facts have its key."""

    sentence: Text

    def __init__(self, key: object) -> None:
        super().__init__(self.sentence, facts={self.code.removeprefix("no_such_"): key})


class Forbidden(DomainError):
    """The person has no right to do this."""

    code = "forbidden"


class Conflict(DomainError):
    """The request conflicts with the present state."""

    code = "conflict"


class Stale(DomainError):
    """The caller's version (If-Match) is outdated."""

    code = "stale"


class Busy(DomainError):
    """The server is busy. facts: retry_after_seconds."""

    code = "busy"
    retryable = True


class TooLarge(DomainError):
    """More bytes than the server accepts."""

    code = "too_large"


class TooSoon(DomainError):
    """Too many requests. seconds: when to try again."""

    code = "throttled"
    retryable = True

    def __init__(self, detail: Text, wait: timedelta) -> None:
        self.seconds = max(1, math.ceil(wait.total_seconds()))
        super().__init__(detail, facts={"retry_after_seconds": self.seconds})
