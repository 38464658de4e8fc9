"""Reads a request's body to its end."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase, UnreadablePostError
from django.utils.translation import gettext_lazy as _

from api.rest.error_handler import answer_error


class ReadToEndMiddleware:
    """Reads the rest of a request's body when the answer has been made.

    Otherwise the server would have to close a connection whose request was refused before its body was read, such as
    an upload with a 401, and the phone's next request on it would fail (RFC 9112, section 9.3).
    """

    MOST = 32 * 1024 * 1024
    """The most bytes that are read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            # The server in front left the body in chunks, which Django reads as an empty one (see backend/wsgi.py).
            return answer_error(request, "length_required", _("A body needs a Content-Length."), 411)
        response = self.get_response(request)
        left = self.MOST
        try:
            while left > 0 and (part := request.read(65536)):
                left -= len(part)
        except (UnreadablePostError, ValueError, OSError):
            pass  # the client is gone, or the form parser has closed the stream
        return response
