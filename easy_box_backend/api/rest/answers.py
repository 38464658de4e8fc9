"""Builds answers: JSON, absolute addresses, entity tags, pages."""

import gzip
import re
from collections.abc import Mapping
from functools import cache
from hashlib import blake2s
from typing import Any

import msgspec
from django.conf import settings
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.functional import Promise
from django.utils.http import parse_etags, quote_etag
from rest_framework import exceptions, status
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.models import StockMovement
from api.serializers.rows import movement_json


# --- JSON ---------------------------------------------------------------------------------------------------------
def _plain(value: Any) -> Any:
    """Converts types that msgspec does not know: lazy translations, and the subclasses that REST framework's errors
    use."""
    if isinstance(value, Promise | str):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here.")


def dump(value: Any) -> bytes:
    """`value` as UTF-8 JSON."""
    return msgspec.json.encode(value, enc_hook=_plain)


def json(value: Any) -> HttpResponse:
    """An answer with this JSON."""
    return HttpResponse(dump(value), content_type="application/json")


class JsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else dump(data)


class JsonAnyway(DefaultContentNegotiation):
    """Answers in JSON also if the client asks for another type: a phone must not fail because of its `Accept`."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        if len(renderers) == 1:  # so the query is not parsed: a SKU with many `&` would be a query with too many fields
            return renderers[0], renderers[0].media_type
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except (exceptions.NotAcceptable, Http404):
            return renderers[0], renderers[0].media_type


# --- Addresses ----------------------------------------------------------------------------------------------------
def public_base(request: HttpRequest | Request) -> str:
    """Scheme and host as the caller used them, without a slash at the end (docs/flutter-app.md, section 2)."""
    return settings.PUBLIC_BASE_URL or f"{request.scheme}://{request.get_host()}"


def photo_base(request: HttpRequest | Request) -> str:
    """The prefix that makes a stored photo's name an absolute URL."""
    prefix = default_storage.url("")
    return prefix if prefix.startswith("http") else public_base(request) + prefix


def address_of(request: HttpRequest | Request, name: str, key: object) -> str:
    """The absolute address of a row, for `Location`. name: the name of its route below /api/."""
    return public_base(request) + _pattern_of(name) % key


@cache
def _pattern_of(name: str) -> str:
    """The path of a route below /api/, with %s for its key."""
    return reverse(f"api:{name}", args=["KEY"]).replace("KEY", "%s")


def created(request: HttpRequest | Request, response: HttpResponseBase, name: str, key: object) -> HttpResponseBase:
    """The response with the `Location` of the created row. name: the name of its route below /api/."""
    response.headers["Location"] = address_of(request, name, key)
    return response


def movement_answer(request: HttpRequest | Request, movement: StockMovement | None, **more: Any) -> HttpResponseBase:
    """The answer to a change of stock. movement: None if nothing had to be booked. more: further keys of the JSON; with
    them the movement is under `movement`."""
    if movement is None:
        return json({})
    row = movement_json(movement)
    return created(request, json({**more, "movement": row} if more else row), "movement", movement.pk)


# --- Entity tags --------------------------------------------------------------------------------------------------
def tag_of(version: object, rest: bytes) -> str:
    """An entity tag: the version, a dot, and a hash of everything else that the answer depends on (RFC 9110, section
    8.8.3).

    rest: at least the prefix of photo URLs, which contain the host that was called.
    """
    return f"{version}.{blake2s(rest, digest_size=6).hexdigest()}"


def tags(header: str) -> list[str]:
    """The tags in an `If-Match` or `If-None-Match`, without quotes; ["*"] for any, [] if there are none.

    Weak tags count as strong: nginx makes a tag weak when it compresses an answer.
    """
    return [tag.removeprefix("W/").strip('"') for tag in parse_etags(header)]


def not_modified(request: HttpRequest | Request, tag: str) -> bool:
    """Whether the caller holds this version (`If-None-Match`, RFC 9110, section 13.1.2)."""
    held = tags(request.headers.get("If-None-Match", ""))
    return tag in held or held == ["*"]


TAKES_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)
"""Finds gzip in an `Accept-Encoding`, unless its weight is 0, which means "not" (RFC 9110, section 12.5.3)."""


def tagged(
    request: HttpRequest | Request, tag: str, body: bytes | None, code: int = status.HTTP_200_OK
) -> HttpResponseBase:
    """JSON with its tag, or a 304 if the caller holds it. body: None only for a caller who holds it."""
    response: HttpResponse
    if body is None or (request.method in ("GET", "HEAD") and not_modified(request, tag)):
        response = HttpResponseNotModified()
    else:
        response = HttpResponse(body, status=code, content_type="application/json")
    response.headers["ETag"] = quote_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Authorization"])
    return response


def tagged_gzip(request: HttpRequest | Request, tag: str, packed: bytes | None) -> HttpResponseBase:
    """As `tagged`, for JSON that is gzipped already. For a caller that does not accept gzip it is unpacked.

    With gzip the tag is weak, as nginx makes it: a strong tag would stand for these bytes (RFC 9110, section 8.8.3).
    """
    accepts_gzip = TAKES_GZIP.search(request.headers.get("Accept-Encoding", ""))
    response = tagged(request, tag, packed if accepts_gzip or packed is None else gzip.decompress(packed))
    patch_vary_headers(response, ["Accept-Encoding"])
    if accepts_gzip:
        response.headers["ETag"] = f"W/{response.headers['ETag']}"
        if response.status_code == status.HTTP_200_OK:
            response.headers["Content-Encoding"] = "gzip"
    return response


def row_answer(request: HttpRequest | Request, row: dict[str, Any], *, made: str = "") -> HttpResponseBase:
    """A row with its tag: its revision, which `If-Match` may hold, and a hash of its bytes, since an order's also
    change with its products. made: the route of the row if it is new."""
    body = dump(row)
    response = tagged(request, tag_of(row["revision"], body), body, status.HTTP_201_CREATED if made else 200)
    return created(request, response, made, row["id"]) if made else response


# --- Pages --------------------------------------------------------------------------------------------------------
def page(request: Request, rows: list[dict[str, Any]], query: dict[str, Any]) -> Response:
    """A page of a list, with a `Link` (RFC 8288) to the next one if there may be more."""
    response = Response(rows)
    if rows and len(rows) == query.get("limit"):
        parameters = request.query_params.copy()
        parameters["after"] = str(rows[-1]["id"])
        response.headers["Link"] = f'<{public_base(request)}{request.path}?{parameters.urlencode()}>; rel="next"'
    return response
