"""No request without a login, whatever it contains, takes more than a second of CPU time or causes a 5xx."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.http import HttpResponseBase
from django.test import RequestFactory
from rest_framework.test import APIClient

from api.tests.cases import each
from api.tests.examples import some

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

MOMENT = 1.0
"""The most seconds of CPU time for a request. The worst request found takes a quarter of it, on a slow machine."""
LINE = 32_000
"""The longest line that the servers accept: 32 KB."""
BODY = 1_900_000
"""Just below the largest body that is read: 2 MB."""


def fill(shape: str, length: int = LINE) -> str:
    return (shape * (length // len(shape) + 1))[:length]


LINES = {
    "a word": "a" * (LINE - 100) + "key", "blanks": "a" + " " * LINE + "x", "star": fill("a*=utf-8''b;"),
    **{shape: fill(shape) for shape in (
        "a.", "a-", "a,", "a;", "a=b;", "a/b,", "a/b;c=d,", 'W/"a",', '"', '\\"', "1", "1.1.1.1,", "1:", "de-", "%41",
        "/", "../", "a&", "a=1&", "pass", "token ", "://", "a://", "x@", "bytes=0-,",
    )},
}  # fmt: skip
HEADERS = [
    "Host", "User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Content-Type", "Cookie",
    "If-None-Match", "If-Match", "If-Modified-Since", "Origin", "Referer", "Range", "X-Forwarded-For", "X-Request-ID",
    "X-Connection", "X-CSRFToken", "Access-Control-Request-Headers",
]  # fmt: skip
OPEN_TO_ALL = ["/api/auth/token/", "/log-client-error", "/login/", "/i18n/setlang/"]
PATHS = [
    *OPEN_TO_ALL,
    "/api/products/",
    "/api/health/",
    "/api/schema/",
    "/static/desk/desk.css",
    "/media/x.jpg",
    "/readyz",
]

TEXTS = {
    "a long e-mail": {"email": fill("a@", BODY), "password": "x"},
    "e-mail of dots": {"email": "a@" + fill("a.", BODY), "password": "x"},
    "accents": {"email": "e" + "\u0301" * (BODY // 6), "password": "x"},
    "a long password": {"email": "a@example.com", "password": "x" * BODY},
    "a long message": {"message": "a" * (BODY - 50) + "key"},
    "a message of dashes": {"message": fill("9-", BODY)},
    "a message of many parts": {"message": {str(number): number for number in range(100_000)}},
}
JSON = {
    **{name: json.dumps(value) for name, value in TEXTS.items()},
    "lists in lists": "[" * BODY, "objects in objects": fill('{"a":', BODY),
    "a long number": '{"email":' + "9" * BODY + "}", "a long fraction": '{"email":1.' + "9" * BODY + "}",
    "a huge exponent": '{"email":1e' + "9" * BODY + "}",
    "many fields": "{" + ",".join(f'"{number}":1' for number in range(150_000)) + "}", "blanks": " " * BODY + "{}",
    "escapes": '{"email":"' + fill("\\u0041", BODY) + '"}',
}  # fmt: skip
FORMS = {
    **{shape: fill(shape, BODY) for shape in ("&", "a&", "a=1&", ";")},
    "a long e-mail": "password=x&email=" + fill("a@", BODY), "a long name": "password=x&username=" + fill("a@", BODY),
    "a long way": "language=ru&username=a@example.com&password=x&next=" + "/" * BODY,
    "escapes": "email=" + fill("%41", BODY), "a language": "language=" + fill("a-", BODY),
}  # fmt: skip
PART = '--X\r\nContent-Disposition: form-data; name="a"{}\r\n\r\nx\r\n'
PARTS = {
    "many fields": PART.format("") * 10_000, "many files": PART.format('; filename="a"') * 10_000,
    "a long name": PART.format("; filename=" + "/" * BODY), "many headers": "--X\r\n" + fill("a: b\r\n", BODY),
    "blanks in base64": PART.format("\r\nContent-Transfer-Encoding: base64") + fill("A \n", BODY),
    "nearly a boundary": fill("--", BODY), "line ends": fill("\r\n", BODY), "boundaries": fill("--X", BODY),
    "nothing before the first": "x" * BODY + PART,
}  # fmt: skip
BODIES = {
    "application/json": JSON, "application/x-www-form-urlencoded": FORMS, "multipart/form-data; boundary=X": PARTS,
}  # fmt: skip


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Callable[..., HttpResponseBase]:
    """A function that sends a request without a login, and asserts that it takes less than MOMENT and is no 5xx."""
    settings.TRUSTED_PROXIES = 1
    settings.ALLOWED_HOSTS = ["testserver"]
    client = APIClient()
    client.raise_request_exception = False
    client.get("/api/schema/")  # built once, so not to be measured

    def do(method: str, path: str, body: str = "", **extra: Any) -> HttpResponseBase:
        for is_last in (False, False, True):  # a busy machine may spoil a measurement, not three of them
            began = time.thread_time()
            answer = client.generic(method, path, body, **extra)
            took = time.thread_time() - began
            if took < MOMENT:
                break
            assert not is_last, took
        assert answer.status_code < 500
        return answer

    return do


@pytest.mark.parametrize("header", [name for name in HEADERS if name != "Content-Type"])
def test_no_header_takes_more_than_a_second_of_cpu_time(send: Callable[..., HttpResponseBase], header: str) -> None:
    for text in some(LINES.values(), header):
        if header == "Accept" and "*=" in text:
            continue  # below
        for path in PATHS:
            send("GET", path, headers={header: f"Token {text}" if header == "Authorization" else text})


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_no_address_takes_more_than_a_second_of_cpu_time(send: Callable[..., HttpResponseBase], method: str) -> None:
    for text in some(LINES.values(), method):
        for start in (
            "/",
            "/api/products/",
            "/api/orders/",
            "/static/",
            "/media/",
            "/admin/",
            "/orders/",
            "/products/",
        ):
            send(method, start + text)
        for path in PATHS:
            send(method, path, QUERY_STRING=text)


@pytest.mark.parametrize("path", [*OPEN_TO_ALL, "/api/products/"])
@pytest.mark.parametrize(("kind", "bodies"), BODIES.items(), ids=BODIES)
def test_no_body_takes_more_than_a_second_of_cpu_time(
    send: Callable[..., HttpResponseBase], path: str, kind: str, bodies: dict[str, str]
) -> None:
    for body in some(bodies.values(), path + kind):
        send("POST", path, body, content_type=kind)


@each("header", ["CONTENT_TYPE", "HTTP_ACCEPT"])
@each("text", ["text/plain; a*=x''b", "application/json;charset*=no''utf-8", LINES["star"]])
@each("path", PATHS)
def test_a_media_type_in_an_unknown_encoding_is_no_5xx(path: str, text: str, header: str) -> None:
    from backend.wsgi import application  # what gunicorn serves

    environ = RequestFactory().post(path).environ | {header: text, "wsgi.input": BytesIO()}
    seen: list[str] = []

    def start(status: str, _headers: Any, _error: Any = None, /) -> Callable[[bytes], object]:
        seen.append(status)
        return len

    answer = application(environ, start)
    assert isinstance(answer, HttpResponseBase)
    answer.close()
    assert seen[0] < "5"
