"""Labels of products and shelves."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from api.models import Product, ProductText
from api.tests.conftest import MakeProduct
from api.tests.desk.decoding import codes_in, drawn

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    """The text of a page."""
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def printed(page: str) -> list[str]:
    """What a scanner reads from the labels of a page."""
    return [codes_in(drawn(svg))[0][1] for svg in re.findall(r'<svg class="code.*?</svg>', page)]


def test_a_scan_adds_a_product_and_a_shelf_adds_all_its_products(desk: Client, make_product: MakeProduct) -> None:
    cup, one, two = make_product("CUP"), make_product("ONE", location="A1-01"), make_product("TWO", location="A1-02")
    make_product("ELSEWHERE", location="A10")
    answer = desk.get(
        f"/labels/?product={cup.pk}&of_shelf=a1&codes=CUP&new_shelf=Полка+7&shelf=&product=x&product=4711"
    )
    assert [item.text for item in answer.context["items"]] == ["CUP", "ONE", "TWO", "Полка 7"]
    assert text(answer).count('value="1"') >= 4
    assert "Nothing has this code: NO" in text(desk.get("/labels/?codes=NO"))
    assert [item.text for item in desk.post("/labels/", {"product": [two.pk, one.pk]}).context["items"]] == [
        "TWO",
        "ONE",
    ]


def test_a_label_for_each_piece_on_hand_can_be_chosen(desk: Client, make_product: MakeProduct) -> None:
    cup = make_product("CUP", quantity=17)
    page = text(desk.get(f"/labels/?product={cup.pk}&shelf=A1&each=on_hand"))
    assert f'name="number-{cup.pk}" value="17"' in page
    assert 'name="number-shelf0" value="1"' in page


def test_each_label_has_the_exact_sku_as_a_code_and_in_words(desk: Client, make_product: MakeProduct) -> None:
    skus = ["APRON-1", "4006381333931", "ФАРТУК-1", "Schürze ß", "A" * 60]
    made = [make_product(sku, name=f"Кружка «{n}»", location="Б2-01") for n, sku in enumerate(skus)]
    page = text(desk.post("/labels/print/", {"product": [product.pk for product in made], "shelf": "Б2-01"}))
    assert printed(page) == [*skus, "Б2-01"]
    assert "Кружка «0»" in page
    assert page.count('<section class="roll">') == 6
    assert re.search(r"labels-roll[.\w]*\.css", page)
    assert printed(text(desk.post("/labels/print/", {"product": made[0].pk, "code": "qr"}))) == ["APRON-1"]


def test_labels_are_printed_in_the_chosen_numbers_from_the_first_free_one_of_a_sheet(
    desk: Client, make_product: MakeProduct
) -> None:
    one, two, three = make_product("ONE"), make_product("TWO"), make_product("THREE")
    asked = {"product": [one.pk, two.pk, three.pk], f"number-{one.pk}": 20, f"number-{two.pk}": 3, "paper": "a4",
             f"number-{three.pk}": 0, "start": 3}  # fmt: skip
    answer = desk.post("/labels/print/", asked)
    sheets = answer.context["sheets"]
    assert [len(sheet) for sheet in sheets] == [24, 1]
    assert [label.item.text if label else None for label in sheets[0][:3]] == [None, None, "ONE"]
    assert printed(text(answer)) == ["ONE"] * 20 + ["TWO"] * 3
    assert re.search(r"labels-a4[.\w]*\.css", text(answer))


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "2001"])
def test_a_senseless_number_of_labels_prints_none_or_at_most_the_limit(
    desk: Client, make_product: MakeProduct, number: str
) -> None:
    one, two = make_product("ONE"), make_product("TWO")
    asked = {"product": [one.pk, two.pk], f"number-{one.pk}": number, f"number-{two.pk}": number}
    page = text(desk.post("/labels/print/", asked))
    assert "Choose 1 to 2000 labels." in page
    assert f'name="product" value="{one.pk}"' in page
    assert "Choose 1 to 2000 labels." in text(desk.get("/labels/print/"))


def test_the_pages_take_few_queries_however_many_labels(
    desk: Client, make_product: MakeProduct, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(40):
        make_product(f"P-{number}", location="A1")
    with django_assert_max_num_queries(6):
        page = desk.get("/labels/?of_shelf=A1")
    with django_assert_max_num_queries(6):
        desk.post("/labels/print/", {"product": [item.key for item in page.context["items"]]})


def test_a_scan_keeps_what_is_chosen_and_typed(desk: Client, make_product: MakeProduct) -> None:
    one, two = make_product("ONE"), make_product("TWO")
    page = {
        "product": one.pk,
        f"number-{one.pk}": 7,
        "shelf": "A1",
        "new_shelf": "B",
        "paper": "a4",
        "start": 5,
        "code": "qr",
    }
    for codes in ("TWO\nONE", "TWO"):  # the second time since its answer was lost
        answer = desk.post("/labels/", {**page, "batch": "1", "codes": codes})
        assert [(item.text, item.number) for item in answer.context["items"]] == [("ONE", 7), ("TWO", 1), ("A1", 1)]
    shown = text(answer)
    assert 'name="new_shelf" value="B"' in shown
    assert '<option value="a4" selected>' in shown
    assert "<option selected>5</option>" in shown
    assert '<option value="qr" selected>' in shown
    printed_page = text(desk.post("/labels/print/", {**page, "product": [one.pk, two.pk]}))
    assert f'name="number-{one.pk}" value="7"' in printed_page  # the way back


def test_all_products_of_a_large_shelf_are_chosen(desk: Client) -> None:
    goods = [Product(sku=f"P-{number}", name="x", location="A1", revision=1) for number in range(300)]
    Product.objects.bulk_create(goods)
    ProductText.objects.bulk_create(ProductText.of(product, []) for product in goods)
    chosen = desk.post("/labels/", {"of_shelf": "A1"}).context["items"]
    assert len(list(chosen)) == 300
