"""Domain errors: why a request is refused, as a code, a sentence and facts. Independent of HTTP."""

import math
from datetime import timedelta
from typing import Any

from django.utils.functional import Promise

Text = str | Promise


class DomainError(Exception):
    """A request that was understood and is refused.

    code: a word for programs, stable across versions.
    detail: a translatable sentence for people. sentence: the `detail` of a class whose errors all have the same.
    facts: what a client or a log needs to understand the error, JSON-able.
    fields: messages by field name, in REST framework's shape. field: the one field that `detail` is about, also as an
    attribute of a class.
    retryable: whether the same request can succeed later unchanged.
    """

    code = "refused"
    sentence: Text = ""
    field = ""
    retryable = False

    def __init__(
        self,
        detail: Text = "",
        *,
        code: str | None = None,
        facts: dict[str, Any] | None = None,
        fields: dict[str, list[Text]] | None = None,
        field: str = "",
    ) -> None:
        self.detail = detail = detail or self.sentence
        super().__init__(str(detail))
        self.code = code or self.code
        self.facts = facts or {}
        field = field or self.field
        self.fields = fields or ({field: [detail]} if field else {})


class Invalid(DomainError):
    """The request itself is wrong; a retry will not help."""

    code = "invalid"


class NoSuch(DomainError):
    """A row that does not exist. code: `no_such_` and the kind of row; the facts have its key under this kind."""

    def __init__(self, key: object) -> None:
        super().__init__(facts={self.code.removeprefix("no_such_"): key})


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
    """Too many requests. seconds: how long to wait before the next try."""

    code = "throttled"
    retryable = True

    def __init__(self, detail: Text, wait: timedelta) -> None:
        self.seconds = max(1, math.ceil(wait.total_seconds()))
        super().__init__(detail, facts={"retry_after_seconds": self.seconds})
