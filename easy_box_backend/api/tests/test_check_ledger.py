"""check_ledger finds every product whose quantity is not the sum of its movements, and can repair it."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone

from api import revision
from api.actions import ledger, products, stock
from api.actor import Actor
from api.management.commands import check_ledger
from api.models import Product, StockMovement

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
NOBODY = Actor(user=None, at=timezone.now())


def product_with(*deltas: int, sku: str = "TSH-1") -> Product:
    product = products.create(sku=sku, name="T-Shirt", by=NOBODY.then(NOW))
    for delta in deltas:
        stock.adjust(product.pk, delta, reason="", by=NOBODY.then(NOW))
    product.refresh_from_db()
    return product


def check(**options: bool) -> str:
    out = StringIO()
    call_command("check_ledger", stdout=out, **options)
    return out.getvalue()


def found_by_check() -> str:
    out = StringIO()
    with pytest.raises(CommandError) as refusal:
        call_command("check_ledger", stdout=out)
    assert refusal.value.returncode == 1
    return out.getvalue()


def test_a_correct_ledger_passes() -> None:
    product_with(5, -2, 7)
    product_with(sku="TSH-2")
    assert "2 products checked, all ledgers are right" in check()


def test_an_empty_database_passes() -> None:
    assert "0 products checked" in check()


def test_a_quantity_changed_without_a_movement_is_found() -> None:
    product = product_with(5, -2)
    right = product_with(4, sku="TSH-2")
    Product.objects.filter(id=product.pk).update(quantity=9)
    report = found_by_check()
    assert f"product {product.pk} (TSH-1): on hand 9, movements add up to 3" in report
    assert f"product {right.pk} " not in report


def test_a_quantity_without_any_movement_is_found() -> None:
    Product.objects.filter(id=product_with().pk).update(quantity=5)
    assert "on hand 5, movements add up to 0" in found_by_check()


def test_archived_products_are_checked_too() -> None:
    product = product_with(5)
    products.archive(product.pk, by=NOBODY.then(NOW))
    Product.objects.filter(id=product.pk).update(quantity=0)
    assert "on hand 0, movements add up to 5" in found_by_check()


def test_a_removed_movement_is_found() -> None:
    product = product_with(5, 3, -2)
    StockMovement.objects.filter(product=product, quantity_delta=3).delete()
    last = product.movements.get(quantity_delta=-2)
    assert f"on hand 6, movements add up to 3, running total off at movement {last.pk}" in found_by_check()


def test_a_wrong_running_total_is_found_even_if_the_sum_is_correct() -> None:
    first, *_ = product_with(5, 3).movements.order_by("id")
    StockMovement.objects.filter(id=first.pk).update(quantity_after=6)
    assert f"on hand 8, movements add up to 8, running total off at movement {first.pk}" in found_by_check()


def test_repair_sets_the_quantity_to_the_sum_of_the_movements_with_a_new_revision() -> None:
    product = product_with(5, 3, -2)
    Product.objects.filter(id=product.pk).update(quantity=100)
    StockMovement.objects.filter(product=product).update(quantity_after=F("quantity_after") + 1)
    before = revision.current()
    assert "1 repaired" in check(repair=True)
    product.refresh_from_db()
    assert (product.quantity, product.revision) == (6, before + 1)
    assert list(product.movements.order_by("id").values_list("quantity_delta", "quantity_after")) == [
        (5, 5), (3, 8), (-2, 6),
    ]  # fmt: skip
    assert "all ledgers are right" in check()


def test_repairing_a_correct_product_changes_nothing() -> None:
    product = product_with(5)
    before = revision.current()
    assert ledger.repair(product.pk, by=NOBODY) is False
    assert "all ledgers are right" in check(repair=True)
    assert revision.current() == before


def test_repairing_an_unknown_product_is_refused() -> None:
    with pytest.raises(stock.NoSuchProduct):
        ledger.repair(999, by=NOBODY)


def test_three_queries_check_a_thousand_products(django_assert_num_queries) -> None:  # noqa: ANN001
    for number in range(4):
        product_with(5, -1, sku=f"TSH-{number}")
    with django_assert_num_queries(3):
        assert ledger.broken_ledgers() == []


def test_a_check_of_many_products_prints_its_progress_and_misses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [product_with(5, -1, sku=f"TSH-{number}").pk for number in range(7)]
    Product.objects.filter(id__in=[made[0], made[2], made[6]]).update(quantity=9)
    assert [(so_far, [found.product for found in broken]) for so_far, broken in ledger.check(batch=3)] == [
        (3, [made[0], made[2]]), (6, []), (7, [made[6]]),
    ]  # fmt: skip
    assert [so_far for so_far, _broken in ledger.check(batch=7)] == [7]
    monkeypatch.setattr(check_ledger, "SECONDS", -1.0)
    output = StringIO()
    with pytest.raises(CommandError):
        call_command("check_ledger", stdout=StringIO(), stderr=output)
    assert "7 products checked so far, 3 of them wrong" in output.getvalue()
