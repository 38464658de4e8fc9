"""The pages of products: the list and its search, rows, many at once, a product's page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from api.actions import barcodes, orders, products, stock
from api.actor import Actor
from api.desk import products as rows
from api.desk.products_forms import RowForm
from api.models import Discrepancy, Product, ProductText, StockMovement, User
from api.tests import photos
from api.tests.calls import upload
from api.tests.cases import each
from api.tests.conftest import LogIn, MakeProduct, MakeUser

pytestmark = pytest.mark.django_db
EAN, UPC = "4006381333931", "036000291452"


def text(answer: Any) -> str:
    """The text of a page."""
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def found(desk: Client, **query: str) -> list[str]:
    """The SKUs on the list that htmx fetches for a query."""
    page = desk.get("/products/", query, headers={"HX-Request": "true"})
    assert "<html" not in text(page)
    return [product.sku for product in page.context["products"]]


def messages_on(answer: Any) -> list[str]:
    """The messages on a page."""
    return [str(message) for message in answer.context["messages"]]


def act(desk: Client, product: Product, verb: str, **values: Any) -> Any:
    """Send one of the forms of a product's page."""
    sent = {f"{verb}-{name}": value for name, value in values.items()}
    return desk.post(f"/products/{product.pk}/", {"do": verb, **sent}, follow=True)


def now(product: Product) -> Product:
    """The product as it is in the database now."""
    return Product.objects.get(pk=product.pk)


@pytest.fixture
def by(vera: User) -> Actor:
    """The manager as the actor of actions."""
    return Actor(vera, at=timezone.now())


# --- Searching --------------------------------------------------------------------------------------------------------
@pytest.fixture
def wardrobe(by: Actor, make_product: MakeProduct) -> None:
    """Products to search for."""
    make_product("BR-1", name="Щётка жёлтая", location="B2-01")
    coat = make_product("S.1", name="Straße")
    share = make_product("P%1", name="100% wool")
    make_product("P_2", name="Socks")
    barcodes.add(coat.pk, EAN, by=by)
    barcodes.add(share.pk, f"0{UPC}", by=by)


@pytest.mark.both_databases
@each(("asked", "skus"), [
    ("щетка", ["BR-1"]), ("ЩЁТКА", ["BR-1"]), ("зубн мятн", []), ("жёлтая щет", ["BR-1"]), ("щет желт", ["BR-1"]),
    ("br", ["BR-1"]), ("b2-0", ["BR-1"]), ("STRASSE", ["S.1"]), ("straße", ["S.1"]), ("100%", ["P%1"]), ("_", ["P_2"]),
    (EAN, ["S.1"]), (EAN[2:8], ["S.1"]), (UPC, ["P%1"]), (f"0{UPC}", ["P%1"]), (f"00{UPC}", ["P%1"]), ("\\", []),
    ("\0", []), ("   ", ["P%1", "P_2", "S.1", "BR-1"]), ("", ["P%1", "P_2", "S.1", "BR-1"]),
])  # fmt: skip
def test_every_word_is_found_in_sku_name_shelf_and_barcode_in_any_case(
    desk: Client, wardrobe: None, asked: str, skus: list[str]
) -> None:
    assert found(desk, q=asked) == skus


def test_the_search_follows_every_change_of_a_description(desk: Client, by: Actor, make_product: MakeProduct) -> None:
    pen = make_product("PEN", name="Ручка")
    products.update(pen.pk, {"name": "Перо", "location": "K7"}, by=by)
    barcodes.add(pen.pk, EAN, by=by)
    assert [found(desk, q=asked) for asked in ("ручка", "перо", "k7", EAN)] == [[], ["PEN"], ["PEN"], ["PEN"]]
    barcodes.remove(pen.pk, EAN, by=by)
    assert found(desk, q=EAN) == []
    assert ProductText.objects.count() == 1


