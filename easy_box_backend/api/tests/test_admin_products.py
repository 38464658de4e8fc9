"""Products in the admin."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from api import images
from api.models import Product, StockMovement
from api.tests import photos
from api.tests.admin_desk import Desk, enter, text
from api.tests.calls import Caller
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(manager: Caller) -> Desk:
    return enter(manager.user)


def photo(content: bytes) -> BytesIO:
    file = BytesIO(content)
    file.name = "photo.bin"
    return file


def test_a_manager_makes_a_product_with_its_first_stock_and_photo(desk: Desk) -> None:
    answer = desk.save(
        "product", sku="NEW-1", name="Новая куртка", location="A1", first_quantity="7", min_quantity="3",
        photo=photo(photos.jpeg()),
    )  # fmt: skip
    assert answer.status_code == 302
    product = Product.objects.get()
    assert (product.sku, product.quantity, product.min_quantity) == ("NEW-1", 7, 3)
    assert product.thumbnail.name
    assert product.versions.get().user == desk.user
    assert product.movements.get().quantity_delta == 7


def test_signs_that_nobody_can_see_are_dropped_and_alone_they_are_no_sku(desk: Desk) -> None:
    """They come along when a SKU is pasted from a table."""
    assert desk.save("product", sku="\ufeffNEW\u200b-1 ", name="\u200eCap", location="\u2060").status_code == 302
    product = Product.objects.get()
    assert (product.sku, product.name, product.location) == ("NEW-1", "Cap", "")
    assert "This field is required." in text(desk.save("product", sku="\u200b", name="Cap"))
    assert "already exists" in text(desk.save("product", sku="NEW-1\u200b", name="Cap"))
    assert desk.save("product", sku="x" * 255, name="Long").status_code == 302


def test_only_what_the_person_changed_is_written(desk: Desk, make_product: MakeProduct, manager: Caller) -> None:
    product = make_product(name="Old name", location="A1")
    values = desk.open("product", product.pk)
    manager.patch(f"/api/products/{product.pk}/", {"location": "B2"})
    answer = desk.send("product", product.pk, {**values, "name": "New name"})
    assert answer.status_code == 302
    product.refresh_from_db()
    assert (product.name, product.location) == ("New name", "B2")


def test_saving_without_a_change_changes_nothing(desk: Desk, make_product: MakeProduct) -> None:
    product = make_product()
    before = product.revision
    assert desk.save("product", product.pk).status_code == 302
    product.refresh_from_db()
    assert product.revision == before


def test_a_quantity_is_adjusted_with_a_reason(desk: Desk, make_product: MakeProduct) -> None:
    product = make_product(quantity=10)
    assert desk.save("product", product.pk, adjust_by="-3", adjust_reason="Брак").status_code == 302
    product.refresh_from_db()
    assert product.quantity == 7
    movement = product.movements.latest("id")
    assert (movement.kind, movement.quantity_delta, movement.reason) == ("adjustment", -3, "Брак")
    assert movement.user == desk.user


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"adjust_by": "5"}, "Give a reason for the change."),
        ({"adjust_by": "1.5", "adjust_reason": "x"}, "Enter a whole number."),
        ({"adjust_by": "99999999", "adjust_reason": "x"}, "less than or equal to 1000000"),
        ({"sku": ""}, "This field is required."),
        ({"min_quantity": "99999999"}, "At most 1000000."),
    ],
)
def test_nonsense_is_an_error_in_the_form(
    desk: Desk, make_product: MakeProduct, values: dict[str, Any], words: str
) -> None:
    product = make_product(quantity=10)
    answer = desk.save("product", product.pk, **values)
    assert answer.status_code == 200
    assert words in text(answer)
    product.refresh_from_db()
    assert product.quantity == 10


def test_a_taken_sku_is_an_error_beside_the_field_and_nothing_else_is_saved(
    desk: Desk, make_product: MakeProduct
) -> None:
    taken, product = make_product(), make_product(quantity=10)
    answer = desk.save("product", product.pk, sku=taken.sku, adjust_by="1", adjust_reason="x")
    assert answer.status_code == 200
    assert "A product with this SKU already exists." in text(answer)
    product.refresh_from_db()
    assert product.quantity == 10
    assert product.sku != taken.sku


def test_what_is_no_photo_is_an_error_in_the_persons_language(manager: Caller, make_product: MakeProduct) -> None:
    product = make_product()
    for language, words in (("ru", "Файл не является изображением"), ("de", "Die Datei ist kein Bild")):
        answer = enter(manager.user, language).save("product", product.pk, photo=photo(photos.html()))
        assert answer.status_code == 200
        assert words in text(answer)
    product.refresh_from_db()
    assert not product.image


def test_a_photo_that_waits_too_long_for_others_is_an_error_at_its_field(
    desk: Desk, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    product = make_product()
    monkeypatch.setattr(images, "WAIT_SECONDS", 0.1)
    with images.lock(Path(settings.MEDIA_ROOT)):
        answer = desk.save("product", product.pk, photo=photo(photos.jpeg()))
    assert answer.status_code == 200
    assert "The server is busy with other photos." in text(answer)
    product.refresh_from_db()
    assert not product.image


def test_deleting_is_archiving(desk: Desk, make_product: MakeProduct) -> None:
    product = make_product(quantity=4)
    url = f"/admin/api/product/{product.pk}/delete/"
    assert "its SKU can be used again" in text(desk.get(url))
    assert "is archived." in text(desk.post(url, {"post": "yes"}, follow=True))
    product.refresh_from_db()
    assert product.is_archived
    assert product.versions.latest("revision").archived
    assert StockMovement.objects.count() == 1
    assert product.sku not in text(desk.list("product"))
    assert product.sku in text(desk.list("product", "?archived=yes"))
    assert 'name="_save"' not in text(desk.get(f"/admin/api/product/{product.pk}/change/"))


def test_several_are_archived_after_a_question(desk: Desk, make_product: MakeProduct) -> None:
    first, second, other = make_product(), make_product(), make_product()
    asked = desk.act("product", "archive_selected", first.pk, second.pk)
    assert "Archive these?" in text(asked)
    assert Product.objects.live().count() == 3
    desk.act("product", "archive_selected", first.pk, second.pk, confirmed="yes")
    assert list(Product.objects.live()) == [other]
    assert 'value="delete_selected"' not in text(desk.list("product"))


def test_search_and_filters_find_what_they_say(desk: Desk, make_product: MakeProduct) -> None:
    low = make_product(sku="LOW", name="Шапка", quantity=1, min_quantity=5)
    make_product(sku="ENOUGH", name="Носки", quantity=9, min_quantity=5)
    empty = make_product(sku="EMPTY", name="Перчатки", location="Z9-1")
    make_product(sku="STRANGE", name="?", quantity=2, unverified=True)
    found = {
        "?q=z9": [empty.sku], "?q=low": ["LOW"], "?stock=low": [low.sku], "?stock=none": ["EMPTY"],
        "?unverified__exact=1": ["STRANGE"],
    }  # fmt: skip
    for query, skus in found.items():
        page = text(desk.list("product", query))
        assert [sku for sku in ("LOW", "ENOUGH", "EMPTY", "STRANGE") if f">{sku}<" in page] == skus


def test_the_page_shows_the_latest_movements_and_changes(desk: Desk, make_product: MakeProduct) -> None:
    product = make_product(name="Before", quantity=10)
    desk.save("product", product.pk, name="After", adjust_by="-4", adjust_reason="Пересчёт полки")
    page = text(desk.get(f"/admin/api/product/{product.pk}/change/"))
    for words in ("−4", "Пересчёт полки", "name: Before → After", "Manager"):
        assert words in page


def test_a_list_takes_as_many_queries_for_three_products_as_for_thirty(
    desk: Desk, make_product: MakeProduct, django_assert_num_queries: Any
) -> None:
    for _ in range(30):
        make_product(quantity=3)
    with django_assert_num_queries(6):  # session, person, count, rows, two of the menu
        desk.list("product")


def test_a_page_takes_a_fixed_number_of_queries(
    desk: Desk, make_product: MakeProduct, django_assert_max_num_queries: Any
) -> None:
    product = make_product(quantity=3)
    for number in range(15):
        desk.save("product", product.pk, name=f"Name {number}", adjust_by="1", adjust_reason="x")
    with django_assert_max_num_queries(7):
        desk.open("product", product.pk)


def test_nothing_found_says_so(desk: Desk) -> None:
    assert "Nothing was found" in text(desk.list("product", "?q=nothing-like-it"))
    assert "There is nothing here." in text(desk.list("product"))
