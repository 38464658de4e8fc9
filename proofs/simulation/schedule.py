"""Play one plan against a server, repair the network, and check the result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from proofs.phone.app import Product
from proofs.phone.dio import Dio, DioException
from proofs.phone.offline import FRESH
from proofs.simulation.facts import gather
from proofs.simulation.intentions import Intentions
from proofs.simulation.invariants import ALL_SKUS, Outcome, Violation, booked_presses, check_all, ledger, stock_error
from proofs.simulation.network import Line, Request, Server
from proofs.simulation.people import Person
from proofs.simulation.plan import MANAGER, PHONES, SHOP, Act, Plan
from proofs.simulation.programs import Program
from proofs.simulation.reader import Reader
from proofs.simulation.scene import READER, REVOKED, Scene, program
from proofs.simulation.settling import DISMISS, choose

PASSES_TO_DRAIN = 4
POLL_EVERY = 4
STRANGERS_EVERY = 10
"""In every tenth schedule, clients without a valid token must be refused."""


@dataclass
class Result:
    """The result of a schedule.

    Attributes:
        press_errors: for each SKU whose + and − were pressed, two errors in pieces: that of the server, which reads the
            quantities that the app sent, and that of a server that would ignore them.
        flagged: open discrepancies by kind.
        needed: how many open discrepancies had to be reversed or applied to put the stock right.
        by_hand: whether the stock could not be put right by settling discrepancies alone.
    """

    plan: Plan
    violations: list[Violation] = field(default_factory=list)
    log: list[Request] = field(default_factory=list)
    press_errors: list[tuple[int, int]] = field(default_factory=list)
    flagged: Counter[str] = field(default_factory=Counter)
    needed: int = 0
    by_hand: bool = False


class Stage:
    """A schedule while it is played."""

    def __init__(self, plan: Plan, scene: Scene, server: Server) -> None:
        self.plan, self.server = plan, server
        self.scene = replace(scene, orders=list(scene.orders))
        self.result = Result(plan)
        self.notes = Intentions()
        self.people: dict[str, Person] = {}
        self.programs = {name: Program(name, self._line(name), self.scene, self.notes) for name in (MANAGER, SHOP)}
        self.reader = Reader(server, scene.tokens[READER])
        self.last_actor = ""

    def play(self) -> Result:
        """Play and check the whole schedule."""
        for act in self.plan.acts:
            self._pause_before(act)
            for other in self.people.values():
                if other.name != act.who:
                    other.continue_pass()
            self._do(act)
            if act.n % POLL_EVERY == 0:
                self.reader.poll()
        self._heal()
        self._check()
        return self.result

    # --- acts

    def _line(self, name: str) -> Line:
        return Line(name, self.server, self.result.log)

    def _person(self, name: str) -> Person:
        if name not in self.people:
            line = self._line(name)
            self.people[name] = Person(
                name, line, self.scene, self.notes, lambda: self.server.wait(self.server.human_gap), self.plan.app
            )
        return self.people[name]

    def _do(self, act: Act) -> None:
        if act.who in PHONES:
            self._person(act.who).do(act)
            return
        try:
            self.programs[act.who].do(act)
        except DioException as error:
            self._add_violation("strict clients are served", f"{act.who} {act.verb}: {error}, {self.result.log[-1]}")

    def _pause_before(self, act: Act) -> None:
        """Let the time before an act pass. One person pauses between acts; two people may act almost at once."""
        self.server.wait(act.gap)
        if act.who in self.people:
            missing = self.server.human_gap - (self.server.elapsed() - self.people[act.who].line.last_request)
            if missing > 0:
                self.server.wait(missing)

    def _add_violation(self, invariant: str, detail: str) -> None:
        self.result.violations.append(Violation(invariant, detail))

    # --- afterwards

    def _heal(self) -> None:
        """With a working network, everybody opens their screens until the queues are empty, and again on the next day.

        Whoever has logged in anew never lists anything under the former login. The worker asks about its numbers.
        """
        for person in self.people.values():
            person.finish_pass()
            person.line.begin(-1)
            person.phone.online = True
            self._drain(person)
        self.server.next_day()
        for person in self.people.values():
            self.server.wait(self.server.human_gap)
            person.do_open(Act(-1, person.name, "open"))

    def _drain(self, person: Person) -> None:
        for _ in range(PASSES_TO_DRAIN):
            self.server.wait(self.server.human_gap)
            person.do_open(Act(-1, person.name, "open"))
            person.do_orders(Act(-1, person.name, "orders"))
            if person.screens[-1].state == FRESH and not any(person.phone.store.queued().values()):
                return
        queued = {name: n for name, n in person.phone.store.queued().items() if n}
        screen = person.screens[-1]
        self._add_violation(
            "no phone is stuck", f"{person.name}: {queued} after 4 passes, {screen.state}, {screen.error!r}"
        )

    def _check(self) -> None:
        self.reader.poll()
        for problem in self.reader.problems:
            self._add_violation("revisions", problem)
        for problem in self.notes.failed_acts:
            self._add_violation("nobody is refused for ever", problem)
        for problem in self.notes.reused_urls:
            self._add_violation("pictures", problem)
        for entry in self.result.log:
            if entry.status >= 500 and not entry.excused:
                last_traceback = getattr(self.server, "last_traceback", "")
                self._add_violation("no 5xx", f"{entry}\n{last_traceback}")
        if self.plan.number % STRANGERS_EVERY == 0:
            self._check_strangers()
        dio, headers = program(self.server, self.scene.tokens[MANAGER])
        facts = gather(dio, headers, self.scene)
        fresh = [Product.from_json(row) for row in facts.live]
        for person in self.people.values():
            if person.phone.store.products() != fresh:
                self._add_violation("caches", f"{person.name} sees {person.phone.store.products()}, fresh is {fresh}")
        outcome = Outcome(self.scene, facts, self.notes)
        self.result.violations += check_all(outcome)
        self._measure(outcome)
        if not self.result.violations:
            self._settle(outcome, dio, headers)

    def _settle(self, outcome: Outcome, dio: Dio, headers: dict[str, str]) -> None:
        """Settle the open discrepancies as a manager who has counted the shelf, if that alone puts the stock right."""
        rows = outcome.facts.questions(self.scene)
        chosen = choose({sku: stock_error(outcome, sku) for sku in ALL_SKUS}, rows, self.scene, outcome.facts)
        if not rows or chosen is None:
            self.result.by_hand = bool(rows)
            return
        for question, action in chosen.items():
            body = {"action": action, "note": "looked at the shelf"}
            dio.request("POST", f"/discrepancies/{question}/resolve/", body, headers)
        self.result.needed = sum(action != DISMISS for action in chosen.values())
        settled = replace(outcome, facts=gather(dio, headers, self.scene))
        for sku in ALL_SKUS:
            if stock_error(settled, sku):
                self._add_violation("settling", f"{sku}: {stock_error(settled, sku):+d} after {chosen}")
        self.result.violations += [Violation("ledger", f"after settling: {problem}") for problem in ledger(settled)]

    def _check_strangers(self) -> None:
        for token in (None, "null", self.scene.tokens[REVOKED]):
            dio, headers = program(self.server, token)
            for path in ("/products/", "/orders/"):
                try:
                    dio.get(path, headers)
                    self._add_violation("strangers see nothing", f"{path} with the token {token!r}")
                except DioException as error:
                    if error.status != 401:
                        self._add_violation("strangers see nothing", f"{path}: {error}")

    def _measure(self, outcome: Outcome) -> None:
        self.result.flagged.update(row["kind"] for row in outcome.facts.questions(self.scene))
        for sku, pressed in self.notes.presses.items():
            self.result.press_errors.append((abs(booked_presses(outcome, sku) - pressed), abs(pressed)))
