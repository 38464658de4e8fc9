"""The app's look-ups, pulls and additions, compared with what its device has done since its last pull."""

from datetime import datetime
from typing import Any

from django.db import transaction

from api.actions import discrepancies, products, stock, unknown_goods
from api.actor import Actor
from api.models import Discrepancy, Product, ProductVersion, StockMovement
from api.phones import duplicates, former_logins
from api.phones.memory import device_of, remembered
from api.reconcile import additions, scanning
from api.reconcile.memory import Item, Memory


def pulled(seen: int, *, by: Actor) -> None:
    """The phone pulls the whole product list as it is at the revision `seen`, so its queues are empty."""
    with remembered(by) as memory:
        if memory.is_same_pull(seen):
            return
        quick_before = memory.quick_since_pull
        quick = scanning.arrive(memory, "pull", by.at, by.connection).quick
        in_one_go = quick and quick_before
        book_after_all(additions.queue_finished(memory), by=by)
        duplicates.ask_booked(additions.pulled(memory, quick=quick, in_one_go=in_one_go), by=by)
        memory.forget_queues(seen, quick=quick, in_one_go=in_one_go)


def look_up(skus: list[str], *, sent: str = "", by: Actor) -> Product | None:
    """The product that the phone's `?sku=` means; None if there is none.

    skus: what it can mean (`texts.skus_of`), at least one. sent: the text as the phone sent it.

    The phone is also shown a product that was archived or got another SKU since its last pull. An empty answer within
    its stock queue would block the app at every opening, so an unknown SKU there becomes an unverified product.
    """
    with remembered(by) as memory:
        product = _find(skus, memory)
        known = memory.has_seen(product.pk, product.revision) if product else skus[0] in memory.misses
        if known and memory.still_scans(skus[0], by.at, by.connection):
            return product
        arrival = scanning.arrive(memory, "find", by.at, by.connection)
        if product is None and scanning.is_stuck_at(memory, skus[0], arrival, by.at):
            product = _make_unverified(skus[0], sent=sent, by=by)
        if product is not None:
            for sku in skus:
                memory.misses.pop(sku, None)
            memory.note_seen(product.pk, product.revision)
        scanning.note_lookup(memory, skus[0], product.pk if product else 0, arrival)
        return product


def _find(skus: list[str], memory: Memory) -> Product | None:
    for sku in skus:
        if product := Product.objects.live().filter(sku=sku).first():
            return product
    since = memory.list_in_use
    for sku in skus:
        gone = ProductVersion.objects.filter(sku=sku, archived=True, revision__gt=since)
        if found := gone.order_by("-revision").first():
            return Product.objects.get(id=found.product_id)
    for sku in skus:
        if relabelled := _relabelled(sku, since):
            return relabelled
    return next((product for sku in skus if (product := unknown_goods.known_as(sku))), None)


def _relabelled(sku: str, since: int) -> Product | None:
    """The product that had this SKU until it got another one after the revision `since`."""
    last = ProductVersion.objects.filter(sku=sku).order_by("-revision").first()
    if last is None:
        return None
    next_one = ProductVersion.objects.filter(product=last.product_id, revision__gt=last.revision).order_by("revision")
    changed = next_one.values_list("revision", flat=True).first()
    return Product.objects.get(id=last.product_id) if changed is not None and changed > since else None


def _make_unverified(sku: str, *, sent: str, by: Actor) -> Product:
    """A product for an unknown SKU in a queue; a manager is told."""
    try:
        product = products.create(sku=sku, name=sku, unverified=True, by=by)
    except products.SkuTaken:
        return Product.objects.live().get(sku=sku)
    told: dict[str, Any] = {"sent": sent} if sent != sku else {}
    discrepancies.record(Discrepancy.Kind.UNKNOWN_SKU, by=by, product=product, **told)
    return product


def add_stock(product_id: int | None, quantity: int, *, by: Actor, key: str = "") -> StockMovement | None:
    """The phone received goods. Returns the movement; None if the addition was a duplicate or is held back.

    product_id: None if the phone sent no id of a product; key: what it sent. An unknown id is not refused, since the
    phone would send it for ever: a manager is asked.
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
        duplicates.ask_booked([*verdict.suspects, *additions.duplicates_of_two_passes(memory)], by=by)
        duplicates.ask_held_back(verdict.withheld, by=by)
        return movement


def book_after_all(items: list[Item], *, by: Actor) -> None:
    """Book additions that were taken for duplicates and are probably goods.

    All their products are locked first, in order; the caller must lock no other afterwards.
    """
    stock.lock(item.product for item in items)
    for item in items:
        movement = _book(item.product, item.quantity, by=by, came_at=item.came())
        item.movement, item.asked = movement.pk if movement else None, False
    duplicates.ask_booked(items, by=by)


def _book(product_id: int, quantity: int, *, by: Actor, came_at: datetime | None = None) -> StockMovement | None:
    """Book an addition. If it is implausibly large, or the stock would be, it is not booked: a manager is asked.

    came_at: when it came, if not now. Returns None if it was not booked.
    """
    try:
        with transaction.atomic():
            return _receive(product_id, quantity, by=by, came_at=came_at)
    except (stock.ImplausibleQuantity, stock.OnHandOutOfBounds):
        ask_about_quantity(Product.objects.get(id=product_id), quantity, by=by)
        return None


def ask_about_quantity(product: Product, quantity: int, *, by: Actor) -> None:
    """Ask a manager about an implausible quantity; if it is positive, the manager can book it."""
    pending: dict[str, Any] = {"pending": [{"product": product.pk, "delta": quantity}]} if quantity > 0 else {}
    discrepancies.record(Discrepancy.Kind.IMPLAUSIBLE_QUANTITY, by=by, product=product, quantity=quantity, **pending)


def _receive(product_id: int, quantity: int, *, by: Actor, came_at: datetime | None) -> StockMovement:
    """Book goods. If their product is archived, they go to the product that has its SKU now; without one, the product
    is restored."""
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
