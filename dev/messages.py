"""`make messages` collects texts for translation and compiles the catalogues; `--check` fails if one is out of date.

Needs no gettext programs: Python is read as a syntax tree, templates by Django's converter, and polib writes the
catalogues. It prints the texts that lack a translation; a person fills them in in api/locale/*/LC_MESSAGES/django.po.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polib
from django.utils.translation.template import templatize

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev.common import BACKEND

LANGUAGES = ("ru", "de")
LOCALE = BACKEND / "api" / "locale"
PLURALS = {
    "ru": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);",
    "de": "nplurals=2; plural=(n != 1);",
}
SINGLE = {"_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{[^}]*\}|%[sd]")

FOREIGN = BACKEND / "api" / "locale" / "foreign.txt"
"""Texts of other packages that have no good translation, one per line. Our translations replace theirs."""


@dataclass
class Message:
    """A text for translation. plural: its plural form, or "". places: the files that contain it."""

    text: str
    plural: str = ""
    places: set[str] = field(default_factory=set)


def main(*, check: bool) -> int:
    """Returns the exit code: 0, or 1 if a catalogue is not complete or, with `check`, not up to date."""
    messages = collect()
    problems: list[str] = []
    for language in LANGUAGES:
        path = LOCALE / language / "LC_MESSAGES" / "django.po"
        old = polib.pofile(str(path)) if path.exists() else polib.POFile()
        new = merged(old, messages, language)
        problems += [f"{language}: {problem}" for problem in incomplete(new)]
        compiled = path.with_suffix(".mo")
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != str(new):
                problems.append(f'{language}: django.po is out of date. Run "make messages".')
            if not compiled.exists() or compiled.read_bytes() != new.to_binary():
                problems.append(f'{language}: django.mo is out of date. Run "make messages".')
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(new), encoding="utf-8")
        compiled.write_bytes(new.to_binary())
    print(*problems, f"{len(messages)} texts, {len(problems)} problems", sep="\n")
    return 1 if problems else 0


def collect() -> dict[tuple[str, str], Message]:
    """All texts of the server, by text and plural, in the order of their files."""
    found: dict[tuple[str, str], Message] = {}
    for path in sorted(BACKEND.rglob("*")):
        if path.suffix not in {".py", ".html", ".txt"} or {"tests", "migrations"} & set(path.parts):
            continue
        place = path.relative_to(BACKEND).as_posix()
        pairs: Iterator[tuple[str, str]]
        if path == FOREIGN:
            lines = path.read_text(encoding="utf-8").splitlines()
            pairs = iter([(line, "") for line in lines if line.strip()])
        elif path.suffix == ".py":
            pairs = in_python(path.read_text(encoding="utf-8"))
        elif "templates" in path.parts:
            pairs = in_template(path.read_text(encoding="utf-8"), place)
        else:
            continue
        for text, plural in pairs:
            found.setdefault((text, plural), Message(text, plural)).places.add(place)
    return found


def in_python(source: str) -> Iterator[tuple[str, str]]:
    """The texts and plurals that are passed to gettext's functions."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if name in SINGLE and texts:
            yield texts[0], ""
        elif name in PLURAL and len(texts) >= 2:
            yield texts[0], texts[1]
        elif "pgettext" in name:
            raise SystemExit(f"{name}({texts}): the catalogues have no contexts. Use another text.")


def in_template(source: str, place: str) -> Iterator[tuple[str, str]]:
    """The texts of `translate` and `blocktranslate`."""
    quoted = r"""u?((?:"(?:[^"\\]|\\.)*")|(?:'(?:[^'\\]|\\.)*'))"""
    converted = templatize(source, origin=place)
    if "pgettext(" in converted:
        raise SystemExit(f"{place}: the catalogues have no contexts. Use another text.")
    for match in re.finditer(rf"(?<!\w)(n?gettext|_)\({quoted}(?:, ?{quoted})?", converted):
        plural = ast.literal_eval(match[3]) if match[1] == "ngettext" else ""
        yield ast.literal_eval(match[2]), plural


def merged(old: polib.POFile, messages: dict[tuple[str, str], Message], language: str) -> polib.POFile:
    """A catalogue of these messages with the translations of `old`, without those that are no longer used."""
    new = polib.POFile(wrapwidth=110)
    new.metadata = {
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": PLURALS[language],
    }
    known = {(entry.msgid, entry.msgid_plural): entry for entry in old if not entry.obsolete}
    for key, message in sorted(messages.items(), key=lambda pair: (min(pair[1].places), pair[0])):
        entry = polib.POEntry(msgid=message.text, occurrences=[(place, "") for place in sorted(message.places)])
        before = known.get(key)
        if message.plural:
            count = int(PLURALS[language][len("nplurals=")])
            entry.msgid_plural = message.plural
            entry.msgstr_plural = before.msgstr_plural if before else dict.fromkeys(range(count), "")
        elif before:
            entry.msgstr = before.msgstr
        if PLACEHOLDER.search(message.text):
            entry.flags = ["python-format"]
        if before and before.fuzzy:
            entry.flags.append("fuzzy")
        new.append(entry)
    return new


def incomplete(catalogue: polib.POFile) -> Iterator[str]:
    """The problems of the translations, one line each: missing, fuzzy, or with other placeholders than the text."""
    for entry in catalogue:
        given = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
        if not all(given):
            yield f"not translated: {entry.msgid!r}"
        elif entry.fuzzy:
            yield f"fuzzy: {entry.msgid!r}"
        elif any(sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(entry.msgid)) for text in given):
            yield f"other placeholders: {entry.msgid!r}"


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
