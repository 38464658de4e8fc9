"""The app's creations, updates and deletions, read against what its device had seen."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Q

from api.actions import discrepancies, products, stock
from api.actions.app_stock import book_after_all, device_of
from api.actions.products import SkuTaken
from api.actor import Actor
from api.images import Photo
from api.models import MAX_QUANTITY, Discrepancy, Product, ProductVersion, StockMovement
from api.reconcile import additions, fields, quantity, snapshots
from api.reconcile.memory import Arrival, Glance, Item, Memory, Shown, keep, recall

Kind = Discrepancy.Kind


def _fingerprint(*parts: object) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


# --- Creation -----------------------------------------------------------------------------------------------------
def create(
    *, sku: str, name: str, location: str = "", photo: Photo | None = None, by: Actor, at: datetime,
    connection: str = "", **more: Any,
) -> Product:  # fmt: skip
    """A product that the phone created, perhaps long ago, perhaps sent before.

    Returns the new product, or the one that it turns out to be. Raises SkuTaken for a SKU that the phone could have
    known to be taken, the first time only, since the app repeats the request for ever.
    """
    device = device_of(by)
    with transaction.atomic():
        memory = recall(device)
        arrival = memory.arrive("create", at, connection)
        additions.begins_again(memory)
        fingerprint = _fingerprint("created", sku, name)
        if arrival.quick and fingerprint in memory.created:
            memory.overlapping = True
        memory.created.append(fingerprint)
        product, taken = _create(memory, sku, name, location, photo, more, by, at)
        if product is not None:
            memory.glances.append(Glance(product.pk, product.revision, memory.number, kept=True))
            memory.note_made(product.pk, {"name": name, "sku": sku, "location": location})
        keep(device, memory)
    if product is None:
        raise SkuTaken(sku, taken)
    return product


def _create(
    memory: Memory, sku: str, name: str, location: str, photo: Photo | None, more: Mapping[str, Any], by: Actor,
    at: datetime,
) -> tuple[Product | None, int | None]:  # fmt: skip
    """The product, or None and the id of the one that has the SKU."""
    live = Product.objects.live().filter(sku=sku).first()
    if live is None:
        if archived := _own_archived(memory, sku, name, by):
            return archived, None
        try:
            return products.create(sku=sku, name=name, location=location, photo=photo, by=by, at=at, **more), None
        except SkuTaken:
            live = Product.objects.live().get(sku=sku)
    product = stock.lock([live.pk])[live.pk]
    if product.unverified:
        changes = {"name": name, "location": location or product.location, "unverified": False}
        products.apply(product, changes, photo=photo, by=by, at=at)
        return product, None
    first = ProductVersion.objects.filter(product=product).order_by("revision").first()
    unseen = first is None or first.revision > memory.last_pull
    own = first is not None and first.device_id == device_of(by).pk
    cannot_know = unseen and (not own or first is None or first.name == name)
    if not cannot_know and memory.refuse_once(_fingerprint("create", sku, name)):
        return None, product.pk
    if product.name != name and (first is None or first.name != name or not own):
        discrepancies.record(Kind.NAME_DIFFERS, by=by, at=at, product=product, sent=name, kept=product.name)
    missing = {"location": location} if location and not product.location else {}
    products.apply(product, missing, photo=None if product.image else photo, by=by, at=at)
    return product, None


def _own_archived(memory: Memory, sku: str, name: str, by: Actor) -> Product | None:
    """The archived product that this device created under this SKU and name since its last pull, if it did: then the
    creation is a repetition whose first answer was lost."""
    made = ProductVersion.objects.filter(device=by.device, sku=sku, name=name, revision__gt=memory.last_pull)
    for version in made.order_by("-revision"):
        first = ProductVersion.objects.filter(product=version.product_id).order_by("revision").first()
        if first == version:
            return Product.objects.get(id=version.product_id)
    return None


# --- Update -------------------------------------------------------------------------------------------------------
def put(
    key: str, *, sku: str, name: str, location: str = "", quantity: int | None = None, image_url: Any = None,
    photo: Photo | None = None, min_quantity: int | None = None, by: Actor, at: datetime, connection: str = "",
) -> Product | None:  # fmt: skip
    """A whole product as the phone shows it. Returns the product; None where nobody can tell which one it is.

    key: our id, or the UUID under which the phone created it. image_url: only whether it names a file on the phone
    matters. Raises SkuTaken, the first time only.
    """
    device = device_of(by)
    taken: SkuTaken | None = None
    sent = {"name": name, "sku": sku, "location": location}
    with transaction.atomic():
        memory = recall(device)
        arrival = memory.arrive("put", at, connection)
        product = _resolve(key, memory, sent, by, additions.went_on(memory, quick=arrival.quick), at)
        if product is None:
            facts: dict[str, Any] = {"id": key[:100], "name": name, "quantity": quantity}
            discrepancies.record(Kind.UNKNOWN_PRODUCT, by=by, at=at, sku=sku, **facts)
        else:
            taken = _put(product, memory, arrival, key, sent, quantity, image_url, photo, min_quantity, by, at)
        keep(device, memory)
    if taken is not None:
        raise taken
    return product


def _put(
    product: Product, memory: Memory, arrival: Arrival, key: str, sent: dict[str, str], number: int | None,
    image_url: Any, photo: Photo | None, min_quantity: int | None, by: Actor, at: datetime,
) -> SkuTaken | None:  # fmt: skip
    body = _fingerprint(sent, number)
    latest = memory.shown.get(product.pk) or memory.shown_before.get(product.pk)
    if latest and latest.is_of_second_pass(body, arrival.connection, memory.burst):
        return None
    late = _is_of_pass_before_pull(memory, arrival, product, number)
    kept = memory.shown_before if late else memory.shown
    shown = kept.get(product.pk)
    file = image_url if isinstance(image_url, str) and not image_url.startswith("http") else ""
    if shown:
        seen = [shown.fields, *snapshots.answers_kept(memory, product)]
    else:
        seen = snapshots.descriptions(memory, product, local=not key.isdecimal())
    edits = fields.edits(sent, seen)
    edited = bool(edits)
    repeated = shown is not None and body in shown.bodies and _changed_by_others(product, shown, by)
    if repeated:
        edits = {}
    taken = edits.get("sku") and Product.objects.live().filter(sku=edits["sku"]).exclude(id=product.pk).first()
    if taken and not product.is_archived:
        if memory.refuse_once(_fingerprint("put", product.pk, edits["sku"]), unless_others=arrival.quick):
            return SkuTaken(edits["sku"], taken.pk)
        discrepancies.record(
            Kind.SKU_TAKEN,
            by=by,
            at=at,
            product=product,
            sent=edits["sku"],
            kept=product.sku,
            taken_by=taken.pk,
        )
        del edits["sku"]
    photographed = bool(file) and file != (latest.photo if latest else "")
    reading = _read_quantity(product, memory, arrival, key, number, edited=photographed or edited, by=by)
    changes: dict[str, Any] = {**edits, **({} if min_quantity is None else {"min_quantity": min_quantity})}
    before = product.quantity
    implausible = abs(reading.delta or reading.instead) > MAX_QUANTITY
    movement = products.apply(product, changes, delta=0 if implausible else reading.delta, photo=photo, by=by, at=at)
    if implausible:
        pending = [{"product": product.pk, "delta": reading.delta or reading.instead}]
        facts: dict[str, Any] = {"sent": number, "on_hand": before, "change": 0}
        discrepancies.record(Kind.IMPLAUSIBLE_QUANTITY, by=by, at=at, product=product, pending=pending, **facts)
    elif not reading.sure:
        _ask_about(product, movement, reading, sent=number, before=before, by=by, at=at)
    elif movement and product.is_archived:
        discrepancies.record(
            Kind.ARCHIVED_STOCK, by=by, at=at, product=product, quantity=reading.delta, booked=[movement.pk]
        )
    known = shown or Shown(quantity=0, counted=0, since=memory.last_pull)
    kept[product.pk] = Shown(
        quantity=known.quantity if number is None else number,
        counted=reading.counted,
        sent=known.sent if number is None else _at_the_end(known.sent, number, reading.counted),
        since=known.since,
        came_again=number in known.sent and arrival.connection not in known.reached,
        began=known.began or memory.number,
        bodies=[*known.bodies, body],
        reached=known.reached | {arrival.connection: len(known.bodies) + 1},
        fields=sent,
        revision=shown.revision if shown and repeated else product.revision,
        photo=file,
        unsure=known.unsure or not (reading.sure and reading.firm),
    )
    return None


def _at_the_end(sent: dict[int, int], number: int, counted: int) -> dict[int, int]:
    return {earlier: seen for earlier, seen in sent.items() if earlier != number} | {number: counted}


def _read_quantity(
    product: Product, memory: Memory, arrival: Arrival, key: str, sent: int | None, *, edited: bool, by: Actor
) -> quantity.Reading:
    if sent is None:
        return quantity.Reading(0, sure=True, counted=0)
    if _is_of_pass_before_pull(memory, arrival, product, sent):
        before = memory.shown_before[product.pk]
        earlier = snapshots.sent_before(before, device_of(by), product)
        return quantity.read(sent, earlier[before.quantity], edited=edited, sent_before=earlier)
    views = snapshots.quantity_views(memory, device_of(by), product, local=not key.isdecimal())
    if not views:
        return quantity.Reading(sent - product.quantity, sure=sent == product.quantity, counted=0)
    shown = memory.shown.get(product.pk)
    earlier = snapshots.sent_before(shown, device_of(by), product)
    offsets = memory.offsets(product.pk)
    reading = quantity.read(sent, views, edited=edited, sent_before=earlier, offsets=offsets)
    in_doubt = shown is not None and shown.unsure and not edited and (reading.delta or sent not in earlier)
    # A queue that hangs at an unknown SKU: other numbers may be waiting behind it, on which this one is built.
    hangs = bool(memory.misses) and not edited and (reading.delta or sent not in earlier)
    # A look-up without its addition: goods may be waiting on the phone, which its number counts already.
    waiting = not reading.firm and any(ticket.product == product.pk for ticket in memory.tickets)
    # What came first may have been sent ahead of a queue that begins with the same number (a press while the queue of
    # before was stuck); or it was the queue's own beginning.
    ahead = shown is not None and shown.came_again and len(shown.sent) == 1 and not edited and reading.delta
    if in_doubt or hangs or waiting or ahead or _was_sent_before_pull(memory, arrival, product, sent):
        return replace(reading, sure=False)
    return reading


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
    by: Actor, at: datetime,
) -> None:  # fmt: skip
    facts: dict[str, Any] = {"sent": sent, "on_hand": before, "change": reading.delta}
    facts["booked"] = [movement.pk] if movement else []
    if reading.instead:
        facts["pending"] = [{"product": product.pk, "delta": reading.instead}]
    discrepancies.record(Kind.QUANTITY_GUESS, by=by, at=at, product=product, **facts)


def _changed_by_others(product: Product, shown: Shown, by: Actor) -> bool:
    """Whether somebody else has changed the description since this device's last accepted PUT."""
    later = ProductVersion.objects.filter(product=product, revision__gt=shown.revision)
    return later.exclude(device=by.device).exists()


