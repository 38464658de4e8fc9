"""Fill an empty database with the demo warehouse."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from api import demo
from api.models import Order, Product, User


class Command(BaseCommand):
    help = "Fill an empty database with a demo warehouse: people, products with photos, orders."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing if there are people or products")

    def handle(self, *args: Any, if_empty: bool = False, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Demo accounts have a known password: they are never made in production mode.")
        if User.objects.exists() or Product.objects.exists():
            if if_empty:
                return
            raise CommandError(
                "The database is not empty: demo data would mix with its people and products. "
                "Set DATABASE_URL to another database, or remove this one."
            )
        demo.load(at=timezone.now())
        self.stdout.write(
            f"Demo data: {Product.objects.count()} products, {Order.objects.count()} orders. "
            f"Log in as {demo.ADMIN} or {demo.PICKER}, password: {demo.PASSWORD}"
        )
