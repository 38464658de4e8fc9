"""Reads requests: media types, the body (strictly, and of bounded size), ids, conditions and the query."""

import re
from typing import IO, Any, TypeVar, cast
from urllib.parse import unquote

import msgspec
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db.models import Model
from django.http import HttpRequest, QueryDict
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request

from api import errors, texts
from api.rest.answers import tags
from api.serializers.fields import UnreadablePhoto

M = TypeVar("M", bound=Model)
# A JSON escape: a surrogate pair, half of one (the group), or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_SKU = re.compile(r"(?:^|&)sku(?:=([^&]*))?(?=&|$)")
_SKU_OF_APP = re.compile(r"(?:^|&)sku=(.*)", re.DOTALL)


# --- Media types --------------------------------------------------------------------------------------------------
class ReadableRequest(WSGIRequest):
    """A request with media types that Django can parse. A media type in an unknown encoding (`text/plain; a*=x''b`,
    RFC 2231) would make Django raise an error before any view could answer."""

    REPLACEMENTS = {"CONTENT_TYPE": "application/octet-stream", "HTTP_ACCEPT": "*/*"}

    def __init__(self, environ: dict[str, Any]) -> None:
        for name, replacement in self.REPLACEMENTS.items():
            if "*=" in environ.get(name, ""):
                try:
                    parse_header_parameters(environ[name])
                except ValueError:
                    environ = {**environ, name: replacement}
        super().__init__(environ)


# --- Bodies -------------------------------------------------------------------------------------------------------
def load(text: str | bytes) -> Any:
    """The value of a JSON text. Half a surrogate pair, as in a text cut within an emoji, becomes U+FFFD.

    Raises ValueError if it is not JSON or nested too deeply.
    """
    try:
        return _decoded(text)
    except ValueError:
        whole = text if isinstance(text, bytes) else text.encode(errors="replace")
        repaired = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], whole)
        if repaired == whole:
            raise
        return _decoded(repaired)


def _decoded(text: str | bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


class _Counted:
    """A request's body that counts its bytes as they are read."""

    def __init__(self, stream: Any, parser_context: Any) -> None:
        self.stream, self.count = stream, 0
        self.announced = str(parser_context["request"].META.get("CONTENT_LENGTH") or "0")

    def read(self, size: int = -1) -> bytes:
        part: bytes = self.stream.read() if size < 0 else self.stream.read(size)
        self.count += len(part)
        return part

    def require_end(self) -> None:
        """Raise ParseError if the connection broke before all announced bytes came: what came may look complete."""
        while self.read(65536):
            pass
        if self.announced.isdecimal() and self.count < int(self.announced):
            raise exceptions.ParseError(_("The request ended before it was complete."))


def _read(stream: Any, limit: int, parser_context: Any) -> bytes:
    counted = _Counted(stream, parser_context)
    body = counted.read(limit + 1)
    _check_size(len(body), limit)
    counted.require_end()
    return body


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise errors.TooLarge(_("The request is too large."), facts={"limit_bytes": limit})


class JsonParser(BaseParser):
    """Strict JSON of bounded size and depth, without NaN."""

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
    """A URL-encoded form of bounded size. REST framework's own parser reads any size into memory."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> QueryDict:
        return QueryDict(_read(stream, settings.DATA_UPLOAD_MAX_MEMORY_SIZE, parser_context), encoding="utf-8")


class UploadParser(MultiPartParser):
    """A multipart form. A form larger than MAX_UPLOAD_BYTES is refused before it fills the disk."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        counted = _Counted(stream, parser_context)
        if counted.announced.isdecimal():
            _check_size(int(counted.announced), settings.MAX_UPLOAD_BYTES)
        form = super().parse(cast("IO[bytes]", counted), media_type, {**(parser_context or {}), "encoding": "utf-8"})
        counted.require_end()
        return form


def checked(serializer: type, data: Any, **kwargs: Any) -> dict[str, Any]:
    """The validated data. Raises ValidationError, a 400 with the reasons."""
    parsed = serializer(data=data, **kwargs)
    parsed.is_valid(raise_exception=True)
    return dict(parsed.validated_data)


def checked_from_app(serializer: type, data: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The data of an app device as it can be stored; and by field what is lost: the original text if it had to be
    changed, or the reason why a photo cannot be stored.

    Raises ValidationError for what the app never sends: a missing field, or a field of another JSON type.
    """
    kept = checked(serializer, data)
    blank = {name for name in ("sku", "name") if kept.get(name) == ""}
    lost = {
        name: data[name] for name in ("sku", "name", "location", "customer_name")
        if isinstance(data.get(name), str) and (texts.tidy(data[name]) != kept[name] or name in blank)
    }  # fmt: skip
    if isinstance(kept.get("photo"), UnreadablePhoto):
        lost["photo"] = str(kept.pop("photo"))
    return kept, lost


# --- Path, conditions, query --------------------------------------------------------------------------------------
def parse_id(text: str) -> int | None:
    """An id from a path; None if the text can't be one, such as a phone's UUID."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def require_id(text: str, not_found: type[Exception]) -> int:
    """An id from a path. Raises `not_found` if the text can't be one."""
    found = parse_id(text)
    if found is None:
        raise not_found(text[:100])
    return found


def find(model: type[M], key: str, not_found: type[Exception]) -> M:
    """The row with an id from a path. Raises `not_found`."""
    row = model._default_manager.filter(pk=require_id(key, not_found)).first()
    if row is None:
        raise not_found(key)
    return row


def revisions_held(request: Request) -> set[int] | None:
    """The row versions in `If-Match` (RFC 9110, section 13.1.1); None if the caller sets no condition.

    A tag of another resource, such as a list, matches no row. Quotes may be missing, as when a body's `revision` is
    sent. Raises Invalid if there is no tag in it.
    """
    text = request.headers.get("If-Match", "").strip()
    if text in ("", "*"):
        return None
    held = tags(text) or tags(f'"{text}"')
    if not held:
        raise errors.Invalid(_("If-Match contains no version tag."), code="bad_if_match")
    return {version for tag in held if (version := parse_id(tag.partition(".")[0])) is not None}


def sku_of_query(request: HttpRequest, *, is_app: bool) -> list[str] | None:
    """The possible readings of `?sku=`, the likeliest first; None without `sku`.

    A `+` is a plus sign, as the app sends it, or a space, as elsewhere. The app does not escape the scanned SKU. So for
    the app everything that follows is the SKU, `&` and `=` included, and what looks like an escape may be none
    (docs/flutter-app.md, section 1).
    """
    text = request.META.get("QUERY_STRING", "").encode("latin-1", "replace").decode(errors="replace")
    asked = (_SKU_OF_APP if is_app else _SKU).search(text)
    if asked is None:
        return None
    raw = asked[1] or ""
    return [unquote(raw), unquote(raw.replace("+", " ")), *([raw] if is_app else [])]
