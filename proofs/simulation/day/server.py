"""The whole server as a reader of days: its actions, on SQLite in memory, without HTTP.

The only module of the days that imports Django.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from proofs.simulation.day.world import Request

MORNING = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
_numbers = count(1)


def load() -> None:
    """Start Django with an empty database in memory. Idempotent."""
    if "django" in sys.modules and "api" in sys.modules:
        return
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="easybox-day-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "backend.settings",
        "DATABASE_URL": f"sqlite:///{folder / 'day.sqlite3'}",
        "ENV_FILE": os.devnull,
        "MODE": "development",
        "LOG_LEVEL": "ERROR",
    }
    sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "easy_box_backend"))
    import django
    from django.core.management import call_command

    django.setup()
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0, interactive=False)


class Server:
    """One phone of its own for each day; the products are new each day as well."""

    def __init__(self, margin: float = 0.0) -> None:
        load()
        from api.models import Device, User

        number = next(_numbers)
        user = User.objects.create(username=f"person {number}", email=f"{number}@example.com")
        self.device = Device.objects.create(user=user)
        self.rows: dict[int, Any] = {}
        self.start: dict[int, int] = {}
        self.others: dict[int, int] = {}
        self.prefix = f"D{number}-"

    def begin(self, start: dict[int, int]) -> None:
        """The stock of the morning."""
        from api.actions import products
        from api.actor import Actor

        by = Actor(None, at=MORNING - timedelta(days=1))
        self.start = start
        for product, quantity in start.items():
            sku = f"{self.prefix}{product}"
            self.rows[product] = products.create(sku=sku, name=sku, quantity=quantity, by=by).pk

    def changed(self, product: int, change: int, at: float) -> None:
        """Somebody else changed the stock."""
        from api.actions import stock
        from api.actor import Actor

        self.others[product] = self.others.get(product, 0) + change
        stock.adjust(self.rows[product], change, reason="others", by=Actor(None, at=MORNING + timedelta(seconds=at)))

    def read(self, request: Request) -> None:
        from api import revision
        from api.actor import Actor
        from api.phones import stock, updates

        at = MORNING + timedelta(seconds=request.at)
        by = Actor(self.device.user, self.device, at=at, connection=request.connection)
        if request.kind == "pull":
            stock.pulled(revision.current(), by=by)
        elif request.kind == "find":
            sku = f"{self.prefix}{request.product}" if request.product else f"{self.prefix}unknown"
            stock.look_up([sku], by=by)
        elif request.kind == "add":
            stock.add_stock(self.rows[request.product], request.quantity, by=by)
        elif request.kind == "put":
            sku = f"{self.prefix}{request.product}"
            updates.put(str(self.rows[request.product]), sku=sku, name=sku, quantity=request.quantity, by=by)

    def answered(self, stock: dict[int, int]) -> None:
        """Nothing to do: the server knows its own list."""

    def booked(self) -> dict[int, int]:
        from api.models import Product

        now = dict(Product.objects.filter(id__in=self.rows.values()).values_list("id", "quantity"))
        return {p: now[pk] - self.start[p] - self.others.get(p, 0) for p, pk in self.rows.items()}

    def questions(self) -> dict[int, set[int]]:
        from api.models import Discrepancy, StockMovement

        products = {pk: p for p, pk in self.rows.items()}
        found: dict[int, set[int]] = {}
        for case in Discrepancy.objects.open().filter(product_id__in=products):
            changes = found.setdefault(products[case.product_id or 0], set())
            pending = sum(entry["delta"] for entry in case.facts.get("pending", []))
            booked = StockMovement.objects.filter(id__in=case.facts.get("booked", []))
            reversal = -sum(booked.values_list("quantity_delta", flat=True))
            for change in {pending, reversal} - {0}:
                changes |= {change + other for other in changes} | {change}
        return found
