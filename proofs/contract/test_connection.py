"""One kept-alive connection carries many requests, also after errors, and each gets its own answer."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from proofs.contract.client import App, Server, new_sku, photo
from proofs.phone.dio import DioException, FormData


def test_many_requests_share_one_connection(app: App) -> None:
    product = app.make_product(quantity=1)
    app.inventory.upload_image(product.id, photo())
    app.inventory.update(app.shown(product.id))
    app.orders.orders()
    app.inventory.delete(product.id)
    app.auth.me()
    assert app.transport.opened == 1


def test_after_an_error_the_next_request_on_the_connection_gets_its_own_answer(guest: App, server: Server) -> None:
    with pytest.raises(DioException):
        guest.dio.request("POST", "/auth/token/", {"email": "nobody@example.com", "password": "x"})
    guest.log_in()
    sku = new_sku()
    product = guest.make_product(sku)
    assert guest.refused("POST", "/products/", FormData({"name": "N", "quantity": "0"})).status == 400
    assert guest.inventory.by_sku(sku) == product
    assert guest.refused("GET", "/no-such-page/").status == 404
    assert guest.inventory.by_sku(sku) == product
    assert guest.refused("POST", f"/products/{product.id}/add_stock/", {"quantity": "x"}).status == 400
    assert guest.inventory.by_sku(sku) == product
    assert guest.refused("POST", "/users/me/", {}).status == 405
    assert guest.auth.me().email == server.email
    assert guest.transport.opened == 1


@pytest.mark.parametrize("size", [3 * 2**20, 11 * 2**20])
def test_a_body_too_large_is_refused_and_the_next_request_works(app: App, size: int) -> None:
    product = app.make_product()
    body = b'{"quantity": 1, "padding": "' + b"x" * size + b'"}'
    assert app.refused("POST", f"/products/{product.id}/add_stock/", body, "application/json").status in (
        400,
        413,
    )
    assert app.inventory.by_sku(product.sku) == product


def test_an_image_of_21_megabytes_is_refused_and_the_next_request_works(app: App) -> None:
    product = app.make_product()
    form = FormData({"image": photo(b"\xff\xd8" + b"\x00" * (21 * 2**20))})
    assert app.refused("POST", f"/products/{product.id}/upload_image/", form).status in (400, 413)
    assert app.inventory.by_sku(product.sku) == product


def test_a_body_sent_to_a_page_that_does_not_exist_is_not_read_as_the_next_request(app: App) -> None:
    assert app.refused("POST", "/no-such-page/", {"text": "GET / HTTP/1.1\r\n\r\n" * 50}).status == 404
    assert app.auth.me().email == app.server.email


def test_a_request_that_arrives_in_pieces_is_understood(app: App, server: Server) -> None:
    product = app.make_product()
    parts = urlsplit(server.url)
    body = b'{"quantity":3}'
    head = (
        f"POST /api/products/{product.id}/add_stock/ HTTP/1.1\r\nuser-agent: Dart/3.5 (dart:io)\r\n"
        f"content-type: application/json\r\naccept-encoding: gzip\r\ncontent-length: {len(body)}\r\n"
        f"authorization: Token {app.session.token}\r\nhost: {parts.netloc}\r\n\r\n"
    ).encode()
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (head[:20], head[20:150], head[150:] + body[:5], body[5:]):
            raw.sendall(piece)
        answer = raw.recv(65536)
    assert answer.split(b" ")[1].startswith(b"2")
    assert app.shown(product.id).quantity == 3


def break_off(app: App, path: str, content_type: str, body: bytes, missing: int) -> bytes:
    """Send a POST without its last `missing` bytes. Returns all that the server answers."""
    parts = urlsplit(app.server.url)
    head = (
        f"POST /api{path} HTTP/1.1\r\nuser-agent: Dart/3.5 (dart:io)\r\ncontent-type: {content_type}\r\n"
        f"content-length: {len(body) + missing}\r\nauthorization: Token {app.session.token}\r\n"
        f"host: {parts.netloc}\r\n\r\n"
    ).encode()
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30) as raw:
        raw.sendall(head + body)
        raw.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: raw.recv(65536), b""))


def test_json_that_breaks_off_changes_nothing_even_if_it_happens_to_be_complete(app: App) -> None:
    product = app.make_product()
    answer = break_off(app, f"/products/{product.id}/add_stock/", "application/json", b'{"quantity":3}', 86)
    assert b" 200 " not in answer[:16]
    assert app.shown(product.id) == product


@pytest.mark.parametrize("missing", [2, 30, 400])
def test_a_form_that_breaks_off_makes_no_product(app: App, missing: int) -> None:
    sku = new_sku()
    form = FormData({"name": "N", "sku": sku, "quantity": "0", "image": photo()})
    body = form.to_bytes()[:-missing]
    answer = break_off(app, "/products/", form.content_type, body, missing)
    assert b" 201 " not in answer[:16]
    assert sku not in [product.sku for product in app.inventory.products()]
