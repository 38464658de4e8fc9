"""Turns every exception into the same error body."""

import errno
import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, status
from rest_framework.response import Response

from api import errors
from api.rest.answers import JsonRenderer, dump

log = logging.getLogger(__name__)

_STATUS: dict[type[errors.DomainError], int] = {
    errors.Invalid: status.HTTP_400_BAD_REQUEST,
    errors.Forbidden: status.HTTP_403_FORBIDDEN,
    errors.NoSuch: status.HTTP_404_NOT_FOUND,
    errors.Conflict: status.HTTP_409_CONFLICT,
    errors.Stale: status.HTTP_412_PRECONDITION_FAILED,
    errors.TooLarge: status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    errors.Busy: status.HTTP_503_SERVICE_UNAVAILABLE,
    errors.TooSoon: status.HTTP_429_TOO_MANY_REQUESTS,
}


DISK_FULL = gettext_noop("The server's disk is full, so nothing was changed. Tell the person who looks after it.")


def is_disk_full(exc: BaseException | None) -> bool:
    """Whether an error, or its cause, is a full disk: that of the photos or of the database."""
    while exc is not None:
        if isinstance(exc, OSError) and exc.errno == errno.ENOSPC:
            return True
        if getattr(exc, "sqlstate", None) == "53100" or "database or disk is full" in str(exc):  # PostgreSQL, SQLite
            return True
        exc = exc.__cause__
    return False


BUSY = gettext_noop("The server is busy. Try again in a few seconds.")
BUSY_SECONDS = 5
# Codes of PostgreSQL: a statement or a lock that took too long, a deadlock, too many connections, a server that stops
# or starts. None: psycopg's own errors, which have no code: no connection in time, or a broken one.
_BUSY = {"57014", "55P03", "40P01", "40001", "53300", "57P01", "57P02", "57P03", None}


def is_busy(exc: BaseException | None) -> bool:
    """Whether the error is that the database is overloaded or unreachable, so that a retry may succeed."""
    if not isinstance(exc, OperationalError):
        return False
    if "is locked" in str(exc):  # SQLite
        return True
    return connection.vendor == "postgresql" and getattr(exc.__cause__, "sqlstate", None) in _BUSY


def error_body(
    code: str,
    detail: Any,
    facts: Mapping[str, Any] | None = None,
    retryable: bool = False,
    fields: Any = None,
) -> dict[str, Any]:
    """The error body: `code`, `detail`, `facts`, `retryable`, and messages by field name."""
    return {**(fields or {}), "code": code, "detail": detail, "facts": facts or {}, "retryable": retryable}


def busy_body() -> dict[str, Any]:
    """The body of a 503."""
    return error_body("busy", gettext(BUSY), {"retry_after_seconds": BUSY_SECONDS}, retryable=True)


def answer_exception(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """The exception handler of REST framework. Returns None for an unexpected exception, which becomes a 500."""
    request = context["request"]
    request.accepted_renderer, request.accepted_media_type = JsonRenderer(), JsonRenderer.media_type
    headers: dict[str, str] = {}
    if isinstance(exc, errors.DomainError):
        status_code = next(known for kind, known in _STATUS.items() if isinstance(exc, kind))
        if isinstance(exc, errors.Busy):
            headers["Retry-After"] = str(exc.facts["retry_after_seconds"])
        if isinstance(exc, errors.TooSoon):
            headers["Retry-After"] = str(exc.seconds)
        body = error_body(exc.code, exc.detail, exc.facts, exc.retryable, exc.fields)
        return Response(body, status_code, headers=headers)
    if is_disk_full(exc):
        return Response(error_body("disk_full", gettext(DISK_FULL), retryable=True), 507)
    if is_busy(exc):
        log.warning("busy: %s", exc)
        headers["Retry-After"] = str(BUSY_SECONDS)
        return Response(busy_body(), 503, headers=headers)
    if isinstance(exc, UnreadablePostError):
        exc = exceptions.ParseError(_("The request ended before it was complete."))
    elif isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    elif isinstance(exc, RequestDataTooBig):
        return Response(error_body("too_large", _("The request is too large.")), 413)
    elif isinstance(exc, SuspiciousOperation):
        exc = exceptions.ParseError(_("The request is malformed."))
    if not isinstance(exc, exceptions.APIException):
        return None
    if isinstance(exc, exceptions.ValidationError):
        return Response(_validation_body(exc.detail), exc.status_code)
    if getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = exc.auth_header  # type: ignore[attr-defined]
    facts: dict[str, Any] = {}
    wait = getattr(exc, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
        facts["retry_after_seconds"] = max(1, round(wait))
    code = exc.get_codes() if isinstance(exc.get_codes(), str) else exc.default_code
    retryable = exc.status_code == status.HTTP_429_TOO_MANY_REQUESTS
    return Response(error_body(str(code), exc.detail, facts, retryable), exc.status_code, headers=headers)


def _validation_body(detail: Any) -> dict[str, Any]:
    fields = detail if isinstance(detail, dict) else {"non_field_errors": detail}
    return error_body("invalid", _first_sentence(fields), fields=fields)


def _first_sentence(value: Any) -> str:
    while not isinstance(value, str):
        value = next(iter(value.values() if isinstance(value, dict) else value), "")
    return value


def answer_error(request: HttpRequest, code: str, detail: Any, status_code: int) -> HttpResponse:
    """An error outside REST framework's views, with the same body."""
    is_server_error = status_code >= 500
    # With the id the error is found in the logs and in the alert.
    facts = {"request_id": getattr(request, "request_id", "")} if is_server_error else {}
    body = dump(error_body(code, detail, facts, retryable=is_server_error))
    return HttpResponse(body, status=status_code, content_type="application/json")
