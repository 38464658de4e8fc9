"""Imports of 50,000 rows, and how long additions wait meanwhile: `python -m proofs.benchmarks.imports`.

Three sheets are imported one after the other, as the desk does: new products, changed names and shelves of all of them,
and counted stock of all of them. Meanwhile a second process books receipts of products in the sheet and of others.
"locked" is how long an import holds the lock on the revision counter, which every change needs. Exit code 1: an import
takes 60 s or more, or an addition to a product that is not in the sheet over 2 s.
"""

# ruff: noqa: TID251

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from unittest.mock import patch

from dev.common import BACKEND, ROOT, clean_environment, temporary_folder
from dev.postgres import temporary_postgres

ROWS = 50_000
OTHERS = 1000
SECONDS_BELOW, WAIT_AT_MOST = 60, 2.0
DONE = "done"


def main() -> int:
    """Start PostgreSQL, and run `import_all` in a child process. Returns its exit code."""
    durable = dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit", "autovacuum"), "on")
    with temporary_folder() as folder, temporary_postgres(random_page_cost="1.1", **durable) as url:
        environment = clean_environment(database_url=url, folder=folder)
        environment |= {"SECRET_KEY": "benchmarks-only-" * 4, "LOG_LEVEL": "ERROR"}
        subprocess.run([sys.executable, str(BACKEND / "manage.py"), "migrate", "-v0"], env=environment, check=True)
        command = [sys.executable, "-m", "proofs.benchmarks.imports"]
        return subprocess.run([*command, "import"], cwd=ROOT, env=environment, check=False).returncode


def import_all() -> int:
    """Import the sheets one after the other. Returns 0 if all requirements are kept, else 1."""
    from django.utils import timezone

    from api.actor import Actor
    from api.models import User

    by = Actor(User.objects.create_user("vera@example.com", "x", username="Vera", is_staff=True), at=timezone.now())
    make_others(by)
    sheets: list[tuple[str, str, Callable[[int], str]]] = [
        ("new products", "products", lambda number: f"N-{number:05d};Носки {number};A{number % 90}-{number % 7};3"),
        ("changed products", "products", lambda number: f"N-{number:05d};Чулки {number};B{number % 90}-{number % 7};4"),
        ("counted stock", "stock", lambda number: f"N-{number:05d};{number % 50}"),
    ]
    waits = "longest waits s: another product, one of the sheet"
    print(f"{'':20}{'check s':>8}{'import s':>9}{'CPU s':>7}{'locked s':>9}  {waits}")
    kept = True
    for name, kind, row in sheets:
        header = "SKU;Name;Location;Minimum" if kind == "products" else "SKU;Quantity"
        content = "\n".join([header, *map(row, range(ROWS))]).encode()
        kept &= measure(name, kind, content, by.then(timezone.now()))
    return 0 if kept else 1


def measure(name: str, kind: str, content: bytes, by: object) -> bool:
    """Import one sheet while a child process books receipts; print the figures. Returns whether the limits are kept."""
    from api import revision
    from api.actions import imports

    found = imports.upload(kind, "sheet.csv", content, by=by)  # type: ignore[arg-type]
    locked: list[float] = []
    reach = revision.reach

    def reach_and_note(number: int) -> None:
        reach(number)
        locked.append(time.monotonic())

    begun = time.monotonic()
    steps = [step.done for step in imports.check(found.pk, by=by)]  # type: ignore[arg-type]
    checked = time.monotonic() - begun
    command = [sys.executable, "-m", "proofs.benchmarks.imports", "receive"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as phone:
        assert phone.stdin
        assert phone.stdout
        phone.stdout.readline()  # wait until it has begun
        begun, cpu = time.monotonic(), time.process_time()
        with patch.object(revision, "reach", reach_and_note):
            steps += [step.done for step in imports.run(found.pk, by=by)]  # type: ignore[arg-type]
        held = time.monotonic() - locked[0]
        taken, cpu = time.monotonic() - begun, time.process_time() - cpu
        phone.stdin.close()
        waits = [float(wait) for wait in phone.stdout.readline().split()]
    assert len(steps) > ROWS / 1000
    print(f"{name:20}{checked:8.1f}{taken:9.1f}{cpu:7.1f}{held:9.2f}  {waits[0]:.2f}, {waits[1]:.2f}", flush=True)
    return taken < SECONDS_BELOW and waits[0] <= WAIT_AT_MOST


def make_others(by: object) -> None:
    """Create products that are in no sheet."""
    from api.actions import products

    for number in range(OTHERS):
        products.create(sku=f"OTHER-{number}", name="Mütze", by=by)  # type: ignore[arg-type]


def receive() -> int:
    """Book receipts in two threads until standard input is closed, then print two times in seconds.

    They are the longest ones of a receipt of a product that is not in the sheet, and of one that is.
    """
    from api.models import Product

    groups = [list(Product.objects.filter(sku__startswith=begin).order_by("?").values_list("pk", flat=True)[:OTHERS])
              for begin in ("OTHER-", "N-")]  # fmt: skip
    longest, ended = [0.0, 0.0], threading.Event()
    threads = [
        threading.Thread(target=receive_in_turn, args=(groups[place], place, longest, ended)) for place in (0, 1)
    ]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    print(*longest, flush=True)
    return 0


def receive_in_turn(goods: list[int], place: int, longest: list[float], ended: threading.Event) -> None:
    """Book receipts of the products `goods`, one every 20 ms. longest[place]: set to the longest time, in seconds."""
    from django.db import connection
    from django.utils import timezone

    from api.actions import stock
    from api.actor import Actor

    turn = 0
    while goods and not ended.wait(0.02):
        turn += 1
        begun = time.monotonic()
        stock.receive(goods[turn % len(goods)], 1, by=Actor(None, at=timezone.now()))
        longest[place] = max(longest[place], time.monotonic() - begun)
    connection.close()


if __name__ == "__main__":
    if sys.argv[1:]:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
        import django

        django.setup()
        sys.exit(import_all() if sys.argv[1] == "import" else receive())
    sys.exit(main())
