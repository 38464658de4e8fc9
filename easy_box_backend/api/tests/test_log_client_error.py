"""POST /log-client-error"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from api.actions import devices, logins, reports
from api.alerts import messages, outbox
from api.models import Alert, ClientError, Device, User
from api.tests.calls import BODY_KINDS, check_error, send
from api.tests.cases import each
from api.tests.conftest import LogIn, MakeUser
from api.tests.desk.conftest import enter
from api.tests.examples import examples

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


def test_a_bad_token_is_ignored(guest: APIClient) -> None:
    assert report(guest, "boom", headers={"Authorization": "Token null"}).status_code == 201


@each("message", ["text", "", 5, -1.5, True, None, [], [1, "a"], {}, {"a": {"b": [1]}}, 10**300, "x\x00y", "📦" * 5000])
def test_any_json_value_may_be_the_message(guest: APIClient, message: Any) -> None:
    assert report(guest, message).status_code == 201
    assert ClientError.objects.count() == 1


def test_messages_that_differ_only_in_numbers_addresses_and_uuids_are_one_row_with_a_count(guest: APIClient) -> None:
    messages = [
        "Timeout after 30 s for order 5 at 0x7fff01 (0b7f63f0-9a3e-4ec0-8f3c-6d9f1f7f9a11)",
        "Timeout after 45 s for order 67 at 0xdeadbeef (ffffffff-9a3e-4ec0-8f3c-000000000000)",
    ]
    for message in [*messages, "Something else"]:
        report(guest, message)
    counted = dict(ClientError.objects.values_list("message", "count"))
    assert counted == {messages[0]: 2, "Something else": 1}


def test_a_row_has_the_times_of_its_first_and_last_report(guest: APIClient) -> None:
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


@each("body", ["", "{", "null", "[]", '"text"', "NaN", '{"message": }',
                                  "{}", '{"other": 1}', "[" * 100_000, '{"message":' * 100_000])  # fmt: skip
def test_a_body_without_a_message_is_400(guest: APIClient, body: str) -> None:
    check_error(guest.generic("POST", LOG, body, content_type="application/json"), 400)
    assert not ClientError.objects.exists()


def test_a_message_that_was_cut_within_an_emoji_is_kept(guest: APIClient) -> None:
    body = r'{"message": "Failed \ud83d"}'
    assert guest.generic("POST", LOG, body, content_type="application/json").status_code == 201
    assert ClientError.objects.get().message == "Failed \ufffd"


@each("content_type", ["text/plain", "", "application/xml", "image/png", "nonsense"])
def test_another_kind_of_body_is_415(guest: APIClient, content_type: str) -> None:
    check_error(guest.generic("POST", LOG, '{"message": "x"}', content_type=content_type), 415)


# --- Anybody can send them ----------------------------------------------------------------------------------------
def different(number: int) -> str:
    """A different message for each number. It has letters only: messages that differ in digits are taken as equal."""
    return "boom " + "".join(chr(ord("a") + int(digit)) for digit in str(number))


def test_the_app_is_never_refused_however_many_reports_it_sends(guest: APIClient) -> None:
    with time_machine.travel(datetime(2030, 5, 1, 12, tzinfo=UTC), tick=False):
        statuses = {report(guest, different(n), REMOTE_ADDR="10.0.0.1").status_code for n in range(examples(300))}
    assert statuses == {201}


def test_the_latest_thousand_are_kept_and_no_more(guest: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_ROWS", 10)
    with time_machine.travel(datetime(2030, 5, 1, 12, tzinfo=UTC), tick=False) as clock:
        for n in range(30):
            report(guest, different(n))
            report(guest, "the app's own")
            clock.shift(timedelta(seconds=1))
    kept = dict(ClientError.objects.values_list("message", "count"))
    assert kept == {different(n): 1 for n in range(21, 30)} | {"the app's own": 30}


def test_surplus_rows_are_removed_in_bounded_steps(guest: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = datetime(2025, 5, 1, 12, tzinfo=UTC)
    ClientError.objects.bulk_create(
        ClientError(fingerprint=str(n), message="boom", first_seen_at=long_ago, last_seen_at=long_ago)
        for n in range(260)
    )
    monkeypatch.setattr(reports, "MAX_ROWS", 10)
    counts = []
    for n in range(1000, 1004):
        report(guest, different(n))
        counts.append(ClientError.objects.count())
    assert counts == [161, 62, 10, 10]


def test_a_report_takes_the_same_number_of_queries_however_many_there_are(
    guest: APIClient, django_assert_num_queries: Any
) -> None:
    report(guest, different(0))
    with CaptureQueriesContext(connection) as queries:
        report(guest, different(1))
        few = len(queries)
    for n in range(2, 15):
        report(guest, different(n))
    with django_assert_num_queries(few):
        report(guest, different(15))


@pytest.mark.parametrize("letter", ["x", "ж", "📦"])
def test_a_row_takes_eight_thousand_bytes_at_most(guest: APIClient, letter: str) -> None:
    report(guest, letter * 100_000, headers={"User-Agent": "Dart/" + "x" * 5000})
    error = ClientError.objects.get()
    assert 7_990 < len(error.message.encode()) <= 8_000
    assert set(error.message) == {letter}
    assert len(error.user_agent) == 255


def test_a_flood_of_different_errors_makes_twenty_alerts_and_one_that_counts_the_rest(guest: APIClient) -> None:
    with time_machine.travel(datetime(2030, 5, 1, 12, tzinfo=UTC), tick=False) as clock:
        for n in range(30):
            report(guest, different(n))
        report(guest, different(0))
        found = Alert.objects.filter(kind="client_error").order_by("id")
        assert list(found.values_list("count", flat=True)) == [2] + [1] * 19 + [10]
        assert "other errors, not listed one by one" in in_english(list(found))
        found.update(sent_at=datetime(2030, 5, 1, 12, 5, tzinfo=UTC))
        clock.shift(timedelta(hours=1))
        for n in range(100, 110):
            report(guest, different(n))
        assert found.count() == 22
        clock.shift(timedelta(hours=6))
        report(guest, different(200))
        assert found.count() == 23


def in_english(batch: list[Alert]) -> str:
    with override_settings(ADMIN_LANGUAGE_CODE="en"):
        return messages.compose(batch)


def test_alerts_about_server_errors_have_the_same_limit(db: None) -> None:
    at = datetime(2030, 5, 1, 12, tzinfo=UTC)
    for n in range(30):
        outbox.count_up("server_error", key=f"Error:METHOD{n} /", at=at, error="Error")
    outbox.count_up("job_failed", key="job:prune", at=at, job="prune")
    assert Alert.objects.filter(kind="server_error").count() == 21
    assert Alert.objects.filter(kind="job_failed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_limits_hold_across_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_ROWS", 20)
    workers = 8

    def one(number: int) -> int:
        try:
            return int(report(APIClient(), different(number)).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(workers) as pool:
        assert set(pool.map(one, range(120))) == {201}
    assert ClientError.objects.count() <= 20 + workers
    assert Alert.objects.filter(kind="client_error").count() <= 21
    report(APIClient(), "the last one")
    assert ClientError.objects.count() == 20


def test_markup_is_shown_as_text_at_the_desk(guest: APIClient, make_user: MakeUser) -> None:
    report(guest, "<script>alert(1)</script><img src=x onerror=alert(2)>", headers={"User-Agent": "<b>bold</b>"})
    boss = make_user("Boss", is_staff=True, is_superuser=True)
    browser = enter(boss)
    error = ClientError.objects.get()
    for path in ("/errors/", f"/errors/{error.pk}/", "/admin/api/clienterror/"):
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


def test_the_response_body_holds_nothing(guest: APIClient) -> None:
    answer = report(guest, "boom")
    assert answer.content in (b"", json.dumps({}).encode())


# --- The device of a report ---------------------------------------------------------------------------------------
def sent_by(guest: APIClient, message: str, address: str = "10.0.0.1") -> tuple[Any, Any]:
    report(guest, message, REMOTE_ADDR=address, headers={"User-Agent": "Dart/3.5 (dart:io)"})
    error = ClientError.objects.order_by("-last_seen_at", "-pk")[0]
    return error.user, error.device


@pytest.fixture
def phones(log_in: LogIn, make_user: MakeUser) -> list[Device]:
    """Anna's two phones, Boris's phone, and a program, all in the warehouse's network."""
    anna, boris = make_user("Anna"), make_user("Boris")
    found = [log_in(user, kind="app").device for user in (anna, anna, boris)]
    log_in(make_user("Shop"))
    for user in User.objects.all():
        logins.was_here(user, "10.0.0.1", at=timezone.now())
    return found


