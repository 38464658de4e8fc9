"""The app's look-ups, pulls and additions, read against what its device has done since its last pull."""

from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from api.actions import discrepancies, products, reversing, stock, unknown_goods
from api.actor import Actor
from api.models import Device, Discrepancy, Product, ProductVersion, StockMovement
from api.reconcile import additions
from api.reconcile.memory import Glance, Item, Memory, keep, recall

MISSES_UNTIL_MADE = 3
"""How often a phone asks for an unknown SKU before the server takes it that its queue is stuck at it."""


def device_of(by: Actor) -> Device:
    assert by.device is not None
    return by.device


@transaction.atomic
def pulled(seen: int, *, by: Actor, at: datetime, connection: str = "") -> None:
    """The phone pulls the whole product list as it is at the revision `seen`, so its queues are through."""
    device = device_of(by)
    memory = recall(device)
    if memory.last_pull == seen and not (memory.has_queues or memory.earlier):
        return
    in_one_go = memory.behind_pull
    arrival = memory.arrive("pull", at, connection)
    book_after_all(additions.through(memory), by=by, at=at)
    additions.pulled(memory, quick=arrival.quick)
    _ask(additions.repeats_of_two_passes(memory), "booked", by, at)
    if arrival.quick and in_one_go:
        _ask(additions.repeats_behind_two_pulls(memory), "booked", by, at)
    due = [ticket for ticket in memory.tickets if arrival.quick and ticket.number == memory.number - 1]
    memory.forget_queues(seen, in_one_go=arrival.quick and in_one_go)
    memory.tickets = due  # the addition behind this look-up is on its way
    keep(device, memory)


@transaction.atomic
def look_up(skus: list[str], *, sent: str = "", by: Actor, at: datetime, connection: str = "") -> Product | None:
    """The product that the phone's `?sku=` means. None if there is none.

    skus: what it can mean (`texts.skus_of`), at least one. sent: the text as the phone sent it.

    An app device is also shown a product that was archived or got another SKU since its last pull. And since an empty
    answer within the replay of its stock queue hangs the app at every opening, an unknown SKU there becomes an
    unverified product.
    """
    device = device_of(by)
    memory = recall(device)
    arrival = memory.arrive("find", at, connection)
    product = _find(skus, memory)
    if product is None:
        in_queue = arrival.quick and arrival.behind == "add"
        product = _missed(skus[0], memory, sent=sent, in_queue=in_queue, by=by, at=at)
    if product is not None:
        for sku in skus:
            memory.misses.pop(sku, None)
        additions.looked_up(memory, product.pk, quick=arrival.quick, same_connection=arrival.same_connection)
        memory.glances.append(Glance(product.pk, product.revision, memory.number))
    else:
        memory.pass_ended()
    keep(device, memory)
    return product


def _find(skus: list[str], memory: Memory) -> Product | None:
    for sku in skus:
        if product := Product.objects.live().filter(sku=sku).first():
            return product
    # Another pass that was under way at the pull still asks for what was so before it.
    since = memory.pulls[-2] if memory.behind_pull and len(memory.pulls) > 1 else memory.last_pull
    for sku in skus:
        gone = ProductVersion.objects.filter(sku=sku, archived=True, revision__gt=since)
        if found := gone.order_by("-revision").first():
            return Product.objects.get(id=found.product_id)
    for sku in skus:
        if relabelled := _relabelled(sku, since):
            return relabelled
    return next((product for sku in skus if (product := unknown_goods.known_as(sku))), None)


def _relabelled(sku: str, since: int) -> Product | None:
    """The product that had this SKU until it was given another one, behind the revision `since`."""
    last = ProductVersion.objects.filter(sku=sku).order_by("-revision").first()
    if last is None:
        return None
    next_one = ProductVersion.objects.filter(product=last.product_id, revision__gt=last.revision).order_by("revision")
    changed = next_one.values_list("revision", flat=True).first()
    return Product.objects.get(id=last.product_id) if changed is not None and changed > since else None


def _missed(sku: str, memory: Memory, *, sent: str, in_queue: bool, by: Actor, at: datetime) -> Product | None:
    """An unknown SKU: None for a person who scans, an unverified product for a queue that hangs at it."""
    memory.misses[sku] = memory.misses.get(sku, 0) + 1
    if not (in_queue or memory.draining or memory.misses[sku] >= MISSES_UNTIL_MADE):
        return None
    memory.draining = True
    try:
        product = products.create(sku=sku, name=sku, unverified=True, by=by, at=at)
    except products.SkuTaken:
        return Product.objects.live().get(sku=sku)
    told: dict[str, Any] = {"sent": sent} if sent != sku else {}
    discrepancies.record(Discrepancy.Kind.UNKNOWN_SKU, by=by, at=at, product=product, **told)
    return product


