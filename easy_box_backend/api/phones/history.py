"""Fetches what a phone has seen: quantities from the ledger, descriptions from the kept versions."""

from collections.abc import Mapping

from api.models import Device, Order, OrderVersion, Product, ProductVersion, StockMovement
from api.reconcile import seen
from api.reconcile.memory import Memory, Shown
from api.reconcile.picking import Lines
from api.reconcile.quantity import View, growing


def quantity_at(product_id: int, revision: int) -> int:
    """Pieces on hand at this revision."""
    latest = StockMovement.objects.filter(product_id=product_id, revision__lte=revision).order_by("-id")
    return latest.values_list("quantity_after", flat=True).first() or 0


def own_additions(device: Device, product_id: int, *, since: int, after: int = 0) -> list[tuple[int, int]]:
    """What this device has added since a revision and after the movement `after`: (movement, pieces), in order."""
    found = StockMovement.objects.not_reversed().filter(
        product_id=product_id,
        device=device,
        kind=StockMovement.Kind.RECEIPT,
        revision__gt=since,
        id__gt=after,
    )
    return list(found.order_by("id").values_list("id", "quantity_delta"))


def quantity_views(memory: Memory, device: Device, product: Product, *, local: bool) -> list[View]:
    """The numbers that this device can have shown for the product, the likeliest first; empty if it never saw it.

    local: it is the phone's own product under a UUID.
    """
    views: list[View] = []
    for base in seen.bases(memory, product.pk, local=local):
        start = base.quantity
        if start is None and product.versions.filter(revision__lte=base.since).exists():
            start = quantity_at(product.pk, base.since)
        if start is not None:
            own = own_additions(device, product.pk, since=base.since, after=base.last_addition)
            views += growing(start, base.last_addition, own)
    return seen.with_held_back(memory, product.pk, views)


def sent_before(shown: Shown | None, device: Device, product: Product) -> dict[int, list[View]]:
    """The numbers that the device has sent for the product since its last pull, the latest first.

    Each with the views that it has grown to by the device's own additions since.
    """
    if shown is None:
        return {}
    own = own_additions(device, product.pk, since=shown.since)
    return {
        sent: growing(sent, last_addition, [entry for entry in own if entry[0] > last_addition])
        for sent, last_addition in reversed(shown.sent.items())
    }


def _description_at(product: Product, revision: int) -> list[Mapping[str, str]]:
    version = ProductVersion.objects.filter(product=product, revision__lte=revision).order_by("-revision").first()
    return [{"name": version.name, "sku": version.sku, "location": version.location}] if version else []


def descriptions(memory: Memory, product: Product, shown: Shown | None, *, local: bool) -> list[Mapping[str, str]]:
    """The descriptions of the product that this device can have seen, the likeliest first.

    shown: what its own PUTs say, if there are any: then only the answers count besides that the app shows from then on.
    local: it is the phone's own product under a UUID.
    """
    if shown:
        answers = reversed(seen.kept_revisions(memory, product.pk))
        return [shown.fields, *(text for revision in answers for text in _description_at(product, revision))]
    if local and product.pk in memory.created_products:
        return [memory.created_products[product.pk]]
    found: list[Mapping[str, str]] = []
    before = memory.shown_before.get(product.pk)
    for revision in seen.revisions(memory, product.pk):
        found += _description_at(product, revision)
    if before and not memory.pull_seen:
        found.append(before.fields)
    return found


def order_seen(memory: Memory, order: Order, device: Device, status: str | None) -> OrderVersion | None:
    """The order as this device had seen it when it sent this status; None if nothing says what it saw.

    If the phone should show the order as finished, the answer to its last pull may have been lost: then it had seen an
    earlier version, unless the device finished the order itself and does so again. After a new login it may not have
    pulled the orders yet: it shows what it saw under the former login, at most the last unfinished version.
    """
    kept = OrderVersion.objects.filter(order=order).order_by("-revision")
    found = [kept.filter(revision__lte=revision).first() for revision in memory.order_pulls[::-1]]
    known = [version for version in found if version]
    if status == Order.Status.PICKED and not kept.filter(device=device, status=status).exists():
        if not known and not kept.filter(device__user=device.user_id, status=status).exists():
            return kept.filter(status__in=Order.RUNNING).first()
        return next((version for version in known if version.status in Order.RUNNING), known[0] if known else None)
    return known[0] if known else None


def lines_of(version: OrderVersion) -> Lines:
    """The lines of an order's version, by product."""
    return {n["product"]: (n["quantity_to_pick"], n["quantity_picked"]) for n in version.lines}
