"""The bugs that are planted: exact texts of the server's code, and their replacements."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """A replacement in a file. path: below easy_box_backend/. old: a text that is there exactly once."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A bug to plant.

    server: `real` for bugs of concurrency. app: `repaired` for bugs that only the repaired app shows. tests: the tests
    that must catch it instead of the simulation, where answers are never slow.
    """

    name: str
    changes: tuple[Change, ...]
    server: str = "inprocess"
    app: str = "installed"
    tests: str = ""


TAKE = """    value: int = prepared.one_row(_TAKE, [])[0]
    return value
"""

BY_SEVERAL_STATEMENTS = (
    Change(
        "api/actions/stock.py",
        'if connection.vendor == "postgresql" and occurred_at is None:',
        'if connection.vendor == "nothing":',
    ),
    Change("api/actions/stock.py", 'if connection.vendor != "postgresql":', 'if connection.vendor != "nothing":'),
)
"""Additions use several statements, as on other databases, so that a bug can be planted between them."""

EVIDENCE = "easy_box_backend/api/tests/reconcile/test_evidence.py"

MUTANTS = (
    Mutant("none, in process", ()),
    Mutant("none, in process, a repaired app", (), app="repaired"),
    Mutant("none, gunicorn and PostgreSQL", (), "real"),
    Mutant("none, the tests of evidence", (), tests=EVIDENCE),
    # --- ledger and revisions
    Mutant(
        "revision taken outside the transaction",
        (
            Change(
                "api/revision.py",
                TAKE,
                """    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(_TAKE)
            return cursor.fetchone()[0]
    finally:
        other.close()
""",
            ),
        ),
        "real",
    ),
    Mutant(
        "a sequence as cursor",
        (
            Change(
                "api/revision.py",
                TAKE,
                """    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('api_revision_number')")
        return cursor.fetchone()[0]
""",
            ),
            Change(
                "api/revision.py",
                """    epoch, value = prepared.one_row(_READ, [])
    return f"{epoch}-{value}"
