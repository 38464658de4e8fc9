"""What every HTTP answer shares: JSON, one error shape, photo URLs, paging links, tags, the caller's address."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from hashlib import blake2s
from typing import IO, Any, cast

import msgspec
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.files.storage import default_storage
from django.core.handlers.wsgi import WSGIRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict, UnreadablePostError
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.functional import Promise
from django.utils.http import parse_etags, parse_header_parameters, quote_etag
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, status
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api import errors

_STATUS: dict[type[errors.Refusal], int] = {
    errors.Invalid: status.HTTP_400_BAD_REQUEST,
    errors.Forbidden: status.HTTP_403_FORBIDDEN,
    errors.NotFound: status.HTTP_404_NOT_FOUND,
    errors.Conflict: status.HTTP_409_CONFLICT,
    errors.Stale: status.HTTP_412_PRECONDITION_FAILED,
    errors.TooLarge: status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    errors.Busy: status.HTTP_503_SERVICE_UNAVAILABLE,
    errors.TooSoon: status.HTTP_429_TOO_MANY_REQUESTS,
}


# --- JSON ---------------------------------------------------------------------------------------------------------
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


# An escape of JSON: a pair of surrogates, one of them alone, or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def load(text: str | bytes) -> Any:
    """What a JSON text holds, with U+FFFD for half a pair of surrogates: a text cut within an emoji has one at its end.

    Raises ValueError, also for one nested without end.
    """
    try:
        return _decoded(text)
    except ValueError:
        whole = text if isinstance(text, bytes) else text.encode(errors="replace")
        mended = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], whole)
        if mended == whole:
            raise
        return _decoded(mended)


def _decoded(text: str | bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


class JsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else dump(data)


class JsonAnyway(DefaultContentNegotiation):
    """Answers in JSON also to a client that asks for something else: that is no reason to fail a phone."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        if len(renderers) == 1:  # nothing to choose; and a SKU full of `&` is no query with too many fields
            return renderers[0], renderers[0].media_type
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except (exceptions.NotAcceptable, Http404):
            return renderers[0], renderers[0].media_type


class _Counted:
    """A request's body, whose bytes are counted as they are read."""

    def __init__(self, stream: Any, parser_context: Any) -> None:
        self.stream, self.count = stream, 0
        self.announced = str(parser_context["request"].META.get("CONTENT_LENGTH") or "0")

    def read(self, size: int = -1) -> bytes:
        part: bytes = self.stream.read() if size < 0 else self.stream.read(size)
        self.count += len(part)
        return part

    def require_end(self) -> None:
        """Raise ParseError if the connection broke off before all announced bytes came: what came may look whole."""
        while self.read(65536):
            pass
        if self.announced.isdecimal() and self.count < int(self.announced):
            raise exceptions.ParseError(_("The request ended before it was complete."))


