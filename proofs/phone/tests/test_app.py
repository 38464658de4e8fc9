"""The casts of the app's data layer fail where Dart's fail."""

from __future__ import annotations

from typing import Any

import pytest

from proofs.phone import app

PRODUCT: dict[str, Any] = {
    "id": 7, "name": "Jacket", "sku": "J-1", "quantity": 3,
    "location": None, "image_url": None, "thumbnail_url": None,
}  # fmt: skip


@pytest.mark.parametrize("value", [True, 5.0, "5", None, [5]])
def test_only_an_integer_is_an_int(value: object) -> None:
    with pytest.raises(app.CastError):
        app.as_int(value)


def test_a_product_is_read_whatever_scalar_its_id_is() -> None:
    assert app.Product.from_json(PRODUCT).id == "7"
    assert app.Product.from_json({**PRODUCT, "id": "abc"}).id == "abc"


@pytest.mark.parametrize(
    "wrong",
    [{"quantity": "3"}, {"quantity": 3.0}, {"quantity": None}, {"name": None}, {"sku": 1}, {"location": 5},
     {"image_url": False}, {"id": None}],
)  # fmt: skip
def test_a_product_with_a_field_of_a_wrong_type_raises_cast_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(app.CastError):
        app.Product.from_json({**PRODUCT, **wrong})


def test_an_order_with_a_bare_product_id_or_an_unknown_status_raises_cast_error() -> None:
    line = {"product": 7, "quantity_to_pick": 1, "quantity_picked": 0}
    order = {"id": 1, "customer_name": "C", "status": "open", "lines": [line]}
    with pytest.raises(app.CastError):
        app.Order.from_json(order)
    with pytest.raises(app.CastError):
        app.Order.from_json({**order, "lines": [], "status": "in_progress"})


@pytest.mark.parametrize(("text", "number"), [("7", 7), (" 7 ", 7), ("-7", -7), ("a", None), ("", None), ("7.0", None)])
def test_int_try_parse(text: str, number: int | None) -> None:
    assert app.int_try_parse(text) == number


def test_an_update_sends_the_id_as_text_the_quantity_and_no_thumbnail() -> None:
    product = app.Product("7", "Jacket", "J-1", 3, "", "http://x/1.jpg", "http://x/t.jpg")
    assert product.to_json() == {
        "id": "7", "name": "Jacket", "sku": "J-1", "quantity": 3, "location": "",
        "image_url": "http://x/1.jpg", "thumbnail_url": None,
    }  # fmt: skip


def test_a_guest_sends_token_null() -> None:
    assert app.Session().headers == {"authorization": "Token null"}
