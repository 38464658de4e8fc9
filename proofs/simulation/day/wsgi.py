"""The server's application for days over HTTP: each request says what time it is. It is no part of a release."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from proofs.simulation.day.server import DAY, MORNING

_clock = threading.local()


def now() -> datetime:
    """In place of ``django.utils.timezone.now``. Without a request of the day, it is the day before."""
    return MORNING + timedelta(seconds=getattr(_clock, "seconds", -DAY))


timezone.now = now  # before the server is loaded

from backend.wsgi import application as _application  # noqa: E402


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The WSGI entry point."""
    _clock.seconds = float(environ.get("HTTP_X_SECONDS", -DAY))
    body: Iterable[bytes] = _application(environ, start_response)
    return body
