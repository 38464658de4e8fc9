"""For the container's health check: does the worker's loop turn?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from api.ops import worker


class Command(BaseCommand):
    help = "End with 1 if the worker on this machine has not turned for five minutes."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not worker.is_alive():
            raise CommandError("The worker does not turn.", returncode=1)
