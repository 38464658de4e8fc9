"""The numbers of + and − that a phone sends. They are booked as they are read now, and asked about at the next pull."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from api import revision
from api.actions import discrepancies, stock
from api.actor import Actor
from api.discrepancies import story
from api.models import MAX_QUANTITY, Device, Discrepancy, Product, StockMovement
from api.phones import history
from api.phones.memory import device_of, remembered
from api.reconcile import presses, seen
from api.reconcile.memory import Arrival, Memory
from api.reconcile.presses import Number, Page, Reading

Kind = Discrepancy.Kind
Movement = StockMovement.Kind

MOST_NUMBERS = 60
"""The most numbers of a page that are read together. Then a new page begins."""
SILENT = timedelta(days=1)
"""A phone that has been silent for so long may be lost."""


def note(
    product: Product, quantity: int, memory: Memory, arrival: Arrival, *, edited: bool, late: bool, local: bool,
    by: Actor,
) -> int:  # fmt: skip
    """Note a number of a locked product. Returns the change of its stock that is to be booked now, in pieces.

    edited: whether the same PUT changes the description. late: whether another pass, from before the last pull, may
    send it. local: whether the PUT names the product by the phone's own UUID.
    """
    page = memory.pages.setdefault(product.pk, Page())
    count = product.movements.counts().first()
    if page.numbers and (len(page.numbers) >= MOST_NUMBERS or (count and count.occurred_at > _moment(page))):
        # A count includes all numbers before it: nothing later can change how they are read.
        page = memory.pages[product.pk] = _close(product, page, memory, by)
    at = by.at.timestamp()
    copy = presses.OF_A_PASS_BEFORE if late else presses.lateness(arrival.timing, *page.gaps(quantity, at))
    if page.request == memory.number - 1 and page.is_next(quantity, at):
        memory.line.pressed_next(arrival.timing)
    number = Number(quantity, copy, edited, revision=product.revision, at=at)
    number.answers = seen.answered(memory, product.pk, page.request)
    page.numbers.append(number)
    page.came_at, page.request, page.local = at, memory.number, local
    readings, _ = _read(product, page, memory, by)
    change = readings[0].pieces - sum(page.booked.values())
    return change if stock.fits(product, change) else 0


def note_booked(product: Product, movement: StockMovement | None, memory: Memory) -> None:
    """Note the movement that was booked for a number; None if nothing was booked."""
    if movement is not None:
        memory.pages[product.pk].booked[movement.pk] = movement.quantity_delta


def pulled(memory: Memory, *, by: Actor) -> bool:
    """The phone has pulled. Book the numbers of all pages as they are finally read, and ask about them.

    Now the queue of additions is known, and nothing more can explain the numbers. All their products are locked.
    Returns whether something was booked.
    """
    pages, memory.pages = memory.pages, {}
    before = sum(len(page.booked) for page in pages.values())
    products = Product.objects.in_bulk([key for key, page in pages.items() if page.numbers])
    for key, product in products.items():
        closed = _close(product, pages[key], memory, by)
        memory.pages[key] = Page(before=closed.before, old=closed.old)
    return sum(len(page.booked) for page in pages.values()) > before


def ask_about_silent_phones(at: datetime) -> int:
    """Ask about the numbers of phones that have been silent for SILENT. Returns how many phones these are."""
    silent = Device.objects.filter(memory__state__contains='"numbers":[[', last_seen_at__lt=at - SILENT)
    devices = list(silent.select_related("user"))
    for device in devices:
        by = Actor(device.user, device, at=at)
        with remembered(by) as memory:
            for key, product in stock.lock(memory.pages).items():
                page = memory.pages[key]
                if page.numbers and _moment(page) < at - SILENT:
                    memory.pages[key] = _close(product, page, memory, by)
    return len(devices)


def _close(product: Product, page: Page, memory: Memory, by: Actor) -> Page:
    """Book the numbers of a page as they are finally read, and ask about them. Returns the page that follows."""
    readings, added = _read(product, page, memory, by)
    best = readings[0]
    change = best.pieces - sum(page.booked.values())
    if not stock.fits(product, change):
        _record(Kind.IMPLAUSIBLE_QUANTITY, product, page, change, by)
    elif change:
        at = _moment(page)
        movement = stock.move(
            product, change, Movement.ADJUSTMENT, number=revision.take(), by=by, occurred_at=at,
            within=stock.count_with(product, at),
        )  # fmt: skip
        page.booked[movement.pk] = change
    _ask(product, page, readings, by)
    old = [number.quantity for number in page.numbers[-4:]]
    before = best.shown + added if best.shown is not None else None
    return Page(shown=best.shown, since=revision.current(), before=before, old=old)


def _read(product: Product, page: Page, memory: Memory, by: Actor) -> tuple[list[Reading], int]:
    """The readings of a page's numbers, the likeliest first. And the pieces that the phone has added and that, by this
    reading, the page does not show."""
    bases, answers, added = history.page_of(memory, device_of(by), product, page)
    readings = presses.read(page, bases, answers, added)
    return readings, sum(pieces for _, pieces in added[readings[0].grown :])


def _ask(product: Product, page: Page, readings: list[Reading], by: Actor) -> None:
    """Ask about the likeliest other reading, if there is one within the margin."""
    change = presses.other(readings, settings.STORY_MARGIN)
    off = page.numbers[-1].quantity - product.quantity
    if readings[0].guesses and abs(off) > MAX_QUANTITY:
        _record(Kind.IMPLAUSIBLE_QUANTITY, product, page, off, by)
    elif change is not None:
        _record(Kind.QUANTITY_GUESS, product, page, change, by, story=_story(page, readings, change))


def _story(page: Page, readings: list[Reading], change: int) -> dict[str, Any]:
    """The likeliest reading and the other one, as the fact `story` of a question (`discrepancies/story.py`).

    change: how many pieces more the other reading has.
    """
    best = readings[0]
    other = next(reading for reading in readings if reading.pieces == best.pieces + change)
    numbers = [number.quantity for number in page.numbers]
    return {"version": story.VERSION, "numbers": numbers, "believed": list(map(list, best.steps)),
            "other": list(map(list, other.steps))}  # fmt: skip


def _record(kind: Discrepancy.Kind, product: Product, page: Page, change: int, by: Actor, **more: Any) -> None:
    """Record a question about a page.

    change: how many pieces more or less the other reading books. If the other reading books nothing at all, the booked
    movements can be reversed; else the change can be booked.
    """
    total = sum(page.booked.values())
    facts: dict[str, Any] = {"sent": page.numbers[-1].quantity, "on_hand": product.quantity - total, "change": total}
    if change == -total:
        facts["booked"] = list(page.booked)
    else:
        facts["pending"] = [{"product": product.pk, "delta": change, "at": _moment(page).isoformat()}]
    discrepancies.record(kind, by=by, product=product, **facts, **more)


def _moment(page: Page) -> datetime:
    return datetime.fromtimestamp(page.came_at, UTC)
