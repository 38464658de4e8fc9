"""What a phone has seen, read back from history: quantities from the ledger, descriptions from the versions."""

from collections.abc import Mapping

from api.models import Device, Order, OrderVersion, Product, ProductVersion, StockMovement
from api.reconcile.memory import Memory
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
    own = [glance.revision for glance in memory.glances if glance.product == product_id]
    pulls = memory.pulls[::-1]
    return list(dict.fromkeys([*pulls[:1], *own[::-1], *([] if memory.pull_seen else pulls[1:])]))


def quantity_views(memory: Memory, device: Device, product: Product) -> list[View]:
    """The numbers that this device can have shown for the product, the likeliest first; empty if it never saw it."""
    views: list[View] = []
    if shown := memory.shown.get(product.pk):
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
    held_back = sum(item.quantity for item in memory.held_back if item.product == product.pk)
    return views + [View(view.quantity + held_back, view.counted) for view in views if held_back]


def descriptions(memory: Memory, product: Product) -> list[Mapping[str, str]]:
    """The descriptions of the product that this device can have seen, the likeliest first."""
    if shown := memory.shown.get(product.pk):
        return [shown.fields]
    found: list[Mapping[str, str]] = []
    before = memory.shown_before.get(product.pk)
    for revision in revisions_seen(memory, product.pk):
        version = ProductVersion.objects.filter(product=product, revision__lte=revision).order_by("-revision").first()
        if version:
            found.append({"name": version.name, "sku": version.sku, "location": version.location})
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
