"""Send the alerts in the outbox without a worker, or test the channel."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from api.alerts import messages, telegram
from api.models import Alert
from api.ops import worker


class Command(BaseCommand):
    help = "Send the alerts that are due now; --test sends a test message instead and reports errors."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--test", action="store_true")

    def handle(self, *args: Any, test: bool = False, **options: Any) -> None:
        chat = worker.chat()
        if chat is None:
            raise CommandError("Alerts are off: set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID.")
        if test:
            try:
                telegram.send(messages.compose([Alert(kind="test", created_at=timezone.now())]), chat)
            except telegram.Failed as failure:
                raise CommandError(f"Telegram did not accept the message: {failure}") from failure
            self.stdout.write("Sent.")
            return
        while worker.send_next_message(timezone.now()):
            pass
        self.stdout.write(f"{Alert.objects.open().count()} alerts are waiting.")
