"""The WSGI application that gunicorn serves."""

import os
from collections.abc import Callable, Iterable
from tempfile import SpooledTemporaryFile
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.urls import resolve
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")


def limit_requests() -> None:
    """Set DB_LIMITS on connections, so that no statement of a request waits for ever. Options in DATABASE_URL take
    precedence. With a pooler that does not know options, the limits are set in the database."""
    if connection.vendor == "postgresql":
        options = " ".join(f"-c {name}={seconds}s" for name, seconds in settings.DB_LIMITS.items())
        connection.settings_dict["OPTIONS"].setdefault("options", options)


limit_requests()
_django = get_wsgi_application()

from api.rest.requests import ReadableRequest  # noqa: E402 (not before Django is set up)

_django.request_class = ReadableRequest

# Load the URL configuration and all views now: it takes half a second, and the first request would have to wait.
resolve("/api/products/")

# manage.py runs the system checks before each command; gunicorn does not.
call_command("check", tags=["security"], fail_level="ERROR")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The WSGI entry point."""
    # Only if the WSGI server decodes chunked bodies; otherwise a body of unknown length is refused (411).
    if environ.get("wsgi.input_terminated") and environ.pop("HTTP_TRANSFER_ENCODING", ""):
        measure_body(environ)
    return _django(environ, start_response)


def measure_body(environ: dict[str, Any]) -> None:
    """Read a chunked body and set its CONTENT_LENGTH: Django reads a body without one as empty.

    Reads little more than MAX_UPLOAD_BYTES, so that a longer body is refused as too large. For a malformed or broken
    body the length is set one byte too high, so that it is refused as incomplete.
    """
    body, missing = SpooledTemporaryFile(max_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE), 0  # noqa: SIM115 (Django reads it)
    try:
        while body.tell() <= settings.MAX_UPLOAD_BYTES and (part := environ["wsgi.input"].read(65536)):
            body.write(part)
    except (OSError, ParseException):
        missing = 1
    environ["CONTENT_LENGTH"] = str(body.tell() + missing)
    body.seek(0)
    environ["wsgi.input"] = body
