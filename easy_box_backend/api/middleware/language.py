"""The language of the desk."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation


class DeskLanguageMiddleware:
    """Shows the desk and the admin in ADMIN_LANGUAGE_CODE unless the person has chosen another language there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_for_people = not request.path.startswith(("/api/", "/log-client-error", "/media/"))
        if is_for_people and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            translation.activate(settings.ADMIN_LANGUAGE_CODE)
            request.LANGUAGE_CODE = settings.ADMIN_LANGUAGE_CODE
        return self.get_response(request)
