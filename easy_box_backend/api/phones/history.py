"""What a phone has seen, read back from history: quantities from the ledger, descriptions from the versions."""

from collections.abc import Mapping

from api.models import Device, Order, OrderVersion, Product, ProductVersion, StockMovement
from api.reconcile.memory import Memory, Shown
from api.reconcile.picking import Lines
from api.reconcile.quantity import View, growing


def quantity_at(product_id: int, revision: int) -> int:
    """What was on hand when the counter stood at `revision`."""
    latest = StockMovement.objects.filter(product_id=product_id, revision__lte=revision).order_by("-id")
    return latest.values_list("quantity_after", flat=True).first() or 0


def own_additions(device: Device, product_id: int, *, since: int, behind: int = 0) -> list[tuple[int, int]]:
    """What this device has added since a revision, behind the movement `behind`: (movement, pieces), in order."""
    found = StockMovement.objects.not_reversed().filter(
        product_id=product_id,
        device=device,
        kind=StockMovement.Kind.RECEIPT,
        revision__gt=since,
        id__gt=behind,
    )
    return list(found.order_by("id").values_list("id", "quantity_delta"))


def revisions_seen(memory: Memory, product_id: int) -> list[int]:
    """At which revisions this device has seen the product, the likeliest first.

    An older pull counts only while it is not certain that the answer to the latest one arrived.
    """
    own = [glance.revision for glance in memory.glances[::-1] if glance.product == product_id and not glance.kept]
    pulls = memory.pulls[::-1]
    older = [] if memory.pull_seen else pulls[1:]
    return list(dict.fromkeys([*_kept(memory, product_id), *pulls[:1], *own, *older]))


def _kept(memory: Memory, product_id: int) -> list[int]:
    return [glance.revision for glance in memory.glances[::-1] if glance.product == product_id and glance.kept]


def quantity_views(memory: Memory, device: Device, product: Product, *, local: bool = False) -> list[View]:
    """The numbers that this device can have shown for the product, the likeliest first; empty if it never saw it.

    local: it is the phone's own product under a UUID, which begins with none on hand whatever the server had.
    """
    views: list[View] = []
    if local and product.pk not in memory.shown:
        views += growing(0, 0, own_additions(device, product.pk, since=memory.last_pull))
    shown = memory.shown.get(product.pk)
    for revision in _kept(memory, product.pk) if shown else []:
        if revision > shown.revision:  # type: ignore[union-attr]
            views += growing(quantity_at(product.pk, revision), 0, own_additions(device, product.pk, since=revision))
    if shown:
        more = own_additions(device, product.pk, since=memory.last_pull, behind=shown.counted)
        views += growing(shown.quantity, shown.counted, more)
    before = memory.shown_before.get(product.pk)
    for revision in revisions_seen(memory, product.pk):
        if before and not shown and not memory.pull_seen and revision < before.revision:
            # The answer to the last pull may have been lost; then it shows what it did before.
            more = own_additions(device, product.pk, since=before.revision, behind=before.counted)
            views += growing(before.quantity, before.counted, more)
            before = None
        if (not shown or revision > shown.revision) and product.versions.filter(revision__lte=revision).exists():
            views += growing(quantity_at(product.pk, revision), 0, own_additions(device, product.pk, since=revision))
    return list(dict.fromkeys([*_with_held_back(memory, product.pk, views), *views]))


def sent_before(shown: Shown | None, device: Device, product: Product) -> dict[int, list[View]]:
    """The numbers that the device has sent for the product since its last pull, the latest first, each with the views
    that it has grown to by the device's own additions since."""
    if shown is None:
        return {}
    own = own_additions(device, product.pk, since=shown.since)
    return {
        number: growing(number, counted, [entry for entry in own if entry[0] > counted])
        for number, counted in reversed(shown.sent.items())
    }


def _with_held_back(memory: Memory, product_id: int, views: list[View]) -> list[View]:
    """The same with what the phone counts and the ledger does not, all of it or, if it was sent twice, a part."""
    held_back = [item.quantity for item in memory.held_back if item.product == product_id]
    sums = [sum(held_back[:n]) for n in range(len(held_back), 0, -1)]
    return [View(view.quantity + more, view.counted) for more in sums for view in views]


def answers_kept(memory: Memory, product: Product) -> list[Mapping[str, str]]:
    """The descriptions in answers since the pull that the app shows from then on, whatever it has queued itself."""
    kept = [glance for glance in memory.glances if glance.kept and glance.product == product.pk]
    return [description for glance in kept for description in _description_at(product, glance.revision)]


def _description_at(product: Product, revision: int) -> list[Mapping[str, str]]:
    version = ProductVersion.objects.filter(product=product, revision__lte=revision).order_by("-revision").first()
    return [{"name": version.name, "sku": version.sku, "location": version.location}] if version else []


def descriptions(memory: Memory, product: Product, *, local: bool) -> list[Mapping[str, str]]:
    """The descriptions of the product that this device can have seen, the likeliest first.

    local: it is the phone's own product under a UUID.
    """
    if shown := memory.shown.get(product.pk):
        return [shown.fields]
    if local and product.pk in memory.made:
        return [memory.made[product.pk]]
    found: list[Mapping[str, str]] = []
    before = memory.shown_before.get(product.pk)
    for revision in revisions_seen(memory, product.pk):
        found += _description_at(product, revision)
    if before and not memory.pull_seen:
        found.append(before.fields)
    return found


def order_seen(memory: Memory, order: Order, device: Device, status: str | None) -> OrderVersion | None:
    """The order as this device had seen it when it sent this status; None if it never did.

    Nobody can finish an order that the phone shows as finished: then the answer to its last pull was lost, and what
    it had seen is an earlier one. Unless it has finished the order itself and is only saying so again.
    """
    kept = OrderVersion.objects.filter(order=order).order_by("-revision")
    found = [kept.filter(revision__lte=revision).first() for revision in memory.order_pulls[::-1]]
    seen = [version for version in found if version]
    if status == Order.Status.PICKED and not kept.filter(device=device, status=status).exists():
        return next((version for version in seen if version.status in Order.RUNNING), seen[0] if seen else None)
    return seen[0] if seen else None


def lines_of(version: OrderVersion) -> Lines:
    """A kept order's lines by product."""
    return {n["product"]: (n["quantity_to_pick"], n["quantity_picked"]) for n in version.lines}
