"""The installed app on one phone: its stock queue, its passes and its screens, on the clock of a day.

(docs/flutter-app.md, sections 3 and 4; `proofs/phone/` is the whole app, over HTTP)
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from proofs.simulation.day.world import FAILED, Link, Request, Task, World


@dataclass(frozen=True, slots=True)
class Item:
    """An addition in the phone's queue."""

    product: int
    quantity: int
    intent: tuple[int, int]


@dataclass
class Phone:
    """The app's state, and what its person does with it.

    radio: whether the phone has a network, as the app sees it. shown: the cached list, product to quantity.
    """

    world: World
    link: Link
    random: random.Random
    radio: bool = True
    shown: dict[int, int] = field(default_factory=dict)
    queue: list[Item] = field(default_factory=list)
    passes: int = 0
    """How many passes run."""
    avoided: set[int] = field(default_factory=set)
    """Products whose press failed and was given up: the person waits for a fresh list."""

    def intent(self, pieces: int) -> tuple[int, int]:
        """A new act that stands for so many pieces."""
        self.world.acts += 1
        return self.world.acts, pieces

    def open_list(self) -> Task:
        """The pass: replay the queue, clear it, pull the list."""
        if not self.radio:
            return
        self.passes += 1
        try:
            for item in list(self.queue):
                found = yield Request("find", item.product)
                if found is FAILED or (yield Request("add", item.product, item.quantity, item.intent)) is FAILED:
                    return
            self.queue.clear()
            answer = yield Request("pull")
            if answer is not FAILED:
                self.shown = dict(answer)
                self.avoided.clear()
        finally:
            self.passes -= 1

    def receive(self, product: int, quantity: int) -> Task:
        """Goods arrive. Without a network they are queued; if it fails with one, the person enters them again.

        The page for receiving fetches no list.
        """
        intent = self.intent(quantity)
        if not self.radio:
            self.queue.append(Item(product, quantity, intent))
            self.shown[product] = self.shown.get(product, 0) + quantity
            return
        for _ in range(4):
            found = yield Request("find", product)
            if found is not FAILED and (yield Request("add", product, quantity, intent)) is not FAILED:
                self.shown[product] = self.shown.get(product, 0) + quantity
                return
            yield self.random.uniform(2.0, 20.0)
            if self.random.random() < 0.15 or not self._has_radio():
                return

    def _has_radio(self) -> bool:
        """It can be lost while the person waits."""
        return self.radio

    def page(self, product: int, steps: list[int]) -> Task:
        """The product page: + and − from the number that it was opened with. Leaving it starts a pass."""
        if product in self.avoided:
            return
        yield from self._press(product, steps)
        self.link.start(self.open_list())

    def _press(self, product: int, steps: list[int]) -> Task:
        shown = self.shown.get(product, 0)
        for step in steps:
            intent, number = self.intent(step), shown + step
            if self.random.random() < 0.08:
                self.link.start(self._second_tap(product, number, intent))
            answer = yield Request("put", product, number, intent)
            while answer is FAILED:
                yield self.random.uniform(1.0, 6.0)
                if self.random.random() < 0.2 or not self._has_radio():
                    self.avoided.add(product)
                    return
                answer = yield Request("put", product, number, intent)
            shown = number
            self.shown[product] = shown
            yield self.random.uniform(0.4, 3.0)

    def _second_tap(self, product: int, number: int, intent: tuple[int, int]) -> Task:
        yield 0.02
        yield Request("put", product, number, intent)

    def look(self, product: int, sku: str, seconds: float) -> Task:
        """The scanning page: a look-up as soon as the answer of the one before is there."""
        until = self.world.now + seconds
        while self.world.now < until and self.radio:
            if (yield Request("find", product, sku=sku)) is FAILED:
                return
            yield 0.02
