"""Send an alert from a script, such as one that makes backups."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from api.alerts import outbox
from api.texts.redact import redact


class Command(BaseCommand):
    help = "Put a message into the outbox, e.g. manage.py alert backup_failed 'pg_dump: no space left'."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", help="backup_failed, deploy_failed, …")
        parser.add_argument("text")

    def handle(self, *args: Any, kind: str, text: str, **options: Any) -> None:
        outbox.count_up(kind[:40], key=f"shell:{kind}", at=timezone.now(), text=redact(text)[:1000])
