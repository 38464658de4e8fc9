"""GET /api/products/?sku=S, with S in the address as it was scanned"""

from __future__ import annotations

import pytest

from proofs.contract.client import App, new_sku

SCANNED = [
    "{}",
    "A+{}",
    "+{}",
    "{}+",
    "A {}",
    "A/{}",
    "/{}",
    "{}/1/2",
    "A.{}",
    "{}.",
    "../{}",
    "A-{}_~",
    "Куртка-{}",
    "Ёж №{} + ½/й",
    "{}100%",
    "A={}",
    "A?{}",
    "A:{}@;,",
    "'\"<>{}\\^`|[]()*!$",
    "日本{}🧢",
    "{}&a=1;b=%C3;c",
    "50%20{}",
    "01{}\x1d91EE06\x1d92" + "a+/=" * 20,
    "{}" + "x" * 80,
]


@pytest.mark.parametrize("pattern", SCANNED)
def test_a_scanned_sku_finds_its_product(app: App, pattern: str) -> None:
    product = app.make_product(new_sku(pattern))
    assert app.inventory.by_sku(product.sku) == product


def test_the_longest_sku_is_found(app: App) -> None:
    sku = new_sku("{}-").ljust(255, "Щ")
    assert app.make_product(sku).sku == sku
    assert app.inventory.by_sku(sku) is not None


def test_a_text_too_long_for_a_sku_finds_what_was_made_from_it(app: App) -> None:
    """A QR code holds up to 2,953 bytes."""
    text = new_sku("{}-").ljust(800, "Щ")
    made = app.make_product(text)
    assert len(made.sku) == 255
    assert app.inventory.by_sku(text) == made
    assert app.inventory.by_sku(text[:-1]) is None


def test_an_unknown_sku_is_an_empty_array(app: App) -> None:
    answer = app.send("GET", f"/products/?sku={new_sku()}")
    assert answer.status == 200
    assert answer.data == []


def test_the_match_is_exact(integration: App) -> None:
    sku = integration.make_product(new_sku("AB{}")).sku
    for near in (sku + "1", sku[:-1], sku.lower(), sku[:-1] + "%", "_" + sku[1:]):
        assert integration.inventory.by_sku(near) is None, near


def test_a_plus_is_read_as_a_plus_and_only_without_such_a_sku_as_a_space(app: App) -> None:
    plus = new_sku("A+{}")
    space = plus.replace("+", " ")
    with_space = app.make_product(space)
    assert app.inventory.by_sku(plus) == with_space, "without a SKU with a plus, the plus is a space"
    with_plus = app.make_product(plus)
    assert app.inventory.by_sku(plus) == with_plus
    assert app.inventory.by_sku(space) == with_space


def test_the_answer_holds_one_product(app: App) -> None:
    sku = app.make_product(quantity=2).sku
    data = app.send("GET", f"/products/?sku={sku}").data
    assert [item["sku"] for item in data] == [sku]
    assert data[0]["quantity"] == 2


def test_an_empty_sku_finds_no_product(app: App) -> None:
    app.make_product()
    assert app.send("GET", "/products/?sku=").data == []
