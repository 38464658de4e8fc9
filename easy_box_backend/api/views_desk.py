"""The manager's calls: discrepancies, adjustments, stocktakes, reversals."""

from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import auth, discrepancy_kinds, docs, serializers
from api.actions import counts, products, reversing, settling, stock
from api.auth import actor
from api.errors import NotFound
from api.models import Discrepancy
from api.views import checked, known, movement_answer, page, product_answer


class NoSuchDiscrepancy(NotFound):
    code = "no_such_discrepancy"

    def __init__(self, key: object) -> None:
        super().__init__(_("There is no such discrepancy."), facts={"discrepancy": key})


class NoSuchMovement(NotFound):
    code = "no_such_movement"

    def __init__(self, key: object) -> None:
        super().__init__(_("There is no such movement."), facts={"movement": key})


class Discrepancies(APIView):
    permission_classes = [auth.Managers]

    @extend_schema(
        parameters=[serializers.DiscrepancyQuery, docs.LINK],
        responses={200: docs.DiscrepancyOut(many=True), **docs.REFUSED},
    )
    def get(self, request: Request) -> Response:
        """What the server could not decide by itself, the latest first; the open ones unless asked otherwise. For
        managers."""
        query = checked(serializers.DiscrepancyQuery, request.query_params)
        found = Discrepancy.objects.order_by("-id")
        if "after" in query:
            found = found.filter(id__lt=query["after"])
        if query["status"] != "all":
            found = found.filter(status=query["status"])
        if "kind" in query:
            found = found.filter(kind=query["kind"])
        told = discrepancy_kinds.describe(list(found[: query["limit"]]))
        return page(request, [serializers.discrepancy_json(one) for one in told], query)


class Resolve(APIView):
    permission_classes = [auth.Managers]

    @extend_schema(request=docs.body(serializers.Resolution), responses={200: docs.DiscrepancyOut, **docs.REFUSED})
    def post(self, request: Request, key: str) -> Response:
        """Settle a discrepancy: apply what was held back, reverse what was booked, move goods to the right SKU, or
        dismiss it. For managers."""
        data = checked(serializers.Resolution, request.data)
        found = settling.resolve(
            known(key, NoSuchDiscrepancy), data["action"], note=data["note"], by=actor(request), at=timezone.now(),
            entered=settling.Entered(data.get("quantity"), data.get("sku"), data.get("name")),
            shown=data.get("token"),
        )  # fmt: skip
        return Response(serializers.discrepancy_json(discrepancy_kinds.describe([found])[0]))


class Adjust(APIView):
    permission_classes = [auth.Managers]

    @extend_schema(
        request=docs.body(serializers.Adjustment),
        parameters=[docs.LOCATION],
        responses=docs.MOVED,
    )
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Correct what is on hand by so many pieces, saying why. For managers."""
        data = checked(serializers.Adjustment, request.data)
        movement = stock.adjust(
            known(key, stock.NoSuchProduct), data["quantity_delta"], reason=data["reason"], by=actor(request),
            at=timezone.now(),
        )  # fmt: skip
        return movement_answer(request, movement, serializers.movement_json(movement))


class Count(APIView):
    permission_classes = [auth.Managers]

    @extend_schema(
        request=docs.body(serializers.Count), parameters=[docs.LOCATION], responses={200: docs.CountOut, **docs.REFUSED}
    )
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """A stocktake: so many pieces lay there at `counted_at` (now, if not given), whatever was booked before it and
        is corrected later. Posts the variance. Of two counts the one taken later holds, in whatever order they come.
        For managers."""
        data, at = checked(serializers.Count, request.data), timezone.now()
        made, later = counts.count(
            known(key, stock.NoSuchProduct), data["counted"], counted_at=data.get("counted_at") or at,
            reason=data["reason"], by=actor(request), at=at,
        )  # fmt: skip
        body = {
            "variance": made.quantity_delta,
            "movement": serializers.movement_json(made),
            "later_count": later.pk if later else None,
        }
        return movement_answer(request, made, body)


class Unarchive(APIView):
    permission_classes = [auth.Managers]

    @extend_schema(request=None, parameters=docs.WRITES, responses=docs.PRODUCT_CHANGED)
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Put an archived product on the list again; 409 if another one has its SKU now. For managers."""
        product = products.unarchive(known(key, stock.NoSuchProduct), by=actor(request), at=timezone.now())
        return product_answer(request, product)


class Reverse(APIView):
    permission_classes = [auth.Managers]

    @extend_schema(
        request=docs.body(serializers.Reason),
        parameters=[docs.LOCATION],
        responses=docs.MOVED,
    )
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Take a movement back by an opposite one. For managers."""
        reason = checked(serializers.Reason, request.data)["reason"]
        movement = reversing.reverse(known(key, NoSuchMovement), reason=reason, by=actor(request), at=timezone.now())
        return movement_answer(request, movement, serializers.movement_json(movement))
