"""Alerts that are to be sent, jobs that run regularly, errors that phones report."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from api.models.accounts import Device, User


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self) -> Self:
        """Alerts that are still to be sent."""
        return self.filter(sent_at__isnull=True, dropped_at__isnull=True)

    def due(self, at: datetime) -> Self:
        """Alerts that may be sent now."""
        return self.open().filter(Q(next_try_at__isnull=True) | Q(next_try_at__lte=at))


class Alert(models.Model):
    """A message to people, saved in the transaction that causes it. The worker sends it.

    key: repeats with the same key are counted here until this one is sent. next_try_at: when it may be sent; while a
    worker is sending it, when the claim ends. claim: names that worker's batch.
    """

    kind = models.CharField(max_length=40)
    facts = models.JSONField(default=dict)
    key = models.CharField(max_length=200, blank=True, default="", db_default="")
    count = models.PositiveIntegerField(default=1, db_default=1)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    claim = models.CharField(max_length=32, blank=True, default="", db_default="")
    error = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["id"], condition=Q(sent_at__isnull=True), name="alert_unsent"),
            models.Index(fields=["key", "sent_at"], name="alert_key_sent"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["key"],
                condition=~Q(key="") & Q(sent_at__isnull=True, dropped_at__isnull=True),
                name="alert_once_by_key_while_open",
            )
        ]

    def __str__(self) -> str:
        return self.kind


class Job(models.Model):
    """When a regular job is due, and how its last run went. It is in the database, so that several workers share it."""

    name = models.CharField(max_length=40, primary_key=True)
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ok = models.BooleanField(null=True)
    report = models.JSONField(default=dict)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ClientError(models.Model):
    """An error that a phone reported. Repeated errors are one row with a count.

    user, device: who probably sent the latest (`actions/reports.py`); the report itself has no token.
    """

    fingerprint = models.CharField(max_length=64, unique=True, editable=False)
    message = models.TextField(_("message"))
    count = models.PositiveIntegerField(_("times"), default=1)
    user_agent = models.CharField(_("program"), max_length=255, blank=True)
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", verbose_name=_("person"))
    device = models.ForeignKey(Device, models.SET_NULL, null=True, related_name="+", verbose_name=_("device"))
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"), db_index=True)

    class Meta:
        verbose_name = _("client error")
        verbose_name_plural = _("client errors")
        ordering = ["-last_seen_at"]

    def __str__(self) -> str:
        return self.message[:80]
