"""The outbox of alerts: what creates an alert, the text of a message, and that each is sent once, whatever fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from api.actions import discrepancies, jobs, orders, reports, stock
from api.actor import Actor
from api.alerts import messages, outbox, telegram
from api.models import Alert, Discrepancy, StockMovement
from api.ops import worker
from api.tests.bot_api import TOKEN, BotApi, error, serve
from api.tests.calls import Caller
from api.tests.conftest import MakeProduct
from api.tests.examples import some

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
NOBODY = Actor(user=None, at=timezone.now())


@pytest.fixture
def bot_api(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[BotApi]:
    monkeypatch.setenv("no_proxy", "*")
    with serve() as server:
        settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = TOKEN, "-100"
        settings.TELEGRAM_API_URL = server.url
        settings.PUBLIC_BASE_URL = "http://box.example.com"
        settings.ADMIN_LANGUAGE_CODE = "en"
        yield server


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The worker's clock: a list whose only element is the current time."""
    now = [LATER]
    monkeypatch.setattr("api.ops.worker.timezone.now", lambda: now[0])
    return now


def kinds() -> list[str]:
    return list(Alert.objects.order_by("id").values_list("kind", flat=True))


# --- What creates an alert ----------------------------------------------------------------------------------------
def test_one_alert_is_created_each_time_the_stock_falls_below_the_minimum(
    make_product: MakeProduct,
) -> None:
    product = make_product("TSH-1", quantity=10, min_quantity=5)
    for delta, alerts in ((-5, 0), (-1, 1), (-1, 1), (+1, 1), (+1, 1), (-1, 2), (+9, 2), (-4, 2)):
        stock.adjust(product.pk, delta, reason="", by=NOBODY.then(NOW))
        assert kinds() == ["low_stock"] * alerts, delta
    assert Alert.objects.order_by("id")[0].facts == {
        "product": product.pk, "sku": "TSH-1", "name": product.name, "on_hand": 4, "minimum": 5,
    }  # fmt: skip


def test_a_product_without_a_minimum_is_never_low_on_stock(make_product: MakeProduct) -> None:
    product = make_product(quantity=2)
    stock.adjust(product.pk, -2, reason="", by=NOBODY.then(NOW))
    stock.receive(product.pk, 1, by=NOBODY.then(NOW))
    assert kinds() == []


def test_a_pick_can_make_a_product_low_on_stock(make_product: MakeProduct) -> None:
    product = make_product(quantity=3, min_quantity=3)
    lines = [orders.Line(product.pk, quantity_to_pick=1, quantity_picked=1)]
    orders.create(customer_name="A", lines=lines, status="picked", by=NOBODY.then(NOW))
    assert StockMovement.objects.filter(kind="pick").exists()
    assert kinds() == ["low_stock"]


@pytest.mark.both_databases
def test_a_rollback_removes_the_alert(make_product: MakeProduct) -> None:
    product = make_product(quantity=3, min_quantity=3)

    class Broken(Exception):
        pass

    def fail_late() -> None:
        with transaction.atomic():
            stock.adjust(product.pk, -5, reason="", by=NOBODY.then(NOW))
            assert kinds() == ["discrepancy", "low_stock"]
            raise Broken

    with pytest.raises(Broken):
        fail_late()
    assert kinds() == []


@pytest.mark.both_databases
def test_many_reports_of_one_client_error_are_one_alert_with_a_count() -> None:
    for number in range(50):
        reports.record_client_error(f"boom at 0x{number:x}", user_agent="Dart", at=NOW)
    reports.record_client_error("another", user_agent="Dart", at=NOW)
    assert list(Alert.objects.order_by("id").values_list("kind", "count")) == [
        ("client_error", 50),
        ("client_error", 1),
    ]


