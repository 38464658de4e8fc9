"""The app's data layer: its calls to the server, and the types that it casts the answers to.

A cast that fails raises :class:`CastError`, as Dart's ``as String`` does; a phone shows a red screen then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from proofs.phone.dio import Dio, DioException, DioExceptionType, FormData, MultipartFile, Response

ORDER_STATUSES = ("open", "inProgress", "picked", "cancelled")
UNKNOWN_CUSTOMER = "N/A"


# --- Dart's casts -------------------------------------------------------------------------------------------


class CastError(TypeError):
    """``type 'X' is not a subtype of type 'Y' in type cast``."""

    def __init__(self, value: object, wanted: str, where: str) -> None:
        super().__init__(f"{where}: {value!r} is not a {wanted}")


def as_string(value: object, where: str = "value") -> str:
    """``value as String``."""
    if not isinstance(value, str):
        raise CastError(value, "String", where)
    return value


def as_string_or_null(value: object, where: str = "value") -> str | None:
    """``value as String?``."""
    return None if value is None else as_string(value, where)


def as_int(value: object, where: str = "value") -> int:
    """``value as int``: ``true``, ``5.0`` and ``"5"`` are refused."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise CastError(value, "int", where)
    return value


def as_map(value: object, where: str = "value") -> dict[str, Any]:
    """``value as Map<String, dynamic>``."""
    if not isinstance(value, dict):
        raise CastError(value, "Map<String, dynamic>", where)
    return value


def as_list(value: object, where: str = "value") -> list[Any]:
    """``value as List``."""
    if not isinstance(value, list):
        raise CastError(value, "List<dynamic>", where)
    return value


def as_id(value: object, where: str = "id") -> str:
    """``value.toString()`` of an id: any scalar is accepted; null, maps and lists would make a useless URL."""
    if value is None or isinstance(value, (dict, list)):
        raise CastError(value, "scalar", where)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def int_try_parse(text: str) -> int | None:
    """Dart's ``int.tryParse``, for decimal text."""
    return int(text) if re.fullmatch(r"\s*[+-]?\d+\s*", text, re.ASCII) else None


# --- the app's data -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class User:
    """The logged-in user; ``username`` is the name on the home screen."""

    id: str
    username: str
    email: str

    @classmethod
    def from_json(cls, data: object) -> User:
        """Read the server's JSON. Raises CastError."""
        fields = as_map(data, "user")
        return cls(
            as_id(fields.get("id"), "user.id"),
            as_string(fields.get("username"), "user.username"),
            as_string(fields.get("email"), "user.email"),
        )


@dataclass(frozen=True)
class Product:
    """A product in the app. Its id is text: a UUID of the phone until the product has been sent."""

    id: str
    name: str
    sku: str
    quantity: int
    location: str | None = None
    image_url: str | None = None
    thumbnail_url: str | None = None

    @classmethod
    def from_json(cls, data: object) -> Product:
        """Read the server's JSON. Raises CastError."""
        fields = as_map(data, "product")
        return cls(
            as_id(fields.get("id"), "product.id"),
            as_string(fields.get("name"), "product.name"),
            as_string(fields.get("sku"), "product.sku"),
            as_int(fields.get("quantity"), "product.quantity"),
            as_string_or_null(fields.get("location"), "product.location"),
            as_string_or_null(fields.get("image_url"), "product.image_url"),
            as_string_or_null(fields.get("thumbnail_url"), "product.thumbnail_url"),
        )

    def to_json(self) -> dict[str, Any]:
        """The body of an update. The thumbnail is never sent."""
        return {
            "id": self.id,
            "name": self.name,
            "sku": self.sku,
            "quantity": self.quantity,
            "location": self.location,
            "image_url": self.image_url,
            "thumbnail_url": None,
        }

    @property
    def has_local_image(self) -> bool:
        """Whether the image is a file on the phone: anything that doesn't begin with ``http``."""
        return bool(self.image_url) and not str(self.image_url).startswith("http")