def test_a_whole_code_and_enter_opens_its_product(desk: Client, by: Actor, make_product: MakeProduct) -> None:
    pen, other = make_product("PEN"), make_product("PEN-2")
    barcodes.add(other.pk, EAN, by=by)
    assert desk.get("/products/?q=PEN&open=1").headers["Location"] == f"/products/{pen.pk}/"
    assert desk.get(f"/products/?q={EAN}&open=1").headers["Location"] == f"/products/{other.pk}/"
    assert "PEN-2" in text(desk.get("/products/?q=PE&open=1"))


def test_a_product_that_is_not_found_can_be_created(desk: Client) -> None:
    assert "/products/new/?sku=NEW%261" in text(desk.get("/products/", {"q": "NEW&1"}))
    assert 'value="NEW&amp;1"' in text(desk.get("/products/new/?sku=NEW%261"))


def test_the_list_is_filtered_by_stock_and_archived_products(
    desk: Client, by: Actor, make_product: MakeProduct
) -> None:
    make_product("LOW", 2, min_quantity=3)
    make_product("NONE")
    gone = make_product("GONE", 4)
    make_product("ODD", 5, unverified=True)
    stock.adjust(make_product("MINUS").pk, -1, reason="lost", by=by)
    products.archive(gone.pk, by=by)
    shown = {chosen: set(found(desk, stock=chosen)) for chosen in ("", "low", "none", "negative", "unverified")}
    assert shown == {
        "": {"LOW", "NONE", "ODD", "MINUS"}, "low": {"LOW", "MINUS"}, "none": {"NONE"},
        "negative": {"MINUS"}, "unverified": {"ODD"},
    }  # fmt: skip
    assert found(desk, stock="archived") == ["GONE"]
    assert len(found(desk, stock="nonsense", sort="nonsense")) == 4


def test_the_list_is_sorted_by_name_sku_or_last_change(desk: Client, by: Actor, make_product: MakeProduct) -> None:
    make_product("C", name="ёж")
    last = make_product("B", name="Еда")
    make_product("A", name="жук")
    products.update(last.pk, {"location": "X"}, by=by)
    assert found(desk) == ["B", "C", "A"]
    assert found(desk, sort="sku") == ["A", "B", "C"]
    assert found(desk, sort="changed") == ["B", "A", "C"]
    assert found(desk, sort="-name") == ["A", "C", "B"]


def test_the_list_is_sorted_by_shelf_and_on_hand_across_pages_and_in_a_search(
    desk: Client, make_product: MakeProduct
) -> None:
    for number in range(60):
        make_product(f"N-{number:02}", number, name="Sock", location=f"A{59 - number:02}")
    make_product("PEN", 99, name="Pen", location="Z")
    up = [f"N-{number:02}" for number in range(60)]
    assert [found(desk, sort="quantity", page=page) for page in ("1", "2")] == [up[:50], [*up[50:], "PEN"]]
    assert found(desk, sort="-quantity")[:2] == ["PEN", "N-59"]
    assert found(desk, sort="-shelf", q="sock", page="2") == up[50:]
    answer = text(desk.get("/products/?sort=quantity&q=sock"))
    assert 'aria-sort="ascending"' in answer
    assert "?sort=quantity&amp;q=sock&amp;page=2" in answer
    assert "?sort=-quantity&amp;q=sock" in answer


def test_a_row_shows_the_pieces_on_hand_promised_and_free(desk: Client, by: Actor, make_product: MakeProduct) -> None:
    pen = make_product("PEN", 5)
    orders.create(customer_name="Anna", lines=[orders.Line(pen.pk, 7, 0)], by=by)
    row = desk.get("/products/").context["products"][0]
    assert (row.quantity, row.promised, row.free) == (5, 7, -2)


