"""The manager and the web shop of a day, who work without a phone."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from proofs.simulation.day.phone import Phone
from proofs.simulation.day.world import Task, World

EVENING = 10_000.0
QUIET_SECONDS = 60.0
"""A request that failed has been sent again by then, or never is."""


@dataclass(frozen=True, slots=True)
class Question:
    """An open question. answers: by action, by how many pieces it changes the stock."""

    number: int
    product: int
    answers: dict[str, int]


class Desk(Protocol):
    """What a reader needs besides for a manager and a web shop to work with it."""

    def sell(self, product: int, pieces: int, at: float) -> None:
        """The web shop sells by the API."""

    def count(self, product: int, counted: int, at: float) -> None:
        """So many pieces are on the shelf."""

    def reverse(self, product: int, at: float) -> tuple[float, int] | None:
        """Reverse the last addition of a phone. Returns when it came, and its pieces; None if there is none."""

    def open_questions(self) -> list[Question]:
        """Those about the products of the day."""

    def settle(self, question: int, action: str, at: float) -> None:
        """Give one of its answers to a question."""


def question_of(row: Mapping[str, Any], products: Mapping[int, int]) -> Question:
    """From its JSON. products: the day's, by id."""
    answers = {
        answer["action"]: sum(change["after"] - change["before"] for change in answer["changes"]
                              if change["what"] == "on_hand")
        for answer in row["answers"] if not answer["asks"]
    }  # fmt: skip
    return Question(row["id"], products[row["product"]], answers)


def shop(world: World, desk: Desk, rng: random.Random) -> Task:
    """A web shop sells by the hour what is there."""
    while world.now < EVENING:
        yield rng.expovariate(1 / 300)
        product, sold = rng.randint(1, world.products), rng.randint(1, 3)
        if world.true_stock()[product] >= sold:
            world.others[product] -= sold
            desk.sell(product, sold, world.now)


@dataclass
class Manager:
    """A manager, who looks at a shelf only if nothing about it is under way: no request, and no goods in a queue that
    never came. What nobody has sent yet, no server can know to be part of a count. People who press − do not look
    whether anything is left; such a shelf is left alone too.

    settled: how many questions were.
    """

    world: World
    desk: Desk
    phones: Sequence[Phone]
    random: random.Random
    settled: int = 0

    def __post_init__(self) -> None:
        self._counted_at: dict[int, float] = {}

    def day(self) -> Task:
        while self.world.now < EVENING:
            yield self.random.expovariate(1 / 200)
            act = self.random.choices((self._count, self._adjust, self._reverse, self._settle), (2, 3, 2, 4))[0]
            act()

    def _count(self) -> None:
        product = self._product()
        if self._is_quiet(product):
            self._count_shelf(product)

    def _count_shelf(self, product: int) -> None:
        self._counted_at[product] = self.world.now
        self.desk.count(product, self.world.true_stock()[product], self.world.now)

    def _adjust(self) -> None:
        """Something broke, or was found."""
        product, change = self._product(), self.random.choice((-2, -1, -1, 1))
        if self.world.true_stock()[product] + change >= 0:
            self.world.change(product, change)

    def _reverse(self) -> None:
        """Goods go back. Whether the server has them right is not for this to decide: then it is left alone."""
        product, world = self._product(), self.world
        asked = {question.product for question in self.desk.open_questions()}
        if not self._is_quiet(product) or product in asked or world.stock()[product] != world.true_stock()[product]:
            return
        if reversed_one := self.desk.reverse(product, world.now):
            came_at, pieces = reversed_one
            if came_at > self._counted_at.get(product, -1.0):  # else the count says what is there
                world.others[product] -= pieces

    def _settle(self) -> None:
        """Look at a shelf that is asked about, and give the answers that make it right, if there are any; else count
        it, and leave what was booked."""
        questions = [question for question in self.desk.open_questions() if self._is_quiet(question.product)]
        if not questions:
            return
        product = self.random.choice(questions).product
        mine = [question for question in questions if question.product == product]
        off = self.world.true_stock()[product] - self.world.stock()[product]
        if (actions := choose(mine, off)) is None:
            self._count_shelf(product)
            actions = ["dismiss"] * len(mine)
        for question, action in zip(mine, actions, strict=True):
            self.desk.settle(question.number, action, self.world.now)
        self.settled += len(mine)

    def _product(self) -> int:
        return self.random.randint(1, self.world.products)

    def _is_quiet(self, product: int) -> bool:
        waiting = {
            item.product for phone in self.phones for item in phone.queue if item.intent[0] not in self.world.arrived
        }
        is_quiet = self.world.now - self.world.touched.get(product, -1e9) > QUIET_SECONDS
        return is_quiet and product not in waiting and self.world.true_stock()[product] >= 0


def choose(questions: Sequence[Question], off: int) -> list[str] | None:
    """The answers that together change the stock by so many pieces, None if there are none."""
    for chosen in itertools.product(*(question.answers.items() for question in questions)):
        if sum(change for _, change in chosen) == off:
            return [action for action, _ in chosen]
    return None
