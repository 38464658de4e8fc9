"""Health, documentation without internet, CORS, and settings with which production refuses to start."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from environ import FileAwareEnv
from rest_framework.test import APIClient

from api.tests.calls import Caller
from backend.checks import production_settings

BACKEND = Path(__file__).resolve().parents[2]


# --- Health -------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_health_says_which_database_the_running_process_uses(guest: APIClient, settings: Any) -> None:
    settings.VERSION = "abc1234"
    assert guest.get("/api/health/").json() == {
        "status": "ok",
        "version": "abc1234",
        "mode": os.environ.get("MODE", "development"),
        "database": {"sqlite": "sqlite3", "postgresql": "postgresql"}[connection.vendor],
    }


@pytest.mark.django_db
def test_health_needs_no_token_and_ignores_a_bad_one(guest: APIClient) -> None:
    assert guest.get("/api/health/", headers={"Authorization": "Token null"}).status_code == 200


# --- Docs ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_docs_load_only_files_of_our_own_and_all_of_them_exist(guest: APIClient) -> None:
    page = guest.get("/api/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    loaded = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""", text)
    assert len(loaded) >= 4
    assert not [url for url in loaded if re.match(r"(https?:)?//", url)]
    for url in loaded:
        answer = guest.get(url)
        assert answer.status_code == 200, url
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        assert body
    assert "cdn" not in text


@pytest.mark.django_db
def test_the_schema_needs_no_token(guest: APIClient) -> None:
    answer = guest.get("/api/schema/")
    assert answer.status_code == 200
    assert b"openapi: 3" in answer.content
    assert guest.get("/api/schema/?format=json").json()["info"]["title"] == "Easy Box"


def test_the_schema_is_in_the_language_that_was_asked_for(guest: APIClient) -> None:
    def schema(query: str = "", language: str = "en") -> bytes:
        answer = guest.get(f"/api/schema/?format=json{query}", HTTP_ACCEPT_LANGUAGE=language)
        assert answer.headers["Content-Type"] == "application/vnd.oai.openapi+json"
        assert answer.headers["Content-Disposition"] == 'inline; filename="Easy Box.json"'
        return bytes(answer.content)

    in_english, in_russian = schema(), schema("&lang=ru")
    assert in_english != in_russian
    assert schema(language="ru") == in_russian
    assert schema("&lang=en", language="ru") == in_english
    assert schema("&lang=tlh") == schema("&lang=%00") == in_english, "unknown: the default"
    assert guest.get("/api/schema/").headers["Content-Type"] == "application/vnd.oai.openapi; charset=utf-8"


