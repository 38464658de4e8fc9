"""The app's look-ups, pulls and additions, each compared with what its device has done since its last pull."""

from typing import Any

from api import revision
from api.actions import discrepancies, products, stock, unknown_goods
from api.actor import Actor
from api.models import MAX_QUANTITY, Discrepancy, Product, ProductVersion, StockMovement
from api.phones import booking, former_logins, numbers
from api.phones.memory import as_read, device_of, remembered, update_memory, written
from api.reconcile import scanning
from api.reconcile.memory import Arrival, Memory
from api.texts import barcode_of


def pulled(seen: int, *, by: Actor) -> int:
    """Note that the phone pulls the whole product list as it is at the revision `seen`, so its queues are empty.

    Returns the revision that the list in the response must have: the pull is evidence, and may change what is booked.
    """
    if update_memory(by, lambda memory: _is_nothing_new(memory, seen)):
        return seen
    with remembered(by) as memory:
        if _is_nothing_new(memory, seen):
            return seen
        quick_before = memory.quick_since_pull
        arrival = scanning.arrive(memory, "pull", by.at, by.connection)
        memory.line.pull()
        with booking.stories_in(memory) as stories:
            final = stories.pull(arrival.timing)
            booked = booking.agree(memory, stories, by=by, also=list(memory.pages), final=final)
        stock.lock(memory.pages)
        if numbers.pulled(memory, by=by) or booked:
            seen = revision.current()  # nobody else changes anything until the end of this transaction
        memory.forget_queues(seen, in_one_go=arrival.quick and quick_before)
        return seen


def saw_later(seen: int, instead_of: int, *, by: Actor) -> None:
    """Note that the phone got the list of the revision `seen` and not of `instead_of`: something changed after its pull
    was noted."""
    update_memory(by, lambda memory: memory.saw_later(seen, instead_of))


def _is_nothing_new(memory: Memory, seen: int) -> bool:
    """Whether a pull at this revision tells nothing that is not known yet."""
    return memory.is_same_pull(seen) and memory.stories.is_at_rest


def look_up(skus: list[str], *, sent: str = "", by: Actor) -> Product | None:
    """Note a look-up, and return the product that the phone's `?sku=` means; None if there is none.

    skus: the SKUs that it can mean (`texts.skus_of`), at least one. sent: the text as the phone sent it.

    The phone is also shown a product that was archived or got another SKU since its last pull. An empty answer within
    its stock queue would block the app at every opening, so an unknown SKU there becomes an unverified product.
    """

    def known(memory: Memory) -> tuple[Product | None, bool]:
        """The product, and whether the look-up needs nothing more: it is noted, or need not be."""
        product = _find(skus, memory)
        is_as_before = (skus[0] in memory.misses) == (product is None)
        if is_as_before and memory.still_scans(skus[0], by.at, by.connection):
            return product, True
        if product is not None:
            _note_found(product, skus, memory, scanning.arrive(memory, "find", by.at, by.connection))
        return product, product is not None

    product, done = update_memory(by, known)
    if done:
        return product
    with remembered(by) as memory:
        product, done = known(memory)
        if done:
            return product
        arrival = scanning.arrive(memory, "find", by.at, by.connection)
        if scanning.is_stuck_at(memory, skus[0], arrival, by.at):
            product = _make_unverified(skus[0], sent=sent, by=by)
            _note_found(product, skus, memory, arrival)
            return product
        scanning.note_lookup(memory, skus[0], arrival)
        if not scanning.is_scan(memory):
            with booking.stories_in(memory) as stories:
                stories.find_nothing(arrival.timing)
                booking.agree(memory, stories, by=by)
        return None


def _note_found(product: Product, skus: list[str], memory: Memory, arrival: Arrival) -> None:
    """Note that the phone looked up this product and is shown it."""
    for sku in skus:
        memory.misses.pop(sku, None)
    scanning.note_lookup(memory, skus[0], arrival)
    if scanning.is_scan(memory):
        memory.line.scanned(product.pk)
    memory.line.find(product.pk, arrival.timing)


def _find(skus: list[str], memory: Memory) -> Product | None:
    """The product with one of these codes: a live one, else one that had it when the phone got its list, else the one
    that a manager has chosen for it."""
    if product := Product.objects.with_code(skus):
        return product
    since = memory.list_in_use
    for sku in skus:
        gone = ProductVersion.objects.filter(sku=sku, archived=True, revision__gt=since)
        if found := gone.order_by("-revision").first():
            return Product.objects.get(id=found.product_id)
    archived = Product.objects.filter(archived_at__isnull=False, versions__archived=True, versions__revision__gt=since)
    if product := archived.filter(barcodes__code__in=[barcode_of(sku) for sku in skus]).first():
        return product
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
    """Create a product for an unknown SKU in a queue, and ask a manager. sent: the SKU as the phone sent it."""
    try:
        product = products.create(sku=sku, name=sku, unverified=True, by=by)
    except products.SkuTaken:
        return Product.objects.live().get(sku=sku)
    facts: dict[str, Any] = {"sent": sent} if sent != sku else {}
    discrepancies.record(Discrepancy.Kind.UNKNOWN_SKU, by=by, product=product, **facts)
    return product


def add_stock(product_id: int | None, quantity: int, *, by: Actor, key: str = "") -> StockMovement | None:
    """Receive goods that the phone added. Returns the movement; None if the addition was a duplicate or is not booked.

    product_id: None if the phone sent no id of a product. key: what it sent instead. An unknown id is not refused,
    since the phone would send it for ever: a manager is asked.
    """
    if product_id is not None and (movement := _add_at_once(product_id, quantity, by)):
        return movement
    with remembered(by) as memory:
        product_id = memory.aliases.get(key) if product_id is None else product_id
        arrival = scanning.arrive(memory, "add", by.at, by.connection)
        if product_id is None or not _exists(product_id, memory):
            discrepancies.record(Discrepancy.Kind.UNKNOWN_PRODUCT, by=by, id=key[:100], quantity=quantity)
            return None
        timing = memory.line.add(product_id, arrival.timing)
        if quantity < 1:  # the app sends no such number
            booking.ask_about_quantity(Product.objects.get(id=product_id), quantity, by=by)
            return None
        with booking.stories_in(memory) as stories:
            former_logins.take_over(memory, stories, device_of(by))
            addition = booking.note_addition(memory, stories, product_id, quantity, timing, by=by)
            booked = booking.agree(memory, stories, by=by)
        return next((movement for movement in booked if movement.pk == addition.movement), None)


def _add_at_once(product_id: int, quantity: int, by: Actor) -> StockMovement | None:
    """`add_stock` in one SQL statement, if the goods are certainly new. Returns None, with nothing written, if that is
    doubtful, or if another request of the phone has changed its memory meanwhile."""
    found = as_read(by)
    if found is None or not 1 <= quantity <= MAX_QUANTITY:
        return None
    before, memory = found
    if product_id not in memory.line.found or not (memory.pulls or memory.stories.number):
        return None
    arrival = scanning.arrive(memory, "add", by.at, by.connection)
    timing = memory.line.add(product_id, arrival.timing)
    with booking.stories_in(memory) as stories:
        addition = booking.note_addition(memory, stories, product_id, quantity, timing, by=by)
        if not booking.is_certainly_new(addition, memory, stories):
            return None
    return stock.receive_and_note(product_id, quantity, before=before, after=written(memory), by=by)


def _exists(product_id: int, memory: Memory) -> bool:
    """Whether there is such a product, live or archived. One that the phone has found exists: products are never
    deleted."""
    return product_id in memory.line.found or Product.objects.filter(id=product_id).exists()
