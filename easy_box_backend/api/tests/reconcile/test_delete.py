"""DELETE from a phone archives a product; only goods restore it."""

from __future__ import annotations

import pytest

from api.models import Product, ProductVersion
from api.tests.calls import check_error
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.any_database

UUID = "1f0c2f8e-7d6b-4a53-9a41-6c1b6d5e0f11"


@pytest.fixture
def socks(warehouse: Warehouse, anna: Phone) -> int:
    """The id of a product on Anna's list."""
    made = warehouse.product("SOCK", 3)
    anna.pull()
    return made


def test_a_deletion_archives_and_is_idempotent(warehouse: Warehouse, anna: Phone, socks: int) -> None:
    assert anna.delete(socks).status_code == 204
    versions = ProductVersion.objects.count()
    anna.loses_connection()
    for _ in range(2):
        assert anna.delete(socks).status_code == 204
    product = Product.objects.get(pk=socks)
    assert (product.is_archived, product.quantity) == (True, 3)
    assert ProductVersion.objects.count() == versions
    assert warehouse.questions() == []


def test_deleting_a_product_that_another_phone_has_deleted_changes_nothing(
    warehouse: Warehouse, anna: Phone, boris: Phone, socks: int
) -> None:
    boris.delete(socks)
    before = Product.objects.filter(pk=socks).values().get()
    assert anna.delete(socks).status_code == 204
    assert Product.objects.filter(pk=socks).values().get() == before
    assert warehouse.questions() == []


def test_deleting_an_id_that_was_never_issued_succeeds_and_creates_no_question(
    warehouse: Warehouse, anna: Phone
) -> None:
    assert anna.delete(99_999_999).status_code == 204
    assert warehouse.questions() == []


def test_deleting_an_unknown_id_of_a_phone_succeeds_and_creates_a_question(warehouse: Warehouse, anna: Phone) -> None:
    for _ in range(2):
        assert anna.delete(UUID).status_code == 204
    assert warehouse.questions() == [("unknown_product", "")]
    assert warehouse.question().facts == {"id": UUID}


def test_a_duplicate_deletion_does_not_archive_a_product_again_that_goods_have_brought_back(
    warehouse: Warehouse, anna: Phone, boris: Phone, socks: int
) -> None:
    boris.pull()
    anna.delete(socks)
    boris.add("SOCK", 4)
    anna.loses_connection()
    assert anna.delete(socks).status_code == 204
    assert warehouse.on_hand("SOCK") == 7
    assert warehouse.questions() == [("archived_stock", "SOCK")]


def test_a_deletion_after_the_next_pull_is_a_new_one(
    warehouse: Warehouse, anna: Phone, boris: Phone, socks: int
) -> None:
    boris.pull()
    anna.delete(socks)
    boris.add("SOCK", 4)
    anna.pull()
    assert anna.delete(socks).status_code == 204
    assert Product.objects.get(pk=socks).is_archived


def test_a_program_may_repeat_a_deletion_and_gets_404_for_an_unknown_id(
    warehouse: Warehouse, shop: Caller, socks: int
) -> None:
    assert [shop.delete(socks).status_code for _ in range(2)] == [204, 204]
    for key in (UUID, 99_999_999):
        check_error(shop.delete(key), 404, "no_such_product")
    assert warehouse.questions() == []


# --- A picker's -------------------------------------------------------------------------------------------------------
def test_a_product_that_a_picker_deletes_stays_and_is_asked_about_once(warehouse: Warehouse, socks: int) -> None:
    paul = warehouse.phone("Paul", manager=False)
    paul.pull()
    for _ in range(2):
        assert paul.delete(socks).status_code == 204
        paul.loses_connection()
    paul.pull()
    assert paul.delete(socks).status_code == 204, "the picker may delete it again, since it is still on the list"
    assert not Product.objects.get(pk=socks).is_archived
    assert warehouse.questions() == [("deletion_asked", "SOCK")]
    question = warehouse.question()
    assert (question.product_id, question.user, question.device) == (socks, paul.user, paul.device)


def test_goods_of_a_product_that_a_picker_wants_deleted_are_booked(warehouse: Warehouse, socks: int) -> None:
    paul = warehouse.phone("Paul", manager=False)
    paul.pull()
    paul.delete(socks)
    paul.add("SOCK", 4)
    assert warehouse.on_hand("SOCK") == 7
    assert warehouse.questions() == [("deletion_asked", "SOCK")]


def test_after_the_question_is_dismissed_a_duplicate_deletion_creates_no_new_one(
    warehouse: Warehouse, vera: Caller, socks: int
) -> None:
    paul = warehouse.phone("Paul", manager=False)
    paul.pull()
    paul.delete(socks)
    vera.send("post", f"/api/discrepancies/{warehouse.question().pk}/resolve/", {"action": "dismiss"})
    paul.loses_connection()
    paul.delete(socks)
    assert warehouse.questions() == []
    paul.pull()
    paul.delete(socks)
    assert warehouse.questions() == [("deletion_asked", "SOCK")]


def test_a_pickers_deletion_of_an_archived_product_creates_no_question(
    warehouse: Warehouse, anna: Phone, socks: int
) -> None:
    paul = warehouse.phone("Paul", manager=False)
    paul.pull()
    anna.delete(socks)
    assert paul.delete(socks).status_code == 204
    assert warehouse.questions() == []


def test_a_pickers_program_is_refused_whatever_the_product(warehouse: Warehouse, socks: int) -> None:
    program = warehouse.program("Pablo", manager=False)
    for key in (socks, 99_999_999, UUID):
        check_error(program.delete(key), 403, "permission_denied")
    assert not Product.objects.get(pk=socks).is_archived
    assert warehouse.questions() == []
