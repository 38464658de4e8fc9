"""Django's admin shows every table to an administrator, read-only, and nothing to anybody else."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.test import Client
from django.utils import timezone

from api.actions import discrepancies, orders, stock
from api.actor import Actor
from api.models import Discrepancy, User
from api.tests.cases import each
from api.tests.conftest import LogIn, MakeProduct, MakeUser
from api.tests.desk.conftest import enter

pytestmark = pytest.mark.django_db
TABLES = sorted(model._meta.model_name or "" for model in site._registry)


@pytest.fixture
def owner(make_user: MakeUser) -> User:
    return make_user("Owner", is_staff=True, is_superuser=True)


@pytest.fixture
def admin(owner: User, make_product: MakeProduct, log_in: LogIn) -> Client:
    """A client of an administrator; some tables have rows."""
    by, shirt = Actor(owner, at=timezone.now()), make_product("SHIRT")
    log_in(owner)
    stock.receive(shirt.pk, 5, by=by)
    orders.create(customer_name="Anna", lines=[orders.Line(shirt.pk, 2, 0)], by=by)
    discrepancies.record(Discrepancy.Kind.KEPT_IN_PART, by=by, product=shirt)
    return enter(owner)


@each("table", TABLES)
def test_an_administrator_sees_every_table_and_can_change_nothing(admin: Client, table: str) -> None:
    page = admin.get(f"/admin/api/{table}/").content.decode()
    assert "paginator" in page
    assert admin.get(f"/admin/api/{table}/add/").status_code == 403
    row = apps.get_model("api", table).objects.first()
    if row is not None:
        one = f"/admin/api/{table}/{row.pk}/"
        shown = admin.get(f"{one}change/").content.decode()
        assert 'name="_save"' not in shown
        assert admin.post(f"{one}change/", {"name": "x", "_save": "1"}).status_code == 403
        assert admin.post(f"{one}delete/", {"post": "yes"}).status_code == 403


def test_no_secret_is_shown(admin: Client, owner: User) -> None:
    device = owner.devices.get()
    for address in ("user/", f"user/{owner.pk}/change/", "device/", f"device/{device.pk}/change/"):
        page = admin.get(f"/admin/api/{address}").content.decode()
        assert owner.password not in page
        assert str(device.token_id) not in page


@pytest.mark.parametrize("rights", [{}, {"is_staff": True}])
def test_only_an_administrator_sees_anything(make_user: MakeUser, rights: dict[str, bool]) -> None:
    client = enter(make_user("Vera", **rights))
    answer = client.get("/admin/api/product/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
    assert client.get(answer["Location"]).headers["Location"].startswith("/login/?next=")


def test_only_our_own_tables_are_shown(admin: Client) -> None:
    page = admin.get("/admin/").content.decode()
    assert "/admin/knox/" not in page
    assert "/admin/auth/" not in page
