"""Fetches the rows that discrepancies refer to, as of now; and the changes that an answer would make to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import BigIntegerField, DecimalField, OuterRef, Subquery, prefetch_related_objects
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext

from api.discrepancies.words import from_to
from api.models import (
    Device,
    Discrepancy,
    Order,
    OrderLine,
    OrderVersion,
    Product,
    StockMovement,
    StockMovementQuerySet,
    User,
)

if TYPE_CHECKING:
    from api.discrepancies.case import Case

ANY_NUMBER: DecimalField[Any, Any] = DecimalField(max_digits=40, decimal_places=0)
"""What a phone's number can come to beside what is on hand may need more than 64 bits."""
_NO_MOVEMENT = 2**62
"""Stands for the first booked movement where nothing was booked: every receipt has a smaller id."""
_BEFORE, _AFTER = 4, 2
"""How many movements of a product are fetched from before a discrepancy and from after it."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value that an answer changes. what: "on_hand", "picked", "name", "sku", "unverified" or "archived".
    after: None if it depends on what the manager enters."""

    what: str
    before: Any
    after: Any
    product: Product

    @property
    def in_words(self) -> str:
        """The change for people: `SHIRT · Shirts: 8 → 6`."""
        text = from_to(self.before, self.after)
        if self.what == "picked":
            text = gettext("picked for the order: %(change)s") % {"change": text}
        return f"{self.product}: {text}"


@dataclass(slots=True)
class Known:
    """All that some discrepancies refer to, fetched in a fixed number of queries.

    earlier: by discrepancy, the receipt that a possible duplicate looks like. on_hand (by product), picked (by order
    and product), taken_back (ids of reversed movements): as of now; `suppose` changes them.
    """

    products: dict[int, Product] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    lines: dict[tuple[int, int], OrderLine] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    devices: dict[int, Device] = field(default_factory=dict)
    movements: dict[int, StockMovement] = field(default_factory=dict)
    earlier: dict[int, StockMovement] = field(default_factory=dict)
    on_hand: dict[int, int] = field(default_factory=dict)
    picked: dict[tuple[int, int], int] = field(default_factory=dict)
    taken_back: set[int] = field(default_factory=set)
    nearby_movements: dict[int, list[int]] = field(default_factory=dict)
    """By discrepancy, the ids of the movements of its product around that time."""
    versions: dict[int, list[OrderVersion]] = field(default_factory=dict)
    """By order, the versions in which its status changed, the oldest first."""
    counts: dict[int, StockMovement] = field(default_factory=dict)
    """By product, its latest count, which includes what happened before it (see `stock.count_with`)."""

    @classmethod
    def of(cls, rows: Sequence[Discrepancy], *, around: bool = False) -> Known:
        """All that these rows refer to. around: also what else happened around that time."""
        known = cls()
        prefetch_related_objects(rows, "user", "device", "order")  # no query if the caller has joined them
        earlier, known.nearby_movements = _movements_of(rows, around=around)
        booked = {key for row in rows for key in row.facts.get("booked", [])}
        wanted = booked.union(earlier.values(), *known.nearby_movements.values())
        found = StockMovement.objects.filter(id__in=wanted).select_related("reversed_by")
        if around:
            found = found.select_related("reversed_by", "user", "device", "order_line")
        known.movements = {movement.pk: movement for movement in found}
        known.earlier = {key: known.movements[movement] for key, movement in earlier.items()}
        known.taken_back = {
            key for key, movement in known.movements.items()
            if movement.reverses_id or getattr(movement, "reversed_by", None)
        }  # fmt: skip
        products = {key for row in rows for key in _products(row)} | {
            movement.product_id for movement in known.movements.values()
        }
        known.products = Product.objects.in_bulk(products)
        known.counts = _latest_counts(known.products)
        known.on_hand = {key: product.quantity for key, product in known.products.items()}
        known.orders = {row.order_id: row.order for row in rows if row.order_id and row.order}
        for line in OrderLine.objects.filter(order__in=known.orders, product__in=known.products):
            known.lines[line.order_id, line.product_id] = line
            known.picked[line.order_id, line.product_id] = line.quantity_picked
        known.users = {row.user_id: row.user for row in rows if row.user_id and row.user}
        known.devices = {row.device_id: row.device for row in rows if row.device_id and row.device}
        if around:
            known.versions = _changes_of_status(known.orders)
        return known

    def suppose(self, case: Case, changes: Iterable[Change], taken_back: Iterable[int]) -> None:
        """Change the quantities as if an answer to this case had been given, for the numbers of the next case."""
        for change in changes:
            if change.what == "on_hand" and change.after is not None:
                self.on_hand[change.product.pk] = change.after
            elif change.what == "picked" and case.row.order_id:
                self.picked[case.row.order_id, change.product.pk] = change.after
        self.taken_back.update(taken_back)


