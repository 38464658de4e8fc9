"""The app's updates: a whole product as the phone shows it, read against what the phone had seen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from api.actions import discrepancies, products, stock
from api.actions.products import SkuTaken
from api.actor import Actor
from api.images import Photo
from api.models import MAX_QUANTITY, Discrepancy, Product, ProductVersion, StockMovement
from api.phones import history
from api.phones.memory import device_of, remembered
from api.phones.products import fingerprint_of, resolve
from api.reconcile import additions, fields, quantity, scanning
from api.reconcile.memory import Arrival, Memory, Shown

Kind = Discrepancy.Kind


@dataclass(frozen=True, slots=True)
class Update:
    """What a phone sent of a product.

    local: whether it names the product by the phone's own UUID. number: the quantity, None if it was not sent.
    file: the photo on the phone that it names, "" for none. photo: one that came with it.
    """

    local: bool
    fields: Mapping[str, str]
    number: int | None
    file: str
    photo: Photo | None
    min_quantity: int | None

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.fields, self.number)


def put(
    key: str, *, sku: str, name: str, location: str = "", quantity: int | None = None, image_url: Any = None,
    photo: Photo | None = None, min_quantity: int | None = None, lost: Mapping[str, str] | None = None, by: Actor,

) -> Product | None:  # fmt: skip
    """A whole product as the phone shows it. Returns the product; None where nobody can tell which one it is.

    key: our id, or the UUID under which the phone created it. image_url: only whether it names a file on the phone
    matters. lost: what the phone sent and cannot be kept (`discrepancies.kept_in_part`); a name or SKU that is blank
    stays as it is. Raises SkuTaken, the first time only.
    """
    taken: SkuTaken | None = None
    file = image_url if isinstance(image_url, str) and not image_url.startswith("http") else ""
    description = {"name": name, "sku": sku, "location": location}
    sent = Update(not key.isdecimal(), description, quantity, file, photo, min_quantity)
    with remembered(by) as memory:
        arrival = scanning.arrive(memory, "put", by.at, by.connection)
        product = resolve(key, memory, sent.fields, by, additions.went_on(memory, quick=arrival.quick))
        if product is None:
            facts: dict[str, Any] = {"id": key[:100], "name": name, "quantity": quantity}
            facts |= {f"sent_{field}": text for field, text in (lost or {}).items()}
            discrepancies.record(Kind.UNKNOWN_PRODUCT, by=by, sku=sku, **facts)
        else:
            described = {"name": name or product.name, "sku": sku or product.sku, "location": location}
            taken = _put(product, memory, arrival, replace(sent, fields=described), by)
            if taken is None:
                discrepancies.kept_in_part(lost or {}, by=by, product=product)
    if taken is not None:
        raise taken
    return product


def _put(product: Product, memory: Memory, arrival: Arrival, sent: Update, by: Actor) -> SkuTaken | None:
    latest = memory.shown.get(product.pk) or memory.shown_before.get(product.pk)
    if latest and latest.is_of_second_pass(sent.fingerprint, arrival.connection, memory.burst):
        return None
    late = _is_of_pass_before_pull(memory, arrival, product, sent.number)
    kept = memory.shown_before if late else memory.shown
    shown = kept.get(product.pk)
    edits = _edits(product, memory, shown, sent)
    edited = bool(edits) or (bool(sent.file) and sent.file != (latest.photo if latest else ""))
    repeated = shown is not None and sent.fingerprint in shown.bodies and _changed_by_others(product, shown, by)
    if repeated:
        edits = {}
    if taken := _sku_taken(product, edits):
        if memory.refuse_once(fingerprint_of("put", product.pk, edits["sku"]), unless_others=arrival.quick):
            return SkuTaken(edits["sku"], taken.pk)
        discrepancies.record(
            Kind.SKU_TAKEN, by=by, product=product, sent=edits["sku"], kept=product.sku, taken_by=taken.pk
        )
        del edits["sku"]
    reading = _read_quantity(product, memory, arrival, sent, edited=edited, by=by)
    _apply(product, edits, reading, sent, by)
    revision = shown.revision if shown and repeated else product.revision
    kept[product.pk] = _now_shown(memory, arrival, shown, sent, reading, revision)
    return None


# --- The description ----------------------------------------------------------------------------------------------
def _edits(product: Product, memory: Memory, shown: Shown | None, sent: Update) -> dict[str, str]:
    if shown:
        seen = [shown.fields, *history.answers_kept(memory, product)]
    else:
        seen = history.descriptions(memory, product, local=sent.local)
    return fields.edits(sent.fields, seen)


def _sku_taken(product: Product, edits: Mapping[str, str]) -> Product | None:
    """Another live product with the SKU that this one is to get."""
    if product.is_archived or not edits.get("sku"):
        return None
    return Product.objects.live().filter(sku=edits["sku"]).exclude(id=product.pk).first()


def _changed_by_others(product: Product, shown: Shown, by: Actor) -> bool:
    """Whether somebody else has changed the description since this device's last accepted PUT."""
    later = ProductVersion.objects.filter(product=product, revision__gt=shown.revision)
    return later.exclude(device=by.device).exists()


