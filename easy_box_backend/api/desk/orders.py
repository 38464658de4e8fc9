"""Orders: the list with its search, one order, cancelling, and what is printed for the warehouse."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from api.actions import orders
from api.desk.base import actor, once, page, person, rows_of, stock_page, tell
from api.desk.codes import code_of
from api.desk.orders_history import history_of
from api.discrepancies import kinds
from api.errors import DomainError
from api.models import Order, OrderDraft, OrderLine, Product, StockMovement
from api.rest.requests import parse_id

TABS = {
    "running": _("To pick"), "open": Order.Status.OPEN.label, "inProgress": Order.Status.IN_PROGRESS.label,
    "overdue": _("overdue"), "picked": Order.Status.PICKED.label, "cancelled": Order.Status.CANCELLED.label,
    "all": _("all"), "archived": _("archived"),
}  # fmt: skip
SHOWN_MOVEMENTS = 200
MOST_AT_ONCE = 200


# --- The list -----------------------------------------------------------------------------------------------------
@stock_page
def order_list(request: HttpRequest) -> HttpResponseBase:
    """The orders of a tab, or those that the search finds in all of them."""
    sought = request.GET.get("q", "").strip()
    tab = request.GET.get("status") or ("all" if sought else "running")
    found = _of_tab(tab if tab in TABS else "all")
    rows = rows_of(request, found.sought(sought) if sought else found)
    shown = [Shown(order) for order in rows.list]
    _add_progress(shown)
    context = {
        "rows": rows, "orders": shown, "sought": sought, "tab": tab, "tabs": _tabs(not sought),
        "has_draft": OrderDraft.objects.filter(user=person(request), order=None).exists(),
    }  # fmt: skip
    return render(request, "desk/orders.html", context)


def _overdue() -> Q:
    return Q(status__in=Order.RUNNING, due_on__lt=timezone.localdate())


def _of_tab(tab: str) -> Any:
    """The orders of a tab, in its order: those to be picked by their due date, others the newest first."""
    if tab == "archived":
        return Order.objects.filter(archived_at__isnull=False).order_by("-id")
    live = Order.objects.live()
    if tab in ("running", "open", "inProgress", "overdue"):
        status = Q(status=tab) if tab in Order.Status else Q(status__in=Order.RUNNING)
        found = live.filter(_overdue() if tab == "overdue" else status)
        return found.order_by(F("due_on").asc(nulls_last=True), "id")
    return (live if tab == "all" else live.filter(status=tab)).order_by("-id")


def _tabs(with_counts: bool) -> list[tuple[str, Any, int | None]]:
    """The name and label of each tab, and its number of orders or None; two queries. A search shows no numbers: they
    would be those of all orders."""
    if not with_counts:
        return [(tab, label, None) for tab, label in TABS.items()]
    live = Order.objects.live()
    counts: dict[str, int] = dict(live.order_by().values_list("status").annotate(count=Count("id")))
    counts |= {"all": sum(counts.values()), "running": sum(counts.get(status, 0) for status in Order.RUNNING)}
    counts["overdue"] = live.filter(_overdue()).count()
    return [(tab, label, None if tab == "archived" else counts.get(tab, 0)) for tab, label in TABS.items()]


@dataclass
class Shown:
    """An order as the pages show it, with the sums of its lines."""

    order: Order
    to_pick: int = 0
    picked: int = 0

    @property
    def status_class(self) -> str:
        """The CSS class for the order's status."""
        return {"picked": "good", "cancelled": "", "inProgress": "warn"}.get(self.order.status, "")

    @cached_property
    def is_running(self) -> bool:
        return self.order.status in Order.RUNNING and self.order.archived_at is None

    @property
    def is_overdue(self) -> bool:
        return self.is_running and self.order.due_on is not None and self.order.due_on < timezone.localdate()


def _add_progress(shown: Iterable[Shown]) -> None:
    """Set `to_pick` and `picked` of these orders; one query."""
    by_id = {one.order.pk: one for one in shown}
    lines = OrderLine.objects.filter(order__in=list(by_id), removed_at__isnull=True).order_by()
    for order_id, to_pick, picked in lines.values_list("order_id").annotate(
        wanted=Sum("quantity_to_pick"), done=Sum("quantity_picked")
    ):
        by_id[order_id].to_pick, by_id[order_id].picked = to_pick, picked


