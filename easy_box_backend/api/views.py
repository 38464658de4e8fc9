"""The app's calls and their REST neighbours: products, stock, orders. A view parses, calls one action, answers."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from django.http import HttpResponseBase, QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import docs, feeds, http, revision, serializers
from api.actions import app_orders, app_products, app_stock, app_updates, orders, products, stock
from api.auth import actor, managers_only
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
    text = request.META.get("QUERY_STRING", "").encode("latin-1", "replace").decode(errors="replace")
    for part in text.split("&"):
        if part.startswith("sku="):
            raw = part.removeprefix("sku=")
            return list(dict.fromkeys([unquote(raw).strip(), unquote(raw.replace("+", " ")).strip()]))
    return []


def product_answer(request: Request, product: Product, code: int = status.HTTP_200_OK) -> HttpResponseBase:
    body = feeds.one_product(product, http.photo_base(request))
    return http.with_tag(Response(body, code), str(product.revision))


def pull(request: Request, name: str, pulled: Callable[..., None]) -> HttpResponseBase:
    """A whole list under its tag, or 304 for a caller who has it; an app device is remembered to have seen it."""
    tag, body = revision.tag(), None
    if not http.not_modified(request, tag):
        tag, body = feeds.whole_list(name, http.photo_base(request))
    by = actor(request)
    if by.is_app:
        pulled(int(tag.rsplit("-", 1)[1]), by=by, at=timezone.now(), connection=http.connection(request))
    if body is None:
        return http.with_tag(Response(status=status.HTTP_304_NOT_MODIFIED), tag)
    return http.json_bytes(body, tag)


def page(request: Request, rows: list[dict[str, Any]], query: dict[str, Any]) -> HttpResponseBase:
    """A part of a list, with a link to the part behind it where there may be more."""
    response = Response(rows)
    if rows and len(rows) == query.get("limit"):
        response.headers["Link"] = http.next_link(request, rows[-1]["id"])
    return response


class ProductList(APIView):
    @extend_schema(parameters=[docs.SKU, serializers.ProductQuery], responses=docs.PRODUCTS)
    def get(self, request: Request) -> HttpResponseBase:
        """Products. Bare, all that are not archived; by `?sku=` the one with that very SKU, or none."""
        if "sku" in request.query_params:
            return Response(self._by_sku(request))
        query = checked(serializers.ProductQuery, request.query_params)
        if query:
            rows = feeds.products_json(feeds.products_matching(query), http.photo_base(request))
            return page(request, rows, query)
        return pull(request, "products", app_stock.pulled)

    def _by_sku(self, request: Request) -> list[dict[str, Any]]:
        skus, by = sku_of_query(request), actor(request)
        if by.is_app:
            found = app_stock.look_up(skus, by=by, at=timezone.now(), connection=http.connection(request))
        else:
            found = feeds.product_with_sku(skus)
        return [feeds.one_product(found, http.photo_base(request))] if found else []

    @extend_schema(request=docs.body(serializers.ProductCreate), responses={201: docs.PRODUCT, **docs.REFUSED})
    def post(self, request: Request) -> HttpResponseBase:
        """Create a product, with a photo if it is sent as a form."""
        data = checked(serializers.ProductCreate, request.data)
        data["photo"] = data.pop("image", None)
        by, at = actor(request), timezone.now()
        if by.is_app:
            product = app_products.create(**data, by=by, at=at, connection=http.connection(request))
        else:
            product = products.create(**data, by=by, at=at)
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
        by = actor(request)
        if not by.is_app:
            return self._change(request, key, partial=False)
        data = checked(serializers.ProductPut, request.data)
        data["photo"] = data.pop("image", None)
        product = app_updates.put(key, **data, by=by, at=timezone.now(), connection=http.connection(request))
        if product is None:
            return Response(http.error_body("unknown_product", _("Nobody knows this product; a manager will look.")))
        return product_answer(request, product)

    @extend_schema(request=docs.body(serializers.ProductPut), responses={200: docs.PRODUCT, **docs.REFUSED})
    def patch(self, request: Request, key: str) -> HttpResponseBase:
        """Change some of a product's values."""
        return self._change(request, key, partial=True)

    def _change(self, request: Request, key: str, *, partial: bool) -> HttpResponseBase:
        data = checked(serializers.ProductPut, request.data, partial=partial)
        data.pop("image_url", None)
        photo, quantity = data.pop("image", None), data.pop("quantity", None)
        product = products.update(
            known(key, products.NoSuchProduct), data, quantity=quantity, photo=photo,
            revision_held=held_revision(request), by=actor(request), at=timezone.now(),
        )  # fmt: skip
        return product_answer(request, product)

    @extend_schema(responses={204: None, **docs.REFUSED})
    def delete(self, request: Request, key: str) -> HttpResponseBase:
        """Archive a product: it leaves the list, its history and its order lines stay. Twice is once. For managers;
        what a picker deletes on a phone stays, and a manager is asked."""
        by, at = actor(request), timezone.now()
        if by.is_app:
            app_products.delete(key, by=by, at=at, connection=http.connection(request))
        else:
            managers_only(request)
            products.archive(known(key, products.NoSuchProduct), by=by, at=at)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AddStock(APIView):
    @extend_schema(request=docs.body(serializers.Addition), responses={200: docs.MOVEMENT, **docs.REFUSED})
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Goods arrive: so many pieces more."""
        quantity = checked(serializers.Addition, request.data)["quantity"]
        product_id, by, at = known(key, products.NoSuchProduct), actor(request), timezone.now()
        if by.is_app:
            movement = app_stock.add_stock(product_id, quantity, by=by, at=at, connection=http.connection(request))
        else:
            movement = stock.receive(product_id, quantity, by=by, at=at)
        return Response(serializers.movement_json(movement) if movement else {})


class UploadImage(APIView):
    @extend_schema(request=docs.form(serializers.ImageUpload), responses={200: docs.PRODUCT, **docs.REFUSED})
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Give a product another photo."""
        photo = checked(serializers.ImageUpload, request.data)["image"]
        by, at = actor(request), timezone.now()
        if by.is_app:
            product = app_products.set_photo(key, photo, by=by, at=at, connection=http.connection(request))
        else:
            product = products.update(known(key, products.NoSuchProduct), {}, photo=photo, by=by, at=at)
        return product_answer(request, product)


