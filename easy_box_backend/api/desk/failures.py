"""What people see instead of a page that failed, with a way back. Programs and phones get JSON (`rest/reports.py`)."""

import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.utils.translation import gettext
from django.views.csrf import csrf_failure as django_csrf_failure

from api.desk.base import page_before, typed_in
from api.middleware.language import is_for_people
from api.rest import error_handler, reports


def wants_page(request: HttpRequest) -> bool:
    """Whether a browser asks. A program that asks beside the API gets JSON too."""
    return is_for_people(request) and "text/html" in request.headers.get("Accept", "")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler404."""
    if not wants_page(request):
        return reports.not_found(request, exception)
    if request.method == "GET" and not request.path.endswith("/") and _is_page(request.path_info + "/"):
        return HttpResponseRedirect(request.path + "/")
    return failure(request, 404, gettext("There is no such page."))


def _is_page(path: str) -> bool:
    try:
        return resolve(path).namespace == "desk"
    except Resolver404:
        return False


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler403. Somebody else can log in instead."""
    text = gettext("You may not see or do this. Ask an administrator for the right.")
    return failure(request, 403, text, is_forbidden=True)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler400."""
    if not wants_page(request):
        return reports.bad_request(request, exception)
    return failure(request, 400, gettext("The server could not read this request."))


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's handler500. The number finds the fault in the server's log."""
    if not wants_page(request):
        return reports.server_error(request)
    if error_handler.is_busy(sys.exception()):
        answer = failure(request, 503, gettext(error_handler.BUSY), may_send_again=True)
        answer.headers["Retry-After"] = str(error_handler.BUSY_SECONDS)
        return answer
    text = gettext("Something went wrong on the server. Nothing of this was saved.")
    return failure(request, 500, text, number=getattr(request, "request_id", ""))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's CSRF_FAILURE_VIEW: most often one has logged in again in another tab. Only a form of this server may be
    sent again, and by a person's click: another site could have filled it in."""
    if not is_for_people(request):
        return django_csrf_failure(request, reason)
    text = gettext("This page was opened before your last login, so what you sent was not accepted. Nothing was saved.")
    return failure(request, 403, text, may_send_again=_is_ours(request))


def _is_ours(request: HttpRequest) -> bool:
    """Whether the browser says that a page of this server sent the form."""
    origin = request.headers.get("Origin") or request.headers.get("Referer", "")
    return urlsplit(origin)[:2] == (request.scheme, request.get_host())


class NotAllowedPage:
    """Gives the bare 405 of a view a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        if answer.status_code != 405 or not is_for_people(request):
            return answer
        told = failure(request, 405, gettext("This address takes no such request. Begin at a page with a form."))
        told.headers["Allow"] = answer.headers["Allow"]
        return told


def failure(
    request: HttpRequest,
    status: int,
    text: str,
    *,
    number: str = "",
    may_send_again: bool | None = None,
    is_forbidden: bool = False,
) -> HttpResponse:
    """The page. It asks neither the session nor the database, which may be what has failed.

    What was typed stands on it, and can be sent again after a fault of the server, whose transaction was rolled back.
    """
    typed, is_whole = typed_in(request) if request.method == "POST" else ([], True)
    context: dict[str, Any] = {
        "text": text, "number": number, "typed": typed, "is_whole": is_whole, "back": page_before(request) or "/",
        "may_send_again": bool(typed) and is_whole and (status == 500 if may_send_again is None else may_send_again),
        "target": request.get_full_path(), "is_forbidden": is_forbidden,
    }  # fmt: skip
    return HttpResponse(render_to_string("desk/failure.html", context, request), status=status)
