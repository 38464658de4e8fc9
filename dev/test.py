"""`make test`: the whole suite, on SQLite and PostgreSQL in parallel, with one line of results for each at the end.

The tests on SQLite run in development mode, as `make run` starts the server. Those on PostgreSQL run in production
mode, with the settings and the collected static files of a production server.

The suite is split into two shares, each run by a process of its own:

- `postgresql`: all tests that use the database;
- `sqlite`: those where the database can make a difference (marked `both_databases`), a second time.

Tests that use no database, or where it can make no difference (marked `any_database`), run once: in the first of the
two processes that gets to them. Tests marked `slow` and those that drive a browser (`make test-browser`) are left out.
Only a tenth of the generated examples is tried, see api/tests/examples.py.

ARGS="-k orders -x"    more arguments for pytest; the tests that they choose run on both databases
DB=both                every test on both databases, also the slow ones and the browser's, with all examples
DB=sqlite              every test on SQLite only (or DB=postgresql)
WORKERS=4              pytest processes for each share; 0: the shares one after the other, each in one process,
                       for a debugger
"""

import os
import shlex
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev.common import ROOT, clean_environment, database, memory_folder, run, temporary_folder

CHILD = "--child"
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
BROWSER_TESTS = "easy_box_backend/api/tests/browser"
BOTH = "both"
PRODUCTION = {
    "MODE": "production",
    "SECRET_KEY": "only-for-tests-" + "0123456789" * 5,
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "SERVE_MEDIA": "true",  # there is no nginx to do it
    "DB_POOL_MAX": "16",  # tests start more threads than a gunicorn process has
}
SETTINGS = {"DJANGO_SETTINGS_MODULE": "backend.settings"}
COLLECT = """# Without the compressed copies, which take 4 s and which no test requests
from django import setup
from django.core.management import call_command
from whitenoise.storage import CompressedManifestStaticFilesStorage as Storage
Storage.compress_files = lambda self, paths: ()
setup()
call_command("collectstatic", interactive=False, verbosity=0)
"""


@dataclass
class Result:
    """The result of one share. problem: why no tests could run, or ""."""

    name: str
    exit_code: int
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    problem: str = ""

    @property
    def is_good(self) -> bool:
        """Whether tests ran and none failed."""
        return self.exit_code == 0 and self.failed == 0 and self.passed > 0

    def __str__(self) -> str:
        text = f"{self.name}: {self.passed} passed, {self.failed} failed"
        text += f", {self.skipped} skipped" if self.skipped else ""
        text += f" in {self.seconds:.0f} s"
        if self.problem:
            return f"{text} ({self.problem})"
        if not self.is_good and not self.failed:
            return f"{text} (pytest ended with code {self.exit_code})"
        return text


def main() -> int:
    """Run the suite, or as a child process one share; returns 0 only if tests ran in each share and none failed."""
    if sys.argv[1:2] == [CHILD]:
        return run_child(*sys.argv[2:])
    chosen = os.environ.get("DB", "")
    if chosen and chosen not in (*DATABASES, BOTH):
        sys.exit(f"DB={chosen} is none of: {', '.join([*DATABASES, BOTH])}")
    if chosen in DATABASES:
        results = [run_share(chosen, processors())]
    elif os.environ.get("WORKERS") == "0" or processors() == 1:
        with temporary_folder() as taken:
            results = [run_share(name, 0, taken) for name in DATABASES]
    else:
        return run_in_parallel()
    print()
    for result in results:
        print(result)
    return 0 if all(result.is_good for result in results) else 1


def processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_chosen() -> bool:
    """Whether ARGS or DB says which tests are to run."""
    return bool(os.environ.get("ARGS") or os.environ.get("DB"))


