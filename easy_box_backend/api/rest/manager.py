"""Calls for storekeepers and managers: discrepancies, adjustments, counts, reversals."""

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api import serializers
from api.actions import counts, products, reversing, settling, stock
from api.auth.tokens import actor
from api.discrepancies import kinds
from api.models import Discrepancy
from api.rest import openapi
from api.rest.answers import movement_answer, page
from api.rest.base import ManagersView, StorekeepersView
from api.rest.lists import product_answer
from api.rest.requests import checked, require_id
from api.serializers.rows import discrepancy_json


class Discrepancies(ManagersView):
    @extend_schema(
        parameters=[serializers.DiscrepancyQuery, openapi.LINK],
        responses=openapi.ok(openapi.DiscrepancyOut(many=True)),
    )
    def get(self, request: Request) -> Response:
        """Discrepancies, that is, unclear cases for a manager to decide: the latest first, by default the open ones.
        For managers."""
        query = checked(serializers.DiscrepancyQuery, request.query_params)
        found = Discrepancy.objects.order_by("-id")
        if "after" in query:
            found = found.filter(id__lt=query["after"])
        if query["status"] != "all":
            found = found.filter(status=query["status"])
        if "kind" in query:
            found = found.filter(kind=query["kind"])
        described = kinds.describe(list(found[: query["limit"]]))
        return page(request, [discrepancy_json(one) for one in described], query)


class Resolve(ManagersView):
    @extend_schema(request=openapi.body(serializers.Resolution), responses=openapi.ok(openapi.DiscrepancyOut))
    def post(self, request: Request, key: str) -> Response:
        """Settle a discrepancy: apply what was held back, reverse what was booked, move goods to the right SKU, or
        dismiss it. For managers."""
        data = checked(serializers.Resolution, request.data)
        found = settling.resolve(
            require_id(key, settling.NoSuchDiscrepancy), data["action"], note=data["note"], by=actor(request),
            entered=settling.Entered(data.get("quantity"), data.get("sku"), data.get("name")),
            shown=data.get("token"),
        )  # fmt: skip
        return Response(discrepancy_json(kinds.describe([found])[0]))


class Adjust(StorekeepersView):
    @extend_schema(request=openapi.body(serializers.Adjustment), **openapi.MOVES)
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Adjust the quantity on hand by `quantity_delta` pieces, with a reason. For storekeepers and managers."""
        data = checked(serializers.Adjustment, request.data)
        movement = stock.adjust(
            require_id(key, stock.NoSuchProduct), data["quantity_delta"], reason=data["reason"], by=actor(request),
        )  # fmt: skip
        return movement_answer(request, movement)


class Count(StorekeepersView):
    @extend_schema(
        request=openapi.body(serializers.CountIn),
        parameters=[openapi.LOCATION],
        responses=openapi.ok(openapi.CountOut),
    )
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Record a stocktake: `counted` pieces were on hand at `counted_at` (default: now). The difference is booked.
        Corrections of earlier movements do not change a count. Of two counts the later one is valid, in whatever order
        they arrive. For storekeepers and managers."""
        data, by = checked(serializers.CountIn, request.data), actor(request)
        made, later = counts.count(
            require_id(key, stock.NoSuchProduct), data["counted"], counted_at=data.get("counted_at") or by.at,
            reason=data["reason"], by=by,
        )  # fmt: skip
        return movement_answer(request, made, variance=made.quantity_delta, later_count=later.pk if later else None)


class Unarchive(StorekeepersView):
    @extend_schema(request=None, parameters=openapi.WRITES, responses=openapi.PRODUCT_CHANGED)
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Restore an archived product; 409 if another one has its SKU now. For storekeepers and managers."""
        product = products.unarchive(require_id(key, stock.NoSuchProduct), by=actor(request))
        return product_answer(request, product)


class Reverse(ManagersView):
    @extend_schema(request=openapi.body(serializers.Reason), **openapi.MOVES)
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Reverse a movement by an opposite one. For managers."""
        reason = checked(serializers.Reason, request.data)["reason"]
        movement = reversing.reverse(require_id(key, reversing.NoSuchMovement), reason=reason, by=actor(request))
        return movement_answer(request, movement)
