"""Remove data that is no longer needed (the worker does it regularly)."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from api.ops import worker


class Command(BaseCommand):
    help = "Remove expired tokens and sessions, old reports, and photo files that no product uses."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, count in worker.prune(timezone.now()).items():
            self.stdout.write(f"{name}: {count}")
