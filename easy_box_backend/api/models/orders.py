"""Orders, their lines, and drafts of orders."""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Self

from django.db import models
from django.db.models import Case, F, Q, Sum, Value, When
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan, LessThan
from django.utils.translation import gettext_lazy as _

from api.models.accounts import Device, User
from api.models.base import MAX_NOTE
from api.models.products import Product
from api.texts import MAX_SKU, folded, storable


class OrderQuerySet(models.QuerySet["Order"]):
    def live(self) -> Self:
        """Orders that are not archived."""
        return self.filter(archived_at__isnull=True)

    def waiting_for(self, product_id: int) -> Self:
        """Running orders with a line of this product."""
        there = OrderLine.objects.filter(product_id=product_id, removed_at__isnull=True)
        return self.live().filter(status__in=Order.RUNNING, id__in=there.values("order_id"))

    def sought(self, text: str) -> Self:
        """Orders that a search text finds: with this number, with all its words in outside number and customer, or with
        this product (its SKU or barcode). Those found by number come first, then by outside number, by customer, and by
        product."""
        text, nothing = storable(text).strip(), Q(pk__in=[])
        number, product = re.fullmatch(r"[#№]?\s*([0-9]{1,18})", text), Product.objects.by_code(text)
        exactly = Q(id=int(number[1])) if number else nothing
        words = [Q(words__holds=word) for word in folded(text).split()]
        with_words = reduce(and_, words) if words else nothing
        lines = OrderLine.objects.filter(product=product, removed_at__isnull=True).values("order_id")
        with_product = Q(id__in=lines) if product else nothing
        place = StrIndex("words", Value(folded(text)))
        is_outside = Q(GreaterThan(place, 0)) & Q(LessThan(place, StrIndex("words", Value("\n"))))
        rank = [When(exactly, then=0), When(outside_number=text, then=1)]
        rank += [When(~Q(outside_number="") & is_outside, then=2), *([When(with_words, then=3)] if product else [])]
        found = self.filter(exactly | with_words | with_product)
        return found.order_by(Case(*rank, default=4), "-id")

    def as_in_the_app(self, since: datetime) -> Self:
        """The orders that the app shows: running ones, the oldest first; then those finished or cancelled that have
        changed since `since`, the newest first."""
        running = Q(status__in=Order.RUNNING)
        place = Case(When(running, then=F("id"))).asc(nulls_last=True)
        return self.live().filter(running | Q(updated_at__gte=since)).order_by(place, "-revision", "-id")


class Order(models.Model):
    """What a customer ordered. Created by a manager, picked with the app.

    words: outside number and customer, one a line, as `texts.folded`, for searching.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        IN_PROGRESS = "inProgress", _("in progress")
        PICKED = "picked", _("picked")
        CANCELLED = "cancelled", _("cancelled")

    RUNNING = (Status.OPEN, Status.IN_PROGRESS)

    customer_name = models.CharField(_("customer"), max_length=255)
    outside_number = models.CharField(
        _("outside number"), max_length=100, blank=True, default="", db_default="",
        help_text=_("The order's number in another program or shop."),
    )  # fmt: skip
    due_on = models.DateField(_("due on"), null=True, blank=True)
    note = models.TextField(_("note"), max_length=MAX_NOTE, blank=True, default="", db_default="")
    words = models.TextField(default="", db_default="", editable=False)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.OPEN)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    revision = models.BigIntegerField(default=0, db_index=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["open", "inProgress", "picked", "cancelled"]),
                name="order_status_known",
            )
        ]
        indexes = [models.Index(fields=["status"], condition=Q(archived_at__isnull=True), name="order_live_by_status")]

    def __str__(self) -> str:
        return f"#{self.pk} {self.customer_name}"


class OrderDraft(models.Model):
    """What a manager has typed into a new order, or changed in an order (`order`), and has not saved yet.

    In the database, so that it survives a log-out (see `actions/drafts.py`).
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="drafts")
    order = models.ForeignKey("Order", models.CASCADE, null=True, related_name="drafts")
    content = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "order"], name="order_draft_once"),
            models.UniqueConstraint(fields=["user"], condition=Q(order=None), name="order_draft_one_new"),
        ]

    def __str__(self) -> str:
        return f"draft of {self.user_id}"


class OrderLineQuerySet(models.QuerySet["OrderLine"]):
    def promised(self, products: Iterable[int], *, besides: int | None = None) -> dict[int, int]:
        """By product: the pieces that running orders still wait for. Products that no order waits for are missing.

        besides: the id of an order that does not count.
        """
        waiting = self.filter(
            product_id__in=products, removed_at__isnull=True, quantity_to_pick__gt=F("quantity_picked"),
            order__status__in=Order.RUNNING, order__archived_at__isnull=True,
        ).exclude(order=besides)  # fmt: skip
        missing = Sum(F("quantity_to_pick") - F("quantity_picked"))
        return dict(waiting.order_by().values_list("product_id").annotate(missing=missing))


class OrderLine(models.Model):
    """A product in an order. Keeps the product's name and SKU as ordered. A removed line stays, with 0 picked."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="lines", verbose_name=_("order"))
    product = models.ForeignKey(Product, models.PROTECT, related_name="order_lines", verbose_name=_("product"))
    sku = models.CharField(_("SKU"), max_length=MAX_SKU)
    name = models.CharField(_("name"), max_length=255)
    quantity_to_pick = models.PositiveIntegerField(_("to pick"))
    quantity_picked = models.PositiveIntegerField(_("picked"), default=0)
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True, editable=False)

    objects = OrderLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "product"], name="order_line_once_per_product"),
            models.CheckConstraint(
                condition=Q(removed_at__isnull=True) | Q(quantity_picked=0),
                name="order_line_removed_holds_nothing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku} × {self.quantity_to_pick}"


class OrderVersion(models.Model):
    """An order as it was from a revision on: the audit log, and the base of merges.

    `lines` is a list of `{"product": id, "quantity_to_pick": n, "quantity_picked": n}`.
    """

    order = models.ForeignKey(Order, models.PROTECT, related_name="versions", verbose_name=_("order"))
    revision = models.BigIntegerField()
    customer_name = models.CharField(_("customer"), max_length=255)
    outside_number = models.CharField(_("outside number"), max_length=100, blank=True, default="", db_default="")
    due_on = models.DateField(_("due on"), null=True)
    note = models.TextField(_("note"), blank=True, default="", db_default="")
    status = models.CharField(_("status"), max_length=12, choices=Order.Status.choices)
    lines = models.JSONField(_("lines"), default=list)
    archived = models.BooleanField(_("archived"), default=False)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    device = models.ForeignKey(Device, models.PROTECT, null=True, related_name="+", verbose_name=_("device"))
    changed_at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("order version")
        verbose_name_plural = _("order versions")
        ordering = ["order_id", "revision"]
        constraints = [models.UniqueConstraint(fields=["order", "revision"], name="order_version_once")]

    def __str__(self) -> str:
        return f"#{self.order_id} @{self.revision}"
