"""What the desk stores: forms that were sent, and imports of sheets."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from api.models.accounts import User


class SentForm(models.Model):
    """A form of the admin that was sent. A duplicate, as by a double click, gets the same answer and has no effect
    (see `actions/once.py`). answer: None while the first is being handled."""

    key = models.CharField(max_length=64, primary_key=True)
    answer = models.JSONField(null=True)
    sent_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class Import(models.Model):
    """A sheet that somebody uploaded (`actions/imports.py`).

    content: the file, until it is booked. reading: how the file is read (`imports.Reading`). report: what the last
    check found. did: what was booked, so that it can be taken back; kept for the last import only. revision: of the
    booking.
    """

    class Kind(models.TextChoices):
        PRODUCTS = "products", _("products")
        STOCK = "stock", _("counted stock")
        BARCODES = "barcodes", _("barcodes")
        ORDERS = "orders", _("orders")

    class Status(models.TextChoices):
        NEW = "new", _("not checked")
        CHECKED = "checked", _("checked")
        DONE = "done", _("imported")
        UNDONE = "undone", _("taken back")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.NEW)
    file_name = models.CharField(_("file"), max_length=255)
    content = models.BinaryField(null=True)
    reading = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    did = models.JSONField(default=dict)
    revision = models.BigIntegerField(null=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    created_at = models.DateTimeField(_("when"))
    done_at = models.DateTimeField(_("imported"), null=True)
    undone_at = models.DateTimeField(_("taken back"), null=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.file_name


class SheetColumns(models.Model):
    """Which columns of sheets with these headers hold which fields, as somebody chose last.

    headers: `sheets.columns.digest`. columns: the wording of the header by field.
    """

    kind = models.CharField(max_length=12, choices=Import.Kind.choices)
    headers = models.CharField(max_length=64)
    columns = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "headers"], name="sheet_columns_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.headers[:8]}"
