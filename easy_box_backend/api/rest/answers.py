"""What an answer looks like: JSON, addresses of photos and rows, tags, pages."""

from collections.abc import Mapping
from hashlib import blake2s
from typing import Any

import msgspec
from django.conf import settings
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.functional import Promise
from django.utils.http import parse_etags, quote_etag
from rest_framework import status
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.models import StockMovement


def _plain(value: Any) -> Any:
    """What msgspec does not know: lazy translations, and the str subclass that REST framework's errors are."""
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


class JsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else dump(data)


def public_base(request: HttpRequest | Request) -> str:
    """Scheme and host as the caller used them, without a slash at the end (docs/flutter-app.md, section 2)."""
    return settings.PUBLIC_BASE_URL or f"{request.scheme}://{request.get_host()}"


def photo_base(request: HttpRequest | Request) -> str:
    """What stands before a stored photo's name in its absolute URL."""
    prefix = default_storage.url("")
    return prefix if prefix.startswith("http") else public_base(request) + prefix


def tag_of(version: object, rest: bytes) -> str:
    """A version, and after a dot a mark of what else the answer's bytes depend on (RFC 9110, section 8.8.3).

    rest: at the least where photos are, since their URLs bear the host that was called.
    """
    return f"{version}.{blake2s(rest, digest_size=6).hexdigest()}"


def tags(header: str) -> list[str]:
    """The tags in an `If-Match` or `If-None-Match`, without their quotes; ["*"] for any, [] if there are none.

    Weak ones are taken as strong: nginx makes a tag weak when it compresses an answer.
    """
    return [tag.removeprefix("W/").strip('"') for tag in parse_etags(header)]


def not_modified(request: Request, tag: str) -> bool:
    """Whether the caller holds this very version (`If-None-Match`, RFC 9110, section 13.1.2)."""
    held = tags(request.headers.get("If-None-Match", ""))
    return tag in held or held == ["*"]


def with_tag(response: HttpResponseBase, tag: str) -> HttpResponseBase:
    response.headers["ETag"] = quote_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Authorization"])
    return response


def tagged(request: Request, tag: str, body: bytes | None, code: int = status.HTTP_200_OK) -> HttpResponseBase:
    """JSON under its tag, or 304 for a caller who asks for it and has it. body: None only for such a caller."""
    if body is None or (request.method in ("GET", "HEAD") and not_modified(request, tag)):
        return with_tag(Response(status=status.HTTP_304_NOT_MODIFIED), tag)
    return with_tag(HttpResponse(body, status=code, content_type="application/json"), tag)


def address_of(request: HttpRequest | Request, name: str, key: object) -> str:
    """The absolute address of a thing, for `Location`. name: of its route below /api/."""
    return public_base(request) + reverse(f"api:{name}", args=[key])


def next_link(request: Request, after: int) -> str:
    """A `Link` header (RFC 8288) to the page behind the row `after`."""
    query = request.query_params.copy()
    query["after"] = str(after)
    return f'<{public_base(request)}{request.path}?{query.urlencode()}>; rel="next"'


def row_answer(request: Request, row: dict[str, Any], code: int = status.HTTP_200_OK) -> HttpResponseBase:
    """A row under its tag: its revision, which `If-Match` may hold, and a mark of its bytes.

    An order's bytes change also with the products that it names.
    """
    body = dump(row)
    return tagged(request, tag_of(row["revision"], body), body, code)


def created(request: Request, response: HttpResponseBase, name: str, key: object) -> HttpResponseBase:
    """The answer, saying where that is which was made."""
    response.headers["Location"] = address_of(request, name, key)
    return response


def movement_answer(request: Request, movement: StockMovement | None, body: Any) -> HttpResponseBase:
    """The answer to a change of stock; None: nothing had to be booked."""
    return created(request, Response(body), "movement", movement.pk) if movement else Response(body)


def page(request: Request, rows: list[dict[str, Any]], query: dict[str, Any]) -> Response:
    """A part of a list, with a link to the part behind it where there may be more."""
    response = Response(rows)
    if rows and len(rows) == query.get("limit"):
        response.headers["Link"] = next_link(request, rows[-1]["id"])
    return response
