"""Template tags of the desk: `{% load desk %}`."""

import secrets
from dataclasses import dataclass
from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import resolve, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from api.desk.base import FORM_TOKEN, person
from api.discrepancies import words
from api.models import Product

register = template.Library()
register.filter("signed", words.signed)
register.filter("grouped", words.number)
register.filter("moment", words.moment)


@register.simple_tag
def form_token() -> SafeString:
    """A hidden field that makes a form idempotent (`base.once`)."""
    return format_html('<input type="hidden" name="{}" value="{}">', FORM_TOKEN, secrets.token_urlsafe(12))


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: object) -> str:
    """The page's query string with some values changed. None or "" removes a value. `page` is removed too."""
    changed = context["request"].GET.copy()
    for name, value in {"page": None, **changes}.items():
        if value in (None, ""):
            changed.pop(name, None)
        else:
            changed[name] = str(value)
    return f"?{changed.urlencode()}"


@register.inclusion_tag("desk/_sort.html", takes_context=True)
def sort_by(context: dict[str, Any], label: str, up: str, down: str, css: str = "") -> dict[str, Any]:
    """The header of a column, with a link that sorts the list by it, ascending and descending in turn.

    up, down: the values of `sort` for these two. css: the class of the cell.
    """
    now = context["sort"]
    state = {up: "ascending", down: "descending"}.get(now, "")
    return {"label": label, "css": css, "state": state, "key": down.strip("-"),
            "url": query(context, sort=down if now == up else up, open=None)}  # fmt: skip


@register.simple_tag
def photo(product: Product, size: int = 40) -> SafeString:
    """A product's photo as a square, or an empty square. size: pixels. Its alt is empty: the name is beside it."""
    image = product.thumbnail or product.image
    if not image:
        return format_html('<svg class="photo" width="{0}" height="{0}" aria-hidden="true"></svg>', size)
    return format_html('<img class="photo" src="{0}" width="{1}" height="{1}" alt="" loading="lazy">', image.url, size)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the navigation."""

    label: str
    url: str
    is_here: bool


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> list[Entry]:
    """The entries of the navigation that the person may open, in order. Their labels are short enough for one line."""
    request: HttpRequest = context["request"]
    labels = {
        "today": gettext("Today"),
        "questions": gettext("Questions"),
        "orders": gettext("Orders"),
        "products": gettext("Products"),
        "counts": gettext("Counting"),
        "labels": gettext("Labels"),
        "sheets": gettext("Import"),
        "people": gettext("People"),
        "phone_errors": gettext("Errors"),
        "settings": gettext("Settings"),
    }
    entries = []
    for name, label in labels.items():
        url = reverse(f"desk:{name}")
        if not (getattr(resolve(url).func, "for_storekeepers", False) or person(request).is_manager):
            continue
        here = (url, reverse("desk:devices")) if name == "people" else url  # phones have no entry of their own
        is_here = request.path == url if url == "/" else request.path.startswith(here)
        entries.append(Entry(label, url, is_here))
    return entries


@register.filter
def share(value: int, most: int) -> str:
    """The height of a bar in the chart. most: the value of the highest bar, which is 40 units high."""
    return f"{40 * value / most:.2f}"
