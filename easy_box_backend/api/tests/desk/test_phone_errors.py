"""The pages of errors that phones reported, with the probable person and phone."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from api.actions import reports
from api.models import ClientError
from api.tests.conftest import LogIn, MakeUser

pytestmark = pytest.mark.django_db


def report(message: str) -> ClientError:
    return reports.record_client_error(message, user_agent="<b>Dart</b>", at=timezone.now())


def text(client: Client, path: str, **query: str) -> str:
    """The text of a page."""
    answer: Any = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_error_names_its_probable_person_and_phone(desk: Client, log_in: LogIn, make_user: MakeUser) -> None:
    anna = log_in(make_user("Anna"), kind="app")
    found = report("Anna, 1, anna@example.com <script>alert(1)</script>")
    unknown = report("boom")
    listed = text(desk, "/errors/")
    assert "Anna" in listed
    assert f"tests #{anna.device.pk}" in listed
    page = text(desk, f"/errors/{found.pk}/")
    assert f'href="/people/{anna.user.pk}/"' in page
    assert f'href="/phones/{anna.device.pk}/"' in page
    assert "<script>alert" not in page
    assert "<b>Dart" not in page
    assert 'href="/phones/' not in text(desk, f"/errors/{unknown.pk}/")


def test_errors_are_searched_by_text_and_person(desk: Client, log_in: LogIn, make_user: MakeUser) -> None:
    log_in(make_user("Anna"), kind="app")
    report("anna@example.com: timeout")
    report("null is no String")
    assert "timeout" in text(desk, "/errors/", q="ANNA")
    assert "null is no" not in text(desk, "/errors/", q="anna")
    assert "null is no" in text(desk, "/errors/", q="is no s")
    assert text(desk, "/errors/", q="\0")


def test_a_report_is_deleted(desk: Client) -> None:
    kept, gone = report("kept"), report("gone")
    assert desk.get(f"/errors/{gone.pk}/delete/").status_code == 405
    desk.post(f"/errors/{gone.pk}/delete/")
    assert list(ClientError.objects.all()) == [kept]


def test_the_list_takes_a_fixed_number_of_queries(
    desk: Client, log_in: LogIn, make_user: MakeUser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for name in ("Anna", "Boris", "Clara"):
        log_in(make_user(name), kind="app")
        report(f"{name}@example.com: boom")
    with django_assert_num_queries(4):  # session, person, mark, errors
        desk.get("/errors/")
