"""The WSGI application that gunicorn serves."""

import os
from collections.abc import Callable, Iterable
from tempfile import SpooledTemporaryFile
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

_django = get_wsgi_application()

from api.rest.requests import ReadableRequest  # noqa: E402 (not before Django is set up)

_django.request_class = ReadableRequest

# manage.py checks the configuration before a command; gunicorn would serve a wrong one without a word.
call_command("check", tags=["security"], fail_level="ERROR")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The server."""
    # Only a server that has put the chunks together says so; from any other, a body of unknown length is refused (411).
    if environ.get("wsgi.input_terminated") and environ.pop("HTTP_TRANSFER_ENCODING", ""):
        measure_body(environ)
    return _django(environ, start_response)


def measure_body(environ: dict[str, Any]) -> None:
    """Give a chunked body the length that nobody has announced: Django takes one without for an empty one.

    Never more than an upload may be: of a longer one so much is kept that it is refused as too large. One that is
    malformed, or ends in the middle, is announced as longer than it is, and so refused as incomplete.
    """
    body, whole = SpooledTemporaryFile(max_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE), 0  # noqa: SIM115 (Django reads it)
    try:
        while body.tell() <= settings.MAX_UPLOAD_BYTES and (part := environ["wsgi.input"].read(65536)):
            body.write(part)
    except (OSError, ParseException):
        whole = 1
    environ["CONTENT_LENGTH"] = str(body.tell() + whole)
    body.seek(0)
    environ["wsgi.input"] = body