def seen(minutes_ago: dict[Device, int]) -> None:
    for device, minutes in minutes_ago.items():
        Device.objects.filter(pk=device.pk).update(last_seen_at=timezone.now() - timedelta(minutes=minutes))


def test_a_report_with_a_name_belongs_to_that_persons_busy_phone(guest: APIClient, phones: list[Device]) -> None:
    seen({phones[0]: 3, phones[1]: 60, phones[2]: 0})
    text = "User: Anna, 7, Anna@Example.com\nnull is no String"
    assert sent_by(guest, text) == (phones[0].user, phones[0])
    seen({phones[1]: 4})
    assert sent_by(guest, text) == (phones[0].user, None), "it may be either of Anna's phones"
    seen({phones[0]: 60, phones[1]: 60})
    assert sent_by(guest, text) == (phones[0].user, None)
    devices.revoke(phones[0], at=timezone.now())
    assert sent_by(guest, text) == (phones[1].user, phones[1]), "only one phone is busy"


def test_a_report_without_a_name_belongs_to_the_only_busy_phone_of_the_network(
    guest: APIClient, phones: list[Device]
) -> None:
    seen({phones[0]: 60, phones[1]: 60, phones[2]: 3})
    assert sent_by(guest, "null is no String", "10.9.9.9") == (None, None)
    assert sent_by(guest, "null is no String") == (phones[2].user, phones[2]), "the latest report counts"
    seen({phones[0]: 3})
    assert sent_by(guest, "null is no String") == (None, None)


def test_an_unknown_name_and_a_name_far_into_the_message_are_ignored(guest: APIClient, phones: list[Device]) -> None:
    seen({phones[2]: 0})
    assert sent_by(guest, "Mallory, 1, mallory@example.com: boom", "10.9.9.9") == (None, None)
    assert sent_by(guest, "x" * 400 + " anna@example.com", "10.9.9.9") == (None, None)


def test_deleting_a_device_keeps_its_reports(guest: APIClient, phones: list[Device]) -> None:
    sent_by(guest, "User: Boris, 8, boris@example.com")
    phones[2].memory.delete()
    phones[2].delete()
    assert ClientError.objects.get().device is None
