"""Cookies that were set over HTTPS are never sent over HTTP."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase


class SecureCookies:
    """Marks every cookie of an answer over HTTPS as secure. SECURE_COOKIES=true does so for answers over HTTP too; then
    nobody can log in at the desk over HTTP."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.is_secure():
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response
