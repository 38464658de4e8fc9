"""Every call but the login and the error log needs the token; `Token null` of guest mode is a 401."""

from __future__ import annotations

import pytest

from proofs.contract.client import App, new_sku, photo
from proofs.phone.app import LoggedOut
from proofs.phone.dio import DioException, FormData

CALLS = [
    ("GET", "/users/me/", None),
    ("GET", "/products/", None),
    ("GET", "/products/?sku=A", None),
    ("POST", "/products/", {"name": "N", "sku": "GUEST", "quantity": "0"}),
    ("PUT", "/products/1/", {"name": "N", "sku": "GUEST", "quantity": 1}),
    ("DELETE", "/products/1/", None),
    ("POST", "/products/1/add_stock/", {"quantity": 1}),
    ("POST", "/products/1/upload_image/", {"image": "x"}),
    ("GET", "/orders/", None),
    ("POST", "/orders/", {"customer_name": "C", "lines": []}),
    ("PUT", "/orders/1/", {"customer_name": "C", "status": "picked", "lines": []}),
]


@pytest.mark.parametrize("token", [None, "0" * 64])
@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_no_call_works_without_a_good_token(
    guest: App, method: str, path: str, body: object, token: str | None
) -> None:
    guest.session.token = token
    assert guest.refused(method, path, body).status == 401


def test_no_call_works_without_the_header(guest: App) -> None:
    for method, path, body in CALLS:
        with pytest.raises(DioException) as caught:
            guest.dio.request(method, path, body)
        assert caught.value.status == 401, (method, path)


def test_a_guests_upload_is_refused_and_the_next_request_on_the_connection_works(guest: App, app: App) -> None:
    form = {"name": "N", "sku": new_sku(), "quantity": "0", "image": photo(b"\xff" * 300_000)}
    assert guest.refused("POST", "/products/", FormData(form)).status == 401
    guest.session.token = app.session.token
    assert isinstance(guest.inventory.products(), list)


def test_a_refused_token_logs_the_app_out(guest: App) -> None:
    guest.session.token = "0" * 64
    with pytest.raises(LoggedOut):
        guest.auth.me()
    assert guest.session.token == "0" * 64, "the token stays on the phone"