""",
                """    epoch = Revision.objects.values_list("epoch", flat=True).get(id=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM api_revision_number")
        return f"{epoch}-{cursor.fetchone()[0]}"
""",
            ),
            *BY_SEVERAL_STATEMENTS,
            Change(
                "api/migrations/0002_device_token_and_first_revision.py",
                "    operations = [",
                '    operations = [\n        migrations.RunSQL("CREATE SEQUENCE api_revision_number"),',
            ),
        ),
        "real",
    ),
    Mutant(
        "a clock as cursor",
        (
            Change(
                "api/revision.py",
                TAKE,
                """    import time
    with connection.cursor() as cursor:
        now = int(time.time() * 1000)
        cursor.execute("UPDATE api_revision SET value = %s WHERE id = 1 AND value < %s", [now, now])
    return now
""",
            ),
            *BY_SEVERAL_STATEMENTS,
        ),
        "real",
    ),
    Mutant(
        "quantity read, then written",
        (
            *BY_SEVERAL_STATEMENTS,
            Change(
                "api/actions/stock.py",
                '.order_by("id").select_for_update(no_key=True)',
                '.order_by("id")',
            ),
        ),
        "real",
    ),
    Mutant(
        "no unique key on the SKU",
        (
            Change(
                "api/migrations/0001_tables.py",
                """                    models.UniqueConstraint(
                        condition=models.Q(("archived_at__isnull", True)),
                        fields=("sku",),
                        name="product_sku_unique_among_live",
                    ),
""",
                "",
            ),
        ),
        "real",
    ),
    Mutant(
        "image named by product, not by content",
        (
            Change(
                "api/actions/products.py",
                """    old = [product.image.name, product.thumbnail.name]
    stem = f"products/{photo.digest[:32]}-{secrets.token_hex(4)}"
""",
                """    old: list[str | None] = []
    stem = f"products/{product.sku}".replace("/", "-")
    default_storage.delete(f"{stem}.jpg")
    default_storage.delete(f"{stem}-200.jpg")
""",
            ),
        ),
    ),
    # --- phones
    Mutant(
        "absolute PUT for the app",
        (
            Change(
                "api/phones/numbers.py",
                "    readings = presses.read(page, bases, answers, added)\n",
                "    set_to = page.numbers[-1].quantity\n"
                "    readings = [Reading(0.0, set_to, 0, set_to - product.quantity + sum(page.booked.values()))]\n",
            ),
        ),
    ),
    Mutant(
        "404 on a repeated DELETE",
        (
            Change(
                "api/phones/products.py",
                "        elif product.pk not in memory.deleted:\n",
                "        elif product.is_archived:\n            raise products.NoSuchProduct(key)\n"
                "        elif product.pk not in memory.deleted:\n",
            ),
        ),
    ),
    Mutant(
        "add_stock twice within two seconds is once",
        (
            Change(
                "api/phones/stock.py",
                "        with booking.stories_in(memory) as stories:\n            former_logins",
                """        from datetime import timedelta
        alike = StockMovement.objects.filter(product_id=product_id, device=by.device, quantity_delta=quantity)
        if twin := alike.filter(recorded_at__gt=by.at - timedelta(seconds=2)).first():
            return twin
        with booking.stories_in(memory) as stories:
            former_logins""",
            ),
        ),
    ),
    Mutant(
        "a way left out: the pass from the beginning",
        (
            Change(
                "api/reconcile/program.py",
                '    elif state.queue.items[0] == item:\n        yield "pass from the beginning"',
                '    elif False:\n        yield "pass from the beginning"',
            ),
        ),
    ),
    Mutant(
        "a chance over 1",
        (Change("api/reconcile/chances.py", "SECOND_PASS = 0.01\n", "SECOND_PASS = 40.0\n"),),
    ),
    Mutant(
        "a merge that forgets a doubt",
        (Change("api/reconcile/stories.py", "    if extra > margin:\n", "    if True:\n"),),
    ),
    Mutant(
        "a guess at a number passes for sure",
        (
            Change(
                "api/phones/numbers.py",
                "    elif change is not None:\n",
                "    elif change is not None and False:\n",
            ),
        ),
        app="repaired",
    ),
    Mutant(
        "an unknown SKU is not found, in a queue too",
        (
            Change(
                "api/phones/stock.py",
                "        if scanning.is_stuck_at(memory, skus[0], arrival, by.at):\n",
                "        if False:\n",
            ),
        ),
    ),
    Mutant(
        "a taken SKU is refused every time",
        (
            Change(
                "api/reconcile/memory.py",
                "        if fingerprint in self.refused or (unless_others and self.refused):\n",
                "        if False:\n",
            ),
        ),
        app="repaired",
    ),
    Mutant(
        "the last PUT wins in every field",
        (
            Change(
                "api/reconcile/fields.py",
                "    return min(candidates, key=len) if candidates else {f: sent[f] for f in FIELDS}",
                "    return {f: sent[f] for f in FIELDS}",
            ),
        ),
    ),
    # --- what the time of answers and numbers says
    Mutant(
        "a slow answer says more than a chance can",
        (
            Change(
                "api/reconcile/chances.py",
                "    return odds / (WEAK_SHARE * odds + 1 - WEAK_SHARE)\n",
                "    return odds\n",
            ),
        ),
        tests=EVIDENCE,
    ),
    Mutant(
        "a quick answer as proof",
        (
            Change(
                "api/reconcile/chances.py",
                "        return self.bad * (sudden + (1 - sudden) * weakness(self.slowness) * there)\n",
                "        return self.bad * weakness(self.slowness) * there\n",
            ),
        ),
        tests=EVIDENCE,
    ),
    Mutant(
        "nobody puts a phone away behind a quick answer",
        (Change("api/reconcile/chances.py", "self._weak(max(self.sudden, stopped))", "self._weak(self.sudden)"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "the phone's own failures are forgotten",
        (
            Change(
                "api/reconcile/line.py",
                "                self.failures[self._slowness() < NOT_SLOW] += 1\n",
                "                pass\n",
            ),
        ),
        tests=EVIDENCE,
    ),
    Mutant(
        "the first quick answer of a phone as proof",
        (Change("api/reconcile/line.py", "        sudden = max(sudden, SAME_NETWORK ** self.trips[0])", "        "),),
        tests=EVIDENCE,
    ),
    Mutant(
        "slow answers become what is usual",
        (Change("api/reconcile/line.py", "min(trip, SLOW_TRIP * self._usual()) - average", "trip - average"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "a repeated look-up tells of no failure",
        (Change("api/reconcile/line.py", "looked_up_at - then > ERROR_SECONDS for", "False for"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "the look-ups of a camera are failures",
        (Change("api/reconcile/line.py", "ERROR_SECONDS = 2.0\n", "ERROR_SECONDS = 0.0\n"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "two passes take turns only now and then",
        (Change("api/reconcile/chances.py", "(0.9 if two else 0.02)", "(0.75 if two else 0.02)"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "no press again after an error before a copy",
        (
            Change(
                "api/reconcile/presses.py",
                "self.numbers[max(places[-1] - 1, 0)].at",
                "self.numbers[places[-1]].at",
            ),
        ),
        tests=EVIDENCE,
    ),
    Mutant(
        "no copy within seconds",
        (Change("api/reconcile/presses.py", "IN_TURN = (0.3, 3.0), 10.0, 0.2\n", "IN_TURN = (0.3, 3.0), 10.0, 0.0\n"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "a copy at once is no likelier",
        (Change("api/reconcile/presses.py", "IN_TURN = (0.3, 3.0), 10.0, 0.2\n", "IN_TURN = (0.3, 3.0), 1.0, 0.2\n"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "a copy overtakes on its own connection",
        (Change("api/reconcile/presses.py", " or timing.used <= passed", ""),),
        tests=EVIDENCE,
    ),
    Mutant(
        "a series of presses breaks connections as often as all else",
        (
            Change(
                "api/reconcile/presses.py",
                "(timing.turned if in_turn else max(timing.fresh, 1 / 30))",
                "max(timing.fresh, 1 / 30)",
            ),
        ),
        tests=EVIDENCE,
    ),
    Mutant(
        "what presses do to connections is not learned",
        (Change("api/reconcile/line.py", "self.turns[not timing.elsewhere] += 1", "pass"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "a former connection is kept for ever",
        (
            Change(
                "api/reconcile/line.py",
                "besides = connection == self.before and used < KEPT_SECONDS",
                "besides = connection == self.before",
            ),
        ),
        tests=EVIDENCE,
    ),
    Mutant(
        "of two look-ups of a product the first is certain",
        (Change("api/reconcile/line.py", "of_two or number != before", "number != before"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "no error is ever given up",
        (Change("api/reconcile/chances.py", "min(1.0, self.arrived + given_up * shown)", "self.arrived"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "a press tells nothing of the addition before it",
        (Change("api/reconcile/program.py", "by *= timing.moved_on if state.mode == DIRECT else 1.0", "pass"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "a series goes on after another act",
        (Change("api/reconcile/program.py", "timing.gap if state.mode == DIRECT else math.inf", "timing.gap"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "a late addition is another box by hand",
        (Change("api/reconcile/chances.py", "if self.crossed:  # the addition arrived late", "if False:"),),
        tests=EVIDENCE,
    ),
    Mutant(
        "a late request of a broken pass is none of its queue",
        (Change("api/reconcile/program.py", "if timing.crossed and state.length and", "if False and"),),
        tests=EVIDENCE,
    ),
    # --- orders
    Mutant(
        "picks of two phones count twice",
        (
            Change(
                "api/reconcile/picking.py",
                "            result.lines[product] = (wanted, now_picked)\n",
                "            result.lines[product] = (wanted, now_picked + max(newly, 0))\n",
            ),
        ),
    ),
    Mutant(
        "the customer N/A overwrites the name",
        (
            Change(
                "api/phones/orders.py",
                '    if customer not in ("", UNKNOWN_CUSTOMER, seen_name) and by.is_manager:\n',
                "    if customer:\n",
            ),
        ),
        app="repaired",
    ),
    Mutant(
        "a cancelled order is picked all the same",
        (
            Change(
                "api/phones/orders.py",
                "    if order.status == Order.Status.CANCELLED and status",
                "    if False and status",
            ),
        ),
        app="repaired",
    ),
)
