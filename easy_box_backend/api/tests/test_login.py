"""POST /api/auth/token/"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client
from knox.models import AuthToken
from rest_framework.test import APIClient

from api import limits
from api.actions import logins
from api.models import Device, User
from api.tests.calls import BODY_KINDS, PASSWORD, Caller, check_error, send
from api.tests.conftest import MakeUser

pytestmark = pytest.mark.django_db
LOGIN = "/api/auth/token/"
NOON = datetime(2030, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def anna(make_user: MakeUser) -> User:
    return make_user("Anna")


def log_in(client: APIClient, email: str, password: str = PASSWORD, **extra: Any) -> Any:
    return client.post(LOGIN, {"email": email, "password": password}, **extra)


def fail(client: APIClient, times: int, email: str = "anna@example.com", address: str = "10.0.0.1") -> list[int]:
    return [log_in(client, email, "wrong", REMOTE_ADDR=address).status_code for _ in range(times)]


def headers(answer: Any) -> dict[str, str]:
    """A response's headers without its request id."""
    return {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}


# --- The right password -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", BODY_KINDS)
def test_any_kind_of_body_logs_in(guest: APIClient, anna: User, kind: str) -> None:
    answer = send(guest, "POST", LOGIN, {"email": anna.email, "password": PASSWORD}, kind)
    assert answer.status_code == 200
    guest.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    assert guest.get("/api/users/me/").json()["email"] == anna.email


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "typed", ["ANNA@example.com", "Anna@Example.Com", "  anna@example.com ", "\ufeffan\u200bna@example.com\u200e"]
)
def test_the_email_may_be_typed_in_any_case_and_with_spaces_or_invisible_signs(
    guest: APIClient, anna: User, typed: str
) -> None:
    assert log_in(guest, typed).status_code == 200


def test_a_password_keeps_its_case_and_its_spaces(guest: APIClient, anna: User) -> None:
    assert log_in(guest, anna.email, PASSWORD.upper()).status_code == 401
    assert log_in(guest, anna.email, f" {PASSWORD}").status_code == 401


def test_each_login_is_a_device_of_its_own_and_the_token_is_hashed_at_rest(guest: APIClient, anna: User) -> None:
    tokens = [log_in(guest, anna.email).json()["token"] for _ in range(2)]
    assert len(set(tokens)) == 2
    assert anna.devices.count() == 2
    for stored in AuthToken.objects.all():
        kept = "".join(str(value) for value in vars(stored).values())
        assert all(token not in kept for token in tokens)
        assert len(stored.token_key) <= len(tokens[0]) // 2


@pytest.mark.parametrize(
    ("agent", "requested_kind", "kind"),
    [
        ("Dart/3.5 (dart:io)", None, "app"),
        ("Mozilla/5.0 (X11; Linux x86_64)", None, "integration"),
        ("Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1", None, "integration"),
        ("Mozilla/5.0 (compatible; Google-Apps-Script; beanserver)", None, "integration"),
        ("Mozilla/5.0 Dart/3.5", None, "integration"),
        ("dartagnan/1.0", None, "integration"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "app", "app"),
        ("curl/8.5", None, "integration"),
        ("", None, "integration"),
        ("Dart/3.5 (dart:io)", "integration", "integration"),
        ("curl/8.5", "app", "app"),
    ],
)
def test_the_kind_of_a_device_is_the_requested_one_or_follows_from_its_user_agent(
    guest: APIClient, anna: User, agent: str, requested_kind: str | None, kind: str
) -> None:
    body = {"email": anna.email, "password": PASSWORD} | ({"kind": requested_kind} if requested_kind else {})
    answer = guest.post(LOGIN, body, headers={"User-Agent": agent})
    device = Device.objects.get(id=answer.json()["device"])
    assert (device.kind, device.user) == (kind, anna)


def test_the_name_of_a_device_is_the_one_in_the_request_or_its_user_agent(guest: APIClient, anna: User) -> None:
    body = {"email": anna.email, "password": PASSWORD}
    guest.post(LOGIN, {**body, "device": "Handheld 7"})
    guest.post(LOGIN, body, headers={"User-Agent": "Dart/3.5\x00 (dart:io)" + "x" * 300})
    assert {device.name[:17] for device in Device.objects.all()} == {"Handheld 7", "Dart/3.5 (dart:io"}


def test_a_broken_authorization_header_does_not_stop_a_login(guest: APIClient, anna: User) -> None:
    for header in ["Token null", "Token", "Token a b", "Bearer x", "Token " + "0" * 64]:
        guest.credentials(HTTP_AUTHORIZATION=header)
        assert log_in(guest, anna.email).status_code == 200


def test_the_response_must_not_be_cached(guest: APIClient, anna: User) -> None:
    assert "no-store" in log_in(guest, anna.email)["Cache-Control"]


