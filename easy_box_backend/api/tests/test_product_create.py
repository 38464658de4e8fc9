"""POST /api/products/"""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from api.models import Product, ProductVersion, StockMovement
from api.tests import photos
from api.tests.calls import BODY_KINDS, Caller, check_error, send, upload
from api.tests.cases import each
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db
PRODUCTS = "/api/products/"


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_any_kind_of_body_makes_a_product(picker: Caller, kind: str) -> None:
    body = {"sku": "Арт/5+1.2", "name": "Куртка", "quantity": "0", "location": "A1-01-01"}
    answer = send(picker, "POST", PRODUCTS, body, kind)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["sku"], made["name"], made["quantity"], made["location"]) == ("Арт/5+1.2", "Куртка", 0, "A1-01-01")
    assert picker.get(f"{PRODUCTS}{made['id']}/").json() == made


@pytest.mark.parametrize("quantity", [5, "5", "+5", 5.0])
def test_an_opening_quantity_is_booked_as_a_movement(picker: Caller, quantity: Any) -> None:
    made = picker.post(PRODUCTS, {"sku": "A", "name": "A", "quantity": quantity}).json()
    assert made["quantity"] == 5
    movement = StockMovement.objects.get(product=made["id"])
    assert (movement.quantity_delta, movement.quantity_after, movement.user) == (5, 5, picker.user)
    assert movement.device == picker.device


def test_without_pieces_there_is_no_movement_and_the_history_says_who(picker: Caller) -> None:
    made = picker.post(PRODUCTS, {"sku": "A", "name": "A"}).json()
    assert not StockMovement.objects.exists()
    version = ProductVersion.objects.get(product=made["id"])
    assert (version.user, version.device, version.revision) == (picker.user, picker.device, made["revision"])


@pytest.mark.parametrize("location", [None, "", "   "])
def test_an_empty_location_is_null_in_every_notation(picker: Caller, location: str | None) -> None:
    assert picker.post(PRODUCTS, {"sku": "A", "name": "A", "location": location}).json()["location"] is None


def test_spaces_around_a_text_are_removed_and_those_within_it_are_kept(picker: Caller) -> None:
    made = picker.post(PRODUCTS, {"sku": "  A  B ", "name": " Some  name "}).json()
    assert (made["sku"], made["name"]) == ("A  B", "Some  name")


def test_invisible_characters_are_removed(picker: Caller) -> None:
    made = picker.post(
        PRODUCTS, {"sku": "\ufeffA\u200b-1 \u200e", "name": "\u2060Jacket\u200f", "location": "\u200bA1"}
    ).json()
    assert (made["sku"], made["name"], made["location"]) == ("A-1", "Jacket", "A1")
    assert "sku" in check_error(picker.post(PRODUCTS, {"sku": "A-1\u200b", "name": "B"}), 400, "sku_taken")


@pytest.mark.both_databases
@pytest.mark.parametrize("sign", ["x", "Щ", "📦"])
def test_a_sku_may_have_255_characters(picker: Caller, sign: str) -> None:
    made = picker.post(PRODUCTS, {"sku": sign * 255, "name": "A"}).json()
    found = picker.get("/api/products/", {"sku": sign * 255}).json()
    assert [row["id"] for row in found] == [made["id"]]


@pytest.mark.both_databases
@pytest.mark.parametrize("kind", BODY_KINDS)
def test_a_taken_sku_is_a_400_with_the_key_sku_and_makes_nothing(
    picker: Caller, make_product: MakeProduct, kind: str
) -> None:
    taken = make_product("A", name="First")
    body = check_error(send(picker, "POST", PRODUCTS, {"sku": "A", "name": "Second"}, kind), 400, "sku_taken")
    assert body["sku"]
    assert body["facts"] == {"sku": "A", "product": taken.pk}
    assert Product.objects.get().name == "First"


@pytest.mark.both_databases
def test_the_sku_of_an_archived_product_is_free(manager: Caller, make_product: MakeProduct) -> None:
    old = make_product("A")
    assert manager.delete(f"{PRODUCTS}{old.pk}/").status_code == 204
    made = manager.post(PRODUCTS, {"sku": "A", "name": "New"})
    assert made.status_code == 201
    assert made.json()["id"] != old.pk


