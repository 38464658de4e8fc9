"""No input in any field of any call causes a 5xx: a table of nasty values, and values that hypothesis generates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import limits
from api.actions import ledger, logins, orders, stocktakes
from api.actions.orders import Line
from api.actor import Actor
from api.models import Discrepancy, StockMovement
from api.tests.calls import Caller, check_error
from api.tests.cases import each
from api.tests.conftest import MakeProduct
from api.tests.endpoints import ENDPOINTS, Endpoint
from api.tests.examples import examples, some

pytestmark = pytest.mark.django_db

NASTY: list[Any] = [
    None, True, False, 0, -1, 1.5, -0.0, 1e300, 2**31, 2**31 - 1, 2**53, 2**63, 2**63 - 1, -(2**63), 2**64, 10**400,
    "", " ", "0", "-1", "1.5", "1e5", "x", "\x00", "a\x00b", "\ufeff", "\u202e", "\ud7ff", "📦", "e\u0301" * 50,
    "x" * 101, "x" * 256, "x" * 100_000, "null", "true", "NaN", "%00", "%s", "{}", "[]", "../../etc/passwd", "'; --",
    "<script>", "٣", "9" * 30, "9" * 5000, "2026-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "2026-02-30T00:00:00Z", [], {}, [None], [[]], [{}], {"id": None}, {"id": {"id": 1}}, {"": ""}, ["x"] * 2000,
    [1, "a", None], {"a" * 1000: 1}, {"product": 1}, [{"product": 2**70, "quantity_to_pick": 2**70}],
    [{"product": {"id": "\x00"}, "quantity_to_pick": 1}],
]  # fmt: skip


@pytest.fixture
def ids(owner: Caller, make_product: MakeProduct) -> dict[str, int]:
    """By name: the id of an existing row of each kind that an address can contain."""
    product = make_product("P", quantity=5)
    order = orders.create(customer_name="A", lines=[Line(product.pk, 2, 1)], by=Actor(owner.user, at=timezone.now()))
    discrepancy = Discrepancy.objects.create(
        kind="negative_stock", product=product, facts={}, created_at=timezone.now()
    )
    count = stocktakes.start(product_ids=[product.pk], blind=False, by=Actor(owner.user, at=timezone.now()))
    return {
        "product": product.pk, "order": order.pk, "device": 10**9, "user": 10**9, "discrepancy": discrepancy.pk,
        "count": count.pk, "movement": StockMovement.objects.latest("id").pk,
    }  # fmt: skip


def filled(value: Any, ids: dict[str, int]) -> Any:
    """A valid body, with existing ids in place of its `{…}`."""
    return json.loads(re.sub(r'"\{(\w+)\}"', lambda found: str(ids[found[1]]), json.dumps(value)))


def bodies(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Bodies with one field, also of a line, replaced by one nasty value: all combinations."""
    found = [{**body, name: value} for name in body for value in NASTY]
    for line in body.get("lines", []):
        found += [{**body, "lines": [{**line, name: value}]} for name in line for value in NASTY]
    return found


