"""The short way to the app's most frequent calls (`rest/hot.py`): around REST framework and most middleware, which cost
more than the calls themselves (docs/benchmarks.md).

It answers only ordinary requests. All others, and those that are refused, are passed on to the view with nothing
written. So errors come from one place, and without this middleware everything works the same, only slower.
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from typing import Annotated

import msgspec
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, HttpResponseBase, UnreadablePostError
from django.urls import resolve
from django.utils import timezone, translation

from api.actor import Actor
from api.auth import callers, tokens
from api.errors import DomainError
from api.models import MAX_QUANTITY
from api.rest import hot
from api.rest.error_handler import is_disk_full

Call = Callable[..., HttpResponseBase]

_ADD_STOCK = re.compile(r"/api/products/([0-9]{1,18})/add_stock/")
_LISTS = {"/api/products/": hot.product_list, "/api/orders/": hot.order_list}
_MOST = 1000  # bytes of a body
# Headers that other middleware handles: other sites, codings of the body, languages. Such a request is not ordinary.
_UNUSUAL = (
    "HTTP_ORIGIN", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING", "HTTP_ACCEPT_LANGUAGE", "HTTP_COOKIE",
)  # fmt: skip


class Addition(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an addition of stock."""

    quantity: Annotated[int, msgspec.Meta(ge=1, le=MAX_QUANTITY)]


_body = msgspec.json.Decoder(Addition)


class Door:
    """The middleware. Only the probes, the request log, SecureCookies and DiskMiddleware run before it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return answer(request, at=timezone.now()) or self.get_response(request)


def answer(request: HttpRequest, *, at: datetime) -> HttpResponseBase | None:
    """The answer to an ordinary request. None, with nothing written, if the view has to answer."""
    scheme, _space, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    try:
        call = call_of(request) if scheme == "Token" else None
        if call is None or (device := tokens.device_with(key, at)) is None:
            return None
        tokens.note_use(request, device, at)
        request.__dict__.update(user=device.user, auth=device)  # for the request log
        translation.activate(settings.LANGUAGE_CODE)
        by = Actor(device.user, device, at=at, connection=callers.connection(request))
        response = call(request, by=by)
    except (msgspec.DecodeError, UnicodeDecodeError, SuspiciousOperation, UnreadablePostError, DomainError):
        return None
    except OperationalError as error:
        if not is_disk_full(error):
            raise
        return None
    request.resolver_match = route_of("/api/products/1/add_stock/" if request.method == "POST" else request.path_info)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]
    return response


def call_of(request: HttpRequest) -> Call | None:
    """The function of `hot` that answers this request; None if it is not ordinary. Raises what `answer` catches."""
    meta, path, length = request.META, request.path_info, request.META.get("CONTENT_LENGTH") or "0"
    if any(meta.get(name) for name in _UNUSUAL) or not (length.isascii() and length.isdecimal()):
        return None
    request.get_host()
    if request.method == "POST" and (found := _ADD_STOCK.fullmatch(path)):
        if meta.get("CONTENT_TYPE") != "application/json" or int(length) > _MOST:
            return None
        quantity = _body.decode(request.body).quantity
        return partial(hot.add_stock, key=found[1], quantity=quantity) if len(request.body) == int(length) else None
    if request.method != "GET" or int(length):
        return None
    query = meta.get("QUERY_STRING", "")
    if path == "/api/products/" and query.startswith("sku="):
        return hot.look_up
    return None if query else _LISTS.get(path)


route_of = cache(resolve)
