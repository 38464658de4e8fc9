"""Writes the plan of a schedule from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from proofs.simulation.plan import (
    BARCODE,
    BREAKS,
    KILLS,
    KNOWN,
    LABEL,
    LATE,
    LOSE,
    MANAGER,
    MISTYPED,
    NEW,
    ORDERS,
    PHONES,
    PULL,
    SHOP,
    TWICE,
    Act,
    Fault,
    Plan,
)


@dataclass(frozen=True)
class Rates:
    """How often things go wrong: probabilities, each of one act."""

    broken_pass: float = 0.2
    lost_pull: float = 0.1
    doubled_request: float = 0.1
    two_passes: float = 0.1
    slow_pass: float = 0.15
    late_request: float = 0.03
    broken_act: float = 0.12
    scan: float = 0.12
    persists: float = 0.5
    two_taps: float = 0.2
    login: float = 0.15
    kill: float = 0.0


def make_plan(seed: int, number: int, rates: Rates | None = None, app: str = "installed") -> Plan:
    """The plan of schedule `number` of `seed`. Equal arguments give equal plans on every machine. app: see Plan."""
    return replace(_Author(seed, number, rates or Rates()).write(), app=app)


OFFLINE_VERBS = {
    "receive": 34, "press": 22, "edit": 10, "create": 8, "delete": 6, "finish": 14, "photo": 6,
    "restart": 2, "relabel": 2,
}  # fmt: skip
ONLINE_VERBS = {
    "open": 26, "orders": 14, "receive": 12, "press": 10, "edit": 5, "create": 4, "delete": 5,
    "finish": 14, "photo": 9, "scan": 4, "relabel": 2,
}  # fmt: skip
MAY_FAIL = ("press", "edit", "create", "photo", "relabel", "finish")
"""The verbs that fail in the installed app without a radio."""
MANAGER_VERBS = {"rename": 5, "relocate": 3, "archive": 4, "create": 5, "cancel": 3, "extend": 4, "order": 2}
SHOP_VERBS = {"set": 6, "add": 5, "rename": 3, "create": 4, "archive": 1}
THEMES: dict[str, dict[str, float]] = {
    "everything": {},
    "receiving": {"receive": 4.0, "edit": 0.3, "create": 0.5, "finish": 0.2},
    "buttons": {"press": 4.0, "receive": 0.7, "edit": 0.5, "create": 0.3},
    "orders": {"finish": 6.0, "orders": 2.0, "restart": 5.0, "cancel": 2.0, "extend": 2.0, "receive": 0.5},
    "products": {"create": 4.0, "delete": 3.0, "edit": 2.0, "photo": 5.0, "relabel": 3.0, "press": 0.5},
}  # fmt: skip
"""The theme of a schedule: how much likelier each verb is. Without themes, some coincidences would be too rare."""
REQUESTS = {"receive": 2, "photo": 2, "press": 1, "edit": 1, "relabel": 1, "create": 1, "delete": 1}
"""How many requests a pass makes for each verb that was done offline."""


class _Author:
    """Writes one plan, act by act."""

    def __init__(self, seed: int, number: int, rates: Rates) -> None:
        self.rng = random.Random(f"easy box {seed} {number}")
        # A separate one, so that these draws do not change the older ones of a seed.
        self.extra_rng = random.Random(f"besides {seed} {number}")
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
        length = len(self.acts) + self.rng.randint(10, 26)
        while len(self.acts) < length:
            if self.rng.random() < 0.5:
                self._offline_period(self.rng.choice(self.phones))
            else:
                self._one_act()
        return Plan(self.seed, self.number, self.equal, tuple(self.acts))

    def _offline_period(self, who: str) -> None:
        """Append some acts without a network; then, mostly, the network is back and the app sends its queues."""
        if self.online[who]:
            self.online[who] = False
            self._append(Act(0, who, "offline"))
        for _ in range(self.rng.randint(1, 7)):
            self._act_of_phone(who)
            if self.rng.random() < 0.2:
                self._one_act()
        if self.rng.random() < 0.9:
            self.online[who] = True
            self._append(Act(0, who, "online"))
            self._open(who)

    def _one_act(self) -> None:
        chance = self.rng.random()
        if chance < 0.7:
            self._act_of_phone(self.rng.choice(self.phones))
        elif chance < 0.85:
            self._act_of_program(MANAGER, MANAGER_VERBS)
        else:
            self._act_of_program(SHOP, SHOP_VERBS)

    def _append(self, act: Act) -> None:
        gap = round(self.rng.uniform(3, 60), 3) if self.rng.random() < 0.7 else round(self.rng.uniform(0, 0.2), 3)
        self.acts.append(self._with_extras(replace(act, n=len(self.acts), gap=gap)))

    def _with_extras(self, act: Act) -> Act:
        """The act, sometimes with extras: the person scans a label first, logs in again, taps twice, or persists."""
        scans, logs_in = self.extra_rng.random() < self.rates.scan, self.extra_rng.random() < self.rates.login
        label = self.extra_rng.choice((*self.skus, LABEL, LABEL))
        taps_twice = self.extra_rng.random() < self.rates.two_taps and act.verb == "press"
        act = replace(act, persists=self.extra_rng.random() < self.rates.persists and act.verb in MAY_FAIL)
        if act.who not in PHONES or not self.online[act.who]:
            return act
        act = replace(act, taps_twice=taps_twice)
        return replace(act, scans=label if scans else "", logs_in=logs_in and act.verb == "online")

    def _act_of_phone(self, who: str) -> None:
        verb = self._pick(ONLINE_VERBS if self.online[who] else OFFLINE_VERBS)
        if verb == "open":
            self._open(who)
        else:
            if not self.online[who]:
                self.waiting[who] += REQUESTS.get(verb, 0)
            self._append(self._filled(Act(0, who, verb, faults=self._faults_of_act(who))))

    def _open(self, who: str) -> None:
        """Append the opening of the inventory, with the faults that hit its pass."""
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
        """The number of a random request of this phone's pass, including the pull."""
        return self.rng.randint(0, self.waiting[who])

    def _act_of_program(self, who: str, verbs: dict[str, int]) -> None:
        act = self._filled(Act(0, who, self._pick(verbs)))
        if act.verb == "order":
            act = replace(act, order=self.orders)
            self.orders += 1
        self._append(act)

    def _filled(self, act: Act) -> Act:
        """The act, with its SKU, quantity, text and order filled in as its verb needs them."""
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
