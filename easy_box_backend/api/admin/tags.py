"""The admin's template tags: the counts of its front page, signed numbers, one-time tokens of forms."""

import secrets
from dataclasses import dataclass
from typing import Any

from django import template
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from api.admin.base import TOKEN
from api.discrepancies.case import signed
from api.models import Discrepancy, Order, Product

register = template.Library()
register.filter("signed", signed)


@dataclass(frozen=True, slots=True)
class Tile:
    """A count with a link to its rows."""

    label: Promise
    count: int
    url: str
    icon: str
    calls: bool
    """Whether a manager should act."""


@register.simple_tag
def desk_tiles() -> list[Tile]:
    """The tiles of the front page, the most urgent first; four queries."""
    live = Product.objects.live()
    low = live.filter(quantity__lt=F("min_quantity"))
    running = Order.objects.live().filter(status__in=[Order.Status.OPEN, Order.Status.IN_PROGRESS])
    return [
        tile(_("Open discrepancies"), Discrepancy.objects.open(), "discrepancy", "", "balance-scale"),
        tile(_("Below the minimum"), low, "product", "?stock=low", "arrow-down"),
        tile(_("Unverified products"), live.filter(unverified=True), "product", "?unverified__exact=1", "question"),
        tile(_("Orders to pick"), running, "order", "?status__in=open,inProgress", "clipboard-list", calls=False),
    ]


def tile(label: Promise, rows: QuerySet[Any], page: str, query: str, icon: str, *, calls: bool = True) -> Tile:
    """A tile with a link to the list `page`, filtered by `query`."""
    count = rows.count()
    return Tile(label, count, reverse(f"admin:api_{page}_changelist") + query, f"fa-{icon}", calls and count > 0)


@register.simple_tag
def form_token() -> SafeString:
    """A hidden field that makes a form idempotent (`SentOnce`)."""
    return format_html('<input type="hidden" name="{}" value="{}">', TOKEN, secrets.token_urlsafe(12))