# --- One order ----------------------------------------------------------------------------------------------------
@dataclass
class Goods:
    """A product in an order or a draft. pieces: to be picked in all. others: pieces promised to other running orders.
    needed: pieces still to be picked for this one. is_new: the draft adds it."""

    product: Product
    pieces: int
    picked: int = 0
    others: int = 0
    needed: int = 0
    is_new: bool = False

    @property
    def free(self) -> int:
        return self.product.quantity - self.others

    @property
    def is_short(self) -> bool:
        return self.needed > max(self.free, 0)


def by_shelf(product: Product) -> tuple[Any, ...]:
    """The sort key for a walk along the shelves: A2 comes before A10, and products without a shelf come last."""
    parts = re.split(r"(\d+)", product.location.casefold())
    return not product.location, [(int(part), "") if part.isdecimal() else (0, part) for part in parts], product.sku


def goods_of(order: Order) -> list[Goods]:
    """The lines of an order, by shelf; two queries."""
    lines = order.lines.filter(removed_at__isnull=True).select_related("product")
    others = OrderLine.objects.promised([line.product_id for line in lines], besides=order.pk)
    return [
        Goods(line.product, line.quantity_to_pick, line.quantity_picked, others.get(line.product_id, 0),
              max(line.quantity_to_pick - line.quantity_picked, 0) if order.status in Order.RUNNING else 0)
        for line in sorted(lines, key=lambda line: by_shelf(line.product))
    ]  # fmt: skip


@stock_page
def order_page(request: HttpRequest, key: int) -> HttpResponseBase:
    """One order. Its buttons start, finish and reopen it."""
    order = Order.objects.filter(pk=key).first()
    if order is None:
        raise Http404
    if request.method == "POST":
        return once(request, lambda: _change(request, order))
    goods = goods_of(order)
    shown = Shown(order, sum(one.pieces for one in goods), sum(one.picked for one in goods))
    movements = StockMovement.objects.filter(order_line__order=order).select_related("product", "user", "device")
    context = {
        "shown": shown, "order": order, "goods": goods, "movements": movements.order_by("-id")[:SHOWN_MOVEMENTS],
        "questions": kinds.describe(list(order.discrepancies.open().order_by("-id"))), "story": history_of(order),
    }  # fmt: skip
    return render(request, "desk/order.html", context)


def _change(request: HttpRequest, order: Order) -> HttpResponse:
    """Do what the button says that was pressed."""
    by, held = actor(request), _held(request, "held")
    try:
        match request.POST.get("do"):
            case "finish":
                orders.pick_in_full(order.pk, by=by, revisions_held=held)
            case "start":
                orders.update(order.pk, status=Order.Status.IN_PROGRESS, by=by, revisions_held=held)
            case "reopen":
                orders.update(order.pk, status=Order.Status.OPEN, by=by, revisions_held=held)
            case _:
                return HttpResponse(status=400)
    except DomainError as error:
        tell(request, error.detail, "bad")
    else:
        tell(request, gettext("Saved."))
    return HttpResponseRedirect(reverse("desk:order", args=[order.pk]))


def _held(request: HttpRequest, name: str) -> list[int] | None:
    """The revision that the page was made with, as `revisions_held` of the actions; None if the form has none."""
    held = parse_id(request.POST.get(name, ""))
    return None if held is None else [held]


# --- Many at once -------------------------------------------------------------------------------------------------
def _chosen(request: HttpRequest) -> list[Order]:
    """The orders that the query names, by their ids. Raises Http404 if there are none."""
    given = (request.POST if request.method == "POST" else request.GET).getlist("id")
    ids = [key for one in given if (key := parse_id(one)) is not None]
    found = list(Order.objects.live().filter(pk__in=ids[:MOST_AT_ONCE]).order_by("id"))
    if not found:
        raise Http404(gettext("No order is chosen."))
    return found


