"""Print what a phone is believed to be doing, and why (docs/reconciliation-internals.md)."""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from api.models import Device, Discrepancy, Product
from api.phones import history, queues
from api.phones.memory import UnknownVersion
from api.reconcile import presses
from api.reconcile.memory import DECIDED, Addition, Memory
from api.reconcile.program import DIRECT, PASS, Item, State
from api.reconcile.stories import Effect

MOST_SHOWN = 10
"""How many stories, and readings of a product's numbers, are printed."""


class Command(BaseCommand):
    help = "Say what a phone is believed to be doing. It reads only. Without a device: list the phones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("device", nargs="?", type=int, help="the id of a device, as in the admin")

    def handle(self, *args: Any, device: int | None = None, **options: Any) -> None:
        devices = Device.objects.select_related("user")
        if device is None:
            for phone in devices.filter(kind=Device.Kind.APP):
                self.stdout.write(f"{phone.pk}  {phone.user}, {phone.name}: {_last_contact(phone)}")
            return
        found = devices.filter(id=device).first()
        if found is None:
            raise CommandError(f"There is no device {device}. Without an id, the phones are listed.")
        if not found.is_app:
            raise CommandError(f"Device {device} is a program. Its requests are taken literally.")
        try:
            memory = queues.memory_of(found)
        except UnknownVersion as newer:
            raise CommandError(str(newer)) from newer
        for line in _Explanation(found, memory).lines():
            self.stdout.write(line)


class _Explanation:
    """The lines about one phone."""

    def __init__(self, device: Device, memory: Memory) -> None:
        self.device, self.memory = device, memory
        self.stories = queues.stories_of(memory)
        self.products = Product.objects.in_bulk()

    def lines(self) -> Iterator[str]:
        yield f"Device {self.device.pk}: {self.device.user}, {self.device.name}."
        yield f"{_last_contact(self.device).capitalize()}; {self.memory.number} requests read."
        pulls = self.memory.pulls
        yield f"Its last list: revision {pulls[-1]}." if pulls else "It has never fetched the product list."
        if not self.memory.number:
            yield "Nothing more is known of it."
            return
        yield from self._queue()
        yield from self._stories()
        yield from self._additions()
        yield from self._doubts()
        yield from self._questions()
        yield from self._numbers()

    def _queue(self) -> Iterator[str]:
        queue = queues.of(self.stories)
        if queue is None:
            yield "Its queue of additions: empty, or nothing of it has been seen."
            return
        items = ", ".join(map(self._item, queue.items))
        nth = queue.story
        begin = "Its queue probably still holds" if nth == 1 else f"Its queue still holds, if story {nth} is true"
        yield f"{begin}: {items}."

    def _stories(self) -> Iterator[str]:
        stories = self.stories.stories
        yield f"\nStories ({len(stories)}), with their costs in nats; a manager is asked up to {self.stories.margin:g}:"
        for nth, story in enumerate(stories[:MOST_SHOWN], 1):
            yield f"  {nth}. {story.cost:.1f}: {self._state(story.state)}"
        if left := stories[MOST_SHOWN:]:
            yield f"  and {len(left)} more, up to {left[-1].cost:.1f}"

    def _state(self, state: State) -> str:
        if state.mode == PASS:
            parts = [f"a pass runs or has broken off; it has sent {state.at} of {state.length} known items"]
        else:
            parts = ["an addition by hand has come last" if state.mode == DIRECT else "at rest"]
            parts.append(f"a queue of {state.length} known items waits" if state.length else "no queue is known")
        if state.other >= 0:
            parts.append(f"a second pass has sent {state.other} items")
        return "; ".join(parts)

    def _additions(self) -> Iterator[str]:
        """Each addition as the two likeliest stories read it, and the likeliest one that books it otherwise."""
        effects = [{effect.number: effect for effect in story.chain()} for story in self.stories.stories]
        yield "\nAdditions that are not settled:" if self.memory.additions else "\nEvery addition is settled."
        for number, mine in sorted(self.memory.additions.items()):
            yield f"  {number}: {self._item((mine.product, mine.quantity))} at {_at(mine.came_at)}, {_booked(mine)}"
            read_as = [known.get(number) for known in effects]
            first = read_as[0].pieces if read_as[0] else None
            other = next((nth for nth, effect in enumerate(read_as) if effect and effect.pieces != first), 0)
            for nth in sorted({0, *range(1, len(read_as))[:1], other}):
                yield f"     story {nth + 1}: {_way(read_as[nth])}"

    def _doubts(self) -> Iterator[str]:
        for product, mine in self.stories.doubts().items():
            yield f"\nDoubts about {self._sku(product)}:"
            for change, doubt in mine.items():
                numbers = ", ".join(f"{pieces:+d} for addition {number}" for number, pieces in doubt.additions)
                yield f"  {change:+d} in a story of cost {doubt.cost:.1f} ({numbers})"

    def _questions(self) -> Iterator[str]:
        rows = list(Discrepancy.objects.open().filter(device=self.device).order_by("id"))
        yield "\nOpen questions:" if rows else "\nNo open question."
        waiting = {question.discrepancy for mine in self.memory.questions.values() for question in mine}
        for row in rows:
            note = "; its next requests may answer it" if row.pk in waiting else ""
            yield f"  discrepancy {row.pk}: {row.kind}, {row.sku or 'no SKU'}{note}"

    def _numbers(self) -> Iterator[str]:
        pages = {key: page for key, page in self.memory.pages.items() if page.numbers and key in self.products}
        for key, page in pages.items():
            product = self.products[key]
            sent = ", ".join(str(number.quantity) for number in page.numbers)
            yield f"\nNumbers of + and − for {product.sku}: {sent}; booked: {sum(page.booked.values()):+d}. Read as:"
            readings = presses.read(page, *history.page_of(self.memory, self.device, product, page))
            for reading in readings[:MOST_SHOWN]:
                shown = "" if reading.shown is None else f"; the page shows {reading.shown}"
                guesses = f"; unexplained numbers: {reading.guesses}" if reading.guesses else ""
                yield f"  {reading.cost - readings[0].cost:.1f}: {reading.pieces:+d}{shown}{guesses}"

    def _item(self, item: Item) -> str:
        return f"{self._sku(item[0])} × {item[1]}"

    def _sku(self, product: int) -> str:
        known = self.products.get(product)
        return known.sku if known else f"product {product}"


def _booked(mine: Addition) -> str:
    if mine.movement is None:
        return "not booked"
    return "decided by a manager" if mine.movement == DECIDED else f"booked by movement {mine.movement}"


def _way(effect: Effect | None) -> str:
    return f"{effect.way}: {effect.pieces} pieces" if effect else "not told apart any more"


def _last_contact(device: Device) -> str:
    seen = device.last_seen_at
    return f"last contact {_at(seen.timestamp())}" if seen else "no contact since the login"


def _at(seconds: float) -> str:
    return timezone.localtime(datetime.fromtimestamp(seconds, UTC)).isoformat(" ", "seconds")
