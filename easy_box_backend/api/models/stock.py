"""The ledger, and stocktakes."""

from typing import Self

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from api.models.accounts import Device, User
from api.models.orders import OrderLine
from api.models.products import Product


class StockMovementQuerySet(models.QuerySet["StockMovement"]):
    def not_reversed(self) -> Self:
        """Movements that are neither reversed nor a reversal. Reversals are told by their kind: for "reverses IS NULL"
        SQLite would use the index of that column, and read nearly all rows."""
        return self.filter(~Q(kind=StockMovement.Kind.REVERSAL), reversed_by__isnull=True)

    def counts(self) -> Self:
        """Valid stocktakes, the latest first."""
        return self.filter(counted__isnull=False).not_reversed().order_by("-occurred_at", "-id")

    def events(self) -> Self:
        """Valid movements of goods: neither counts nor what was reversed."""
        return self.exclude(kind=StockMovement.Kind.COUNT).not_reversed()

    def behind(self, count: "StockMovement") -> Self:
        """Movements that this count does not include (see `StockMovement.includes`)."""
        return self.filter(
            Q(occurred_at__gt=count.occurred_at) | Q(id__gt=count.pk, occurred_at=F("recorded_at")),
        )


class StockMovement(models.Model):
    """One change of what is on hand. Append-only: a mistake is reversed by another movement.

    counted: for a stocktake, how many pieces were there at `occurred_at`. A movement of the kind `count` without it
    compensates for a movement that a count includes but that is booked or reversed after it. Only counts and their
    reversals can have a change of 0.
    """

    class Kind(models.TextChoices):
        RECEIPT = "receipt", _("receipt")
        PICK = "pick", _("pick")
        ADJUSTMENT = "adjustment", _("adjustment")
        COUNT = "count", _("count")
        RETURN = "return", _("return")
        REVERSAL = "reversal", _("reversal")

    product = models.ForeignKey(
        Product, models.PROTECT, related_name="movements", db_index=False, verbose_name=_("product")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    quantity_delta = models.BigIntegerField(_("change"))
    quantity_after = models.BigIntegerField(_("on hand after"))
    counted = models.BigIntegerField(_("counted"), null=True)
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    device = models.ForeignKey(Device, models.PROTECT, null=True, related_name="movements", verbose_name=_("device"))
    order_line = models.ForeignKey(
        OrderLine, models.PROTECT, null=True, related_name="movements", verbose_name=_("order line")
    )
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="reversed_by", verbose_name=_("reverses")
    )
    op_key = models.CharField(max_length=255, null=True, unique=True)
    revision = models.BigIntegerField(db_index=True)
    occurred_at = models.DateTimeField(_("happened"))
    recorded_at = models.DateTimeField(_("recorded"))

    objects = StockMovementQuerySet.as_manager()

    class Meta:
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(quantity_delta=0) | Q(kind__in=["count", "reversal"]),
                name="stock_movement_moves_or_counts",
            ),
            models.CheckConstraint(
                condition=Q(kind="reversal", reverses__isnull=False) | (~Q(kind="reversal") & Q(reverses__isnull=True)),
                name="stock_movement_reversal_names_what",
            ),
        ]
        indexes = [
            models.Index(F("product"), F("id").desc(), name="stock_movement_product_latest"),
            models.Index(fields=["product", "occurred_at"], name="stock_movement_since"),
            models.Index(fields=["recorded_at", "quantity_delta"], name="stock_movement_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity_delta:+d} {self.get_kind_display()}"

    @property
    def is_part_of_count(self) -> bool:
        """Whether this only compensates for another movement. It is never reversed by itself."""
        return self.kind == self.Kind.COUNT and self.counted is None

    def includes(self, other: "StockMovement") -> bool:
        """Whether this count was taken after the other movement had happened, so that it includes it.

        A movement that was booked at once, and after the count, had not happened yet, whatever the clocks say.
        """
        as_it_happened = other.occurred_at == other.recorded_at
        return other.occurred_at <= self.occurred_at and not (as_it_happened and other.pk > self.pk)


class Count(models.Model):
    """A stocktake: the sheet of what is to be counted, what was counted, and whether it has been posted.

    chosen: the shelves that were chosen, as typed; "*" for the whole warehouse, "" for single products.
    blind: the people who count do not see how many there should be.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("being counted")
        POSTED = "posted", _("posted")
        CANCELLED = "cancelled", _("cancelled")

    chosen = models.CharField(_("chosen"), max_length=255, blank=True)
    blind = models.BooleanField(_("blind"), default=False)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.OPEN)
    started_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("started by"))
    started_at = models.DateTimeField(_("started"))
    posted_at = models.DateTimeField(_("posted"), null=True)

    class Meta:
        verbose_name = _("stocktake")
        verbose_name_plural = _("stocktakes")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"#{self.pk} {self.chosen}".strip()

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN


class CountLineQuerySet(models.QuerySet["CountLine"]):
    def by_shelf(self) -> Self:
        return self.order_by("product__location", "product__sku", "id")

    def compared(self) -> Self:
        """The lines with two numbers. `expected`: how many should have been there at the time of counting (now, if it
        is not counted yet). `difference`: what posting books, that is, by how much the quantity on hand is wrong.

        Computed as in `actions.counts.count`: movements since the counting are no difference, and if a later count is
        valid the difference is 0. A posted line has what was booked.
        """
        movements = StockMovement.objects.filter(product=OuterRef("product"))
        later = movements.counts().filter(occurred_at__gt=OuterRef("counted_at"))
        since = movements.events().filter(occurred_at__gt=OuterRef("counted_at")).order_by()
        moved = since.values("product").annotate(total=Sum("quantity_delta")).values("total")
        expected = F("product__quantity") - Coalesce(Subquery(moved), 0)
        posted = Q(movement__isnull=False)
        return self.annotate(
            expected=Case(When(posted, then=F("counted") - F("movement__quantity_delta")), default=expected),
            difference=Case(
                When(posted, then=F("movement__quantity_delta")),
                When(Exists(later), then=0),
                default=F("counted") - expected,
            ),
        )

    def differing(self) -> Self:
        """Counted lines whose quantity on hand is wrong."""
        return self.compared().filter(~Q(difference=0), counted__isnull=False)


class CountLine(models.Model):
    """A product on the sheet of a stocktake. movement: the count in the ledger, once it is posted."""

    expected: int
    difference: int | None

    count = models.ForeignKey(Count, models.PROTECT, related_name="lines", verbose_name=_("stocktake"))
    product = models.ForeignKey(Product, models.PROTECT, related_name="count_lines", verbose_name=_("product"))
    counted = models.BigIntegerField(_("counted"), null=True)
    counted_at = models.DateTimeField(_("when"), null=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    device = models.ForeignKey(Device, models.PROTECT, null=True, related_name="+", verbose_name=_("device"))
    movement = models.OneToOneField(StockMovement, models.PROTECT, null=True, related_name="count_line")

    objects = CountLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("line of a stocktake")
        verbose_name_plural = _("lines of a stocktake")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["count", "product"], name="count_line_once_per_product"),
            models.CheckConstraint(
                condition=Q(counted__isnull=True, counted_at__isnull=True)
                | Q(counted__isnull=False, counted_at__isnull=False),
                name="count_line_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product_id}: {self.counted}"
