"""Entering an order and changing one: a scan field, the lines, and the changes that somebody else made meanwhile."""

import re
import secrets
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.actions import drafts
from api.desk.base import actor, once, page, person, tell
from api.desk.orders import Goods
from api.desk.orders_history import LABELS
from api.errors import DomainError, Stale, Text
from api.models import MAX_NOTE, MAX_QUANTITY, Order, OrderLine, OrderVersion, Product
from api.rest.requests import parse_id
from api.texts import tidy

REASONS = {
    "unknown": _("no product has this code"), "quantity": _("the quantity is no whole number"),
    "limit": _("too many pieces or lines"),
}  # fmt: skip
SUGGESTED = 8
"""How many products are suggested while somebody types."""
LINE_VALUE = re.compile(r"(pieces|picked):[0-9]{1,18}")


class OrderForm(forms.Form):
    """The fields of an order. The action checks them."""

    customer_name = forms.CharField(label=_("Customer"), max_length=255, required=False)
    due_on = forms.CharField(label=_("Due on"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    outside_number = forms.CharField(label=_("Outside number"), max_length=100, required=False)
    note = forms.CharField(
        label=_("Note"), max_length=MAX_NOTE, required=False, widget=forms.Textarea(attrs={"rows": 1})
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["customer_name"].widget.attrs["autofocus"] = True
        for name in ("customer_name", "due_on", "outside_number"):
            self.fields[name].widget.attrs["data-enter"] = "codes"


@dataclass(frozen=True, slots=True)
class Theirs:
    """A value that somebody else changed, before and now. mine: the person's own change, None if they made none."""

    key: str
    label: Text
    was: str
    now: str
    mine: str | None


@page
def edit(request: HttpRequest, key: int | None = None) -> HttpResponseBase:
    """The draft of an order; each change is stored at once."""
    order = Order.objects.live().filter(pk=key).first() if key else None
    if key and order is None:
        raise Http404
    if request.method != "POST":
        return _page(request, order)
    do, _space, what = request.POST.get("do", "set").partition(" ")
    held, by = parse_id(request.POST.get("held", "")), actor(request)
    try:
        match do:
            case "scan":
                batch = request.POST.get("batch") or secrets.token_urlsafe(9)
                text = "\n".join(request.POST.getlist("codes"))
                added = drafts.enter(key, text, batch=batch[:50], held=held, by=by)
                return _answer(request, order, added=added)
            case "discard":
                drafts.discard(key, by=by)
                return HttpResponseRedirect(reverse("desk:order", args=[key]) if key else reverse("desk:orders"))
            case "save":
                return _save(request, order, held)
        drafts.change(key, _typed(request), held=held, by=by)
        if do == "remove":
            drafts.change(key, {f"pieces:{parse_id(what) or 0}": None}, by=by)
        elif do == "theirs" and key:
            drafts.take_theirs(key, what, by=by)
        elif do == "forget":
            drafts.forget_codes(key, by=by)
    except DomainError as error:
        return _page(request, order, error=error)
    return _answer(request, order)


def _answer(request: HttpRequest, order: Order | None, **more: Any) -> HttpResponseBase:
    """The response to a change: the draft for htmx, a redirect to its page without it."""
    return _page(request, order, **more) if getattr(request, "htmx", False) else HttpResponseRedirect(request.path)


def _typed(request: HttpRequest) -> dict[str, Any]:
    """The values that the person changed: those that differ from the values with which the page was made."""
    changes: dict[str, Any] = {}
    for name, value in request.POST.items():
        before = request.POST.get(f"was:{name}")
        if before is None or before == value:
            continue
        if name in OrderForm.base_fields:
            changes[name] = tidy(str(value).replace("\r\n", "\n"))
        elif LINE_VALUE.fullmatch(name) and (pieces := parse_id(str(value))) is not None and pieces <= MAX_QUANTITY:
            changes[name] = pieces or (None if name.startswith("pieces:") else 0)  # no pieces: remove the line
    return changes


def _save(request: HttpRequest, order: Order | None, held: int | None) -> HttpResponse:
    """Save the draft as an order. If that is refused, the page shows why, and the draft is kept."""
    key, values, by = order.pk if order else None, _typed(request), actor(request)
    refused: list[DomainError] = []

    def answer() -> HttpResponse:
        drafts.change(key, values, held=held, by=by)
        try:
            saved = drafts.save(key, held=held, by=by)
        except DomainError as error:
            refused.append(error)
            return HttpResponse(status=409)
        tell(request, gettext("Order #%(number)s is saved.") % {"number": saved.pk})
        return HttpResponseRedirect(reverse("desk:order", args=[saved.pk]))

    response = once(request, answer)
    if refused:
        drafts.change(key, values, held=held, by=by)  # `once` has rolled this back too
        return _page(request, order, error=refused[0])
    return response


def _page(
    request: HttpRequest, order: Order | None, *, error: DomainError | None = None, added: Any = ()
) -> HttpResponse:
    """The page of a draft. error: why it was refused. added: the products of the codes that were scanned just now."""
    read = timezone.now()
    if order is not None:
        order.refresh_from_db()
    draft = drafts.of(person(request).pk, order)
    form = OrderForm(initial=draft.values)
    if error is not None and not isinstance(error, Stale):
        form = OrderForm(draft.values)
        for name, texts in error.fields.items():
            form.add_error(name if name in form.fields else None, [str(text) for text in texts])
        if not error.fields:
            form.add_error(None, str(error.detail))
    goods, theirs = _goods(draft), _theirs(draft)
    since = OrderVersion.objects.filter(order=order, revision__gt=draft.row.content.get("held", 0))
    context = {
        "order": order, "draft": draft, "form": form, "goods": goods, "theirs": theirs, "added": added, "read": read,
        "not_added": [(one["code"], REASONS[one["reason"]]) for one in draft.not_added],
        "pieces": sum(one.pieces for one in goods), "is_stale": isinstance(error, Stale),
        "changed_by": since.select_related("user").order_by("-revision")[:3] if theirs else [],
    }  # fmt: skip
    return render(request, "desk/_draft.html" if getattr(request, "htmx", False) else "desk/order_edit.html", context)


def _goods(draft: drafts.Draft) -> list[Goods]:
    """The lines of a draft, the latest entered first; two queries."""
    ids, values = draft.products, draft.values
    products = Product.objects.in_bulk(ids)
    others = OrderLine.objects.promised(ids, besides=draft.order.pk if draft.order else None)
    running = draft.order is None or draft.order.status in Order.RUNNING
    result = []
    for product in (products[one] for one in ids if one in products):
        pieces, picked = values[f"pieces:{product.pk}"], values.get(f"picked:{product.pk}", 0)
        needed = max(pieces - picked, 0) if running else 0
        is_new = f"picked:{product.pk}" not in draft.now
        result.append(Goods(product, pieces, picked, others.get(product.pk, 0), needed, is_new))
    return result


def _theirs(draft: drafts.Draft) -> list[Theirs]:
    """The values that somebody else has changed since the person began, each with the person's own change."""
    keys = draft.changed_by_others
    ids = {int(key.partition(":")[2]) for key in keys if ":" in key}
    names = {product.pk: str(product) for product in Product.objects.filter(pk__in=ids)} if ids else {}
    result = []
    for key in keys:
        name, _colon, product = key.partition(":")
        label = f"{names.get(int(product), product)}, {LABELS[name]}" if product else LABELS[name]
        was, now = _shown(name, draft.base.get(key)), _shown(name, draft.now.get(key))
        mine = _shown(name, draft.mine[key]) if key in draft.mine else None
        result.append(Theirs(key, label, was, now, mine))
    return result


def _shown(name: str, value: Any) -> str:
    """A value of a draft for people, a dash if it is empty."""
    if name == "due_on" and value:
        try:
            return date_format(date.fromisoformat(value))
        except ValueError:
            return str(value)
    return "–" if value in (None, "") else str(value)


@page
def find(request: HttpRequest) -> HttpResponseBase:
    """Products whose SKU or name contains what was typed into the scan field."""
    text = tidy(request.GET.get("codes", ""))
    found = Product.objects.live().matching(text).order_by("name", "id")[:SUGGESTED] if len(text) > 1 else []
    return render(request, "desk/_found.html", {"found": found, "text": text})


urls = [
    path("orders/new/", edit, name="order_new"),
    path("orders/<int:key>/edit/", edit, name="order_edit"),
    path("orders/find/", find, name="orders_find"),
]
