"""The first page: what needs attention, orders in work, the latest movements; and the polling of all live pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any

from django.db.models import Count, F, Func, Max, Min, Q, Subquery, Sum, Value
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from api.desk.base import person, stock_page
from api.discrepancies import words
from api.models import Device, Discrepancy, Job, Order, Product, Revision, StockMovement, User

DAYS = 14
"""How many days the chart shows."""
LATEST = 12
"""How many movements, orders and phones are shown."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that needs attention: a sentence with its number, and the page where it is dealt with. level: its CSS
    class."""

    text: str
    url: str
    level: str = "warn"


@stock_page
def today(request: HttpRequest) -> HttpResponseBase:
    """The first page. Its live part is fetched again on every change; the chart is fetched once."""
    movements = StockMovement.objects.select_related("product", "user", "device", "order_line").order_by("-id")
    context = {
        "needs": needs(person(request)),
        "orders": orders_in_work(),
        "phones": Device.objects.filter(kind=Device.Kind.APP, token__isnull=False).select_related("user")[:LATEST],
        "movements": movements[:LATEST],
    }
    return render(request, "desk/today.html", context)


@stock_page
def chart(request: HttpRequest) -> HttpResponseBase:
    """The chart of the first page."""
    days = pieces_by_day(timezone.now())
    most = max([1, *(max(day["into"], day["out"]) for day in days)])
    return render(request, "desk/_chart.html", {"days": days, "most": most})


def needs(user: User) -> list[Need]:
    """What needs this person's attention, the most urgent first. Questions and backups are for managers."""
    found = [*(_questions() + _backup() if user.is_manager else []), *_waiting_orders()]
    low, unnamed = _low_and_unnamed()
    if low:
        text = ngettext("%(count)s product is below its minimum", "%(count)s products are below their minimum", low)
        found.append(Need(text % {"count": low}, "/products/?stock=low"))
    if unnamed:
        text = ngettext("%(count)s product has no name yet", "%(count)s products have no name yet", unnamed)
        found.append(Need(text % {"count": unnamed}, "/products/?stock=unverified"))
    return found


def _questions() -> list[Need]:
    kinds = Discrepancy.objects.open().values_list("kind").annotate(count=Count("id")).order_by("-count")
    return [
        Need(f"{Discrepancy.Kind(kind).label}: {count}", f"/questions/?kind={kind}", "bad") for kind, count in kinds
    ]


def _low_and_unnamed() -> tuple[int, int]:
    """How many live products are below their minimum, and how many have no name. Each is counted in its own index."""
    live = Product.objects.live().order_by()
    numbers = [
        Subquery(rows.annotate(number=Func(F("id"), function="COUNT")).values("number"))  # Count would group the rows
        for rows in (live.low(), live.filter(unverified=True))
    ]
    low, unnamed = Revision.objects.values_list(*numbers).get(id=1)
    return low, unnamed


def _backup() -> list[Need]:
    """Whether the last backup failed. The worker (`ops/worker.py`) checks it and stores the result."""
    failed = Job.objects.filter(name__startswith="check_backup", report__failed=True).exists()
    return [Need(gettext("The last backup failed or is too old"), "/settings/", "bad")] if failed else []


def _waiting_orders() -> list[Need]:
    waiting = Order.objects.live().filter(status=Order.Status.OPEN)
    found = waiting.aggregate(count=Count("id"), since=Min("created_at"))
    if not (count := found["count"]):
        return []
    text = ngettext(
        "%(count)s order is waiting, since %(since)s", "%(count)s orders are waiting, since %(since)s", count
    )
    return [Need(text % {"count": count, "since": words.moment(found["since"])}, "/orders/?status=open", "info")]


def orders_in_work() -> Sequence[Order]:
    """The orders in progress, each with `picked`, `to_pick` and the last `picker`."""
    is_kept = Q(lines__removed_at__isnull=True)
    found = list(
        Order.objects.live().filter(status=Order.Status.IN_PROGRESS)
        .annotate(to_pick=Sum("lines__quantity_to_pick", filter=is_kept, default=0),
                  picked=Sum("lines__quantity_picked", filter=is_kept, default=0))
        .order_by("id")[:LATEST]
    )  # fmt: skip
    of_order = StockMovement.objects.filter(order_line__order__in=found).order_by().values("order_line__order")
    movements = StockMovement.objects.filter(id__in=of_order.annotate(last=Max("id")).values("last"))
    movements = movements.select_related("order_line", "user")
    pickers = {movement.order_line.order_id: movement.user for movement in movements if movement.order_line}
    for order in found:
        order.picker = pickers.get(order.pk)  # type: ignore[attr-defined]
    return found


def pieces_by_day(at: datetime) -> list[dict[str, Any]]:
    """The last two weeks, one entry a day in the warehouse's zone: `day`, pieces `into` and `out` of stock."""
    today = timezone.localdate(at)
    days = [today - timedelta(days=number) for number in reversed(range(DAYS))]
    midnights = [timezone.make_aware(datetime.combine(day, time())) for day in [*days, today + timedelta(days=1)]]
    # One UNION with a query for each day: computing the day of each movement would take longer than adding them up.
    sums = [
        StockMovement.objects.filter(recorded_at__gte=begin, recorded_at__lt=end).order_by().values(at=Value(number))
        .annotate(into=Sum("quantity_delta", filter=Q(quantity_delta__gt=0), default=0),
                  out=Sum("quantity_delta", filter=Q(quantity_delta__lt=0), default=0))
        for number, (begin, end) in enumerate(pairwise(midnights))
    ]  # fmt: skip
    by_day = {row["at"]: row for row in sums[0].union(*sums[1:], all=True)}
    empty = {"into": 0, "out": 0}
    found = [(day, by_day.get(number, empty)) for number, day in enumerate(days)]
    return [{"day": day, "into": row["into"], "out": -row["out"]} for day, row in found]


@stock_page
def live(request: HttpRequest) -> HttpResponseBase:
    """The polling request of every page: 204 while nothing has changed, else a part with the new mark, and the event
    `changed`."""
    mark = request.live_mark  # type: ignore[attr-defined]
    if request.GET.get("seen") == mark:
        return HttpResponse(status=204)
    answer = render(request, "desk/_live.html", {"mark": mark})
    answer.headers["HX-Trigger"] = "changed"
    return answer


urls = [
    path("", today, name="today"),
    path("chart/", chart, name="chart"),
    path("live/", live, name="live"),
]
