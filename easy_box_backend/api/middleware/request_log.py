"""Gives each request an id and one log line, without body, query or token; and counts it, if metrics are on."""

import logging
import re
import uuid
from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from api.ops import metrics
from api.ops.logs import request_id

log = logging.getLogger(__name__)
_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestLogMiddleware:
    """Gives each request an id (behind a trusted proxy the one in `X-Request-ID`), logs it and counts it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = perf_counter()
        key = id_of(request)
        request.request_id = key  # type: ignore[attr-defined]
        before = request_id.set(key)
        try:
            response = self.get_response(request)
            response.headers["X-Request-ID"] = key
            self.note(request, response.status_code, perf_counter() - began)
            return response
        finally:
            request_id.reset(before)

    def note(self, request: HttpRequest, status: int, seconds: float) -> None:
        """Log an answered request and count it."""
        route = request.resolver_match.route if request.resolver_match else ""
        if settings.METRICS_TOKEN:
            metrics.observe(request.method or "", route, status, seconds)
        if log.isEnabledFor(logging.INFO):
            facts = {"method": (request.method or "")[:20], "route": route, "status": status,
                     "ms": round(seconds * 1000, 1), **who(request)}  # fmt: skip
            log.info("%s %s %s", facts["method"], route or "(no route)", status, extra={"facts": facts})


def id_of(request: HttpRequest) -> str:
    """The request id from a trusted proxy, else a new one: a client's own id is ignored."""
    if settings.TRUSTED_PROXIES:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        if _ID.fullmatch(given):
            return str(given)
    return uuid.uuid4().hex


def who(request: HttpRequest) -> dict[str, Any]:
    """The ids of the user and the device if they are loaded already: the log makes no queries."""
    known = request.__dict__
    user = known.get("_cached_user") or known.get("user")
    is_looked_up = "_cached_user" in known or hasattr(type(user), "_meta")  # a lazy user would be a query
    device = known.get("auth")
    return {"user": getattr(user, "pk", None) if is_looked_up else None, "device": getattr(device, "pk", None)}
