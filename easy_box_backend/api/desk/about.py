"""The settings that a manager may see, read only, and the results of the regular jobs."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from api.desk.base import page
from api.discrepancies.words import moment
from api.models import Job
from api.rest.answers import public_base


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting for people. name: its variable in `.env`, "" if it has none."""

    label: str
    value: object
    name: str = ""


def days(count: int) -> str:
    """A number of days in words."""
    return ngettext("%(count)s day", "%(count)s days", count) % {"count": count}


def on(value: object) -> str:
    """“on” or “off” instead of the value, which may be secret."""
    return gettext("on") if value else gettext("off")


def groups(request: HttpRequest) -> dict[str, list[Setting]]:
    """The settings, by heading. No secret value is among them."""
    languages = dict(settings.LANGUAGES)
    return {
        gettext("Server"): [
            Setting(gettext("address for phones and photos"), public_base(request), "PUBLIC_BASE_URL"),
            Setting(gettext("names it answers to"), ", ".join(settings.ALLOWED_HOSTS), "ALLOWED_HOSTS"),
            Setting(gettext("mode"), settings.MODE, "MODE"),
            Setting(gettext("version"), settings.VERSION, "VERSION"),
            Setting(gettext("database"), connection.vendor),
            Setting(gettext("photos are stored in"), settings.MEDIA_STORAGE, "MEDIA_STORAGE"),
        ],
        gettext("Language and time"): [
            Setting(gettext("language of the desk"), languages[settings.ADMIN_LANGUAGE_CODE], "ADMIN_LANGUAGE_CODE"),
            Setting(gettext("language for phones"), languages[settings.LANGUAGE_CODE], "LANGUAGE_CODE"),
            Setting(gettext("time zone"), settings.TIME_ZONE, "TIME_ZONE"),
            Setting(gettext("time now"), moment(timezone.now())),
        ],
        gettext("Phones"): [
            Setting(gettext("finished orders stay in the app"), days(settings.ORDERS_KEPT_IN_APP),
                    "ORDERS_KEPT_IN_APP"),
            Setting(gettext("a phone must log in again when unused for"), days(settings.TOKEN_TTL.days),
                    "TOKEN_TTL_DAYS"),
            Setting(gettext("readiness to ask you about unclear cases"), settings.STORY_MARGIN, "STORY_MARGIN"),
        ],
        gettext("Security and alerts"): [
            Setting(gettext("codes of an authenticator app at the desk"), on(settings.SECOND_FACTOR), "SECOND_FACTOR"),
            Setting(gettext("cookies over HTTPS only"), on(settings.SESSION_COOKIE_SECURE), "SECURE_COOKIES"),
            Setting(gettext("alerts to Telegram"), on(settings.TELEGRAM_BOT_TOKEN), "TELEGRAM_BOT_TOKEN"),
            Setting(gettext("watch over the backup"), on(settings.BACKUP_STATUS_FILE), "BACKUP_STATUS_FILE"),
            Setting(gettext("metrics"), on(settings.METRICS_TOKEN), "METRICS_TOKEN"),
        ],
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """The last run of a regular job."""

    label: str
    ended_at: datetime | None
    is_good: bool


def runs() -> list[Run]:
    """The last runs of the jobs that a manager may want to know about."""
    labels = {
        "check_backup": gettext("the last backup is there and recent"),
        "check_ledger": gettext("the quantities agree with the movements"),
        "prune": gettext("what has expired is deleted"),
    }
    found = []
    for job in Job.objects.all():
        name, _, host = job.name.partition(" @")
        if label := labels.get(name):
            is_good = bool(job.ok) and not (job.report.get("failed") or job.report.get("broken"))
            found.append(Run(f"{label} ({host})" if host else label, job.ended_at, is_good))
    return found


@page
def about(request: HttpRequest) -> HttpResponseBase:
    """The page of settings."""
    return render(request, "desk/settings.html", {"groups": groups(request), "runs": runs()})


urls = [path("settings/", about, name="settings")]
