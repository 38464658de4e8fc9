"""Sums over many schedules."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from proofs.simulation.schedule import Result


@dataclass(frozen=True)
class Short:
    """A schedule.Result without its history, to be sent between processes."""

    number: int
    violations: tuple[tuple[str, str], ...]
    requests: int
    press_errors: tuple[tuple[int, int], ...]
    flagged: dict[str, int]
    needed: int
    by_hand: bool

    @classmethod
    def of(cls, result: Result) -> Short:
        """Shorten a result."""
        violations = tuple((violation.invariant, violation.detail) for violation in result.violations)
        return cls(
            result.plan.number,
            violations,
            len(result.log),
            tuple(result.press_errors),
            dict(result.flagged),
            result.needed,
            result.by_hand,
        )


@dataclass
class Summary:
    """The sums of many results."""

    schedules: int = 0
    requests: int = 0
    broken: list[Short] = field(default_factory=list)
    press_errors: list[tuple[int, int]] = field(default_factory=list)
    worst: tuple[int, int] = (0, 0)
    """The largest error of a product's stock, and the number of its schedule."""
    flagged: Counter[str] = field(default_factory=Counter)
    needed: int = 0
    by_hand: int = 0

    def add(self, short: Short) -> None:
        """Add the result of a schedule."""
        self.schedules += 1
        self.requests += short.requests
        self.press_errors += short.press_errors
        self.worst = max([self.worst, *((error, short.number) for error, _pressed in short.press_errors)])
        self.flagged.update(short.flagged)
        self.needed += short.needed
        self.by_hand += short.by_hand
        if short.violations:
            self.broken.append(short)

    def text(self, seconds: float) -> str:
        """The lines to print at the end of a run that took so many seconds."""
        lines = [f"{self.schedules} schedules, {self.requests} requests of phones and programs in {seconds:.0f} s"]
        if self.press_errors:
            ours = sum(error for error, _ in self.press_errors) / len(self.press_errors)
            ignoring = sum(pressed for _, pressed in self.press_errors) / len(self.press_errors)
            lines.append(
                f"the {len(self.press_errors)} products whose + and − were pressed: mean absolute error of their stock"
                f" {ours:.3f} (the worst {self.worst[0]}, in schedule {self.worst[1]});"
                f" of a server that ignores these numbers {ignoring:.3f}"
            )
        flagged = ", ".join(f"{kind} {n}" for kind, n in self.flagged.most_common()) or "none"
        lines.append(f"open discrepancies: {flagged}")
        lines.append(
            f"{self.needed} of them had to be clicked to put a stock right;"
            f" {self.by_hand} schedules needed a look at the shelf besides"
        )
        invariants = Counter(name for short in self.broken for name in {name for name, _ in short.violations})
        if self.broken:
            numbers = ", ".join(str(short.number) for short in self.broken[:20])
            lines.append(f"BROKEN in {len(self.broken)} schedules ({numbers}{', …' if len(self.broken) > 20 else ''}):")
            lines += [f"  {n:>5}  {name}" for name, n in invariants.most_common()]
        else:
            lines.append("no invariant broken")
        return "\n".join(lines)
