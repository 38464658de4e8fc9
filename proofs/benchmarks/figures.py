"""Shared by the benchmarks: the processor time of a request, ratios of rounds, requirements, tables."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from dev.common import ROOT
from proofs.benchmarks.client import Connection
from proofs.benchmarks.edge import Edge
from proofs.benchmarks.server import Served


@dataclass(frozen=True, slots=True)
class Requirement:
    text: str
    kept: bool


def verdict(requirements: list[Requirement]) -> int:
    """Print which requirements are kept. Returns the exit code: 0 if all are."""
    print()
    for requirement in requirements:
        print("kept  " if requirement.kept else "MISSED", requirement.text)
    return 0 if all(requirement.kept for requirement in requirements) else 1


def at_most(text: str, value: float, most: float) -> Requirement:
    return Requirement(f"{text} {value:.2f} (at most {most})", value <= most)


def at_least(text: str, value: float, least: float) -> Requirement:
    return Requirement(f"{text} {value:.2f} (at least {least})", value >= least)


def cpu(
    server: Served | Edge, connection: Connection, data: bytes | Iterator[bytes], times: int,
    before: bytes | None = None,
) -> tuple[float, int]:  # fmt: skip
    """The average milliseconds of CPU for a request that is made `times` times, and the size of the answer in bytes.

    data: the request, or one for each time. before: a request to make before each one; its cost is subtracted.
    """
    alone = cpu(server, connection, before, 100)[0] if before else 0.0
    start = server.cpu_seconds()
    for _ in range(times):
        if before:
            connection.ask(before)
        answer = connection.ask(data if isinstance(data, bytes) else next(data))
        assert answer.status in (200, 304), answer
    return (server.cpu_seconds() - start) / times * 1000 - alone, len(answer.body)


def ratio(ours: list[float], plain: list[float]) -> float:
    """The median of the rounds' ratios: a temporary slowdown of the machine affects both numbers of a round."""
    return statistics.median(a / b for a, b in zip(ours, plain, strict=True))


def show(section: str, text: str, *, write: bool) -> None:
    """Print figures with the day. write: also put them into docs/benchmarks.md, between the marks of this section."""
    text = f"{datetime.now(UTC):%Y-%m-%d}, {text}"
    print(f"\n{text}", flush=True)
    if write:
        write_section(section, text)


def write_section(name: str, text: str) -> None:
    """Put `text` into docs/benchmarks.md, between the marks of the section with this name."""
    file, begin, end = ROOT / "docs" / "benchmarks.md", f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = file.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    assert found, f"docs/benchmarks.md has no marks of {name}"
    file.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, with all columns but the first aligned right."""
    marks = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, marks, *rows])
