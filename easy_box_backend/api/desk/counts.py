"""Counting: choose shelves or products, count by scanner or shelf by shelf, check the differences, post them.

There is one field. It asks for a code, then for a number. Everything else is links and buttons, so the pages also work
without htmx.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count as Number
from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext

from api import texts
from api.actions import stocktakes
from api.actions.stocktakes import EVERYTHING, Counted
from api.desk.base import actor, once, rows_of, stock_page, tell
from api.desk.codes import code_of
from api.errors import DomainError
from api.models import Count, CountLine, CountLineQuerySet, Product

UNUSUAL = 1000
"""From this many pieces on, a number has to be confirmed if it is also a SKU or far more than expected."""

by_code = Product.objects.by_code

KEPT = ("view", "walk", "skip", "at", "page")
"""The parameters that stay in the address from one product to the next."""


# --- The list, and a new stocktake --------------------------------------------------------------------------------
@stock_page
def count_list(request: HttpRequest) -> HttpResponseBase:
    """The stocktakes, and the form for a new one. `shelf` and `product` in the address fill it in."""
    typed: dict[str, Any] = {
        "shelves": ", ".join(request.GET.getlist("shelf")),
        "products": "\n".join(
            Product.objects.filter(pk__in=ids(request.GET.getlist("product"))).values_list("sku", flat=True)
        ),
    }
    error = ""
    if request.method == "POST":
        try:
            return once(request, lambda: _start(request))
        except DomainError as refused:
            typed, error = request.POST.dict(), str(refused.detail)
    rows = rows_of(request, Count.objects.select_related("started_by").order_by("-id"), 20)
    lines = CountLine.objects.filter(count__in=rows.list).order_by().values_list("count")
    done = {key: (counted, number) for key, counted, number in lines.annotate(Number("counted"), Number("id"))}
    context = {"counts": [(count, *done[count.pk]) for count in rows.list], "rows": rows}
    return render(request, "desk/counts.html", {**context, "typed": typed, "error": error})


def _start(request: HttpRequest) -> HttpResponse:
    """Start a stocktake. Raises NothingToCount."""
    shelves = [
        texts.tidy(shelf)[:100] for shelf in re.split(r"[,;\n]", request.POST.get("shelves", "")) if texts.tidy(shelf)
    ]
    if request.POST.get("everything"):
        shelves = [EVERYTHING]
    codes = [code for code in map(texts.tidy, request.POST.get("products", "").splitlines()) if code]
    products = {code: by_code(code) for code in codes}
    if unknown := [code for code in codes if products[code] is None]:
        raise stocktakes.NothingToCount(gettext("Nothing has this code: %(code)s") % {"code": ", ".join(unknown[:10])})
    count = stocktakes.start(
        shelves=shelves, product_ids=[product.pk for product in products.values() if product],
        blind=bool(request.POST.get("blind")), by=actor(request),
    )  # fmt: skip
    return HttpResponseRedirect(reverse("desk:count", args=[count.pk]))


# --- The sheet ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Entry:
    """What the field asks for: the number of pieces of `product`, or a code if that is None.

    line: the product's line on the sheet, if it has one. value: the text already in the field. unsure: whether the
    number has to be confirmed.
    """

    product: Product | None = None
    line: CountLine | None = None
    value: str = ""
    unsure: bool = False


@stock_page
def count_page(request: HttpRequest, key: int) -> HttpResponseBase:
    """The sheet. `seen` in the query: the mark of the page in the browser; 204 if nothing was counted since then."""
    count = get_object_or_404(Count, pk=key)
    query = request.GET.copy()
    if (seen := query.pop("seen", [])) and seen[0] == _mark(count, _done(count)):
        return HttpResponse(status=204)
    request.GET = query  # type: ignore[assignment]  # the links of the page must not repeat `seen`
    product = None
    if code := texts.tidy(request.GET.get("code", "")):
        product = by_code(code)
        if product is None:
            tell(request, gettext("Nothing has this code: %(code)s") % {"code": code}, "bad")
    elif asked := ids([request.GET.get("product", "")]):
        product = Product.objects.filter(pk=asked[0]).first()
    elif request.GET.get("walk"):
        product = _next(count, request.GET.get("skip", ""))
    return _sheet(request, count, product)


def _sheet(request: HttpRequest, count: Count, product: Product | None, **entry: Any) -> HttpResponse:
    """The page of a stocktake. product: whose number the field asks for. entry: other values of `Entry`."""
    done = _done(count)  # before the lines, so that the mark is never newer than they are
    lines = count.lines.compared().by_shelf().select_related("product", "user")
    view = request.GET.get("view", "")
    line = lines.filter(product=product).first() if product else None
    return render(request, "desk/count.html", {
        "count": count, "view": view, "rows": rows_of(request, _of_view(lines, view), 100), "done": done,
        "left": done["all"] - done["counted"], "different": _of_view(lines, "differences").count() if view else None,
        "hidden": count.blind and count.is_open and view != "differences", "kept": _kept(request),
        "skip": number_of(request.GET.get("skip", "")) + 1, "entry": Entry(product, line, **entry),
        "at": request.GET.get("at", ""), "mark": _mark(count, done),
    })  # fmt: skip


def _done(count: Count) -> dict[str, Any]:
    """The number of lines, the number of counted ones, and sums that change with every entry; one query."""
    return count.lines.aggregate(
        pieces=Sum("counted"), all=Number("id"), counted=Number("counted"), last=Max("counted_at")
    )


def _mark(count: Count, done: dict[str, Any]) -> str:
    """A text that changes with every entry."""
    last = done["last"].timestamp() if done["last"] else 0
    return f"{count.status}-{done['all']}-{done['counted']}-{done['pieces']}-{last}"


def _of_view(lines: CountLineQuerySet, view: str) -> CountLineQuerySet:
    """The lines that a view shows: "left", "differences", or all."""
    if view == "left":
        return lines.filter(counted__isnull=True)
    return lines.differing() if view == "differences" else lines


def _next(count: Count, skip: str) -> Product | None:
    """The next product along the shelves that is not counted; None if all are. skip: how many of them to pass over."""
    start = number_of(skip)
    left = count.lines.filter(counted__isnull=True).by_shelf().select_related("product")
    line = left[start : start + 1].first() or left.first()
    return line.product if line else None


@stock_page
def count_enter(request: HttpRequest, key: int) -> HttpResponseBase:
    """Take a number for a product, or the next code: a scanner does not know what the field asks for."""
    count = get_object_or_404(Count, pk=key)
    here = reverse("desk:count", args=[count.pk])
    if request.method != "POST":
        return HttpResponseRedirect(f"{here}?{request.GET.urlencode()}")
    product = get_object_or_404(Product, pk__in=ids([request.POST.get("product", "")]))
    typed = texts.tidy(request.POST.get("number", ""))
    number = re.fullmatch(r"(\+?)(\d{1,9})(?:[x×*х](\d{1,4}))?", re.sub(r"[\s\u00a0\u202f]", "", typed.lower()))
    if not number:
        query = _kept(request) | ({"code": typed} if typed else {"product": str(product.pk)})
        return HttpResponseRedirect(f"{here}?{urlencode(query)}")
    line = count.lines.compared().filter(product=product).first()
    pieces = int(number[2]) * int(number[3] or 1) + ((line.counted or 0) if line and number[1] else 0)
    expected = line.expected if line else product.quantity
    is_code = (pieces >= UNUSUAL or number[3]) and by_code(typed)
    unusual = is_code or pieces >= max(UNUSUAL, 10 * expected)
    if unusual and request.POST.get("sure") != typed:
        return _sheet(request, count, product, value=typed, unsure=True)

    def save() -> HttpResponse:
        by = actor(request)
        stocktakes.enter(count.pk, [Counted(product.pk, pieces, _at(request) or by.at)], by=by)
        text = ngettext("%(product)s: %(number)s piece", "%(product)s: %(number)s pieces", pieces)
        tell(request, text % {"product": product, "number": pieces})
        return HttpResponseRedirect(f"{here}?{urlencode(_kept(request))}")

    try:
        return once(request, save)
    except DomainError as refused:
        tell(request, refused.detail, "bad")
        return _sheet(request, count, product, value=typed)


def _at(request: HttpRequest) -> datetime | None:
    """When a sheet on paper was counted, from `at` in the query, in the warehouse's zone; None for now."""
    try:
        found = parse_datetime(request.GET.get("at", ""))
    except ValueError:
        return None
    return timezone.make_aware(found) if found and found.tzinfo is None else found


