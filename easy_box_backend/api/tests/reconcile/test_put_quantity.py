"""PUT from a phone, the quantity: it shows which button was pressed, and does not set on hand."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from api.actions import stock
from api.actor import Actor
from api.models import Product, StockMovement
from api.phones import numbers
from api.phones import stock as phone_stock
from api.tests import photos
from api.tests.reconcile.people import Caller, Phone, Warehouse

pytestmark = pytest.mark.any_database


@pytest.fixture
def socks(warehouse: Warehouse) -> int:
    return warehouse.product("SOCK", 10)


@pytest.fixture
def seen(anna: Phone, socks: int) -> dict[str, Any]:
    """The product on Anna's list, with the quantity 10."""
    return anna.pull()["SOCK"]


def press(phone: Phone, shown: dict[str, Any], *quantities: int) -> None:
    """Press + or − for each of these numbers: the app sends the whole product with the number."""
    for quantity in quantities:
        assert phone.put(shown, quantity=quantity).status_code == 200


# --- Steps ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("number", "step"), [(11, 1), (9, -1)])
def test_a_number_one_step_from_an_old_list_is_booked_as_one_step(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any], number: int, step: int
) -> None:
    boris.add("SOCK", 5)
    warehouse.later()
    press(anna, seen, number)
    assert warehouse.movements("SOCK") == [10, 5, step]
    made = StockMovement.objects.latest("id")
    assert (made.kind, made.device, made.user) == ("adjustment", anna.device, anna.user)
    assert warehouse.questions() == []


