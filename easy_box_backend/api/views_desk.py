"""The manager's calls: discrepancies, adjustments, stocktakes, reversals."""

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import auth, docs, serializers
from api.actions import settling, stock
from api.auth import actor
from api.errors import Invalid, NotFound
from api.models import Discrepancy
from api.views import checked, known


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
        parameters=[serializers.DiscrepancyQuery], responses={200: docs.DiscrepancyOut(many=True), **docs.REFUSED}
    )
    def get(self, request: Request) -> Response:
        """What the server could not decide by itself, the latest first; the open ones unless asked otherwise. For
        managers."""
        query = checked(serializers.DiscrepancyQuery, request.query_params)
        found = Discrepancy.objects.order_by("-id")
        if query["status"] != "all":
            found = found.filter(status=query["status"])
        if "kind" in query:
            found = found.filter(kind=query["kind"])
        return Response([serializers.discrepancy_json(row) for row in found])


class Resolve(APIView):
    permission_classes = [auth.Managers]

    @extend_schema(request=docs.body(serializers.Resolution), responses={200: docs.DiscrepancyOut, **docs.REFUSED})
    def post(self, request: Request, key: str) -> Response:
        """Settle a discrepancy: apply what was held back, reverse what was booked, or dismiss it. For managers."""
        data = checked(serializers.Resolution, request.data)
        found = settling.resolve(
            known(key, NoSuchDiscrepancy), data["action"], note=data["note"], by=actor(request), at=timezone.now()
        )
        return Response(serializers.discrepancy_json(found))


class Adjust(APIView):
    permission_classes = [auth.Managers]

    @extend_schema(request=docs.body(serializers.Adjustment), responses={200: docs.MOVEMENT, **docs.REFUSED})
    def post(self, request: Request, key: str) -> Response:
        """Correct what is on hand by so many pieces, saying why. For managers."""
        data = checked(serializers.Adjustment, request.data)
        movement = stock.adjust(
            known(key, stock.NoSuchProduct), data["quantity_delta"], reason=data["reason"], by=actor(request),
            at=timezone.now(),
        )  # fmt: skip
        return Response(serializers.movement_json(movement))


class Count(APIView):
    permission_classes = [auth.Managers]

    @extend_schema(request=docs.body(serializers.Count), responses={200: docs.CountOut, **docs.REFUSED})
    def post(self, request: Request, key: str) -> Response:
        """A stocktake: so many pieces lay there at `counted_at` (now, if not given). Posts the variance. For
        managers."""
        data, at = checked(serializers.Count, request.data), timezone.now()
        counted_at = data.get("counted_at") or at
        if counted_at > at:
            raise Invalid(_("A count lies in the past."), fields={"counted_at": [_("A count lies in the past.")]})
        movement = stock.count(
            known(key, stock.NoSuchProduct), data["counted"], counted_at=counted_at, reason=data["reason"],
            by=actor(request), at=at,
        )  # fmt: skip
        variance = movement.quantity_delta if movement else 0
        return Response({"variance": variance, "movement": serializers.movement_json(movement) if movement else None})


class Reverse(APIView):
    permission_classes = [auth.Managers]

    @extend_schema(request=docs.body(serializers.Reason), responses={200: docs.MOVEMENT, **docs.REFUSED})
    def post(self, request: Request, key: str) -> Response:
        """Take a movement back by an opposite one. For managers."""
        reason = checked(serializers.Reason, request.data)["reason"]
        movement = stock.reverse(known(key, NoSuchMovement), reason=reason, by=actor(request), at=timezone.now())
        return Response(serializers.movement_json(movement))