def test_a_server_error_is_one_alert_with_its_error_and_route(picker: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_args: Any, **_kwargs: Any) -> None:
        raise ZeroDivisionError("password=hunter2 and Token " + "a" * 64)

    monkeypatch.setattr("api.views.lists.products_matching", fault)
    picker.raise_request_exception = False
    for query in ("1", "2", "3"):
        assert picker.get("/api/products/", {"limit": query}).status_code == 500
    alert = Alert.objects.get()
    assert (alert.kind, alert.count) == ("server_error", 3)
    assert alert.facts["route"] == "GET api/products/"
    assert alert.facts["error"] == "ZeroDivisionError"
    assert "test_alerts.py" in alert.facts["place"]
    assert alert.facts["request_id"]
    assert "hunter2" not in str(alert.facts)
    assert "aaaa" not in str(alert.facts)


def test_a_refused_request_is_no_server_error(picker: Caller) -> None:
    for answer in (picker.get("/api/products/999/"), picker.post("/api/products/", {}), picker.get("/nowhere")):
        assert answer.status_code in (400, 404)
    assert kinds() == []


# --- What a message says ------------------------------------------------------------------------------------------
def test_discrepancies_of_a_minute_are_one_message_with_links(bot_api: BotApi, make_product: MakeProduct) -> None:
    product = make_product("A<b>&")
    for number in range(3):
        discrepancies.record(Discrepancy.Kind.SKU_TAKEN, by=NOBODY.then(NOW), product=product, sent=number)
    assert worker.send_next_message(LATER) is True
    assert worker.send_next_message(LATER) is False
    (text,) = bot_api.texts
    first = Discrepancy.objects.order_by("id")[0]
    assert text.startswith("⚖️ <b>To be settled</b> · 3\n")
    assert f'<a href="http://box.example.com/questions/{first.pk}/">SKU taken</a>' in text
    assert "A&lt;b&gt;&amp;" in text
    assert text.count("•") == 3


def test_no_message_is_sent_before_its_window_ends(bot_api: BotApi) -> None:
    outbox.tell("discrepancy", at=NOW + timedelta(seconds=1), what="sku_taken", sku="A")
    assert worker.send_next_message(NOW + timedelta(seconds=59)) is False
    assert worker.send_next_message(NOW + timedelta(seconds=60)) is True
    assert len(bot_api.texts) == 1


LETTERS = ["a", "Ж", "😀", "&", "<", "\n", "\0"]


def long_alerts(letter: str) -> dict[str, Alert]:
    """An alert of each kind, with texts that are far too long. letter: what they consist of."""
    long = letter * 5000
    facts: dict[str, dict[str, Any]] = {
        "server_error": {"error": long, "route": long, "text": long, "place": long, "request_id": long},
        "client_error": {"error": 1, "text": long},
        "discrepancy": {"discrepancy": 1, "what": long, "sku": long},
        "low_stock": {"product": 1, "sku": long, "name": long, "on_hand": 1, "minimum": 2},
        "ledger_broken": {"products": [long] * 50},
        "job_failed": {"job": long, "text": long},
        "backup_failed": {"text": long},
        "of another version": {"a": long, "b": [long]},
    }
    return {kind: Alert(kind=kind, facts=what, created_at=NOW, count=7) for kind, what in facts.items()}


def check_message(batch: list[Alert]) -> None:
    """Assert that the message about these alerts is within Telegram's limit, and that every HTML tag is closed."""
    text = messages.compose(batch)
    context = (batch[0].kind, len(batch), batch[0].facts)
    assert 0 < telegram.units(text) <= telegram.MAX_UNITS, str(context)[:200]
    assert text.count("<b>") == text.count("</b>"), str(context)[:200]
    assert text.count("<a ") == text.count("</a>"), str(context)[:200]


@pytest.mark.parametrize("language", ["ru", "de", "en"])
def test_no_message_is_longer_than_telegram_takes(bot_api: BotApi, settings: Any, language: str) -> None:
    settings.ADMIN_LANGUAGE_CODE = language
    of_letter = [long_alerts(letter) for letter in LETTERS]
    for kind in of_letter[0]:
        each = [alerts_of[kind] for alerts_of in of_letter]
        for alert in each:
            check_message([alert])
        check_message(each * 3)
    text = messages.compose([Alert(kind="client_error", facts={"text": "x" * 300}, created_at=NOW)] * 100)
    assert "…" in text.splitlines()[-2], "alerts that do not fit are counted"


