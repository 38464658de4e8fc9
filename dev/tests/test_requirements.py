"""The pinned requirements can be installed. pip refuses a file with a line that belongs to no package."""

import re
from pathlib import Path

import pytest

from dev.common import BACKEND

FILES = sorted(BACKEND.glob("requirements*.txt"))
PACKAGE = re.compile(r"[a-z0-9][a-z0-9.-]*(\[[a-z0-9,-]+\])?==\S+( ; [^\\]+)? \\")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_line_is_a_package_with_its_version_or_a_hash_of_one(file: Path) -> None:
    before = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("    --hash="):
            assert before.endswith("\\"), line
        elif line and not line.lstrip().startswith("#"):
            assert PACKAGE.fullmatch(line), line
        before = line
