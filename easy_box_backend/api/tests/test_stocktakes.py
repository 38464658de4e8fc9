"""Stocktakes of shelves: the sheet, the counted quantities, and the posting (actions/stocktakes.py)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from api.actions import counts, ledger, products, reversing, stock, stocktakes
from api.actions.stocktakes import EVERYTHING, CountClosed, Counted, NoSuchCount, NothingToCount
from api.actor import Actor
from api.errors import Invalid
from api.models import Count, CountLine, Product, StockMovement
from api.tests.conftest import MakeProduct, MakeUser

pytestmark = pytest.mark.django_db
TEN = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
"""Ten o'clock in these tests: a time after the products were created, however long the suite takes."""


@pytest.fixture
def by(make_user: MakeUser) -> Actor:
    """The Actor of a manager at ten o'clock."""
    return Actor(make_user("Manager", is_staff=True), at=TEN)


def later(by: Actor, minutes: int) -> Actor:
    return by.then(TEN + timedelta(minutes=minutes))


def skus(count: Count) -> list[str]:
    return [line.product.sku for line in count.lines.by_shelf()]


def on_hand(product: Product) -> int:
    assert ledger.broken_ledgers() == []
    return Product.objects.get(pk=product.pk).quantity


def compared(count: Count) -> dict[str, tuple[int, int | None]]:
    return {line.product.sku: (line.expected, line.difference) for line in count.lines.compared()}


def enter(count: Count, product: Product, pieces: int, by: Actor) -> None:
    stocktakes.enter(count.pk, [Counted(product.pk, pieces, by.at)], by=by)


def test_the_sheet_has_the_products_of_the_shelves_and_no_others(make_product: MakeProduct, by: Actor) -> None:
    for sku, shelf in [("D", "A10-01"), ("C", "a1-02"), ("B", "A1-01"), ("A", "A1"), ("E", ""), ("F", "XA1")]:
        make_product(sku, location=shelf)
    products.archive(make_product("GONE", location="A1").pk, by=by)
    extra = make_product("EXTRA", location="Z")
    made = stocktakes.start(shelves=["A1"], product_ids=[extra.pk], blind=False, by=by)
    assert sorted(skus(made)) == ["A", "B", "C", "EXTRA"]
    assert skus(made)[:2] == ["A", "B"]
    assert (made.chosen, made.status, made.started_by, made.started_at) == ("A1", "open", by.user, TEN)
    assert len(skus(stocktakes.start(shelves=[EVERYTHING], blind=True, by=by))) == 7


def test_a_shelf_in_cyrillic_is_found_in_small_letters(make_product: MakeProduct, by: Actor) -> None:
    make_product("A", location="Б2-01")
    assert skus(stocktakes.start(shelves=["б2"], blind=False, by=by)) == ["A"]


def test_a_sheet_without_products_or_with_too_many_is_refused(
    make_product: MakeProduct, by: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NothingToCount):
        stocktakes.start(shelves=["A1"], blind=False, by=by)
    with pytest.raises(NothingToCount):
        stocktakes.start(product_ids=[4711], blind=False, by=by)
    monkeypatch.setattr(stocktakes, "MOST_LINES", 1)
    make_product(location="A1")
    make_product(location="A1")
    with pytest.raises(Invalid) as refused:
        stocktakes.start(shelves=["A1"], blind=False, by=by)
    assert refused.value.facts == {"most": 1}
    assert not Count.objects.exists()