def rotated(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Bodies with all fields replaced at once, so that each field has each nasty value in one of them: as many bodies
    as there are values. For the fields of a line there are as many more."""

    def turn(fields: dict[str, Any], by: int) -> dict[str, Any]:
        return {name: NASTY[(by + 7 * place) % len(NASTY)] for place, name in enumerate(fields)}

    found = [turn(body, by) for by in range(len(NASTY))]
    for line in body.get("lines", []):
        found += [{**body, "lines": [turn(line, by)]} for by in range(len(NASTY))]
    return found


def one_bad_field_each(good: dict[str, Any], bad: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """For each field where `bad` differs from `good`: its name, its value, and the good body with this one value."""
    for name, value in bad.items():
        if name != "lines" or bad | {"lines": 0} != good | {"lines": 0}:
            yield name, value, {**good, name: value}
            continue
        for field, inner in value[0].items():
            yield f"lines: {field}", inner, {**good, "lines": [{**good["lines"][0], field: inner}]}


def as_text(value: Any) -> str:
    """A value as a form or an address contains it. There 0 and "0" are the same."""
    return value if isinstance(value, str) else json.dumps(value)


def encoded(body: Any, kind: str) -> tuple[str, str]:
    """A body as text, and its media type."""
    if kind == "json":
        return json.dumps(body), "application/json"
    flat = {name: as_text(value) for name, value in body.items()}
    return urlencode(flat, errors="replace"), "application/x-www-form-urlencoded"


def send(caller: Caller, method: str, path: str, body: Any, kind: str = "json", **extra: Any) -> None:
    """Send a request, and assert that the response is no 5xx, and has the body of all errors if it is an error."""
    data, content_type = encoded(body, kind)
    answer = caller.generic(method, path, data, content_type=content_type, **extra)
    assert answer.status_code < 500, (method, path, str(body)[:300])
    if answer.status_code >= 400:
        check_error(answer, answer.status_code)


@pytest.fixture(autouse=True)
def no_limits(monkeypatch: pytest.MonkeyPatch, owner: Caller) -> None:
    """Switch the rate limit off, and keep the caller logged in, so that every request is processed."""
    monkeypatch.setattr(logins, "LIMIT", limits.Limit(10**6, timedelta(minutes=1)))
    monkeypatch.setattr("api.rest.accounts.devices.revoke", lambda *_args, **_kwargs: None)
    owner.raise_request_exception = False


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.body], ids=str)
def test_a_nasty_value_at_any_field_of_json(owner: Caller, ids: dict[str, int], endpoint: Endpoint) -> None:
    different = {encoded(body, "json"): body for body in bodies(filled(endpoint.body, ids))}
    for body in some(different.values(), endpoint):
        send(owner, endpoint.method, endpoint.path.format(**ids), body)


@pytest.mark.both_databases
@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.body], ids=str)
def test_a_nasty_value_at_any_field_of_a_form(owner: Caller, ids: dict[str, int], endpoint: Endpoint) -> None:
    """All fields of a form are nasty at once. One nasty value in an otherwise good body is tested with JSON."""
    good, path = filled(endpoint.body, ids), endpoint.path.format(**ids)
    different = {encoded(body, "form"): body for body in rotated(good)}
    for bad in some(different.values(), endpoint):
        try:
            send(owner, endpoint.method, path, bad, "form")
        except AssertionError as error:
            for field, value, body in one_bad_field_each(good, bad):
                try:
                    send(owner, endpoint.method, path, body, "form")
                except AssertionError:
                    pytest.fail(f"{field} = {value!r:.200}: {error}")
            raise


@pytest.mark.both_databases
@each("endpoint", [e for e in ENDPOINTS if e.query])
def test_a_nasty_value_in_any_parameter(owner: Caller, ids: dict[str, int], endpoint: Endpoint) -> None:
    for name in endpoint.query:
        for text in some(dict.fromkeys(as_text(value) for value in NASTY), (endpoint, name)):
            send(owner, "GET", endpoint.path.format(**ids), {}, QUERY_STRING=f"{name}={quote(text[:3000])}")


@pytest.mark.both_databases
@each("endpoint", [e for e in ENDPOINTS if "{" in e.path])
def test_a_nasty_value_in_the_address(owner: Caller, ids: dict[str, int], endpoint: Endpoint) -> None:
    for text in some(dict.fromkeys(as_text(value) for value in NASTY), endpoint):
        path = re.sub(r"\{\w+\}", quote(text[:2000], safe="") or "-", endpoint.path)
        send(owner, endpoint.method, path, filled(endpoint.body, ids))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
    | st.sampled_from([value for value in NASTY if not isinstance(value, list | dict)]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_generated_body_or_query_is_a_5xx(owner: Caller, ids: dict[str, int], data: st.DataObject) -> None:
    endpoint = data.draw(st.sampled_from(ENDPOINTS))
    body = filled(endpoint.body, ids)
    names = st.sampled_from([*body, "x"]) | st.text(max_size=5)
    changes = data.draw(st.dictionaries(names, json_values, max_size=3))
    query = urlencode(
        data.draw(st.dictionaries(st.sampled_from([*endpoint.query, "x"]), st.text(max_size=12), max_size=2)),
        errors="replace",
    )
    kind = data.draw(st.sampled_from(["json", "json", "form"]))
    send(owner, endpoint.method, endpoint.path.format(**ids), {**body, **changes}, kind, QUERY_STRING=query)


def test_after_nasty_values_the_ledger_is_correct(owner: Caller, ids: dict[str, int]) -> None:
    for endpoint in ENDPOINTS:
        different = [body for body in bodies(filled(endpoint.body, ids))[::7] if "quantity" in str(body)]
        for body in some(different, endpoint):
            send(owner, endpoint.method, endpoint.path.format(**ids), body)
    assert ledger.broken_ledgers() == []
