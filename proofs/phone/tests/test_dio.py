"""The port of Dio puts the right bytes on the wire and reads answers as dart:io does."""

from __future__ import annotations

import gzip
import random
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from proofs.phone.dio import (
    Connection,
    Dio,
    DioException,
    DioExceptionType,
    ExchangeTransport,
    FormData,
    MultipartFile,
    SocketTransport,
    encode_json,
    resolve,
)


@dataclass
class Wire:
    """A network that keeps the requests and takes its answers from a list."""

    answers: list[bytes]
    sent: list[bytes] = field(default_factory=list)
    opened: int = 0

    def connect(self, host: str, port: int) -> Connection:
        self.opened += 1
        return ExchangeTransport(self._exchange).connect(host, port)

    def _exchange(self, request: bytes) -> bytes:
        self.sent.append(request)
        return self.answers.pop(0)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n[]"


def dio_with(*answers: bytes) -> tuple[Dio, Wire]:
    wire = Wire(list(answers))
    return Dio("http://192.168.1.5:8000/api", wire), wire


def test_a_post_of_json_has_exactly_the_bytes_of_dio() -> None:
    dio, wire = dio_with(OK)
    dio.request("POST", "/auth/token/", {"email": "a@b.c", "password": "пароль"})
    assert wire.sent == [
        b"POST /api/auth/token/ HTTP/1.1\r\n"
        b"user-agent: Dart/3.5 (dart:io)\r\n"
        b"content-type: application/json\r\n"
        b"accept-encoding: gzip\r\n"
        b"content-length: 43\r\n"
        b"host: 192.168.1.5:8000\r\n"
        b"\r\n" + '{"email":"a@b.c","password":"пароль"}'.encode()
    ]


def test_a_get_has_no_length_and_authorization_stands_before_host() -> None:
    dio, wire = dio_with(OK)
    dio.get("/products/", {"Authorization": "Token null"})
    assert wire.sent == [
        b"GET /api/products/ HTTP/1.1\r\nuser-agent: Dart/3.5 (dart:io)\r\naccept-encoding: gzip\r\n"
        b"authorization: Token null\r\nhost: 192.168.1.5:8000\r\n\r\n"
    ]


def test_port_80_is_not_in_the_host_header() -> None:
    assert resolve("http://warehouse/api", "/x/").host_header == "warehouse"


def test_a_delete_has_neither_body_nor_length() -> None:
    dio, wire = dio_with(b"HTTP/1.1 204 No Content\r\n\r\n")
    dio.request("DELETE", "/products/1/")
    assert b"content-length" not in wire.sent[0]
    assert b"transfer-encoding" not in wire.sent[0]


def test_a_form_has_its_fields_first_and_a_cyrillic_value_has_a_charset() -> None:
    photo = MultipartFile(b"\xff\xd8\x00", 'фото "1".jpg')
    form = FormData({"image": photo, "name": "Куртка", "sku": "A-1", "quantity": 0}, random.Random(1))
    boundary = form.boundary
    assert boundary.startswith("--dio-boundary-")
    assert len(boundary) == len("--dio-boundary-") + 10
    assert form.content_type == f"multipart/form-data; boundary={boundary}"
    assert (
        form.to_bytes()
        == (
            f"--{boundary}\r\n"
            'content-disposition: form-data; name="name"\r\n'
            "content-type: text/plain; charset=utf-8\r\n"
            "content-transfer-encoding: binary\r\n"
            "\r\n"
            "Куртка\r\n"
            f"--{boundary}\r\n"
            'content-disposition: form-data; name="sku"\r\n'
            "\r\n"
            "A-1\r\n"
            f"--{boundary}\r\n"
            'content-disposition: form-data; name="quantity"\r\n'
            "\r\n"
            "0\r\n"
            f"--{boundary}\r\n"
            'content-disposition: form-data; name="image"; filename="фото %221%22.jpg"\r\n'
            "content-type: application/octet-stream\r\n"
            "\r\n"
        ).encode()
        + b"\xff\xd8\x00\r\n"
        + f"--{boundary}--\r\n".encode()
    )


def test_a_new_dio_sends_the_bare_value_and_guesses_a_files_type() -> None:
    form = FormData({"name": "Куртка", "image": MultipartFile.guessed(b"x", "a.jpg")}, part_charset=False)
    assert b"charset" not in form.to_bytes()
    assert b"content-type: image/jpeg" in form.to_bytes()


def test_json_is_compact_and_keeps_cyrillic() -> None:
    assert encode_json({"a": "я\n", "b": None, "c": [1, True]}) == ('{"a":"я\\n","b":null,"c":[1,true]}'.encode())