@page
def cancel(request: HttpRequest) -> HttpResponseBase:
    """Ask whether to cancel the chosen orders, and show which goods return to which shelf. The POST cancels them."""
    chosen = _chosen(request)
    if request.method == "POST":
        return once(request, lambda: _cancel_all(request, chosen))
    return _ask_to_cancel(request, chosen)


def _ask_to_cancel(request: HttpRequest, chosen: Sequence[Order]) -> HttpResponse:
    picked = OrderLine.objects.filter(order__in=chosen, quantity_picked__gt=0).select_related("product", "order")
    lines = sorted(picked, key=lambda line: (by_shelf(line.product), line.order_id))
    running = [order for order in chosen if order.status != Order.Status.CANCELLED]
    return render(request, "desk/orders_cancel.html", {"orders": running, "lines": lines})


def _cancel_all(request: HttpRequest, chosen: Sequence[Order]) -> HttpResponse:
    """Cancel these orders, or none of them if one is refused."""
    by = actor(request)
    try:
        for order in chosen:
            held = _held(request, f"held-{order.pk}")
            orders.update(order.pk, status=Order.Status.CANCELLED, by=by, revisions_held=held)
    except DomainError as error:
        tell(request, f"#{order.pk}: {error.detail}", "bad")
        return _ask_to_cancel(request, _chosen(request))
    text = ngettext("%(count)s order is cancelled.", "%(count)s orders are cancelled.", len(chosen))
    tell(request, text % {"count": len(chosen)})
    one = reverse("desk:order", args=[chosen[0].pk])
    return HttpResponseRedirect(one if len(chosen) == 1 else reverse("desk:orders"))


# --- What is printed ----------------------------------------------------------------------------------------------
@dataclass
class Stop:
    """A product on the pick list: its printed code, how many pieces to take, and how many of them for which order."""

    product: Product
    code: SafeString
    pieces: int = 0
    parts: list[tuple[Order, int]] = field(default_factory=list)


def _lines_of(chosen: Sequence[Order]) -> "QuerySet[OrderLine]":
    return OrderLine.objects.filter(order__in=chosen, removed_at__isnull=True).select_related("product").order_by("id")


@stock_page
def pick_list(request: HttpRequest) -> HttpResponseBase:
    """The pieces still to be picked for the chosen orders, as one walk along the shelves."""
    chosen = _chosen(request)
    by_id = {order.pk: order for order in chosen}
    stops: dict[int, Stop] = {}
    for line in _lines_of(chosen):
        missing = line.quantity_to_pick - line.quantity_picked
        if missing > 0 and by_id[line.order_id].status in Order.RUNNING:
            stop = stops.setdefault(line.product_id, Stop(line.product, code_of(line.product.sku).svg))
            stop.pieces += missing
            stop.parts.append((by_id[line.order_id], missing))
    context = {
        "orders": [(order, code_of(str(order.pk)).svg) for order in chosen],
        "stops": sorted(stops.values(), key=lambda stop: by_shelf(stop.product)),
    }
    return render(request, "desk/pick_list.html", context)


@stock_page
def packing_slips(request: HttpRequest) -> HttpResponseBase:
    """A page for each chosen order with its goods: the picked pieces if it has ended, else the pieces to pick."""
    chosen = _chosen(request)
    lines: dict[int, list[tuple[OrderLine, int, SafeString]]] = defaultdict(list)
    done = {order.pk for order in chosen if order.status not in Order.RUNNING}
    for line in sorted(_lines_of(chosen), key=lambda line: by_shelf(line.product)):
        pieces = line.quantity_picked if line.order_id in done else line.quantity_to_pick
        if pieces:
            lines[line.order_id].append((line, pieces, code_of(line.sku).svg))
    slips = [(order, code_of(str(order.pk)).svg, lines[order.pk]) for order in chosen]
    return render(request, "desk/packing_slips.html", {"slips": slips})


urls = [
    path("orders/", order_list, name="orders"),
    path("orders/<int:key>/", order_page, name="order"),
    path("orders/cancel/", cancel, name="orders_cancel"),
    path("orders/pick-list/", pick_list, name="pick_list"),
    path("orders/packing-slips/", packing_slips, name="packing_slips"),
]
