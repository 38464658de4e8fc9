"""What people do on a day, all from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import cast

from proofs.simulation.day.office import EVENING, Desk, Manager, shop
from proofs.simulation.day.phone import Phone
from proofs.simulation.day.world import Link, Network, Reader, Task, World


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of day.

    bad: the share of actions on a bad network. failing: the chance that a request fails there. own_connections:
    whether each request has a connection of its own (a balancer). acts: how many things a person does. phones: how many
    people with phones work on the same shelves. products: how many are there. manager: whether a manager and a web shop
    work with the server meanwhile; else somebody changes stock as they do.
    """

    bad: float = 0.0
    failing: float = 0.35
    own_connections: bool = False
    acts: int = 40
    phones: int = 1
    products: int = 40
    manager: bool = False


NO_FAULTS = Profile()
BAD_NETWORK = Profile(bad=0.2)
OWN_CONNECTIONS = Profile(bad=0.2, own_connections=True)
TWO_PHONES = Profile(bad=0.2, phones=2, products=12)
WITH_MANAGER = Profile(bad=0.2, phones=2, products=12, manager=True)
PROFILES = {
    "no faults": NO_FAULTS,
    "bad network": BAD_NETWORK,
    "own connections": OWN_CONNECTIONS,
    "two phones": TWO_PHONES,
    "two phones and a manager": WITH_MANAGER,
}


def pieces(rng: random.Random) -> int:
    """How many pieces somebody receives at once."""
    sizes = (1, rng.randint(2, 12), rng.choice((6, 10, 12, 20, 24, 50)), rng.randint(13, 300))
    return rng.choices(sizes, (4, 4, 2, 1))[0]


class Person:
    """One person with one phone, from the morning to the evening."""

    def __init__(self, phone: Phone, network: Network, profile: Profile) -> None:
        self.phone, self.network, self.profile, self.random = phone, network, profile, phone.random
        self.at_list = False
        """Whether the inventory is on the screen: the way to a product's page."""

    def day(self) -> Task:
        phone, rng = self.phone, self.random
        yield from phone.open_list()
        for _ in range(self.profile.acts):
            self._go_somewhere()
            yield from self._act()
            yield rng.uniform(2.5, 90.0) if rng.random() < 0.9 else rng.uniform(300, 3000)
        yield 600
        self.network.bad, phone.radio = 0.0, True
        for _ in range(4):
            yield from phone.open_list()
            yield 20

    def _act(self) -> Task:
        phone, rng = self.phone, self.random
        act = rng.choices(
            (self._receive, self._deliveries, self._press, self._scan, self._open, self._reopen, self._switch_radio),
            (30, 8, 14, 10, 14, 4, 10),
        )[0]
        yield from act()
        if not phone.radio and rng.random() < 0.25:
            yield from self._switch_radio()

    def _go_somewhere(self) -> None:
        """The next action may be on a bad network."""
        self.network.bad = self.profile.failing if self.random.random() < self.profile.bad else 0.0

    def _product(self) -> int:
        return self.random.randint(1, self.phone.world.products)

    def _receive(self) -> Task:
        self.at_list = False
        yield from self._wait_for_passes()
        yield from self.phone.receive(self._product(), pieces(self.random))

    def _deliveries(self) -> Task:
        """Several boxes one after the other, often equal ones."""
        rng, self.at_list = self.random, False
        product, quantity, equal = self._product(), pieces(rng), rng.random() < 0.6
        for _ in range(rng.choices((2, 3, 5, 12, 40), (6, 5, 3, 2, 1))[0]):
            yield from self._wait_for_passes()
            self._go_somewhere()
            yield from self.phone.receive(product, quantity)
            if not equal:
                product, quantity = self._product(), pieces(rng)
            yield rng.uniform(2.0, 15.0)

    def _press(self) -> Task:
        if not self.phone.radio:
            return
        if not self.at_list:
            yield from self._open()
            yield self.random.uniform(1.0, 5.0)
        sign = self.random.choice((1, -1))
        steps = [sign if self.random.random() < 0.85 else -sign for _ in range(self.random.randint(1, 4))]
        yield from self.phone.page(self._product(), steps)

    def _scan(self) -> Task:
        self.at_list = False
        product = self._product() if self.random.random() < 0.7 else 0
        yield from self.phone.look(product, "", self.random.uniform(0.3, 4.0))

    def _open(self) -> Task:
        self.at_list = True
        if not self.phone.passes:
            yield from self.phone.open_list()

    def _reopen(self) -> Task:
        """Leave the screen in the middle of a pass and open it again."""
        self.at_list = True
        self.phone.link.start(self.phone.open_list())
        yield self.random.uniform(0.05, 2.0)
        yield from self.phone.open_list()

    def _switch_radio(self) -> Task:
        """Off, only between passes: what is queued while one clears the queue is lost on the phone."""
        yield from self._wait_for_passes()
        self.phone.radio = not self.phone.radio
        if self.phone.radio and self.random.random() < 0.7:
            yield self.random.uniform(1.0, 10.0)
            yield from self.phone.open_list()

    def _wait_for_passes(self) -> Task:
        while self.phone.passes:
            yield 1.0


def others(world: World, rng: random.Random) -> Task:
    """A web shop and a manager, who change stock by the hour."""
    while world.now < EVENING:
        yield rng.expovariate(1 / 400)
        product = rng.randint(1, world.products)
        world.change(product, rng.choice((-1, -2, -3, 5, -1)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a day ended. off: product to the stock's error. silent: those of it that no question is open about; unlike:
    those whose question does not offer the right change. questions: the products asked about; needless: those of it
    that nothing ever went wrong with. settled: how many questions a manager has settled before."""

    world: World
    off: dict[int, int]
    silent: dict[int, int]
    unlike: dict[int, int]
    questions: dict[int, set[int]]
    needless: set[int]
    settled: int = 0

    @property
    def is_exact(self) -> bool:
        return not self.off


def play(seed: str, profile: Profile, reader: Reader) -> Outcome:
    """Play a day and compare the server's stock with the truth. With a manager, the reader must have a `Desk` too."""
    rng = random.Random(seed)
    world = World(rng, reader, profile.products)
    phones = [_phone(world, rng, "phone", profile)]
    for number in range(2, profile.phones + 1):
        phones.append(_phone(world, random.Random(f"phone {number} {seed}"), f"phone {number}", profile))
    office, start, manager = random.Random(f"others {seed}"), phones[0].link.start, None
    if profile.manager:
        desk = cast(Desk, reader)
        manager = Manager(world, desk, phones, office)
        start(manager.day())
        start(shop(world, desk, office))
    else:
        start(others(world, office))
    world.run()
    assert not any(phone.queue for phone in phones), "a phone is stuck"
    stock, true, asked = world.stock(), world.true_stock(), reader.questions()
    off = {p: stock[p] - true[p] for p in stock if stock[p] != true[p]}
    silent = {p: n for p, n in off.items() if p not in asked}
    unlike = {p: n for p, n in off.items() if p in asked and -n not in asked[p]}
    needless = {p for p in asked if p not in world.wronged}
    return Outcome(world, off, silent, unlike, asked, needless, manager.settled if manager else 0)


def _phone(world: World, rng: random.Random, name: str, profile: Profile) -> Phone:
    """A phone whose person has begun the day."""
    network = Network(rng, own_connections=profile.own_connections)
    phone = Phone(world, Link(world, network, name), rng)
    phone.link.start(Person(phone, network, profile).day())
    return phone