def _kept(request: HttpRequest) -> dict[str, str]:
    """The parameters of the request that stay in the address."""
    return {name: request.GET[name] for name in KEPT if request.GET.get(name)}


def ids(texts: list[str]) -> list[int]:
    """The ids among these texts."""
    return [number for text in texts if (number := number_of(text))]


def number_of(text: str) -> int:
    """A text as a whole number, 0 if it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0


# --- Ending it ----------------------------------------------------------------------------------------------------
@stock_page
def count_end(request: HttpRequest, key: int) -> HttpResponseBase:
    """Post the stocktake, cancel it, or count some products again, as the button says."""
    count, verb = get_object_or_404(Count, pk=key), request.POST.get("do")
    here = reverse("desk:count", args=[count.pk])

    def end() -> HttpResponse:
        if verb == "recount":
            stocktakes.recount(count.pk, ids(request.POST.getlist("product")))
            return HttpResponseRedirect(f"{here}?view=left&walk=1")
        if verb == "post":
            stocktakes.post(count.pk, by=actor(request))
            tell(request, gettext("Stocktake %(number)s is posted.") % {"number": count.pk})
        elif verb == "cancel":
            stocktakes.cancel(count.pk)
            tell(request, gettext("Stocktake %(number)s is cancelled. Nothing was booked.") % {"number": count.pk})
        return HttpResponseRedirect(here)

    try:
        return once(request, end)
    except DomainError as refused:
        tell(request, refused.detail, "bad")
        return HttpResponseRedirect(f"{here}?view=differences")


@stock_page
def count_paper(request: HttpRequest, key: int) -> HttpResponseBase:
    """The sheet to print and write on."""
    count = get_object_or_404(Count, pk=key)
    lines = list(count.lines.compared().by_shelf().select_related("product"))
    rows = [(line, code_of(line.product.sku, room=50)) for line in lines]
    return render(request, "desk/count_paper.html", {"count": count, "rows": rows})


urls = [
    path("counts/", count_list, name="counts"),
    path("counts/<int:key>/", count_page, name="count"),
    path("counts/<int:key>/enter/", count_enter, name="count_enter"),
    path("counts/<int:key>/end/", count_end, name="count_end"),
    path("counts/<int:key>/paper/", count_paper, name="count_paper"),
]
