"""A full disk: changes are refused before the database has to stop. So everything that was acknowledged is safe."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.translation import gettext

from api.ops import health
from api.rest.error_handler import DISK_FULL, answer_error

READING = ("GET", "HEAD", "OPTIONS")
LOGINS = ("/api/auth/token/", "/login/")
REPORT = "/log-client-error"


class DiskMiddleware:
    """Answers 507 to a request that changes something while less than MIN_FREE_DISK_MB are free. Reading and logging in
    still work. An error report of the app is dropped, since it would only report the refusal."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method in READING or request.path_info in LOGINS:
            return self.get_response(request)
        free = health.free_disk_mb()
        if free is None or free >= settings.MIN_FREE_DISK_MB:
            return self.get_response(request)
        if request.path_info == REPORT:
            return HttpResponse(status=204)
        with translation.override(translation.get_language_from_request(request)):
            if request.path_info.startswith("/api/"):
                return answer_error(request, "disk_full", gettext(DISK_FULL), 507)
            return HttpResponse(gettext(DISK_FULL), status=507, content_type="text/plain; charset=utf-8")
