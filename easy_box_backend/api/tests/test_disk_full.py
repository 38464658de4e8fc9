"""On a full disk, changes are refused with a clear error, and everything else works."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError
from rest_framework.test import APIClient

from api.actions import stock
from api.models import ClientError, Product, StockMovement
from api.ops import health
from api.tests.calls import PASSWORD, Caller, check_error, upload
from api.tests.conftest import MakeProduct
from api.tests.photos import jpeg

pytestmark = pytest.mark.any_database


@pytest.fixture
def full(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with 99 MB free, where the settings require 100."""
    settings.MIN_FREE_DISK_MB = 100
    monkeypatch.setattr(health, "free_disk_mb", lambda: 99)


@pytest.mark.django_db
def test_a_change_is_refused_and_reading_goes_on(full: None, picker: Caller, make_product: MakeProduct) -> None:
    product = make_product(quantity=5)
    before = StockMovement.objects.count()
    for method, path in (
        ("post", f"/api/products/{product.pk}/add_stock/"),
        ("put", f"/api/products/{product.pk}/"),
        ("delete", f"/api/products/{product.pk}/"),
        ("post", "/api/products/"),
    ):
        body = check_error(getattr(picker, method)(path, {"quantity": 3}), 507, "disk_full")
        assert body["retryable"] is True
    assert StockMovement.objects.count() == before
    assert picker.get("/api/products/").json()[0]["quantity"] == 5
    body = picker.post(f"/api/products/{product.pk}/add_stock/", {"quantity": 3}, HTTP_ACCEPT_LANGUAGE="ru").json()
    assert body["detail"].startswith("Диск сервера заполнен")


@pytest.mark.django_db
def test_logging_in_works_and_the_apps_error_report_is_dropped(full: None, picker: Caller) -> None:
    guest = APIClient()
    answer = guest.post("/api/auth/token/", {"email": picker.user.email, "password": PASSWORD})
    assert answer.status_code == 200
    assert guest.post("/log-client-error", {"message": "x"}).status_code == 204
    assert not ClientError.objects.exists()
    assert guest.post("/orders/new/").status_code == 507


@pytest.mark.django_db
def test_with_enough_room_changes_are_accepted(
    settings: Any, monkeypatch: pytest.MonkeyPatch, picker: Caller, make_product: MakeProduct
) -> None:
    settings.MIN_FREE_DISK_MB = 100
    product = make_product()
    for free in (100, None):
        monkeypatch.setattr(health, "free_disk_mb", lambda free=free: free)
        assert picker.post(f"/api/products/{product.pk}/add_stock/", {"quantity": 3}).status_code == 200
    assert Product.objects.get().quantity == 6


class DiskFull(Exception):
    sqlstate = "53100"


@pytest.mark.django_db
@pytest.mark.parametrize("cause", [DiskFull("could not extend file"), Exception("database or disk is full")])
def test_a_database_without_room_gives_the_same_response(
    picker: Caller, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch, cause: Exception
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OperationalError(str(cause)) from cause

    monkeypatch.setattr(stock, "receive", fail)
    answer = picker.post(f"/api/products/{make_product().pk}/add_stock/", {"quantity": 3})
    check_error(answer, 507, "disk_full")


@pytest.mark.django_db
def test_a_photo_without_room_gives_the_same_response_and_changes_nothing(
    picker: Caller, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(default_storage, "save", fail)
    product = make_product()
    answer = picker.post(f"/api/products/{product.pk}/upload_image/", {"image": upload(jpeg())}, format="multipart")
    check_error(answer, 507, "disk_full")
    product.refresh_from_db()
    assert product.image.name == ""
