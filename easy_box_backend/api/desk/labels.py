"""Labels of products and shelves, on a roll of 58 × 40 mm or on A4 sheets of 3 × 8."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api import texts
from api.desk.base import stock_page, tell
from api.desk.codes import Code, code_of, qr
from api.desk.counts import ids, number_of
from api.models import Product

ON_SHEET = 24
"""How many labels an A4 sheet has."""
MOST = 2000
"""The most labels at a time, and the most products to choose."""

PAPERS = {"roll": _("Roll, 58 × 40 mm"), "a4": _("A4 sheet, 3 × 8 labels")}

KEPT = ("product", "shelf", "paper", "start", "code")
"""The fields that the link back from the printed labels keeps, besides the numbers of labels."""

ROOM = {"roll": 52.0, "a4": 60.0}
"""How wide the bars may be on each kind of paper, in mm."""


@dataclass(frozen=True, slots=True)
class Item:
    """A product or shelf to print labels of. key: the field `number-<key>` of the form has its number of labels. text:
    what the code holds. number: how many labels. on_hand: None for a shelf."""

    key: str
    text: str
    name: str
    number: int
    location: str = ""
    on_hand: int | None = None


@dataclass(frozen=True, slots=True)
class Label:
    item: Item
    code: Code


@stock_page
def labels(request: HttpRequest) -> HttpResponseBase:
    """Choose what to print: by scanning, by shelf, or from another page, which sends `product` and `shelf`.

    The choice is kept in fields of the page, which posts them: an address is too short for the products of a large
    shelf.
    """
    chosen = (request.POST or request.GET).copy()
    unknown = []
    codes = filter(None, map(texts.tidy, "\n".join(chosen.pop("codes", [])).splitlines()))
    for code in dict.fromkeys(islice(codes, MOST)):
        if product := Product.objects.by_code(code):
            chosen.appendlist("product", str(product.pk))
        else:
            unknown.append(code)
    typed = {name: texts.tidy(chosen.pop(name, [""])[-1]) for name in ("of_shelf", "new_shelf")}
    if "batch" in chosen:  # sent by a scan: somebody may still be typing in these fields
        return _page(request, chosen, unknown, **typed)
    if shelf := typed["of_shelf"]:
        there = Product.objects.filter(pk__in=Product.objects.live().on_shelves([shelf]).values("pk"))
        found = there.order_by("location", "sku").values_list("pk", flat=True)
        chosen.setlist("product", [*chosen.getlist("product"), *map(str, found[:MOST])])
    chosen.appendlist("shelf", typed["new_shelf"])
    return _page(request, chosen, unknown)


@stock_page
def labels_print(request: HttpRequest) -> HttpResponseBase:
    """The page with the labels only, ready to print."""
    asked = request.POST
    chosen = list(items(asked))
    if not 1 <= sum(item.number for item in chosen) <= MOST:
        tell(request, gettext("Choose 1 to %(most)s labels.") % {"most": MOST}, "bad")
        return _page(request, asked)
    paper = _paper(asked)
    made: list[Label | None] = []
    for item in chosen:
        code = Code("qr", qr(item.text)) if asked.get("code") == "qr" else code_of(item.text, ROOM[paper])
        made += [Label(item, code)] * item.number
    if paper == "a4":
        made[:0] = [None] * (_start(asked) - 1)
    size = ON_SHEET if paper == "a4" else 1
    sheets = [made[first : first + size] for first in range(0, len(made), size)]
    back = [(name, value) for name in KEPT for value in asked.getlist(name)]
    back += [(f"number-{item.key}", str(item.number)) for item in chosen]
    return render(request, "desk/labels_print.html", {"sheets": sheets, "paper": paper, "back": back})


def items(chosen: QueryDict) -> Iterator[Item]:
    """The chosen products in the order in which they were chosen, then the shelves. Each comes once."""
    keys = list(dict.fromkeys(ids(chosen.getlist("product"))))[:MOST]
    products = Product.objects.in_bulk(keys)
    for product in (products[key] for key in keys if key in products):
        key, on_hand = str(product.pk), product.quantity
        yield Item(key, product.sku, product.name, _number(chosen, key, on_hand), product.location, on_hand)
    for number, shelf in enumerate(dict.fromkeys(filter(None, map(texts.tidy, chosen.getlist("shelf"))))):
        yield Item(f"shelf{number}", shelf[:100], "", _number(chosen, f"shelf{number}", 1))


def _number(chosen: QueryDict, key: str, on_hand: int) -> int:
    """How many labels of an item are to be printed. on_hand: the number if the person chose one for each piece."""
    each = {"one": "1", "on_hand": str(on_hand)}.get(chosen.get("each", ""))
    return max(0, min(number_of(each or chosen.get(f"number-{key}", "1")), MOST))


def _paper(asked: QueryDict) -> str:
    return "a4" if asked.get("paper") == "a4" else "roll"


def _start(asked: QueryDict) -> int:
    """The first free label of the first A4 sheet, from 1."""
    return max(1, min(number_of(asked.get("start", "1")), ON_SHEET))


def _page(request: HttpRequest, chosen: QueryDict, unknown: Sequence[str] = (), **typed: str) -> HttpResponse:
    return render(request, "desk/labels.html", {
        "items": list(items(chosen)), "unknown": unknown, "paper": _paper(chosen), "papers": PAPERS.items(),
        "starts": range(1, ON_SHEET + 1), "start": _start(chosen), "is_qr": chosen.get("code") == "qr",
        **typed,
    })  # fmt: skip


urls = [
    path("labels/", labels, name="labels"),
    path("labels/print/", labels_print, name="labels_print"),
]
