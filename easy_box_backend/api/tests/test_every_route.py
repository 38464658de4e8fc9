"""What holds for every route, also for one that is added tomorrow: who gets in, and which methods there are."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from api.tests.calls import Caller, check_error
from api.tests.endpoints import ENDPOINTS, Endpoint

pytestmark = pytest.mark.django_db

OPEN = {
    "api/auth/token/": "the login",
    "api/health/": "for the one who watches the server",
    "api/schema/": "the API's description",
    "api/docs/": "the same for people",
    "log-client-error": "a phone reports an error before it has logged in",
    "admin/login/": "the managers' login",
    "": "leads to the admin",
    "admin": "leads to the admin",
    "i18n/setlang/": "the language of the admin's login page",
    "media/X": "the app loads photos without its token",
}


def routes(patterns: list[URLPattern | URLResolver] | None = None, before: str = "") -> Iterator[str]:
    """All routes of the server; what varies in one is X."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = re.sub(r"\(\?P<\w+>(\\.|\[[^]]*\]|\([^)]*\)|[^()])*\)", "X", str(entry.pattern))
        route = re.sub(r"<[^>]+>", "X", route)
        route = before + route.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\", "")
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        else:
            yield route


@pytest.mark.parametrize("route", sorted({*routes()} - {*OPEN}))
def test_no_other_route_is_open_without_a_token(guest: APIClient, route: str) -> None:
    guest.raise_request_exception = False
    for method in ("get", "post", "put", "patch", "delete", "options", "head"):
        answer = getattr(guest, method)("/" + route.replace("X", "1"))
        if route.startswith("admin/"):
            assert answer.status_code in (302, 404, 405) or (answer.status_code, method) == (403, "post")
            if answer.status_code == 302:
                assert answer["Location"].startswith("/admin/login/") or route == "admin/logout/"
        elif method == "head":
            assert answer.status_code == 401
        else:
            check_error(answer, 401)


@pytest.mark.parametrize("route", sorted(OPEN))
def test_what_is_open_is_meant_to_be_and_exists(route: str) -> None:
    assert route in set(routes())


def test_every_route_of_the_api_is_in_the_table_of_endpoints() -> None:
    known = {re.sub(r"\{\w+\}", "X", endpoint.path) for endpoint in ENDPOINTS}
    missing = {f"/{route}" for route in routes() if route.startswith(("api/", "log-"))} - known
    assert not missing, f"add them to endpoints.py: {missing}"


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.is_for_staff], ids=str)
def test_what_is_for_staff_is_403_for_others(picker: Caller, endpoint: Endpoint) -> None:
    path = re.sub(r"\{\w+\}", "1", endpoint.path)
    check_error(getattr(picker, endpoint.method.lower())(path, endpoint.body), 403, "permission_denied")


def paths() -> list[str]:
    return sorted({endpoint.path for endpoint in ENDPOINTS})


@pytest.mark.parametrize("path", paths())
def test_any_other_method_is_405_and_names_those_that_there_are(owner: Caller, path: str) -> None:
    there = {endpoint.method for endpoint in ENDPOINTS if endpoint.path == path}
    address = re.sub(r"\{\w+\}", "1", path)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - there:
        answer = owner.generic(method, address, "{}", content_type="application/json")
        check_error(answer, 405, "method_not_allowed")
        assert there <= set(answer["Allow"].replace(" ", "").split(","))


@pytest.mark.parametrize("path", paths())
def test_without_its_slash_or_with_one_too_many_it_is_404_and_no_redirect(owner: Caller, path: str) -> None:
    address = re.sub(r"\{\w+\}", "1", path)
    other = address.removesuffix("/") if address.endswith("/") else address + "/"
    for method in ("get", "post", "put", "delete"):
        check_error(getattr(owner, method)(other), 404, "not_found")
