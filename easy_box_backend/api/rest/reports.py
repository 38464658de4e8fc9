"""Movements, client errors, health, photos, and Django's error handlers."""

import sys

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.static import serve
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import revision, serializers
from api.actions import reports, reversing, stock
from api.auth import callers, tokens
from api.models import Product, StockMovement
from api.rest import answers, error_handler, openapi
from api.rest.answers import page
from api.rest.base import PublicView
from api.rest.requests import checked, find
from api.serializers.rows import movement_json


class ErrorLog(PublicView):
    @extend_schema(request=openapi.body(serializers.ErrorReport), responses={201: None, **openapi.REFUSED}, auth=[])
    def post(self, request: Request) -> Response:
        """Record an error that the app reports. Needs no token; the address has no slash at the end and is not under
        /api."""
        message = checked(serializers.ErrorReport, request.data)["message"]
        text = message if isinstance(message, str) else answers.dump(message).decode()
        reports.record_client_error(
            text, user_agent=callers.user_agent(request), network=callers.client_network(request._request),
            at=timezone.now(),
        )  # fmt: skip
        return Response(status=status.HTTP_201_CREATED)


class Movements(APIView):
    @extend_schema(
        parameters=[serializers.MovementQuery, openapi.LINK],
        responses=openapi.ok(openapi.Movement(many=True)),
    )
    def get(self, request: Request, key: str | None = None) -> HttpResponseBase:
        """Stock movements, the latest first: of one product, or (for storekeepers and managers) of all."""
        if key is None:
            tokens.storekeepers_only(request)
        query = checked(serializers.MovementQuery, request.query_params)
        if key is not None:
            query["product"] = find(Product, key, stock.NoSuchProduct).pk
        names = {
            "product": "product_id", "order": "order_line__order_id", "device": "device_id", "user": "user_id",
            "kind": "kind", "since": "recorded_at__gte", "until": "recorded_at__lt", "after": "id__lt",
        }  # fmt: skip
        chosen = {names[name]: value for name, value in query.items() if name in names}
        found = StockMovement.objects.filter(**chosen).select_related("order_line").order_by("-id")
        return page(request, [movement_json(movement) for movement in found[: query["limit"]]], query)


class MovementDetail(APIView):
    @extend_schema(responses=openapi.MOVED)
    def get(self, request: Request, key: str) -> Response:
        """One stock movement."""
        return Response(movement_json(find(StockMovement, key, reversing.NoSuchMovement)))


class Health(PublicView):
    @extend_schema(responses=openapi.ok(openapi.HealthOut), auth=[])
    def get(self, request: Request) -> Response:
        """Whether the server runs and reaches its database, and the kind of that database."""
        revision.current()
        return Response(
            {
                "status": "ok",
                "version": settings.VERSION,
                "mode": settings.MODE,
                "database": settings.DATABASES["default"]["ENGINE"].rsplit(".", 1)[-1],
            }
        )


def stored_photo(request: HttpRequest, path: str) -> HttpResponseBase:
    """A photo. It needs no token, since the app sends none; a new photo gets a new name, so caches may keep it."""
    try:
        response = serve(request, path, document_root=settings.MEDIA_ROOT)
    except OSError as error:  # not a possible file name
        raise Http404 from error
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return error_handler.answer_error(request, "not_found", _("There is nothing at this address."), 404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a request that Django itself rejects, such as a wrong `Host`."""
    return error_handler.answer_error(request, "bad_request", _("The request is malformed."), 400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, called while the exception is handled. A busy database is a 503."""
    if error_handler.is_busy(sys.exception()):
        busy = answers.json(error_handler.busy_body())
        busy.status_code, busy.headers["Retry-After"] = 503, str(error_handler.BUSY_SECONDS)
        return busy
    return error_handler.answer_error(request, "server_error", _("Something went wrong on the server."), 500)