@transaction.atomic
def add_stock(
    product_id: int | None, quantity: int, *, by: Actor, at: datetime, connection: str = "", key: str = ""
) -> StockMovement | None:
    """Goods that the phone received. Returns the movement; None where it was a repetition or is held back.

    product_id: None for what is no id of ours; key: what the phone sent for it. An id that never was is not refused,
    since the phone would send it for ever: a manager is asked.
    """
    device = device_of(by)
    memory = recall(device)
    arrival = memory.arrive("add", at, connection)
    product_id = memory.aliases.get(key) if product_id is None else product_id
    if product_id is None or not Product.objects.filter(id=product_id).exists():
        discrepancies.record(Discrepancy.Kind.UNKNOWN_PRODUCT, by=by, at=at, id=key[:100], quantity=quantity)
        keep(device, memory)
        return None
    verdict = additions.added(memory, product_id, quantity, arrived_at=device.requests_read, arrival=arrival)
    undo = unknown_goods.went(verdict.undo)
    if undo or verdict.rebook:
        undone = StockMovement.objects.filter(id__in=undo).values_list("product_id", flat=True)
        stock.lock({product_id, *undone, *(item.product for item in verdict.rebook)})
    movement = _book(product_id, quantity, by=by, at=at) if verdict.book else None
    if movement is not None:
        additions.booked(memory, movement.pk)
    for repeated in StockMovement.objects.filter(id__in=undo).not_reversed().order_by("id"):
        # What somebody has reversed by hand meanwhile is taken back already.
        reversing.reverse(repeated.pk, by=by, at=at, reason=str(_("The phone sent its queue again.")))
    discrepancies.answered_by_reversal(undo, by=by, at=at)
    book_after_all(verdict.rebook, by=by, at=at)
    _ask(verdict.suspects, "booked", by, at)
    _ask(verdict.withheld, "pending", by, at)
    _ask(additions.repeats_of_two_passes(memory), "booked", by, at)
    keep(device, memory)
    return movement


def book_after_all(items: list[Item], *, by: Actor, at: datetime) -> None:
    """Book additions that were taken for repetitions and turned out to be goods, more likely than not.

    All their products are locked first, in order; the caller locks no other afterwards.
    """
    stock.lock(item.product for item in items)
    for item in items:
        movement = _book(item.product, item.quantity, by=by, at=at, came_at=_when(item))
        item.movement, item.asked = movement.pk if movement else None, False
    _ask(items, "booked", by, at)


def _when(item: Item) -> datetime | None:
    """When an addition came; None where that is not known."""
    return datetime.fromtimestamp(item.came_at, UTC) if item.came_at else None


def _book(
    product_id: int, quantity: int, *, by: Actor, at: datetime, came_at: datetime | None = None
) -> StockMovement | None:
    """Book an addition; one that is too large, by itself or with what is on hand, is held back and asked about.

    came_at: when it came, if not now.
    """
    try:
        with transaction.atomic():
            return _receive(product_id, quantity, by=by, at=at, came_at=came_at)
    except (stock.ImplausibleQuantity, stock.OnHandOutOfBounds):
        ask_about_quantity(Product.objects.get(id=product_id), quantity, by=by, at=at)
        return None


def ask_about_quantity(product: Product, quantity: int, *, by: Actor, at: datetime) -> None:
    """Put a number of pieces that nobody can have received before a manager, who may book it if it is one."""
    pending: dict[str, Any] = {"pending": [{"product": product.pk, "delta": quantity}]} if quantity > 0 else {}
    discrepancies.record(
        Discrepancy.Kind.IMPLAUSIBLE_QUANTITY, by=by, at=at, product=product, quantity=quantity, **pending
    )


def _receive(product_id: int, quantity: int, *, by: Actor, at: datetime, came_at: datetime | None) -> StockMovement:
    """Goods of an archived product exist, so the product does: it comes back, or they go to the one that has its SKU
    now."""
    try:
        with transaction.atomic():
            return stock.receive(product_id, quantity, by=by, at=at, occurred_at=came_at)
    except stock.NoSuchProduct:
        pass
    sku = Product.objects.values_list("sku", flat=True).get(id=product_id)
    told = unknown_goods.heir_of(product_id)
    heir = told or Product.objects.live().filter(sku=sku).exclude(id=product_id).first()
    product = stock.lock([product_id, *([heir.pk] if heir else [])])[product_id]
    if told is not None:  # a manager has said where such goods belong
        return stock.receive(told.pk, quantity, by=by, at=at, occurred_at=came_at)
    if heir is None:
        products.apply(product, {}, revive=True, by=by, at=at)
    movement = stock.receive((heir or product).pk, quantity, by=by, at=at, occurred_at=came_at)
    discrepancies.record(
        Discrepancy.Kind.ARCHIVED_STOCK, by=by, at=at, product=heir or product, quantity=quantity,
        archived=product_id, booked=[movement.pk],
    )  # fmt: skip
    return movement


def _ask(items: list[Item], fact: str, by: Actor, at: datetime) -> None:
    """Put additions that may be repetitions before a manager: one question an addition that is booked, since any of
    them may be one; one a product of those that are not, since they are one repetition or none."""
    if fact == "booked":
        for item in items:
            if item.movement and not item.asked:
                item.asked = True
                _ask_about(item.product, item.quantity, by, at, booked=[item.movement])
        return
    for product in dict.fromkeys(item.product for item in items):
        mine = [item for item in items if item.product == product]
        pending = [{"product": product, "delta": item.quantity, **_moment(item)} for item in mine]
        numbers = [item.number for item in mine]
        _ask_about(product, sum(item.quantity for item in mine), by, at, pending=pending, requests=numbers)


def _moment(item: Item) -> dict[str, str]:
    """When a pending addition came, so that a count since then includes it (see `settling.py`)."""
    when = _when(item)
    return {"at": when.isoformat()} if when else {}


def _ask_about(product: int, quantity: int, by: Actor, at: datetime, **facts: Any) -> None:
    named = Product.objects.get(id=product)
    discrepancies.record(Discrepancy.Kind.POSSIBLE_DUPLICATE, by=by, at=at, product=named, quantity=quantity, **facts)
