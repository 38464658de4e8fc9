"""System checks: what must be chosen in production, each with a hint at what to set."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security)
def production_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Production mode starts on no default: a guessable key, debugging, any host, or a throw-away database."""
    if not settings.PRODUCTION:
        return []
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
    ]  # fmt: skip
    return [Error(text, hint=hint, id=f"backend.{code}") for is_wrong, code, text, hint in wrong if is_wrong]


@register(Tags.security)
def demo_accounts(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Nobody can log in to a production server by what is printed in the README."""
    if not settings.PRODUCTION:
        return []
    from api import demo  # not above: checks are registered before the tables can be imported

    found = demo.people_with_demo_password()
    if not found:
        return []
    hint = "Give each another password: manage.py changepassword EMAIL; or take away its right to log in."
    return [Error(f"Demo accounts have the demo password: {', '.join(found)}.", hint=hint, id="backend.E005")]
