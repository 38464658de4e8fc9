"""What a request says: its body, strictly and of bounded size; its query and its conditions."""

import re
from typing import IO, Any, cast
from urllib.parse import unquote

import msgspec
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import Http404, QueryDict
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request

from api import errors, serializers, texts
from api.errors import Invalid
from api.rest.answers import tags

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


_ASKED = re.compile(r"(?:^|&)sku(?:=([^&]*))?(?=&|$)")
_ASKED_BY_APP = re.compile(r"(?:^|&)sku=(.*)", re.DOTALL)


def checked(serializer: type, data: Any, **kwargs: Any) -> dict[str, Any]:
    """What `data` holds by this serializer. Raises ValidationError, a 400 with the reasons."""
    parsed = serializer(data=data, **kwargs)
    parsed.is_valid(raise_exception=True)
    return dict(parsed.validated_data)


def as_far_as_kept(serializer: type, data: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """What an app device sent, as far as it can be kept, and by field what was sent of the rest (or why it is lost).

    Raises ValidationError for what no app sends: a field that is missing, or of another JSON type.
    """
    kept = checked(serializer, data)
    blank = {name for name in ("sku", "name") if kept.get(name) == ""}
    lost = {
        name: data[name] for name in ("sku", "name", "location", "customer_name")
        if isinstance(data.get(name), str) and (texts.tidy(data[name]) != kept[name] or name in blank)
    }  # fmt: skip
    if isinstance(kept.get("image"), serializers.UnreadablePhoto):
        lost["photo"] = str(kept.pop("image"))
    return kept, lost


def number(text: str) -> int | None:
    """An id from a path; None for what can't be one, such as a phone's UUID."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def known(text: str, refusal: type[Exception]) -> int:
    """An id from a path. Raises `refusal` for what can't be one."""
    found = number(text)
    if found is None:
        raise refusal(text[:100])
    return found


def revisions_held(request: Request) -> set[int] | None:
    """The row versions in `If-Match` (RFC 9110, section 13.1.1); None when the caller sets no condition.

    A tag of something else is no version of any row. Quotes may be missing, as when a body's `revision` is sent.
    Raises Invalid for what is no tag at all.
    """
    text = request.headers.get("If-Match", "").strip()
    if text in ("", "*"):
        return None
    held = tags(text) or tags(f'"{text}"')
    if not held:
        raise Invalid(_("If-Match holds no version of ours."), code="bad_if_match")
    return {int(version) for tag in held if number(version := tag.partition(".")[0]) is not None}


def sku_of_query(request: Request, *, is_app: bool) -> list[str] | None:
    """The ways to read `?sku=`, the likeliest first (a `+` is a plus as the app sends it, else a space); None without.

    The app pastes a SKU into the address as it was scanned, so that for it all that follows is the SKU, `&` and `=`
    included, and what looks like an escape may be none (docs/flutter-app.md, section 1).
    """
    text = request.META.get("QUERY_STRING", "").encode("latin-1", "replace").decode(errors="replace")
    asked = (_ASKED_BY_APP if is_app else _ASKED).search(text)
    if asked is None:
        return None
    raw = asked[1] or ""
    return [unquote(raw), unquote(raw.replace("+", " ")), *([raw] if is_app else [])]
