"""Puts unexpected exceptions into the outbox: one alert per exception type and route, with a count."""

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from api.alerts import outbox
from api.texts.redact import redact

log = logging.getLogger(__name__)


def tell(sender: object, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Receiver of `got_request_exception`: save an alert about it. The request's transaction is rolled back by then, so
    the alert is saved in a new one."""
    error = sys.exc_info()[1]
    if error is None:
        return
    match = request.resolver_match if request else None
    route = f"{request.method} {match.route if match else '?'}" if request else "?"
    name = type(error).__name__
    try:
        outbox.count_up(
            "server_error",
            key=f"{name}:{route}",
            at=timezone.now(),
            error=name,
            route=route,
            text=redact(str(error))[:300].replace("\0", ""),
            place=place(error),
            request_id=getattr(request, "request_id", ""),
        )
    except Exception:  # the database may have failed; the client gets its 500 all the same
        log.exception("An alert about a server error could not be stored")


def place(error: BaseException) -> str:
    """The innermost frame in our own code, as `file:line function`; "" if there is none."""
    own = str(settings.BASE_DIR)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(own)]
    if not frames:
        return ""
    return f"{Path(frames[-1].filename).relative_to(own)}:{frames[-1].lineno} {frames[-1].name}"