def test_a_page_takes_few_queries_whatever_is_on_it(
    desk: Client, make_product: MakeProduct, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(60):
        make_product(location="A1")
    with django_assert_num_queries(6):  # session, person, the live mark, which, products, promised
        page = desk.get("/products/?q=a1")
    assert len(page.context["products"]) == 50
    with django_assert_num_queries(6):
        assert len(desk.get("/products/?q=a1&page=2").context["products"]) == 10


@pytest.mark.both_databases
def test_the_search_has_a_table_and_an_index_that_no_receipt_writes_to(make_product: MakeProduct) -> None:
    product = make_product("PEN")
    with CaptureQueriesContext(connection) as queries:
        stock.receive(product.pk, 1, by=Actor(None, at=timezone.now()))
    assert not [query for query in queries if "producttext" in query["sql"]]
    with connection.cursor() as cursor:
        names = connection.introspection.get_constraints(cursor, "api_producttext")
    assert "product_text_words" in names


# --- In the row -------------------------------------------------------------------------------------------------------
def set_in_row(desk: Client, product: Product, *, was: object, htmx: bool = True, **value: Any) -> Any:
    """Set a field in a row of the list. was: the value that the row showed before."""
    headers = {"HX-Request": "true"} if htmx else {}
    return desk.post(f"/products/{product.pk}/row/", {"was": was, **value}, headers=headers, follow=not htmx)


def test_shelf_and_minimum_are_set_in_the_row(desk: Client, vera: User, make_product: MakeProduct) -> None:
    pen = make_product("PEN", 2)
    row = text(set_in_row(desk, pen, was="", location=" B-7 "))
    assert row.lstrip().startswith("<tr")
    assert 'value="B-7"' in row
    assert "low" in text(set_in_row(desk, pen, was=0, min_quantity="3"))
    assert (now(pen).location, now(pen).min_quantity) == ("B-7", 3)
    assert now(pen).versions.latest("revision").user == vera
    set_in_row(desk, pen, was="B-7", location="", htmx=False)
    set_in_row(desk, pen, was=3, min_quantity="", htmx=False)
    assert (now(pen).location, now(pen).min_quantity) == ("", 0)


def test_a_change_by_somebody_else_meanwhile_is_shown_and_kept(
    desk: Client, by: Actor, make_product: MakeProduct
) -> None:
    pen = make_product("PEN", location="A1")
    products.update(pen.pk, {"location": "B2"}, by=by)
    stock.receive(pen.pk, 1, by=by)
    assert "Changed meanwhile, now: B2" in text(set_in_row(desk, pen, was="A1", location="C3"))
    assert now(pen).location == "B2"
    assert "Changed meanwhile, now: B2" in messages_on(set_in_row(desk, pen, was="A1", location="C3", htmx=False))
    assert "Changed" not in text(set_in_row(desk, pen, was="A1", location="B2")), "it is what they want"


def test_a_field_is_saved_while_the_one_before_it_is_being_saved(
    desk: Client, by: Actor, make_product: MakeProduct
) -> None:
    pen = make_product("PEN", location="A1")
    read = Product.objects.get(pk=pen.pk)  # the request for the minimum has read it
    products.update(pen.pk, {"location": "B2"}, by=by)  # the one for the shelf, sent just before
    assert call_set_in_row(read, {"was": "0", "min_quantity": "20"}, by) == ""
    assert "Changed meanwhile, now: 20" in call_set_in_row(read, {"was": "0", "min_quantity": "30"}, by)
    pen.refresh_from_db()
    assert (pen.location, pen.min_quantity) == ("B2", 20)


def call_set_in_row(product: Product, sent: dict[str, str], by: Actor) -> str:
    """Call the view's function with a product as it was read. Returns why it refused, "" if it did not."""
    form = RowForm(sent)
    assert form.is_valid()
    return str(rows.set_in_row(product, form, by))


@each("value", [{"min_quantity": "-1"}, {"min_quantity": EAN}, {"min_quantity": "x"}, {"location": "x" * 101}])
def test_an_invalid_value_in_a_row_is_shown_there(
    desk: Client, make_product: MakeProduct, value: dict[str, Any]
) -> None:
    pen = make_product("PEN")
    assert 'role="alert"' in text(set_in_row(desk, pen, was="", **value))
    assert now(pen).revision == pen.revision


# --- Many at once -----------------------------------------------------------------------------------------------------
def many(desk: Client, verb: str, *chosen: Product, **values: str) -> Any:
    """Send the form for many products."""
    keys = [product.pk for product in chosen]
    return desk.post("/products/bulk/", {"do": verb, "product": keys, "form_token": "t1", **values}, follow=True)


def test_shelf_and_minimum_of_many_products_are_set_at_once(desk: Client, make_product: MakeProduct) -> None:
    pen, cap, other = make_product("PEN", location="A1"), make_product("CAP"), make_product("OTHER")
    assert "PEN" in text(many(desk, "change", pen, cap))
    assert messages_on(many(desk, "save", pen, cap, min_quantity="4")) == ["2 products are changed."]
    assert [(row.location, row.min_quantity) for row in map(now, (pen, cap, other))] == [("A1", 4), ("", 4), ("", 0)]
    many(desk, "save", pen, cap, location="Z9")
    assert [(row.location, row.min_quantity) for row in map(now, (pen, cap, other))] == [("Z9", 4), ("Z9", 4), ("", 0)]
    assert "Enter a location or a minimum." in text(many(desk, "save", pen))


def test_many_products_are_archived_after_their_quantities_are_shown(
    desk: Client, by: Actor, make_product: MakeProduct
) -> None:
    pen, cap = make_product("PEN", 7), make_product("CAP")
    orders.create(customer_name="Anna", lines=[orders.Line(pen.pk, 2, 0)], by=by)
    page = many(desk, "change", pen, cap)
    assert [(row.quantity, row.promised) for row in page.context["products"]] == [(7, 2), (0, 0)]
    assert messages_on(many(desk, "archive", pen, cap)) == ["2 products are archived."]
    assert now(pen).is_archived
    assert now(cap).is_archived


@each(("verb", "address"), [("labels", "/labels/?product={}&product={}"),
                            ("export", "/sheets/?export=products&format=xlsx&id={}&id={}")])  # fmt: skip
def test_labels_and_export_get_the_chosen_products(
    desk: Client, make_product: MakeProduct, verb: str, address: str
) -> None:
    pen, cap = make_product(), make_product()
    answer = desk.post("/products/bulk/", {"do": verb, "product": [cap.pk, pen.pk]})
    assert answer.headers["Location"] == address.format(pen.pk, cap.pk)
    assert desk.get(answer.headers["Location"]).status_code == 200


def test_a_message_says_that_no_product_is_chosen(desk: Client) -> None:
    assert messages_on(many(desk, "archive")) == ["Choose products first."]
    assert messages_on(desk.post("/products/bulk/", {"do": "save", "product": "x"}, follow=True)) == [
        "Choose products first."
    ]


# --- A new product ----------------------------------------------------------------------------------------------------
def test_a_product_is_created_with_stock_and_photo(desk: Client, vera: User) -> None:
    sent = {"sku": " PEN\u200b ", "name": "Pen", "location": "A1", "quantity": "5", "min_quantity": ""}
    answer = desk.post("/products/new/", {**sent, "photo": upload(photos.jpeg())}, follow=True)
    made = Product.objects.get()
    assert answer.redirect_chain == [(f"/products/{made.pk}/", 302)]
    assert (made.sku, made.location, made.quantity, made.min_quantity, bool(made.image)) == ("PEN", "A1", 5, 0, True)
    assert made.movements.get().user == vera


def test_a_taken_sku_and_a_bad_photo_are_shown_beside_their_fields(desk: Client, make_product: MakeProduct) -> None:
    make_product("PEN")
    page = desk.post("/products/new/", {"sku": "PEN", "name": "Pen"})
    assert page.context["form"].errors == {"sku": ["A product with this SKU already exists."]}
    page = desk.post("/products/new/", {"sku": "CAP", "name": "Cap", "photo": upload(b"no picture")})
    assert list(page.context["form"].errors) == ["photo"]
    assert Product.objects.count() == 1


# --- A product's page: stock ------------------------------------------------------------------------------------------
def test_stock_is_received_counted_and_corrected(desk: Client, vera: User, make_product: MakeProduct) -> None:
    pen = make_product("PEN", 10)
    assert messages_on(act(desk, pen, "receive", quantity="5")) == ["On hand now: 15."]
    assert messages_on(act(desk, pen, "count", counted="17")) == ["On hand now: 17."]
    assert messages_on(act(desk, pen, "adjust", quantity_delta="−2", reason="broken")) == ["On hand now: 15."]
    made = list(pen.movements.order_by("id").values_list("kind", "quantity_delta", "counted", "reason", "user"))[1:]
    assert made == [
        ("receipt", 5, None, "", vera.pk), ("count", 2, 17, "", vera.pk), ("adjustment", -2, None, "broken", vera.pk),
    ]  # fmt: skip


@each(("verb", "values", "field"), [
    ("receive", {"quantity": "0"}, "quantity"), ("receive", {"quantity": EAN}, "quantity"), ("receive", {}, "quantity"),
    ("count", {"counted": "-1"}, "counted"), ("adjust", {"quantity_delta": "5"}, "reason"),
    ("adjust", {"quantity_delta": "0", "reason": "x"}, "quantity_delta"),
])  # fmt: skip
def test_a_wrong_number_is_shown_beside_its_field_and_moves_nothing(
    desk: Client, make_product: MakeProduct, verb: str, values: dict[str, str], field: str
) -> None:
    pen = make_product("PEN", 3)
    page = act(desk, pen, verb, **values)
    assert list(page.context["forms"][verb].errors) == [field]
    assert 'role="alert"' in text(page)
    assert now(pen).quantity == 3


def test_a_form_sent_twice_counts_once(desk: Client, make_product: MakeProduct) -> None:
    pen = make_product("PEN")
    for _ in range(2):
        answer = desk.post(f"/products/{pen.pk}/", {"do": "receive", "receive-quantity": "5", "form_token": "a"},
                           follow=True)  # fmt: skip
    assert "It took effect once." in " ".join(messages_on(answer))
    assert now(pen).quantity == 5


# --- Description, photo, barcodes, archive ----------------------------------------------------------------------------
def describe(desk: Client, product: Product, *, seen: int, **changes: str) -> Any:
    """Send the form of a description. seen: the revision with which the page was made."""
    shown = {name: getattr(product, name) for name in ("sku", "name", "location", "min_quantity")}
    return act(desk, product, "describe", **{**shown, **changes}, revision=seen)


def test_only_what_was_changed_is_written(desk: Client, by: Actor, make_product: MakeProduct) -> None:
    pen = make_product("PEN", location="A1", unverified=True)
    products.update(pen.pk, {"location": "B2", "min_quantity": 3}, by=by)
    assert messages_on(describe(desk, pen, seen=pen.revision, name="Ball pen")) == ["Saved."]
    saved = now(pen)
    assert (saved.name, saved.location, saved.min_quantity, saved.unverified) == ("Ball pen", "B2", 3, False)


def test_a_field_that_two_people_changed_is_shown_and_saved_when_it_is_sent_again(
    desk: Client, by: Actor, make_product: MakeProduct
) -> None:
    pen = make_product("PEN", location="A1")
    products.update(pen.pk, {"location": "B2"}, by=by)
    page = describe(desk, pen, seen=pen.revision, location="C3")
    assert "Meanwhile this became “B2”." in text(page)
    assert now(pen).location == "B2"
    shown = page.context["forms"]["describe"]
    assert (shown["location"].value(), shown["revision"].value()) == ("C3", str(now(pen).revision))
    describe(desk, pen, seen=now(pen).revision, location="C3")
    assert now(pen).location == "C3"


def test_a_photo_is_saved_and_a_bad_one_is_refused(desk: Client, make_product: MakeProduct) -> None:
    pen = make_product("PEN")
    assert messages_on(act(desk, pen, "photo", photo=upload(photos.jpeg()))) == ["The new photo is saved."]
    assert now(pen).image
    assert "photo" in act(desk, pen, "photo", photo=upload(b"none")).context["forms"]["photo"].errors


def test_barcodes_are_added_and_removed(desk: Client, make_product: MakeProduct) -> None:
    pen, cap = make_product("PEN"), make_product("CAP")
    assert messages_on(act(desk, pen, "barcode", code=EAN, pieces="12")) == [f"The barcode {EAN} is saved."]
    assert "Its check digit is wrong" in messages_on(act(desk, pen, "barcode", code="4006381333932"))[0]
    assert "wrong check digit" in text(desk.get(f"/products/{pen.pk}/"))
    page = act(desk, cap, "barcode", code=EAN)
    assert page.context["forms"]["barcode"].errors == {"code": ["The product PEN · Product 1 has this code already."]}
    assert list(pen.barcodes.values_list("code", "pieces")) == [(EAN, 12), ("4006381333932", 1)]
    act(desk, pen, "unbarcode", code=EAN)
    assert list(pen.barcodes.values_list("code", flat=True)) == ["4006381333932"]
    assert "The product does not have this barcode." in text(act(desk, pen, "unbarcode", code=EAN))


def test_a_product_is_archived_and_brought_back(desk: Client, by: Actor, make_product: MakeProduct) -> None:
    pen = make_product("PEN", 7)
    order = orders.create(customer_name="Anna", lines=[orders.Line(pen.pk, 2, 0)], by=by)
    page = text(desk.get(f"/products/{pen.pk}/"))
    assert "7 on hand, 2 promised to running orders." in page
    assert f'href="/orders/{order.pk}/"' in page
    assert messages_on(act(desk, pen, "archive")) == ["“PEN · Product 1” is archived."]
    assert "receive-quantity" not in text(desk.get(f"/products/{pen.pk}/"))
    assert messages_on(act(desk, pen, "unarchive")) == ["“PEN · Product 1” is back on the list."]
    act(desk, pen, "archive")
    make_product("PEN")
    assert "A product with this SKU already exists." in text(act(desk, pen, "unarchive"))
    assert now(pen).is_archived


def test_verifying_answers_the_question(desk: Client, by: Actor, make_product: MakeProduct) -> None:
    odd = make_product("460", unverified=True)
    Discrepancy.objects.create(kind="unknown_sku", product=odd, sku="460", created_at=by.at)
    assert "1 open question" in text(desk.get(f"/products/{odd.pk}/"))
    act(desk, odd, "verify")
    assert not now(odd).unverified
    assert not Discrepancy.objects.open().exists()


# --- History ----------------------------------------------------------------------------------------------------------
def history_lines(page: Any) -> list[str]:
    """The history on a product's page, each entry in short."""
    return [
        f"{entry.movement.kind} {entry.movement.quantity_delta}" if entry.movement else "; ".join(entry.changes)
        for entry in page.context["history"].entries
    ]


def test_one_history_of_movements_and_changes_says_who_when_which_phone_and_order(
    desk: Client, by: Actor, make_product: MakeProduct, make_user: MakeUser, log_in: LogIn
) -> None:
    pen = make_product("PEN", location="A1")
    anna = log_in(make_user("Anna"))
    stock.receive(pen.pk, 5, by=Actor(anna.user, anna.device, at=timezone.now()))
    products.update(pen.pk, {"location": "B2", "min_quantity": 2}, by=by.then(timezone.now()))
    barcodes.add(pen.pk, EAN, pieces=6, by=by.then(timezone.now()))
    order = orders.create(customer_name="Otto", lines=[orders.Line(pen.pk, 2, 1)], by=by.then(timezone.now()))
    barcodes.remove(pen.pk, EAN, by=by.then(timezone.now()))
    products.archive(pen.pk, by=by.then(timezone.now()))
    page = desk.get(f"/products/{pen.pk}/")
    assert history_lines(page) == [
        "Archived", f"Barcode removed: {EAN}", "pick -1", f"Barcode added: {EAN} × 6",
        "location: A1 → B2; minimum: 0 → 2", "receipt 5", "Created",
    ]  # fmt: skip
    for expected in ("Anna", "tests", "Vera", f'href="/orders/{order.pk}/"', "+5"):
        assert expected in text(page)


def test_a_movement_is_reversed_from_the_history(desk: Client, by: Actor, make_product: MakeProduct) -> None:
    pen = make_product("PEN", 5)
    movement = StockMovement.objects.get()
    assert messages_on(act(desk, pen, "reverse", movement=movement.pk)) == ["The movement is reversed."]
    assert now(pen).quantity == 0
    page = act(desk, pen, "reverse", movement=movement.pk)
    assert "This movement is already reversed." in text(page)
    assert 'value="reverse"' not in text(page), "neither it nor its reversal"


def test_a_long_history_comes_in_pages_that_miss_and_repeat_nothing(
    desk: Client, by: Actor, make_product: MakeProduct, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    pen = make_product("PEN")
    for number in range(1, 41):
        stock.receive(pen.pk, number, by=by.then(timezone.now()))
        products.update(pen.pk, {"location": f"L{number}"}, by=by.then(timezone.now()))
    seen, query = [], ""
    while True:
        with django_assert_num_queries(11):
            page = desk.get(f"/products/{pen.pk}/{query}")
        seen += history_lines(page)
        if not (query := page.context["history"].older):
            break
    shelves = [f"location: {f'L{n - 1}' if n > 1 else '–'} → L{n}" for n in range(40, 0, -1)]
    expected = [line for n, shelf in zip(range(40, 0, -1), shelves, strict=True) for line in (shelf, f"receipt {n}")]
    assert seen == [*expected, "Created"]


# --- Rights, and unknown products -------------------------------------------------------------------------------------
def test_a_picker_sees_and_changes_nothing(make_user: MakeUser, make_product: MakeProduct) -> None:
    pen, client = make_product("PEN", 3), Client()
    client.force_login(make_user("Picker"))
    calls: list[Callable[[], Any]] = [
        lambda: client.get("/products/"), lambda: client.get(f"/products/{pen.pk}/"),
        lambda: client.post(f"/products/{pen.pk}/", {"do": "receive", "receive-quantity": "1"}),
        lambda: client.post(f"/products/{pen.pk}/row/", {"location": "X"}),
        lambda: client.post("/products/bulk/", {"do": "archive", "product": pen.pk}),
        lambda: client.post("/products/new/", {"sku": "A", "name": "A"}),
    ]  # fmt: skip
    assert [call().status_code for call in calls] == [403] * 6
    assert Product.objects.values().get()["revision"] == pen.revision


def test_a_storekeeper_does_all_but_reverse(make_user: MakeUser, make_product: MakeProduct) -> None:
    pen, client = make_product("PEN", 3), Client()
    client.force_login(make_user("Keeper", role="storekeeper"))
    assert "PEN" in text(client.get("/products/"))
    assert act(client, pen, "count", counted="4").status_code == 200
    assert act(client, pen, "describe", sku="PEN", name="Pen", revision=now(pen).revision).status_code == 200
    assert (now(pen).quantity, now(pen).name) == (4, "Pen")
    assert 'value="reverse"' not in text(client.get(f"/products/{pen.pk}/"))
    assert act(client, pen, "reverse", movement=StockMovement.objects.first().pk).status_code == 403  # type: ignore[union-attr]
    assert now(pen).quantity == 4


def test_an_unknown_product_or_verb_is_no_server_error(desk: Client, make_product: MakeProduct) -> None:
    pen = make_product("PEN")
    assert desk.get("/products/99999999/").status_code == 404
    assert desk.post("/products/99999999/row/", {"location": "X"}).status_code == 404
    assert desk.post(f"/products/{pen.pk}/", {"do": "nothing"}).status_code == 200
    assert desk.get(f"/products/{pen.pk}/?movement=x&version=-1").status_code == 200
