"""Overload: a request that would wait too long gets a 503 with the time to retry, and has changed nothing."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client
from psycopg_pool import PoolTimeout

from api import images
from api.actions import stock
from api.models import DeviceMemory, Product, StockMovement
from api.rest import error_handler
from api.tests import photos
from api.tests.calls import Caller, check_error
from api.tests.conftest import LogIn, MakeProduct, MakeUser
from api.tests.locks import waiting_at_most

pytestmark = pytest.mark.both_databases
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="of PostgreSQL")
TOO_BUSY = [psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected,
            psycopg.errors.TooManyConnections, psycopg.errors.AdminShutdown, PoolTimeout]  # fmt: skip


def failed(cause: type[Exception] | None = None, text: str = "database is locked") -> OperationalError:
    """An OperationalError as Django raises it. cause: the class of the driver's error."""
    error = OperationalError(text)
    error.__cause__ = cause("too busy") if cause else None
    return error


def check_busy(answer: Any) -> None:
    assert check_error(answer, 503, "busy")["retryable"] is True
    assert answer.headers["Retry-After"] == str(error_handler.BUSY_SECONDS)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["app", "integration"])
@pytest.mark.parametrize("unusual", [{}, {"HTTP_ACCEPT_LANGUAGE": "en"}], ids=["door", "view"])
def test_a_busy_database_is_a_503(
    make_user: MakeUser, log_in: LogIn, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch,
    kind: str, unusual: dict[str, Any],
) -> None:  # fmt: skip
    caller, box = log_in(make_user("Picker"), kind=kind), make_product("BOX")
    caller.raise_request_exception = False

    def locked(*_args: Any, **_more: Any) -> None:
        raise failed()

    monkeypatch.setattr(stock, "receive", locked)
    monkeypatch.setattr(stock, "receive_and_note", locked)
    before = list(DeviceMemory.objects.values_list("state", flat=True))
    check_busy(caller.post(f"/api/products/{box.pk}/add_stock/", {"quantity": 1}, **unusual))
    assert list(DeviceMemory.objects.values_list("state", flat=True)) == before
    assert not StockMovement.objects.exists()


@pytest.mark.django_db
def test_the_desk_shows_a_page_with_a_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_args: Any, **_more: Any) -> None:
        raise failed()

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", locked)
    client.raise_request_exception = False
    client.cookies["sessionid"] = "x" * 32
    answer = client.get("/products/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "text/html" in answer.headers["Content-Type"]


@on_postgresql
@pytest.mark.django_db
def test_errors_of_an_overloaded_postgresql_count_as_busy_and_others_do_not() -> None:
    assert all(error_handler.is_busy(failed(cause, "x")) for cause in TOO_BUSY)
    assert not error_handler.is_busy(failed(psycopg.errors.DiskFull, "x"))
    assert not error_handler.is_busy(ValueError("x"))


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_request_that_waits_too_long_for_a_lock_gets_a_503_and_can_be_sent_again(
    make_user: MakeUser, log_in: LogIn, make_product: MakeProduct
) -> None:
    phone, box = log_in(make_user("Picker"), kind="app"), make_product("BOX")
    phone.raise_request_exception = False
    phone.get("/api/products/")
    phone.get("/api/products/?sku=BOX")
    with waiting_at_most("100ms"):
        with psycopg.connect(**other_connection()) as other:
            other.execute("SELECT 1 FROM api_product WHERE id = %s FOR UPDATE", [box.pk])
            check_busy(phone.post(f"/api/products/{box.pk}/add_stock/", {"quantity": 3}))
        assert Product.objects.get().quantity == 0
        assert phone.post(f"/api/products/{box.pk}/add_stock/", {"quantity": 3}).status_code == 200
        assert Product.objects.get().quantity == 3


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_lock_timeout_that_a_test_sets_is_reset_for_the_next_one() -> None:
    with waiting_at_most("100ms"):
        used = connection.connection  # it goes back into the pool
    assert used.execute("SHOW lock_timeout").fetchone() == ("0",)


def other_connection() -> dict[str, Any]:
    made = connection.get_connection_params()
    return {name: made[name] for name in ("host", "port", "user", "password", "dbname") if made.get(name)}


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_statements_of_requests_have_timeouts_that_database_url_can_override(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from backend import wsgi

    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})
    wsgi.limit_requests()
    with psycopg.connect(**other_connection(), options=connection.settings_dict["OPTIONS"]["options"]) as fresh:
        for name, seconds in settings.DB_LIMITS.items():
            (found,) = fresh.execute(f"SELECT setting::int FROM pg_settings WHERE name = '{name}'").fetchone()  # type: ignore[misc]
            assert found == seconds * 1000, name
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"options": "-c statement_timeout=5s"})
    wsgi.limit_requests()
    assert connection.settings_dict["OPTIONS"]["options"] == "-c statement_timeout=5s"


@pytest.mark.django_db
def test_photos_that_wait_for_a_decoder_leave_threads_for_other_requests(
    picker: Caller, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "PLACES", threading.BoundedSemaphore(1))
    path = f"/api/products/{make_product('BOX').pk}/upload_image/"

    def send() -> Any:
        return picker.post(path, {"image": SimpleUploadedFile("a.jpg", photos.jpeg())}, format="multipart")

    with images.PLACES:
        answer = picker.post(path, {"image": SimpleUploadedFile("a.jpg", photos.jpeg())}, format="multipart")
        check_error(answer, 503, "busy")
    assert (
        picker.post(path, {"image": SimpleUploadedFile("a.jpg", photos.jpeg())}, format="multipart").status_code == 200
    )
