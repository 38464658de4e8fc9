"""POST /log-client-error"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from rest_framework.test import APIClient

from api.models import ClientError
from api.tests.calls import BODY_KINDS, PASSWORD, check_error, send
from api.tests.conftest import MakeUser

pytestmark = pytest.mark.django_db
LOG = "/log-client-error"


def report(client: APIClient, message: Any, **extra: Any) -> Any:
    return client.post(LOG, {"message": message}, **extra)


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_a_report_is_kept_without_a_token_and_without_a_slash(guest: APIClient, kind: str) -> None:
    answer = send(guest, "POST", LOG, {"message": "Ошибка: 500 {not json"}, kind, headers={"User-Agent": "Dart/3.5"})
    assert answer.status_code == 201
    error = ClientError.objects.get()
    assert (error.message, error.count, error.user_agent) == ("Ошибка: 500 {not json", 1, "Dart/3.5")


def test_a_bad_token_is_not_looked_at(guest: APIClient) -> None:
    assert report(guest, "boom", headers={"Authorization": "Token null"}).status_code == 201


@pytest.mark.parametrize(
    "message", ["text", "", 5, -1.5, True, None, [], [1, "a"], {}, {"a": {"b": [1]}}, 10**300, "x\x00y", "📦" * 5000]
)
def test_any_json_value_may_be_the_message(guest: APIClient, message: Any) -> None:
    assert report(guest, message).status_code == 201
    assert ClientError.objects.count() == 1


def test_what_differs_only_in_numbers_addresses_and_uuids_is_one_row_that_counts(guest: APIClient) -> None:
    messages = [
        "Timeout after 30 s for order 5 at 0x7fff01 (0b7f63f0-9a3e-4ec0-8f3c-6d9f1f7f9a11)",
        "Timeout after 45 s for order 67 at 0xdeadbeef (ffffffff-9a3e-4ec0-8f3c-000000000000)",
    ]
    for message in [*messages, "Something else"]:
        report(guest, message)
    counted = dict(ClientError.objects.values_list("message", "count"))
    assert counted == {messages[0]: 2, "Something else": 1}


def test_when_it_was_first_and_last_seen(guest: APIClient) -> None:
    with time_machine.travel(datetime(2030, 5, 1, 12, tzinfo=UTC), tick=False) as clock:
        report(guest, "boom")
        clock.shift(timedelta(hours=2))
        report(guest, "boom")
    error = ClientError.objects.get()
    assert error.last_seen_at - error.first_seen_at == timedelta(hours=2)


def test_a_long_message_is_kept_in_part_and_a_huge_one_is_413(guest: APIClient) -> None:
    assert report(guest, "x" * 1_000_000).status_code == 201
    assert len(ClientError.objects.get().message) == 8000
    check_error(report(guest, "x" * 3_000_000), 413, "too_large")


@pytest.mark.parametrize("body", ["", "{", "null", "[]", '"text"', "NaN", '{"message": }',
                                  "{}", '{"other": 1}', "[" * 100_000, '{"message":' * 100_000])  # fmt: skip
def test_a_body_that_holds_no_message_is_400(guest: APIClient, body: str) -> None:
    check_error(guest.generic("POST", LOG, body, content_type="application/json"), 400)
    assert not ClientError.objects.exists()


def test_a_message_that_was_cut_within_an_emoji_is_kept(guest: APIClient) -> None:
    body = r'{"message": "Failed \ud83d"}'
    assert guest.generic("POST", LOG, body, content_type="application/json").status_code == 201
    assert ClientError.objects.get().message == "Failed \ufffd"


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/xml", "image/png", "nonsense"])
def test_another_kind_of_body_is_415(guest: APIClient, content_type: str) -> None:
    check_error(guest.generic("POST", LOG, '{"message": "x"}', content_type=content_type), 415)


def test_more_than_the_rate_is_429_until_the_minute_is_over_and_others_go_on(guest: APIClient) -> None:
    with time_machine.travel(datetime(2030, 5, 1, 12, tzinfo=UTC), tick=False) as clock:
        statuses = [report(guest, f"n {n}", REMOTE_ADDR="10.0.0.1").status_code for n in range(120)]
        assert set(statuses) == {201}
        answer = report(guest, "one more", REMOTE_ADDR="10.0.0.1")
        assert check_error(answer, 429, "throttled")["retryable"] is True
        assert 1 <= int(answer["Retry-After"]) <= 60
        assert report(guest, "x", REMOTE_ADDR="10.0.0.2").status_code == 201
        clock.shift(timedelta(seconds=61))
        assert report(guest, "x", REMOTE_ADDR="10.0.0.1").status_code == 201


def test_markup_is_shown_as_text_in_the_admin(guest: APIClient, make_user: MakeUser) -> None:
    report(guest, "<script>alert(1)</script><img src=x onerror=alert(2)>", headers={"User-Agent": "<b>bold</b>"})
    boss = make_user("Boss", is_staff=True, is_superuser=True)
    browser = Client()
    assert browser.post("/admin/login/", {"username": boss.email, "password": PASSWORD}).status_code == 302
    error = ClientError.objects.get()
    for path in ("/admin/api/clienterror/", f"/admin/api/clienterror/{error.pk}/change/"):
        page = browser.get(path, follow=True)
        assert page.status_code == 200
        text = page.content.decode()
        assert "&lt;script&gt;alert(1)" in text
        assert "<script>alert(1)" not in text
        assert "<img src=x" not in text
        assert "<b>bold" not in text


def test_only_post_and_only_without_a_slash(guest: APIClient) -> None:
    check_error(guest.get(LOG), 405)
    check_error(guest.post(f"{LOG}/", {"message": "x"}), 404)


def test_the_body_of_the_answer_is_nothing_a_phone_could_stumble_over(guest: APIClient) -> None:
    answer = report(guest, "boom")
    assert answer.content in (b"", json.dumps({}).encode())
