"""The bugs that `make simulate-mutants` plants can be planted in the current code."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from proofs.simulation.mutant_list import MUTANTS, Mutant
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