@pytest.mark.any_database
@pytest.mark.parametrize("letter", LETTERS)
def test_no_message_about_a_hundred_equal_alerts_is_longer_than_telegram_takes(
    bot_api: BotApi, settings: Any, letter: str
) -> None:
    settings.ADMIN_LANGUAGE_CODE = "ru"
    for alert in some(long_alerts(letter).values(), letter):
        check_message([alert] * 100)


def test_an_alert_without_facts_can_be_sent_too() -> None:
    for kind in [*messages._TITLES, "unknown"]:
        assert messages.compose([Alert(kind=kind, facts={}, created_at=NOW)])


# --- Each alert is sent once --------------------------------------------------------------------------------------
def test_repeated_alerts_are_one_message_and_later_ones_another_after_the_quiet_time(
    bot_api: BotApi, clock: list[datetime]
) -> None:
    for _ in range(100):
        outbox.count_up("server_error", key="E:route", at=NOW, error="E", route="GET x")
    assert [worker.send_next_message(LATER) for _ in range(3)] == [True, False, False]
    assert "×100" in bot_api.texts[0]
    for _ in range(40):
        outbox.count_up("server_error", key="E:route", at=LATER, error="E", route="GET x")
    assert worker.send_next_message(LATER + timedelta(minutes=59)) is False
    clock[0] = LATER + timedelta(minutes=61)
    assert worker.send_next_message(clock[0]) is True
    assert "×40" in bot_api.texts[1]
    assert len(bot_api.texts) == 2


@pytest.mark.both_databases
def test_errors_that_are_counted_while_their_message_is_sent_are_reported_later(bot_api: BotApi) -> None:
    outbox.count_up("server_error", key="E", at=NOW, error="E")
    batch = outbox.claim(LATER)
    outbox.count_up("server_error", key="E", at=LATER, error="E")
    outbox.count_up("server_error", key="E", at=LATER, error="E")
    outbox.sent(batch, at=LATER)
    rest = Alert.objects.get()
    assert (rest.count, rest.sent_at, rest.next_try_at) == (2, None, LATER + timedelta(hours=1))


@pytest.mark.both_databases
def test_an_alert_that_a_worker_has_claimed_is_free_again_once_the_claim_expires() -> None:
    outbox.tell("backup_failed", at=NOW, text="x")
    (mine,) = outbox.claim(NOW)
    assert outbox.claim(NOW + timedelta(seconds=119)) == []
    (theirs,) = outbox.claim(NOW + timedelta(seconds=121))
    outbox.put_back([mine], until=NOW, error="late")  # the first worker was only slow: its claim has expired
    assert Alert.objects.get().claim == theirs.claim
    outbox.sent([theirs], at=LATER)
    assert Alert.objects.get().sent_at == LATER


# --- When Telegram fails ------------------------------------------------------------------------------------------
def test_retry_after_of_telegram_delays_all_messages(bot_api: BotApi, clock: list[datetime]) -> None:
    outbox.tell("backup_failed", at=NOW, text="first")
    outbox.tell("low_stock", at=NOW, sku="A", name="B")
    bot_api.script = [error(429, "Too Many Requests", retry_after=40)]
    worker.send_next_message(clock[0])
    for seconds in (0, 10, 39):
        assert worker.send_next_message(clock[0] + timedelta(seconds=seconds)) is False
    assert len(bot_api.requests) == 1
    clock[0] += timedelta(seconds=42)
    assert worker.send_next_message(clock[0]) is True
    assert worker.send_next_message(clock[0]) is True
    assert len(bot_api.texts) == 2