# --- The quantity -------------------------------------------------------------------------------------------------
def _apply(product: Product, edits: Mapping[str, str], reading: quantity.Reading, sent: Update, by: Actor) -> None:
    """Write down what was edited, book what was read, and ask about what is doubtful."""
    changes = dict(edits) if sent.min_quantity is None else {**edits, "min_quantity": sent.min_quantity}
    before = product.quantity
    pieces = reading.delta or reading.instead
    implausible = abs(pieces) > MAX_QUANTITY or not stock.fits(product, pieces)
    delta = 0 if implausible else reading.delta
    movement = products.apply(product, changes, delta=delta, photo=sent.photo, by=by)
    if implausible:
        discrepancies.record(
            Kind.IMPLAUSIBLE_QUANTITY, by=by, product=product, sent=sent.number, on_hand=before, change=0,
            pending=[{"product": product.pk, "delta": pieces}],
        )  # fmt: skip
    elif not reading.sure:
        _ask_about(product, movement, reading, sent=sent.number, before=before, by=by)
    elif movement and product.is_archived:
        discrepancies.record(Kind.ARCHIVED_STOCK, by=by, product=product, quantity=reading.delta, booked=[movement.pk])


def _read_quantity(
    product: Product, memory: Memory, arrival: Arrival, update: Update, *, edited: bool, by: Actor
) -> quantity.Reading:
    sent = update.number
    if sent is None:
        return quantity.Reading(0, sure=True, counted=0)
    if _is_of_pass_before_pull(memory, arrival, product, sent):
        before = memory.shown_before[product.pk]
        earlier = history.sent_before(before, device_of(by), product)
        return quantity.read(sent, earlier[before.quantity], edited=edited, sent_before=earlier)
    views = history.quantity_views(memory, device_of(by), product, local=update.local)
    if not views:
        return quantity.Reading(sent - product.quantity, sure=sent == product.quantity, counted=0)
    shown = memory.shown.get(product.pk)
    earlier = history.sent_before(shown, device_of(by), product)
    offsets = memory.offsets(product.pk)
    reading = quantity.read(sent, views, edited=edited, sent_before=earlier, offsets=offsets)
    # What was doubtful before makes a difference to it doubtful too: a manager may take the former back.
    in_doubt = shown is not None and shown.unsure and (reading.delta or (not edited and sent not in earlier))
    # A queue that hangs at an unknown SKU: other numbers may be waiting behind it, on which this one is built.
    hangs = any(n > 0 for n in memory.misses.values()) and not edited and (reading.delta or sent not in earlier)
    # A look-up without its addition: goods may be waiting on the phone, which its number counts already.
    waiting = not reading.firm and any(ticket.product == product.pk for ticket in memory.tickets)
    # What came first may have been sent ahead of a queue that begins with the same number (a press while the queue of
    # before was stuck); or it was the queue's own beginning.
    ahead = shown is not None and shown.came_again and len(shown.sent) == 1 and not edited and reading.delta
    # The same number twice in one pass is no repetition where an answer has put the phone's number back meanwhile.
    put_back = shown is not None and not edited and sent in earlier and _is_put_back(memory, arrival, product, shown)
    # A queue that comes again without what was pressed outside it does not lead to its last number once more.
    lost = shown is not None and shown.outside and sent in earlier and reading.delta
    if (
        in_doubt
        or hangs
        or waiting
        or ahead
        or put_back
        or lost
        or _was_sent_before_pull(memory, arrival, product, sent)
    ):
        return replace(reading, sure=False)
    return reading


