"""The desk's pages with a large database, compared with a small one: `python -m proofs.benchmarks.desk`.

The small warehouse has 1,000 products, 10,000 movements and 200 orders, the large one a hundred times as many. Django's
test client requests each page of both in turn, in interleaved rounds. The figures are processor time (of Python and of
the database), which other work on the machine changes least: medians, and the median of the rounds' ratios. The last
column is the shortest wall-clock time in the large one. Exit code 1: a page takes 12 queries or more, or more than 1.5
times as long in the large one.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote

from dev.common import BACKEND, ROOT, clean_environment, temporary_folder
from dev.postgres import temporary_postgres

SMALL, LARGE = 10, 1000  # hundreds of products
QUERIES_BELOW, RATIO_AT_MOST = 12, 1.5
CHART = "/chart/"
"""Neither a list nor a search: it adds up all movements of two weeks, so it may take longer with more of them."""
PAGES = [
    "/", CHART, "/live/",
    "/products/", "/products/?page=15", "/products/?stock=low", "/products/?stock=none", "/products/?stock=unverified",
    "/products/?stock=negative", "/products/?stock=archived", "/products/?sort=sku", "/products/?sort=-sku",
    "/products/?sort=changed", "/products/?sort=shelf",
    "/products/?sort=-shelf", "/products/?sort=quantity", "/products/?sort=-quantity",
    "/products/?q=футболка", "/products/?q=ФУТБОЛКА красная", "/products/?q=ёлка 1", "/products/?q={sku}",
    "/products/?q=4600000000130", "/products/?q=a1", "/products/?q=zzzz",
    "/products/?q=футболка&sort=quantity", "/products/?q=№&stock=low",
    "/products/?q={sku}&open=1", "/products/1/", "/products/500/", "/products/bulk/",
    "/orders/", "/orders/?status=open", "/orders/?status=overdue", "/orders/?status=picked", "/orders/?status=all",
    "/orders/?status=picked&page=3", "/orders/?q=#150", "/orders/?q=WB-0", "/orders/?q=WB-000170", "/orders/?q=петрова",
    "/orders/?q=кафе еж", "/orders/?q={sku}", "/orders/?q=zzzz", "/orders/100/", "/orders/new/",
    "/orders/find/?q=футболка",
    "/questions/", "/questions/?kind=negative_stock", "/questions/?status=settled",
    "/counts/", "/counts/{count}/", "/counts/{count}/?view=differences", "/counts/{count}/?view=left&walk=1",
    "/labels/?product=1&product=2", "/people/", "/phones/", "/errors/", "/sheets/",
]  # fmt: skip


class Desk:
    """A child process that runs `warehouse.py`. facts: its first answer, with values for the addresses in PAGES."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.facts = self.read_answer()

    def read_answer(self) -> dict[str, Any]:
        """Read the next answer of the child process."""
        assert self.process.stdout
        facts: dict[str, Any] = json.loads(self.process.stdout.readline())
        return facts

    def ask(self, page: str) -> dict[str, Any]:
        """Have the child process open a page. Returns what the page took (see `warehouse.measure_page`)."""
        assert self.process.stdin
        print(quote(page.format(**self.facts), safe="/?&=-"), file=self.process.stdin, flush=True)
        return self.read_answer()


@contextmanager
def desk(kind: str, hundreds: int) -> Iterator[Desk]:
    """A warehouse of `hundreds` of products in a new database. kind: `sqlite` or `postgresql`."""
    with temporary_folder() as folder, ExitStack() as stack:
        if kind == "sqlite":
            url = f"sqlite:///{folder / 'desk.sqlite3'}"
        else:
            url = stack.enter_context(temporary_postgres(random_page_cost="1.1"))  # as docker-compose.prod.yml has it
        environment = clean_environment(database_url=url, folder=folder)
        environment |= {"SECRET_KEY": "benchmarks-only-" * 4, "LOG_LEVEL": "WARNING"}
        subprocess.run([sys.executable, str(BACKEND / "manage.py"), "migrate", "-v0"], env=environment, check=True)
        command = [sys.executable, "-m", "proofs.benchmarks.warehouse", str(hundreds)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
            try:
                yield Desk(process)
            finally:
                process.terminate()


def main() -> int:
    """Measure all chosen pages. Returns 0 if all requirements are kept, else 1."""
    parser = argparse.ArgumentParser(prog="python -m proofs.benchmarks.desk")
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="pages with this in their address")
    chosen = parser.parse_args()
    missed = []
    with ExitStack() as both:
        small, large = (both.enter_context(desk(chosen.database, hundreds)) for hundreds in (SMALL, LARGE))
        print(f"{'queries':>7}{'small ms':>10}{'large ms':>10}{'ratio':>7}{'clock ms':>10}  page")
        for page in (one for one in PAGES if chosen.only in one):
            if not measure(small, large, page, chosen.rounds):
                missed.append(page)
    print("MISSED: " + ", ".join(missed) if missed else "All are kept.")
    return 1 if missed else 0


def measure(small: Desk, large: Desk, page: str, rounds: int) -> bool:
    """Measure a page and print the figures. Returns whether it keeps the requirements."""
    for each in (small, large):
        each.ask(page)  # warms caches up
    pairs = [(small.ask(page), large.ask(page)) for _round in range(rounds)]
    bad = {one["status"] for pair in pairs for one in pair} - {200, 302}
    ratio = statistics.median(after["ms"] / before["ms"] for before, after in pairs)
    times = [statistics.median(pair[side]["ms"] for pair in pairs) for side in (0, 1)]
    queries = max(one["queries"] for pair in pairs for one in pair)
    clock = min(large["clock"] for _small, large in pairs)
    kept = not bad and queries < QUERIES_BELOW and (ratio <= RATIO_AT_MOST or page == CHART)
    mark = "" if kept else f"  MISSED {bad or ''}"
    print(f"{queries:7}{times[0]:10.1f}{times[1]:10.1f}{ratio:7.2f}{clock:10.1f}  {page}{mark}", flush=True)
    return kept


if __name__ == "__main__":
    sys.exit(main())
