"""The app's calls and their REST neighbours: products, stock, orders. A view parses, calls one action, answers."""

from typing import Any
from urllib.parse import unquote

from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import docs, feeds, http, revision, serializers
from api.actions import orders, products, stock
from api.auth import actor
from api.errors import Invalid
from api.models import Order, Product


def checked(serializer: type, data: Any, **kwargs: Any) -> dict[str, Any]:
    """What `data` holds by this serializer. Raises ValidationError, a 400 with the reasons."""
    parsed = serializer(data=data, **kwargs)
    parsed.is_valid(raise_exception=True)
    return dict(parsed.validated_data)


def number(text: str) -> int | None:
    """An id from a path; None for what can't be one, such as a phone's UUID."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def known(text: str, refusal: type[Exception]) -> int:
    """An id from a path. Raises `refusal` for what can't be one."""
    found = number(text)
    if found is None:
        raise refusal(text[:100])
    return found


def held_revision(request: Request) -> int | None:
    """The row version in `If-Match` (RFC 9110, section 13.1.1); None when the caller sets no condition."""
    held = request.headers.get("If-Match", "").strip()
    if held in ("", "*"):
        return None
    version = number(held.strip('"'))
    if version is None:
        raise Invalid(_("If-Match holds no version of ours."), code="bad_if_match")
    return version


def sku_of_query(request: Request) -> list[str]:
    """The SKUs that `?sku=` can mean, the likeliest first: a `+` is a plus as the app sends it, else a space."""
    for part in request.META.get("QUERY_STRING", "").split("&"):
        if part.startswith("sku="):
            raw = part.removeprefix("sku=")
            return list(dict.fromkeys([unquote(raw).strip(), unquote(raw.replace("+", " ")).strip()]))
    return []


def product_answer(request: Request, product: Product, code: int = status.HTTP_200_OK) -> HttpResponseBase:
    body = feeds.one_product(product, http.photo_base(request))
    return http.with_tag(Response(body, code), str(product.revision))


class ProductList(APIView):
    @extend_schema(parameters=[docs.SKU, serializers.ProductQuery], responses=docs.PRODUCTS)
    def get(self, request: Request) -> HttpResponseBase:
        """Products. Bare, all that are not archived; by `?sku=` the one with that very SKU, or none."""
        if "sku" in request.query_params:
            return Response(self._by_sku(request))
        tag = revision.tag()
        query = checked(serializers.ProductQuery, request.query_params)
        if not query and http.not_modified(request, tag):
            return http.with_tag(Response(status=status.HTTP_304_NOT_MODIFIED), tag)
        rows = feeds.products_json(feeds.products_matching(query), http.photo_base(request))
        response = http.json_bytes(http.dump(rows), tag)
        if rows and len(rows) == query.get("limit"):
            response.headers["Link"] = http.next_link(request, rows[-1]["id"])
        return response

    def _by_sku(self, request: Request) -> list[dict[str, Any]]:
        for sku in sku_of_query(request):
            if "\0" not in sku and (
                found := feeds.products_json(Product.objects.live().filter(sku=sku), http.photo_base(request))
            ):
                return found
        return []

    @extend_schema(request=docs.body(serializers.ProductCreate), responses={201: docs.PRODUCT, **docs.REFUSED})
    def post(self, request: Request) -> HttpResponseBase:
        """Create a product, with a photo if it is sent as a form."""
        data = checked(serializers.ProductCreate, request.data)
        photo = data.pop("image", None)
        product = products.create(**data, photo=photo, by=actor(request), at=timezone.now())
        return product_answer(request, product, status.HTTP_201_CREATED)