def test_while_telegram_is_down_no_alert_is_lost_and_the_retries_get_rarer(
    bot_api: BotApi, clock: list[datetime]
) -> None:
    outbox.tell("backup_failed", at=NOW, text="x")
    bot_api.script = [error(500, "down")] * 12
    waits = []
    for _ in range(12):
        assert worker.send_next_message(clock[0]) is True
        next_try = Alert.objects.get().next_try_at
        assert next_try is not None
        waits.append((next_try - clock[0]).total_seconds())
        clock[0] = next_try + timedelta(seconds=1)
    assert waits[0] < 10 < waits[3] < waits[6]
    assert max(waits) <= 900 * 1.25
    assert Alert.objects.get().error == "500 down"
    assert worker.send_next_message(clock[0]) is True
    assert len(bot_api.texts) == 1
    assert (Alert.objects.get().sent_at, Alert.objects.get().error) == (clock[0], "")


def test_a_refused_connection_loses_no_alert(
    settings: Any, clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = TOKEN, "1"
    settings.TELEGRAM_API_URL = "http://127.0.0.1:1"
    outbox.tell("backup_failed", at=NOW, text="x")
    assert worker.send_next_message(clock[0]) is True
    assert list(Alert.objects.due(clock[0] + timedelta(minutes=1))) == list(Alert.objects.all())


def test_a_wrong_token_or_chat_delays_all_alerts_and_drops_none(bot_api: BotApi, clock: list[datetime]) -> None:
    for text in ("a", "b"):
        outbox.tell("backup_failed", at=NOW, text=text)
    bot_api.script = [error(401, "Unauthorized"), error(400, "Bad Request: chat not found")]
    for _ in range(2):
        assert worker.send_next_message(clock[0]) is True
        assert worker.send_next_message(clock[0] + timedelta(minutes=14)) is False
        clock[0] += timedelta(minutes=16)
    assert worker.send_next_message(clock[0]) is True
    assert "a" in bot_api.texts[0]
    assert not Alert.objects.open().exists()


def test_a_message_that_telegram_always_refuses_does_not_block_the_others(
    bot_api: BotApi, clock: list[datetime]
) -> None:
    outbox.tell("low_stock", at=NOW, sku="A", name="B")
    outbox.tell("backup_failed", at=NOW, text="x")
    bot_api.script = [error(400, "Bad Request: message is odd")] * 2
    assert [worker.send_next_message(clock[0]) for _ in range(3)] == [True, True, False]
    assert len(bot_api.texts) == 1
    dropped = Alert.objects.get(kind="low_stock")
    assert (dropped.sent_at, dropped.dropped_at) == (None, clock[0])
    assert "odd" in dropped.error


def test_the_token_is_in_no_log(bot_api: BotApi, clock: list[datetime], caplog: pytest.LogCaptureFixture) -> None:
    outbox.tell("backup_failed", at=NOW, text="x")
    bot_api.script = [error(502, f"bad /bot{TOKEN}/sendMessage")]
    with caplog.at_level(logging.DEBUG):
        worker.send_next_message(clock[0])
    assert "Alerts wait" in caplog.text
    assert TOKEN not in caplog.text + Alert.objects.get().error


def test_without_a_token_nothing_is_sent_and_old_alerts_are_dropped(settings: Any) -> None:
    settings.TELEGRAM_BOT_TOKEN = ""
    outbox.tell("backup_failed", at=NOW, text="old")
    outbox.tell("backup_failed", at=NOW + timedelta(hours=23), text="young")
    assert worker.send_next_message(LATER) is False
    assert worker.prune(NOW + timedelta(hours=25))["unheard"] == 1
    assert [alert.facts["text"] for alert in Alert.objects.open()] == ["young"]


# --- Commands -----------------------------------------------------------------------------------------------------
def test_a_command_sends_a_test_message(bot_api: BotApi, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("send_alerts", test=True)
    assert "alerts work" in bot_api.texts[0]
    bot_api.script = [error(401, "Unauthorized")]
    with pytest.raises(CommandError, match="401 Unauthorized"):
        call_command("send_alerts", test=True)


def test_a_command_creates_and_sends_an_alert(bot_api: BotApi, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("alert", "backup_failed", "pg_dump: postgres://u:secret@db/x: no space")
    call_command("send_alerts")
    assert "no space" in bot_api.texts[0]
    assert "secret" not in bot_api.texts[0]
    assert "0 alerts are waiting" in capsys.readouterr().out
    assert not jobs.is_put_off("telegram", at=LATER)
