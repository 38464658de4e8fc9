"""How many SQL statements a phone's frequent calls take, and that a look-up that changes nothing writes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.actions import ledger
from api.actions import stock as actions
from api.models import DeviceMemory, Discrepancy, Product
from api.phones import stock as phone_stock
from api.phones.memory import read, written
from api.reconcile.memory import Memory
from api.tests.calls import Caller
from api.tests.conftest import LogIn, MakeProduct, MakeUser
from api.texts import check_digit_ok

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
LIST = "/api/products/"


@pytest.fixture
def phone(make_user: MakeUser, log_in: LogIn, make_product: MakeProduct) -> Caller:
    """A client of a phone that has pulled the list and sent the first item of a queue."""
    phone = log_in(make_user("Picker"), kind="app")
    for sku in ("BOX", "CAN"):
        make_product(sku)
    phone.get(LIST)
    add(phone, "CAN")
    return phone


def add(phone: Caller, sku: str, quantity: int = 2) -> list[str]:
    """Send a look-up and an addition; returns their SQL statements. In a test, SAVEPOINT and RELEASE stand for BEGIN
    and COMMIT."""
    with CaptureQueriesContext(connection) as context:
        (product,) = phone.get(f"{LIST}?sku={sku}").json()
        assert phone.post(f"{LIST}{product['id']}/add_stock/", {"quantity": quantity}).status_code == 200
    return [query["sql"] for query in context.captured_queries]


def test_a_look_up_and_its_addition_take_five_statements(phone: Caller) -> None:
    for quantity in (3, 50, 7):
        statements = add(phone, "BOX", quantity)
        # On SQLite, memory, product, ledger and revision take a statement each instead of one together.
        assert len(statements) == 5 if connection.vendor == "postgresql" else len(statements) <= 14, statements
    assert Product.objects.get(sku="BOX").quantity == 60


def test_an_addition_that_may_be_a_duplicate_takes_the_long_way(phone: Caller) -> None:
    assert len(add(phone, "CAN")) > 5  # equal to the previous item
    assert Discrepancy.objects.filter(kind="possible_duplicate").exists()


def test_a_late_item_of_a_queue_needs_as_many_as_an_early_one(phone: Caller) -> None:
    early = len(add(phone, "BOX", 3))
    for number in range(30):
        add(phone, ("BOX", "CAN", "BOX")[number % 3], quantity=4 + number)
    assert len(add(phone, "BOX", 50)) == early


def test_a_look_up_takes_three_statements_and_no_lock(phone: Caller) -> None:
    with CaptureQueriesContext(connection) as context:
        phone.get(f"{LIST}?sku=BOX")
    statements = [query["sql"].split()[0] for query in context.captured_queries]
    assert statements == ["SELECT", "SELECT", "UPDATE"]
    assert not [query for query in context.captured_queries if "FOR NO KEY" in query["sql"]]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite prepares nothing")
def test_postgresql_reuses_the_plans_of_frequent_statements(phone: Caller) -> None:
    """PostgreSQL plans a prepared statement again each time if it estimates the generic plan to be more expensive."""
    articles = [f"40063813{number:05d}" for number in range(1000)]
    articles = [article for article in articles if check_digit_ok(article)]  # they are looked up in two spellings
    own = [f"A-{number}" for number in range(1000)]
    Product.objects.bulk_create(Product(sku=sku, name=sku, revision=1) for sku in articles + own)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    before = plans()
    for number in range(12):
        for sku in (articles[number], own[number]):
            (product,) = phone.get(f"{LIST}?sku={sku}").json()
            phone.post(f"{LIST}{product['id']}/add_stock/", {"quantity": number + 1})
    used = {text: (custom - before.get(text, (0, 0))[0], any_ - before.get(text, (0, 0))[1])
            for text, (custom, any_) in plans().items()}  # fmt: skip
    often = {text: counts for text, counts in used.items() if sum(counts) >= 12}
    assert len(often) >= 4, used  # token, product, memory, goods
    assert all(custom <= 5 for custom, _ in often.values()), often  # PostgreSQL tries five


def plans() -> dict[str, tuple[int, int]]:
    """By prepared statement of this connection: how many custom plans and how many generic plans it had."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, custom_plans, generic_plans FROM pg_prepared_statements")
        return {text: (custom, generic) for text, custom, generic in cursor.fetchall()}


