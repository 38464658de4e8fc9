"""The container's health check: does the worker's loop run?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from api.ops import worker


class Command(BaseCommand):
    help = "Exit with 1 if the worker's loop on this machine has not run for five minutes."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not worker.is_alive():
            raise CommandError("The worker has not run for five minutes.", returncode=1)