def _resolve(
    key: str, memory: Memory, sent: Mapping[str, str] | None, by: Actor, goods: list[Item], at: datetime
) -> Product | None:
    """The product under this id, locked; for a phone's UUID the one that this device created (and the alias is kept).

    goods: additions that this request shows to have been real; they are booked now that all locks can be taken in
    order. Returns None where there is no such product.
    """
    product_id = int(key) if key.isascii() and key.isdecimal() and len(key) <= 18 else memory.aliases.get(key)
    if product_id is None and sent is not None:
        own = ProductVersion.objects.filter(device=by.device).filter(
            Q(sku=sent["sku"]) | Q(name=sent["name"], location=sent["location"])
        )
        ranked = sorted(own, key=lambda version: (version.sku != sent["sku"], -version.revision))
        product_id = next((version.product_id for version in ranked), None)
        if product_id is None:
            product_id = Product.objects.live().filter(sku=sent["sku"]).values_list("id", flat=True).first()
        if product_id is not None:
            memory.aliases[key] = product_id
    if goods:
        stock.lock({item.product for item in goods} | ({product_id} if product_id is not None else set()))
        book_after_all(goods, by=by, at=at)
    return stock.lock([product_id]).get(product_id) if product_id is not None else None


# --- Photo --------------------------------------------------------------------------------------------------------
@transaction.atomic
def set_photo(key: str, photo: Photo, *, by: Actor, at: datetime, connection: str = "") -> Product:
    """The photo that the phone uploads right behind a PUT. Raises NoSuchProduct."""
    device = device_of(by)
    memory = recall(device)
    arrival = memory.arrive("photo", at, connection)
    product = _resolve(key, memory, None, by, [], at)
    if product is None:
        raise products.NoSuchProduct(key[:100])
    products.apply(product, {}, photo=photo, by=by, at=at)
    if not (arrival.quick and arrival.behind == "put"):
        memory.glances.append(Glance(product.pk, product.revision, memory.number, kept=True))
    keep(device, memory)
    return product


# --- Deletion -----------------------------------------------------------------------------------------------------
@transaction.atomic
def delete(key: str, *, by: Actor, at: datetime, connection: str = "") -> None:
    """The phone deletes a product; one that is archived, or was deleted by this phone before, stays as it is."""
    device = device_of(by)
    memory = recall(device)
    arrival = memory.arrive("delete", at, connection)
    product = _resolve(key, memory, None, by, additions.went_on(memory, quick=arrival.quick), at)
    if product is None:
        if not key.isdecimal():
            discrepancies.record(Kind.UNKNOWN_PRODUCT, by=by, at=at, id=key[:100])
    elif product.pk not in memory.deleted:
        memory.deleted.append(product.pk)
        products.archive(product.pk, by=by, at=at)
    keep(device, memory)
