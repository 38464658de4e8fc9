"""The app's look-ups, pulls and additions, read against what its device has done since its last pull."""

from datetime import datetime
from typing import Any

from django.db import transaction

from api.actions import discrepancies, products, stock, unknown_goods
from api.actor import Actor
from api.models import Discrepancy, Product, ProductVersion, StockMovement
from api.phones import duplicates, former_logins
from api.phones.memory import device_of, remembered
from api.reconcile import additions, scanning
from api.reconcile.memory import Arrival, Item, Memory, is_quick

OPENINGS_UNTIL_MADE = 3
"""At how many openings a phone asks for an unknown SKU before the server takes it that its queue is stuck at it."""


def pulled(seen: int, *, by: Actor) -> None:
    """The phone pulls the whole product list as it is at the revision `seen`, so its queues are through."""
    with remembered(by) as memory:
        if memory.last_pull == seen and not (memory.has_queues or memory.earlier):
            return
        in_one_go = memory.behind_pull
        arrival = scanning.arrive(memory, "pull", by.at, by.connection)
        book_after_all(additions.through(memory), by=by)
        additions.pulled(memory, quick=arrival.quick)
        repeats = additions.repeats_of_two_passes(memory)
        if arrival.quick and in_one_go:
            repeats += additions.repeats_behind_two_pulls(memory)
        duplicates.ask_booked(repeats, by=by)
        due = [ticket for ticket in memory.tickets if arrival.quick and ticket.number == memory.number - 1]
        memory.forget_queues(seen, in_one_go=arrival.quick and in_one_go)
        memory.tickets = due  # the addition behind this look-up is on its way


def look_up(skus: list[str], *, sent: str = "", by: Actor) -> Product | None:
    """The product that the phone's `?sku=` means. None if there is none.

    skus: what it can mean (`texts.skus_of`), at least one. sent: the text as the phone sent it.

    An app device is also shown a product that was archived or got another SKU since its last pull. And since an empty
    answer within the replay of its stock queue hangs the app at every opening, an unknown SKU there becomes an
    unverified product.
    """
    with remembered(by) as memory:
        product = _find(skus, memory)
        known = memory.has_seen(product.pk, product.revision) if product else skus[0] in memory.misses
        if known and memory.still_scans(skus[0], by.at, by.connection):
            return product
        arrival = scanning.arrive(memory, "find", by.at, by.connection)
        if product is None:
            product = _missed(skus[0], memory, arrival, sent=sent, by=by)
        if product is not None:
            for sku in skus:
                memory.misses.pop(sku, None)
            memory.glance(product.pk, product.revision)
        scanning.looked(memory, skus[0], product.pk if product else 0, arrival)
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


def _missed(sku: str, memory: Memory, arrival: Arrival, *, sent: str, by: Actor) -> Product | None:
    """An unknown SKU: None for a person who scans, an unverified product for a queue that hangs at it."""
    # Within a pass it is asked for right behind an addition, and not just before that as well.
    scanned = is_quick(by.at.timestamp() - memory.missed_at.get(sku, 0.0))
    slowly = memory.draining and arrival.same_connection
    in_queue = arrival.behind == "add" and (arrival.quick or slowly) and not scanned
    openings = scanning.openings(memory, sku, by.at)
    if not (in_queue or openings >= OPENINGS_UNTIL_MADE):
        return None
    memory.draining = True
    try:
        product = products.create(sku=sku, name=sku, unverified=True, by=by)
    except products.SkuTaken:
        return Product.objects.live().get(sku=sku)
    told: dict[str, Any] = {"sent": sent} if sent != sku else {}
    discrepancies.record(Discrepancy.Kind.UNKNOWN_SKU, by=by, product=product, **told)
    return product


