"""`python -m proofs.simulation.mutants`: plant bugs in a copy of the server; the simulation must find each of them,
or the tests that its entry names.

A bug is an exact replacement of text, so this fails if the server's code has changed there. A schedule or a test that
fails without the bug too proves nothing, so each one that fails is repeated in an unchanged copy and must pass there.
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
    for mutant in chosen:
        verdicts.append(try_one(mutant, options.seed))
        print(verdicts[-1], flush=True)
    bad = sum(not verdict.is_good for verdict in verdicts)
    print(f"{len(verdicts)} tried, {bad} wrong")
    return 1 if bad else 0


def try_one(mutant: Mutant, seed: int) -> Verdict:
    """Plant a bug, then play up to SCHEDULES schedules until one fails only with it, or run its tests.

    Without a bug, play all.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="easybox-mutant-") as name:
        changed, unchanged = Path(name, "changed"), Path(name, "unchanged")
        copy_tree(changed)
        copy_tree(unchanged)
        try:
            plant(mutant, changed)
        except LookupError as error:
            return Verdict(mutant, [], 0.0, str(error))
        skipped: list[str] = []
        while True:
            result = run(changed, command(mutant, seed, skipped))
            caught = [line for line in result.stdout.splitlines() if line.startswith((SCHEDULE, FAILED))]
            crashed = result.returncode not in (0, 1) or (result.returncode == 1 and not caught)
            if crashed or not caught or not mutant.changes:
                break
            fails_anyway = [line for line in caught if run(unchanged, command_again(mutant, seed, line)).returncode]
            caught = [line for line in caught if line not in fails_anyway]
            if caught or mutant.tests:
                break
            skipped += map(number_in, fails_anyway)
    problem = f"the simulation crashed: {result.stderr.strip()[-140:]!r}" if crashed else ""
    return Verdict(mutant, caught, time.monotonic() - start, problem)


def command(mutant: Mutant, seed: int, skipped: list[str]) -> list[str]:
    """The words that play the schedules of a mutant but for those to skip, or run its tests."""
    if mutant.tests:
        return ["pytest", "-p", "no:cacheprovider", mutant.tests]
    how = ["--stop"] if mutant.changes else ["--no-shrink", "--lines"]
    return [*schedules(mutant, seed), "--skip", ",".join(skipped), *how]


def command_again(mutant: Mutant, seed: int, line: str) -> list[str]:
    """The words that repeat the schedule or the test that a line reports. Only a success ends with 0."""
    if mutant.tests:
        return ["pytest", "-p", "no:cacheprovider", line.removeprefix(FAILED).split(" - ")[0]]
    return [*schedules(mutant, seed), "--only", number_in(line)]


def schedules(mutant: Mutant, seed: int) -> list[str]:
    """The words that play the schedules of a mutant."""
    words = ["proofs.simulation", "--seed", str(seed), "--schedules", str(SCHEDULES)]
    return [*words, "--jobs", "1", "--server", mutant.server, "--app", mutant.app]


def number_in(line: str) -> str:
    """The number of the schedule that a line reports."""
    return line.split(":")[0].removeprefix(SCHEDULE)


def run(folder: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a module of a copy."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


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
