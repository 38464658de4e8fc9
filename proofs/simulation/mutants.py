"""`python -m proofs.simulation.mutants`: plant bugs in a copy of the server; the simulation must find each of them,
or the tests that its entry names.

A bug is an exact replacement of text, so this fails if the server's code has changed there. The unchanged copy is
played first and must pass. A schedule that fails there proves nothing and is skipped for the bugs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from proofs.simulation.mutant_list import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("easy_box_backend", "proofs", "dev")
COPIED_FILES = ("pyproject.toml", "conftest.py")
SCHEDULES = 50
SCHEDULE, FAILED = "schedule ", "FAILED "
"""The beginnings of the lines that report a failure: of the simulation, and of the tests."""


@dataclass
class Verdict:
    """The result of trying one bug. caught: the lines that report it. problem: why it could not be tried, or ""."""

    mutant: Mutant
    caught: list[str]
    seconds: float
    problem: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the planted bug was found, or nothing was found in the unchanged copy."""
        return not self.problem and bool(self.caught) == bool(self.mutant.changes)

    def __str__(self) -> str:
        mark = "ok  " if self.is_good else "BAD "
        where = "the tests" if self.mutant.tests else f"{SCHEDULES} schedules"
        outcome = self.problem or (self.caught[0] if self.caught else f"nothing in {where}")
        kind = "tests" if self.mutant.tests else self.mutant.server
        return f"{mark}{self.mutant.name:<52} {kind:<10} {self.seconds:>4.0f} s  {outcome[:150]}"


def main() -> int:
    """Try the chosen bugs. Returns 0 if each was found, and nothing in the unchanged copy."""
    parser = argparse.ArgumentParser(prog="python -m proofs.simulation.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="only those whose name contains one of these")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chosen = [one for one in MUTANTS if not options.names or any(part in one.name for part in options.names)]
    verdicts = []
    skipped: dict[tuple[str, str], str] = {}
    for mutant in chosen:
        kind = (mutant.server, mutant.app) if not mutant.tests else ("tests", mutant.tests)
        verdicts.append(try_one(mutant, options.seed, skipped.get(kind, "")))
        print(verdicts[-1], flush=True)
        if not mutant.changes:
            skipped[kind] = ",".join(line.split(":")[0].removeprefix(SCHEDULE) for line in verdicts[-1].caught)
    bad = sum(not verdict.is_good for verdict in verdicts)
    print(f"{len(verdicts)} tried, {bad} wrong")
    return 1 if bad else 0


def try_one(mutant: Mutant, seed: int, skipped: str) -> Verdict:
    """Plant a bug, then play up to SCHEDULES schedules until one fails, or run its tests. Without a bug, play all.

    skipped: the numbers of schedules to leave out, with commas.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="easybox-mutant-") as name:
        folder = Path(name)
        copy_tree(folder)
        try:
            plant(mutant, folder)
        except LookupError as error:
            return Verdict(mutant, [], 0.0, str(error))
        command = [sys.executable, "-m", "proofs.simulation", "--seed", str(seed), "--schedules", str(SCHEDULES)]
        command += ["--jobs", "1", "--server", mutant.server, "--app", mutant.app, "--skip", skipped]
        command += ["--stop"] if mutant.changes else ["--no-shrink", "--lines"]
        if mutant.tests:
            command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", mutant.tests]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    caught = [line for line in result.stdout.splitlines() if line.startswith((SCHEDULE, FAILED))]
    crashed = result.returncode not in (0, 1) or (result.returncode == 1 and not caught)
    problem = f"the simulation crashed: {result.stderr.strip()[-140:]!r}" if crashed else ""
    return Verdict(mutant, caught, time.monotonic() - start, problem)


def copy_tree(folder: Path) -> None:
    """Copy the code that a run needs, without data, into `folder`."""
    for part in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "var", ".venv", "*.sqlite3*", "media")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    for file in COPIED_FILES:
        shutil.copyfile(ROOT / file, folder / file)


def plant(mutant: Mutant, folder: Path) -> None:
    """Make the replacements of a bug in the copy. Raises LookupError unless each old text is there exactly once."""
    for change in mutant.changes:
        path = folder / "easy_box_backend" / change.path
        text = path.read_text(encoding="utf-8")
        if text.count(change.old) != 1:
            raise LookupError(f"{mutant.name}: {text.count(change.old)} times in {change.path}:\n{change.old}")
        path.write_text(text.replace(change.old, change.new), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
