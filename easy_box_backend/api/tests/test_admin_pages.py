"""Every page of the admin can be opened, with every file that it loads.

Under production's settings too: that is how the suite runs on PostgreSQL (dev/test.py).
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils import timezone

from api import demo
from api.actions import reports
from api.models import Discrepancy, Product, User
from api.tests.admin_desk import Desk, enter
from api.tests.conftest import LogIn, MakeUser
from api.tests.test_load_demo import same_photo
from proofs.phone.desk import visit


def opened_by(desk: Desk) -> Any:
    """How `visit` opens an address without a network."""

    def get(address: str) -> tuple[int, bytes]:
        answer = desk.get(address, follow=True)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        return answer.status_code, body

    return get


@pytest.mark.django_db
def test_every_page_that_a_link_leads_to_opens_to_a_manager_in_russian_with_all_that_it_loads(
    make_user: MakeUser, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "draw_photos", same_photo)
    demo.load(at=timezone.now())
    reports.record_client_error("a fault of a phone", user_agent="Dart/3.5", at=timezone.now())
    Discrepancy.objects.create(
        kind="negative_stock", product=Product.objects.latest("pk"), facts={}, created_at=timezone.now()
    )
    log_in(User.objects.get(email=demo.PICKER))
    desk = enter(make_user("Vera", is_staff=True), "ru")
    desk.raise_request_exception = False
    found = visit(opened_by(desk))
    assert found.faults == []
    opened = " ".join(found.pages)
    for table in ("product", "order", "stockmovement", "discrepancy", "user", "device", "clienterror"):
        assert re.search(rf"/admin/api/{table}/\d+/change/", opened), table
    assert len(found.files) > 15
