"""The migration of earlier releases' counts: they hold, and a number that no phone can read is compensated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from api import revision
from api.actions import ledger, reversing
from api.actor import Actor
from api.models import Product, StockMovement

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
TEN = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


def migrate(name: str) -> Any:
    """Migrate the tables to the migration whose name ends with `name`; returns its models."""
    executor = MigrationExecutor(connection)
    (target,) = [key for key in executor.loader.graph.nodes if key[0] == "api" and key[1].endswith(name)]
    return executor.migrate([target]).apps


@pytest.fixture
def former_models() -> Iterator[Any]:
    """The models of the previous release, on its tables."""
    executor = MigrationExecutor(connection)
    (ours,) = [key for key in executor.loader.graph.nodes if key[1].endswith("counts_hold_and_bounds")]
    earlier = next(iter(executor.loader.graph.node_map[ours].parents)).key
    yield migrate(earlier[1])
    latest = MigrationExecutor(connection)
    latest.migrate(latest.loader.graph.leaf_nodes())


def product(apps: Any, sku: str, *movements: tuple[str, int, int]) -> int:
    """Create a product with these movements: kind, pieces, and the hour at which each happened. Returns its id."""
    made = apps.get_model("api", "Product").objects.create(sku=sku, name=sku)
    level = 0
    for kind, pieces, hour in movements:
        level += pieces
        when = TEN + timedelta(hours=hour - 10)
        apps.get_model("api", "StockMovement").objects.create(
            product=made, kind=kind, quantity_delta=pieces, quantity_after=level, revision=1, occurred_at=when,
            recorded_at=TEN + timedelta(hours=5),
        )  # fmt: skip
    apps.get_model("api", "Product").objects.filter(id=made.pk).update(quantity=level)
    return int(made.pk)


def test_earlier_counts_hold_and_a_number_that_no_phone_can_read_is_taken_back(former_models: Any) -> None:
    """One test for both rules, since migrating back and forth takes two seconds."""
    socks = product(former_models, "SOCK", ("receipt", 10, 9), ("receipt", 5, 12), ("count", -2, 11))
    much = product(former_models, "SHIRT", ("receipt", 10, 9), ("adjustment", 2**63 - 20, 10), ("pick", -1, 11))
    little = product(former_models, "SHOE", ("receipt", 10, 9), ("adjustment", -(2**62), 10), ("pick", -1, 11))
    fine = product(former_models, "HAT", ("receipt", 10, 9), ("adjustment", 4_006_381_333_999, 10))
    number = revision.current()
    migrate("counts_hold_and_bounds")

    assert StockMovement.objects.get(kind="count").counted == 8
    assert not StockMovement.objects.exclude(kind="count").filter(counted__isnull=False).exists()
    found = Product.objects.filter(pk__in=[much, little])
    assert [product.quantity for product in found] == [9, 9]
    assert {product.revision for product in found} == {number + 1, number + 2}, "so that phones fetch them"
    assert Product.objects.get(pk=fine).quantity == 4_006_381_334_009, "wrong, but readable; a person may reverse it"

    first = StockMovement.objects.filter(product=socks).order_by("id")[0]
    reversing.reverse(first.pk, by=Actor(None, at=TEN + timedelta(hours=8)))
    assert Product.objects.get(pk=socks).quantity == 13
    assert ledger.broken_ledgers() == []
