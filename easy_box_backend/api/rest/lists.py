"""Lists: their queries and their JSON. The number of queries does not depend on the length of a list.

`ready.py` keeps whole lists as bytes."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from api.errors import Invalid
from api.models import Order, OrderLine, Product
from api.rest.answers import photo_base, row_answer
from api.serializers.rows import FOR_PROGRAMS, LINE_FIELDS, PRODUCT_FIELDS, order_json, product_json


def products_json(products: "QuerySet[Product]", photos: str) -> list[dict[str, Any]]:
    """These products as the app reads them; one query."""
    return [product_json(row, photos) for row in products.values(*PRODUCT_FIELDS)]


def product_list(photos: str) -> list[dict[str, Any]]:
    """All products that are not archived."""
    return products_json(Product.objects.live().order_by("id"), photos)


def order_list(photos: str, since: datetime, *, for_app: bool) -> list[dict[str, Any]]:
    """The orders that the app shows, in its order. since: orders that ended before are left out."""
    return orders_json(Order.objects.as_in_the_app(since), photos, for_app=for_app)


def products_changed(after: int | None, photos: str) -> tuple[list[int], list[dict[str, Any]]]:
    """The ids of products that have changed after this revision, and the rows of those that are live.

    after: None for all live products; then there are no ids.
    """
    if after is None:
        return [], product_list(photos)
    rows = products_json(Product.objects.filter(revision__gt=after), photos)
    return [row["id"] for row in rows], [row for row in rows if not row["archived"]]


def orders_changed(
    after: int | None, since: datetime, photos: str, *, for_app: bool
) -> tuple[set[int], list[dict[str, Any]]]:
    """As `products_changed`, for the orders that the app shows. An order also changes with the products in it."""
    if after is None:
        return set(), order_list(photos, since, for_app=for_app)
    shown = Order.objects.as_in_the_app(since)
    changed = Order.objects.filter(revision__gt=after).values_list("id", flat=True)
    with_changed = shown.filter(lines__product__revision__gt=after).order_by().values_list("id", flat=True)
    ids = set(changed.order_by().union(with_changed))
    return ids, orders_json(shown.filter(id__in=ids), photos, for_app=for_app) if ids else []


def orders_kept_since(at: datetime) -> datetime:
    """The midnight from which on finished and cancelled orders are in the app's list (ORDERS_KEPT_IN_APP).

    It moves once a day, in TIME_ZONE, so that the list is kept as JSON all day. at: now.
    """
    today = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=settings.ORDERS_KEPT_IN_APP)


def one_product(product: Product, photos: str) -> dict[str, Any]:
    """The JSON of a product that is already loaded."""
    row = {field: getattr(product, field) for field in PRODUCT_FIELDS}
    row["image"], row["thumbnail"] = product.image.name, product.thumbnail.name
    return product_json(row, photos)


def orders_json(orders: "QuerySet[Order]", photos: str, *, for_app: bool) -> list[dict[str, Any]]:
    """These orders with their lines; two queries."""
    more = () if for_app else FOR_PROGRAMS
    rows = list(orders.values("id", "customer_name", "status", "revision", "created_at", "updated_at", *more))
    lines = defaultdict(list)
    chosen = OrderLine.objects.filter(order__in=orders.values("id")) if len(rows) != 1 else (
        OrderLine.objects.filter(order_id=rows[0]["id"])
    )  # fmt: skip
    for line in chosen.filter(removed_at__isnull=True).order_by("id").values(*LINE_FIELDS):
        lines[line["order_id"]].append(line)
    return [order_json(row, lines[row["id"]], photos, for_app=for_app) for row in rows]


def products_matching(query: dict[str, Any]) -> "QuerySet[Product]":
    """The live products that a validated ProductQuery asks for: one page, in its order.

    Raises Invalid if `after` names no product.
    """
    products = Product.objects.live()
    if search := query.get("search"):
        products = products.matching(search)
    if location := query.get("location"):
        products = products.filter(location__istartswith=location)
    ordering = query.get("ordering", "id")
    field, down = ordering.lstrip("-"), ordering.startswith("-")
    if (after := query.get("after")) is not None:
        products = products.filter(_behind(field, down, after))
    products = products.order_by(F(field).desc() if down else F(field).asc(), "id")
    return products[: query["limit"]] if "limit" in query else products


def _behind(field: str, down: bool, after: int) -> Q:
    """The condition for products that come after the one with the id `after`, sorted by `field`, then by id."""
    if field == "id":
        return Q(id__lt=after) if down else Q(id__gt=after)
    value = Product.objects.filter(id=after).values_list(field, flat=True).first()
    if value is None:
        raise Invalid(_("No product has the id in “after”."), fields={"after": [_("Unknown id.")]})
    step = "lt" if down else "gt"
    return Q(**{f"{field}__{step}": value}) | Q(**{field: value, "id__gt": after})


def orders_matching(query: dict[str, Any]) -> "QuerySet[Order]":
    """The live orders that a validated OrderQuery asks for."""
    orders = Order.objects.live().order_by("id")
    if status := query.get("status"):
        orders = orders.filter(status=status)
    if (after := query.get("after")) is not None:
        orders = orders.filter(id__gt=after)
    return orders[: query["limit"]] if "limit" in query else orders


def product_answer(request: Request, product: Product, *, is_new: bool = False) -> HttpResponseBase:
    """The answer with this product: 201 if it is new, else 200."""
    return row_answer(request, one_product(product, photo_base(request)), made="product" if is_new else "")