def test_the_schema_is_built_once_for_each_language(guest: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = guest.get("/api/schema/?lang=de").content
    monkeypatch.setattr("drf_spectacular.generators.SchemaGenerator.get_schema", None)
    assert guest.get("/api/schema/?lang=de&version=2").content == first


# --- CORS ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/products/", "/log-client-error", "/api/auth/token/"])
def test_a_named_origin_may_call_and_others_may_not(guest: APIClient, settings: Any, path: str) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    answer = guest.options(path, headers={**asks, "Origin": "https://app.example.com"})
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert {"authorization", "content-type"} <= set(answer["Access-Control-Allow-Headers"].split(", "))
    assert {"PUT", "DELETE"} <= set(answer["Access-Control-Allow-Methods"].split(", "))
    for origin in ("https://evil.example.com", "https://app.example.com.evil.com", "null", "http://app.example.com"):
        answer = guest.options(path, headers={**asks, "Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/products/1/", "/api/nowhere/", "/log-client-error"])
def test_cors_allows_the_headers_that_the_api_reads_and_sends(guest: APIClient, settings: Any, path: str) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    read = {"authorization", "content-type", "accept", "accept-language", "if-match", "if-none-match", "x-request-id"}
    asks = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": ",".join(sorted(read))}
    answer = guest.options(path, headers={**asks, "Origin": "https://app.example.com"})
    assert read <= set(answer["Access-Control-Allow-Headers"].split(", "))
    answer = guest.get(path, headers={"Origin": "https://app.example.com"})
    shown = {"ETag", "Link", "Location", "Retry-After", "X-Request-ID"}
    assert shown == set(answer["Access-Control-Expose-Headers"].split(", "))


@pytest.mark.django_db
def test_an_error_has_cors_headers_too_so_that_a_browser_shows_it(
    picker: Caller, guest: APIClient, settings: Any
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    for client, path in ((guest, "/api/products/"), (picker, "/api/products/0/"), (picker, "/api/nowhere/")):
        answer = client.get(path, headers={"Origin": "https://app.example.com"})
        assert answer["Access-Control-Allow-Origin"] == "https://app.example.com"
        assert "Link" in answer["Access-Control-Expose-Headers"]


@pytest.mark.django_db
def test_the_desk_allows_no_other_origin(guest: APIClient, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    answer = guest.get("/login/", headers={"Origin": "https://app.example.com"})
    assert "Access-Control-Allow-Origin" not in answer.headers


# --- Starting -----------------------------------------------------------------------------------------------------
RIGHT = {
    "MODE": "production",
    "SECRET_KEY": "0123456789" * 6,
    "ALLOWED_HOSTS": "box.example.com",
    "DATABASE_URL": "postgres://user:password@127.0.0.1:1/nothing",
}


def environment(variables: dict[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(BACKEND), "ENV_FILE": os.devnull, **variables}


def settings_with(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> dict[str, Any]:
    """The settings in a clean environment with these variables."""
    FileAwareEnv.ENVIRON.files_cache.clear()  # it caches the contents of files, also for the next test
    wanted = environment(variables)
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(BACKEND / "backend" / "settings.py"))


def test_a_production_server_without_its_settings_does_not_start_and_names_all_of_them() -> None:
    command = [sys.executable, "-c", "import backend.wsgi; print('started')"]  # as gunicorn does
    wrong = environment({"MODE": "production", "DEBUG": "yes"})
    result = subprocess.run(command, env=wrong, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode != 0
    assert "started" not in result.stdout
    for says in ("Set SECRET_KEY", "Remove DEBUG", "Set ALLOWED_HOSTS", "Set DATABASE_URL"):
        assert says in result.stderr


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"SECRET_KEY": ""}, "E001"),
        ({"SECRET_KEY": "development-only-" + "0123456789abcdef" * 4}, "E001"),
        ({"SECRET_KEY": "short"}, "E001"),
        ({"DEBUG": "true"}, "E002"),
        ({"ALLOWED_HOSTS": ""}, "E003"),
        ({"ALLOWED_HOSTS": " , "}, "E003"),
        ({"ALLOWED_HOSTS": "box.example.com,*"}, "E003"),
        ({"DATABASE_URL": ""}, "E004"),
        ({"DATABASE_URL": "sqlite:////tmp/x.sqlite3"}, "E004"),
        ({"ALLOWED_HOSTS": "http://box.example.com"}, "E006"),
        ({"ALLOWED_HOSTS": "box.example.com,203.0.113.5/"}, "E006"),
        ({"ALLOWED_HOSTS": "203.0.113.5:80"}, "E006"),
        ({"ALLOWED_HOSTS": "box.example.com."}, "E006"),
        ({"ALLOWED_HOSTS": "склад.рф"}, "E006"),
        ({"ALLOWED_HOSTS": "2001:db8::1"}, "E006"),
        ({"ALLOWED_HOSTS": "box.example.com 203.0.113.5"}, "E006"),
        ({"ALLOWED_HOSTS": ".example.com, BOX-1, [2001:db8::1], 203.0.113.5, my_box"}, None),
        ({"SECRET_KEY": "$" + "0123456789" * 6}, "E007"),
        ({"SECRET_KEY": "$SECRET_KEY_OF_THE_SERVER_THAT_NOBODY_HAS_REPLACED"}, "E007"),
        ({"SECRET_KEY": "01234$56789" * 6}, None),
        ({"METRICS_TOKEN": "$METRICS"}, "E007"),
        ({"S3_SECRET_ACCESS_KEY": "$abc"}, "E007"),
        ({"CSRF_TRUSTED_ORIGINS": "box.example.com"}, "E008"),
        ({"CSRF_TRUSTED_ORIGINS": "https://box.example.com/"}, "E008"),
        ({"CSRF_TRUSTED_ORIGINS": "https://box.example.com:8443,http://*.example.com"}, None),
    ],
)
def test_each_wrong_choice_in_production_is_an_error_of_its_own(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str], code: str | None
) -> None:
    with monkeypatch.context() as patch:
        chosen = settings_with(patch, {**RIGHT, **change})
    monkeypatch.setattr("backend.checks.settings", SimpleNamespace(**chosen))
    found = [error.id for error in production_settings(None)]
    assert found == ([f"backend.{code}"] if code else [])


