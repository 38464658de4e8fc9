"""The plain implementations that our server is compared with, in the same process. Not part of the product.

The views here run inside gunicorn (baseline_wsgi.py), so this module imports Django.
"""

# ruff: noqa: TID251

import gzip
import json
import os
import time
from datetime import UTC, datetime
from functools import cache
from hashlib import sha1
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework import routers, serializers, viewsets
from rest_framework.renderers import JSONRenderer

from api.actions import stock
from api.actor import Actor
from api.auth import tokens
from api.models import DeviceMemory, Order, OrderLine, Product, StockMovement
from api.phones import memory
from api.rest import lists
from api.rest.answers import dump
from backend import prepared

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class ProductSerializer(serializers.ModelSerializer[Product]):
    """The fields of our list, written as in REST framework's tutorial."""

    class Meta:
        model = Product
        fields = [
            "id", "name", "sku", "quantity", "location", "image", "thumbnail", "min_quantity", "unverified",
            "archived_at", "revision", "updated_at",
        ]  # fmt: skip


class ProductViewSet(viewsets.ModelViewSet[Product]):
    """A plain ModelViewSet; cheaper than a real one, since it checks no login."""

    queryset = Product.objects.filter(archived_at__isnull=True)
    serializer_class = ProductSerializer
    authentication_classes = []
    permission_classes = []
    renderer_classes = [JSONRenderer]


class LineSerializer(serializers.ModelSerializer[OrderLine]):
    product: Any = ProductSerializer()

    class Meta:
        model = OrderLine
        fields = ["product", "quantity_to_pick", "quantity_picked"]


class OrderSerializer(serializers.ModelSerializer[Order]):
    lines = LineSerializer(many=True)

    class Meta:
        model = Order
        fields = ["id", "customer_name", "status", "lines", "revision", "created_at", "updated_at"]


class OrderViewSet(viewsets.ModelViewSet[Order]):
    """A plain ModelViewSet for orders, with their lines and products prefetched."""

    queryset = Order.objects.filter(archived_at__isnull=True).prefetch_related("lines__product")
    serializer_class = OrderSerializer
    authentication_classes = []
    permission_classes = []
    renderer_classes = [JSONRenderer]


def answer(data: object) -> HttpResponse:
    """A JSON answer with `Content-Length`, which no middleware adds here."""
    body = json.dumps(data).encode()
    return HttpResponse(body, content_type="application/json", headers={"Content-Length": str(len(body))})


@csrf_exempt
def bare_add_stock(request: HttpRequest, key: int) -> HttpResponse:
    """The bare writer: one statement; no account, no ledger, no middleware (see baseline_wsgi.py)."""
    quantity = json.loads(request.body)["quantity"]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE api_product SET quantity = quantity + %s WHERE id = %s RETURNING quantity",
            [quantity, key],
        )
        row = cursor.fetchone()
    return answer({"quantity_after": row[0]})


def worker(request: HttpRequest) -> HttpResponse:
    """Answers with the id of the worker process that serves the connection."""
    return HttpResponse(str(os.getpid()), headers={"Content-Length": str(len(str(os.getpid())))})


def bare_look_up(request: HttpRequest) -> HttpResponse:
    """The bare `?sku=`: one SELECT; no account, no barcodes, no middleware."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, name, sku, quantity, location FROM api_product WHERE archived_at IS NULL AND sku = %s",
            [request.GET["sku"]],
        )
        rows = cursor.fetchall()
    return answer([dict(zip(("id", "name", "sku", "quantity", "location"), row, strict=True)) for row in rows])


@csrf_exempt
def same_statements(request: HttpRequest, key: int) -> HttpResponse:
    """Only the SQL statements of a phone's look-up (GET) and addition (POST): the least that a queue's item can cost.

    The device's memory is written with its usual size, but never interpreted.
    """
    now = timezone.now()
    device = tokens.device_with(request.META["HTTP_AUTHORIZATION"].removeprefix("Token "), now)
    assert device
    before = device.remembered
    after = f"{time.time_ns()}{'-' * 1500}"
    if before is None:
        DeviceMemory.objects.create(device=device, state=after)
        return answer({})
    if request.method == "GET":
        product = Product.objects.with_code([request.GET["sku"]])
        assert product
        prepared.one_row(memory._REPLACE, [after, device.pk, before])
        return answer({"id": product.pk, "name": product.name, "sku": product.sku, "quantity": product.quantity})
    quantity, by = json.loads(request.body)["quantity"], Actor(device.user, device, at=now)
    movement = stock.receive_and_note(key, quantity, before=before, after=after, by=by)
    assert movement
    return answer({"quantity_after": movement.quantity_after})


@cache
def compressed_list(photos: str, what: str) -> bytes:
    """The app's list of products or orders, gzipped. photos: the prefix of photo URLs."""
    rows = lists.product_list(photos) if what == "products" else lists.order_list(photos, LONG_AGO, for_app=True)
    return gzip.compress(dump(rows), 6)


def ready(request: HttpRequest, what: str) -> HttpResponse:
    """The bare list: bytes that were compressed before; no account, no revision, no middleware."""
    body = compressed_list(f"http://{request.get_host()}/media/", what)
    headers = {"Content-Length": str(len(body)), "Content-Encoding": "gzip"}
    return HttpResponse(body, content_type="application/json", headers=headers)


@transaction.atomic
def fill(request: HttpRequest) -> HttpResponse:
    """Create as many `products`, and `orders` of `lines` lines, as the query says. Answers with the products' ids."""
    now, wanted = timezone.now(), {name: int(str(value)) for name, value in request.GET.items()}
    shelf = Product.objects.bulk_create(
        Product(
            sku=f"SKU-{number:05d}", name=f"Футболка базовая № {number}", quantity=100, min_quantity=5,
            location=f"A{number % 9 + 1}-{number % 30:02d}-{number % 7:02d}", revision=1,
            image=f"products/{photo}.jpg", thumbnail=f"products/{photo}-200.jpg",
        )
        for number in range(wanted["products"])
        for photo in [sha1(str(number).encode()).hexdigest()]  # as hard to compress as real ones
    )  # fmt: skip
    StockMovement.objects.bulk_create(
        StockMovement(
            product=product, kind="receipt", quantity_delta=100, quantity_after=100, revision=1,
            occurred_at=now, recorded_at=now,
        )
        for product in shelf
    )  # fmt: skip
    orders = Order.objects.bulk_create(
        Order(customer_name=f"Müller & Söhne {number}", revision=1) for number in range(wanted["orders"])
    )
    OrderLine.objects.bulk_create(
        OrderLine(order=order, product=product, sku=product.sku, name=product.name, quantity_to_pick=3)
        for number, order in enumerate(orders)
        for product in shelf[number : number + wanted["lines"]]
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_revision SET value = 1")
        cursor.execute("ANALYZE")  # autovacuum, which is off here, does it in production
    return answer({"products": [product.pk for product in shelf]})


router = routers.SimpleRouter()
router.register("products", ProductViewSet)
router.register("orders", OrderViewSet)

urlpatterns = [
    path("plain/", include(router.urls)),
    path("bare/<int:key>/add_stock/", bare_add_stock),
    path("bare/products/", bare_look_up),
    path("bare/worker/", worker),
    path("bare/same/<int:key>/", same_statements),
    path("bare/ready/<str:what>/", ready),
    path("bare/fill/", fill),
    path("", include("backend.urls")),
]
