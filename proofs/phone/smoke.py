"""Makes every call of the app once, to check that a server works: `python -m proofs.phone.smoke`. It writes data.

The password is read from the variable TRIAL_PASSWORD.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import time
from urllib.parse import urlsplit

from proofs.phone.app import AuthRepository, InventoryRemote, OrderRemote, Product, Session, as_map, log_client_error
from proofs.phone.dio import Connection, Dio, DioException, MultipartFile, SocketTransport

TIMEOUT_SECONDS = 30.0
PATIENCE_SECONDS = 15.0
PHOTO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC"
)
"""A picture of 8 × 8 pixels."""


class WrongAnswer(Exception):
    """An answer of the server is not the expected one."""


class FixedAddressTransport(SocketTransport):
    """Connects to one address, whatever host the URL names."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(timeout=TIMEOUT_SECONDS)
        self.address = host, port

    def connect(self, host: str, port: int) -> Connection:
        return super().connect(*self.address)


def expect(found: object, wanted: object, what: str) -> None:
    """Raises WrongAnswer unless both are equal. what: what was compared, for the message."""
    if found != wanted:
        raise WrongAnswer(f"{what} is {found!r}, not {wanted!r}")


def version(dio: Dio) -> object:
    """The release that the server reports. Retries for PATIENCE_SECONDS, since a proxy that was started together with
    the server may not reach it yet."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return as_map(dio.get("/health/").data).get("version")
        except (DioException, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.3)


def app_calls(dio: Dio, email: str, password: str, photo: MultipartFile) -> None:
    """Make every call of the app and check the answers. Raises the app's own errors, or WrongAnswer."""
    session = Session()
    auth, inventory, orders = (
        AuthRepository(dio, session),
        InventoryRemote(dio, session),
        OrderRemote(dio, session),
    )
    auth.login(email, password)
    expect(auth.me().email, email, "the person")

    product = inventory.create("Куртка", f"TRIAL-{secrets.token_hex(5).upper()}", "A-1", photo)
    inventory.add_stock(product.id, 5)
    shown = inventory.by_sku(product.sku)
    if shown is None:
        raise WrongAnswer("a product is not found by its SKU")
    expect(shown.quantity, 5, "the quantity after adding 5")
    inventory.update(Product.from_json(shown.to_json() | {"name": "Куртка синяя"}))
    changed = inventory.upload_image(product.id, photo)
    address = urlsplit(changed.image_url or "")
    expect(address.scheme in ("http", "https") and bool(address.netloc), True, "that the photo's address is absolute")
    base = urlsplit(dio.base_url)
    expect(dio.get(f"{base.scheme}://{base.netloc}{address.path}").status, 200, "the photo's status")

    # The app can't create orders; the office does.
    wanted = {"product": int(product.id), "quantity_to_pick": 2}
    dio.request("POST", "/orders/", {"customer_name": "Анна", "lines": [wanted]}, session.headers)
    order = next(one for one in reversed(orders.orders()) if any(line.product.id == product.id for line in one.lines))
    orders.update(order.picked_in_full())
    listed = {one.id: one for one in inventory.products()}
    expect(listed[product.id].quantity, 3, "the quantity after picking 2")
    expect(listed[product.id].name, "Куртка синяя", "the new name")
    inventory.delete(product.id)
    expect(any(one.id == product.id for one in inventory.products()), False, "that a deleted product is listed")
    log_client_error(dio, "a trial")
    dio.close()


def main() -> None:
    """Make all calls. Raises if an answer is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", required=True, help="HOST:PORT to connect to")
    parser.add_argument("--host", help="the host name to send, if it is another one")
    parser.add_argument("--version", help="the release that must answer")
    parser.add_argument("--email", required=True)
    given = parser.parse_args()
    host, _colon, port = given.at.partition(":")
    name = given.host or given.at
    dio = Dio(f"http://{name}/api", FixedAddressTransport(host, int(port)))
    found = version(dio)
    if given.version:
        expect(found, given.version, "the release")
    app_calls(dio, given.email, os.environ["TRIAL_PASSWORD"], MultipartFile(PHOTO, "photo.png"))
    print("All calls of the app have the expected answers.")


if __name__ == "__main__":
    main()