class JsonParser(BaseParser):
    """Strict JSON of bounded size: no NaN, no bottomless nesting."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            data = load(_read(stream, settings.MAX_JSON_BYTES, parser_context))
        except ValueError as error:
            raise exceptions.ParseError(_("The request is not valid JSON.")) from error
        if not isinstance(data, dict):
            raise exceptions.ParseError(_("The request must be a JSON object."))
        return data


class FormParser(BaseParser):
    """A URL-encoded form of bounded size (REST framework's own reads one of any size into memory)."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> QueryDict:
        return QueryDict(_read(stream, settings.DATA_UPLOAD_MAX_MEMORY_SIZE, parser_context), encoding="utf-8")


class UploadParser(MultiPartParser):
    """A multipart form. One that is larger than any photo we take is refused before it fills the disk."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        if (stream.META.get("CONTENT_LENGTH") or "0").isdecimal():
            _check_size(int(stream.META.get("CONTENT_LENGTH") or 0), settings.MAX_UPLOAD_BYTES)
        counted = _Counted(stream, parser_context)
        form = super().parse(cast("IO[bytes]", counted), media_type, {**(parser_context or {}), "encoding": "utf-8"})
        counted.require_end()
        return form


def _read(stream: Any, limit: int, parser_context: Any) -> bytes:
    counted = _Counted(stream, parser_context)
    body = counted.read(limit + 1)
    _check_size(len(body), limit)
    counted.require_end()
    return body


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise errors.TooLarge(_("The request is too large."), facts={"limit_bytes": limit})


class ReadableRequest(WSGIRequest):
    """A request whose media types can be read. For one in an unknown encoding (`text/plain; a*=x''b`, RFC 2231) Django
    would raise an error before anybody could answer it."""

    INSTEAD = {"CONTENT_TYPE": "application/octet-stream", "HTTP_ACCEPT": "*/*"}

    def __init__(self, environ: dict[str, Any]) -> None:
        for name, instead in self.INSTEAD.items():
            if "*=" in environ.get(name, ""):
                try:
                    parse_header_parameters(environ[name])
                except ValueError:
                    environ = {**environ, name: instead}
        super().__init__(environ)


# --- Errors -------------------------------------------------------------------------------------------------------
def error_body(
    code: str,
    detail: Any,
    facts: Mapping[str, Any] | None = None,
    retryable: bool = False,
    fields: Any = None,
) -> dict[str, Any]:
    """The one error shape: `code`, `detail`, `facts`, `retryable`, beside messages by field name."""
    return {**(fields or {}), "code": code, "detail": detail, "facts": facts or {}, "retryable": retryable}


def answer_exception(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """REST framework's exception handler: any refusal in the one shape. None for a fault of ours, which is a 500."""
    request = context["request"]
    request.accepted_renderer, request.accepted_media_type = JsonRenderer(), JsonRenderer.media_type
    headers: dict[str, str] = {}
    if isinstance(exc, errors.Refusal):
        code = next(number for kind, number in _STATUS.items() if isinstance(exc, kind))
        if isinstance(exc, errors.Busy):
            headers["Retry-After"] = str(exc.facts["retry_after_seconds"])
        if isinstance(exc, errors.TooSoon):
            headers["Retry-After"] = str(exc.seconds)
        return Response(error_body(exc.code, exc.detail, exc.facts, exc.retryable, exc.fields), code, headers=headers)
    if isinstance(exc, UnreadablePostError):
        exc = exceptions.ParseError(_("The request ended before it was complete."))
    elif isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    elif isinstance(exc, RequestDataTooBig):
        return Response(error_body("too_large", _("The request is too large.")), 413)
    elif isinstance(exc, SuspiciousOperation):
        exc = exceptions.ParseError(_("The request is malformed."))
    if not isinstance(exc, exceptions.APIException):
        return None
    if isinstance(exc, exceptions.ValidationError):
        return Response(_validation_body(exc.detail), exc.status_code)
    if getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = exc.auth_header  # type: ignore[attr-defined]
    facts: dict[str, Any] = {}
    wait = getattr(exc, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
        facts["retry_after_seconds"] = max(1, round(wait))
    code_word = exc.get_codes() if isinstance(exc.get_codes(), str) else exc.default_code
    retryable = exc.status_code == status.HTTP_429_TOO_MANY_REQUESTS
    return Response(error_body(str(code_word), exc.detail, facts, retryable), exc.status_code, headers=headers)


def _validation_body(detail: Any) -> dict[str, Any]:
    fields = detail if isinstance(detail, dict) else {"non_field_errors": detail}
    return error_body("invalid", _first_sentence(fields), fields=fields)


def _first_sentence(value: Any) -> str:
    while not isinstance(value, str):
        value = next(iter(value.values() if isinstance(value, dict) else value), "")
    return value


def answer_error(request: HttpRequest, code: str, detail: Any, number: int) -> HttpResponse:
    """An error outside REST framework's views, in the same shape."""
    # By this id the fault is found in the logs and in the alert.
    facts = {"request_id": getattr(request, "request_id", "")} if number >= 500 else {}
    return HttpResponse(
        dump(error_body(code, detail, facts, retryable=number >= 500)),
        status=number,
        content_type="application/json",
    )


# --- Where we are, who calls --------------------------------------------------------------------------------------
def public_base(request: HttpRequest | Request) -> str:
    """Scheme and host as the caller used them, without a slash at the end (docs/flutter-app.md, section 2)."""
    return settings.PUBLIC_BASE_URL or f"{request.scheme}://{request.get_host()}"


def photo_base(request: HttpRequest | Request) -> str:
    """What stands before a stored photo's name in its absolute URL."""
    prefix = default_storage.url("")
    return prefix if prefix.startswith("http") else public_base(request) + prefix


def client_address(request: HttpRequest) -> str | None:
    """The caller's address: of `X-Forwarded-For` only the part that our own proxies have written is believed.

    None when there is none, as behind a Unix socket without a trusted proxy.
    """
    candidates = [str(request.META.get("REMOTE_ADDR", ""))]
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        candidates = hops[-settings.TRUSTED_PROXIES :][:1] + candidates
    return next(filter(None, map(_address, candidates)), None)


def client_network(request: HttpRequest) -> str:
    """The caller's network: one address of IPv4; of IPv6 the /64, all of whose addresses one caller can use. "" if
    there is no address."""
    address = ipaddress.ip_address(client_address(request) or "::")
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return "" if address.is_unspecified else str(ipaddress.ip_network((address, 64), strict=False))


def _address(text: str) -> str | None:
    """An IP address in its usual form; None for what is none, since the database refuses it too."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def user_agent(request: HttpRequest | Request) -> str:
    """The program that calls, as far as it can be stored and shown."""
    return "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())


def connection(request: Request) -> str:
    """A name of the TCP connection that the caller used, "" if the server in front doesn't tell.

    Whoever stands in front closes a connection behind a 5xx, as nginx/site.conf does: that nothing failed between two
    requests is what this name is for. Without anybody in front (development), the client's port is the name.
    """
    if settings.TRUSTED_PROXIES:
        return str(request.headers.get("X-Connection", ""))[:60]
    port = request.META.get("REMOTE_PORT", "")
    return f"{request.META.get('REMOTE_ADDR', '')}:{port}" if port else ""


# --- Tags and links -----------------------------------------------------------------------------------------------
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


class ReadToEndMiddleware:
    """Reads what a refused request still has to say.

    An answer that goes out before the body is read, such as a 401 to an upload, would leave the rest on the connection,
    where the server would have to cut it off, and with it the phone's next request (RFC 9112, section 9.3).
    """

    MOST = 32 * 1024 * 1024

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            # The server in front has left the body in chunks, which Django takes for none (see backend/wsgi.py).
            return answer_error(request, "length_required", _("A body needs a Content-Length."), 411)
        response = self.get_response(request)
        left = self.MOST
        try:
            while left > 0 and (part := request.read(65536)):
                left -= len(part)
        except (UnreadablePostError, ValueError, OSError):
            pass  # nobody is there any more, or the form parser has closed what it read
        return response


class AdminLanguageMiddleware:
    """The admin speaks Russian unless the person chose another language there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/admin") and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            translation.activate(settings.ADMIN_LANGUAGE_CODE)
            request.LANGUAGE_CODE = settings.ADMIN_LANGUAGE_CODE
        return self.get_response(request)
