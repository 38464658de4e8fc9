"""Error pages for people, with a way back. Programs and phones get JSON (`rest/reports.py`)."""

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
    """Whether a browser sent the request. A program gets JSON for addresses outside the API too."""
    return is_for_people(request) and "text/html" in request.headers.get("Accept", "")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler404."""
    if not wants_page(request):
        return reports.not_found(request, exception)
    if request.method == "GET" and not request.path.endswith("/") and _is_page(request.path_info + "/"):
        return HttpResponseRedirect(request.path + "/")
    return failure(request, 404, gettext("There is no such page."))


def _is_page(path: str) -> bool:
    """Whether this is the address of a page of the desk."""
    try:
        return resolve(path).namespace == "desk"
    except Resolver404:
        return False


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler403. The page lets somebody else log in."""
    text = gettext("You may not see or do this. Ask an administrator for the right.")
    return failure(request, 403, text, is_forbidden=True)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler400."""
    if not wants_page(request):
        return reports.bad_request(request, exception)
    return failure(request, 400, gettext("The server could not read this request."))


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's handler500. The page shows the request's id, with which the error is found in the server's log."""
    if not wants_page(request):
        return reports.server_error(request)
    if error_handler.is_busy(sys.exception()):
        answer = failure(request, 503, gettext(error_handler.BUSY), may_send_again=True)
        answer.headers["Retry-After"] = str(error_handler.BUSY_SECONDS)
        return answer
    text = gettext("Something went wrong on the server. Nothing of this was saved.")
    return failure(request, 500, text, number=getattr(request, "request_id", ""))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's CSRF_FAILURE_VIEW. The usual cause is a new login in another tab.

    Only a form of this server may be sent again, and only by a person's click: another site could have filled it in.
    """
    if not is_for_people(request):
        return django_csrf_failure(request, reason)
    text = gettext("This page was opened before your last login, so what you sent was not accepted. Nothing was saved.")
    return failure(request, 403, text, may_send_again=_is_ours(request))


def _is_ours(request: HttpRequest) -> bool:
    """Whether the browser says that a page of this server sent the form."""
    origin = request.headers.get("Origin") or request.headers.get("Referer", "")
    return urlsplit(origin)[:2] == (request.scheme, request.get_host())


class NotAllowedPage:
    """Middleware that replaces the empty 405 of a view by an error page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        if answer.status_code != 405 or not is_for_people(request):
            return answer
        shown = failure(request, 405, gettext("This address takes no such request. Begin at a page with a form."))
        shown.headers["Allow"] = answer.headers["Allow"]
        return shown


def failure(
    request: HttpRequest,
    status: int,
    text: str,
    *,
    number: str = "",
    may_send_again: bool | None = None,
    is_forbidden: bool = False,
) -> HttpResponse:
    """An error page. It uses neither the session nor the database, since one of them may have failed.

    It shows what was typed, with a button to send it again. number: the request's id. may_send_again: whether it has
    that button; None: only after a status of 500, when the transaction was rolled back. is_forbidden: offer another
    login.
    """
    typed, is_whole = typed_in(request) if request.method == "POST" else ([], True)
    context: dict[str, Any] = {
        "text": text, "number": number, "typed": typed, "is_whole": is_whole, "back": page_before(request) or "/",
        "may_send_again": bool(typed) and is_whole and (status == 500 if may_send_again is None else may_send_again),
        "target": request.get_full_path(), "is_forbidden": is_forbidden,
    }  # fmt: skip
    return HttpResponse(render_to_string("desk/failure.html", context, request), status=status)
