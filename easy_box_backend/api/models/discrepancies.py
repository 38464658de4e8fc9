"""Questions to a manager."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from api.models.accounts import Device, User
from api.models.orders import Order
from api.models.products import Product
from api.texts import MAX_SKU


class DiscrepancyQuerySet(models.QuerySet["Discrepancy"]):
    def open(self) -> Self:
        return self.filter(status=Discrepancy.Status.OPEN)


class Discrepancy(models.Model):
    """An unclear case, with all its facts, for a manager to settle."""

    class Kind(models.TextChoices):
        NAME_DIFFERS = "name_differs", _("one SKU, two names")
        SKU_TAKEN = "sku_taken", _("SKU taken")
        UNKNOWN_SKU = "unknown_sku", _("unknown barcode")
        ARCHIVED_STOCK = "archived_stock", _("goods of an archived product")
        QUANTITY_GUESS = "quantity_guess", _("uncertain quantity")
        UNKNOWN_PRODUCT = "unknown_product", _("unknown product")
        POSSIBLE_DUPLICATE = "possible_duplicate", _("possibly sent twice")
        OVER_PICKED = "over_picked", _("more picked than ordered")
        PICKED_TWICE = "picked_twice", _("picked twice")
        PICKED_AFTER_CANCEL = "picked_after_cancel", _("picked after cancellation")
        NEGATIVE_STOCK = "negative_stock", _("quantity on hand below zero")
        IMPLAUSIBLE_QUANTITY = "implausible_quantity", _("implausible quantity")
        SHORT_PICKED = "short_picked", _("fewer picked than ordered")
        UNKNOWN_ORDER = "unknown_order", _("unknown order")
        KEPT_IN_PART = "kept_in_part", _("not saved completely")
        DELETION_ASKED = "deletion_asked", _("deletion requested")

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        APPLIED = "applied", _("applied")
        REVERSED = "reversed", _("reversed")
        DISMISSED = "dismissed", _("dismissed")

    kind = models.CharField(_("kind"), max_length=24, choices=Kind.choices)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.OPEN)
    product = models.ForeignKey(
        Product, models.PROTECT, null=True, related_name="discrepancies", verbose_name=_("product")
    )
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="discrepancies", verbose_name=_("order"))
    sku = models.CharField(_("SKU"), max_length=MAX_SKU, blank=True)
    facts = models.JSONField(_("facts"), default=dict)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    device = models.ForeignKey(Device, models.PROTECT, null=True, related_name="+", verbose_name=_("device"))
    created_at = models.DateTimeField(_("when"))
    resolved_at = models.DateTimeField(_("settled"), null=True, blank=True)
    resolved_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("settled by"))
    note = models.TextField(_("note"), blank=True)

    objects = DiscrepancyQuerySet.as_manager()

    class Meta:
        verbose_name = _("discrepancy")
        verbose_name_plural = _("discrepancies")
        ordering = ["-id"]
        indexes = [models.Index(fields=["status", "-id"], name="discrepancy_open_first")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.sku}".strip()
