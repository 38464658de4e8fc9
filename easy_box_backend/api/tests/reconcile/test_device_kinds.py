"""Requests of app devices are interpreted; those of other devices are taken literally."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from api.models import Device
from api.tests.calls import PASSWORD
from api.tests.reconcile.people import Warehouse

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("agent", "asked", "kind"),
    [
        ("Dart/3.5 (dart:io)", None, "app"),
        ("Mozilla/5.0 (Linux; Android 14)", None, "integration"),
        ("python-requests/2.32", None, "integration"),
        ("", None, "integration"),
        ("Dart/3.5 (dart:io)", "integration", "integration"),
        ("python-requests/2.32", "app", "app"),
    ],
)
def test_by_what_the_login_asks_for_else_by_its_program(
    warehouse: Warehouse, agent: str, asked: str | None, kind: str
) -> None:
    known = warehouse.program("Anna").user
    body: dict[str, Any] = {"email": known.email, "password": PASSWORD, **({"kind": asked} if asked else {})}
    answer = APIClient(headers={"User-Agent": agent}).post("/api/auth/token/", body, format="json")
    assert answer.status_code == 200
    assert Device.objects.latest("id").kind == kind


def test_each_login_is_a_device_with_a_memory_of_its_own(warehouse: Warehouse) -> None:
    warehouse.product("SOCK")
    old = warehouse.phone("Anna")
    old.pull()
    assert old.create("SOCK").status_code == 400
    new = warehouse.phone("Anna")
    assert new.device != old.device
    assert new.create("SOCK").status_code == 201, "this one has never seen the list"
