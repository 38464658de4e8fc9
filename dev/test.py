"""`make test`: the whole suite, on SQLite and on PostgreSQL at once, and one line for each at the end.

On SQLite in development mode, as `make run` starts the server; on PostgreSQL in production mode, with the settings and
the collected static files of a real one.

Every test runs at least once, but for those marked `slow`. Those that use the database run on PostgreSQL, and on SQLite
too where the database can make a difference (marked `both_databases`). Those that use no database, or one that can make
no difference (marked `any_database`), run once, in the process that has time for them. Those that use a browser run on
SQLite in a third process, which leaves the processor to the others while it waits for a page. A tenth of the examples
is tried, see api/tests/examples.py.

ARGS="-k orders -x"    more arguments for pytest; what they choose runs on both databases
DB=both                every test on both databases, also the slow ones, with all examples
DB=sqlite              every test on that one (or postgresql)
WORKERS=4              processes for each share; 0: one after the other and none in parallel, for a debugger
"""

import os
import shlex
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev.common import ROOT, clean_environment, database, memory_if_it_has_room, run, temporary_folder

OTHER = "--other"
KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
BROWSER = "browser"
FOLDER = "easy_box_backend/api/tests/browser"
NAMES = {**KINDS, BROWSER: "Browser"}
BOTH = "both"
PRODUCTION = {
    "MODE": "production",
    "SECRET_KEY": "only-for-tests-" + "0123456789" * 5,
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "SERVE_MEDIA": "true",  # no nginx is there to do it
    "DB_POOL_MAX": "16",  # more threads than a process of gunicorn has
}
SETTINGS = {"DJANGO_SETTINGS_MODULE": "backend.settings"}
COLLECT = """# Without the packed copies, which take 4 s and which no test asks for
from django import setup
from django.core.management import call_command
from whitenoise.storage import CompressedManifestStaticFilesStorage as Storage
Storage.compress_files = lambda self, paths: ()
setup()
call_command("collectstatic", interactive=False, verbosity=0)
"""


@dataclass
class Result:
    """The result of one share: on a database, or in a browser."""

    name: str
    exit_code: int
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    trouble: str = ""

    @property
    def is_good(self) -> bool:
        """Whether tests ran and none failed. Those of a browser are skipped where there is none."""
        return self.exit_code == 0 and self.failed == 0 and (self.passed > 0 or self.name == NAMES[BROWSER])

    def __str__(self) -> str:
        text = f"{self.name}: {self.passed} passed, {self.failed} failed"
        text += f", {self.skipped} skipped" if self.skipped else ""
        text += f" in {self.seconds:.0f} s"
        if self.trouble:
            return f"{text} ({self.trouble})"
        if not self.is_good and not self.failed:
            return f"{text} (pytest ended with code {self.exit_code})"
        return text


def main() -> int:
    """Run the suite on each database; returns 0 only if tests ran on all of them and none failed."""
    if sys.argv[1:2] == [OTHER]:
        return other(*sys.argv[2:])
    chosen = os.environ.get("DB", "")
    if chosen and chosen not in (*KINDS, BOTH):
        sys.exit(f"DB={chosen} is none of: {', '.join([*KINDS, BOTH])}")
    if chosen in KINDS:
        results = [run_share(chosen, processors())]
    elif os.environ.get("WORKERS") == "0" or processors() == 1:
        with temporary_folder() as taken:
            results = [run_share(name, 0, taken) for name in shares()]
    else:
        return all_at_once()
    print()
    for result in results:
        print(result)
    return 0 if all(result.is_good for result in results) else 1


def processors() -> int:
    """How many processes can work at a time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shares() -> list[str]:
    """What the suite is split into: a person's own choice into the databases only."""
    return [*KINDS] if is_chosen() else [*NAMES]


def is_chosen() -> bool:
    """Whether a person has said what is to run."""
    return bool(os.environ.get("ARGS") or os.environ.get("DB"))


