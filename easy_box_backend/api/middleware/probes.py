"""Answers the probes ahead of everything else."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from api.ops.health import _json, healthz, metrics_page, readyz


class ProbesMiddleware:
    """Answers the three addresses; lets everything else through."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.probes = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics_page}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = self.probes.get(request.path_info)
        if probe is None or (probe is metrics_page and not settings.METRICS_TOKEN):
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return _json({"status": "method_not_allowed"}, 405, {"Allow": "GET, HEAD"})
        return probe(request)
