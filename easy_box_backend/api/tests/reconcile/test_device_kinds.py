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
    ("agent", "requested_kind", "kind"),
    [
        ("Dart/3.5 (dart:io)", None, "app"),
        ("Mozilla/5.0 (Linux; Android 14)", None, "integration"),
        ("python-requests/2.32", None, "integration"),
        ("", None, "integration"),
        ("Dart/3.5 (dart:io)", "integration", "integration"),
        ("python-requests/2.32", "app", "app"),
    ],
)
def test_the_kind_of_a_device_is_the_requested_one_or_follows_from_its_user_agent(
    warehouse: Warehouse, agent: str, requested_kind: str | None, kind: str
) -> None:
    known = warehouse.program("Anna").user
    body: dict[str, Any] = {
        "email": known.email,
        "password": PASSWORD,
        **({"kind": requested_kind} if requested_kind else {}),
    }
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
    assert new.create("SOCK").status_code == 201, "the new device has never pulled the list"