@pytest.mark.parametrize(
    ("sku", "sent"),
    [
        ("A+1", "A+1"),
        ("A 1", "A%201"),
        ("A/1.2-3", "A/1.2-3"),
        ("Шапка", "%D0%A8%D0%B0%D0%BF%D0%BA%D0%B0"),
        ("100%", "100%25"),
        ("%41%2f%20", "A%2F%20"),
        ("a[1]|", "a%5B1%5D%7C"),
        ("what?", "what?"),
        ("a//b", "a/b"),  # Dio's clean-up of double slashes reaches the query
        ("a#b", "a"),  # the rest is a fragment and never leaves the phone
        ("a&b", "a&b"),
        ("..", ".."),
    ],
)
def test_a_sku_goes_into_the_query_as_scanned(sku: str, sent: str) -> None:
    assert resolve("http://warehouse/api", f"/products/?sku={sku}").target == f"/api/products/?sku={sent}"


def test_a_gzipped_answer_is_unpacked() -> None:
    packed = gzip.compress(b'[{"id": 1}]')
    head = f"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}"
    dio, _ = dio_with(b"HTTP/1.1 200 OK\r\n" + head.encode() + b"\r\n\r\n" + packed)
    assert dio.get("/products/").data == [{"id": 1}]


def test_a_chunked_answer_is_put_together() -> None:
    dio, _ = dio_with(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n[1\r\n3;x=y\r\n,2]\r\n0\r\n\r\n"
    )
    assert dio.get("/products/").data == [1, 2]


def test_every_status_outside_2xx_is_an_error_with_its_body() -> None:
    dio, _ = dio_with(OK.replace(b"200", b"400").replace(b"Length: 2", b"Length: 10").replace(b"[]", b'{"sku":[]}'))
    with pytest.raises(DioException) as caught:
        dio.request("POST", "/products/", {})
    assert caught.value.kind is DioExceptionType.BAD_RESPONSE
    assert caught.value.status == 400
    assert caught.value.response is not None
    assert caught.value.response.data == {"sku": []}


def test_a_get_follows_a_redirect_and_a_post_does_not() -> None:
    moved = b"HTTP/1.1 301 X\r\nLocation: /api/b/\r\nContent-Length: 0\r\n\r\n"
    dio, wire = dio_with(moved, OK, moved)
    assert dio.get("/a/", {"authorization": "Token t"}).data == []
    assert wire.sent[1].startswith(b"GET /api/b/ HTTP/1.1\r\n")
    assert b"authorization: Token t" in wire.sent[1]
    with pytest.raises(DioException) as caught:
        dio.request("POST", "/a/", {})
    assert caught.value.status == 301


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", DioExceptionType.CONNECTION_ERROR),
        (b"HTTP/1.1 200 OK\r\nConte", DioExceptionType.CONNECTION_ERROR),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[", DioExceptionType.UNKNOWN),
        (OK.replace(b"[]", b"[,"), DioExceptionType.UNKNOWN),
        (b"nonsense\r\n\r\n", DioExceptionType.UNKNOWN),
    ],
)
def test_a_broken_answer_is_a_failure_and_the_request_is_not_repeated(answer: bytes, kind: DioExceptionType) -> None:
    dio, wire = dio_with(answer)
    with pytest.raises(DioException) as caught:
        dio.get("/products/")
    assert caught.value.kind is kind
    assert len(wire.sent) == 1


def test_a_connection_is_kept_also_after_errors() -> None:
    refused = b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"
    dio, wire = dio_with(OK, refused, OK)
    dio.get("/a/")
    with pytest.raises(DioException):
        dio.get("/b/")
    dio.get("/c/")
    assert wire.opened == 1


def test_a_connection_is_not_kept_when_the_server_says_close() -> None:
    dio, wire = dio_with(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), OK)
    dio.get("/a/")
    dio.get("/b/")
    assert wire.opened == 2


def test_a_connection_idle_for_15_seconds_is_not_used_again() -> None:
    now = [0.0]
    wire = Wire([OK, OK, OK])
    dio = Dio("http://warehouse/api", wire, clock=lambda: now[0])
    dio.get("/a/")
    now[0] = 14.9
    dio.get("/b/")
    assert wire.opened == 1
    now[0] = 30.0
    dio.get("/c/")
    assert wire.opened == 2


def serve(handle: Callable[[socket.socket], None], times: int) -> int:
    """Start a server on a real port that handles `times` connections. Returns the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        for _ in range(times):
            connection, _ = listener.accept()
            with connection:
                handle(connection)
        listener.close()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def test_a_connection_that_the_server_closed_while_idle_is_replaced() -> None:
    closed = threading.Event()

    def answer_once(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    port = serve(answer_once, times=2)
    dio = Dio(f"http://127.0.0.1:{port}", SocketTransport(timeout=60))
    dio.get("/a/")
    assert closed.wait(60)
    dio.get("/b/")


def test_no_server_is_a_connection_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DioException) as caught:
        Dio(f"http://127.0.0.1:{port}", SocketTransport(timeout=60)).get("/a/")
    assert caught.value.kind is DioExceptionType.CONNECTION_ERROR
