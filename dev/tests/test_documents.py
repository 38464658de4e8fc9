"""The links, files and commands that the Markdown files name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BACKEND = ROOT / "easy_box_backend"
FOLDERS = ("easy_box_backend/", "deploy/", "dev/", "docs/", "proofs/", ".github/")
FILES = [*ROOT.glob("*"), *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*"))]
DOCUMENTS = sorted(str(file.relative_to(ROOT)) for file in FILES if file.suffix == ".md")

CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
QUOTED = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
KINDS = (".py", ".md", ".sh", ".yml", ".yaml", ".conf", ".toml", ".in", "/")
SEEN_FROM = (ROOT, BACKEND, BACKEND / "api", BACKEND / "backend", ROOT / "docs")
ELSEWHERE = re.compile(
    r"(backups|certs|secrets|media|var|easy_box|feature|release|hotfix|easy_box_backend/(\.env|offsite\.env|secrets))(/|$)"
)
"""Branches, and what exists only on a running server."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose_of(name: str) -> str:
    """A page without its code blocks."""
    return CODE.sub("", text_of(name))


def anchors(name: str) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", found) for found in HEADING.findall(prose_of(name)))
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def is_broken(link: str, document: str) -> bool:
    """Whether a relative link leads to no file or to no heading."""
    if re.match(r"[a-z]+:", link):
        return False
    file, _hash, anchor = link.partition("#")
    page = ((ROOT / document).parent / file if file else ROOT / document).resolve()
    return not page.exists() or bool(anchor and anchor not in anchors(str(page.relative_to(ROOT))))


def paths(name: str) -> list[str]:
    """The texts in backticks that look like a file or folder of the project."""
    words = (quoted.split()[0] for quoted in QUOTED.findall(prose_of(name)) if quoted.strip())
    found = (word for word in words if PATH.fullmatch(word) and not ELSEWHERE.match(word))
    return [word for word in found if word.endswith(KINDS) or word.startswith(FOLDERS)]


def exists(path: str, document: str) -> bool:
    """Whether `path` exists, relative to one of the usual folders or to the document's own. A file name without a
    folder may be anywhere."""
    for place in (*SEEN_FROM, (ROOT / document).parent):
        if "*" in path and any(place.glob(path)):
            return True
        if (place / path).exists():
            return True
    return "/" not in path and any(file.name == path for file in FILES)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_of_a_document_leads_somewhere(name: str) -> None:
    assert [link for link in LINK.findall(prose_of(name)) if is_broken(link, name)] == []


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_every_path_that_a_document_names_exists(name: str) -> None:
    """Except in the changelog, which names files that no longer exist."""
    assert [path for path in paths(name) if not exists(path, name)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_command_that_a_document_names_exists(name: str) -> None:
    targets = re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE)
    code = "\n".join([*CODE.findall(text_of(name)), *QUOTED.findall(prose_of(name))])
    assert set(re.findall(r"(?:^|[\s;&])make ([a-z][a-z-]+)\b", code)) <= set(targets)


def test_a_missing_file_or_heading_is_noticed() -> None:
    assert is_broken("docs/nothing.md", "README.md")
    assert is_broken("#no-such-heading", "README.md")
    assert not is_broken("docs/operations.md#secrets", "README.md")
    assert exists("api/models/products.py", "README.md")
    assert not exists("api/no_such_module.py", "README.md")
    assert "setup-server.sh" in paths("deploy/README.md")
