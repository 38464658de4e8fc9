"""POST /api/products/{id}/upload_image/ and the photos' addresses; what a photo becomes is in test_images.py"""

from __future__ import annotations

import gc
import io
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test.client import encode_multipart
from PIL import Image
from rest_framework.test import APIClient

from api import images
from api.images import decoder
from api.models import Product
from api.tests import photos
from api.tests.calls import Caller, check_error, send, upload
from api.tests.conftest import MakeProduct
from api.tests.examples import examples

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
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


def fetched(client: APIClient, url: str) -> Any:
    answer = client.get(url.removeprefix("http://testserver"))
    answer.close()  # it has an open file
    return answer


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
    assert fetched(guest, kept["image_url"]).status_code == 200


def test_what_is_no_photo_of_ours_is_400_and_stores_nothing(
    picker: Caller, box: Product, stored: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        before = send_photo(picker, box, photos.jpeg()).json()
        files = stored()
        for content in (photos.svg(), photos.html(), photos.truncated_jpeg(), photos.bomb_png(),
                        photos.too_large_jpeg(), b"", b"\x00" * 1000, photos.jpeg()[:20]):  # fmt: skip
            body = check_error(send_photo(picker, box, content, "photo.jpg", "image/jpeg"), 400)
            assert body["image"], content[:20]
            assert stored() == files, content[:20]
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


# --- What one photo may cost ------------------------------------------------------------------------------------------
def _peak_mb() -> int:
    """The most memory that this process has used since the mark was reset; 0 where it isn't known."""
    if sys.platform != "linux":
        return 0
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024


NASTY: dict[str, tuple[Callable[[], bytes], int]] = {
    "a webp of 49 megapixels in 34 bytes": (lambda: photos.tiny_webp(7000), 400),
    "a webp of 29 megapixels in 34 bytes": (lambda: photos.tiny_webp(5400), 200),
    "a jpeg of 49 megapixels painted 46 times": (lambda: photos.scan_bomb_jpeg(40, 7000), 400),
    "a jpeg of 65,535 x 65,535": (photos.huge_jpeg, 400),
    "a png of 60,000 x 60,000": (photos.bomb_png, 400),
    "a png of 49 megapixels": (lambda: photos.empty_png(7000), 200),
    "a png whose comment unpacks to 50 MB": (photos.text_bomb_png, 400),
    "a png with 60 comments that unpack to 1 MB each": (photos.many_texts_png, 200),
    "a png whose profile unpacks to 50 MB": (photos.profile_bomb_png, 400),
    "a jpeg with a profile of 10 MB": (photos.profile_bomb_jpeg, 200),
    "a jpeg with a thousand blocks of EXIF": (photos.exif_bomb_jpeg, 200),
    "a webp of 3,000 frames": (lambda: photos.animation("WEBP", 3000), 200),
    "a png of 3,000 frames": (lambda: photos.animation("PNG", 3000), 200),
    "a heic of 100 pictures": (photos.heic_album, 200),
    "a multi-picture jpeg": (photos.mpo, 200),
    "a gif of 3,000 frames": (lambda: photos.animation("GIF", 3000), 400),
    "an avif": (photos.avif, 400),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from Linux' /proc")
@pytest.mark.parametrize(("make", "status"), NASTY.values(), ids=NASTY)
def test_no_picture_takes_the_servers_memory_or_time(picker: Caller, box: Product, make: Any, status: int) -> None:
    content = make()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_mb()
    for is_last in (False, False, True):  # a busy machine may spoil a measurement, not three of them
        start = os.times()
        answer = send_photo(picker, box, content)
        assert answer.status_code == status
        if status == 400:
            assert check_error(answer, 400)["image"]
        assert _peak_mb() - before < 30 + 2 * len(content) // 2**20, "megabytes: the form, and nothing of the picture"
        took = [now - then for now, then in zip(os.times(), start, strict=True)]
        if sum(took[:2]) < 1:
            break
        assert not is_last, "seconds of the server's own"
    assert sum(took[2:4]) < decoder.SECONDS + 1, "the decoder's"


def test_a_damaged_photo_is_200_or_400_and_takes_no_memory(picker: Caller, box: Product) -> None:
    dice, before = random.Random(9), _peak_mb()
    for _ in range(examples(40)):
        answer = send_photo(picker, box, photos.damaged(dice.choice(photos.small_files()), dice))
        if answer.status_code != 200:
            assert check_error(answer, 400)["image"]
    assert _peak_mb() - before < 30


def test_a_baseline_jpeg_of_108_megapixels_is_a_photo(picker: Caller, box: Product) -> None:
    assert send_photo(picker, box, photos.camera_jpeg()).status_code == 200


@pytest.mark.parametrize(
    "content",
    [photos.jpeg()[:-1], photos.jpeg()[:-2], photos.cut_jpeg(0.02), photos.cut_jpeg(0.25),
     photos.cut_jpeg(0.02, progressive=True), photos.cut_jpeg(0.5, progressive=True)],
)  # fmt: skip
def test_a_jpeg_without_its_last_bytes_is_a_photo(picker: Caller, box: Product, content: bytes) -> None:
    assert send_photo(picker, box, content).status_code == 200


def test_a_body_that_is_shorter_than_announced_is_400_though_its_jpeg_would_do(picker: Caller, box: Product) -> None:
    form = encode_multipart("edge", {"image": upload(photos.jpeg())})
    body = {"CONTENT_LENGTH": str(len(form)), "wsgi.input": io.BytesIO(form[:-3000])}
    check_error(picker.generic("POST", address(box), form, "multipart/form-data; boundary=edge", **body), 400)


def test_a_photo_whose_exif_header_is_doubled_is_turned(picker: Caller, box: Product, settings: Any) -> None:
    assert send_photo(picker, box, photos.doubled_exif_jpeg()).status_code == 200
    box.refresh_from_db()
    assert photos.is_upright(Image.open(Path(settings.MEDIA_ROOT) / str(box.image)))


def test_a_photo_that_waits_too_long_for_others_is_503_and_can_be_sent_again(
    picker: Caller, box: Product, stored: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(images, "WAIT_SECONDS", 0.1)
    with images.lock(Path(settings.MEDIA_ROOT)):
        answer = send_photo(picker, box, photos.jpeg())
    body = check_error(answer, 503, "busy")
    assert answer["Retry-After"] == str(body["facts"]["retry_after_seconds"])
    assert body["retryable"] is True
    assert stored() == set()
    assert send_photo(picker, box, photos.jpeg()).status_code == 200


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
    url = send_photo(picker, box, photos.jpeg()).json()["image_url"]
    assert "immutable" in fetched(guest, url)["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["", "products/", "../settings.py", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "x" * 3000, "%00",
             "a%00.jpg", "..%2f..%2fmanage.py", "%ED%A0%80"],
)  # fmt: skip
def test_no_other_file_and_no_folder_can_be_fetched(guest: APIClient, path: str) -> None:
    answer = guest.get(f"/media/{path}")
    check_error(answer, 400 if answer.status_code == 400 else 404)