def test_a_number_that_the_phone_was_shown_changes_nothing(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    boris.add("SOCK", 5)
    anna.put(seen, name="Red socks")
    assert warehouse.movements("SOCK") == [10, 5]
    assert warehouse.questions() == []


def test_a_number_that_is_sent_twice_is_one_step(warehouse: Warehouse, anna: Phone, seen: dict[str, Any]) -> None:
    press(anna, seen, 11)
    anna.loses_connection()
    press(anna, seen, 11, 11)
    assert warehouse.movements("SOCK") == [10, 1]
    assert warehouse.questions() == []


def test_three_presses_of_plus_offline_are_three_pieces(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    boris.add("SOCK", 5)
    press(anna, seen, 11, 12, 13)
    assert warehouse.on_hand("SOCK") == 18
    assert warehouse.questions() == []


@pytest.mark.parametrize("broken", [(11, 12), (11, 12, 13)])
def test_a_series_that_was_partly_applied_is_booked_once_when_it_is_sent_again(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any], broken: tuple[int, ...]
) -> None:
    boris.add("SOCK", 5)
    press(anna, seen, *broken)
    anna.loses_connection()
    warehouse.later()
    press(anna, seen, 11, 12, 13)
    assert warehouse.on_hand("SOCK") == 18
    assert warehouse.questions() == []


def test_a_series_of_which_one_number_was_applied_is_booked_once(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    press(anna, seen, 11)
    anna.loses_connection()
    warehouse.later()
    press(anna, seen, 11, 12, 13)
    anna.pull()
    assert warehouse.on_hand("SOCK") == 13
    assert warehouse.questions() == []


@pytest.mark.parametrize("lost", [False, True])
def test_plus_plus_minus_over_three_connections_adds_one_piece(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any], lost: bool
) -> None:
    """A load balancer gives each request a connection of its own. The second 11 is no duplicate."""
    for number in (11, 12, 11):
        anna.loses_connection()
        press(anna, seen, number)
        warehouse.later(5 if lost else 0)
    assert warehouse.on_hand("SOCK") == 11
    anna.pull()
    assert warehouse.on_hand("SOCK") == 11


def test_a_number_that_includes_queued_goods_is_explained_once_they_arrive(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    """Two pieces wait on the phone, so its page shows 12 of 10, and + sends 13."""
    press(anna, seen, 13)
    assert warehouse.on_hand("SOCK") == 10
    warehouse.later()
    anna.add("SOCK", 2)
    anna.pull()
    assert warehouse.movements("SOCK") == [10, 2, 1]
    assert warehouse.questions() == []


@pytest.mark.parametrize("meanwhile", [0, 5])
def test_the_list_of_a_pull_includes_the_corrections_that_the_pull_caused(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch, meanwhile: int
) -> None:
    """If somebody changes the stock between the correction and the list, the list has that change too."""
    pulled = phone_stock.pulled

    def hears_it(revision: int, *, by: Actor) -> int:
        heard = pulled(revision, by=by)
        if meanwhile:
            stock.receive(seen["id"], meanwhile, by=Actor(None, at=by.at))
        return heard

    press(anna, seen, 13)
    warehouse.later()
    anna.add("SOCK", 2)
    with monkeypatch.context() as patched:
        patched.setattr(phone_stock, "pulled", hears_it)
        fresh = anna.pull()["SOCK"]
    assert fresh["quantity"] == 13 + meanwhile
    press(anna, fresh, 14 + meanwhile)
    assert warehouse.movements("SOCK")[-1] == 1
    anna.pull()
    assert warehouse.questions() == []


def test_the_list_of_a_pull_that_caused_a_correction_is_never_304(
    warehouse: Warehouse, anna: Phone, vera: Caller, seen: dict[str, Any]
) -> None:
    press(anna, seen, 13)
    warehouse.later()
    anna.add("SOCK", 2)
    tag = vera.send("get", "/api/products/").headers["ETag"]
    answer = anna.send("get", "/api/products/", **{"If-None-Match": tag})
    assert answer.status_code == 200
    assert [row["quantity"] for row in answer.json()] == [13]
    tag = answer.headers["ETag"]
    assert anna.send("get", "/api/products/", **{"If-None-Match": tag}).status_code == 304


def test_a_count_after_a_number_holds_also_if_the_number_is_explained_later(
    warehouse: Warehouse, anna: Phone, vera: Caller, seen: dict[str, Any]
) -> None:
    press(anna, seen, 13)
    warehouse.later()
    assert vera.send("post", f"/api/products/{seen['id']}/count/", {"counted": 40}).status_code in (200, 201)
    warehouse.later()
    anna.add("SOCK", 2)
    anna.pull()
    assert warehouse.on_hand("SOCK") == 42


def test_presses_after_a_count_are_read_from_the_number_that_the_page_still_shows(
    warehouse: Warehouse, anna: Phone, vera: Caller, seen: dict[str, Any]
) -> None:
    press(anna, seen, 11)
    warehouse.later()
    assert vera.send("post", f"/api/products/{seen['id']}/count/", {"counted": 40}).status_code in (200, 201)
    warehouse.later()
    press(anna, seen, 12, 13)
    anna.pull()
    assert warehouse.on_hand("SOCK") == 42
    assert warehouse.questions() == []


def test_plus_and_then_minus_change_nothing(warehouse: Warehouse, anna: Phone, seen: dict[str, Any]) -> None:
    press(anna, seen, 11, 10)
    assert warehouse.on_hand("SOCK") == 10
    assert warehouse.questions() == []


def test_two_phones_that_press_plus_on_one_number_add_two(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    theirs = boris.pull()["SOCK"]
    press(anna, seen, 11)
    press(boris, theirs, 11)
    assert warehouse.on_hand("SOCK") == 12
    assert warehouse.questions() == []


# --- Presses and the phone's own additions ----------------------------------------------------------------------------
def test_a_press_made_before_an_addition_is_booked_although_it_arrives_after_it(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    """Offline: + (11), then 5 received. The queue of additions goes first."""
    anna.add("SOCK", 5)
    press(anna, seen, 11)
    assert warehouse.on_hand("SOCK") == 16
    assert warehouse.questions() == []


def test_presses_made_before_and_after_an_addition_are_both_booked(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    """Offline: + (11), 5 received (16), + (17)."""
    anna.add("SOCK", 5)
    press(anna, seen, 11, 17)
    assert warehouse.on_hand("SOCK") == 17
    assert warehouse.questions() == []


def test_presses_before_and_after_an_addition_are_booked_once_when_they_are_sent_again(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    anna.add("SOCK", 5)
    press(anna, seen, 11, 17)
    anna.loses_connection()
    warehouse.later()
    press(anna, seen, 11)
    assert warehouse.on_hand("SOCK") == 16
    press(anna, seen, 17)
    assert warehouse.on_hand("SOCK") == 17
    assert warehouse.questions() == []


@pytest.mark.parametrize("own", [False, True])
def test_plus_minus_is_asked_about_where_only_the_last_press_came_on_another_connection(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any], own: bool
) -> None:
    """Nothing fails within a series of presses, so another connection suggests a copy, unless each press has one."""
    for place, number in enumerate((11, 12, 13, 14, 13)):
        if own or place == 4:
            anna.loses_connection()
        warehouse.later(1 / 60)
        press(anna, seen, number)
    anna.pull()
    assert bool(warehouse.questions()) is not own


def test_a_second_pass_that_breaks_off_in_the_middle_changes_nothing(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    """Two passes run at once: the first one sends all updates, the second one breaks off after the first update."""
    press(anna, seen, 11, 12)
    anna.put(seen, quantity=12, name="Red socks")
    anna.loses_connection()
    press(anna, seen, 11)
    assert warehouse.on_hand("SOCK") == 12
    assert anna.pull()["SOCK"]["name"] == "Red socks"
    assert warehouse.questions() == [("quantity_guess", "SOCK")], "it may be a press of −"


def test_edits_before_and_after_an_addition_change_no_quantity(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    anna.add("SOCK", 5)
    anna.put(seen, quantity=10, name="Red socks")
    anna.put(seen, quantity=15, name="Red socks", location="B2")
    assert warehouse.on_hand("SOCK") == 15
    assert warehouse.questions() == []


def test_a_number_that_may_be_a_press_or_include_an_addition_of_one_is_booked_and_asked_about(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    anna.add("SOCK", 1)
    press(anna, seen, 11)
    assert warehouse.on_hand("SOCK") == 12
    anna.pull()
    assert warehouse.questions() == [("quantity_guess", "SOCK")]


# --- Numbers several steps away, edits and photos ---------------------------------------------------------------------
def test_a_number_several_steps_away_is_held_back_and_asked_about(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    boris.add("SOCK", 5)
    press(anna, seen, 25)
    assert warehouse.on_hand("SOCK") == 15
    assert warehouse.questions() == [], "later requests may still explain the number"
    anna.pull()
    assert warehouse.on_hand("SOCK") == 15
    assert warehouse.questions() == [("quantity_guess", "SOCK")]
    facts = warehouse.question().facts
    assert (facts["sent"], facts["on_hand"], facts["change"]) == (25, 15, 0)
    assert [entry["delta"] for entry in facts["pending"]] == [1], "a press changes a number by one"


def test_a_number_several_steps_away_that_is_sent_twice_is_asked_about_once(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    press(anna, seen, 25, 25)
    anna.pull()
    assert warehouse.movements("SOCK") == [10]
    assert warehouse.questions() == [("quantity_guess", "SOCK")]


def test_a_number_one_step_away_together_with_an_edit_is_not_booked_as_a_press(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    anna.put(seen, quantity=11, name="Red socks")
    anna.pull()
    assert warehouse.on_hand("SOCK") == 10
    assert warehouse.questions() == [("quantity_guess", "SOCK")]


def test_a_step_from_a_doubtful_number_is_doubtful(warehouse: Warehouse, anna: Phone, seen: dict[str, Any]) -> None:
    """A repaired app: an update that waited on the phone (11) comes after one that was sent at once (12)."""
    press(anna, seen, 12, 11)
    anna.pull()
    assert warehouse.questions() == [("quantity_guess", "SOCK")]


def test_a_step_is_doubtful_also_if_the_number_before_it_looked_like_no_change(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    """A repaired app: offline − (9), then + at once (10), and the 9 comes after it."""
    press(anna, seen, 10, 9)
    anna.pull()
    assert warehouse.questions() == [("quantity_guess", "SOCK")]


def test_the_path_of_an_earlier_photo_in_the_next_press_is_no_edit(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    """The app sends the path of the photo on the phone in every later update."""
    path = "/data/user/0/easybox/photo.jpg"
    anna.put(seen, image_url=path)
    anna.put(seen, quantity=11, image_url=path)
    assert warehouse.movements("SOCK") == [10, 1]
    assert warehouse.questions() == []


def test_a_page_does_not_show_what_a_look_up_was_answered(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    """A page is opened from the list. So 11 is one more than the 10 there, and not one less than the 12 of the scan."""
    boris.add("SOCK", 2)
    warehouse.later()
    anna.scan("SOCK")
    warehouse.later(0.5)
    press(anna, seen, 11)
    anna.pull()
    assert warehouse.movements("SOCK") == [10, 2, 1]
    assert warehouse.questions() == []


def photographed(phone: Phone, seen: dict[str, Any], photo: bytes) -> str:
    """Upload a photo as the app does before the PUT; returns the photo's URL."""
    file = {"image": SimpleUploadedFile("photo.jpg", photo)}
    answer = phone.send("post", f"/api/products/{seen['id']}/upload_image/", file, "multipart")
    assert answer.status_code == 200, answer.content
    return str(answer.json()["image_url"])


def test_a_page_saved_with_a_new_photo_shows_the_number_that_it_was_opened_with(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    """Of the answer to the upload the app takes the URL only. So 10 is no press, although one more is on hand."""
    boris.add("SOCK", 1)
    warehouse.later()
    anna.put(seen, image_url=photographed(anna, seen, photos.jpeg()))
    anna.pull()
    assert warehouse.movements("SOCK") == [10, 1]
    assert warehouse.questions() == []


def test_a_page_saved_again_after_the_put_was_lost_is_no_press(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    """The network ate the first PUT, and the person saves the page again."""
    boris.add("SOCK", 1)
    warehouse.later()
    photographed(anna, seen, photos.jpeg())
    warehouse.later(0.5)
    anna.loses_connection()
    anna.put(seen, image_url=photographed(anna, seen, photos.jpeg()))
    anna.pull()
    assert warehouse.movements("SOCK") == [10, 1]
    assert warehouse.questions() == []


def test_a_press_on_a_page_with_a_new_photo_counts(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    """The page shows the file on the phone, so each press uploads it once more."""
    boris.add("SOCK", 5)
    warehouse.later()
    anna.put(seen, image_url=photographed(anna, seen, photos.jpeg()))
    for number in (11, 12):
        warehouse.later(0.05)
        anna.put(seen, quantity=number, image_url=photographed(anna, seen, photos.jpeg()))
    anna.pull()
    assert warehouse.movements("SOCK") == [10, 5, 1, 1]
    assert warehouse.questions() == []


def test_a_new_photo_makes_a_number_that_is_one_off_no_press(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    """Her latest list, with 11, may have been lost. So 10 is what the one before shows, and not one less than 11."""
    boris.add("SOCK", 1)
    anna.pull()
    anna.loses_connection()
    warehouse.later()
    anna.put(seen, image_url=photographed(anna, seen, photos.jpeg()))
    assert warehouse.movements("SOCK") == [10, 1]


def test_a_number_one_step_away_together_with_a_new_photo_is_not_booked_as_a_press(
    warehouse: Warehouse, anna: Phone, seen: dict[str, Any]
) -> None:
    anna.put(seen, quantity=11, image_url="/data/user/0/easybox/photo.jpg")
    anna.pull()
    assert warehouse.questions() == [("quantity_guess", "SOCK")]


def test_a_new_photo_alone_changes_no_quantity(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    boris.add("SOCK", 1)
    anna.put(seen, image_url="/data/user/0/easybox/photo.jpg")
    photo = {"image": SimpleUploadedFile("photo.jpg", photos.jpeg())}
    assert anna.send("post", f"/api/products/{seen['id']}/upload_image/", photo, "multipart").status_code == 200
    assert warehouse.movements("SOCK") == [10, 1]
    assert warehouse.questions() == []


def test_a_barcode_as_the_quantity_is_held_back(warehouse: Warehouse, anna: Phone, seen: dict[str, Any]) -> None:
    anna.put(seen, quantity=4006381333931, location="B2")
    product = Product.objects.get(pk=seen["id"])
    assert (product.quantity, product.location) == (10, "B2")
    anna.pull()
    question = warehouse.question()
    assert (question.kind, question.facts["sent"]) == ("implausible_quantity", 4006381333931)
    assert [entry["delta"] for entry in question.facts["pending"]] == [4006381333931 - 10]


def test_a_put_without_a_quantity_changes_no_quantity(warehouse: Warehouse, anna: Phone, seen: dict[str, Any]) -> None:
    body = {"name": "Red socks", "sku": "SOCK", "location": "A1"}
    assert anna.send("put", f"/api/products/{seen['id']}/", body).status_code == 200
    assert warehouse.movements("SOCK") == [10]


# --- What the phone can have seen -------------------------------------------------------------------------------------
def test_a_number_from_a_phone_that_never_pulled_is_held_back_and_asked_about(
    warehouse: Warehouse, anna: Phone, socks: int
) -> None:
    blind = {"id": socks, "name": "Socks", "sku": "SOCK", "quantity": 7, "location": "A1", "image_url": None}
    press(anna, blind, 7)
    anna.pull()
    assert warehouse.on_hand("SOCK") == 10
    assert warehouse.questions() == [("quantity_guess", "SOCK")]


def test_a_number_equal_to_on_hand_from_a_phone_that_never_pulled_changes_nothing(
    warehouse: Warehouse, anna: Phone, socks: int
) -> None:
    blind = {"id": socks, "name": "Socks", "sku": "SOCK", "quantity": 10, "location": "A1", "image_url": None}
    press(anna, blind, 10)
    assert warehouse.movements("SOCK") == [10]
    assert warehouse.questions() == []


def test_a_product_that_the_phone_created_begins_with_zero_on_its_page(warehouse: Warehouse, anna: Phone) -> None:
    anna.pull()
    made = anna.create("CAP").json()
    anna.add("CAP", 3)
    press(anna, made, 4)
    assert warehouse.movements("CAP") == [3, 1]
    assert warehouse.questions() == []


def test_a_step_from_the_list_before_a_lost_one_is_booked(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    boris.add("SOCK", 5)
    anna.pull()
    anna.loses_connection()
    press(anna, seen, 11)
    assert warehouse.on_hand("SOCK") == 16
    assert warehouse.questions() == []


@pytest.mark.parametrize(
    ("arrived", "added", "booked"),
    [(False, 0, [10, 1, -1, -1]), (True, 0, [10, 1, -1]), (False, 4, [10, 1, 4, -1, -1]), (True, 4, [10, 1, 4, -1])],
)
def test_after_a_lost_list_a_page_shows_the_number_sent_before_it_and_what_the_phone_has_added_since(
    warehouse: Warehouse, anna: Phone, vera: Caller, seen: dict[str, Any], arrived: bool, added: int, booked: list[int]
) -> None:
    """Her page shows 11, and one less is 10, as both lists say. If she has the new list, she has saved the page."""
    press(anna, seen, 11)
    if added:
        warehouse.later(1)
        anna.add("SOCK", added)
    vera.send("post", f"/api/products/{seen['id']}/adjust/", {"quantity_delta": -1, "reason": "sold"})
    warehouse.later(1)
    anna.pull()
    if not arrived:
        anna.loses_connection()
    press(anna, seen, 10 + added)
    assert warehouse.movements("SOCK") == booked
    anna.pull()
    assert warehouse.questions() == [("quantity_guess", "SOCK")]


def test_after_the_new_list_has_certainly_arrived_a_step_from_the_old_number_is_asked_about(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    boris.add("SOCK", 5)
    anna.pull()
    press(anna, seen, 11)
    anna.pull()
    assert warehouse.questions() == [("quantity_guess", "SOCK")]


def test_a_press_after_a_pull_is_read_from_the_new_number(
    warehouse: Warehouse, anna: Phone, boris: Phone, seen: dict[str, Any]
) -> None:
    press(anna, seen, 11)
    boris.add("SOCK", 5)
    fresh = anna.pull()["SOCK"]
    assert fresh["quantity"] == 16
    press(anna, fresh, 15)
    assert warehouse.on_hand("SOCK") == 15
    assert warehouse.questions() == []


def test_a_step_on_an_archived_product_is_booked_and_asked_about(
    warehouse: Warehouse, anna: Phone, vera: Caller, seen: dict[str, Any]
) -> None:
    vera.delete(seen["id"])
    press(anna, seen, 11)
    product = Product.objects.get(pk=seen["id"])
    assert (product.quantity, product.is_archived) == (11, True)
    assert warehouse.questions() == [("archived_stock", "SOCK")]


def test_a_press_of_minus_below_zero_is_booked(warehouse: Warehouse, anna: Phone) -> None:
    warehouse.product("CAP", 0)
    press(anna, anna.pull()["CAP"], -1)
    assert warehouse.on_hand("CAP") == -1
    assert warehouse.questions() == [("negative_stock", "CAP")]


# --- Programs ---------------------------------------------------------------------------------------------------------
def test_a_programs_number_sets_on_hand(warehouse: Warehouse, shop: Caller, boris: Phone, socks: int) -> None:
    shown = shop.send("get", f"/api/products/{socks}/").json()
    boris.add("SOCK", 5)
    shop.put(shown, quantity=11)
    assert warehouse.movements("SOCK") == [10, 5, -4]
    assert warehouse.questions() == []


# --- A picker's phone -------------------------------------------------------------------------------------------------
def test_presses_on_a_pickers_phone_are_booked_without_a_question(warehouse: Warehouse) -> None:
    warehouse.product("SOCK", 10)
    paul = warehouse.phone("Paul", manager=False)
    shown = paul.pull()["SOCK"]
    for quantity in (11, 12, 11):
        assert paul.put(shown, quantity=quantity).status_code == 200
        warehouse.later()
    assert warehouse.movements("SOCK") == [10, 1, 1, -1]
    assert warehouse.questions() == []


def test_a_number_that_no_button_makes_is_not_booked_for_a_picker_but_asked_about(warehouse: Warehouse) -> None:
    warehouse.product("SOCK", 10)
    paul = warehouse.phone("Paul", manager=False)
    assert paul.put(paul.pull()["SOCK"], quantity=500).status_code == 200
    paul.pull()
    assert warehouse.on_hand("SOCK") == 10
    assert warehouse.questions() == [("quantity_guess", "SOCK")]


def test_doubtful_numbers_of_a_silent_phone_are_asked_about_after_a_day(
    warehouse: Warehouse, anna: Phone, seen: Any
) -> None:
    """Doubtful numbers are asked about at the phone's next pull, and a phone that is lost makes none."""
    press(anna, seen, 25)
    assert numbers.ask_about_silent_phones(timezone.now()) == 0
    assert warehouse.questions() == []
    warehouse.later(25 * 60)
    assert numbers.ask_about_silent_phones(timezone.now()) == 1
    assert warehouse.questions() == [("quantity_guess", "SOCK")]
    assert numbers.ask_about_silent_phones(timezone.now()) == 0
    press(anna, seen, 26)  # the phone was found, and is used again
    anna.pull()
    assert warehouse.questions() == [("quantity_guess", "SOCK")]
