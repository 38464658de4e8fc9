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
    """Serve a request. If it has `X-Count`, the answer says in `X-Statements` how many SQL statements it took."""
    if "HTTP_X_COUNT" not in environ:
        return answer(environ, start_response)
    statements = list[str]()

    def count(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
        statements.append(sql)
        return execute(sql, *more)

    def start_with_count(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*headers, ("X-Statements", str(len(statements)))], *more)

    with connection.execute_wrapper(count):
        return answer(environ, start_with_count)


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve a request by the handler without middleware if its path begins with `/bare/`, else by ours."""
    handler = bare if environ["PATH_INFO"].startswith("/bare/") else ours
    body: Iterable[bytes] = handler(environ, start_response)
    return body
