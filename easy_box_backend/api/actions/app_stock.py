"""The app's look-ups, pulls and additions, read against what its device has done since its last pull."""

from datetime import datetime

from django.db import transaction

from api.actions import discrepancies, duplicates, former_logins, products, stock
from api.actor import Actor
from api.models import MAX_QUANTITY, Device, Discrepancy, Product, ProductVersion, StockMovement
from api.reconcile import additions, scanning
from api.reconcile.memory import Arrival, Item, Memory, is_quick, keep, recall

OPENINGS_UNTIL_MADE = 3
"""At how many openings a phone asks for an unknown SKU before the server takes it that its queue is stuck at it."""


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
    arrival = scanning.arrive(memory, "pull", at, connection)
    book_after_all(additions.through(memory), by=by, at=at)
    additions.pulled(memory, quick=arrival.quick)
    repeats = additions.repeats_of_two_passes(memory)
    if arrival.quick and in_one_go:
        repeats += additions.repeats_behind_two_pulls(memory)
    duplicates.ask_booked(repeats, by=by, at=at)
    due = [ticket for ticket in memory.tickets if arrival.quick and ticket.number == memory.number - 1]
    memory.forget_queues(seen, in_one_go=arrival.quick and in_one_go)
    memory.tickets = due  # the addition behind this look-up is on its way
    keep(device, memory)


@transaction.atomic
def look_up(skus: list[str], *, by: Actor, at: datetime, connection: str = "") -> Product | None:
    """The product that the phone's `?sku=` means, the likeliest spelling first. None if there is none.

    An app device is also shown a product that was archived or got another SKU since its last pull. And since an empty
    answer within the replay of its stock queue hangs the app at every opening, an unknown SKU there becomes an
    unverified product.
    """
    skus = [sku for sku in skus if sku and "\0" not in sku]
    if not skus:
        return None
    device = device_of(by)
    memory = recall(device)
    product = _find(skus, memory)
    known = memory.has_seen(product.pk, product.revision) if product else skus[0] in memory.misses
    if known and memory.still_scans(skus[0], at, connection):
        return product
    arrival = scanning.arrive(memory, "find", at, connection)
    if product is None:
        product = _missed(skus[0], memory, arrival, by=by, at=at)
    if product is not None:
        for sku in skus:
            memory.misses.pop(sku, None)
        memory.glance(product.pk, product.revision)
    scanning.looked(memory, skus[0], product.pk if product else 0, arrival)
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
    return None


def _relabelled(sku: str, since: int) -> Product | None:
    """The product that had this SKU until it was given another one, behind the revision `since`."""
    last = ProductVersion.objects.filter(sku=sku).order_by("-revision").first()
    if last is None:
        return None
    next_one = ProductVersion.objects.filter(product=last.product_id, revision__gt=last.revision).order_by("revision")
    changed = next_one.values_list("revision", flat=True).first()
    return Product.objects.get(id=last.product_id) if changed is not None and changed > since else None


def _missed(sku: str, memory: Memory, arrival: Arrival, *, by: Actor, at: datetime) -> Product | None:
    """An unknown SKU: None for a person who scans, an unverified product for a queue that hangs at it."""
    # Within a pass it is asked for right behind an addition, and not just before that as well.
    scanned = is_quick(at.timestamp() - memory.missed_at.get(sku, 0.0))
    slowly = memory.draining and arrival.same_connection
    in_queue = arrival.behind == "add" and (arrival.quick or slowly) and not scanned
    openings = scanning.openings(memory, sku, at)
    if len(sku) > 100 or not (in_queue or openings >= OPENINGS_UNTIL_MADE):
        return None
    memory.draining = True
    try:
        product = products.create(sku=sku, name=sku, unverified=True, by=by, at=at)
    except products.SkuTaken:
        return Product.objects.live().get(sku=sku)
    discrepancies.record(Discrepancy.Kind.UNKNOWN_SKU, by=by, at=at, product=product)
    return product


@transaction.atomic
def add_stock(product_id: int, quantity: int, *, by: Actor, at: datetime, connection: str = "") -> StockMovement | None:
    """Goods that the phone received. Returns the movement; None where it was a repetition or is held back.

    Raises NoSuchProduct for an id that never was.
    """
    device = device_of(by)
    memory = recall(device)
    arrival = scanning.arrive(memory, "add", at, connection, product=product_id)
    if not Product.objects.filter(id=product_id).exists():
        raise stock.NoSuchProduct(product_id)
    former_logins.take_over(memory, device, product_id, quantity)
    verdict = additions.added(memory, product_id, quantity, arrived_at=device.requests_read, arrival=arrival)
    if verdict.undo or verdict.rebook:
        undone = StockMovement.objects.filter(id__in=[item.movement for item in verdict.undo])
        also = [item.product for item in verdict.rebook]
        stock.lock({product_id, *undone.values_list("product_id", flat=True), *also})
    movement = _book(product_id, quantity, by=by, at=at) if verdict.book else None
    if movement is not None:
        additions.booked(memory, movement.pk)
    duplicates.take_back(verdict.undo, verdict.doubted, by=by, at=at)
    book_after_all(verdict.rebook, by=by, at=at)
    duplicates.ask_booked([*verdict.suspects, *additions.repeats_of_two_passes(memory)], by=by, at=at)
    duplicates.ask_held_back(verdict.withheld, by=by, at=at)
    keep(device, memory)
    return movement


def book_after_all(items: list[Item], *, by: Actor, at: datetime) -> None:
    """Book additions that were taken for repetitions and turned out to be goods, more likely than not.

    All their products are locked first, in order; the caller locks no other afterwards.
    """
    stock.lock(item.product for item in items)
    for item in items:
        movement = _book(item.product, item.quantity, by=by, at=at)
        item.movement, item.asked = movement.pk if movement else None, False
    duplicates.ask_booked(items, by=by, at=at)


def _book(product_id: int, quantity: int, *, by: Actor, at: datetime) -> StockMovement | None:
    if quantity > MAX_QUANTITY:
        product = Product.objects.get(id=product_id)
        pending = [{"product": product_id, "delta": quantity}]
        discrepancies.record(
            Discrepancy.Kind.IMPLAUSIBLE_QUANTITY,
            by=by,
            at=at,
            product=product,
            quantity=quantity,
            pending=pending,
        )
        return None
    try:
        with transaction.atomic():
            return stock.receive(product_id, quantity, by=by, at=at)
    except stock.NoSuchProduct:
        return _receive_archived(product_id, quantity, by=by, at=at)


def _receive_archived(product_id: int, quantity: int, *, by: Actor, at: datetime) -> StockMovement:
    """The goods exist, so the product does: it comes back, or they go to the one that has its SKU now."""
    sku = Product.objects.values_list("sku", flat=True).get(id=product_id)
    heir = Product.objects.live().filter(sku=sku).exclude(id=product_id).first()
    product = stock.lock([product_id, *([heir.pk] if heir else [])])[product_id]
    if heir is not None:
        movement = stock.receive(heir.pk, quantity, by=by, at=at)
    else:
        booked = products.apply(product, {}, delta=quantity, kind=StockMovement.Kind.RECEIPT, revive=True, by=by, at=at)
        assert booked is not None
        movement = booked
    discrepancies.record(
        Discrepancy.Kind.ARCHIVED_STOCK, by=by, at=at, product=heir or product, quantity=quantity,
        archived=product_id, booked=[movement.pk],
    )  # fmt: skip
    return movement
