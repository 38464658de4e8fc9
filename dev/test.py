"""`make test`: the whole suite on SQLite, then on PostgreSQL, and one line for each at the end.

ARGS="-k orders -x"    more arguments for pytest
DB=sqlite              only that one (or postgresql)
WORKERS=4              processes in parallel; 0 for none, so that a debugger can be used
"""

import os
import shlex
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev.common import ROOT, clean_environment, database, run, temporary_folder

KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass
class Result:
    """What came out on one database."""

    name: str
    exit_code: int
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    trouble: str = ""

    @property
    def is_good(self) -> bool:
        """Whether tests ran and none failed."""
        return self.exit_code == 0 and self.failed == 0 and self.passed > 0

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
    chosen = os.environ.get("DB", "")
    if chosen and chosen not in KINDS:
        sys.exit(f"DB={chosen} is none of: {', '.join(KINDS)}")
    results = [run_on(kind) for kind in ([chosen] if chosen else KINDS)]
    print()
    for result in results:
        print(result)
    return 0 if all(result.is_good for result in results) else 1


def run_on(kind: str) -> Result:
    """Run the suite on a database of `kind`."""
    print(f"\n==> {KINDS[kind]}", flush=True)
    start = time.monotonic()
    with temporary_folder() as folder:
        report = folder / "report.xml"
        try:
            with database(kind, folder) as url:
                environment = clean_environment(database_url=url, folder=folder)
                exit_code = run(command(report), cwd=ROOT, env=environment)
        except RuntimeError as error:
            print(error)
            return Result(KINDS[kind], 1, time.monotonic() - start, trouble="the database did not start")
        result = Result(KINDS[kind], exit_code, time.monotonic() - start)
        if report.exists():
            count(report, result)
        return result


def command(report: Path) -> list[str]:
    """The pytest command, with the person's own arguments last."""
    workers = os.environ.get("WORKERS") or str(min(os.cpu_count() or 1, 8))
    parallel = [] if workers == "0" else ["-n", workers, "--dist", "worksteal"]
    ours = [f"--junitxml={report}", *parallel]
    return [sys.executable, "-m", "pytest", *ours, *shlex.split(os.environ.get("ARGS", ""))]


def count(report: Path, result: Result) -> None:
    """Fill in the numbers from pytest's report, which we have just written ourselves."""
    for suite in ET.parse(report).getroot().iter("testsuite"):
        number = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
        result.failed += number["failures"] + number["errors"]
        result.skipped += number["skipped"]
        result.passed += number["tests"] - number["failures"] - number["errors"] - number["skipped"]


if __name__ == "__main__":
    sys.exit(main())