def all_at_once() -> int:
    """SQLite here, the other shares in processes like this one, whose words come afterwards."""
    own, *names = shares()
    workers = processors() // len(KINDS)
    with temporary_folder() as folder, ExitStack() as stack:
        taken = folder / "taken"
        taken.mkdir()
        others = {name: stack.enter_context(started(name, workers, folder)) for name in names}
        results = [run_share(own, workers, taken)]
        for name, process in others.items():
            repeat(folder / f"{name}.txt", process)
        is_good = results[0].is_good and not any(process.returncode for process in others.values())
        texts = [str(results[0]), *(came_out(name, folder) for name in names)]
    print("", *texts, sep="\n")
    return 0 if is_good else 1


@contextmanager
def started(name: str, workers: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process of a share; it is over at the end of the block. What it says goes into a file."""
    command = [sys.executable, __file__, OTHER, name, str(workers), str(folder)]
    with (folder / f"{name}.txt").open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def other(name: str, workers: str, folder: str) -> int:
    """What such a process does; the line about it goes into a file."""
    result = run_share(name, int(workers), Path(folder) / "taken")
    (Path(folder) / f"{name}.result").write_text(str(result), encoding="utf-8")
    return 0 if result.is_good else 1


def came_out(name: str, folder: Path) -> str:
    """The line about a share."""
    path = folder / f"{name}.result"
    return path.read_text(encoding="utf-8") if path.exists() else f"{NAMES[name]}: did not come to an end"


def repeat(said: Path, process: subprocess.Popen[bytes]) -> None:
    """Print what `process` has said and says until it ends."""
    with said.open(encoding="utf-8", errors="replace") as file:
        is_over = False
        while not is_over:
            is_over = process.poll() is not None
            more = file.read()
            print(more, end="", flush=True)
            time.sleep(0 if more else 0.2)


def run_share(name: str, workers: int, taken: Path | None = None) -> Result:
    """Run a share of the suite, in so many processes.

    taken: the folder where the shares note what they run of what either database may.
    """
    print(f"\n==> {NAMES[name]}", flush=True)
    kind = "sqlite" if name == BROWSER else name
    start = time.monotonic()
    with temporary_folder(memory_if_it_has_room()) as folder:
        report = folder / "report.xml"
        try:
            with database(kind, folder) as url:
                environment = clean_environment(database_url=url, folder=folder)
                if kind == "postgresql":
                    environment |= PRODUCTION
                    subprocess.run([sys.executable, "-c", COLLECT], env=environment | SETTINGS, check=True)
                exit_code = run(command(name, report, workers, taken), cwd=ROOT, env=environment)
        except RuntimeError as error:
            print(error)
            return Result(NAMES[name], 1, time.monotonic() - start, trouble="the database did not start")
        result = Result(NAMES[name], exit_code, time.monotonic() - start)
        if report.exists():
            count(report, result)
        return result


def command(name: str, report: Path, workers: int, taken: Path | None) -> list[str]:
    """The pytest command, with the person's own arguments last."""
    own = shlex.split(os.environ.get("ARGS", ""))
    place = FOLDER if name == BROWSER else f"--ignore={FOLDER}"
    share = [] if is_chosen() else [f"--share={name}", f"--taken={taken}", place]  # see conftest.py
    workers = int(os.environ.get("WORKERS") or min(workers, 8))
    parallel = ["-n", str(workers), "--dist", "worksteal"] if workers > 1 else []
    ours = [f"--junitxml={report}", *parallel]
    return [sys.executable, "-m", "pytest", *ours, *share, *own]


def count(report: Path, result: Result) -> None:
    """Fill in the numbers from pytest's report, which we have just written ourselves."""
    for suite in ET.parse(report).getroot().iter("testsuite"):
        number = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
        result.failed += number["failures"] + number["errors"]
        result.skipped += number["skipped"]
        result.passed += number["tests"] - number["failures"] - number["errors"] - number["skipped"]


if __name__ == "__main__":
    sys.exit(main())