def add_stock(product_id: int | None, quantity: int, *, by: Actor, key: str = "") -> StockMovement | None:
    """Goods that the phone received. Returns the movement; None where it was a repetition or is held back.

    product_id: None for what is no id of ours; key: what the phone sent for it. An id that never was is not refused,
    since the phone would send it for ever: a manager is asked.
    """
    with remembered(by) as memory:
        product_id = memory.aliases.get(key) if product_id is None else product_id
        if product_id is None or not Product.objects.filter(id=product_id).exists():
            scanning.arrive(memory, "add", by.at, by.connection)
            discrepancies.record(Discrepancy.Kind.UNKNOWN_PRODUCT, by=by, id=key[:100], quantity=quantity)
            return None
        arrival = scanning.arrive(memory, "add", by.at, by.connection, product=product_id)
        former_logins.take_over(memory, device_of(by), product_id, quantity)
        verdict = additions.added(memory, product_id, quantity, arrived_at=device_of(by).requests_read, arrival=arrival)
        if verdict.undo or verdict.rebook:
            undo = unknown_goods.went([item.movement for item in verdict.undo if item.movement])
            undone = StockMovement.objects.filter(id__in=undo).values_list("product_id", flat=True)
            stock.lock({product_id, *undone, *(item.product for item in verdict.rebook)})
        movement = _book(product_id, quantity, by=by) if verdict.book else None
        if movement is not None:
            additions.booked(memory, movement.pk)
        duplicates.take_back(verdict.undo, verdict.doubted, by=by)
        book_after_all(verdict.rebook, by=by)
        duplicates.ask_booked([*verdict.suspects, *additions.repeats_of_two_passes(memory)], by=by)
        duplicates.ask_held_back(verdict.withheld, by=by)
        return movement


def book_after_all(items: list[Item], *, by: Actor) -> None:
    """Book additions that were taken for repetitions and turned out to be goods, more likely than not.

    All their products are locked first, in order; the caller locks no other afterwards.
    """
    stock.lock(item.product for item in items)
    for item in items:
        movement = _book(item.product, item.quantity, by=by, came_at=item.came())
        item.movement, item.asked = movement.pk if movement else None, False
    duplicates.ask_booked(items, by=by)


def _book(product_id: int, quantity: int, *, by: Actor, came_at: datetime | None = None) -> StockMovement | None:
    """Book an addition; one that is too large, by itself or with what is on hand, is held back and asked about.

    came_at: when it came, if not now.
    """
    try:
        with transaction.atomic():
            return _receive(product_id, quantity, by=by, came_at=came_at)
    except (stock.ImplausibleQuantity, stock.OnHandOutOfBounds):
        ask_about_quantity(Product.objects.get(id=product_id), quantity, by=by)
        return None


def ask_about_quantity(product: Product, quantity: int, *, by: Actor) -> None:
    """Put a number of pieces that nobody can have received before a manager, who may book it if it is one."""
    pending: dict[str, Any] = {"pending": [{"product": product.pk, "delta": quantity}]} if quantity > 0 else {}
    discrepancies.record(Discrepancy.Kind.IMPLAUSIBLE_QUANTITY, by=by, product=product, quantity=quantity, **pending)


def _receive(product_id: int, quantity: int, *, by: Actor, came_at: datetime | None) -> StockMovement:
    """Goods of an archived product exist, so the product does: it comes back, or they go to the one that has its SKU
    now."""
    try:
        with transaction.atomic():
            return stock.receive(product_id, quantity, by=by, occurred_at=came_at)
    except stock.NoSuchProduct:
        pass
    sku = Product.objects.values_list("sku", flat=True).get(id=product_id)
    told = unknown_goods.heir_of(product_id)
    heir = told or Product.objects.live().filter(sku=sku).exclude(id=product_id).first()
    product = stock.lock([product_id, *([heir.pk] if heir else [])])[product_id]
    if told is not None:  # a manager has said where such goods belong
        return stock.receive(told.pk, quantity, by=by, occurred_at=came_at)
    if heir is None:
        products.apply(product, {}, revive=True, by=by)
    movement = stock.receive((heir or product).pk, quantity, by=by, occurred_at=came_at)
    discrepancies.record(
        Discrepancy.Kind.ARCHIVED_STOCK, by=by, product=heir or product, quantity=quantity,
        archived=product_id, booked=[movement.pk],
    )  # fmt: skip
    return movement
