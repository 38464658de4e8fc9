"""Check that quantities on hand match the ledger (docs/architecture.md, the first invariant)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from api.actions import ledger
from api.actor import Actor
from api.models import Product


class Command(BaseCommand):
    help = "Check each product's quantity against the sum of its movements; exits with 1 if one is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="set wrong quantities to the sum of the movements")

    def handle(self, *args: Any, repair: bool = False, **options: Any) -> None:
        broken = ledger.broken_ledgers()
        for found in broken:
            self.stdout.write(describe(found))
            if repair:
                ledger.repair(found.product, by=Actor(user=None, at=timezone.now()))
        if broken and not repair:
            raise CommandError(f"{len(broken)} ledgers are broken. --repair sets them right.", returncode=1)
        if still_broken := ledger.broken_ledgers() if broken else []:
            raise CommandError(f"{len(still_broken)} ledgers could not be repaired.", returncode=1)
        done = f" {len(broken)} repaired." if broken else ""
        self.stdout.write(f"{Product.objects.count()} products checked, all ledgers are right.{done}")


def describe(found: ledger.BrokenLedger) -> str:
    """One line about a broken ledger."""
    line = f"product {found.product} ({found.sku}): on hand {found.quantity}, movements add up to {found.ledger}"
    return f"{line}, running total off at movement {found.first_off}" if found.first_off else line
