"""Answers the probes before all other middleware."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from api.ops.health import answer, healthz, metrics_page, readyz


class ProbesMiddleware:
    """Answers `/healthz`, `/readyz` and `/metrics`; passes all other requests on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.probes = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics_page}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = self.probes.get(request.path_info)
        if probe is None or (probe is metrics_page and not settings.METRICS_TOKEN):
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return answer({"status": "method_not_allowed"}, 405, {"Allow": "GET, HEAD"})
        return probe(request)
