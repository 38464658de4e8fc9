"""POST /api/products/{id}/upload_image/, and the pictures themselves"""

from __future__ import annotations

import os

import pytest

from proofs.contract.client import BLUE_JPEG, RED_JPEG, App, Server, new_sku, photo
from proofs.phone.app import Product
from proofs.phone.dio import FormData, MultipartFile


def test_it_answers_200_and_the_product_with_absolute_addresses(app: App, server: Server) -> None:
    product = app.make_product(quantity=2)
    answer = app.send("POST", f"/products/{product.id}/upload_image/", FormData({"image": photo()}))
    assert answer.status == 200
    changed = Product.from_json(answer.data)
    assert (changed.id, changed.sku, changed.quantity) == (product.id, product.sku, 2)
    base = "http" if "EASYBOX_URL" in os.environ else f"{server.url}/"
    for url in (changed.image_url, changed.thumbnail_url):
        assert url is not None
        assert url.startswith(base)
    assert app.shown(product.id) == changed
    assert app.inventory.by_sku(product.sku) == changed


def test_pictures_load_without_a_token(app: App, guest: App) -> None:
    product = app.inventory.create("N", new_sku(), None, photo())
    for url in (product.image_url, product.thumbnail_url):
        assert url is not None
        picture = guest.dio.get(url)
        assert picture.status == 200
        assert picture.headers["content-type"].startswith("image/")
        assert picture.raw[:2] == b"\xff\xd8" or picture.raw[8:12] == b"WEBP"


def test_another_photo_has_another_address_since_phones_cache_by_it(app: App) -> None:
    product = app.make_product()
    red = app.inventory.upload_image(product.id, photo(RED_JPEG))
    blue = app.inventory.upload_image(product.id, photo(BLUE_JPEG))
    assert red.image_url != blue.image_url
    assert red.thumbnail_url != blue.thumbnail_url


@pytest.mark.parametrize("image", [photo(filename="фото.jpg"), MultipartFile.guessed(RED_JPEG, "photo.jpg")])
def test_a_photo_is_accepted_whatever_its_content_type_and_name(app: App, image: MultipartFile) -> None:
    assert app.inventory.upload_image(app.make_product().id, image).image_url is not None


@pytest.mark.parametrize(
    "content",
    [b"", b"no image", RED_JPEG[:100], b'<svg xmlns="http://www.w3.org/2000/svg"></svg>'],
    ids=["empty", "text", "truncated", "svg"],
)
def test_a_file_that_is_no_image_is_refused_with_the_field_named_and_changes_nothing(app: App, content: bytes) -> None:
    product = app.inventory.create("N", new_sku(), None, photo())
    answer = app.refused("POST", f"/products/{product.id}/upload_image/", FormData({"image": photo(content)}))
    assert answer.status == 400
    assert "image" in answer.data
    assert app.shown(product.id).image_url == product.image_url


def test_a_form_without_a_file_is_refused_with_the_field_named(app: App) -> None:
    product = app.make_product()
    for form in ({"image": "/data/cache/1.jpg"}, {"other": photo()}, {}):
        answer = app.refused("POST", f"/products/{product.id}/upload_image/", FormData(form))
        assert answer.status == 400
        assert "image" in answer.data
