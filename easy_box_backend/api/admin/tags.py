"""The admin's template tags: what its front page counts, signed numbers, the one-time tokens of its forms."""

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
    """A number that leads to the rows that it counts."""

    label: Promise
    number: int
    url: str
    icon: str
    calls: bool
    """Whether somebody should do something about it."""


@register.simple_tag
def desk_tiles() -> list[Tile]:
    """What waits for a manager, the most urgent first; four counts."""
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
    """A tile that leads to the list `page`, filtered by `query`."""
    number = rows.count()
    url = reverse(f"admin:api_{page}_changelist") + query
    return Tile(label, number, url, f"fa-{icon}", calls and number > 0)


@register.simple_tag
def form_token() -> SafeString:
    """A hidden field that makes a form act once, however often it is sent."""
    return format_html('<input type="hidden" name="{}" value="{}">', TOKEN, secrets.token_urlsafe(12))
