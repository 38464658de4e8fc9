"""Check that the quantities on hand match the ledger (docs/architecture.md, the first invariant)."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from api.actions import ledger
from api.actor import Actor

SECONDS = 5.0
"""How often a long check prints its progress."""


class Command(BaseCommand):
    help = "Check each product's quantity against the sum of its movements; ends with 1 if one is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="correct them to the sums of the movements")

    def handle(self, *args: Any, repair: bool = False, **options: Any) -> None:
        checked = wrong = 0
        reported_at = time.monotonic()
        for checked, broken in ledger.check():
            wrong += len(broken)
            for found in broken:
                self.stdout.write(ledger.describe(found))
                if repair:
                    ledger.repair(found.product, by=Actor(user=None, at=timezone.now()))
            if time.monotonic() - reported_at > SECONDS:
                self.stderr.write(f"{checked} products checked so far, {wrong} of them wrong")
                reported_at = time.monotonic()
        if wrong and not repair:
            raise CommandError(f"{wrong} ledgers are broken. --repair corrects them.", returncode=1)
        if still_broken := ledger.broken_ledgers() if wrong else []:
            raise CommandError(f"{len(still_broken)} ledgers could not be repaired.", returncode=1)
        done = f" {wrong} repaired." if wrong else ""
        self.stdout.write(f"{checked} products checked, all ledgers are right.{done}")
