"""System checks of the settings and the demo accounts, each with a hint."""

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]|\*", re.IGNORECASE | re.ASCII)
"""A usable entry of ALLOWED_HOSTS; nginx/hosts.sh has the same rule."""
MAX_DAYS = 36_500
"""The most days of ORDERS_KEPT_IN_APP."""
ORIGIN = re.compile(r"https?://[^/\s]+", re.IGNORECASE)


@register(Tags.security)
def production_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Production must not start with a guessable key, debugging, any host, or a development database."""
    if not settings.PRODUCTION:
        return []
    hosts = [host for host in settings.ALLOWED_HOSTS if not HOST.fullmatch(host)]
    origins = [origin for origin in settings.CSRF_TRUSTED_ORIGINS if not ORIGIN.fullmatch(origin)]
    wrong = [
        (
            settings.SECRET_KEY == settings.DEVELOPMENT_SECRET_KEY or len(settings.SECRET_KEY) < 40,
            "E001", "SECRET_KEY is missing or too short.",
            "Set SECRET_KEY (or SECRET_KEY_FILE) to 50 random characters, e.g. from `openssl rand -hex 32`.",
        ),
        (settings.DEBUG, "E002", "DEBUG is on.", "Remove DEBUG, or set DEBUG=false."),
        (
            not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS,
            "E003", "ALLOWED_HOSTS is empty or allows any host.",
            "Set ALLOWED_HOSTS to the addresses that phones use, e.g. ALLOWED_HOSTS=203.0.113.5,box.example.com.",
        ),
        (
            not settings.DATABASES["default"]["ENGINE"].endswith("postgresql"),
            "E004", "The database is not PostgreSQL.",
            "Set DATABASE_URL (or DATABASE_URL_FILE), e.g. DATABASE_URL=postgres://user:password@db:5432/easyboxdb.",
        ),
        (
            hosts, "E006", f"ALLOWED_HOSTS has entries that no request can match: {', '.join(hosts)}.",
            "Write the name or the address alone, without http://, port or slash, e.g. box.example.com. Names in other "
            "alphabets as xn--…, IPv6 in brackets.",
        ),
        (
            settings.UNREPLACED, "E007", f"The value of {', '.join(settings.UNREPLACED)} begins with $.",
            "If it is the name of another variable, write its value instead; if it is the secret, choose another one.",
        ),
        (
            origins, "E008", f"CSRF_TRUSTED_ORIGINS has entries that no browser can send: {', '.join(origins)}.",
            "Write scheme and host alone, without a slash at the end, e.g. https://box.example.com.",
        ),
    ]  # fmt: skip
    return [Error(text, hint=hint, id=f"backend.{code}") for is_wrong, code, text, hint in wrong if is_wrong]


@register(Tags.security)  # the tag whose checks gunicorn runs (wsgi.py)
def days_in_the_app(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """ORDERS_KEPT_IN_APP must be plausible: the list of orders goes back this many days, and a date before the year 1
    would be an error at each request."""
    if 0 <= settings.ORDERS_KEPT_IN_APP <= MAX_DAYS:
        return []
    hint = f"Set it to a number of days from 0 to {MAX_DAYS}, e.g. ORDERS_KEPT_IN_APP=7."
    return [Error("ORDERS_KEPT_IN_APP is negative or too large.", hint=hint, id="backend.E009")]


@register(Tags.security)
def demo_accounts(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The demo password, which the README prints, must not work in production."""
    if not settings.PRODUCTION:
        return []
    from api import demo  # not at the top: this module is imported before models can be imported

    found = demo.people_with_demo_password()
    if not found:
        return []
    hint = "Give each another password: manage.py changepassword EMAIL; or take away its right to log in."
    return [Error(f"Demo accounts have the demo password: {', '.join(found)}.", hint=hint, id="backend.E005")]
