"""Domain errors: why the server will not do what was asked, as a code, a sentence and facts. Knows no HTTP."""

import math
from datetime import timedelta
from typing import Any

from django.utils.functional import Promise

Text = str | Promise


class DomainError(Exception):
    """Something that was understood and is not done.

    code: a word for machines, stable over versions.
    detail: a translatable sentence for people.
    facts: what a client or a log needs to understand it, JSON-able.
    fields: messages by field name, in the shape that REST framework users expect.
    retryable: whether the same request can succeed later without a change.
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
    """The request itself is wrong; repeating it will not help."""

    code = "invalid"


class NotFound(DomainError):
    """There is nothing under that name."""

    code = "not_found"


class Forbidden(DomainError):
    """This person may not do that."""

    code = "forbidden"


class Conflict(DomainError):
    """It contradicts what is so now."""

    code = "conflict"


class Stale(DomainError):
    """The caller's version (If-Match) is not the current one."""

    code = "stale"


class Busy(DomainError):
    """Not now. facts: retry_after_seconds."""

    code = "busy"
    retryable = True


class TooLarge(DomainError):
    """More bytes than the server takes."""

    code = "too_large"


class TooSoon(DomainError):
    """Too often; it may be tried again after a while."""

    code = "throttled"
    retryable = True

    def __init__(self, detail: Text, wait: timedelta) -> None:
        self.seconds = max(1, math.ceil(wait.total_seconds()))
        super().__init__(detail, facts={"retry_after_seconds": self.seconds})