# --- Failed logins ------------------------------------------------------------------------------------------------
def test_wrong_password_unknown_email_and_inactive_account_are_the_same_401(
    guest: APIClient, anna: User, make_user: MakeUser
) -> None:
    make_user("Gone", is_active=False)
    make_user("NoPassword").set_unusable_password()
    answers = [
        log_in(guest, anna.email, "wrong"),
        log_in(guest, "nobody@example.com"),
        log_in(guest, "gone@example.com"),
        log_in(guest, "not an address at all"),
    ]
    bodies = [check_error(answer, 401, "invalid_credentials") for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert all(headers(answer) == headers(answers[0]) for answer in answers)
    assert Device.objects.count() == 0


def test_every_failure_takes_the_same_time(
    guest: APIClient, settings: Any, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 25_600)  # a quarter: still most of a login's time
    monkeypatch.setattr(logins, "LIMIT", limits.Limit(10**6, timedelta(minutes=1)))
    make_user("Anna")
    make_user("Gone", is_active=False)

    def seconds(email: str, password: str) -> float:
        start = time.process_time()  # the CPU time of this process, so that other work of the machine is not measured
        assert log_in(guest, email, password).status_code == 401
        return time.process_time() - start

    kinds = [("anna@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("gone@example.com", PASSWORD)]
    log_in(guest, "warm@example.com", "up")
    times = [float("inf")] * len(kinds)
    for number in range(40):  # each time is the shortest of its kind: a busy machine only needs more rounds
        times = [min(took, seconds(*kind)) for took, kind in zip(times, kinds, strict=True)]
        if number >= 4 and max(times) < 1.5 * min(times):
            return
    raise AssertionError(times)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "anna@example.com"},
        {"password": PASSWORD},
        {"email": None, "password": None},
        {"email": ["anna@example.com"], "password": {"a": 1}},
        {"email": "anna@example.com", "password": "x", "kind": "toaster"},
        {"email": True, "password": "x"},
    ],
)
def test_a_body_that_is_no_login_is_400(guest: APIClient, anna: User, body: dict[str, Any]) -> None:
    check_error(guest.post(LOGIN, body), 400, "invalid")


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("email", "password"),
    [("", ""), ("anna@example.com", ""), ("", PASSWORD), ("\u200b", PASSWORD), ("anna@example.com", "x" * 1001),
     ("anna@example.com", PASSWORD + "x" * 2000), ("a\x00nna@example.com", "x"),
     ("anna@example.com", PASSWORD + "\x00"),
     ("a" * 300 + "@example.com", "x"), ("anna@example.com" + "x" * 300, PASSWORD), ("no e-mail", "x")],
)  # fmt: skip
def test_an_impossible_email_or_password_is_a_401_since_the_app_knows_no_other_error(
    guest: APIClient, anna: User, email: str, password: str
) -> None:
    check_error(log_in(guest, email, password), 401, "invalid_credentials")


def test_only_post_logs_in(guest: APIClient) -> None:
    for method in ("get", "put", "patch", "delete"):
        check_error(getattr(guest, method)(LOGIN), 405)


# --- Ten failures in a minute -------------------------------------------------------------------------------------
def test_ten_failures_for_one_account_lock_it_for_a_minute_whatever_their_addresses(
    guest: APIClient, anna: User, make_user: MakeUser
) -> None:
    make_user("Boris")
    with time_machine.travel(NOON, tick=False) as clock:
        assert [fail(guest, 1, address=f"10.0.0.{n}") for n in range(10)] == [[401]] * 10
        answer = log_in(guest, anna.email, REMOTE_ADDR="10.9.9.9")
        body = check_error(answer, 429, "throttled")
        assert (body["retryable"], body["facts"]) == (True, {"retry_after_seconds": 60})
        assert answer["Retry-After"] == "60"
        assert log_in(guest, "boris@example.com", REMOTE_ADDR="10.9.9.9").status_code == 200
        clock.shift(timedelta(seconds=59))
        assert log_in(guest, anna.email, REMOTE_ADDR="10.9.9.9")["Retry-After"] == "1"
        clock.shift(timedelta(seconds=1))
        assert log_in(guest, anna.email, REMOTE_ADDR="10.9.9.9").status_code == 200


def test_ten_failures_from_one_address_lock_it_whatever_their_accounts_and_user_agents(
    guest: APIClient, anna: User
) -> None:
    for n in range(10):
        answer = log_in(guest, f"guess{n}@example.com", REMOTE_ADDR="10.0.0.1", headers={"User-Agent": f"agent {n}"})
        assert answer.status_code == 401
    check_error(log_in(guest, anna.email, REMOTE_ADDR="10.0.0.1"), 429)
    assert log_in(guest, anna.email, REMOTE_ADDR="10.0.0.2").status_code == 200


