"""Labels of products and shelves, on a roll of 58 × 40 mm or on A4 sheets of 3 × 8."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext

from api import texts
from api.desk.base import stock_page, tell
from api.desk.codes import Code, code_of, qr
from api.desk.counts import ids, number_of
from api.models import Product

ON_SHEET = 24
MOST = 2000
"""The most labels at a time, and the most products to choose."""

ROOM = {"roll": 52.0, "a4": 60.0}
"""How many mm the bars may take on each kind of paper."""


@dataclass(frozen=True, slots=True)
class Item:
    """What a label is of: `text` is in the code. key: of its number in the form. on_hand: None for a shelf."""

    key: str
    text: str
    name: str
    location: str = ""
    on_hand: int | None = None


@dataclass(frozen=True, slots=True)
class Label:
    item: Item
    code: Code


@stock_page
def labels(request: HttpRequest) -> HttpResponseBase:
    """Choose what to print: by scanning, by shelf, or from another page, which sends `product` and `shelf`."""
    chosen = (request.POST or request.GET).copy()
    if code := texts.tidy(chosen.pop("code", [""])[-1]):
        if product := Product.objects.by_code(code):
            chosen.appendlist("product", str(product.pk))
        else:
            tell(request, gettext("Nothing has this code: %(code)s") % {"code": code}, "bad")
    if shelf := texts.tidy(chosen.pop("of_shelf", [""])[-1]):
        there = Product.objects.filter(pk__in=Product.objects.live().on_shelves([shelf]).values("pk"))
        found = there.order_by("location", "sku").values_list("pk", flat=True)
        chosen.setlist("product", [*chosen.getlist("product"), *map(str, found[:MOST])])
    return render(request, "desk/labels.html", {
        "items": list(items(chosen)), "starts": range(1, ON_SHEET + 1), "here": f"?{_choice(chosen).urlencode()}",
        "on_hand": chosen.get("each") == "on_hand",
    })  # fmt: skip


@stock_page
def labels_print(request: HttpRequest) -> HttpResponseBase:
    """The labels alone, ready to print."""
    asked = request.POST
    paper = "a4" if asked.get("paper") == "a4" else "roll"
    numbers = {item: max(0, min(number_of(asked.get(f"number-{item.key}", "1")), MOST)) for item in items(asked)}
    if not 1 <= sum(numbers.values()) <= MOST:
        tell(request, gettext("Choose 1 to %(most)s labels.") % {"most": MOST}, "bad")
        return HttpResponseRedirect(f"{reverse('desk:labels')}?{_choice(asked).urlencode()}")
    made: list[Label | None] = []
    for item, number in numbers.items():
        code = Code("qr", qr(item.text)) if asked.get("code") == "qr" else code_of(item.text, ROOM[paper])
        made += [Label(item, code)] * number
    if paper == "a4":
        made[:0] = [None] * (max(1, min(number_of(asked.get("start", "1")), ON_SHEET)) - 1)
    size = ON_SHEET if paper == "a4" else 1
    sheets = [made[first : first + size] for first in range(0, len(made), size)]
    return render(request, "desk/labels_print.html", {"sheets": sheets, "paper": paper, "back": _choice(asked)})


def items(chosen: QueryDict) -> Iterator[Item]:
    """The chosen products, in the order in which they were chosen, then the shelves; each once."""
    keys = list(dict.fromkeys(ids(chosen.getlist("product"))))[:MOST]
    products = Product.objects.in_bulk(keys)
    for product in (products[key] for key in keys if key in products):
        yield Item(str(product.pk), product.sku, product.name, product.location, product.quantity)
    for number, shelf in enumerate(dict.fromkeys(filter(None, map(texts.tidy, chosen.getlist("shelf"))))):
        yield Item(f"shelf{number}", shelf[:100], "")


def _choice(asked: QueryDict) -> QueryDict:
    chosen = QueryDict(mutable=True)
    for name in ("product", "shelf"):
        chosen.setlist(name, asked.getlist(name))
    return chosen


urls = [
    path("labels/", labels, name="labels"),
    path("labels/print/", labels_print, name="labels_print"),
]
