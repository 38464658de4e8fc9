"""The app's calls and their REST neighbours: products, stock, orders. A view parses, calls one action, answers."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase, QueryDict
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import revision, serializers, texts
from api.actions import orders, products, stock
from api.auth.tokens import actor, managers_only
from api.models import Order, Product
from api.phones import orders as phone_orders
from api.phones import products as phone_products
from api.phones import stock as phone_stock
from api.phones import updates as phone_updates
from api.rest import answers, error_handler, lists, openapi, requests
from api.rest.answers import created, movement_answer, page, row_answer
from api.rest.lists import product_answer
from api.rest.requests import checked, checked_from_app, parse_id, require_id, revisions_held, sku_of_query


def pull(request: Request, pulled: Callable[..., None], since: datetime | None = None) -> HttpResponseBase:
    """A whole list with its tag, or 304 if the caller holds it. Records which state an app device has seen.

    since: for the list of orders (`lists.orders_kept_since`); None for the products.
    """
    photos = answers.photo_base(request)
    rest = f"{photos} {since}" if since else photos
    state, body = revision.tag(), None
    if not answers.not_modified(request, answers.tag_of(state, rest.encode())):
        state, body = lists.whole_list(photos, since)
    by = actor(request)
    if by.is_app:
        pulled(int(state.rsplit("-", 1)[1]), by=by)
    return answers.tagged(request, answers.tag_of(state, rest.encode()), body)


class ProductList(APIView):
    @extend_schema(
        parameters=[openapi.SKU, serializers.ProductQuery, openapi.LINK, *openapi.READS], responses=openapi.PRODUCTS
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Products: all that are not archived; with `?sku=` the one with exactly that SKU, or none."""
        asked = sku_of_query(request, is_app=actor(request).is_app)
        if asked is not None:
            return Response(self._by_sku(request, asked))
        query = checked(serializers.ProductQuery, request.query_params)
        if query:
            rows = lists.products_json(lists.products_matching(query), answers.photo_base(request))
            return page(request, rows, query)
        return pull(request, phone_stock.pulled)

    def _by_sku(self, request: Request, asked: list[str]) -> list[dict[str, Any]]:
        by = actor(request)
        if by.is_app:
            skus = texts.skus_of(*asked, blank=texts.NO_SKU)
            found = phone_stock.look_up(skus, sent=asked[0], by=by)
        else:
            found = lists.product_with_sku(texts.skus_of(*asked))
        return [lists.one_product(found, answers.photo_base(request))] if found else []

    @extend_schema(
        request=openapi.body(serializers.ProductCreate),
        parameters=openapi.MAKES,
        responses=openapi.PRODUCT_MADE,
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Create a product, with a photo if it is sent as a form."""
        by = actor(request)
        if by.is_app:
            data, lost = checked_from_app(serializers.AppProductCreate, request.data)
            data["photo"] = data.pop("image", None)
            product = phone_products.create(**data, lost=lost, by=by)
        else:
            data = checked(serializers.ProductCreate, request.data)
            data["photo"] = data.pop("image", None)
            product = products.create(**data, by=by)
        return created(request, product_answer(request, product, status.HTTP_201_CREATED), "product", product.pk)


class ProductDetail(APIView):
    @extend_schema(parameters=openapi.READS, responses=openapi.PRODUCT_READ)
    def get(self, request: Request, key: str) -> HttpResponseBase:
        """One product, also an archived one."""
        product = Product.objects.filter(id=require_id(key, products.NoSuchProduct)).first()
        if product is None:
            raise products.NoSuchProduct(key)
        return product_answer(request, product)

    @extend_schema(
        request=openapi.body(serializers.ProductPut), parameters=openapi.WRITES, responses=openapi.PRODUCT_CHANGED
    )
    def put(self, request: Request, key: str) -> HttpResponseBase:
        """Give a product these values. An app device's quantity is read as a difference from what it has seen."""
        by = actor(request)
        if not by.is_app:
            return self._change(request, key, partial=False)
        data, lost = checked_from_app(serializers.AppProductPut, request.data)
        data["photo"] = data.pop("image", None)
        product = phone_updates.put(key, **data, lost=lost, by=by)
        if product is None:
            return Response(
                error_handler.error_body("unknown_product", _("Nobody knows this product; a manager will look."))
            )
        return product_answer(request, product)

    @extend_schema(
        request=openapi.body(serializers.ProductPut), parameters=openapi.WRITES, responses=openapi.PRODUCT_CHANGED
    )
    def patch(self, request: Request, key: str) -> HttpResponseBase:
        """Change some of a product's values."""
        return self._change(request, key, partial=True)

    def _change(self, request: Request, key: str, *, partial: bool) -> HttpResponseBase:
        data = checked(serializers.ProductPut, request.data, partial=partial)
        data.pop("image_url", None)
        photo, quantity = data.pop("image", None), data.pop("quantity", None)
        product = products.update(
            require_id(key, products.NoSuchProduct), data, quantity=quantity, photo=photo,
            revisions_held=revisions_held(request), by=actor(request),
        )  # fmt: skip
        return product_answer(request, product)

    @extend_schema(parameters=[openapi.IF_MATCH], responses={204: None, **openapi.REFUSED})
    def delete(self, request: Request, key: str) -> HttpResponseBase:
        """Archive a product: it leaves the list, its history and its order lines stay. Idempotent. For managers;
        what a picker deletes on a phone stays, and a manager decides."""
        by = actor(request)
        if by.is_app:
            phone_products.delete(key, by=by)
        else:
            managers_only(request)
            product_id = require_id(key, products.NoSuchProduct)
            products.archive(product_id, revisions_held=revisions_held(request), by=by)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AddStock(APIView):
    @extend_schema(
        request=openapi.body(serializers.Addition),
        parameters=[openapi.LOCATION],
        responses=openapi.MOVED,
    )
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Receive goods: adds `quantity` pieces."""
        by, movement = actor(request), None
        if by.is_app:
            quantity = checked(serializers.AppAddition, request.data)["quantity"]
            movement = phone_stock.add_stock(parse_id(key), quantity, by=by, key=key)
        else:
            quantity = checked(serializers.Addition, request.data)["quantity"]
            movement = stock.receive(require_id(key, products.NoSuchProduct), quantity, by=by)
        return movement_answer(request, movement, serializers.movement_json(movement) if movement else {})


class UploadImage(APIView):
    @extend_schema(
        request=openapi.form(serializers.ImageUpload),
        parameters=openapi.WRITES,
        responses=openapi.PRODUCT_CHANGED,
    )
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Give a product another photo."""
        photo = checked(serializers.ImageUpload, request.data)["image"]
        by = actor(request)
        if by.is_app:
            product = phone_products.set_photo(key, photo, by=by)
        else:
            product_id, held = require_id(key, products.NoSuchProduct), revisions_held(request)
            product = products.update(product_id, {}, photo=photo, revisions_held=held, by=by)
        return product_answer(request, product)


class OrderList(APIView):
    @extend_schema(parameters=[serializers.OrderQuery, openapi.LINK, *openapi.READS], responses=openapi.ORDERS)
    def get(self, request: Request) -> HttpResponseBase:
        """Orders with their lines. Without parameters, as the app shows them: running ones, the oldest first, then
        those that ended in the last days (`ORDERS_KEPT_IN_APP`), the newest first. With `status`, `after` or `limit`:
        all that match, oldest first."""
        query = checked(serializers.OrderQuery, request.query_params)
        if query:
            rows = lists.orders_json(lists.orders_matching(query), answers.photo_base(request))
            return page(request, rows, query)
        return pull(request, phone_orders.pulled, lists.orders_kept_since(actor(request).at))

    @extend_schema(request=openapi.body(serializers.OrderIn), parameters=openapi.MAKES, responses=openapi.ORDER_MADE)
    def post(self, request: Request) -> HttpResponseBase:
        """Create an order. For managers."""
        managers_only(request)
        data = order_data(request)
        data.setdefault("lines", [])
        order = orders.create(**data, by=actor(request))
        return created(request, order_answer(request, order.pk, status.HTTP_201_CREATED), "order", order.pk)


class OrderDetail(APIView):
    @extend_schema(parameters=openapi.READS, responses=openapi.ORDER_READ)
    def get(self, request: Request, key: str) -> HttpResponseBase:
        """One order."""
        return order_answer(request, require_id(key, orders.NoSuchOrder))

    @extend_schema(
        request=openapi.body(serializers.OrderIn), parameters=openapi.WRITES, responses=openapi.ORDER_CHANGED
    )
    def put(self, request: Request, key: str) -> HttpResponseBase:
        """Change an order: status, composition, picked quantities. Picking takes stock. A picker only picks."""
        by = actor(request)
        if not by.is_app:
            return self._change(request, key, partial=False)
        data, lost = checked_from_app(serializers.AppOrderIn, order_body(request))
        data = {"status": None, "lines": None, **data}
        order = phone_orders.put(parse_id(key), **data, lost=lost, by=by, key=key)
        if order is None:
            return Response(error_handler.error_body("unknown_order", _("This order is gone; a manager will look.")))
        return order_answer(request, order.pk)

    @extend_schema(
        request=openapi.body(serializers.OrderIn), parameters=openapi.WRITES, responses=openapi.ORDER_CHANGED
    )
    def patch(self, request: Request, key: str) -> HttpResponseBase:
        """Change some of an order."""
        return self._change(request, key, partial=True)

    def _change(self, request: Request, key: str, *, partial: bool) -> HttpResponseBase:
        order_id = require_id(key, orders.NoSuchOrder)
        data = order_data(request, partial=partial)
        orders.update(order_id, **data, revisions_held=revisions_held(request), by=actor(request))
        return order_answer(request, order_id)

    @extend_schema(parameters=[openapi.IF_MATCH], responses={204: None, **openapi.REFUSED})
    def delete(self, request: Request, key: str) -> HttpResponseBase:
        """Archive an order; what was picked for it returns to stock unless it was finished. Idempotent. For
        managers."""
        managers_only(request)
        order_id, held = require_id(key, orders.NoSuchOrder), revisions_held(request)
        orders.archive(order_id, revisions_held=held, by=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def order_data(request: Request, *, partial: bool = False) -> dict[str, Any]:
    """The order in a request. Raises ValidationError."""
    return checked(serializers.OrderIn, order_body(request), partial=partial)


def order_body(request: Request) -> Any:
    """The fields of the order in a request. In a form, `lines` is JSON text. Raises ValidationError."""
    data: Any = request.data
    if isinstance(data, QueryDict):
        data = data.dict()
        if isinstance(data.get("lines"), str):
            try:
                data["lines"] = requests.load(data["lines"])
            except ValueError as error:
                raise ValidationError({"lines": [_("This is not valid JSON.")]}) from error
    return data


def order_answer(request: Request, order_id: int, code: int = status.HTTP_200_OK) -> HttpResponseBase:
    found = lists.orders_json(Order.objects.live().filter(id=order_id), answers.photo_base(request))
    if not found:
        raise orders.NoSuchOrder(order_id)
    return row_answer(request, found[0], code)
