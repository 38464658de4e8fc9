"""Stocktakes for programs: a handheld reads the sheet and sends what was counted; a storekeeper starts and posts it."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import serializers
from api.actions import stock, stocktakes
from api.actions.stocktakes import EVERYTHING, Counted, NoSuchCount
from api.auth.tokens import actor, storekeepers_only
from api.models import Count, CountLineQuerySet, Product
from api.rest import openapi
from api.rest.answers import created, page
from api.rest.base import StorekeepersView
from api.rest.requests import JsonParser, checked, find, require_id
from api.serializers.rows import count_json, count_line_json


def whole(count: Count, *, with_numbers: bool) -> dict[str, Any]:
    """A stocktake with its sheet, by shelf. with_numbers: as in `lines_of`."""
    return {**count_json(count), "lines": lines_of(count, count.lines.all(), with_numbers=with_numbers)}


def lines_of(count: Count, lines: CountLineQuerySet, *, with_numbers: bool) -> list[dict[str, Any]]:
    """Lines of a stocktake, by shelf. with_numbers: show how many should be there, even while a blind one is open."""
    hidden = count.blind and count.is_open and not with_numbers
    rows = lines.compared().by_shelf().select_related("product")
    return [count_line_json(line, hidden=hidden) for line in rows]


class Stocktakes(APIView):
    parser_classes = [JsonParser]  # a form has no lists

    @extend_schema(
        parameters=[serializers.CountQuery, openapi.LINK], responses=openapi.ok(openapi.StocktakeOut(many=True))
    )
    def get(self, request: Request) -> Response:
        """Stocktakes, the latest first, by default the open ones."""
        query = checked(serializers.CountQuery, request.query_params)
        found = Count.objects.order_by("-id")
        if "after" in query:
            found = found.filter(id__lt=query["after"])
        if query["status"] != "all":
            found = found.filter(status=query["status"])
        return page(request, [count_json(count) for count in found[: query["limit"]]], query)

    @extend_schema(
        request=serializers.NewCount,
        parameters=[openapi.LOCATION],
        responses={201: openapi.WholeStocktake, **openapi.REFUSED},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Start a stocktake of shelves, products or everything. For storekeepers and managers."""
        storekeepers_only(request)
        data = checked(serializers.NewCount, request.data)
        shelves = [EVERYTHING] if data["everything"] else data["shelves"]
        count = stocktakes.start(
            shelves=shelves, product_ids=data["products"], blind=data["blind"], by=actor(request)
        )  # fmt: skip
        return created(request, Response(whole(count, with_numbers=True), 201), "stocktake", count.pk)


class StocktakeDetail(APIView):
    @extend_schema(responses=openapi.ok(openapi.WholeStocktake))
    def get(self, request: Request, key: str) -> Response:
        """A stocktake with its sheet, in the order of the shelves. If it is blind, a picker sees no `expected` and no
        `difference` until it is posted."""
        return Response(whole(find(Count, key, NoSuchCount), with_numbers=actor(request).keeps_stock))


class StocktakeLines(APIView):
    parser_classes = [JsonParser]

    @extend_schema(request=serializers.CountLinesIn, responses=openapi.ok(openapi.SheetLines))
    def post(self, request: Request, key: str) -> Response:
        """Send what was counted. A product that is not on the sheet is added. Of two numbers for a product the one
        counted later is kept, so the same request can be repeated. Answers these lines."""
        count = find(Count, key, NoSuchCount)
        rows, by = checked(serializers.CountLinesIn, request.data)["lines"], actor(request)
        entered = stocktakes.enter(
            count.pk, [Counted(_product_of(row), row["counted"], row["counted_at"]) for row in rows], by=by
        )
        chosen = count.lines.filter(pk__in=[line.pk for line in entered])
        return Response({"lines": lines_of(count, chosen, with_numbers=by.keeps_stock)})


class PostStocktake(StorekeepersView):
    @extend_schema(request=None, responses=openapi.ok(openapi.WholeStocktake))
    def post(self, request: Request, key: str) -> Response:
        """Book everything that was counted, each product as of its `counted_at`. Repeating it does nothing more. What
        was not counted stays as it is. For storekeepers and managers."""
        return Response(whole(stocktakes.post(require_id(key, NoSuchCount), by=actor(request)), with_numbers=True))


class CancelStocktake(StorekeepersView):
    @extend_schema(request=None, responses=openapi.ok(openapi.WholeStocktake))
    def post(self, request: Request, key: str) -> Response:
        """End a stocktake without booking it. For storekeepers and managers."""
        return Response(whole(stocktakes.cancel(require_id(key, NoSuchCount)), with_numbers=True))


def _product_of(row: dict[str, Any]) -> int:
    """The product that a line names by its id or by a code. Raises NoSuchProduct."""
    if "product" in row:
        return int(row["product"])
    product = Product.objects.by_code(row["code"])
    if product is None:
        raise stock.NoSuchProduct(row["code"])
    return product.pk
