"""Our server and the baselines in one WSGI application, for gunicorn. `/bare/` has no middleware at all."""

# ruff: noqa: TID251

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test.utils import override_settings

django.setup()
settings.ROOT_URLCONF = "proofs.benchmarks.baseline_urls"

ours = WSGIHandler()
with override_settings(MIDDLEWARE=[]):
    bare = WSGIHandler()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve a request. One with `X-Count` is told in `X-Statements` how many statements of SQL it took."""
    if "HTTP_X_COUNT" not in environ:
        return answer(environ, start_response)
    statements = list[str]()

    def note(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
        statements.append(sql)
        return execute(sql, *more)

    def start_and_tell(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*headers, ("X-Statements", str(len(statements)))], *more)

    with connection.execute_wrapper(note):
        return answer(environ, start_and_tell)


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve a request."""
    handler = bare if environ["PATH_INFO"].startswith("/bare/") else ours
    body: Iterable[bytes] = handler(environ, start_response)
    return body