@pytest.mark.parametrize("sku", ["BOX", "NONE"])
def test_look_ups_by_the_camera_write_nothing(phone: Caller, sku: str) -> None:
    for _ in range(3):
        phone.get(f"{LIST}?sku={sku}")
    before = DeviceMemory.objects.get(device=phone.device).state
    with CaptureQueriesContext(connection) as context:
        for _ in range(5):
            phone.get(f"{LIST}?sku={sku}")
    assert {query["sql"].split()[0] for query in context.captured_queries} == {"SELECT"}
    assert not [query for query in context.captured_queries if "FOR NO KEY" in query["sql"]]
    assert DeviceMemory.objects.get(device=phone.device).state == before


def test_the_memory_does_not_grow_with_the_number_of_products_looked_up(
    phone: Caller, make_product: MakeProduct
) -> None:
    skus = [f"SKU-{number:02d}" for number in range(30)]
    for sku in skus:
        make_product(sku)
    phone.defaults["REMOTE_PORT"] = "5001"  # one connection, so it has read the list
    phone.get(LIST)
    sizes = list[int]()
    for sku in skus:
        assert len(phone.get(f"{LIST}?sku={sku}").json()) == 1
        sizes.append(len(DeviceMemory.objects.get(device=phone.device).state))
    assert max(sizes[10:]) < sizes[10] + 50


def test_a_stored_memory_always_has_its_version() -> None:
    assert '"version":' in written(Memory()), "its default is another one in another release"


def test_an_unchanged_list_takes_two_statements(phone: Caller) -> None:
    phone.get(LIST)
    phone.get(LIST)
    with CaptureQueriesContext(connection) as context:
        phone.get(LIST)
    assert len(context.captured_queries) == 2  # the token with the memory; the revision


def test_a_look_up_during_another_request_of_the_phone_keeps_the_memory_of_both(
    phone: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, calls = phone_stock._find, list[bool]()

    def find_while_another_comes(*args: Any) -> Any:
        calls.append(True)
        if len(calls) == 1:
            assert phone.get("/api/orders/").status_code == 200  # changes the memory too
        return find(*args)

    monkeypatch.setattr(phone_stock, "_find", find_while_another_comes)
    assert len(phone.get(f"{LIST}?sku=BOX").json()) == 1
    assert len(calls) == 2, "it is handled again with the memory that the other request has written"
    memory = read(DeviceMemory.objects.get(device=phone.device).state)
    assert (memory.last_kind, memory.last_sku, len(memory.order_pulls)) == ("find", "BOX", 1)


@pytest.mark.parametrize("what", ["memory", "product"])
def test_an_addition_during_another_request_is_booked_once_and_keeps_the_memory_of_both(
    phone: Caller, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    at_once, results = actions.receive_and_note, list[bool]()

    def while_another_comes(product_id: int, *args: Any, **more: Any) -> Any:
        if what == "memory":
            phone.get("/api/orders/")
        else:
            Product.objects.filter(id=product_id).update(archived_at=timezone.now())
        found = at_once(product_id, *args, **more)
        results.append(found is not None)
        return found

    monkeypatch.setattr(actions, "receive_and_note", while_another_comes)
    add(phone, "BOX")
    assert results == [False], "the short way writes nothing"
    assert Product.objects.get(sku="BOX").quantity == 2
    assert ledger.broken_ledgers() == []
    memory = read(DeviceMemory.objects.get(device=phone.device).state)
    assert (memory.last_kind, memory.stories.number, len(memory.order_pulls)) == ("add", 2, int(what == "memory"))
