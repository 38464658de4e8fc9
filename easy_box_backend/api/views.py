"""The app's calls and their REST neighbours: products, stock, orders. A view parses, calls one action, answers."""

import re
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

from api import docs, feeds, http, revision, serializers, texts
from api.actions import app_orders, app_products, app_stock, app_updates, orders, products, stock
from api.auth import actor, managers_only
from api.errors import Invalid
from api.models import Order, Product, StockMovement


def checked(serializer: type, data: Any, **kwargs: Any) -> dict[str, Any]:
    """What `data` holds by this serializer. Raises ValidationError, a 400 with the reasons."""
    parsed = serializer(data=data, **kwargs)
    parsed.is_valid(raise_exception=True)
    return dict(parsed.validated_data)


def as_far_as_kept(serializer: type, data: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """What an app device sent, as far as it can be kept, and by field what was sent of the rest (or why it is lost).

    Raises ValidationError for what no app sends: a field that is missing, or of another JSON type.
    """
    kept = checked(serializer, data)
    blank = {name for name in ("sku", "name") if kept.get(name) == ""}
    lost = {
        name: data[name] for name in ("sku", "name", "location", "customer_name")
        if isinstance(data.get(name), str) and (texts.tidy(data[name]) != kept[name] or name in blank)
    }  # fmt: skip
    if isinstance(kept.get("image"), serializers.UnreadablePhoto):
        lost["photo"] = str(kept.pop("image"))
    return kept, lost


def number(text: str) -> int | None:
    """An id from a path; None for what can't be one, such as a phone's UUID."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def known(text: str, refusal: type[Exception]) -> int:
    """An id from a path. Raises `refusal` for what can't be one."""
    found = number(text)
    if found is None:
        raise refusal(text[:100])
    return found


def revisions_held(request: Request) -> set[int] | None:
    """The row versions in `If-Match` (RFC 9110, section 13.1.1); None when the caller sets no condition.

    A tag of something else is no version of any row. Quotes may be missing, as when a body's `revision` is sent.
    Raises Invalid for what is no tag at all.
    """
    text = request.headers.get("If-Match", "").strip()
    if text in ("", "*"):
        return None
    held = http.tags(text) or http.tags(f'"{text}"')
    if not held:
        raise Invalid(_("If-Match holds no version of ours."), code="bad_if_match")
    return {int(version) for tag in held if number(version := tag.partition(".")[0]) is not None}


_ASKED = re.compile(r"(?:^|&)sku(?:=([^&]*))?(?=&|$)")
_ASKED_BY_APP = re.compile(r"(?:^|&)sku=(.*)", re.DOTALL)


def sku_of_query(request: Request, *, is_app: bool) -> list[str] | None:
    """The ways to read `?sku=`, the likeliest first (a `+` is a plus as the app sends it, else a space); None without.

    The app pastes a SKU into the address as it was scanned, so that for it all that follows is the SKU, `&` and `=`
    included, and what looks like an escape may be none (docs/flutter-app.md, section 1).
    """
    text = request.META.get("QUERY_STRING", "").encode("latin-1", "replace").decode(errors="replace")
    asked = (_ASKED_BY_APP if is_app else _ASKED).search(text)
    if asked is None:
        return None
    raw = asked[1] or ""
    return [unquote(raw), unquote(raw.replace("+", " ")), *([raw] if is_app else [])]


def row_answer(request: Request, row: dict[str, Any], code: int = status.HTTP_200_OK) -> HttpResponseBase:
    """A row under its tag: its revision, which `If-Match` may hold, and a mark of its bytes.

    An order's bytes change also with the products that it names.
    """
    body = http.dump(row)
    return http.tagged(request, http.tag_of(row["revision"], body), body, code)


def created(request: Request, response: HttpResponseBase, name: str, key: object) -> HttpResponseBase:
    """The answer, saying where that is which was made."""
    response.headers["Location"] = http.address_of(request, name, key)
    return response


def product_answer(request: Request, product: Product, code: int = status.HTTP_200_OK) -> HttpResponseBase:
    return row_answer(request, feeds.one_product(product, http.photo_base(request)), code)


def movement_answer(request: Request, movement: StockMovement | None, body: Any) -> HttpResponseBase:
    """The answer to a change of stock; None: nothing had to be booked."""
    return created(request, Response(body), "movement", movement.pk) if movement else Response(body)


def pull(request: Request, name: str, pulled: Callable[..., None]) -> HttpResponseBase:
    """A whole list under its tag, or 304 for a caller who has it; an app device is remembered to have seen it."""
    photos = http.photo_base(request)
    state, body = revision.tag(), None
    if not http.not_modified(request, http.tag_of(state, photos.encode())):
        state, body = feeds.whole_list(name, photos)
    by = actor(request)
    if by.is_app:
        pulled(int(state.rsplit("-", 1)[1]), by=by, at=timezone.now(), connection=http.connection(request))
    return http.tagged(request, http.tag_of(state, photos.encode()), body)


def page(request: Request, rows: list[dict[str, Any]], query: dict[str, Any]) -> Response:
    """A part of a list, with a link to the part behind it where there may be more."""
    response = Response(rows)
    if rows and len(rows) == query.get("limit"):
        response.headers["Link"] = http.next_link(request, rows[-1]["id"])
    return response


class ProductList(APIView):
    @extend_schema(parameters=[docs.SKU, serializers.ProductQuery, docs.LINK, *docs.READS], responses=docs.PRODUCTS)
    def get(self, request: Request) -> HttpResponseBase:
        """Products. Bare, all that are not archived; by `?sku=` the one with that very SKU, or none."""
        asked = sku_of_query(request, is_app=actor(request).is_app)
        if asked is not None:
            return Response(self._by_sku(request, asked))
        query = checked(serializers.ProductQuery, request.query_params)
        if query:
            rows = feeds.products_json(feeds.products_matching(query), http.photo_base(request))
            return page(request, rows, query)
        return pull(request, "products", app_stock.pulled)

    def _by_sku(self, request: Request, asked: list[str]) -> list[dict[str, Any]]:
        by, at = actor(request), timezone.now()
        if by.is_app:
            skus = texts.skus_of(*asked, blank=texts.NO_SKU)
            found = app_stock.look_up(skus, sent=asked[0], by=by, at=at, connection=http.connection(request))
        else:
            found = feeds.product_with_sku(texts.skus_of(*asked))
        return [feeds.one_product(found, http.photo_base(request))] if found else []

    @extend_schema(
        request=docs.body(serializers.ProductCreate),
        parameters=docs.MAKES,
        responses=docs.PRODUCT_MADE,
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Create a product, with a photo if it is sent as a form."""
        by, at = actor(request), timezone.now()
        if by.is_app:
            data, lost = as_far_as_kept(serializers.AppProductCreate, request.data)
            data["photo"] = data.pop("image", None)
            product = app_products.create(**data, lost=lost, by=by, at=at, connection=http.connection(request))
        else:
            data = checked(serializers.ProductCreate, request.data)
            data["photo"] = data.pop("image", None)
            product = products.create(**data, by=by, at=at)
        return created(request, product_answer(request, product, status.HTTP_201_CREATED), "product", product.pk)


class ProductDetail(APIView):
    @extend_schema(parameters=docs.READS, responses=docs.PRODUCT_READ)
    def get(self, request: Request, key: str) -> HttpResponseBase:
        """One product, also an archived one."""
        product = Product.objects.filter(id=known(key, products.NoSuchProduct)).first()
        if product is None:
            raise products.NoSuchProduct(key)
        return product_answer(request, product)

    @extend_schema(request=docs.body(serializers.ProductPut), parameters=docs.WRITES, responses=docs.PRODUCT_CHANGED)
    def put(self, request: Request, key: str) -> HttpResponseBase:
        """Give a product these values. From the app the quantity is read as what the buttons did to it."""
        by = actor(request)
        if not by.is_app:
            return self._change(request, key, partial=False)
        data, lost = as_far_as_kept(serializers.AppProductPut, request.data)
        data["photo"] = data.pop("image", None)
        at, connection = timezone.now(), http.connection(request)
        product = app_updates.put(key, **data, lost=lost, by=by, at=at, connection=connection)
        if product is None:
            return Response(http.error_body("unknown_product", _("Nobody knows this product; a manager will look.")))
        return product_answer(request, product)

    @extend_schema(request=docs.body(serializers.ProductPut), parameters=docs.WRITES, responses=docs.PRODUCT_CHANGED)
    def patch(self, request: Request, key: str) -> HttpResponseBase:
        """Change some of a product's values."""
        return self._change(request, key, partial=True)

    def _change(self, request: Request, key: str, *, partial: bool) -> HttpResponseBase:
        data = checked(serializers.ProductPut, request.data, partial=partial)
        data.pop("image_url", None)
        photo, quantity = data.pop("image", None), data.pop("quantity", None)
        product = products.update(
            known(key, products.NoSuchProduct), data, quantity=quantity, photo=photo,
            revisions_held=revisions_held(request), by=actor(request), at=timezone.now(),
        )  # fmt: skip
        return product_answer(request, product)

    @extend_schema(parameters=[docs.IF_MATCH], responses={204: None, **docs.REFUSED})
    def delete(self, request: Request, key: str) -> HttpResponseBase:
        """Archive a product: it leaves the list, its history and its order lines stay. Twice is once. For managers;
        what a picker deletes on a phone stays, and a manager is asked."""
        by, at = actor(request), timezone.now()
        if by.is_app:
            app_products.delete(key, by=by, at=at, connection=http.connection(request))
        else:
            managers_only(request)
            product_id = known(key, products.NoSuchProduct)
            products.archive(product_id, revisions_held=revisions_held(request), by=by, at=at)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AddStock(APIView):
    @extend_schema(
        request=docs.body(serializers.Addition),
        parameters=[docs.LOCATION],
        responses=docs.MOVED,
    )
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Goods arrive: so many pieces more."""
        by, at, movement = actor(request), timezone.now(), None
        if by.is_app:
            quantity = checked(serializers.AppAddition, request.data)["quantity"]
            connection = http.connection(request)
            movement = app_stock.add_stock(number(key), quantity, by=by, at=at, connection=connection, key=key)
        else:
            quantity = checked(serializers.Addition, request.data)["quantity"]
            movement = stock.receive(known(key, products.NoSuchProduct), quantity, by=by, at=at)
        return movement_answer(request, movement, serializers.movement_json(movement) if movement else {})


class UploadImage(APIView):
    @extend_schema(
        request=docs.form(serializers.ImageUpload),
        parameters=docs.WRITES,
        responses=docs.PRODUCT_CHANGED,
    )
    def post(self, request: Request, key: str) -> HttpResponseBase:
        """Give a product another photo."""
        photo = checked(serializers.ImageUpload, request.data)["image"]
        by, at = actor(request), timezone.now()
        if by.is_app:
            product = app_products.set_photo(key, photo, by=by, at=at, connection=http.connection(request))
        else:
            product_id, held = known(key, products.NoSuchProduct), revisions_held(request)
            product = products.update(product_id, {}, photo=photo, revisions_held=held, by=by, at=at)
        return product_answer(request, product)


class OrderList(APIView):
    @extend_schema(parameters=[serializers.OrderQuery, docs.LINK, *docs.READS], responses=docs.ORDERS)
    def get(self, request: Request) -> HttpResponseBase:
        """Orders with their lines, oldest first."""
        query = checked(serializers.OrderQuery, request.query_params)
        if query:
            rows = feeds.orders_json(feeds.orders_matching(query), http.photo_base(request))
            return page(request, rows, query)
        return pull(request, "orders", app_orders.pulled)

    @extend_schema(request=docs.body(serializers.OrderIn), parameters=docs.MAKES, responses=docs.ORDER_MADE)
    def post(self, request: Request) -> HttpResponseBase:
        """Make an order. For managers."""
        managers_only(request)
        data = order_data(request)
        data.setdefault("lines", [])
        order = orders.create(**data, by=actor(request), at=timezone.now())
        return created(request, order_answer(request, order.pk, status.HTTP_201_CREATED), "order", order.pk)


class OrderDetail(APIView):
    @extend_schema(parameters=docs.READS, responses=docs.ORDER_READ)
    def get(self, request: Request, key: str) -> HttpResponseBase:
        """One order."""
        return order_answer(request, known(key, orders.NoSuchOrder))

    @extend_schema(request=docs.body(serializers.OrderIn), parameters=docs.WRITES, responses=docs.ORDER_CHANGED)
    def put(self, request: Request, key: str) -> HttpResponseBase:
        """Change an order: status, composition, picked quantities. Picking takes stock. A picker only picks."""
        by = actor(request)
        if not by.is_app:
            return self._change(request, key, partial=False)
        data, lost = as_far_as_kept(serializers.AppOrderIn, order_body(request))
        data = {"status": None, "lines": None, **data}
        order = app_orders.put(
            number(key), **data, lost=lost, by=by, at=timezone.now(), connection=http.connection(request), key=key
        )
        if order is None:
            return Response(http.error_body("unknown_order", _("This order is gone; a manager will look.")))
        return order_answer(request, order.pk)

    @extend_schema(request=docs.body(serializers.OrderIn), parameters=docs.WRITES, responses=docs.ORDER_CHANGED)
    def patch(self, request: Request, key: str) -> HttpResponseBase:
        """Change some of an order."""
        return self._change(request, key, partial=True)

    def _change(self, request: Request, key: str, *, partial: bool) -> HttpResponseBase:
        order_id = known(key, orders.NoSuchOrder)
        data = order_data(request, partial=partial)
        orders.update(order_id, **data, revisions_held=revisions_held(request), by=actor(request), at=timezone.now())
        return order_answer(request, order_id)

    @extend_schema(parameters=[docs.IF_MATCH], responses={204: None, **docs.REFUSED})
    def delete(self, request: Request, key: str) -> HttpResponseBase:
        """Archive an order; what was picked for it returns to stock unless it was finished. Twice is once. For
        managers."""
        managers_only(request)
        order_id, held = known(key, orders.NoSuchOrder), revisions_held(request)
        orders.archive(order_id, revisions_held=held, by=actor(request), at=timezone.now())
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
                data["lines"] = http.load(data["lines"])
            except ValueError as error:
                raise ValidationError({"lines": [_("This is not valid JSON.")]}) from error
    return data


def order_answer(request: Request, order_id: int, code: int = status.HTTP_200_OK) -> HttpResponseBase:
    found = feeds.orders_json(Order.objects.live().filter(id=order_id), http.photo_base(request))
    if not found:
        raise orders.NoSuchOrder(order_id)
    return row_answer(request, found[0], code)
