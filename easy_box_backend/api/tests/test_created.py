"""`Location` of a new row (RFC 9110, section 15.3.2): an absolute URL, at the address that was called."""

from __future__ import annotations

from typing import Any

import pytest

from api.models import Device, Product
from api.tests.calls import Caller
from api.tests.conftest import LogIn, MakeProduct
from api.tests.endpoints import ORDER, PRODUCT, USER


@pytest.fixture(autouse=True)
def two_addresses(settings: Any) -> None:
    """The server is reached under more than one name; in production mode they must be allowed."""
    settings.ALLOWED_HOSTS = ["*"]


pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/products/", PRODUCT), ("/api/orders/", {**ORDER, "lines": []}), ("/api/users/", USER)],
)
def test_location_is_the_address_of_the_new_row(owner: Caller, path: str, body: dict[str, Any]) -> None:
    answer = owner.post(path, body, HTTP_HOST="box.local:8000")
    assert answer.status_code == 201
    made = answer.json()
    assert answer["Location"] == f"http://box.local:8000{path}{made['id']}/"
    assert owner.get(answer["Location"]).json() == made


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("add_stock", {"quantity": 2}),
        ("adjust", {"quantity_delta": -1, "reason": "broken"}),
        ("count", {"counted": 3}),
    ],
)
def test_location_is_the_address_of_the_new_movement(
    owner: Caller, make_product: MakeProduct, verb: str, body: dict[str, Any]
) -> None:
    product = make_product(quantity=5)
    answer = owner.post(f"/api/products/{product.pk}/{verb}/", body, HTTP_HOST="box.local")
    movement = answer.json().get("movement", answer.json())
    assert answer["Location"] == f"http://box.local/api/movements/{movement['id']}/"
    assert owner.get(answer["Location"]).json() == movement
    reversal = owner.post(answer["Location"] + "reverse/", {"reason": "mistake"})
    assert owner.get(reversal["Location"]).json()["reverses"] == movement["id"]


def test_a_count_without_a_variance_has_a_location_too(owner: Caller, make_product: MakeProduct) -> None:
    product = make_product(quantity=5)
    answer = owner.post(f"/api/products/{product.pk}/count/", {"counted": 5})
    made = answer.json()["movement"]
    assert (answer.json()["variance"], made["quantity_delta"]) == (0, 0)
    assert answer.headers["Location"].endswith(f"/api/movements/{made['id']}/")


def test_location_is_under_the_public_address(owner: Caller, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://box.example.com"
    assert owner.post("/api/products/", PRODUCT)["Location"].startswith("https://box.example.com/api/products/")


def test_a_duplicate_creation_by_a_phone_has_the_location_of_the_existing_product(owner: Caller, log_in: LogIn) -> None:
    phone = log_in(owner.user, kind=Device.Kind.APP)
    first, again = (phone.post("/api/products/", {"sku": "SOCK", "name": "Sock"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first["Location"] == again["Location"]
    assert first["Location"].endswith(f"/api/products/{Product.objects.get().pk}/")


def test_the_short_way_sets_location_too(
    owner: Caller, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product()
    monkeypatch.setattr("api.views.AddStock.post", None)
    answer = owner.post(f"/api/products/{product.pk}/add_stock/", {"quantity": 1}, HTTP_HOST="box.local")
    assert answer["Location"] == f"http://box.local/api/movements/{answer.json()['id']}/"
