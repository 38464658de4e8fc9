"""The bugs that `make simulate-mutants` plants can be planted in the current code."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from proofs.simulation import mutants
from proofs.simulation.mutant_list import MUTANTS, Change, Mutant
from proofs.simulation.mutants import ROOT, plant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_bug_can_be_planted_and_the_changed_file_is_valid_python(mutant: Mutant, tmp_path: Path) -> None:
    files = [Path("easy_box_backend", change.path) for change in mutant.changes]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, tmp_path / file)
    plant(mutant, tmp_path)
    for file in files:
        ast.parse((tmp_path / file).read_text(encoding="utf-8"))


SCHEDULES = Mutant("a bug", (Change("api/models/__init__.py", "", ""),))
TESTS = Mutant("a bug", SCHEDULES.changes, tests="test_evidence.py")


@pytest.mark.parametrize(
    ("mutant", "fails", "fails_anyway", "caught"),
    [
        (SCHEDULES, ["schedule 3: stock", "schedule 7: stock"], ["3"], ["schedule 7: stock"]),
        (SCHEDULES, ["schedule 3: stock"], ["3"], []),
        (TESTS, ["FAILED a.py::one - E", "FAILED a.py::two - E"], ["a.py::one"], ["FAILED a.py::two - E"]),
        (TESTS, ["FAILED a.py::one - E"], ["a.py::one"], []),
    ],
    ids=["another schedule", "no other schedule", "another test", "no other test"],
)
def test_what_fails_without_the_bug_too_is_not_a_catch(
    mutant: Mutant, fails: list[str], fails_anyway: list[str], caught: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(folder: Path, words: list[str]) -> CompletedProcess[str]:
        if folder.name == "unchanged":
            return CompletedProcess(words, int(words[-1] in fails_anyway), "", "")
        skipped = words[words.index("--skip") + 1].split(",") if "--skip" in words else []
        lines = [line for line in fails if mutants.number_in(line) not in skipped]
        shown = lines[:1] if "--stop" in words else lines
        return CompletedProcess(words, int(bool(shown)), "\n".join(shown), "")

    monkeypatch.setattr(mutants, "run", run)
    monkeypatch.setattr(mutants, "copy_tree", lambda folder: None)
    monkeypatch.setattr(mutants, "plant", lambda mutant, folder: None)
    verdict = mutants.try_one(mutant, 1)
    assert (verdict.caught, verdict.problem) == (caught, "")
