"""The API conforms to its own description: schemathesis makes every described call and checks every response.

There must be no 5xx, no status and no content type that is not described, and no body that does not fit its schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import limits
from api.actions import logins, orders
from api.actions.orders import Line
from api.actor import Actor
from api.tests.calls import Caller
from api.tests.cases import each
from api.tests.conftest import MakeProduct
from api.tests.endpoints import ENDPOINTS
from api.tests.examples import examples

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


CALLS = sorted({(e.method, re.sub(r"\{\w+\}", "{key}", e.path)) for e in ENDPOINTS} - {
    ("GET", "/api/schema/"), ("GET", "/api/docs/"),
})  # fmt: skip


@cache
def description() -> Any:
    """The description that the server serves."""
    return schemathesis.openapi.from_wsgi("/api/schema/", get_wsgi_application())


def operations() -> dict[tuple[str, str], Any]:
    """The described operations, by method and path."""
    found = [result.ok() for result in description().get_all_operations()]
    return {(one.method.upper(), re.sub(r"\{\w+\}", "{key}", one.path)): one for one in found}


@pytest.fixture
def warehouse(owner: Caller, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A few rows that calls can refer to."""
    monkeypatch.setattr(logins, "LIMIT", limits.Limit(10**6, timedelta(minutes=1)))
    monkeypatch.setattr("api.rest.accounts.devices.revoke", lambda *_args, **_kwargs: None)
    for n in range(3):
        product = make_product(f"P-{n}", quantity=5)
        orders.create(customer_name="A", lines=[Line(product.pk, 2, 1)], by=Actor(None, at=timezone.now()))
    for signal in (
        request_started,
        request_finished,
    ):  # their receivers would end the test's transaction, as in a server
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_all_described_calls_are_tested(warehouse: None) -> None:
    assert set(operations()) - {("GET", "/api/schema/"), ("GET", "/api/docs/")} == set(CALLS)


@each(("method", "path"), CALLS)
def test_every_response_is_as_described(owner: Caller, warehouse: None, method: str, path: str) -> None:
    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
        call_operation(operations()[method, path], mode, owner)


def call_operation(operation: Any, mode: Any, owner: Caller) -> None:
    """Call one operation with generated values. mode: whether they are valid or invalid by its description."""

    @settings(
        max_examples=examples(5), deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans(), number=st.integers(1, 3))
    def call(case: Any, known: bool, number: int) -> None:
        if known and "key" in (case.path_parameters or {}):
            case.path_parameters["key"] = str(number)
        case.headers["Authorization"] = f"Token {owner.token}"
        case.headers["Accept-Encoding"] = "identity"  # the client here unpacks nothing
        case.call_and_validate(checks=CHECKS)

    with suppress(Unsatisfiable):  # no invalid values exist for this operation
        call()
