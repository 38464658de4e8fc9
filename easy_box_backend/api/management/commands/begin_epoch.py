"""After a restore: begin a new epoch, and report what the database holds."""

from typing import Any

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError

from api import revision
from api.actions import ledger
from api.models import Order, Product, StockMovement
from api.ops import pruning

SHOWN = 20
"""How many lines of a list are printed."""


class Command(BaseCommand):
    help = (
        "Run after a restore: cursors and tags that clients hold become invalid. Reports what the database holds, "
        "checks the ledger, and names missing photos; exits with 1 if something is wrong."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        before, after = revision.epoch(), revision.begin_epoch()
        self.stdout.write(f"epoch: {before} ended, {after} begins at revision {revision.current()}")
        live = Product.objects.live().count()
        self.stdout.write(f"products: {live} live, {Product.objects.count() - live} archived")
        self.stdout.write(f"orders: {Order.objects.count()}")
        latest = StockMovement.objects.order_by("-id").first()
        until = f", the last one of {latest.recorded_at.isoformat(timespec='seconds')}" if latest else ""
        self.stdout.write(f"movements: {StockMovement.objects.count()}{until}")
        broken = [ledger.describe(found) for found in ledger.broken_ledgers()]
        self.count("broken ledgers", broken)
        named = pruning.named_photos()
        missing = sorted(name for name in named if not default_storage.exists(name))
        self.stdout.write(f"photo files named: {len(named)}")
        self.count("photo files missing", missing)
        if broken or missing:
            raise CommandError("The restored data is incomplete or wrong, see above.", returncode=1)

    def count(self, what: str, lines: list[str]) -> None:
        """Print the number of lines and the first SHOWN of them."""
        self.stdout.write(f"{what}: {len(lines)}")
        for line in lines[:SHOWN]:
            self.stdout.write(f"  {line}")