def test_nine_failures_in_a_minute_lock_nothing(guest: APIClient, anna: User) -> None:
    with time_machine.travel(NOON, tick=False):
        assert fail(guest, 9) == [401] * 9
        assert log_in(guest, anna.email, REMOTE_ADDR="10.0.0.1").status_code == 200


def test_failures_older_than_a_minute_do_not_count(guest: APIClient, anna: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(25):
            assert fail(guest, 1) == [401]
            clock.shift(timedelta(seconds=6.1))
        assert fail(guest, 1) == [401]


def test_attempts_on_a_locked_account_do_not_prolong_the_lock(guest: APIClient, anna: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        fail(guest, 10)
        for _ in range(6):
            clock.shift(timedelta(seconds=10))
            fail(guest, 3)
        assert log_in(guest, anna.email, REMOTE_ADDR="10.0.0.7").status_code in (200, 401)
        clock.shift(timedelta(seconds=60))
        assert log_in(guest, anna.email).status_code == 200


def test_a_lockout_does_not_reveal_whether_the_account_exists(guest: APIClient, anna: User) -> None:
    with time_machine.travel(NOON, tick=False):
        real = [log_in(guest, "anna@example.com", "x", REMOTE_ADDR=f"10.1.0.{n}") for n in range(12)]
        made_up = [log_in(guest, "nobody@example.com", "x", REMOTE_ADDR=f"10.2.0.{n}") for n in range(12)]
    assert [a.status_code for a in real] == [a.status_code for a in made_up] == [401] * 10 + [429] * 2
    assert [a.content for a in real] == [a.content for a in made_up]
    assert [headers(a) for a in real] == [headers(a) for a in made_up]


def test_another_case_of_the_email_allows_no_more_guesses(guest: APIClient, anna: User) -> None:
    for n in range(10):
        typed = "anna@example.com"[: n + 1].upper() + "anna@example.com"[n + 1 :]
        assert log_in(guest, typed, "wrong", REMOTE_ADDR=f"10.0.0.{n}").status_code == 401
    check_error(log_in(guest, anna.email, "wrong", REMOTE_ADDR="10.0.1.1"), 429)


def test_a_lockout_is_in_the_callers_language_and_ends_no_session(picker: Caller, guest: APIClient) -> None:
    fail(guest, 10, email="picker@example.com")
    check_error(log_in(guest, "picker@example.com", REMOTE_ADDR="10.0.0.1", headers={"Accept-Language": "de"}), 429)
    assert picker.get("/api/users/me/").status_code == 200


@pytest.mark.parametrize("forwarded", ["203.0.113.9", "6.6.6.6, 203.0.113.9", "garbage, 203.0.113.9"])
def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_has_set(
    guest: APIClient, anna: User, settings: Any, forwarded: str
) -> None:
    settings.TRUSTED_PROXIES = 1
    for n in range(10):
        log_in(guest, f"{n}@example.com", "x", HTTP_X_FORWARDED_FOR="203.0.113.9", REMOTE_ADDR="172.17.0.1")
    answer = log_in(guest, anna.email, HTTP_X_FORWARDED_FOR=forwarded, REMOTE_ADDR="172.17.0.1")
    check_error(answer, 429)
    other = log_in(guest, anna.email, HTTP_X_FORWARDED_FOR="203.0.113.10", REMOTE_ADDR="172.17.0.1")
    assert other.status_code == 200


@pytest.mark.parametrize("forwarded", ["garbage", "", "1.2.3.4, <script>", "999.1.1.1", "\x00", "fe80::1%eth0"])
def test_an_invalid_forwarded_address_is_ignored(guest: APIClient, anna: User, settings: Any, forwarded: str) -> None:
    settings.TRUSTED_PROXIES = 1
    assert log_in(guest, anna.email, "x", HTTP_X_FORWARDED_FOR=forwarded).status_code == 401


def test_without_a_trusted_proxy_nobody_can_choose_their_address(guest: APIClient, anna: User) -> None:
    for n in range(10):
        log_in(guest, f"{n}@example.com", "x", HTTP_X_FORWARDED_FOR=f"203.0.113.{n}")
    check_error(log_in(guest, anna.email, HTTP_X_FORWARDED_FOR="203.0.113.99"), 429)


def test_without_an_address_the_limit_of_the_account_still_holds(guest: APIClient, anna: User) -> None:
    assert fail(guest, 11, address="") == [401] * 10 + [429]


def test_the_desk_has_the_same_limit_and_the_same_counter(anna: User, guest: APIClient) -> None:
    browser = Client()
    for _ in range(5):
        answer = browser.post("/login/", {"email": anna.email, "password": "x"})
        assert answer.status_code == 200
    assert fail(guest, 5, address="10.0.0.8") == [401] * 5
    answer = browser.post("/login/", {"email": anna.email.upper(), "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) in range(1, 61)
