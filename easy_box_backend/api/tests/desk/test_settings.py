"""The page of settings."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from api.models import Job
from api.ops import metrics

pytestmark = pytest.mark.django_db


def test_a_manager_sees_the_settings_with_the_names_of_their_variables(desk: Client, settings: Any) -> None:
    settings.ORDERS_KEPT_IN_APP, settings.PUBLIC_BASE_URL = 1, "https://box.example.com"
    page = desk.get("/settings/").content.decode()
    for expected in ("ORDERS_KEPT_IN_APP", "1 day<", "https://box.example.com", "TIME_ZONE", "UTC"):
        assert expected in page


def test_nothing_secret_is_shown(desk: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "observe", lambda *_: None)  # metrics would be written to the folder of this test
    secrets = {
        "TELEGRAM_BOT_TOKEN": "123456:AbCdEf", "TELEGRAM_CHAT_ID": "-100200300", "METRICS_TOKEN": "metrics-word",
        "BACKUP_STATUS_FILE": "/secret/place",
    }  # fmt: skip
    for name, value in {**secrets, "SECRET_KEY": settings.SECRET_KEY}.items():
        setattr(settings, name, value)
    page = desk.get("/settings/").content.decode()
    assert page.count(">on<") == 3
    for value in (*secrets.values(), settings.SECRET_KEY, str(settings.DATABASES["default"]["NAME"])):
        assert value not in page


def test_the_page_shows_how_the_last_checks_went(desk: Client) -> None:
    assert "the worker does not run" in desk.get("/settings/").content.decode()
    at = timezone.now()
    Job.objects.create(name="check_backup", due_at=at, ended_at=at, ok=True, report={"failed": True})
    Job.objects.create(name="check_ledger", due_at=at, ended_at=at, ok=True, report={"broken": 0})
    runs = {run.label: run.is_good for run in desk.get("/settings/").context["runs"]}
    assert list(runs.values()) == [False, True]