class ProductDetail(APIView):
    @extend_schema(responses={200: docs.PRODUCT, **docs.REFUSED})
    def get(self, request: Request, key: str) -> HttpResponseBase:
        """One product, also an archived one."""
        product = Product.objects.filter(id=known(key, products.NoSuchProduct)).first()
        if product is None:
            raise products.NoSuchProduct(key)
        if http.not_modified(request, str(product.revision)):
            return http.with_tag(Response(status=status.HTTP_304_NOT_MODIFIED), str(product.revision))
        return product_answer(request, product)

    @extend_schema(request=docs.body(serializers.ProductPut), responses={200: docs.PRODUCT, **docs.REFUSED})
    def put(self, request: Request, key: str) -> HttpResponseBase:
        """Give a product these values. From the app the quantity is read as what the buttons did to it."""
        return self._change(request, key, partial=False)

    @extend_schema(request=docs.body(serializers.ProductPut), responses={200: docs.PRODUCT, **docs.REFUSED})
    def patch(self, request: Request, key: str) -> HttpResponseBase:
        """Change some of a product's values."""
        return self._change(request, key, partial=True)

    def _change(self, request: Request, key: str, *, partial: bool) -> HttpResponseBase:
        data = checked(serializers.ProductPut, request.data, partial=partial)
        photo, quantity = data.pop("image", None), data.pop("quantity", None)
        product = products.update(
            known(key, products.NoSuchProduct), data, quantity=quantity, photo=photo,
            revision_held=held_revision(request), by=actor(request), at=timezone.now(),
        )  # fmt: skip
        return product_answer(request, product)

    @extend_schema(responses={204: None, **docs.REFUSED})
    def delete(self, request: Request, key: str) -> HttpResponseBase:
        """Archive a product: it leaves the list, its history and its order lines stay. Twice is once."""
        products.archive(known(key, products.NoSuchProduct), by=actor(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class AddStock(APIView):
    @extend_schema(request=docs.body(serializers.Addition), responses={200: docs.MOVEMENT, **docs.REFUSED})
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Goods arrive: so many pieces more."""
        quantity = checked(serializers.Addition, request.data)["quantity"]
        movement = stock.receive(
            known(key, products.NoSuchProduct), quantity, by=actor(request), at=timezone.now()
        )
        return Response(serializers.movement_json(movement))


class UploadImage(APIView):
    @extend_schema(request=docs.form(serializers.ImageUpload), responses={200: docs.PRODUCT, **docs.REFUSED})
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Give a product another photo."""
        photo = checked(serializers.ImageUpload, request.data)["image"]
        product = products.update(
            known(key, products.NoSuchProduct), {}, photo=photo, by=actor(request), at=timezone.now()
        )
        return product_answer(request, product)


class OrderList(APIView):
    @extend_schema(parameters=[serializers.OrderQuery], responses=docs.ORDERS)
    def get(self, request: Request) -> HttpResponseBase:
        """Orders with their lines, oldest first."""
        tag = revision.tag()
        query = checked(serializers.OrderQuery, request.query_params)
        if not query and http.not_modified(request, tag):
            return http.with_tag(Response(status=status.HTTP_304_NOT_MODIFIED), tag)
        rows = feeds.orders_json(feeds.orders_matching(query), http.photo_base(request))
        response = http.json_bytes(http.dump(rows), tag)
        if rows and len(rows) == query.get("limit"):
            response.headers["Link"] = http.next_link(request, rows[-1]["id"])
        return response

    @extend_schema(request=docs.body(serializers.OrderIn), responses={201: docs.ORDER, **docs.REFUSED})
    def post(self, request: Request) -> HttpResponseBase:
        """Make an order."""
        data = order_data(request)
        data.setdefault("lines", [])
        order = orders.create(**data, by=actor(request), at=timezone.now())
        return order_answer(request, order.pk, status.HTTP_201_CREATED)


class OrderDetail(APIView):
    @extend_schema(responses={200: docs.ORDER, **docs.REFUSED})
    def get(self, request: Request, key: str) -> HttpResponseBase:
        """One order."""
        return order_answer(request, known(key, orders.NoSuchOrder))

    @extend_schema(request=docs.body(serializers.OrderIn), responses={200: docs.ORDER, **docs.REFUSED})
    def put(self, request: Request, key: str) -> HttpResponseBase:
        """Change an order: status, composition, picked quantities. Picking takes stock."""
        return self._change(request, key, partial=False)

    @extend_schema(request=docs.body(serializers.OrderIn), responses={200: docs.ORDER, **docs.REFUSED})
    def patch(self, request: Request, key: str) -> HttpResponseBase:
        """Change some of an order."""
        return self._change(request, key, partial=True)

    def _change(self, request: Request, key: str, *, partial: bool) -> HttpResponseBase:
        order_id = known(key, orders.NoSuchOrder)
        data = order_data(request, partial=partial)
        orders.update(
            order_id, **data, revision_held=held_revision(request), by=actor(request), at=timezone.now()
        )
        return order_answer(request, order_id)

    @extend_schema(responses={204: None, **docs.REFUSED})
    def delete(self, request: Request, key: str) -> HttpResponseBase:
        """Archive an order; what was picked for it returns to stock unless it was finished. Twice is once."""
        orders.archive(known(key, orders.NoSuchOrder), by=actor(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def order_data(request: Request, *, partial: bool = False) -> dict[str, Any]:
    """The order in a request. In a form, `lines` is JSON text. Raises ValidationError."""
    data = request.data
    if hasattr(data, "getlist"):
        data = data.dict()
        if isinstance(data.get("lines"), str):
            try:
                data["lines"] = http.load(data["lines"])
            except ValueError as error:
                raise ValidationError({"lines": [_("This is not valid JSON.")]}) from error
    return checked(serializers.OrderIn, data, partial=partial)


def order_answer(request: Request, order_id: int, code: int = status.HTTP_200_OK) -> HttpResponseBase:
    found = feeds.orders_json(Order.objects.live().filter(id=order_id), http.photo_base(request))
    if not found:
        raise orders.NoSuchOrder(order_id)
    return http.with_tag(Response(found[0], code), str(found[0]["revision"]))
