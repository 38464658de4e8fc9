"""The OpenAPI description includes what a program needs besides bodies: headers, ids, errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from api.actions import orders, stocktakes
from api.actions.orders import Line
from api.actions.stocktakes import Counted
from api.actor import Actor
from api.models import Discrepancy, StockMovement
from api.tests.calls import Caller, send, upload
from api.tests.cases import each
from api.tests.conftest import MakeProduct, MakeUser
from api.tests.endpoints import ENDPOINTS, Endpoint
from api.tests.photos import jpeg
from api.tests.test_garbage import filled

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

DESCRIBED_HEADERS = {"ETag", "Link", "Location", "Retry-After"}
CONDITIONS = {"If-Match", "If-None-Match"}
NOWHERE = {"/log-client-error": "what a phone reports can't be read by programs"}


@pytest.fixture
def description(owner: Caller) -> dict[str, Any]:
    return dict(owner.get("/api/schema/?format=json").json())


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every call, except those of the documentation itself."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if path != "/api/docs/":
                yield method, path, operation


def parameters(operation: dict[str, Any], place: str) -> dict[str, Any]:
    """By name: the schemas of a call's parameters. place: `path`, `query` or `header`."""
    return {p["name"]: p["schema"] for p in operation.get("parameters", []) if p["in"] == place}


def headers(operation: dict[str, Any], code: int) -> set[str]:
    return set(operation["responses"].get(str(code), {}).get("headers", {}))


def test_ids_are_integers(description: dict[str, Any]) -> None:
    with_id = [operation for _method, path, operation in operations(description) if "{" in path]
    assert len(with_id) >= 15
    assert {schema["type"] for operation in with_id for schema in parameters(operation, "path").values()} == {"integer"}
    for name, schema in description["components"]["schemas"].items():
        for field, kind in schema.get("properties", {}).items():
            if field in ("id", "product", "order", "device", "user", "reverses") and "$ref" not in kind:
                schema = kind if "type" in kind else kind.get("allOf", [{}])[0]
                assert schema.get("type", "integer") == "integer" or name.startswith("Login"), (name, field)


def test_every_refusal_has_the_same_body_and_429_has_retry_after(description: dict[str, Any]) -> None:
    seen = 0
    for method, path, operation in operations(description):
        for code, answer in operation["responses"].items():
            if code.startswith("4"):
                seen += 1
                assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
        assert "Retry-After" in headers(operation, 429), (method, path)
    assert seen > 100
    error = description["components"]["schemas"]["Error"]
    assert set(error["required"]) == {"code", "detail", "facts", "retryable"}


def test_every_creation_has_a_location_header(description: dict[str, Any]) -> None:
    makes = [(path, operation) for _m, path, operation in operations(description) if "201" in operation["responses"]]
    assert len(makes) >= 4
    for path, operation in makes:
        assert ("Location" in headers(operation, 201)) is (path not in NOWHERE), path


SHORT = "/api/products/{key}/barcodes/"
"""A list without pages: it has at most 100 rows (`barcodes.MOST`)."""


def test_every_list_of_the_api_has_pages(description: dict[str, Any]) -> None:
    lists = 0
    for _method, path, operation in operations(description):
        content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
        if content.get("schema", {}).get("type") == "array":
            lists += 1
            if path == SHORT:
                continue
            assert {"limit", "after"} <= set(parameters(operation, "query")), path
            assert "Link" in headers(operation, 200), path
    assert lists == 9


def test_what_has_an_etag_accepts_if_none_match_and_if_match(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        conditions = set(parameters(operation, "header")) & CONDITIONS
        has_tag = "ETag" in headers(operation, 200)
        if method == "get":
            assert conditions == ({"If-None-Match"} if has_tag else set()), path
            assert ("304" in operation["responses"]) is has_tag, path
            assert not has_tag or "ETag" in headers(operation, 304)
        elif has_tag or method == "delete":
            assert conditions == {"If-Match"} or path in ("/api/auth/devices/{key}/", SHORT), (method, path)
        else:
            assert not conditions, (method, path)


@pytest.fixture
def ids(owner: Caller, make_user: MakeUser, make_product: MakeProduct) -> dict[str, int]:
    product = make_product("P", quantity=5)
    order = orders.create(customer_name="A", lines=[Line(product.pk, 2, 1)], by=Actor(owner.user, at=timezone.now()))
    row = Discrepancy.objects.create(kind="negative_stock", product=product, facts={}, created_at=timezone.now())
    count = stocktakes.start(product_ids=[product.pk], blind=False, by=Actor(owner.user, at=timezone.now()))
    stocktakes.enter(count.pk, [Counted(product.pk, 3, timezone.now())], by=Actor(owner.user, at=timezone.now()))
    return {
        "product": product.pk, "order": order.pk, "device": owner.device.pk, "user": make_user("Somebody").pk,
        "discrepancy": row.pk, "count": count.pk, "movement": StockMovement.objects.filter(kind="pick").latest("id").pk,
    }  # fmt: skip


@each("endpoint", [e for e in ENDPOINTS if e.path not in ("/api/schema/", "/api/docs/")])
def test_a_real_response_has_only_headers_and_a_status_that_are_described(
    owner: Caller, ids: dict[str, int], description: dict[str, Any], endpoint: Endpoint
) -> None:
    path = re.sub(r"\{\w+\}", "{key}", endpoint.path)
    operation = description["paths"][path][endpoint.method.lower()]
    address = endpoint.path.format(**ids)
    if "limit" in endpoint.query:
        address += "?limit=1"
    if endpoint.path.endswith("upload_image/"):
        answer: Any = owner.post(address, {"image": upload(jpeg())}, format="multipart")
    else:
        answer = send(owner, endpoint.method, address, filled(endpoint.body, ids))
    assert str(answer.status_code) in operation["responses"], answer.content
    assert set(answer.headers) & DESCRIBED_HEADERS <= headers(operation, answer.status_code)
    if answer.status_code in (200, 201):
        of_a_page = {"Link", "ETag"} if "limit" in endpoint.query else set()  # only the whole list has a tag
        assert headers(operation, answer.status_code) - of_a_page <= set(answer.headers), (
            "described headers are missing"
        )
        assert ("limit" in endpoint.query) <= ("Link" in answer.headers), "even a page with one row has a Link"