def run_in_parallel() -> int:
    """Run the SQLite share in this process and the other in a child process; print the child's output at the end.

    Returns 0 only if tests ran in each share and none failed.
    """
    own, other = DATABASES
    workers = processors() // len(DATABASES)
    with temporary_folder() as folder:
        taken = folder / "taken"
        taken.mkdir()
        with child_process(other, workers, folder) as child:
            result = run_share(own, workers, taken)
            print_output(folder / f"{other}.txt", child)
        print(f"\n{result}\n{summary_line(other, folder)}")
    return 0 if result.is_good and child.returncode == 0 else 1


@contextmanager
def child_process(name: str, workers: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs the share `name`, with its output in `folder`/NAME.txt. It has ended after the block."""
    command = [sys.executable, __file__, CHILD, name, str(workers), str(folder)]
    with (folder / f"{name}.txt").open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def run_child(name: str, workers: str, folder: str) -> int:
    """The main function of a child process: run the share and write its line of results to `folder`/NAME.result."""
    result = run_share(name, int(workers), Path(folder) / "taken")
    (Path(folder) / f"{name}.result").write_text(str(result), encoding="utf-8")
    return 0 if result.is_good else 1


def summary_line(name: str, folder: Path) -> str:
    """The line of results that the child process of a share has written."""
    path = folder / f"{name}.result"
    return path.read_text(encoding="utf-8") if path.exists() else f"{DATABASES[name]}: did not come to an end"


def print_output(output: Path, process: subprocess.Popen[bytes]) -> None:
    """Print the file `output`, and what `process` still writes to it, until the process ends."""
    with output.open(encoding="utf-8", errors="replace") as file:
        is_over = False
        while not is_over:
            is_over = process.poll() is not None
            more = file.read()
            print(more, end="", flush=True)
            time.sleep(0 if more else 0.2)


def run_share(name: str, workers: int, taken: Path | None = None) -> Result:
    """Run a share of the suite.

    workers: the number of pytest processes; 0 or 1: no parallel ones. taken: a folder in which the shares mark the
    tests that they have begun, of those that may run on either database. Each of them then runs once.
    """
    print(f"\n==> {DATABASES[name]}", flush=True)
    start = time.monotonic()
    with temporary_folder(memory_folder()) as folder:
        report = folder / "report.xml"
        try:
            with database(name, folder) as url:
                environment = clean_environment(database_url=url, folder=folder)
                if name == "postgresql":
                    environment |= PRODUCTION
                    subprocess.run([sys.executable, "-c", COLLECT], env=environment | SETTINGS, check=True)
                exit_code = run(command(name, report, workers, taken), cwd=ROOT, env=environment)
        except RuntimeError as error:
            print(error)
            return Result(DATABASES[name], 1, time.monotonic() - start, problem="the database did not start")
        result = Result(DATABASES[name], exit_code, time.monotonic() - start)
        if report.exists():
            count(report, result)
        return result


def command(name: str, report: Path, workers: int, taken: Path | None) -> list[str]:
    """The pytest command, with the person's own arguments last."""
    own = shlex.split(os.environ.get("ARGS", ""))
    # The options of a share: conftest.py.
    share = [] if is_chosen() else [f"--share={name}", f"--taken={taken}", f"--ignore={BROWSER_TESTS}"]
    workers = int(os.environ.get("WORKERS") or min(workers, 8))
    parallel = ["-n", str(workers), "--dist", "worksteal"] if workers > 1 else []
    ours = [f"--junitxml={report}", *parallel]
    return [sys.executable, "-m", "pytest", *ours, *share, *own]


def count(report: Path, result: Result) -> None:
    """Add the numbers of pytest's report to `result`. The report is our own, so the XML parser need not be safe."""
    for suite in ET.parse(report).getroot().iter("testsuite"):
        number = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
        result.failed += number["failures"] + number["errors"]
        result.skipped += number["skipped"]
        result.passed += number["tests"] - number["failures"] - number["errors"] - number["skipped"]


if __name__ == "__main__":
    sys.exit(main())
