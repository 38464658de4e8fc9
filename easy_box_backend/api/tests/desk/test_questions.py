"""Questions at the desk: the list, the answers, many at once, and “This is really …”."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from api.actions import barcodes, orders, stock
from api.actor import Actor
from api.discrepancies import kinds
from api.models import Discrepancy, Product, StockMovement, User
from api.tests.conftest import MakeUser
from api.tests.discrepancy_examples import Examples
from api.tests.reconcile.people import Warehouse

pytestmark = pytest.mark.django_db
Kind = Discrepancy.Kind


@pytest.fixture
def examples() -> Examples:
    return Examples()


def ask_about_duplicate(examples: Examples, pieces: int = 5, sku: str = "SOCK") -> Discrepancy:
    """A question about an addition that the phone may have sent twice, and which is not booked."""
    product = Product.objects.get(sku=sku)
    pending = [{"product": product.pk, "delta": pieces, "at": examples.at.isoformat()}]
    return examples.ask(Kind.POSSIBLE_DUPLICATE, product=product, quantity=pieces, pending=pending)


def text(client: Client, address: str = "/questions/", **query: str) -> str:
    """The text of a page."""
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def shown(row: Discrepancy, action: str) -> str:
    """The value that the button of this answer sends."""
    answer = kinds.describe([row])[0].answer(action)
    assert answer
    return f"{action}:{answer.token}"


def answer(client: Client, row: Discrepancy, action: str, **more: str) -> str:
    """Press the button of an answer. Returns the messages that are shown then. more: other fields of the form."""
    reply = client.post(f"/questions/{row.pk}/", {"answer": shown(row, action), **more}, follow=True)
    return " ".join(str(message) for message in reply.context["messages"])


def on_hand(sku: str) -> int:
    return Product.objects.live().get(sku=sku).quantity


# --- The list ---------------------------------------------------------------------------------------------------------
def test_a_card_lists_what_happened_in_the_order_of_time(desk: Client, examples: Examples, vera: User) -> None:
    examples.received(examples.sock, 5)
    ask_about_duplicate(examples)
    stock.adjust(examples.sock.pk, -1, reason="broken", by=Actor(vera, at=examples.at.replace(year=2099)))
    page = text(desk)
    rows = [re.sub(r"<[^>]*>|\s+", " ", row) for row in re.findall(r"<tr.*?</tr>", page, re.S)]
    words = ("receipt", "This question", "broken")
    events = [row for row in rows if any(word in row for word in words)]
    assert [word for row in events for word in words if word in row] == ["receipt", *words]
    assert "+5" in events[0]
    assert "Анна" in events[0]
    assert "Pixel 7" in events[0]
    assert "the server believes" in page
    assert "but perhaps" in page
    assert "Book 5 pieces: 16 → 21" in page


def test_a_card_lists_the_changes_of_status_of_its_order(desk: Client, examples: Examples, vera: User) -> None:
    orders.update(examples.order.pk, status="cancelled", by=Actor(vera, at=examples.at))
    examples.ask(Kind.PICKED_AFTER_CANCEL, order=examples.order, customer="Петрова", pending=[])
    page = text(desk)
    assert "Order: open" in page
    assert "Order: cancelled" in page
    assert f'href="/orders/{examples.order.pk}/"' in page


def test_every_kind_has_a_card_and_a_page(desk: Client, examples: Examples) -> None:
    for row in examples.all():
        page = text(desk, f"/questions/{row.pk}/")
        assert "None" not in re.sub(r"<[^>]*>", "", page)
    for number in range(1, 5):
        assert desk.get("/questions/", {"page": number}).status_code == 200


def test_the_list_is_filtered_by_kind_product_phone_status_and_text(desk: Client, examples: Examples) -> None:
    mine, other = ask_about_duplicate(examples), examples.ask(Kind.DELETION_ASKED, product=examples.shirt)

    def found(**query: Any) -> list[int]:
        return [one.row.pk for one in desk.get("/questions/", query).context["told"]]

    assert found() == [mine.pk, other.pk]
    assert found(kind="deletion_asked") == [other.pk]
    assert found(product=examples.sock.pk) == [mine.pk]
    assert found(device=examples.anna.device.pk if examples.anna.device else 0) == [mine.pk, other.pk]
    assert found(q="носки") in ([mine.pk], [])  # SQLite knows no Russian capitals
    assert found(q="SHIRT") == [other.pk]
    assert found(status="dismissed") == []
    answer(desk, mine, "dismiss")
    assert found() == [other.pk]
    assert found(status="dismissed") == [mine.pk]
    assert found(status="all") == [other.pk, mine.pk]
    for strange in ("x", "²", "9" * 30, "-1", "\0"):
        assert found(product=strange, status="all") == []
        assert found(kind=strange) == found(status=strange) == []
        assert found(q=strange, status="dismissed") in ([], [mine.pk])


def test_the_page_takes_fewer_than_twelve_queries(
    desk: Client, examples: Examples, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    examples.all()
    with django_assert_max_num_queries(11):
        desk.get("/questions/")


def test_a_settled_question_says_who_when_and_why(desk: Client, examples: Examples) -> None:
    row = ask_about_duplicate(examples)
    answer(desk, row, "apply", note="looked at the shelf")
    page = text(desk, f"/questions/{row.pk}/")
    assert "Vera: looked at the shelf" in page
    assert 'name="answer"' not in page


# --- Answers ----------------------------------------------------------------------------------------------------------
def test_a_button_does_what_it_says(desk: Client, examples: Examples) -> None:
    row = ask_about_duplicate(examples)
    assert "Book 5 pieces: 12 → 17" in text(desk)
    assert answer(desk, row, "apply") == "Possibly sent twice SOCK: Applied."
    assert on_hand("SOCK") == 17


def test_an_answer_that_is_out_of_date_does_nothing_and_says_what_it_would_do_now(
    desk: Client, examples: Examples
) -> None:
    row = ask_about_duplicate(examples)
    old = shown(row, "apply")
    examples.received(examples.sock, 1)
    reply = desk.post(f"/questions/{row.pk}/", {"answer": old}, follow=True)
    (message,) = reply.context["messages"]
    assert "Book 5 pieces: 13 → 18" in str(message)
    assert on_hand("SOCK") == 13
    row.refresh_from_db()
    assert row.status == "open"


def test_a_form_that_is_sent_twice_acts_once(desk: Client, examples: Examples) -> None:
    row = ask_about_duplicate(examples)
    sent = {"answer": shown(row, "apply"), "form_token": "once"}
    for _ in range(2):
        desk.post(f"/questions/{row.pk}/", sent)
    assert on_hand("SOCK") == 17


def test_a_second_tab_is_told_that_the_question_is_settled(desk: Client, examples: Examples) -> None:
    row = ask_about_duplicate(examples)
    old = shown(row, "dismiss")
    answer(desk, row, "apply")
    reply = desk.post(f"/questions/{row.pk}/", {"answer": old}, follow=True)
    assert "already settled" in " ".join(str(message) for message in reply.context["messages"])
    assert on_hand("SOCK") == 17


def test_the_answer_leads_back_to_the_list_as_it_was_filtered(desk: Client, examples: Examples) -> None:
    rows = [ask_about_duplicate(examples), ask_about_duplicate(examples, 6)]
    backs = ["/questions/?kind=possible_duplicate", "https://evil.example/"]
    targets = [desk.post(f"/questions/{row.pk}/", {"answer": shown(row, "dismiss"), "back": back}).headers["Location"]
               for row, back in zip(rows, backs, strict=True)]  # fmt: skip
    assert targets == [backs[0], "/questions/"]


@pytest.mark.parametrize("sent", ["", "nonsense:x", ":"])
def test_an_invalid_answer_changes_nothing(desk: Client, examples: Examples, sent: str) -> None:
    row = ask_about_duplicate(examples)
    assert desk.post(f"/questions/{row.pk}/", {"answer": sent}).status_code == 302
    row.refresh_from_db()
    assert row.status == "open"
    assert on_hand("SOCK") == 12


def test_an_answer_to_a_question_that_is_not_there_is_404(desk: Client, examples: Examples) -> None:
    assert desk.post("/questions/987654/", {"answer": "apply:"}).status_code == 404


@pytest.mark.parametrize(("quantity", "booked"), [("3", 3), ("1 200", 1200), ("", 0), ("three", 0), ("-3", 0)])
def test_a_number_is_entered_for_an_implausible_quantity(
    desk: Client, examples: Examples, quantity: str, booked: int
) -> None:
    row = examples.ask(Kind.IMPLAUSIBLE_QUANTITY, product=examples.sock, quantity=4_006_381_333_999,
                       pending=[{"product": examples.sock.pk, "delta": 4_006_381_333_999}])  # fmt: skip
    assert 'name="quantity"' in text(desk)
    answer(desk, row, "apply", quantity=quantity)
    assert on_hand("SOCK") == 12 + booked


@pytest.mark.both_databases
@pytest.mark.parametrize(("on_hand", "sent"), [(12, -(2**63)), (12, -(10**30)), (-12, 2**63 - 1), (-12, 10**30)])
def test_a_question_about_a_number_beyond_64_bits_is_shown(
    desk: Client, examples: Examples, on_hand: int, sent: int
) -> None:
    """A phone can send any number, and the change offered is that number less what is on hand."""
    product = examples.sock
    if on_hand < 0:
        stock.adjust(product.pk, on_hand - 12, reason="sold", by=Actor(None, at=timezone.now()))
    phone = Warehouse(None).phone("Boris")
    phone.add("SOCK", 1)
    seen = phone.pull()["SOCK"]
    assert phone.put(seen, quantity=sent).status_code == 200
    phone.pull()
    row = Discrepancy.objects.get(kind=Kind.IMPLAUSIBLE_QUANTITY)
    assert abs(row.facts["pending"][0]["delta"]) > 10**18
    assert "SOCK" in text(desk)
    assert "SOCK" in text(desk, f"/questions/{row.pk}/")
    assert "SOCK" in text(desk, f"/products/{product.pk}/")


def test_the_card_leads_to_a_count_of_its_shelf(desk: Client, examples: Examples) -> None:
    ask_about_duplicate(examples)
    assert f"/counts/?product={examples.sock.pk}" in text(desk)
    examples.sock.location = "A 1&2"
    examples.sock.save()
    page = text(desk)
    assert "/counts/?shelf=A%201%262" in page
    assert 'value="A 1&amp;2"' in text(desk, "/counts/", shelf="A 1&2")


# --- This is really … -------------------------------------------------------------------------------------------------
@pytest.fixture
def mistyped(examples: Examples) -> Discrepancy:
    """A question about 3 pieces that came with the mistyped SKU SOKC instead of SOCK."""
    return examples.ask(Kind.UNKNOWN_SKU, product=examples.product("SOKC", "SOKC", 3, unverified=True))


def test_products_with_a_similar_sku_are_suggested(desk: Client, examples: Examples, mistyped: Discrepancy) -> None:
    examples.product("SOCKET", "Dose", 1)
    page = text(desk, f"/questions/{mistyped.pk}/really/")
    assert 'value="SOCK"' in page
    assert 'value="SHIRT"' not in page
    assert 'value="SOKC"' not in page
    page = text(desk, f"/questions/{mistyped.pk}/really/", sku="shi")
    assert re.findall('value="(.*?)"', page) == ["SHIRT"]
    assert "No product is like this." in text(desk, f"/questions/{mistyped.pk}/really/", sku="\0nothing")


@pytest.mark.parametrize(
    ("typed", "right"),
    [("SOCK-RDE", "SOCK-RED"), ("sock red", "SOCK-RED"), ("4006381333932", "4006381333931"), ("SOCKRED", "SOCK-RED"),
     ("SOOCK-RED", "SOCK-RED"), ("OCK-RED", "SOCK-RED")],
)  # fmt: skip
def test_the_right_sku_is_suggested_for_one_with_a_typing_mistake(examples: Examples, typed: str, right: str) -> None:
    from api.actions import unknown_goods

    for sku in ("SOCK-RED", "4006381333931", "4006389999999", "BLUE-CAP"):
        examples.product(sku, sku, 0)
    made = examples.product(typed, typed, 1, unverified=True)
    assert unknown_goods.suggestions(made)[0].sku == right


def test_the_goods_are_moved_to_the_product_that_is_chosen(desk: Client, mistyped: Discrepancy) -> None:
    assert "3" in text(desk, f"/questions/{mistyped.pk}/")
    assert "Moved." in answer(desk, mistyped, "move", sku="SOCK")
    assert on_hand("SOCK") == 15
    assert Product.objects.get(sku="SOKC").is_archived


def test_the_right_product_may_be_named_by_any_of_its_codes(
    desk: Client, examples: Examples, mistyped: Discrepancy
) -> None:
    barcodes.add(examples.sock.pk, "036000291452", by=examples.anna)
    assert "Moved." in answer(desk, mistyped, "move", sku="0036000291452 ")
    assert on_hand("SOCK") == 15


def test_goods_are_not_moved_to_themselves_by_their_barcode(
    desk: Client, examples: Examples, mistyped: Discrepancy
) -> None:
    assert mistyped.product
    barcodes.add(mistyped.product.pk, "036000291452", by=examples.anna)
    assert "No product in use" in answer(desk, mistyped, "move", sku="036000291452")
    assert on_hand("SOKC") == 3


def test_an_unknown_sku_moves_nothing(desk: Client, mistyped: Discrepancy) -> None:
    assert "No product in use has the SKU or barcode NOTHING." in answer(desk, mistyped, "move", sku="NOTHING")
    assert on_hand("SOKC") == 3


def test_only_a_question_about_a_product_has_suggestions(desk: Client, examples: Examples) -> None:
    row = examples.ask(Kind.UNKNOWN_PRODUCT, sku="HAT", id="1f0c")
    assert desk.get(f"/questions/{row.pk}/really/").status_code == 404


# --- Many at once -----------------------------------------------------------------------------------------------------
def confirmed(client: Client, action: str, leave: set[int] = frozenset(), **query: str) -> Any:  # type: ignore[assignment]
    """Open the page that shows what will be done, and send its form. leave: ids of questions without a tick."""
    page = client.get("/questions/together/", {"action": action, **query})
    assert page.status_code == 200
    return send(client, page, action, leave)


def send(client: Client, page: Any, action: str, leave: set[int] = frozenset()) -> Any:  # type: ignore[assignment]
    """Send the form of that page, without the questions in `leave`."""
    ids = [one.row.pk for one, _answer in page.context["able"] if one.row.pk not in leave]
    sent = {"action": action, "shown": page.context["shown"], "id": ids, "note": "all right"}
    return client.post("/questions/together/", sent)


def test_questions_are_settled_together_each_from_where_the_one_before_ends(desk: Client, examples: Examples) -> None:
    (
        ask_about_duplicate(examples),
        ask_about_duplicate(examples, 6),
        examples.ask(Kind.DELETION_ASKED, product=examples.shirt),
    )
    page = text(desk, kind="possible_duplicate")
    assert "/questions/together/?kind=possible_duplicate&amp;action=apply" in page
    page = text(desk, "/questions/together/", action="apply", kind="possible_duplicate")
    assert "Book 5 pieces: 12 → 17" in page
    assert "Book 6 pieces: 17 → 23" in page
    assert confirmed(desk, "apply", kind="possible_duplicate").status_code == 302
    assert on_hand("SOCK") == 23
    assert set(Discrepancy.objects.filter(status="applied").values_list("note", flat=True)) == {"all right"}
    assert Discrepancy.objects.open().get().kind == "deletion_asked"


def test_without_one_of_the_ticks_the_new_numbers_of_the_others_are_shown_first(
    desk: Client, examples: Examples
) -> None:
    first, _other = ask_about_duplicate(examples), ask_about_duplicate(examples, 6)
    page = confirmed(desk, "apply", leave={first.pk})
    assert page.status_code == 200
    assert "nothing was done yet" in page.content.decode()
    assert on_hand("SOCK") == 12
    assert [answer.text for _one, answer in page.context["able"]] == ["Book 6 pieces: 12 → 18"]
    assert send(desk, page, "apply").status_code == 302
    assert on_hand("SOCK") == 18
    assert Discrepancy.objects.open().get() == first


def test_a_question_whose_answer_needs_an_entry_is_left_out_and_named(desk: Client, examples: Examples) -> None:
    row = examples.ask(Kind.UNKNOWN_PRODUCT, sku="HAT", id="1f0c", name="Шапка", quantity=6)
    page = desk.get("/questions/together/", {"action": "apply"})
    assert [one.row for one in page.context["left"]] == [row]
    assert page.context["able"] == []
    assert desk.get("/questions/together/", {"action": "move"}).status_code == 404
    assert desk.post("/questions/together/", {"action": "apply", "shown": "[]"}).status_code in (200, 302)


def test_an_answer_whose_numbers_changed_meanwhile_is_refused_and_named(desk: Client, examples: Examples) -> None:
    ask_about_duplicate(examples), ask_about_duplicate(examples, 3, "SHIRT")
    page = desk.get("/questions/together/", {"action": "apply"})
    examples.received(examples.sock, 1)
    reply = send(desk, page, "apply")
    messages = [str(message) for message in desk.get(reply.headers["Location"]).context["messages"]]
    assert messages[0] == "1 is settled."
    assert "Book 5 pieces: 13 → 18" in messages[1]
    assert (on_hand("SOCK"), on_hand("SHIRT")) == (13, 13)


# --- Rights -----------------------------------------------------------------------------------------------------------
def test_a_picker_cannot_see_or_answer_questions(make_user: MakeUser, examples: Examples) -> None:
    row = ask_about_duplicate(examples)
    client = Client()
    client.force_login(make_user("Paul"))
    assert client.get("/questions/").status_code == 403
    assert client.post(f"/questions/{row.pk}/", {"answer": shown(row, "apply")}).status_code == 403
    assert client.post("/questions/together/", {"action": "apply"}).status_code == 403
    assert StockMovement.objects.filter(product=examples.sock).count() == 1
