"""The OpenAPI description, and the serializers that describe answers in it: answers are built without serializers."""

from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework import serializers
from rest_framework.request import Request

from api.models import Count, Device, Discrepancy, Order, StockMovement


class Description(SpectacularAPIView):
    """GET /api/schema/. It is public and takes a quarter of a second to build, so each language and format is cached:
    nothing in it changes while the process runs."""

    _cache: ClassVar[dict[tuple[str, str], bytes]] = {}

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The description in the language of `?lang=`, else of the request; YAML or JSON as negotiated."""
        try:
            asked = request.GET.get("lang") or translation.get_language() or ""
            language = translation.get_supported_language_variant(asked)
        except LookupError:
            language = settings.LANGUAGE_CODE
        renderer = request.accepted_renderer
        key = (language, renderer.media_type)
        if key not in self._cache:
            with translation.override(language):
                self._cache[key] = renderer.render(self._get_schema_response(request).data, renderer.media_type, {})
        kind = f"{renderer.media_type}; charset={renderer.charset}" if renderer.charset else renderer.media_type
        headers = {"Content-Disposition": f'inline; filename="{self._get_filename(request, None)}"'}
        return HttpResponse(self._cache[key], content_type=kind, headers=headers)


class Page(SpectacularSwaggerView):
    """GET /api/docs/: Swagger UI."""

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """The allowed methods. REST framework's own answer would be rendered with the page's template, and fail."""
        return HttpResponse(headers={"Allow": ", ".join(self.allowed_methods)})


class Product(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField(help_text=_("Pieces on hand."))
    location = serializers.CharField(allow_null=True)
    image_url = serializers.URLField(allow_null=True)
    thumbnail_url = serializers.URLField(allow_null=True)
    min_quantity = serializers.IntegerField()
    unverified = serializers.BooleanField()
    archived = serializers.BooleanField()
    revision = serializers.IntegerField()
    updated_at = serializers.DateTimeField()


class BarcodeOut(serializers.Serializer[Any]):
    """A barcode of a product. An article number (GTIN) is stored as an EAN-8 or EAN-13: a UPC gets its leading zero."""

    code = serializers.CharField()
    pieces = serializers.IntegerField(help_text=_("How many pieces the label stands for."))
    check_digit_ok = serializers.BooleanField(
        allow_null=True, help_text=_("false: look for a typing error. null: the code is no article number.")
    )


class LineProduct(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    sku = serializers.CharField()
    location = serializers.CharField(allow_null=True)
    image_url = serializers.URLField(allow_null=True)
    thumbnail_url = serializers.URLField(allow_null=True)


class OrderLine(serializers.Serializer[Any]):
    product = LineProduct()
    quantity_to_pick = serializers.IntegerField()
    quantity_picked = serializers.IntegerField()


class OrderOut(serializers.Serializer[Any]):
    """An order. An app device gets it without `outside_number`, `due_on` and `note`."""

    id = serializers.IntegerField()
    customer_name = serializers.CharField()
    status = serializers.ChoiceField(Order.Status.choices)
    lines = OrderLine(many=True)
    revision = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    outside_number = serializers.CharField(allow_blank=True)
    due_on = serializers.DateField(allow_null=True)
    note = serializers.CharField(allow_blank=True)


class Movement(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    product = serializers.IntegerField()
    kind = serializers.ChoiceField(StockMovement.Kind.choices)
    quantity_delta = serializers.IntegerField()
    quantity_after = serializers.IntegerField()
    counted = serializers.IntegerField(allow_null=True, help_text=_("Of a count: how many pieces were counted."))
    reason = serializers.CharField(allow_blank=True)
    user = serializers.IntegerField(allow_null=True)
    device = serializers.IntegerField(allow_null=True)
    order = serializers.IntegerField(allow_null=True)
    reverses = serializers.IntegerField(allow_null=True)
    revision = serializers.IntegerField()
    occurred_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()


class CountOut(serializers.Serializer[Any]):
    variance = serializers.IntegerField(
        help_text=_("By how much the quantity on hand was wrong; 0 if it was right, or if a later count is valid.")
    )
    movement = Movement(help_text=_("The count as a movement. It is recorded even if it changed nothing."))
    later_count = serializers.IntegerField(
        allow_null=True, help_text=_("The id of the later count that is valid; null if there is none.")
    )


class StocktakeOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    chosen = serializers.CharField(
        allow_blank=True, help_text=_("The shelves; “*” is the whole warehouse, blank are single products.")
    )
    blind = serializers.BooleanField()
    status = serializers.ChoiceField(Count.Status.choices)
    started_by = serializers.IntegerField(allow_null=True)
    started_at = serializers.DateTimeField()
    posted_at = serializers.DateTimeField(allow_null=True)


class SheetLine(serializers.Serializer[Any]):
    product = serializers.IntegerField()
    sku = serializers.CharField()
    name = serializers.CharField()
    location = serializers.CharField(allow_null=True)
    counted = serializers.IntegerField(allow_null=True)
    counted_at = serializers.DateTimeField(allow_null=True)
    user = serializers.IntegerField(allow_null=True)
    device = serializers.IntegerField(allow_null=True)
    expected = serializers.IntegerField(
        allow_null=True, help_text=_("How many should have been there when it was counted.")
    )
    difference = serializers.IntegerField(allow_null=True, help_text=_("What posting books."))


class SheetLines(serializers.Serializer[Any]):
    lines = SheetLine(many=True)


class WholeStocktake(StocktakeOut):
    lines = SheetLine(many=True)


class Detail(serializers.Serializer[Any]):
    """A fact: `name` is for programs, `label` and `text` are for people. A product is `{id, sku, name}`, an order
    `{id, customer}`."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.JSONField()
    text = serializers.CharField()