@each(
    ("field", "value"),
    [
        ("sku", ""), ("sku", "   "), ("sku", None), ("sku", "x" * 256), ("sku", "a\x00b"), ("sku", "\u200b\ufeff"),
        ("name", "\u2060"), ("sku", ["A"]),
        ("sku", {"a": 1}), ("sku", True), ("name", ""), ("name", None), ("name", "x" * 256), ("name", "\x00"),
        ("name", ["N"]), ("location", "x" * 101), ("location", ["A1"]), ("location", "\x00"),
        ("quantity", -1), ("quantity", 1.5), ("quantity", "1.5"), ("quantity", True), ("quantity", "x"),
        ("quantity", ""), ("quantity", None), ("quantity", 1_000_001), ("quantity", 2**63), ("quantity", 10**400),
        ("quantity", "9" * 2000), ("quantity", [1]), ("quantity", "1e3"), ("quantity", 1e300),
        ("min_quantity", -1), ("min_quantity", 2**31), ("min_quantity", "x"),
        ("image", "not a file"), ("image", 5), ("image", {"read": 1}),
    ],
)  # fmt: skip
def test_a_bad_field_is_named_and_nothing_is_made(picker: Caller, field: str, value: Any) -> None:
    body = check_error(picker.post(PRODUCTS, {"sku": "A", "name": "A", field: value}), 400, "invalid")
    assert field in body
    assert not Product.objects.exists()


def test_all_missing_fields_are_named_at_once(picker: Caller) -> None:
    body = check_error(picker.post(PRODUCTS, {}), 400, "invalid")
    assert {"sku", "name"} <= set(body)


def test_a_number_as_a_name_is_stored_as_its_digits(picker: Caller) -> None:
    made = picker.post(PRODUCTS, {"sku": 4600051000057, "name": 501}).json()
    assert (made["sku"], made["name"]) == ("4600051000057", "501")


def test_fields_that_a_client_must_not_set_are_ignored(picker: Caller) -> None:
    sent = {"sku": "A", "name": "A", "id": 777, "revision": 9, "archived": True, "unverified": True, "image_url": "x"}
    made = picker.post(PRODUCTS, sent).json()
    assert (made["archived"], made["unverified"], made["image_url"]) == (False, False, None)
    assert made["id"] != 777


def test_a_photo_has_two_absolute_urls_that_can_be_fetched_without_a_token(picker: Caller, guest: APIClient) -> None:
    body = {"sku": "A", "name": "A", "quantity": "0", "image": upload(photos.jpeg())}
    made = picker.post(PRODUCTS, body, format="multipart").json()
    for url in (made["image_url"], made["thumbnail_url"]):
        assert url.startswith("http://testserver/media/products/")
        answer = guest.get(url.removeprefix("http://testserver"))
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")


def test_with_a_bad_photo_neither_product_nor_file_is_created(picker: Caller, settings: Any) -> None:
    body = {"sku": "A", "name": "A", "image": upload(photos.svg(), "x.jpg", "image/jpeg")}
    assert "image" in check_error(picker.post(PRODUCTS, body, format="multipart"), 400)
    assert not Product.objects.exists()
    assert photos_stored(settings) == []


def test_a_taken_sku_with_a_photo_leaves_no_file_behind(
    picker: Caller, make_product: MakeProduct, settings: Any
) -> None:
    make_product("A")
    body = {"sku": "A", "name": "B", "image": upload(photos.jpeg())}
    check_error(picker.post(PRODUCTS, body, format="multipart"), 400, "sku_taken")
    assert photos_stored(settings) == []


def photos_stored(settings: Any) -> list[str]:
    from pathlib import Path

    return sorted(path.name for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file())


def test_a_guest_makes_nothing(guest: APIClient) -> None:
    check_error(guest.post(PRODUCTS, {"sku": "A", "name": "A"}), 401)
    assert not Product.objects.exists()
