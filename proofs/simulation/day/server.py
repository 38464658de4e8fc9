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
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from proofs.simulation.day.office import Question, question_of
from proofs.simulation.day.world import Request

MORNING = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
DAY = 24 * 3600.0
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
    import django
    from django.core.management import call_command

    django.setup()
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0, interactive=False)


class Server:
    """Phones of their own for each day; the products are new each day as well."""

    def __init__(self, margin: float = 0.0) -> None:
        load()
        self.prefix = f"D{next(_numbers)}-"
        self.devices: dict[str, Any] = {}
        self.rows: dict[int, Any] = {}
        self.start: dict[int, int] = {}
        self.others: Mapping[int, int] = {}

    def begin(self, start: dict[int, int], others: Mapping[int, int]) -> None:
        """Make the products of the day."""
        from api.actions import products

        by = _office(-DAY)
        self.start, self.others = start, others
        for product, quantity in start.items():
            sku = f"{self.prefix}{product}"
            self.rows[product] = products.create(sku=sku, name=sku, quantity=quantity, by=by).pk

    def changed(self, product: int, change: int, at: float) -> None:
        """Somebody else changed the stock."""
        from api.actions import stock

        stock.adjust(self.rows[product], change, reason="others", by=_office(at))

    def read(self, request: Request) -> None:
        from api import revision
        from api.actor import Actor
        from api.phones import stock, updates

        device = self._device(request.phone)
        by = Actor(device.user, device, at=_moment(request.at), connection=request.connection)
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

    def _device(self, phone: str) -> Any:
        """Each phone has a person of its own."""
        from api.models import Device, User

        if phone not in self.devices:
            name = f"{self.prefix}{phone.replace(' ', '-')}"
            user = User.objects.create(username=name, email=f"{name}@example.com")
            self.devices[phone] = Device.objects.create(user=user)
        return self.devices[phone]

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

    # --- office.Desk

    def sell(self, product: int, pieces: int, at: float) -> None:
        """A finished order."""
        from api.actions import orders
        from api.models import Order

        line = orders.Line(self.rows[product], pieces, pieces)
        orders.create(customer_name="Web shop", status=Order.Status.PICKED, lines=[line], by=_office(at))

    def count(self, product: int, counted: int, at: float) -> None:
        from api.actions import counts

        counts.count(self.rows[product], counted, counted_at=_moment(at), by=_office(at))

    def reverse(self, product: int, at: float) -> tuple[float, int] | None:
        from api.actions import reversing
        from api.models import StockMovement

        devices = [device.pk for device in self.devices.values()]
        received = StockMovement.objects.filter(product=self.rows[product], device__in=devices, kind="receipt")
        if (last := received.not_reversed().first()) is None:
            return None
        reversing.reverse(last.pk, by=_office(at))
        return (last.occurred_at - MORNING).total_seconds(), last.quantity_delta

    def open_questions(self) -> list[Question]:
        from api.discrepancies import kinds
        from api.models import Discrepancy
        from api.serializers.rows import discrepancy_json

        products = {pk: p for p, pk in self.rows.items()}
        rows = list(Discrepancy.objects.open().filter(product_id__in=products).order_by("id"))
        return [question_of(discrepancy_json(told), products) for told in kinds.describe(rows)]

    def settle(self, question: int, action: str, at: float) -> None:
        from api.actions import settling

        settling.resolve(question, action, by=_office(at))


def _moment(at: float) -> datetime:
    return MORNING + timedelta(seconds=at)


def _office(at: float) -> Any:
    """The server itself, in place of a manager or a program."""
    from api.actor import Actor

    return Actor(None, at=_moment(at))
