"""Take over the data of a former backend of the Easy Box app."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from api.actions import old_backend, old_pictures, old_tables
from api.actor import Actor


class Command(BaseCommand):
    help = (
        "Take over people (with their passwords and logins), products, orders and pictures from the database of a "
        "former backend (core_* or api_*). Without --commit it only says what it would do. It can be called again: "
        "what is here stays as it is. docs/former-backend.md describes the whole move."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "url", help="postgres://user:password@host:5432/name, sqlite:///path, or - for standard input"
        )
        parser.add_argument("--commit", action="store_true", help="do it")
        parser.add_argument("--tables", choices=old_tables.FAMILIES, default="", help="if the database has both")
        parser.add_argument("--pictures", default="", metavar="ADDRESS", help="what comes before names of pictures")

    def handle(self, *args: Any, url: str, commit: bool, tables: str, pictures: str, **options: Any) -> None:
        by = Actor(user=None, at=timezone.now())
        try:
            old = old_tables.read(sys.stdin.readline().strip() if url == "-" else url, tables)
        except old_tables.Unreadable as error:
            raise CommandError(str(error)) from None
        taken = old_backend.take_over(old, by=by, dry=not commit)
        self.stdout.write(f"Tables {old.family}_*. {'Taken over' if commit else 'Would be taken over'}:")
        for what, number in taken.numbers.items():
            if number:
                self.stdout.write(f"  {number:7} {what}")
        for note in taken.notes:
            self.stdout.write(f"  ! {note}")
        if old.not_read:
            self.stdout.write(f"  ! Not known, so not read: {', '.join(old.not_read)}")
        if commit:
            self.load(taken.pictures, pictures, by)
            return
        self.stdout.write(f"  {len(taken.pictures):7} pictures to load")
        self.stdout.write("Nothing was changed. To do it: the same with --commit")

    def load(self, wanted: dict[int, str], base: str, by: Actor) -> None:
        """Load the pictures one after the other, each in a transaction of its own."""
        loaded = 0
        for product_id, picture in wanted.items():
            try:
                old_pictures.take_over(product_id, picture, base, by=by.then(timezone.now()))
                loaded += 1
            except old_pictures.NoPicture as error:
                self.stdout.write(f"  ! The picture of product {product_id}: {error}")
        self.stdout.write(f"  {loaded:7} of {len(wanted)} pictures loaded")
        if loaded < len(wanted):
            self.stdout.write("Call it again to try the others once more.")
