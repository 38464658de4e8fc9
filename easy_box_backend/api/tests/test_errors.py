"""Every error has the same body: code, detail, facts, retryable, and messages by field name. No input is a 5xx."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import UnreadablePostError
from rest_framework.test import APIClient

from api.models import Product
from api.tests.calls import Caller, check_error
from api.tests.cases import each
from api.tests.conftest import MakeProduct
from api.tests.examples import some

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
PRODUCTS = "/api/products/"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("path", ["/api/", "/api/nowhere/", "/nowhere", "/api/products//", "/api/products/1/nothing/",
                                  "/%00", "/%ED%A0%80", "/" + "x" * 5000, "/api/products/1/add_stock", "/.env",
                                  "/api/%2e%2e/", "/api/products/a/b/c/"])  # fmt: skip
def test_an_unknown_address_is_404_for_everybody(guest: APIClient, picker: Caller, path: str) -> None:
    for client in (guest, picker):
        check_error(client.get(path), 404, "not_found")
        check_error(client.post(path, {}), 404, "not_found")


def test_another_media_type_is_415(picker: Caller) -> None:
    for kind in ("text/plain", "application/xml", "application/octet-stream", "image/jpeg", "nonsense", "a/b/c", ";"):
        answer = picker.generic("POST", PRODUCTS, b"<a/>", content_type=kind)
        check_error(answer, 415, "unsupported_media_type")


def test_an_accept_header_for_another_media_type_is_ignored(picker: Caller) -> None:
    for accept in ("text/html", "image/png", "nonsense", "*/*;q=0", "", "application/xml", "\x00", "a" * 5000):
        answer = picker.get(PRODUCTS, headers={"Accept": accept})
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("host", ["evil.example.com", "a b", "<script>", "x" * 300, "", "[::1", "a,b", "a@b", "фыва"])
def test_a_host_that_is_not_ours_is_400(guest: APIClient, settings: Any, host: str) -> None:
    settings.ALLOWED_HOSTS = ["box.example.com"]
    answer = guest.get("/api/health/", HTTP_HOST=host.encode().decode("latin-1"))
    check_error(answer, 400, "bad_request")
    assert host not in answer.content.decode() or not host


def test_a_server_error_is_500_in_the_same_shape_without_details(
    picker: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_args: Any, **_kwargs: Any) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("api.views.lists.products_matching", fault)
    picker.raise_request_exception = False
    answer = picker.get(PRODUCTS, {"limit": "1"})
    assert check_error(answer, 500, "server_error")["retryable"] is True
    assert b"secret" not in answer.content


@pytest.mark.parametrize("language", ["xx", "", "\x00", "ru;q=x", "a" * 5000, "*", "de-AT-1996", "zh-Hans"])
def test_an_invalid_accept_language_is_ignored(picker: Caller, language: str) -> None:
    assert picker.get(PRODUCTS, headers={"Accept-Language": language}).status_code == 200


# --- JSON ---------------------------------------------------------------------------------------------------------
@each(
    "body",
    [b"{", b"[]", b"null", b"1", b'"x"', b"NaN", b'{"sku": NaN}', b'{"sku": Infinity}', b"{'sku': 1}", b"\xff\xfe",
     b"\xef\xbb\xbf{", b'{"sku":"\xed\xa0\x80","name":"x"}', b"[" * 100_000,
     b'{"a":' * 100_000, b'{"a":[' * 50_000 + b"]}" * 50_000, b'{"sku":1}x', b'{"quantity":1e999}', b"\x00",
     b'{"sku": "a", "name": "b", "quantity": 1' + b"0" * 5000 + b"}", '{"sku":"x"}'.encode("utf-16")],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_400(picker: Caller, body: bytes) -> None:
    check_error(picker.generic("POST", PRODUCTS, body, content_type="application/json"), 400)
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"box \ud83d", "box \ufffd"), (r"\ude00 box", "\ufffd box"), (r"\uD83D\uDE00", "😀"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\ud83d\n\u00e9", "\ufffd\né"), (r"\\ud83d \ud83d", "\\ud83d \ufffd"), (r"\ud83d\\", "\ufffd\\"),
        (r"\uD83D\u0041", "\ufffdA"), (r"\"\udfff", '"\ufffd'),
    ],
)  # fmt: skip
def test_half_a_surrogate_pair_is_read_as_the_replacement_character(picker: Caller, written: str, read: str) -> None:
    """A phone that cuts a text at a number of UTF-16 units can cut a surrogate pair, such as an emoji, in two."""
    body = '{"sku":"A","name":"' + written + '"}'
    answer = picker.generic("POST", PRODUCTS, body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["name"] == read


def test_a_huge_body_of_half_surrogate_pairs_is_read_quickly() -> None:
    from time import process_time

    from api.rest import requests

    began = process_time()
    for unit in (r"\ud83d", "\\\\", r"\ud83d\ude00"):
        text = '{"a":"' + unit * 300_000 + r'\ud83d"}'
        assert requests.load(text)["a"].endswith("\ufffd")
    assert process_time() - began < 5


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "utf-16", "rot13", "zlib", "nonsense", "undefined", ""])
def test_json_is_read_as_utf_8_with_any_declared_charset(picker: Caller, charset: str) -> None:
    body = json.dumps({"sku": "Арт", "name": "Я"}, ensure_ascii=False).encode()
    answer = picker.generic("POST", PRODUCTS, body, content_type=f"application/json; charset={charset}")
    assert answer.status_code == 201, answer.content
    assert answer.json()["sku"] == "Арт"


@each("charset", ["utf-8", "latin-1", "utf-16", "rot13", "zlib", "nonsense", "idna", "undefined"])
@each("kind", [FORM, "multipart/form-data; boundary=b"])
def test_a_form_with_a_strange_charset_is_read_as_utf_8_or_400(picker: Caller, charset: str, kind: str) -> None:
    body = "sku=%D0%90&name=x" if kind == FORM else multipart(("sku", "А"), ("name", "x"))
    answer = picker.generic("POST", PRODUCTS, body, content_type=f"{kind}; charset={charset}")
    if answer.status_code != 201:
        check_error(answer, 400)


def test_ten_megabytes_of_json_are_413(picker: Caller) -> None:
    for body in (b'{"sku":"' + b"x" * 10_000_000 + b'"}', b"[" + b"1," * 5_000_000 + b"1]", b" " * 10_000_000):
        answer = picker.generic("POST", PRODUCTS, body, content_type="application/json")
        assert check_error(answer, 413, "too_large")["facts"] == {"limit_bytes": 2 * 1024 * 1024}


# --- Forms --------------------------------------------------------------------------------------------------------
def multipart(*fields: tuple[str, str]) -> bytes:
    parts = [f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields]
    return ("".join(parts) + "--b--\r\n").encode()


GOOD = multipart(("sku", "A"), ("name", "A"))


@each(
    "body",
    [
        b"", b"nonsense", b"--b", b"--b--", b"--b\r\n", GOOD[:40],
        GOOD.replace(b'name="sku"', b""), GOOD.replace(b'"sku"', b'"\x00"'), GOOD.replace(b"sku", b"\xff\xfe"),
        GOOD.replace(b"\r\n", b"\n"), multipart(("sku", "\x00"), ("name", "x")), b"--b\r\n" * 10_000,
        b'--b\r\ncontent-disposition: form-data; name="image"; filename="../../etc/passwd"\r\n\r\nx\r\n--b--\r\n',
        b'--b\r\ncontent-disposition: form-data; name="image"; filename="\x00"\r\n\r\nx\r\n--b--\r\n',
        b'--b\r\ncontent-disposition: form-data; name="image"; filename="x"\r\n'
        b"content-transfer-encoding: base64\r\n\r\n!!!!\r\n--b--\r\n",
        b"--b\r\n" + b"x-header: y\r\n" * 5000 + b"\r\n\r\n--b--\r\n",
    ],
)  # fmt: skip
def test_a_malformed_form_is_400_and_makes_nothing(picker: Caller, body: bytes) -> None:
    check_error(picker.generic("POST", PRODUCTS, body, content_type="multipart/form-data; boundary=b"), 400)
    assert not Product.objects.exists()


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "b" * 500, "; boundary=\x00", "; boundary=ы",
                                      "; boundary=\xff", '; boundary="', "; boundary=b; boundary=c"])  # fmt: skip
def test_a_strange_boundary_is_400_or_415(picker: Caller, boundary: str) -> None:
    kind = f"multipart/form-data{boundary}".encode().decode("latin-1")
    answer = picker.generic("POST", PRODUCTS, GOOD, content_type=kind)
    check_error(answer, 415 if answer.status_code == 415 else 400)


def test_too_many_fields_or_files_are_400_and_too_much_text_is_413(picker: Caller) -> None:
    many = multipart(*[(f"f{n}", "x") for n in range(1001)])
    check_error(picker.generic("POST", PRODUCTS, many, content_type="multipart/form-data; boundary=b"), 400)
    files = b"".join(
        f'--b\r\ncontent-disposition: form-data; name="f{n}"; filename="f"\r\n\r\nx\r\n'.encode() for n in range(11)
    )
    check_error(
        picker.generic("POST", PRODUCTS, files + b"--b--\r\n", content_type="multipart/form-data; boundary=b"), 400
    )
    check_error(picker.generic("POST", PRODUCTS, "&".join(f"f{n}=x" for n in range(1001)), content_type=FORM), 400)
    long = multipart(("sku", "x" * 3_000_000))
    check_error(picker.generic("POST", PRODUCTS, long, content_type="multipart/form-data; boundary=b"), 413)
    check_error(picker.generic("POST", PRODUCTS, "sku=" + "x" * 10_000_000, content_type=FORM), 413, "too_large")


def test_a_field_given_twice_is_no_5xx(picker: Caller) -> None:
    answer = picker.generic("POST", PRODUCTS, "sku=A&sku=B&name=x", content_type=FORM)
    assert answer.status_code == 201


def test_a_request_whose_body_breaks_off_is_400(picker: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> bytes:
        raise UnreadablePostError("reset by peer")

    monkeypatch.setattr("django.core.handlers.wsgi.WSGIRequest.read", broken)
    for kind in ("application/json", FORM):
        check_error(picker.generic("POST", PRODUCTS, b'{"sku":"A","name":"A"}', content_type=kind), 400, "parse_error")


# --- Headers and queries ------------------------------------------------------------------------------------------
@each("header", ["USER_AGENT", "IF_NONE_MATCH", "IF_MATCH", "ACCEPT", "ACCEPT_LANGUAGE", "COOKIE",
                                    "X_FORWARDED_FOR", "X_FORWARDED_PROTO", "REFERER", "RANGE", "ORIGIN",
                                    "X_REQUEST_ID", "IDEMPOTENCY_KEY"])  # fmt: skip
def test_a_strange_header_is_no_5xx(picker: Caller, make_product: MakeProduct, settings: Any, header: str) -> None:
    settings.TRUSTED_PROXIES = 2
    picker.raise_request_exception = False
    product = make_product(quantity=1)
    login = {"email": "picker@example.com", "password": "x"}
    for value in some(("\x00", "ÿþ", "x" * 20_000, "", ",,,", '"', "%00", "-1", "🙂"), header):
        extra = {f"HTTP_{header}": value.encode().decode("latin-1")}
        for method, path, body in (
            ("get", PRODUCTS, None),
            ("patch", f"{PRODUCTS}{product.pk}/", {"name": "x"}),
            ("post", "/api/auth/token/", login),
            ("post", "/log-client-error", {"message": "x"}),
        ):
            assert getattr(picker, method)(path, body, **extra).status_code < 500, (path, value[:20])


@each("query", ["%00", "%", "%ED%A0%80=%ED%A0%80", "a=" * 2000, "&" * 500, "=", "sku", "sku[]=1",
                                   "limit=1&limit=2", "\xff\xfe", "limit=%F0%9F%93%A6", ";"])  # fmt: skip
def test_a_strange_query_is_no_5xx(picker: Caller, query: str) -> None:
    picker.raise_request_exception = False
    for path in (PRODUCTS, "/api/orders/", "/api/movements/", "/api/auth/devices/", "/api/schema/", "/api/health/"):
        answer = picker.get(path, QUERY_STRING=query)
        assert answer.status_code < 500, path
        if answer.status_code >= 400:
            check_error(answer, answer.status_code)