def test_a_value_that_begins_with_a_dollar_is_not_expanded_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        chosen = settings_with(patch, {**RIGHT, "SECRET_KEY": "$OTHER" + "x" * 50, "METRICS_TOKEN": "$OTHER"})
    assert (chosen["SECRET_KEY"], chosen["METRICS_TOKEN"]) == ("$OTHER" + "x" * 50, "$OTHER")
    monkeypatch.setattr("backend.checks.settings", SimpleNamespace(**chosen))
    (error,) = production_settings(None)
    assert error.msg == "The value of SECRET_KEY, METRICS_TOKEN begins with $."
    assert "OTHER" not in f"{error.msg}{error.hint}"


def test_in_development_no_setting_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings_with(monkeypatch, {})
    assert (chosen["DEBUG"], chosen["ALLOWED_HOSTS"]) == (False, ["*"])
    assert chosen["DATABASES"]["default"]["ENGINE"] == "django.db.backends.sqlite3"


@pytest.mark.parametrize(
    ("name", "junk"),
    [
        ("MODE", "prod"), ("DEBUG", "maybe"), ("TRUSTED_PROXIES", "-1"), ("TRUSTED_PROXIES", "one"),
        ("TOKEN_TTL_DAYS", "1.5"), ("LANGUAGE_CODE", "fr"), ("ADMIN_LANGUAGE_CODE", "xx"), ("LOG_LEVEL", "LOUD"),
        ("DB_POOL_MAX", "many"), ("SERVE_MEDIA", "2"), ("SECURE_COOKIES", "x"), ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://user:pw@db/x"),
        ("DATABASE_URL", "$pw"), ("TELEGRAM_BOT_TOKEN", "$pw"), ("TIME_ZONE", "Moon/Base"),
        ("PUBLIC_BASE_URL", "box.example.com"), ("ORDERS_KEPT_IN_APP", "-1"),
    ],
)  # fmt: skip
def test_an_invalid_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, junk: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name) as refusal:
        settings_with(monkeypatch, {name: junk})
    assert "pw" not in str(refusal.value)


@pytest.mark.django_db  # in production a check looks for demo accounts
@pytest.mark.parametrize(("days", "is_right"), [(-1, False), (0, True), (7, True), (36_500, True), (36_501, False)])
def test_the_setting_of_days_of_orders_in_the_app_is_checked_in_every_mode(
    settings: Any, days: int, is_right: bool
) -> None:
    settings.ORDERS_KEPT_IN_APP = days
    assert [error.id for error in run_checks(tags=["security"]) if error.id == "backend.E009"] == (
        [] if is_right else ["backend.E009"]
    )


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("k" * 60)
    assert settings_with(monkeypatch, {"SECRET_KEY_FILE": str(secret)})["SECRET_KEY"] == "k" * 60
