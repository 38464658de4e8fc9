"""The plan of a schedule: who does what, in which order, and what the network does to it. All of it from a seed.

A plan holds intentions only ("Anna receives 3 of A"), no answers of the server, so acts can be left out of it
(see shrink.py) and the rest still makes sense.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

PHONES = ("Anna", "Boris", "Clara")
MANAGER, SHOP = "Vera", "shop"

KNOWN = ("A", "B", "C")
"""SKUs that exist from the start (scene.py)."""
NEW = ("N1", "N2", "N3")
"""SKUs that people create during a schedule; two of them may create the same one."""
UNTOUCHED = "D"
"""A SKU that exists from the start; by mistake people give it to other products, nothing else happens to it."""
MISTYPED = "TYPO"
"""A SKU that nobody ever creates."""
ORDERS = 3
"""How many orders exist from the start; later ones are numbered on."""

DROP, LOSE, CUT, LATE, TWICE = "drop", "lose", "cut", "late", "twice"
BAD_GATEWAY, LATE_GATEWAY = "gateway", "late-gateway"
BREAKS = (DROP, LOSE, CUT, BAD_GATEWAY, LATE_GATEWAY)
PULL = "pull"
KILLS = ("kill worker", "kill gunicorn", "kill postgresql")
"""While the request is under way, a part of the server is killed and started again (real server only)."""

BARCODE = 4_006_381_333_931
"""What a scanner types into the quantity field by mistake."""


@dataclass(frozen=True)
class Fault:
    """What the network does to a request of an act.

    Attributes:
        kind: ``drop`` (never reaches the server), ``lose`` (its answer doesn't reach the phone), ``cut`` (reset in
            the middle of its body), ``late`` (the phone's connection is reset, the request reaches the server behind
            the phone's next one), ``twice`` (delivered twice), ``gateway`` and ``late-gateway`` (a 502, before and
            after the server had it), or one of KILLS.
        nth: which request of the act, from 0.
        verb: instead of that, the first request of this verb (see ``phone.offline.Call``).
    """

    kind: str
    nth: int = -1
    verb: str = ""

    def __str__(self) -> str:
        return f"{self.kind}@{self.verb or self.nth}"


@dataclass(frozen=True)
class Act:
    """One thing that somebody does.

    Attributes:
        n: the act's number in the whole plan; it stays when others are left out.
        who: one of PHONES, MANAGER or SHOP.
        verb: a method ``do_<verb>`` of people.py or programs.py.
        gap: seconds since the act before, as long as it is another person's.
        faults: what the network does to its requests.
        weave: not empty for two passes at once: whose turn it is, again and again, e.g. ``"abb"``.
        slices: after how many requests the pass waits for the next act of somebody else, again and again.
    """

    n: int
    who: str
    verb: str
    sku: str = ""
    quantity: int = 0
    text: str = ""
    order: int = -1
    gap: float = 5.0
    faults: tuple[Fault, ...] = ()
    weave: str = ""
    slices: tuple[int, ...] = ()

    def __str__(self) -> str:
        parts = [f"{self.n:>2}  {self.who} {self.verb}"]
        parts += [self.sku] if self.sku else []
        parts += [f"{self.quantity:+d}"] if self.quantity else []
        parts += [repr(self.text)] if self.text else []
        parts += [f"order {self.order}"] if self.order >= 0 else []
        parts += [f"[network: {', '.join(map(str, self.faults))}]"] if self.faults else []
        parts += [f"[two passes: {self.weave}]"] if self.weave else []
        parts += [f"[slowly: {self.slices}]"] if self.slices else []
        return " ".join(parts)


@dataclass(frozen=True)
class Plan:
    """A schedule. Equal small quantities, or unique large ones."""

    seed: int
    number: int
    equal: bool
    acts: tuple[Act, ...]


@dataclass(frozen=True)
class Rates:
    """How often things go wrong."""

    broken_pass: float = 0.2
    lost_pull: float = 0.1
    doubled_request: float = 0.1
    two_passes: float = 0.1
    slow_pass: float = 0.15
    late_request: float = 0.03
    broken_act: float = 0.12
    kill: float = 0.0


def make_plan(seed: int, number: int, rates: Rates | None = None) -> Plan:
    """Schedule `number` of `seed`: the same arguments give the same plan on every machine."""
    return _Author(seed, number, rates or Rates()).write()


OFFLINE_VERBS = {
    "online": 22, "receive": 34, "press": 22, "edit": 10, "create": 8, "delete": 3, "finish": 10, "photo": 3,
    "restart": 2, "relabel": 2,
}  # fmt: skip
ONLINE_VERBS = {
    "offline": 30, "open": 22, "orders": 14, "receive": 12, "press": 10, "edit": 5, "create": 4, "delete": 2,
    "finish": 8, "photo": 3, "scan": 4, "relabel": 2,
}  # fmt: skip
MANAGER_VERBS = {"rename": 5, "relocate": 3, "archive": 3, "create": 3, "cancel": 3, "extend": 4, "order": 2}
SHOP_VERBS = {"set": 6, "add": 5, "rename": 3, "create": 1, "archive": 1}
THEMES: dict[str, dict[str, float]] = {
    "everything": {},
    "receiving": {"receive": 4.0, "edit": 0.3, "create": 0.5, "finish": 0.2},
    "buttons": {"press": 4.0, "receive": 0.7, "edit": 0.5, "create": 0.3},
    "orders": {"finish": 6.0, "orders": 2.0, "restart": 5.0, "cancel": 2.0, "extend": 2.0, "receive": 0.5},
    "products": {"create": 4.0, "delete": 3.0, "edit": 2.0, "photo": 5.0, "relabel": 3.0, "press": 0.5},
}  # fmt: skip
"""What a schedule is about: how much likelier each verb is than usual. Without it, rare meetings would be too rare."""
REQUESTS = {"receive": 2, "photo": 2, "press": 1, "edit": 1, "relabel": 1, "create": 1, "delete": 1}
"""How many requests a pass makes of each, when it was done offline."""


class _Author:
    """Writes one plan, act by act."""

    def __init__(self, seed: int, number: int, rates: Rates) -> None:
        self.rng = random.Random(f"easy box {seed} {number}")
        self.seed, self.number, self.rates = seed, number, rates
        self.equal = self.rng.random() < 0.5
        self.theme = self.rng.choices(list(THEMES), (5, 2, 2, 2, 2))[0]
        few = self.theme != "everything" and self.rng.random() < 0.5
        self.skus = (self.rng.choice(KNOWN), self.rng.choice(KNOWN), self.rng.choice(NEW)) if few else KNOWN * 4 + NEW
        self.phones = PHONES[: self.rng.choice((1, 2, 2, 3))]
        self.online = dict.fromkeys(self.phones, True)
        self.waiting = dict.fromkeys(self.phones, 0)
        self.orders = ORDERS
        self.acts: list[Act] = []

    def write(self) -> Plan:
        for phone in self.phones:
            if self.rng.random() < 0.9:
                self._open(phone)
            if self.rng.random() < 0.5:
                self._append(Act(0, phone, "orders"))
        for _ in range(self.rng.randint(8, 22)):
            chance = self.rng.random()
            if chance < 0.80:
                self._act_of_phone(self.rng.choice(self.phones))
            elif chance < 0.90:
                self._act_of_program(MANAGER, MANAGER_VERBS)
            else:
                self._act_of_program(SHOP, SHOP_VERBS)
        return Plan(self.seed, self.number, self.equal, tuple(self.acts))

    def _append(self, act: Act) -> None:
        gap = round(self.rng.uniform(3, 60), 3) if self.rng.random() < 0.7 else round(self.rng.uniform(0, 0.2), 3)
        self.acts.append(replace(act, n=len(self.acts), gap=gap))

    def _act_of_phone(self, who: str) -> None:
        verb = self._pick(ONLINE_VERBS if self.online[who] else OFFLINE_VERBS)
        if verb in ("online", "offline"):
            self.online[who] = verb == "online"
            self._append(Act(0, who, verb))
            if verb == "online" and self.rng.random() < 0.8:
                self._open(who)
        elif verb == "open":
            self._open(who)
        else:
            if not self.online[who]:
                self.waiting[who] += REQUESTS.get(verb, 0)
            self._append(self._filled(Act(0, who, verb, faults=self._faults_of_act(who))))

    def _open(self, who: str) -> None:
        """A pass, with all that can happen to one."""
        faults = []
        broken = self.rng.random() < self.rates.broken_pass
        if broken:
            faults.append(Fault(self.rng.choice(BREAKS), nth=self._nth(who)))
        if self.rng.random() < self.rates.lost_pull:
            faults.append(Fault(LOSE, verb=PULL))
        if self.rng.random() < self.rates.doubled_request:
            faults.append(Fault(TWICE, nth=self._nth(who)))
        if self.rng.random() < self.rates.late_request:
            faults.append(Fault(LATE, nth=self._nth(who)))
            broken = True
        twins = self.rng.random() < self.rates.two_passes
        slow = self.rng.random() < self.rates.slow_pass
        if self.rng.random() < self.rates.kill:
            faults.append(Fault(self.rng.choices(KILLS, (3, 1, 2))[0], nth=self._nth(who)))
            broken = True
        if not broken:
            self.waiting[who] = 0
        self._append(
            Act(
                0,
                who,
                "open",
                faults=tuple(faults),
                weave="".join(self.rng.choice("ab") for _ in range(7)) if twins else "",
                slices=tuple(self.rng.randint(1, 4) for _ in range(3)) if slow else (),
            )
        )

    def _nth(self, who: str) -> int:
        """One of the requests that a pass of this phone may make, the pull included."""
        return self.rng.randint(0, self.waiting[who])

    def _act_of_program(self, who: str, verbs: dict[str, int]) -> None:
        act = self._filled(Act(0, who, self._pick(verbs)))
        if act.verb == "order":
            act = replace(act, order=self.orders)
            self.orders += 1
        self._append(act)

    def _filled(self, act: Act) -> Act:
        """The act with what it is about."""
        verb = act.verb
        if verb == "receive":
            return replace(act, sku=self._sku_to_receive(act), quantity=self._received(), text=f"Found by {act.who}")
        if verb in ("press", "set"):
            small = self.rng.choice((1, 1, -1)) if verb == "press" else self.rng.choice((1, -1)) * self._quantity()
            return replace(act, sku=self._sku(), quantity=small)
        if verb in ("edit", "rename", "relocate"):
            field = {"rename": "name", "relocate": "location"}.get(verb) or self.rng.choice(("name", "location"))
            value = self._name() if field == "name" else self.rng.choice((f"A1-{len(self.acts):02}-01", ""))
            return replace(act, sku=self._sku(), text=f"{field}={value}")
        if verb == "create":
            same = self.rng.random() < 0.3
            return replace(act, sku=self.rng.choice(NEW), text="Same name" if same else self._name())
        if verb == "relabel":
            return replace(act, sku=self.rng.choice(KNOWN), text=self.rng.choice(("new", "new", "taken")))
        if verb in ("finish", "cancel", "extend", "order"):
            order = self.rng.randrange(self.orders)
            return replace(act, sku=self.rng.choice(KNOWN), quantity=self.rng.randint(1, 3), order=order)
        if verb == "photo":
            return replace(act, sku=self._sku(), text=self.rng.choice(("red", "green", "blue")))
        if verb in ("add", "archive", "delete", "scan"):
            return replace(act, sku=self._sku(), quantity=self._quantity() if verb == "add" else 0)
        return act

    def _sku(self) -> str:
        return self.rng.choice(self.skus)

    def _sku_to_receive(self, act: Act) -> str:
        if not self.online[act.who] and self.rng.random() < 0.06:
            return MISTYPED
        return self._sku()

    def _name(self) -> str:
        return f"Name {len(self.acts)}"

    def _received(self) -> int:
        return BARCODE if self.rng.random() < 0.01 else self._quantity()

    def _quantity(self) -> int:
        if self.equal:
            return self.rng.choice((1, 1, 1, 2))
        return self.rng.randint(100, 9_999)

    def _faults_of_act(self, who: str) -> tuple[Fault, ...]:
        if not self.online[who] or self.rng.random() >= self.rates.broken_act:
            return ()
        return (Fault(self.rng.choice((*BREAKS, TWICE)), nth=self.rng.randint(0, 1)),)

    def _pick(self, weights: dict[str, int]) -> str:
        likelier = THEMES[self.theme]
        return self.rng.choices(list(weights), [n * likelier.get(verb, 1.0) for verb, n in weights.items()])[0]
