"""The tests' client: the app's data layer on a real socket, and a few calls that the app never makes."""

from __future__ import annotations

import base64
import itertools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from proofs.phone.app import AuthRepository, InventoryRemote, Order, OrderRemote, Product, Session
from proofs.phone.dio import (
    Connection,
    Dio,
    DioException,
    FormData,
    MultipartFile,
    Response,
    SocketTransport,
    encode_json,
)

_RUN = uuid.uuid4().hex[:10].upper()
_numbers = itertools.count(1)

_JPEG_HEAD = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8"
    "ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/"
    "wAARCAAQABgDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAA"
)
RED_JPEG = base64.b64decode(
    _JPEG_HEAD + "AAT/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFgEBAQEAAAAAAAAAAAAAAAAAAAMF/8QAFBEBAAAAAAAAAAAAAAAAAAAAAP/a"
    "AAwDAQACEQMRAD8AhAQbAAD/2Q=="
)
BLUE_JPEG = base64.b64decode(
    _JPEG_HEAD + "AAX/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFgEBAQEAAAAAAAAAAAAAAAAAAAMF/8QAFBEBAAAAAAAAAAAAAAAAAAAAAP/a"
    "AAwDAQACEQMRAD8AkAN9EAB//9k="
)
"""Two photographs of 24 × 16 pixels."""


def photo(content: bytes = RED_JPEG, filename: str = "scaled_1000000033.jpg") -> MultipartFile:
    """A photo as the app sends it."""
    return MultipartFile(content, filename)


def new_sku(pattern: str = "{}") -> str:
    """A new SKU; ``{}`` in the pattern is replaced by a unique part."""
    return pattern.format(f"{_RUN}{next(_numbers)}")


@dataclass(frozen=True)
class Server:
    """Where the server is, and an account on it. ``username`` is the account's shown name; None if it is not known."""

    url: str
    email: str
    password: str
    username: str | None = None


class CountingTransport(SocketTransport):
    """The real network, counting how many connections were opened."""

    def __init__(self) -> None:
        super().__init__(timeout=30)
        self.opened = 0

    def connect(self, host: str, port: int) -> Connection:
        self.opened += 1
        return super().connect(host, port)


class App:
    """One client: the app's calls, and raw requests with its token."""

    def __init__(self, server: Server, user_agent: str) -> None:
        self.server = server
        self.transport = CountingTransport()
        self.dio = Dio(f"{server.url}/api", self.transport, user_agent)
        self.session = Session()
        self.auth = AuthRepository(self.dio, self.session)
        self.inventory = InventoryRemote(self.dio, self.session)
        self.orders = OrderRemote(self.dio, self.session)

    def log_in(self) -> App:
        """Log in with the server's account and return self."""
        self.auth.login(self.server.email, self.server.password)
        return self

    def send(self, method: str, path: str, data: object = None, content_type: str | None = None) -> Response:
        """A request with the token. Raises DioException for a status outside 2xx."""
        headers = {**self.session.headers, **({"content-type": content_type} if content_type else {})}
        return self.dio.request(method, path, data, headers)

    def refused(self, method: str, path: str, data: object = None, content_type: str | None = None) -> Response:
        """Send a request that must fail with an HTTP status. Returns the answer."""
        with pytest.raises(DioException) as caught:
            self.send(method, path, data, content_type)
        assert caught.value.response is not None, caught.value
        return caught.value.response

    def make_product(self, sku: str | None = None, name: str = "Куртка", quantity: int = 0) -> Product:
        """Create a product with this quantity. Returns it as the list shows it."""
        product = self.inventory.create(name, sku or new_sku())
        if quantity:
            self.inventory.add_stock(product.id, quantity)
        return self.shown(product.id)

    def make_order(self, *wanted: tuple[Product, int], **fields: str) -> Order:
        """Create an order as a manager's program does. Returns it as the app reads it."""
        lines = [{"product": int(product.id), "quantity_to_pick": count} for product, count in wanted]
        body = {"customer_name": "Анна", "lines": lines, **fields}
        made = self.send("POST", "/orders/", body)
        assert made.status == 201
        return self.order(str(made.data["id"]))

    def shown(self, product_id: str) -> Product:
        """A product as the app's list shows it."""
        return next(product for product in self.inventory.products() if product.id == product_id)

    def order(self, order_id: str) -> Order:
        """An order as the app's list shows it."""
        return next(order for order in self.orders.orders() if order.id == order_id)


BODY_KINDS = ("json", "multipart", "multipart-of-newest-dio", "urlencoded")


def body_of(kind: str, fields: Mapping[str, Any]) -> tuple[object, str | None]:
    """A body of one of BODY_KINDS, and its content type; None if the client sets that by itself."""
    if kind == "json":
        return encode_json(dict(fields)), "application/json"
    if kind == "urlencoded":
        return urlencode(dict(fields)).encode(), "application/x-www-form-urlencoded"
    return FormData(fields, part_charset=kind == "multipart"), None
