"""The language of the desk."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation


def is_for_people(request: HttpRequest) -> bool:
    """Whether the request is for a page of the desk or the admin. All other addresses are for phones and programs."""
    return not request.path.startswith(("/api", "/log-client-error", "/media/"))


class DeskLanguageMiddleware:
    """Shows the desk and the admin in ADMIN_LANGUAGE_CODE unless the person has chosen another language there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_for_people(request) and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            translation.activate(settings.ADMIN_LANGUAGE_CODE)
            request.LANGUAGE_CODE = settings.ADMIN_LANGUAGE_CODE
        return self.get_response(request)
