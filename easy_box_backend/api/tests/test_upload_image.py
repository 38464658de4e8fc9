"""POST /api/products/{id}/upload_image/ and the photos' addresses; what a photo becomes is in test_images.py"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from api.models import Product
from api.tests import photos
from api.tests.calls import Caller, check_error, send, upload
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db
FORMATS = {"jpeg": photos.jpeg, "png": photos.png, "webp": photos.webp, "heic": photos.heic}


@pytest.fixture
def box(make_product: MakeProduct) -> Product:
    return make_product("BOX", quantity=3)


@pytest.fixture
def stored(settings: Any) -> Any:
    """The names of all stored files."""
    return lambda: {path.name for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()}


def address(product: Product) -> str:
    return f"/api/products/{product.pk}/upload_image/"


def send_photo(client: APIClient, product: Product, content: bytes, *names: str, **extra: Any) -> Any:
    return client.post(address(product), {"image": upload(content, *names)}, format="multipart", **extra)


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_taken_whatever_it_calls_itself(picker: Caller, box: Product, kind: str) -> None:
    answer = send_photo(picker, box, FORMATS[kind](), "notes.txt", "text/plain")
    assert answer.status_code == 200
    body = answer.json()
    assert body == picker.get(f"/api/products/{box.pk}/").json()
    assert body["quantity"] == 3
    assert body["image_url"].endswith(".jpg")
    assert body["thumbnail_url"] != body["image_url"]


def test_a_replaced_photo_has_another_address_and_its_files_go_after_the_commit_and_not_before(
    picker: Caller, box: Product, stored: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first = send_photo(picker, box, photos.jpeg()).json()
    before = stored()
    assert len(before) == 2
    with django_capture_on_commit_callbacks(execute=True):
        second = send_photo(picker, box, photos.png()).json()
        assert before < stored(), "the old files are there until the change is certain"
    assert second["image_url"] != first["image_url"]
    assert second["thumbnail_url"] != first["thumbnail_url"]
    assert len(stored()) == 2
    assert not before & stored()


def test_the_same_photo_again_changes_nothing(
    picker: Caller, box: Product, stored: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first = send_photo(picker, box, photos.jpeg()).json()
        before = stored()
        second = send_photo(picker, box, photos.jpeg()).json()
    assert second == first
    assert stored() == before


def test_two_products_with_one_photo_do_not_lose_it_when_one_gets_another(
    picker: Caller, box: Product, make_product: MakeProduct, guest: APIClient, django_capture_on_commit_callbacks: Any
) -> None:
    twin = make_product("TWIN")
    with django_capture_on_commit_callbacks(execute=True):
        send_photo(picker, box, photos.jpeg())
        kept = send_photo(picker, twin, photos.jpeg()).json()
        send_photo(picker, box, photos.png())
    assert guest.get(kept["image_url"].removeprefix("http://testserver")).status_code == 200


@pytest.mark.parametrize(
    "make", [photos.svg, photos.html, photos.truncated_jpeg, photos.bomb_png, photos.too_large_jpeg, lambda: b"",
             lambda: b"\x00" * 1000, lambda: photos.jpeg()[:20]],
)  # fmt: skip
def test_what_is_no_photo_of_ours_is_400_and_stores_nothing(
    picker: Caller, box: Product, stored: Any, make: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        before = send_photo(picker, box, photos.jpeg()).json()
        files = stored()
        body = check_error(send_photo(picker, box, make(), "photo.jpg", "image/jpeg"), 400)
    assert body["image"]
    assert stored() == files
    assert picker.get(f"/api/products/{box.pk}/").json() == before


def test_21_mb_are_400_and_the_message_speaks_the_callers_language(picker: Caller, box: Product) -> None:
    content = photos.too_large_jpeg()
    assert len(content) > 20 * 1024 * 1024
    check_error(send_photo(picker, box, content, headers={"Accept-Language": "ru"}), 400)


def test_a_form_larger_than_any_photo_is_413_before_it_is_read(picker: Caller, box: Product) -> None:
    body = {"CONTENT_LENGTH": str(33 * 1024 * 1024), "wsgi.input": io.BytesIO(b"x" * 1000)}
    answer = send_photo(picker, box, b"", **body)
    check_error(answer, 413, "too_large")


@pytest.mark.parametrize("kind", ["json", "urlencoded", "multipart"])
@pytest.mark.parametrize("value", ["text", "", 5])
def test_a_photo_that_is_no_file_is_400_or_415(picker: Caller, box: Product, kind: str, value: Any) -> None:
    answer = send(picker, "POST", address(box), {"image": value}, kind)
    assert "image" in check_error(answer, 400)


def test_a_form_without_a_photo_is_400(picker: Caller, box: Product) -> None:
    assert "image" in check_error(picker.post(address(box), {}, format="multipart"), 400)
    answer = picker.post(address(box), {"photo": upload(photos.jpeg())}, format="multipart")
    assert "image" in check_error(answer, 400)


def test_a_guest_stores_nothing(guest: APIClient, box: Product, stored: Any) -> None:
    check_error(send_photo(guest, box, photos.jpeg()), 401)
    assert stored() == set()


def test_an_unknown_product_stores_nothing(picker: Caller, box: Product, stored: Any) -> None:
    box.pk = 99_999_999
    check_error(send_photo(picker, box, photos.jpeg()), 404, "no_such_product")
    assert stored() == set()


# --- Addresses ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "extra", "begins"),
    [
        ({}, {}, "http://testserver/media/products/"),
        ({}, {"HTTP_HOST": "192.168.1.5:8000"}, "http://192.168.1.5:8000/media/products/"),
        ({}, {"HTTP_X_FORWARDED_PROTO": "https"}, "http://testserver/media/"),
        ({}, {"secure": True}, "https://testserver/media/"),
        ({"PUBLIC_BASE_URL": "https://box.example.com"}, {"HTTP_HOST": "x"}, "https://box.example.com/media/products/"),
        (
            {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"), "TRUSTED_PROXIES": 1},
            {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_HOST": "box.example.com"},
            "https://box.example.com/media/",
        ),
    ],
)
def test_the_addresses_are_absolute_as_the_phone_called_the_server(
    manager: Caller, box: Product, settings: Any, given: dict[str, Any], extra: dict[str, Any], begins: str
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    lines = [{"product": box.pk, "quantity_to_pick": 1}]
    order = manager.post("/api/orders/", {"customer_name": "Anna", "lines": lines}).json()
    for name, value in given.items():
        setattr(settings, name, value)
    uploaded = send_photo(manager, box, photos.jpeg(), **extra).json()
    rows = [
        uploaded,
        manager.get(f"/api/products/{box.pk}/", **extra).json(),
        manager.get("/api/products/", **extra).json()[0],
        manager.get("/api/products/?sku=BOX", **extra).json()[0],
        manager.get("/api/orders/", **extra).json()[0]["lines"][0]["product"],
        manager.get(f"/api/orders/{order['id']}/", **extra).json()["lines"][0]["product"],
    ]
    for row in rows:
        assert row["image_url"] == uploaded["image_url"]
        assert row["image_url"].startswith(begins)
        assert row["thumbnail_url"].startswith(begins)


def test_a_photo_may_be_kept_by_caches_for_a_year(picker: Caller, box: Product, guest: APIClient) -> None:
    url = send_photo(picker, box, photos.jpeg()).json()["image_url"].removeprefix("http://testserver")
    assert "immutable" in guest.get(url)["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["", "products/", "../settings.py", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "x" * 3000, "%00",
             "a%00.jpg", "..%2f..%2fmanage.py", "%ED%A0%80"],
)  # fmt: skip
def test_no_other_file_and_no_folder_can_be_fetched(guest: APIClient, path: str) -> None:
    answer = guest.get(f"/media/{path}")
    check_error(answer, 400 if answer.status_code == 400 else 404)
