"""Finds out what a phone has seen: quantities from the ledger, descriptions and orders from their versions."""

from collections.abc import Mapping

from api.models import Device, Order, OrderVersion, Product, ProductVersion, StockMovement
from api.reconcile import seen
from api.reconcile.memory import Memory, Shown
from api.reconcile.picking import Lines
from api.reconcile.presses import NUMBER_LOST, Base, Page


def page_of(
    memory: Memory, device: Device, product: Product, page: Page
) -> tuple[list[Base], list[list[Base]], list[tuple[int, int]]]:
    """What the phone's page of a product can have shown: `bases`, `answers` and `added` for `presses.read`."""
    pulls = seen.pulled(memory)
    lost = 0.0 if page.before is None else sum(weight for _, weight in pulls[1:])
    if lost:
        pulls[1:] = [(revision, weight * NUMBER_LOST) for revision, weight in pulls[1:]]
    opened = [(page.since, 1.0)] if page.shown is not None else [*page.numbers[0].answers, *pulls]
    first = product.versions.order_by("revision").values_list("revision", flat=True).first() or 0
    moments = [[(revision, weight) for revision, weight in opened if revision >= first], []]
    for number in page.numbers[1:]:
        moments.append([(revision, weight) for revision, weight in number.answers if revision >= first])
    since = min((revision for weighted in moments for revision, _ in weighted), default=memory.last_pull)
    own = own_additions(device, product, since)
    shown = {}
    if page.before is not None and lost:
        shown[page.before, sum(at <= memory.last_pull for at, _ in own)] = lost * (1 - NUMBER_LOST)
    bases, *answers = [_bases(product, weighted, own, shown if not nth else {}) for nth, weighted in enumerate(moments)]
    if page.shown is not None:
        bases = [Base(page.shown, 1.0)]
    elif page.local:
        bases = [Base(0, 0.9), *(Base(base.quantity, base.chance / 10, base.included) for base in bases)]
    elif not bases:  # the phone never saw it
        bases = [Base(product.quantity - sum(page.booked.values()), 1.0, len(own))]
    bases = _with_implausible(bases, [pieces for known, pieces in memory.implausible if known == product.pk])
    return bases, answers, own


def own_additions(device: Device, product: Product, since: int) -> list[tuple[int, int]]:
    """The additions of this device after a revision, in order: the revision of each movement and its pieces."""
    found = StockMovement.objects.not_reversed().filter(
        product=product, device=device, kind=StockMovement.Kind.RECEIPT, revision__gt=since
    )
    return list(found.order_by("id").values_list("revision", "quantity_delta"))


def _bases(
    product: Product, moments: list[tuple[int, float]], own: list[tuple[int, int]],
    besides: Mapping[tuple[int, int], float],
) -> list[Base]:  # fmt: skip
    """The quantities on hand at these revisions, with chances from their weights.

    moments: revisions with their weights. own: the device's own additions, as from `own_additions`. besides: other
    quantities and how many of these additions they include, with their weights.
    """
    weights = dict(besides)
    for revision, weight in moments:
        until = product.movements.filter(revision__lte=revision).order_by("-id")
        quantity = until.values_list("quantity_after", flat=True).first() or 0
        key = (quantity, sum(at <= revision for at, _ in own))
        weights[key] = weights.get(key, 0.0) + weight
    total = sum(weights.values())
    return [Base(quantity, weight / total, included) for (quantity, included), weight in weights.items()]


def _with_implausible(bases: list[Base], pieces: list[int]) -> list[Base]:
    """These numbers, and the same with implausible additions, which the phone counts and the ledger does not.

    pieces: of these additions, in order. If some of them were sent twice, only the first ones count.
    """
    sums = [0, *(sum(pieces[:n]) for n in range(1, len(pieces) + 1))]
    return [Base(base.quantity + more, base.chance / len(sums), base.included) for more in sums for base in bases]


def _description_at(product: Product, revision: int) -> list[Mapping[str, str]]:
    """The description at a revision, in a list; empty if the product did not exist then."""
    version = ProductVersion.objects.filter(product=product, revision__lte=revision).order_by("-revision").first()
    return [{"name": version.name, "sku": version.sku, "location": version.location}] if version else []


def descriptions(memory: Memory, product: Product, shown: Shown | None, *, local: bool) -> list[Mapping[str, str]]:
    """The descriptions of the product that this device can have seen, the likeliest first.

    shown: what its own PUTs say, if there are any. Then, apart from it, only the answers to its creations count.
    local: whether the PUT names the product by the phone's own UUID.
    """
    if shown:
        answers = reversed(seen.of_creations(memory, product.pk))
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


def order_seen(
    memory: Memory, order: Order, device: Device, status: str | None, to_pick: Mapping[int, int]
) -> OrderVersion | None:
    """The order as this device had seen it when it sent this status; None if nothing says what it saw.

    to_pick: by product, the pieces to pick that it sent. No screen of the app changes them.

    If its last pull had the order as finished already, the answer to that pull may have been lost. Then the phone had
    seen an earlier version, unless the device finished the order itself and does so again. After a new login it may not
    have pulled the orders yet. Then it shows what it saw under the former login: an unfinished version with these
    pieces to pick.
    """
    kept = OrderVersion.objects.filter(order=order).order_by("-revision")
    found = [kept.filter(revision__lte=revision).first() for revision in memory.order_pulls[::-1]]
    known = [version for version in found if version]
    if status == Order.Status.PICKED and not kept.filter(device=device, status=status).exists():
        if not known and not kept.filter(device__user=device.user_id, status=status).exists():
            running = list(kept.filter(status__in=Order.RUNNING))
            same = [version for version in running if to_pick.items() <= _to_pick(version).items()]
            return next(iter([*same, *running]), None)
        return next((version for version in known if version.status in Order.RUNNING), known[0] if known else None)
    return known[0] if known else None


def _to_pick(version: OrderVersion) -> dict[int, int]:
    return {product: to_pick for product, (to_pick, _) in lines_of(version).items()}


def lines_of(version: OrderVersion) -> Lines:
    """The lines of an order's version, by product."""
    return {n["product"]: (n["quantity_to_pick"], n["quantity_picked"]) for n in version.lines}