class OrderList(APIView):
    @extend_schema(parameters=[serializers.OrderQuery], responses=docs.ORDERS)
    def get(self, request: Request) -> HttpResponseBase:
        """Orders with their lines, oldest first."""
        query = checked(serializers.OrderQuery, request.query_params)
        if query:
            rows = feeds.orders_json(feeds.orders_matching(query), http.photo_base(request))
            return page(request, rows, query)
        return pull(request, "orders", app_orders.pulled)

    @extend_schema(request=docs.body(serializers.OrderIn), responses={201: docs.ORDER, **docs.REFUSED})
    def post(self, request: Request) -> HttpResponseBase:
        """Make an order. For managers."""
        managers_only(request)
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
        """Change an order: status, composition, picked quantities. Picking takes stock. A picker only picks."""
        by = actor(request)
        if not by.is_app:
            return self._change(request, key, partial=False)
        data = {"status": None, "lines": None, **order_data(request)}
        order = app_orders.put(
            number(key), **data, by=by, at=timezone.now(), connection=http.connection(request), key=key
        )
        if order is None:
            return Response(http.error_body("unknown_order", _("This order is gone; a manager will look.")))
        return order_answer(request, order.pk)

    @extend_schema(request=docs.body(serializers.OrderIn), responses={200: docs.ORDER, **docs.REFUSED})
    def patch(self, request: Request, key: str) -> HttpResponseBase:
        """Change some of an order."""
        return self._change(request, key, partial=True)

    def _change(self, request: Request, key: str, *, partial: bool) -> HttpResponseBase:
        order_id = known(key, orders.NoSuchOrder)
        data = order_data(request, partial=partial)
        orders.update(order_id, **data, revision_held=held_revision(request), by=actor(request), at=timezone.now())
        return order_answer(request, order_id)

    @extend_schema(responses={204: None, **docs.REFUSED})
    def delete(self, request: Request, key: str) -> HttpResponseBase:
        """Archive an order; what was picked for it returns to stock unless it was finished. Twice is once. For
        managers."""
        managers_only(request)
        orders.archive(known(key, orders.NoSuchOrder), by=actor(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def order_data(request: Request, *, partial: bool = False) -> dict[str, Any]:
    """The order in a request. In a form, `lines` is JSON text. Raises ValidationError."""
    data: Any = request.data
    if isinstance(data, QueryDict):
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
