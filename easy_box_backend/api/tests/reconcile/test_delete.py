"""DELETE from a phone: what is gone is gone, and comes back only with goods."""

from __future__ import annotations

import pytest

from api.models import Product, ProductVersion
from api.tests.calls import check_error
from api.tests.reconcile.people import Caller, Phone, Warehouse

UUID = "1f0c2f8e-7d6b-4a53-9a41-6c1b6d5e0f11"


@pytest.fixture
def socks(warehouse: Warehouse, anna: Phone) -> int:
    """On Anna's list."""
    made = warehouse.product("SOCK", 3)
    anna.pull()
    return made


def test_a_deletion_archives_and_its_repetition_does_nothing(warehouse: Warehouse, anna: Phone, socks: int) -> None:
    assert anna.delete(socks).status_code == 204
    versions = ProductVersion.objects.count()
    anna.loses_connection()
    for _ in range(2):
        assert anna.delete(socks).status_code == 204
    product = Product.objects.get(pk=socks)
    assert (product.is_archived, product.quantity) == (True, 3)
    assert ProductVersion.objects.count() == versions
    assert warehouse.questions() == []


def test_of_what_another_has_deleted(warehouse: Warehouse, anna: Phone, boris: Phone, socks: int) -> None:
    boris.delete(socks)
    before = Product.objects.filter(pk=socks).values().get()
    assert anna.delete(socks).status_code == 204
    assert Product.objects.filter(pk=socks).values().get() == before
    assert warehouse.questions() == []


def test_a_number_that_was_never_issued_is_done_and_no_question(warehouse: Warehouse, anna: Phone) -> None:
    assert anna.delete(99_999_999).status_code == 204
    assert warehouse.questions() == []


def test_a_phones_id_that_nobody_knows_is_done_and_a_question(warehouse: Warehouse, anna: Phone) -> None:
    for _ in range(2):
        assert anna.delete(UUID).status_code == 204
    assert warehouse.questions() == [("unknown_product", "")]
    assert warehouse.question().facts == {"id": UUID}


def test_repeated_after_goods_brought_the_product_back_it_stays(
    warehouse: Warehouse, anna: Phone, boris: Phone, socks: int
) -> None:
    boris.pull()
    anna.delete(socks)
    boris.add("SOCK", 4)
    anna.loses_connection()
    assert anna.delete(socks).status_code == 204
    assert warehouse.on_hand("SOCK") == 7
    assert warehouse.questions() == [("archived_stock", "SOCK")]


def test_a_new_deletion_after_the_pull_counts(warehouse: Warehouse, anna: Phone, boris: Phone, socks: int) -> None:
    boris.pull()
    anna.delete(socks)
    boris.add("SOCK", 4)
    anna.pull()
    assert anna.delete(socks).status_code == 204
    assert Product.objects.get(pk=socks).is_archived


def test_a_program_may_repeat_a_deletion_and_gets_404_for_what_never_was(
    warehouse: Warehouse, shop: Caller, socks: int
) -> None:
    assert [shop.delete(socks).status_code for _ in range(2)] == [204, 204]
    for key in (UUID, 99_999_999):
        check_error(shop.delete(key), 404, "no_such_product")
    assert warehouse.questions() == []
