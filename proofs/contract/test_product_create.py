"""POST /api/products/"""

from __future__ import annotations

import pytest

from proofs.contract.client import BODY_KINDS, RED_JPEG, App, body_of, new_sku, photo
from proofs.phone.app import Product, SkuTaken
from proofs.phone.dio import FormData, MultipartFile


def test_the_apps_form_makes_a_product(app: App) -> None:
    sku = new_sku("Ж-{}")
    form = FormData({"name": "Куртка зимняя", "sku": sku, "quantity": "0", "location": "Ряд Б-02"})
    answer = app.send("POST", "/products/", form)
    assert answer.status == 201
    made = Product.from_json(answer.data)
    assert (made.name, made.sku, made.quantity, made.location) == ("Куртка зимняя", sku, 0, "Ряд Б-02")
    assert made.image_url is None
    assert made.thumbnail_url is None
    assert app.shown(made.id) == made


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_any_kind_of_body_makes_a_product(app: App, kind: str) -> None:
    sku = new_sku("Я {}")
    fields = {"name": "Шапка & шарф = 100% + подарок", "sku": sku, "quantity": "0", "location": "Ё-1"}
    made = Product.from_json(app.send("POST", "/products/", *body_of(kind, fields)).data)
    assert (made.name, made.sku, made.quantity) == (fields["name"], sku, 0)


def test_without_a_location_it_has_none(app: App) -> None:
    assert app.inventory.create("N", new_sku()).location in (None, "")


@pytest.mark.parametrize(
    "image",
    [
        MultipartFile(RED_JPEG, "scaled_1000000033.jpg"),
        MultipartFile(RED_JPEG, "фото 1.jpg"),
        MultipartFile(RED_JPEG, "image_picker_ABC"),
        MultipartFile(RED_JPEG, "photo.png"),
        MultipartFile.guessed(RED_JPEG, "photo.jpg"),
    ],
    ids=["octet-stream", "cyrillic-name", "no-extension", "wrong-extension", "image-jpeg"],
)
def test_a_photo_is_accepted_whatever_its_name(app: App, image: MultipartFile) -> None:
    made = app.inventory.create("Со снимком", new_sku(), "A1", image)
    assert made.image_url is not None
    assert made.thumbnail_url is not None
    assert made.image_url.startswith("http")
    assert made.thumbnail_url.startswith("http")
    assert app.shown(made.id) == made


def test_with_a_file_that_is_no_image_the_product_is_made_without_it(app: App) -> None:
    made = app.inventory.create("N", sku := new_sku(), image=photo(b"not an image"))
    assert made.image_url is None
    assert app.inventory.by_sku(sku) == made


def test_a_file_that_is_no_image_is_refused_to_an_integration_and_makes_nothing(integration: App) -> None:
    sku = new_sku()
    form = FormData({"name": "N", "sku": sku, "quantity": "0", "image": photo(b"not an image")})
    answer = integration.refused("POST", "/products/", form)
    assert answer.status == 400
    assert "image" in answer.data
    assert integration.inventory.by_sku(sku) is None


def test_a_taken_sku_is_400_with_the_key_sku_for_an_integration(integration: App, app: App) -> None:
    sku = app.make_product().sku
    for _ in range(2):
        answer = integration.refused("POST", "/products/", FormData({"name": "Other", "sku": sku, "quantity": "0"}))
        assert answer.status == 400
        assert isinstance(answer.data, dict)
        assert answer.data["sku"]


def test_a_sku_that_the_phone_saw_in_its_last_list_is_taken(app: App, other_app: App) -> None:
    sku = other_app.make_product().sku
    app.inventory.products()
    with pytest.raises(SkuTaken):
        app.inventory.create("Другое имя", sku)
    assert [product.sku for product in app.inventory.products()].count(sku) == 1


def test_the_sku_of_a_deleted_product_is_free_again(app: App) -> None:
    old = app.make_product()
    app.inventory.delete(old.id)
    assert sku_list(app).count(old.sku) == 0
    new = app.inventory.create("Новый", old.sku)
    assert new.id != old.id
    assert new.quantity == 0


def sku_list(app: App) -> list[str]:
    return [product.sku for product in app.inventory.products()]


@pytest.mark.parametrize("missing", ["name", "sku"])
def test_a_missing_field_is_named_in_the_answer(app: App, missing: str) -> None:
    fields = {"name": "N", "sku": new_sku(), "quantity": "0"}
    del fields[missing]
    answer = app.refused("POST", "/products/", FormData(fields))
    assert answer.status == 400
    assert missing in answer.data
