"""A warehouse of a given size in an empty database, and its desk: the child process of `proofs.benchmarks.desk`.

Imports Django, like the baselines. It writes the tables directly, since a million movements by the actions would take
an hour. The data is what the actions would write: quantities are the sums of their movements.

    python -m proofs.benchmarks.warehouse SIZE    SIZE: hundreds of products. Reads addresses, prints JSON for each
"""

# ruff: noqa: TID251, E402

import json
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

import django

django.setup()

from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from api import models
from api.texts import folded

GOODS = ["Футболка", "Рубашка", "Носки", "Кружка", "Müslischale", "Schraube", "Куртка", "Ёлка"]
COLOURS = ["красная", "зелёная"]
DAYS = 400
MOVEMENTS_EACH, LINES_EACH, OPEN_QUESTIONS, COUNTED = 10, 5, 60, 300


class Warehouse:
    """Data of a warehouse with `hundreds` × 100 products, ten movements each, and all else in proportion.

    The data is equal at each call, but for its times. Open questions and the running stocktake have one size in all
    warehouses, as in practice. Each page of a list is full in the smallest warehouse, too: otherwise a page would seem
    slower only because it is longer.
    """

    def __init__(self, hundreds: int) -> None:
        self.products, self.orders = hundreds * 100, hundreds * 20
        self.running = 60 + self.orders // 100
        self.now = timezone.now()
        self.rng = random.Random(1)
        self.levels = [0] * self.products
        self.people = [
            models.User.objects.create_user(f"{name}@example.com", "x", username=name, is_staff=True)
            for name in ("Vera", "Anna", "Иван")
        ]

    def fill(self) -> None:
        """Write all rows into the empty tables."""
        self._devices()
        insert(models.Product, self._products())
        insert(models.ProductText, self._texts())
        insert(models.Barcode, self._barcodes())
        insert(models.Order, self._orders())
        insert(models.OrderLine, self._lines())
        insert(models.StockMovement, self._movements())
        self._set_levels()
        insert(models.ProductVersion, self._versions())
        insert(models.OrderVersion, self._order_versions())
        self._questions()
        self._counts()
        insert(
            models.ClientError,
            (
                {
                    "fingerprint": str(number),
                    "message": f"DioError {number}",
                    "count": 1,
                    "user_agent": "Dart/3.5",
                    "first_seen_at": self.now,
                    "last_seen_at": self.ago(number),
                }
                for number in range(max(60, self.products // 50))
            ),
        )
        models.Revision.objects.update(value=self.products * MOVEMENTS_EACH)

    def vacuum(self) -> None:
        """Vacuum and analyze the tables, as PostgreSQL does by itself after a while. SQLite never does it by itself."""
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")
                cursor.execute("SET max_parallel_workers_per_gather = 0")  # all in the one process that `cpu` measures

    def ago(self, minutes: float) -> datetime:
        return self.now - timedelta(minutes=minutes)

    def _devices(self) -> None:
        insert(
            models.Device,
            (
                {
                    "user_id": self.people[number % 3].pk,
                    "kind": "app",
                    "name": f"Pixel {number}",
                    "created_at": self.ago(9),
                    "last_seen_at": self.ago(number),
                }
                for number in range(max(60, self.products // 1000))
            ),
        )

    def name(self, number: int) -> str:
        return f"{GOODS[number % 8]} {COLOURS[number // 8 % 2]} № {number}"

    def shelf(self, number: int) -> str:
        return f"A{number % 97 + 1}-{number // 97 % 30:02d}-{number % 7:02d}" if number % 50 else ""

    def sku(self, number: int) -> str:
        return f"{'ABCDEFGHKL'[number % 10]}{number * 7919 % 1_000_003:06d}-{number % 9}"

    def _products(self) -> Iterator[dict[str, Any]]:
        for number in range(self.products):
            yield {
                "id": number + 1, "sku": self.sku(number), "name": self.name(number), "location": self.shelf(number),
                "quantity": 0, "min_quantity": 10 if number % 5 == 1 else 0, "image": "", "thumbnail": "",
                "unverified": number % 18 == 7, "archived_at": self.ago(number) if number % 18 == 3 else None,
                "revision": number + 1, "created_at": self.ago(DAYS * 1440), "updated_at": self.ago(number),
            }  # fmt: skip

    def code(self, number: int) -> str:
        return f"{4_600_000_000_000 + number * 13}"

    def _texts(self) -> Iterator[dict[str, Any]]:
        for number in range(self.products):
            words = [self.sku(number), self.name(number), self.shelf(number)]
            words += [] if number % 5 else [self.code(number)]
            yield {"product_id": number + 1, "name": folded(self.name(number))[:100], "words": folded("\n".join(words))}

    def _barcodes(self) -> Iterator[dict[str, Any]]:
        return ({"product_id": number + 1, "code": self.code(number), "pieces": 1}
                for number in range(0, self.products, 5))  # fmt: skip

    def status(self, number: int) -> str:
        if number >= self.orders - self.running:
            return "inProgress" if number % 4 == 0 else "open"
        return "cancelled" if number % 15 == 0 else "picked"

    def customer(self, number: int) -> str:
        return f"{['Müller & Söhne', 'Петрова', 'Кафе Ёж'][number % 3]} {number // 7}"

    def _orders(self) -> Iterator[dict[str, Any]]:
        for number in range(self.orders):
            at, outside = self.ago((self.orders - number) * DAYS * 1440 / self.orders), f"WB-{number * 17:06d}"
            yield {
                "id": number + 1, "customer_name": self.customer(number), "outside_number": outside, "note": "",
                "due_on": at.date() + timedelta(days=3), "words": folded(f"{outside}\n{self.customer(number)}"),
                "status": self.status(number), "archived_at": None, "revision": number + 1, "created_at": at,
                "updated_at": at,
            }  # fmt: skip

    def lines_of(self, order: int) -> Iterator[int]:
        return ((order * LINES_EACH + place) * 31 % self.products for place in range(LINES_EACH))

    def _lines(self) -> Iterator[dict[str, Any]]:
        for order in range(self.orders):
            for product in self.lines_of(order):
                yield {
                    "order_id": order + 1, "product_id": product + 1, "sku": self.sku(product),
                    "name": self.name(product), "quantity_to_pick": 3,
                    "quantity_picked": 3 if self.status(order) == "picked" else 0, "removed_at": None,
                }  # fmt: skip

    def _movements(self) -> Iterator[dict[str, Any]]:
        """Movements of each product in turn. Every hundredth is of the first product, as of one that sells best."""
        total, lines = self.products * MOVEMENTS_EACH, self.orders * LINES_EACH
        for number in range(total):
            product = 0 if number % 100 == 99 and number >= self.products else number % self.products
            delta = 20 if number < self.products else self.rng.choice([-4, -3, -2, -1, 1, 2, 3, 4])
            if number >= total - self.products and product % 18 in (5, 6):  # end with none on hand, or fewer
                delta = (5 - product % 18) * 2 - self.levels[product] or 1
            self.levels[product] += delta
            at = self.ago((total - number) * DAYS * 1440 / total)
            is_pick = delta < 0 and number % 3 == 0
            yield {
                "product_id": product + 1, "kind": "receipt" if delta > 0 else "pick" if is_pick else "adjustment",
                "quantity_delta": delta, "quantity_after": self.levels[product], "reason": "",
                "user_id": self.people[number % 3].pk, "order_line_id": number % lines + 1 if is_pick else None,
                "revision": number + 1, "occurred_at": at, "recorded_at": at,
            }  # fmt: skip

    def _set_levels(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE api_product SET quantity = (SELECT SUM(quantity_delta) FROM api_stockmovement"
                           " WHERE product_id = api_product.id)")  # fmt: skip

    def _versions(self) -> Iterator[dict[str, Any]]:
        for number in range(self.products):
            yield {
                "product_id": number + 1, "revision": number + 1, "sku": self.sku(number), "name": self.name(number),
                "location": self.shelf(number), "image": "", "archived": False, "user_id": self.people[0].pk,
                "changed_at": self.ago(DAYS * 1440),
            }  # fmt: skip

    def _order_versions(self) -> Iterator[dict[str, Any]]:
        for number in range(self.orders):
            lines = [{"product": one + 1, "quantity_to_pick": 3, "quantity_picked": 0} for one in self.lines_of(number)]
            yield {
                "order_id": number + 1, "revision": number + 1, "customer_name": self.customer(number), "note": "",
                "outside_number": "", "status": self.status(number), "lines": json.dumps(lines), "archived": False,
                "user_id": self.people[0].pk, "changed_at": self.ago(9),
            }  # fmt: skip

    def _questions(self) -> None:
        total = self.orders + OPEN_QUESTIONS
        insert(
            models.Discrepancy,
            (
                {
                    "kind": "negative_stock" if number % 2 else "deletion_asked",
                    "product_id": number * 13 % self.products + 1,
                    "status": "open" if number >= self.orders else "dismissed",
                    "sku": "",
                    "note": "",
                    "facts": json.dumps({"on_hand": -2, "change": -3} if number % 2 else {}),
                    "user_id": self.people[1].pk,
                    "device_id": None,
                    "created_at": self.ago(total - number),
                }
                for number in range(total)
            ),
        )

    def _counts(self) -> None:
        """Write posted stocktakes, and one that is being counted."""
        posted = max(25, self.products // 1000)
        for number in range(posted + 1):
            status = models.Count.Status.OPEN if number == posted else models.Count.Status.POSTED
            count = models.Count.objects.create(chosen="A1", status=status, started_at=self.ago(number))
            insert(
                models.CountLine,
                (
                    {
                        "count_id": count.pk,
                        "product_id": place * 3 + 1,
                        "counted": place if place % 2 else None,
                        "counted_at": self.ago(5) if place % 2 else None,
                    }
                    for place in range(COUNTED)
                ),
            )


def insert(model: type[Any], rows: Iterable[dict[str, Any]]) -> None:
    """Write rows, all with the same columns, in the fastest way that the database has."""
    rows = iter(rows)
    first = next(rows)
    table, names = model._meta.db_table, list(first)
    values = (list(row.values()) for row in chain([first], rows))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
                for row in values:
                    copy.write_row(row)
            if "id" in names:
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), MAX(id)) FROM {table}")
        else:
            marks = ", ".join("?" for _ in names)
            plain = ([_for_sqlite(value) for value in row] for row in values)
            cursor.connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", plain)


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return str(value) if isinstance(value, date) else value


def main() -> None:
    """Fill the database and print a line of facts about it; then print what each page on standard input takes."""
    warehouse = Warehouse(int(sys.argv[1]))
    with transaction.atomic():
        warehouse.fill()
    warehouse.vacuum()
    client = Client()
    client.force_login(warehouse.people[0])
    client.cookies["django_language"] = "ru"
    print_line({"sku": warehouse.sku(77), "count": models.Count.objects.values_list("pk", flat=True).latest("pk")})
    for line in sys.stdin:
        print_line(measure_page(client, line.strip()))


def measure_page(client: Client, address: str) -> dict[str, Any]:
    """Open a page. Returns what it took.

    queries: how many, with those for session and user that every page has. ms: processor time of this process and of
    its backend process in PostgreSQL. clock: wall-clock time. Both in milliseconds. status: of the answer.
    """
    queries = 0

    def count(execute: Any, *arguments: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*arguments)

    with connection.execute_wrapper(count):
        start, before = time.perf_counter(), cpu()
        answer = client.get(address)
        spent, clock = cpu() - before, time.perf_counter() - start
    return {"ms": spent * 1000, "clock": clock * 1000, "queries": queries, "status": answer.status_code}


def cpu() -> float:
    """Seconds of processor time so far, of this process and of its backend process in PostgreSQL (Linux's /proc)."""
    if connection.vendor != "postgresql":
        return time.process_time()
    pid = connection.connection.info.backend_pid
    return time.process_time() + int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def print_line(facts: dict[str, Any]) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