def test_movements_between_counting_and_posting_are_no_variance(make_product: MakeProduct, by: Actor) -> None:
    right, short, moved, alone = (make_product(sku, quantity=10, location="A1") for sku in ("OK", "LESS", "MOVED", "X"))
    made = stocktakes.start(shelves=["A1"], blind=False, by=by)
    enter(made, right, 10, by)
    enter(made, short, 7, by)
    enter(made, moved, 9, by)
    stock.receive(moved.pk, 5, by=later(by, 5))
    stock.adjust(short.pk, -1, reason="sold", by=later(by, 6))
    assert compared(made) == {"OK": (10, 0), "LESS": (10, -3), "MOVED": (10, -1), "X": (10, None)}
    stocktakes.post(made.pk, by=later(by, 60))
    assert [on_hand(product) for product in (right, short, moved, alone)] == [10, 6, 14, 10]
    booked = StockMovement.objects.filter(kind="count").order_by("product__sku")
    assert [(row.product.sku, row.counted, row.quantity_delta, row.occurred_at) for row in booked] == [
        ("LESS", 7, -3, TEN), ("MOVED", 9, -1, TEN), ("OK", 10, 0, TEN),
    ]  # fmt: skip
    assert {row.user for row in booked} == {by.user}
    assert {row.reason for row in booked} == {f"Stocktake {made.pk}"}
    assert compared(made) == {"OK": (10, 0), "LESS": (10, -3), "MOVED": (10, -1), "X": (10, None)}, (
        "posting does not change the comparison"
    )


def test_the_variance_shown_is_the_one_that_is_booked(make_product: MakeProduct, by: Actor) -> None:
    """Also after a movement from before the count was reversed, and after somebody has counted again."""
    back, again = make_product("BACK", quantity=10), make_product("AGAIN", quantity=10)
    mistake = stock.receive(back.pk, 4, by=by)
    made = stocktakes.start(product_ids=[back.pk, again.pk], blind=False, by=by)
    enter(made, back, 12, later(by, 1))
    enter(made, again, 9, later(by, 1))
    reversing.reverse(mistake.pk, by=later(by, 2), reason="")
    counts.count(again.pk, 8, counted_at=later(by, 3).at, by=later(by, 3))
    shown = {sku: difference for sku, (_expected, difference) in compared(made).items()}
    assert shown == {"BACK": 2, "AGAIN": 0}
    stocktakes.post(made.pk, by=later(by, 4))
    booked = {line.product.sku: line.movement.quantity_delta for line in made.lines.all() if line.movement}
    assert booked == shown
    assert (on_hand(back), on_hand(again)) == (12, 8)


def test_posting_twice_books_once(make_product: MakeProduct, by: Actor) -> None:
    box = make_product(quantity=10, location="A1")
    made = stocktakes.start(shelves=["A1"], blind=False, by=by)
    enter(made, box, 8, by)
    first = stocktakes.post(made.pk, by=later(by, 1))
    again = stocktakes.post(made.pk, by=later(by, 2))
    assert first.posted_at == again.posted_at == later(by, 1).at
    assert on_hand(box) == 8
    assert StockMovement.objects.filter(kind="count").count() == 1