@dataclass(frozen=True)
class LineProduct:
    """The product inside an order line."""

    id: str
    name: str
    sku: str
    location: str | None
    image_url: str | None

    @classmethod
    def from_json(cls, data: object) -> LineProduct:
        """Read the server's JSON. Raises CastError."""
        fields = as_map(data, "line.product")
        return cls(
            as_id(fields.get("id"), "line.product.id"),
            as_string(fields.get("name"), "line.product.name"),
            as_string(fields.get("sku"), "line.product.sku"),
            as_string_or_null(fields.get("location"), "line.product.location"),
            as_string_or_null(fields.get("image_url"), "line.product.image_url"),
        )


@dataclass(frozen=True)
class OrderLine:
    """One line of an order: how many to pick, how many are picked."""

    product: LineProduct
    quantity_to_pick: int
    quantity_picked: int

    @classmethod
    def from_json(cls, data: object) -> OrderLine:
        """Read the server's JSON. Raises CastError."""
        fields = as_map(data, "line")
        return cls(
            LineProduct.from_json(fields.get("product")),
            as_int(fields.get("quantity_to_pick"), "line.quantity_to_pick"),
            as_int(fields.get("quantity_picked"), "line.quantity_picked"),
        )

    def to_json(self) -> dict[str, Any]:
        """The line in an order's update; the product is its integer id."""
        return {
            "product": int_try_parse(self.product.id),
            "quantity_to_pick": self.quantity_to_pick,
            "quantity_picked": self.quantity_picked,
        }


@dataclass(frozen=True)
class Order:
    """A customer's order."""

    id: str
    customer_name: str
    status: str
    lines: tuple[OrderLine, ...]

    @classmethod
    def from_json(cls, data: object) -> Order:
        """Read the server's JSON. Raises CastError, also for a status that the app has no name for."""
        fields = as_map(data, "order")
        status = as_string(fields.get("status"), "order.status")
        if status not in ORDER_STATUSES:
            raise CastError(status, "OrderStatus", "order.status")
        return cls(
            as_id(fields.get("id"), "order.id"),
            as_string(fields.get("customer_name"), "order.customer_name"),
            status,
            tuple(OrderLine.from_json(line) for line in as_list(fields.get("lines"), "order.lines")),
        )

    def to_json(self) -> dict[str, Any]:
        """The body of an update."""
        return {
            "customer_name": self.customer_name,
            "status": self.status,
            "lines": [line.to_json() for line in self.lines],
        }

    def picked_in_full(self) -> Order:
        """The order as it is when "finish" is pressed: that button needs every line picked in full."""
        lines = tuple(replace(line, quantity_picked=line.quantity_to_pick) for line in self.lines)
        return replace(self, status="picked", lines=lines)


# --- the app's errors --------------------------------------------------------------------------------------


class AuthException(Exception):
    """A refused login: ``Invalid credentials``, or the text of a broken server."""


class LoggedOut(Exception):
    """The user could not be read: the app shows the login screen."""


class SkuTaken(Exception):
    """400 with a JSON object that has the key ``sku``."""


class NotFound(Exception):
    """The SKU or the product is not on the server."""


# --- the calls ----------------------------------------------------------------------------------------------


class Session:
    """The token that the app has stored; guest mode keeps it. Without a token the app sends ``Token null``."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every call but the login and the error log."""
        return {"authorization": f"Token {'null' if self.token is None else self.token}"}


class AuthRepository:
    """Logging in, and reading the logged-in user."""

    def __init__(self, dio: Dio, session: Session) -> None:
        self.dio = dio
        self.session = session

    def login(self, email: str, password: str) -> str:
        """Log in. Returns the token, which is also kept in the session.

        Raises:
            AuthException: ``Invalid credentials`` on a 401, ``Server error`` on anything else.
        """
        try:
            response = self.dio.request("POST", "/auth/token/", {"email": email, "password": password})
        except DioException as error:
            text = "Invalid credentials" if error.status == 401 else "Server error"
            raise AuthException(text) from error
        token = as_string(as_map(response.data).get("token"), "token")
        self.session.token = token
        return token

    def me(self) -> User:
        """Fetch the logged-in user. Raises LoggedOut on any error; the token stays on the phone."""
        try:
            return User.from_json(self.dio.get("/users/me/", self.session.headers).data)
        except (DioException, CastError) as error:
            raise LoggedOut(str(error)) from error


