"""Lists for programs have pages: `limit`, `after`, and `Link: rel="next"` (RFC 8288)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils import timezone

from api.models import Discrepancy, StockMovement, User
from api.tests.calls import Caller, check_error
from api.tests.cases import each
from api.tests.conftest import LogIn, MakeProduct, MakeUser

pytestmark = pytest.mark.django_db

LISTS = ["/api/discrepancies/", "/api/users/", "/api/auth/devices/?all=1", "/api/movements/"]


@pytest.fixture
def rows(owner: Caller, make_user: MakeUser, log_in: LogIn, make_product: MakeProduct) -> None:
    """At least seven rows for each list."""
    for n in range(7):
        log_in(make_user(f"Person{n}"))
        make_product(quantity=n + 1)
        Discrepancy.objects.create(kind="negative_stock", facts={}, created_at=timezone.now())


def pages(caller: Caller, address: str) -> list[list[dict[str, Any]]]:
    """All pages of a list, followed by their links."""
    found = []
    while address:
        answer = caller.get(address)
        assert answer.status_code == 200, answer.content
        found.append(answer.json())
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        address = link[1] if link else ""
    return found


def with_limit(path: str, limit: int) -> str:
    return f"{path}{'&' if '?' in path else '?'}limit={limit}"


@pytest.mark.both_databases
@pytest.mark.parametrize("path", LISTS)
def test_the_pages_hold_every_row_exactly_once(owner: Caller, rows: None, path: str) -> None:
    (whole,) = pages(owner, path)
    assert len(whole) >= 7
    for limit in (1, 3):
        parts = pages(owner, with_limit(path, limit))
        assert [row for part in parts for row in part] == whole
        assert {len(part) for part in parts[:-1]} == {limit}


@pytest.mark.parametrize("path", LISTS)
def test_a_page_has_a_limit_also_without_the_parameter(
    owner: Caller, rows: None, path: str, django_assert_max_num_queries: Any
) -> None:
    at = timezone.now()
    User.objects.bulk_create(User(username=f"U{n}", email=f"u{n}@example.com") for n in range(205))
    Discrepancy.objects.bulk_create(Discrepancy(kind="negative_stock", facts={}, created_at=at) for _ in range(205))
    with django_assert_max_num_queries(4):
        answer = owner.get(path)
    assert len(answer.json()) <= 200
    if len(answer.json()) == 200:
        assert 'rel="next"' in answer["Link"]
        assert len(pages(owner, path)) == 2


@each("path", LISTS)
@each("name", ["limit", "after"])
@each("value", ["x", "-1", "1.5", "9" * 30, "%00"])
def test_an_invalid_page_is_400_and_names_the_parameter(owner: Caller, path: str, name: str, value: str) -> None:
    body = check_error(owner.get(f"{path}{'&' if '?' in path else '?'}{name}={value}"), 400, "invalid")
    assert name in body


@pytest.mark.both_databases
@pytest.mark.parametrize("path", LISTS)
def test_a_page_can_begin_after_a_row_that_no_longer_exists(owner: Caller, rows: None, path: str) -> None:
    (whole,) = pages(owner, path)
    third = whole[2]["id"]
    if path == "/api/discrepancies/":
        Discrepancy.objects.filter(id=third).delete()
    behind = owner.get(f"{path}{'&' if '?' in path else '?'}after={third}").json()
    assert [row["id"] for row in behind] == [row["id"] for row in whole[3:]]


def test_the_link_keeps_the_other_parameters(owner: Caller, rows: None) -> None:
    kinds = "/api/discrepancies/?status=all&kind=negative_stock&limit=2"
    assert "status=all&kind=negative_stock&limit=2&after=" in owner.get(kinds)["Link"]
    assert "all=1&limit=2&after=" in owner.get("/api/auth/devices/?all=1&limit=2")["Link"]
    some = StockMovement.objects.order_by("-id").first()
    assert some is not None
    one = f"/api/products/{some.product_id}/movements/"
    assert owner.get(f"{one}?limit=1")["Link"].startswith(f"<http://testserver{one}?limit=1&after=")


def test_the_pages_of_ones_own_devices_have_only_ones_own(owner: Caller, colleague: Caller, log_in: LogIn) -> None:
    mine = {log_in(colleague.user).device.pk for _ in range(4)} | {colleague.device.pk}
    for query in ("limit=2", "limit=2&all=1"):
        seen = [row["id"] for part in pages(colleague, f"/api/auth/devices/?{query}") for row in part]
        assert seen == sorted(mine, reverse=True)