def test_if_one_product_cannot_be_posted_none_is(
    make_product: MakeProduct, by: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make_product(quantity=10), make_product(quantity=10)
    made = stocktakes.start(product_ids=[one.pk, two.pk], blind=False, by=by)
    enter(made, one, 8, by)
    enter(made, two, 8, by)
    CountLine.objects.filter(product=two).update(counted=50_000_000)
    with pytest.raises(stock.ImplausibleQuantity):
        stocktakes.post(made.pk, by=later(by, 1))
    assert (on_hand(one), on_hand(two)) == (10, 10)
    assert Count.objects.get().is_open


def test_a_product_that_is_not_on_the_sheet_is_added(make_product: MakeProduct, by: Actor) -> None:
    make_product("ON", location="A1", quantity=1)
    found = make_product("FOUND", location="B7", quantity=0)
    made = stocktakes.start(shelves=["A1"], blind=False, by=by)
    enter(made, found, 3, by)
    stocktakes.post(made.pk, by=later(by, 1))
    assert compared(made) == {"ON": (1, None), "FOUND": (0, 3)}
    assert on_hand(found) == 3


def test_of_two_numbers_the_one_counted_later_is_kept_in_any_order_of_arrival(
    make_product: MakeProduct, make_user: MakeUser, by: Actor
) -> None:
    box = make_product(quantity=10)
    made = stocktakes.start(product_ids=[box.pk], blind=False, by=by)
    other = Actor(make_user("Other"), at=later(by, 9).at)
    for pieces, minute, who in [(7, 2, by), (8, 5, other), (7, 2, by), (6, 1, by)]:
        stocktakes.enter(made.pk, [Counted(box.pk, pieces, later(by, minute).at)], by=who.then(other.at))
    line = made.lines.get()
    assert (line.counted, line.counted_at, line.user) == (8, later(by, 5).at, other.user)


def test_a_line_marked_for_recounting_is_not_counted(make_product: MakeProduct, by: Actor) -> None:
    box, other = make_product("BOX", quantity=10), make_product("OTHER", quantity=10)
    made = stocktakes.start(product_ids=[box.pk, other.pk], blind=False, by=by)
    enter(made, box, 8, by)
    enter(made, other, 8, by)
    stocktakes.recount(made.pk, [box.pk])
    assert compared(made) == {"BOX": (10, None), "OTHER": (10, -2)}
    stocktakes.post(made.pk, by=later(by, 1))
    assert on_hand(box) == 10


def test_a_request_with_an_impossible_number_time_or_product_is_refused_as_a_whole(
    make_product: MakeProduct, by: Actor
) -> None:
    box = make_product(quantity=10)
    made = stocktakes.start(product_ids=[box.pk], blind=False, by=by)
    good = Counted(box.pk, 9, TEN)
    for wrong, error in [
        (Counted(box.pk, 9, TEN + timedelta(hours=1)), counts.BadMoment),
        (Counted(box.pk, 9, TEN - timedelta(days=9)), counts.BadMoment),
        (Counted(box.pk, 4_006_381_333_931, TEN), stock.ImplausibleQuantity),
        (Counted(4711, 9, TEN), stock.NoSuchProduct),
    ]:
        with pytest.raises(error):
            stocktakes.enter(made.pk, [good, wrong], by=by)
    assert made.lines.get().counted is None


def test_a_closed_stocktake_accepts_no_changes(make_product: MakeProduct, by: Actor) -> None:
    box = make_product(quantity=10)
    posted = stocktakes.start(product_ids=[box.pk], blind=False, by=by)
    with pytest.raises(NothingToCount):
        stocktakes.post(posted.pk, by=by)
    enter(posted, box, 9, by)
    stocktakes.post(posted.pk, by=by)
    cancelled = stocktakes.start(product_ids=[box.pk], blind=False, by=by)
    enter(cancelled, box, 3, by)
    stocktakes.cancel(cancelled.pk)
    assert stocktakes.cancel(cancelled.pk).status == "cancelled"
    for closed in (posted, cancelled):
        with pytest.raises(CountClosed):
            enter(closed, box, 1, by)
        with pytest.raises(CountClosed):
            stocktakes.recount(closed.pk, [box.pk])
    with pytest.raises(CountClosed):
        stocktakes.cancel(posted.pk)
    with pytest.raises(CountClosed):
        stocktakes.post(cancelled.pk, by=by)
    with pytest.raises(NoSuchCount):
        stocktakes.post(4711, by=by)
    assert on_hand(box) == 9


def test_all_products_are_locked_before_the_first_revision_is_taken(
    make_product: MakeProduct, by: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise two postings, or a posting and an order, could deadlock."""
    made = stocktakes.start(product_ids=[make_product().pk, make_product().pk], blind=False, by=by)
    for line in made.lines.all():
        enter(made, line.product, 5, by)
    taken: list[str] = []
    lock, take = stock.lock, counts.revision.take

    def locking(ids: Iterable[int]) -> dict[int, Product]:
        taken.append(f"lock {len(ids := list(ids))}")
        return lock(ids)

    def taking() -> int:
        taken.append("revision")
        return take()

    monkeypatch.setattr(stock, "lock", locking)
    monkeypatch.setattr(counts.revision, "take", taking)
    stocktakes.post(made.pk, by=by)
    assert taken == ["lock 2", "lock 1", "revision", "lock 1", "revision"]
