"""Take away what nobody needs any more (the worker does it by itself)."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from api.ops import worker


class Command(BaseCommand):
    help = "Remove expired tokens and sessions, old reports, and photo files that no product names."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, number in worker.prune(timezone.now()).items():
            self.stdout.write(f"{name}: {number}")
