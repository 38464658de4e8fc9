"""Logs: each request leaves one line, all its lines have its id, and none has secrets."""

from __future__ import annotations

import functools
import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from api.ops.logs import JsonFormatter, PlainFormatter, request_id
from api.tests.calls import PASSWORD, Caller, check_error
from api.texts.redact import MOST, PATTERNS, redact

pytestmark = pytest.mark.any_database


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.facts for record in caplog.records if record.name == "api.middleware.request_log"]  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_a_request_leaves_one_line_with_its_user_and_route_and_without_its_query(
    picker: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        picker.get("/api/products/?sku=secret-sku&limit=1")
    (line,) = lines(caplog)
    assert line.pop("ms") > 0
    assert line == {
        "method": "GET", "route": "api/products/", "status": 200, "user": picker.user.pk, "device": picker.device.pk,
    }  # fmt: skip
    assert "secret-sku" not in caplog.text


@pytest.mark.django_db
def test_the_log_of_a_login_has_neither_password_nor_token(
    picker: Caller, guest: APIClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        answer = guest.post("/api/auth/token/", {"email": picker.user.email, "password": PASSWORD})
        token = answer.json()["token"]
        guest.get("/api/users/me/", headers={"Authorization": f"Token {token}"})
        guest.post("/api/auth/token/", {"email": picker.user.email, "password": "wrong one"})
    text = "\n".join(JsonFormatter().format(record) for record in caplog.records)
    assert [line["status"] for line in lines(caplog)] == [200, 200, 401]
    for secret in (PASSWORD, token, "wrong one"):
        assert secret not in text


def test_an_unknown_address_and_a_wrong_host_are_logged_too(
    guest: APIClient, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALLOWED_HOSTS = ["box.example.com"]
    with caplog.at_level("INFO"):
        guest.get("/nowhere/123", HTTP_HOST="box.example.com")
        guest.get("/nowhere/123", HTTP_HOST="evil")
    assert [(line["route"], line["status"]) for line in lines(caplog)] == [("", 404), ("", 400)]


@pytest.mark.django_db
def test_a_manager_at_the_desk_is_named_and_nobody_is_looked_up_for_the_log(
    client: Any, manager: Caller, caplog: pytest.LogCaptureFixture, django_assert_num_queries: Any
) -> None:
    client.force_login(manager.user)
    with caplog.at_level("INFO"):
        client.get("/")
        with django_assert_num_queries(0):
            client.get("/nowhere")
    assert [line["user"] for line in lines(caplog)] == [manager.user.pk, None]


# --- The request's id ---------------------------------------------------------------------------------------------
def test_every_response_has_an_id_of_its_own(guest: APIClient) -> None:
    ids = {guest.get("/nowhere")["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3
    assert request_id.get() == ""


@pytest.mark.parametrize(
    ("proxies", "sent", "is_taken"),
    [(1, "req-1234567", True), (0, "req-1234567", False), (1, "short", False), (1, "a" * 65, False),
     (1, "evil id\n{}", False), (1, "", False), (2, "0af7651916cd43dd8448eb211c80319c", True)],
)  # fmt: skip
def test_an_id_is_taken_from_our_proxy_only(
    guest: APIClient, settings: Any, proxies: int, sent: str, is_taken: bool
) -> None:
    settings.TRUSTED_PROXIES = proxies
    answer = guest.get("/nowhere", headers={"X-Request-ID": sent})
    assert (answer["X-Request-ID"] == sent) is is_taken
    assert answer["X-Request-ID"].isprintable()


@pytest.mark.django_db
def test_a_server_error_has_the_same_id_in_body_header_and_log(
    picker: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def fault(*_args: Any, **_kwargs: Any) -> None:
        seen.append(request_id.get())
        raise ZeroDivisionError("Token " + "a" * 40)

    monkeypatch.setattr("api.views.lists.products_matching", fault)
    picker.raise_request_exception = False
    answer = picker.get("/api/products/?limit=1")
    assert check_error(answer, 500)["facts"] == {"request_id": seen[0]}
    assert answer["X-Request-ID"] == seen[0]


# --- Lines --------------------------------------------------------------------------------------------------------
def record(message: str, *args: Any, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("api.x", logging.WARNING, __file__, 1, message, args, extra.pop("exc_info", None))
    made.__dict__.update(extra)
    return made


def test_a_json_record_is_one_line_with_all_its_fields() -> None:
    token = request_id.set("abc")
    try:
        raise ValueError("password=hunter2\nsecond line")
    except ValueError:
        text = JsonFormatter().format(record("went %s", "wrong\n", exc_info=sys.exc_info(), facts={"status": 500}))
    finally:
        request_id.reset(token)
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "api.x", "went wrong\n")
    assert (line["request_id"], line["status"]) == ("abc", 500)
    assert "ValueError: password=***" in line["exception"]
    assert line["time"].endswith("+00:00")


@pytest.mark.parametrize("odd", ["\ud800", "\0", "Ж😀", object(), b"\xff", {"a": {1}}])
def test_any_object_can_be_logged(odd: Any) -> None:
    for formatter in (JsonFormatter(), PlainFormatter()):
        assert formatter.format(record("odd: %r %s", odd, odd))
    assert json.loads(JsonFormatter().format(record("x", facts={"odd": odd})))["odd"]


def test_a_plain_line_is_readable_for_people() -> None:
    facts = {"method": "GET", "ms": 1.5, "user": 1, "device": None}
    text = PlainFormatter().format(record("GET api/products/ 200", facts=facts))
    assert text.endswith("WARNING api.x GET api/products/ 200 1.5 ms user=1 device=-")


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("Authorization: Token 0123456789abcdef", "Authorization: *** ***"),
        ("Bearer abc.def-ghi_jkl", "Bearer ***"),
        ("https://api.telegram.org/bot123456:AbCdEfGhIjKlMnOpQrStUv/sendMessage", "https://api.telegram.org/***/sendMessage"),
        ("postgres://easybox:pa55@db:5432/x", "postgres://***@db:5432/x"),
        ('{"password": "a b c", "email": "x"}', '{"password": ***, "email": "x"}'),
        ("{'new_password': 'x y'}", "{'new_password': ***}"),
        ("password=hunter2&next=1", "password=***&next=1"),
        ("SECRET_KEY: abc", "SECRET_KEY: ***"),
        ("METRICS_TOKEN=abc", "METRICS_TOKEN=***"),
        ("Invalid token.", "Invalid token."),
        ("The product TSH-1 has 5 pieces; see https://example.com/a", "The product TSH-1 has 5 pieces; see https://example.com/a"),
        ("at 09:30:15 in file.py:12", "at 09:30:15 in file.py:12"),
    ],
)  # fmt: skip
def test_secrets_are_removed_and_the_rest_is_kept(text: str, scrubbed: str) -> None:
    assert redact(text) == scrubbed


# --- Texts of strangers -------------------------------------------------------------------------------------------
def again(word: str, length: int) -> str:
    return word * (length // len(word))


NASTY: dict[str, Callable[[int], str]] = {
    "letters before a name": lambda n: "a" * n + "key",
    "digits": lambda n: "1" * n + ":",
    "blanks behind a name": lambda n: "password" + " " * n,
    "blanks behind =": lambda n: "password=" + " " * n + ",",
    "an open quote": lambda n: "token: " + '"' * n + "key",
    "letters and dots": lambda n: "a." * (n // 2),
    "dashes": lambda n: "-a" * (n // 2) + "secret",
    **{word: functools.partial(again, word) for word in (
        "pass", "secret_", "session", "token ", "token   ", "password=", "password='", "pass=\"'", "pass = ", "://", "a://",
        "a:", "x://a@", "12345:", "bot12345:a", "basic%20", "Пароль:", '"key": ',
    )},
}  # fmt: skip


def seconds(work: Callable[[], object], least: float) -> float:
    """The shortest CPU time of several runs, in this thread only, so that other work of the machine is not measured.

    least: returned instead of a shorter time, which would be below the precision of the clock.
    """
    found = []
    for _ in range(5):
        began = time.thread_time()
        work()
        found.append(time.thread_time() - began)
    return max(min(found), least)


@pytest.mark.parametrize("shape", NASTY.values(), ids=NASTY)
def test_every_pattern_takes_linear_time(
    shape: Callable[[int], str],
) -> None:
    """For a text that is 8 times as long, a linear pattern takes 8 times as long, and a quadratic one 64 times. One of
    five tries is enough, since a busy machine may spoil the others."""
    short, long = shape(8_000), shape(64_000)
    for pattern, instead in PATTERNS:
        replaced = functools.partial(pattern.sub, instead)
        assert any(
            seconds(functools.partial(replaced, long), 0.0) < 16 * seconds(functools.partial(replaced, short), 0.000_5)
            for _ in range(5)
        ), pattern.pattern


@pytest.mark.parametrize("length", [100_000, 10_000_000])
def test_a_long_text_is_cut_before_it_is_scrubbed(length: int) -> None:
    text = redact(f"password=hunter2 {'x ' * length}\nValueError: what happened, token=abcdef")
    assert len(text) < MOST + 100
    assert text.startswith("password=*** x ")
    assert text.endswith("characters left out …\nValueError: what happened, token=***")


def test_a_secret_is_not_cut_in_two() -> None:
    text = "x" * (MOST * 2) + " password=" + "s3cret" * MOST
    assert "s3cret" not in redact(text)


@pytest.mark.parametrize("formatter", [JsonFormatter(), PlainFormatter()])
def test_the_length_of_a_log_line_is_limited(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("y\n" * 1_000_000)
    except ValueError:
        text = formatter.format(record("%s", "x " * 1_000_000, exc_info=sys.exc_info()))
    assert len(text) < 3 * MOST