def _latest_counts(products: Iterable[int]) -> dict[int, StockMovement]:
    """The latest count of each of these products, by product."""
    latest = StockMovement.objects.filter(product=OuterRef("pk")).counts().values("id")[:1]
    found = Product.objects.filter(id__in=list(products)).annotate(count=Subquery(latest))
    return {count.product_id: count for count in StockMovement.objects.filter(id__in=found.values("count"))}


def _products(row: Discrepancy) -> set[int]:
    """The ids of the products that a discrepancy refers to."""
    facts, named = row.facts, {row.product_id}
    named |= {entry["product"] for entry in facts.get("pending", [])}
    named |= {facts.get("archived"), facts.get("taken_by"), facts.get("moved_to")}
    if isinstance(facts.get("picked"), dict):
        named |= {int(key) for key in facts["picked"] if key.isdecimal() and len(key) <= 18}
    return {key for key in named if isinstance(key, int) and not isinstance(key, bool)}


def _movements_of(rows: Sequence[Discrepancy], *, around: bool) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Ids of movements, in two dictionaries by discrepancy.

    The first has, for possible duplicates, the latest receipt before it of the same phone, product and quantity that is
    not reversed. The second has, with `around`, the last movements of its product up to then and the first ones after
    it, the oldest first.
    """
    wanted = [row.pk for row in rows if around or row.kind == Discrepancy.Kind.POSSIBLE_DUPLICATE]
    if not wanted:
        return {}, {}
    of_product = StockMovement.objects.filter(product=OuterRef("product"))
    alike = of_product.not_reversed().filter(
        device=OuterRef("device"), kind=StockMovement.Kind.RECEIPT, quantity_delta=OuterRef("each"),
        id__lt=OuterRef("first_booked"), recorded_at__lte=OuterRef("created_at"),
    )  # fmt: skip
    found = Discrepancy.objects.filter(id__in=wanted).annotate(
        each=Cast(Coalesce(KT("facts__pending__0__delta"), KT("facts__quantity")), ANY_NUMBER),
        first_booked=Coalesce(Cast(KT("facts__booked__0"), BigIntegerField()), _NO_MOVEMENT),
        alike=_nth(alike.order_by("-id"), 0),
    )  # fmt: skip
    names = []
    if around:
        before = of_product.filter(recorded_at__lte=OuterRef("created_at")).order_by("-id")
        after = of_product.filter(id__gt=OuterRef("before_0")).order_by("id")
        found = found.annotate(**{f"before_{nth}": _nth(before, nth) for nth in range(_BEFORE)})
        found = found.annotate(**{f"after_{nth}": _nth(after, nth) for nth in range(_AFTER)})
        names = [*(f"before_{nth}" for nth in reversed(range(_BEFORE))), *(f"after_{nth}" for nth in range(_AFTER))]
    earlier, nearby = dict[int, int](), dict[int, list[int]]()
    for key, kind, like, *others in found.values_list("id", "kind", "alike", *names):
        if like and kind == Discrepancy.Kind.POSSIBLE_DUPLICATE:
            earlier[key] = like
        nearby[key] = [movement for movement in others if movement]
    return earlier, nearby


def _nth(movements: StockMovementQuerySet, nth: int) -> Subquery:
    """The id of one of these movements, counted from 0."""
    return Subquery(movements.values("id")[nth : nth + 1])


def _changes_of_status(orders: Iterable[int]) -> dict[int, list[OrderVersion]]:
    """By order, the versions in which its status changed or it was archived, the oldest first."""
    found: dict[int, list[OrderVersion]] = {}
    versions = OrderVersion.objects.filter(order__in=orders).defer("lines").select_related("user", "device")
    for version in versions.order_by("order", "revision"):
        kept = found.setdefault(version.order_id, [])
        if not kept or (kept[-1].status, kept[-1].archived) != (version.status, version.archived):
            kept.append(version)
    return found
