"""The app's calls, and those of programs about the same: products, stock, orders. A view parses, calls one action,
answers."""

from typing import Any

from django.http import HttpResponseBase, QueryDict
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api import serializers
from api.actions import orders, products
from api.auth.tokens import actor, device_of, managers_only, storekeepers_only
from api.models import Order, Product
from api.phones import orders as phone_orders
from api.phones import products as phone_products
from api.phones import updates as phone_updates
from api.rest import answers, error_handler, hot, lists, openapi, requests
from api.rest.answers import page, row_answer
from api.rest.base import PhoneView
from api.rest.lists import product_answer
from api.rest.requests import checked, checked_from_app, find, parse_id, require_id, revisions_held, sku_of_query


class ProductList(PhoneView):
    @extend_schema(
        parameters=[openapi.SKU, serializers.ProductQuery, openapi.LINK, *openapi.READS], responses=openapi.PRODUCTS
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Products: all that are not archived; with `?sku=` the one with exactly that SKU or
        barcode, or none."""
        by = actor(request)
        if sku_of_query(request._request, is_app=by.is_app):
            return hot.look_up(request._request, by=by)
        query = checked(serializers.ProductQuery, request.query_params)
        if not query:
            return hot.product_list(request._request, by=by)
        found = lists.products_json(lists.products_matching(query), answers.photo_base(request))
        return page(request, found, query)

    @extend_schema(
        request=openapi.body(serializers.ProductCreate), parameters=openapi.MAKES, responses=openapi.PRODUCT_MADE
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Create a product, with a photo if it is sent as a form."""
        by, data = actor(request), checked(serializers.ProductCreate, request.data)
        return product_answer(request, products.create(**data, by=by), is_new=True)

    def app_post(self, request: Request) -> HttpResponseBase:
        by, (data, lost) = actor(request), checked_from_app(serializers.AppProductCreate, request.data)
        return product_answer(request, phone_products.create(**data, lost=lost, by=by), is_new=True)


class ProductDetail(PhoneView):
    @extend_schema(parameters=openapi.READS, responses=openapi.PRODUCT_READ)
    def get(self, request: Request, key: str) -> HttpResponseBase:
        """One product, also an archived one."""
        return product_answer(request, find(Product, key, products.NoSuchProduct))

    @extend_schema(
        request=openapi.body(serializers.ProductPut), parameters=openapi.WRITES, responses=openapi.PRODUCT_CHANGED
    )
    def put(self, request: Request, key: str, *, partial: bool = False) -> HttpResponseBase:
        """Give a product these values. An app device's quantity is read as a difference from what it has seen."""
        data = checked(serializers.ProductPut, request.data, partial=partial)
        data.pop("image_url", None)
        photo, quantity = data.pop("photo", None), data.pop("quantity", None)
        product = products.update(
            require_id(key, products.NoSuchProduct), data, quantity=quantity, photo=photo,
            revisions_held=revisions_held(request), by=actor(request),
        )  # fmt: skip
        return product_answer(request, product)

    def app_put(self, request: Request, key: str) -> HttpResponseBase:
        by, (data, lost) = actor(request), checked_from_app(serializers.AppProductPut, request.data)
        if product := phone_updates.put(key, **data, lost=lost, by=by):
            return product_answer(request, product)
        text = _("The server does not know this product. A manager will decide.")
        return Response(error_handler.error_body("unknown_product", text))

    @extend_schema(
        request=openapi.body(serializers.ProductPut), parameters=openapi.WRITES, responses=openapi.PRODUCT_CHANGED
    )
    def patch(self, request: Request, key: str) -> HttpResponseBase:
        """Change some of a product's values."""
        return self.put(request, key, partial=True)

    @extend_schema(parameters=[openapi.IF_MATCH], responses=openapi.NOTHING)
    def delete(self, request: Request, key: str) -> HttpResponseBase:
        """Archive a product: it leaves the list, its history and its order lines stay. Idempotent. For storekeepers
        and managers; a product that a picker deletes on a phone stays until a manager decides."""
        storekeepers_only(request)
        product_id, held = require_id(key, products.NoSuchProduct), revisions_held(request)
        products.archive(product_id, revisions_held=held, by=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def app_delete(self, request: Request, key: str) -> HttpResponseBase:
        phone_products.delete(key, by=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AddStock(PhoneView):
    @extend_schema(request=openapi.body(serializers.Addition), **openapi.MOVES)
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Receive goods: adds `quantity` pieces."""
        by = actor(request)
        data = checked(serializers.AppAddition if by.is_app else serializers.Addition, request.data)
        return hot.add_stock(request._request, key, data["quantity"], by=by)


class UploadImage(PhoneView):
    @extend_schema(
        request=openapi.form(serializers.ImageUpload),
        parameters=openapi.WRITES,
        responses=openapi.PRODUCT_CHANGED,
    )
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Give a product another photo."""
        photo = checked(serializers.ImageUpload, request.data)["image"]
        product_id, held = require_id(key, products.NoSuchProduct), revisions_held(request)
        product = products.update(product_id, {}, photo=photo, revisions_held=held, by=actor(request))
        return product_answer(request, product)

    def app_post(self, request: Request, key: str) -> HttpResponseBase:
        photo = checked(serializers.ImageUpload, request.data)["image"]
        return product_answer(request, phone_products.set_photo(key, photo, by=actor(request)))


class OrderList(PhoneView):
    @extend_schema(parameters=[serializers.OrderQuery, openapi.LINK, *openapi.READS], responses=openapi.ORDERS)
    def get(self, request: Request) -> HttpResponseBase:
        """Orders with their lines. Without parameters, as the app shows them: running ones, the oldest first, then
        those that ended in the last days (`ORDERS_KEPT_IN_APP`), the newest first. With `status`, `after` or `limit`:
        all that match, oldest first."""
        by, query = actor(request), checked(serializers.OrderQuery, request.query_params)
        if not query:
            return hot.order_list(request._request, by=by)
        photos = answers.photo_base(request)
        return page(request, lists.orders_json(lists.orders_matching(query), photos, for_app=by.is_app), query)

    @extend_schema(request=openapi.body(serializers.OrderIn), parameters=openapi.MAKES, responses=openapi.ORDER_MADE)
    def post(self, request: Request) -> HttpResponseBase:
        """Create an order. For managers."""
        managers_only(request)
        data = {"lines": [], **checked(serializers.OrderIn, order_body(request))}
        return order_answer(request, orders.create(**data, by=actor(request)).pk, is_new=True)


class OrderDetail(PhoneView):
    @extend_schema(parameters=openapi.READS, responses=openapi.ORDER_READ)
    def get(self, request: Request, key: str) -> HttpResponseBase:
        """One order."""
        return order_answer(request, require_id(key, orders.NoSuchOrder))

    @extend_schema(
        request=openapi.body(serializers.OrderIn), parameters=openapi.WRITES, responses=openapi.ORDER_CHANGED
    )
    def put(self, request: Request, key: str, *, partial: bool = False) -> HttpResponseBase:
        """Change an order: status, composition, picked quantities. Picking takes stock. A picker only picks."""
        order_id = require_id(key, orders.NoSuchOrder)
        data = checked(serializers.OrderIn, order_body(request), partial=partial)
        orders.update(order_id, **data, revisions_held=revisions_held(request), by=actor(request))
        return order_answer(request, order_id)

    def app_put(self, request: Request, key: str) -> HttpResponseBase:
        by, (data, lost) = actor(request), checked_from_app(serializers.AppOrderIn, order_body(request))
        if order := phone_orders.put(parse_id(key), **data, lost=lost, by=by, key=key):
            return order_answer(request, order.pk)
        text = _("This order no longer exists. A manager will decide.")
        return Response(error_handler.error_body("unknown_order", text))

    @extend_schema(
        request=openapi.body(serializers.OrderIn), parameters=openapi.WRITES, responses=openapi.ORDER_CHANGED
    )
    def patch(self, request: Request, key: str) -> HttpResponseBase:
        """Change some of an order."""
        return self.put(request, key, partial=True)

    @extend_schema(parameters=[openapi.IF_MATCH], responses=openapi.NOTHING)
    def delete(self, request: Request, key: str) -> HttpResponseBase:
        """Archive an order; what was picked for it returns to stock unless it was finished. Idempotent. For
        managers."""
        managers_only(request)
        order_id, held = require_id(key, orders.NoSuchOrder), revisions_held(request)
        orders.archive(order_id, revisions_held=held, by=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def order_body(request: Request) -> Any:
    """The fields of the order in a request. In a form, `lines` is a text in JSON. Raises ValidationError."""
    data: Any = request.data
    if isinstance(data, QueryDict):
        data = data.dict()
        if isinstance(data.get("lines"), str):
            try:
                data["lines"] = requests.load(data["lines"])
            except ValueError as error:
                raise ValidationError({"lines": [_("This is not valid JSON.")]}) from error
    return data


def order_answer(request: Request, order_id: int, *, is_new: bool = False) -> HttpResponseBase:
    """The answer with this order: 201 if it is new, else 200. Raises NoSuchOrder."""
    rows, for_app = Order.objects.live().filter(id=order_id), device_of(request).is_app
    found = lists.orders_json(rows, answers.photo_base(request), for_app=for_app)
    if not found:
        raise orders.NoSuchOrder(order_id)
    return row_answer(request, found[0], made="order" if is_new else "")
