"""Rules for every route, also for routes that are added later: who has access, which methods are allowed, and that no
address, parameter or method causes a 5xx."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from api.models import Device
from api.tests.calls import Caller, check_error
from api.tests.cases import each
from api.tests.conftest import LogIn, MakeProduct
from api.tests.desk.conftest import enter
from api.tests.endpoints import ENDPOINTS, Endpoint
from api.tests.examples import some

pytestmark = pytest.mark.django_db

OPEN = {
    "api/auth/token/": "the login",
    "api/health/": "for the one who watches the server",
    "api/schema/": "the API's description",
    "api/docs/": "the same for people",
    "log-client-error": "a phone reports an error before it has logged in",
    "admin/login/": "leads to the desk's login",
    "login/": "the desk's login",
    "phone/": "the server's address, for a phone that is to be connected",
    "admin": "leads to the admin",
    "i18n/setlang/": "the language of the login page",
    "media/X": "the app loads photos without its token",
}


def routes(patterns: list[URLPattern | URLResolver] | None = None, before: str = "") -> Iterator[str]:
    """All routes of the server, with X in place of each variable part."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = re.sub(r"\(\?P<\w+>(\\.|\[[^]]*\]|\([^)]*\)|[^()])*\)", "X", str(entry.pattern))
        route = re.sub(r"<[^>]+>", "X", route)
        route = before + route.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\", "")
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        else:
            yield route


@pytest.mark.any_database
@each("route", sorted({*routes()} - {*OPEN}))
def test_no_other_route_is_open_without_a_token(guest: APIClient, route: str) -> None:
    guest.raise_request_exception = False
    for method in some(["get", "post", "put", "patch", "delete", "options", "head"], route):
        answer = getattr(guest, method)("/" + route.replace("X", "1"))
        if route.startswith("admin/"):
            assert answer.status_code in (302, 404, 405) or (answer.status_code, method) == (403, "post")
            if answer.status_code == 302:
                assert answer["Location"].startswith(("/admin/login/", "/login/")) or route == "admin/logout/"
        elif not route.startswith("api/"):
            is_page = method in ("get", "head")
            assert answer.status_code in ((302, 405) if is_page else (401, 405))
            if answer.status_code == 302:
                assert answer["Location"].startswith("/login/?next=")
        elif method == "head":
            assert answer.status_code == 401
        else:
            check_error(answer, 401)


@pytest.mark.parametrize("route", sorted(OPEN))
def test_every_route_that_is_listed_as_open_exists(route: str) -> None:
    assert route in set(routes())


def test_every_route_of_the_api_is_in_the_table_of_endpoints() -> None:
    known = {re.sub(r"\{\w+\}", "X", endpoint.path) for endpoint in ENDPOINTS}
    missing = {f"/{route}" for route in routes() if route.startswith(("api/", "log-"))} - known
    assert not missing, f"add them to endpoints.py: {missing}"


@pytest.mark.any_database
@each("endpoint", [e for e in ENDPOINTS if e.is_for_staff])
def test_a_call_for_staff_is_403_for_others(picker: Caller, endpoint: Endpoint) -> None:
    path = re.sub(r"\{\w+\}", "1", endpoint.path)
    check_error(getattr(picker, endpoint.method.lower())(path, endpoint.body), 403, "permission_denied")


def paths() -> list[str]:
    return sorted({endpoint.path for endpoint in ENDPOINTS})


