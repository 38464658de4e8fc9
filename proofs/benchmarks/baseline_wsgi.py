"""Our server and the baselines in one WSGI application, for gunicorn. `/bare/` has no middleware at all."""

# ruff: noqa: TID251

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings

django.setup()
settings.ROOT_URLCONF = "proofs.benchmarks.baseline_urls"

ours = WSGIHandler()
with override_settings(MIDDLEWARE=[]):
    bare = WSGIHandler()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve a request."""
    handler = bare if environ["PATH_INFO"].startswith("/bare/") else ours
    answer: Iterable[bytes] = handler(environ, start_response)
    return answer
