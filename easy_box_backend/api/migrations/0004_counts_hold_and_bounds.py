from typing import Any

from django.db import migrations, models
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

MAX_QUANTITY, EXACT = 10**6, 2**53 - 1


class AddCheckWithoutScan(migrations.AddConstraint):
    """A check that all rows pass, since it is wider than the one before: PostgreSQL need not lock the table to look."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        sql = self.constraint.create_sql(model, schema_editor)
        schema_editor.execute(f"{sql} NOT VALID", params=None)


def say_what_was_counted(apps: Any, schema_editor: Any) -> None:
    """Earlier counts hold too: what lay there is what was on hand behind the count, without what came later."""
    movements = apps.get_model("api", "StockMovement").objects.order_by()
    since = (
        movements.filter(product=OuterRef("product"), id__lt=OuterRef("id"), occurred_at__gt=OuterRef("occurred_at"))
        .values("product")
        .annotate(total=Sum("quantity_delta"))
        .values("total")
    )
    movements.filter(kind="count").update(counted=F("quantity_after") - Coalesce(Subquery(since), 0))


def take_back_what_no_phone_can_read(apps: Any, schema_editor: Any) -> None:
    """A barcode or the largest number there is, booked as a quantity: on hand becomes what the other movements say."""
    products, movements = apps.get_model("api", "Product").objects, apps.get_model("api", "StockMovement").objects
    counter, now = apps.get_model("api", "Revision").objects.filter(id=1), timezone.now()
    for product in products.filter(Q(quantity__gt=EXACT) | Q(quantity__lt=-EXACT)).order_by("id").select_for_update():
        real = movements.filter(product=product, quantity_delta__range=(-MAX_QUANTITY, MAX_QUANTITY))
        level = real.aggregate(total=Sum("quantity_delta"))["total"] or 0
        counter.update(value=F("value") + 1)
        number = counter.get().value
        movements.create(
            product=product, kind="adjustment", quantity_delta=level - product.quantity, quantity_after=level,
            reason="The quantity was larger than any real one. Count the shelf.", revision=number, occurred_at=now,
            recorded_at=now,
        )  # fmt: skip
        products.filter(id=product.pk).update(quantity=level, revision=number, updated_at=now)


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0003_alert_outbox_and_jobs"),
    ]

    operations = [
        migrations.AddField(
            model_name="stockmovement",
            name="counted",
            field=models.BigIntegerField(null=True, verbose_name="counted"),
        ),
        migrations.RemoveConstraint(model_name="stockmovement", name="stock_movement_moves"),
        AddCheckWithoutScan(
            model_name="stockmovement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("quantity_delta", 0), _negated=True),
                    ("kind__in", ["count", "reversal"]),
                    _connector="OR",
                ),
                name="stock_movement_moves_or_counts",
            ),
        ),
        migrations.RunPython(say_what_was_counted, migrations.RunPython.noop),
        migrations.RunPython(take_back_what_no_phone_can_read, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", -EXACT), ("quantity__lte", EXACT)),
                name="product_quantity_is_exact",
            ),
        ),
    ]