@pytest.mark.any_database
@each("path", paths())
def test_a_method_that_a_path_does_not_have_is_405_with_the_allowed_ones(owner: Caller, path: str) -> None:
    there = {endpoint.method for endpoint in ENDPOINTS if endpoint.path == path}
    address = re.sub(r"\{\w+\}", "1", path)
    for method in some(sorted({"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - there), path):
        answer = owner.generic(method, address, "{}", content_type="application/json")
        check_error(answer, 405, "method_not_allowed")
        assert there <= set(answer["Allow"].replace(" ", "").split(","))


@pytest.mark.any_database
@each("path", paths())
def test_without_its_slash_or_with_one_too_many_it_is_404_and_no_redirect(owner: Caller, path: str) -> None:
    address = re.sub(r"\{\w+\}", "1", path)
    other = address.removesuffix("/") if address.endswith("/") else address + "/"
    for method in some(["get", "post", "put", "delete"], path):
        check_error(getattr(owner, method)(other), 404, "not_found")


# --- No fault -----------------------------------------------------------------------------------------------------
ODD = [
    "%00", "9" * 30, "99999", quote("\u0663"), "-1", "%ff%fe", "", "..", "%", "a%00b", "_00", "1_00", "9" * 5000,
    quote("\u00b2"), "%25", "%2e%2e%2f", quote("\u202e📦"), "%0d%0aX:1", "None", "1.0", "x" * 4096,
    "550e8400-e29b-41d4-a716-446655440000",
]  # fmt: skip
"""Values, URL-encoded, that an address or a parameter can have instead of an id, the worst first. In the admin _00 is
NUL."""

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X" * 300]


@pytest.fixture
def callers(
    guest: APIClient, owner: Caller, log_in: LogIn, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """By name: clients of a guest, a program, a phone, and a person at the desk. They stay logged in."""
    make_product()
    monkeypatch.setattr("api.rest.accounts.devices.revoke", lambda *_args, **_kwargs: None)
    phone = log_in(owner.user, Device.Kind.APP)
    people: dict[str, Any] = {"guest": guest, "program": owner, "phone": phone, "desk": enter(owner.user)}
    for client in people.values():
        client.raise_request_exception = False
    return people


def who_calls(callers: dict[str, Any], route: str) -> list[Any]:
    """The callers for whom a route behaves differently."""
    if route.startswith("api/") and route not in OPEN:
        return [callers["program"], callers["phone"]]
    return [callers["guest"] if route in OPEN or route.startswith("media/") else callers["desk"]]


def call(client: Any, method: str, address: str, body: dict[str, Any] | None = None, **extra: Any) -> Any:
    """Send a request, and assert that the response is no 5xx, and has the body of all errors if the API refuses it."""
    if not isinstance(client, APIClient):  # a form, as a page of the desk would send it
        kind, text = "application/x-www-form-urlencoded", "post=yes&action=x&_selected_action=1"
    else:
        kind, text = "application/json", json.dumps(body or {}).replace('"{product}"', "1")
    answer = client.generic(method, address, text, content_type=kind, **extra)
    assert answer.status_code < 500, (method, address[:200], extra, getattr(answer, "exc_info", None))
    if answer.status_code >= 400 and address.startswith("/api/") and answer.content:
        check_error(answer, answer.status_code)
    return answer


def bodies_of(route: str) -> dict[str, dict[str, Any]]:
    """The methods of a route, each with a valid body, so that the request is not refused because of its body."""
    there = {e.method: e.body for e in ENDPOINTS if re.sub(r"\{\w+\}", "X", e.path) == f"/{route}"}
    return there or {"GET": {}, "POST": {}}


DIFFERENT = sorted(route for route in {*routes()} if not re.match("admin/api/(?!product/)", route))
"""Routes, but only one table of Django's admin: they all work the same way."""


@each("route", [route for route in DIFFERENT if "X" in route])
def test_no_value_in_an_address_is_a_5xx(callers: dict[str, Any], route: str) -> None:
    for client, odd, (method, body) in some(product(who_calls(callers, route), ODD, bodies_of(route).items()), route):
        call(client, method, "/" + route.replace("X", odd), body)


@pytest.mark.any_database
@each("route", [route for route in DIFFERENT if route not in ("admin/logout/", "logout/")])
def test_no_method_is_a_5xx(callers: dict[str, Any], route: str) -> None:
    address = "/" + route.replace("X", "1")
    for method in some(METHODS, route):
        for client in who_calls(callers, route):
            call(client, method, address)
        call(callers["guest"], method, address, HTTP_X_HTTP_METHOD_OVERRIDE="DELETE\0", HTTP_ORIGIN="null",
             HTTP_ACCESS_CONTROL_REQUEST_METHOD="X")  # fmt: skip


PARAMETERS = [
    "created_at__year", "q", "p", "o", "e", "all", "id", "id__exact", "status", "status__exact", "kind__exact",
    "archived", "is_active__exact", "user__id__exact", "product__id__exact", "created_at__gte", "_popup",
    "_to_field", "_changelist_filters", "next", "term", "app_label", "model_name", "field_name", "object_id", "_facets",
    "page", "stock", "kind", "product", "order", "shelf", "seen", "export", "format", "user", "device", "sort", "code",
]  # fmt: skip
"""What the desk and Django's admin read of a query."""


LISTS = sorted(
    route for route in {*routes()} if re.fullmatch("|".join(
        ["admin/api/product/", "", "orders/", "products/", "questions/", "counts/", "labels/", "sheets/", "people/",
         "phones/", "errors/", "orders/find/", "orders/pick-list/", "labels/print/"]), route)
)  # fmt: skip


@each("route", LISTS)
def test_no_parameter_of_a_list_in_the_desk_is_a_5xx(callers: dict[str, Any], route: str) -> None:
    """With e=1, Django's admin answers an invalid query with an error page; without it, it redirects to that page."""
    queries = [f"{name}={ODD[0]}" for name in PARAMETERS]
    queries += ["&".join(f"{name}={odd}" for name in PARAMETERS) + "&e=1" for odd in ODD[:6]]
    for query in some(queries, route):
        call(callers["desk"], "GET", "/" + route, QUERY_STRING=query)