class ChangeOut(serializers.Serializer[Any]):
    """A value that an answer changes: `on_hand`, `picked`, `name`, `sku`, `unverified` or `archived`."""

    what = serializers.CharField()
    product = serializers.IntegerField()
    sku = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True, help_text=_("null if it depends on what is entered."))


class AskOut(serializers.Serializer[Any]):
    """A value that has to be sent along: `quantity`, `sku` or `name`."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.JSONField(allow_null=True, help_text=_("What the phone sent."))
    most = serializers.IntegerField(allow_null=True)


class AnswerOut(serializers.Serializer[Any]):
    action = serializers.ChoiceField(["apply", "reverse", "move", "dismiss"])
    text = serializers.CharField(help_text=_("What it does, with the numbers before and after."))
    changes = ChangeOut(many=True)
    asks = AskOut(many=True)
    token = serializers.CharField(
        help_text=_("Identifies what the answer does. Send it when you settle, so that nothing else is done.")
    )


class DiscrepancyOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Discrepancy.Kind.choices)
    label = serializers.CharField()  # type: ignore[assignment]
    sentence = serializers.CharField(help_text=_("What was sent, when and by whom, and what the server did."))
    status = serializers.ChoiceField(Discrepancy.Status.choices)
    product = serializers.IntegerField(allow_null=True)
    sku = serializers.CharField(allow_blank=True)
    order = serializers.IntegerField(allow_null=True)
    device = serializers.IntegerField(allow_null=True)
    user = serializers.IntegerField(allow_null=True)
    facts = serializers.DictField()
    details = Detail(many=True)
    answers = AnswerOut(many=True)
    created_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField(allow_blank=True)


class DeviceOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField(allow_blank=True)
    kind = serializers.ChoiceField(Device.Kind.choices)
    user = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    current = serializers.BooleanField()


class UserOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    email = serializers.EmailField()
    is_staff = serializers.BooleanField()
    is_active = serializers.BooleanField()


class TokenOut(serializers.Serializer[Any]):
    token = serializers.CharField()
    device = serializers.IntegerField()


class HealthOut(serializers.Serializer[Any]):
    status = serializers.CharField()
    version = serializers.CharField()
    mode = serializers.CharField()
    database = serializers.CharField()


class Error(serializers.Serializer[Any]):
    """Every error: a code for programs, a sentence for people, facts; beside them messages by field name."""

    code = serializers.CharField()
    detail = serializers.CharField()
    facts = serializers.DictField()
    retryable = serializers.BooleanField()


class TokenScheme(OpenApiAuthenticationExtension):
    """Describes the authentication: `Authorization: Token <key>`."""

    target_class = "api.auth.tokens.DeviceTokenAuthentication"
    name = "tokenAuth"
    match_subclasses = True

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return build_bearer_security_scheme_object(header_name="Authorization", token_prefix="Token")


def header(name: str, description: Any, codes: tuple[int, ...] = (), kind: Any = OpenApiTypes.STR) -> OpenApiParameter:
    """A request header or, with `codes`, a header of the answers with these status codes."""
    return OpenApiParameter(name, kind, OpenApiParameter.HEADER, description=description, response=codes or False)


ETAG = header("ETag", _("This version, for If-Match and If-None-Match."), (200, 201, 304))
LOCATION = header("Location", _("The absolute address of the new row."), (200, 201), OpenApiTypes.URI)
LINK = header("Link", _("The next page, with rel=next. Absent on the last page."), (200,))
IF_NONE_MATCH = header("If-None-Match", _("Tags, also weak ones. 304 if one of them is the current version."))
IF_MATCH = header("If-Match", _("Tags, also weak ones. 412 if none of them is the current version."))
READS, WRITES, MAKES = [ETAG, IF_NONE_MATCH], [ETAG, IF_MATCH], [ETAG, LOCATION]

SKU = OpenApiParameter("sku", OpenApiTypes.STR, description="Exactly this SKU or barcode; all else is ignored.")
_ERROR = OpenApiResponse(Error)
REFUSED = dict.fromkeys((400, 401, 403, 404, 405, 409, 412, 413, 415, 429), _ERROR)
NOTHING = {204: None, **REFUSED}
PHOTO_REFUSED = {**REFUSED, 503: _ERROR}  # too many photos at once
PRODUCT = OpenApiResponse(Product)
PRODUCT_READ = {200: PRODUCT, 304: None, **REFUSED}
PRODUCT_MADE, PRODUCT_CHANGED = {201: PRODUCT, **PHOTO_REFUSED}, {200: PRODUCT, **PHOTO_REFUSED}
PRODUCTS = {200: Product(many=True), 304: None, **REFUSED}
ORDER = OpenApiResponse(OrderOut)
ORDER_READ = {200: ORDER, 304: None, **REFUSED}
ORDER_MADE, ORDER_CHANGED = {201: ORDER, **REFUSED}, {200: ORDER, **REFUSED}
ORDERS = {200: OrderOut(many=True), 304: None, **REFUSED}
MOVED = {200: OpenApiResponse(Movement), **REFUSED}
MOVES: dict[str, Any] = {"parameters": [LOCATION], "responses": MOVED}
"""Parameters and answers of a call that changes stock."""


def ok(answer: Any) -> dict[int, Any]:
    """The answers of a call: this one with 200, and the errors."""
    return {200: answer, **REFUSED}


def complete(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Postprocessing hook of drf-spectacular for all operations: ids are integers, and a 429 has `Retry-After`."""
    again = {"schema": {"type": "integer"}, "description": str(_("Seconds until the next attempt is allowed."))}
    for operation in (operation for methods in result["paths"].values() for operation in methods.values()):
        for parameter in operation.get("parameters", []):
            if (parameter["in"], parameter["name"]) == ("path", "key"):
                parameter["schema"] = {"type": "integer", "minimum": 1}
        if "429" in operation["responses"]:
            operation["responses"]["429"]["headers"] = {"Retry-After": again}
    return result


def body(serializer: type) -> dict[str, type]:
    """A request body that may be JSON or either kind of form."""
    return {
        "application/json": serializer,
        "multipart/form-data": serializer,
        "application/x-www-form-urlencoded": serializer,
    }


def form(serializer: type) -> dict[str, type]:
    """A request body with a file, which must be a multipart form."""
    return {"multipart/form-data": serializer}