def _is_put_back(memory: Memory, arrival: Arrival, product: Product, shown: Shown) -> bool:
    """Whether the phone has shown an answer of ours since the pull, and its last PUT came over this connection."""
    answered = any(glance.kept and glance.product == product.pk for glance in memory.glances)
    return answered and shown.reached.get(arrival.connection) == len(shown.bodies)


def _was_sent_before_pull(memory: Memory, arrival: Arrival, product: Product, sent: int | None) -> bool:
    """Whether this number was sent before the pull too, and another pass that was under way with it may send it."""
    before = memory.shown_before.get(product.pk)
    under_way = memory.behind_pull or arrival.stream <= memory.pull_number
    return bool(under_way and before and sent in before.sent)


def _is_of_pass_before_pull(memory: Memory, arrival: Arrival, product: Product, sent: int | None) -> bool:
    """Whether such another pass does send it: on another connection than the pull's. The numbers go back then and on
    again, as in a pass that begins anew."""
    elsewhere = not arrival.connection or arrival.connection != memory.pull_connection
    return elsewhere and _was_sent_before_pull(memory, arrival, product, sent)


def _ask_about(
    product: Product, movement: StockMovement | None, reading: quantity.Reading, *, sent: int | None, before: int,
    by: Actor,
) -> None:  # fmt: skip
    facts: dict[str, Any] = {"sent": sent, "on_hand": before, "change": reading.delta}
    facts["booked"] = [movement.pk] if movement else []
    if reading.instead:
        facts["pending"] = [{"product": product.pk, "delta": reading.instead}]
    discrepancies.record(Kind.QUANTITY_GUESS, by=by, product=product, **facts)


# --- What the phone shows now -------------------------------------------------------------------------------------
def _now_shown(
    memory: Memory, arrival: Arrival, shown: Shown | None, sent: Update, reading: quantity.Reading, revision: int
) -> Shown:
    known = shown or Shown(quantity=0, counted=0, since=memory.last_pull)
    number = sent.number
    return Shown(
        quantity=known.quantity if number is None else number,
        counted=reading.counted,
        sent=known.sent if number is None else _at_the_end(known.sent, number, reading.counted),
        since=known.since,
        came_again=number in known.sent and arrival.connection not in known.reached,
        began=known.began or memory.number,
        bodies=[*known.bodies, sent.fingerprint],
        outside=known.outside or _is_outside(known, arrival, number),
        reached=known.reached | {arrival.connection: len(known.bodies) + 1},
        fields=dict(sent.fields),
        revision=revision,
        photo=sent.file,
        unsure=known.unsure or not (reading.sure and reading.firm),
    )


def _is_outside(known: Shown, arrival: Arrival, number: int | None) -> bool:
    return bool(known.bodies) and arrival.connection not in known.reached and number not in known.sent


def _at_the_end(sent: dict[int, int], number: int, counted: int) -> dict[int, int]:
    return {earlier: seen for earlier, seen in sent.items() if earlier != number} | {number: counted}