class InventoryRemote:
    """Products on the server."""

    def __init__(self, dio: Dio, session: Session) -> None:
        self.dio = dio
        self.session = session

    def products(self) -> list[Product]:
        """The whole list. Raises DioException, CastError."""
        response = self.dio.get("/products/", self.session.headers)
        return [Product.from_json(item) for item in as_list(response.data, "products")]

    def by_sku(self, sku: str) -> Product | None:
        """The first product of the answer, or None if the answer is empty. The SKU goes into the URL as scanned."""
        response = self.dio.get(f"/products/?sku={sku}", self.session.headers)
        found = as_list(response.data, "products by sku")
        return Product.from_json(found[0]) if found else None

    def create(self, name: str, sku: str, location: str | None = None, image: MultipartFile | None = None) -> Product:
        """Create with quantity 0. Raises SkuTaken, DioException, CastError."""
        fields: dict[str, Any] = {"name": name, "sku": sku, "quantity": "0"}
        if location is not None:
            fields["location"] = location
        if image is not None:
            fields["image"] = image
        try:
            response = self._send("POST", "/products/", FormData(fields))
        except DioException as error:
            if error.status == 400 and error.response and "sku" in _object(error.response.data):
                raise SkuTaken(sku) from error
            raise
        return Product.from_json(response.data)

    def update(self, product: Product) -> None:
        """PUT the whole product as it is shown. Raises DioException."""
        self._send("PUT", f"/products/{product.id}/", product.to_json())

    def delete(self, product_id: str) -> None:
        """Delete. Raises DioException."""
        self._send("DELETE", f"/products/{product_id}/")

    def add_stock(self, product_id: str, quantity: int) -> None:
        """Add to the stock. Raises NotFound on a 404, else DioException."""
        try:
            self._send("POST", f"/products/{product_id}/add_stock/", {"quantity": quantity})
        except DioException as error:
            if error.status == 404:
                raise NotFound(product_id) from error
            raise

    def upload_image(self, product_id: str, image: MultipartFile) -> Product:
        """Give the product another photo. Raises DioException, CastError."""
        response = self._send("POST", f"/products/{product_id}/upload_image/", FormData({"image": image}))
        return Product.from_json(response.data)

    def _send(self, method: str, path: str, data: object = None) -> Response:
        return self.dio.request(method, path, data, self.session.headers)


class OrderRemote:
    """Orders on the server."""

    def __init__(self, dio: Dio, session: Session) -> None:
        self.dio = dio
        self.session = session

    def orders(self) -> list[Order]:
        """All orders. Raises DioException, CastError."""
        response = self.dio.get("/orders/", self.session.headers)
        return [Order.from_json(item) for item in as_list(response.data, "orders")]

    def update(self, order: Order) -> None:
        """PUT the order. Raises DioException."""
        self.dio.request("PUT", f"/orders/{order.id}/", order.to_json(), self.session.headers)


def log_client_error(dio: Dio, message: str) -> None:
    """Report an error of the app to ``/log-client-error``, outside the API: no token, no trailing slash.

    Raises:
        DioException: on any failure, a redirect included.
    """
    root = urlsplit(dio.base_url)
    response = dio.request("POST", f"{root.scheme}://{root.netloc}/log-client-error", {"message": message})
    if response.redirects:
        raise DioException(DioExceptionType.BAD_RESPONSE, "redirected", response)


def _object(data: object) -> Mapping[str, Any]:
    return data if isinstance(data, dict) else {}
