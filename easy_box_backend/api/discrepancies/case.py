"""A discrepancy with all that it refers to, as of now: products, order, people, movements. And how these are worded."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, OuterRef, Subquery, prefetch_related_objects
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from django.utils import formats, timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from api.errors import Text
from api.models import (
    MAX_QUANTITY,
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

_NO_MOVEMENT = 2**62
_BEFORE, _AFTER = 4, 2
"""How many movements of a product up to a discrepancy, and after it, are told."""


# --- Words --------------------------------------------------------------------------------------------------------
def number(value: int) -> str:
    """A number as people read it: in groups of three, with a real minus sign."""
    return formats.number_format(value, use_l10n=True, force_grouping=True).replace("-", "−")


def signed(value: int) -> str:
    """A change: +5 or −2."""
    return ("+" if value > 0 else "") + number(value)


def pieces(count: int) -> str:
    """A number of pieces in words, without a sign."""
    return ngettext("%(count)s piece", "%(count)s pieces", abs(count)) % {"count": number(abs(count))}


def quoted(name: str) -> str:
    """A name in the quotation marks of the language."""
    return gettext("“%(name)s”") % {"name": name}


def from_to(before: object, after: object) -> str:
    """A value before and after, as on a button."""
    said = {"before": _shown(before), "after": _shown(after)}
    return gettext("%(before)s → %(after)s") % said


def _shown(value: object) -> str:
    return number(value) if isinstance(value, int) else str(value)


def moment(at: datetime) -> str:
    """A time in the warehouse's zone, in the format of the language."""
    return formats.date_format(timezone.localtime(at), gettext("j M Y, H:i"))


def clock(at: datetime, of: datetime) -> str:
    """A time of the same day as `of` without its date."""
    same_day = timezone.localtime(at).date() == timezone.localtime(of).date()
    return formats.date_format(timezone.localtime(at), gettext("H:i")) if same_day else moment(at)


def device_name(device: Device) -> str:
    """The name of a device for people. They do not know its id."""
    return device.name or str(device.get_kind_display())


# --- What an answer does --------------------------------------------------------------------------------------------
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
        """`SHIRT · Shirts: 8 → 6`."""
        text = from_to(self.before, self.after)
        if self.what == "picked":
            text = gettext("picked for the order: %(change)s") % {"change": text}
        return f"{self.product}: {text}"


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that helps to decide. name: stable, for programs. value: JSON-able. text: the value for people."""

    name: str
    label: Text
    value: Any
    text: str


def goods_fact(name: str, label: Text, product: Product) -> Fact:
    return Fact(name, label, {"id": product.pk, "sku": product.sku, "name": product.name}, str(product))


def count_fact(name: str, label: Text, value: int, *, sign: bool = False) -> Fact:
    return Fact(name, label, value, signed(value) if sign else number(value))


# --- What they refer to ---------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Known:
    """All that some discrepancies refer to, fetched in a fixed number of queries.

    on_hand (by product), picked (by order and product), taken_back (ids of reversed movements): as of now, and as
    `suppose` changes them.
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
    beside: dict[int, list[int]] = field(default_factory=dict)
    """By discrepancy, the ids of the movements of its product around that time."""
    versions: dict[int, list[OrderVersion]] = field(default_factory=dict)
    """By order, the versions in which its status changed, the oldest first."""
    counts: dict[int, StockMovement] = field(default_factory=dict)
    """By product, its latest count, which includes what happened before it (see `stock.count_with`)."""

    @classmethod
    def of(cls, rows: Sequence[Discrepancy], *, around: bool = False) -> "Known":
        """All that these rows refer to. around: also what else happened around that time."""
        known = cls()
        prefetch_related_objects(rows, "user", "device", "order")  # no query if the caller has joined them
        earlier, known.beside = _movements_of(rows, around=around)
        booked = {key for row in rows for key in row.facts.get("booked", [])}
        wanted = booked.union(earlier.values(), *known.beside.values())
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

    def suppose(self, case: "Case", changes: Iterable[Change], taken_back: Iterable[int]) -> None:
        """Continue as if an answer had been given, so that the numbers of the next one are right."""
        for change in changes:
            if change.what == "on_hand" and change.after is not None:
                self.on_hand[change.product.pk] = change.after
            elif change.what == "picked" and case.row.order_id:
                self.picked[case.row.order_id, change.product.pk] = change.after
        self.taken_back.update(taken_back)


def _latest_counts(products: Iterable[int]) -> dict[int, StockMovement]:
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
    """By discrepancy: the latest valid receipt before it of the same phone, product and quantity; and, with `around`,
    the last movements of its product up to then and the first ones after it, in their order."""
    doubted = [row.pk for row in rows if around or row.kind == Discrepancy.Kind.POSSIBLE_DUPLICATE]
    if not doubted:
        return {}, {}
    of_product = StockMovement.objects.filter(product=OuterRef("product"))
    alike = of_product.not_reversed().filter(
        device=OuterRef("device"), kind=StockMovement.Kind.RECEIPT, quantity_delta=OuterRef("each"),
        id__lt=OuterRef("first_booked"), recorded_at__lte=OuterRef("created_at"),
    )  # fmt: skip
    found = Discrepancy.objects.filter(id__in=doubted).annotate(
        each=Cast(Coalesce(KT("facts__pending__0__delta"), KT("facts__quantity")), BigIntegerField()),
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
    earlier, beside = dict[int, int](), dict[int, list[int]]()
    doubt = Discrepancy.Kind.POSSIBLE_DUPLICATE
    for key, kind, like, *others in found.values_list("id", "kind", "alike", *names):
        if like and kind == doubt:
            earlier[key] = like
        beside[key] = [movement for movement in others if movement]
    return earlier, beside


def _nth(movements: StockMovementQuerySet, nth: int) -> Subquery:
    return Subquery(movements.values("id")[nth : nth + 1])


def _changes_of_status(orders: Iterable[int]) -> dict[int, list[OrderVersion]]:
    found: dict[int, list[OrderVersion]] = {}
    versions = OrderVersion.objects.filter(order__in=orders).defer("lines").select_related("user", "device")
    for version in versions.order_by("order", "revision"):
        mine = found.setdefault(version.order_id, [])
        if not mine or (mine[-1].status, mine[-1].archived) != (version.status, version.archived):
            mine.append(version)
    return found


@dataclass(frozen=True, slots=True)
class Case:
    """One discrepancy, with what it refers to."""

    row: Discrepancy
    known: Known

    @property
    def facts(self) -> dict[str, Any]:
        return self.row.facts

    @property
    def product(self) -> Product | None:
        return self.known.products.get(self.row.product_id or 0)

    @property
    def order(self) -> Order | None:
        return self.known.orders.get(self.row.order_id or 0)

    def named(self, fact: str) -> Product | None:
        """The product whose id is the value of this fact."""
        return self.known.products.get(self.facts.get(fact) or 0)

    @property
    def goods(self) -> str:
        """The product in words, or the SKU if there is no product."""
        return str(self.product or self.row.sku or gettext("unknown product"))

    @property
    def on_hand(self) -> int:
        return self.known.on_hand.get(self.row.product_id or 0, 0)

    @property
    def held(self) -> dict[Product, int]:
        """What was not booked, in pieces by product."""
        total: dict[Product, int] = {}
        for entry in self.facts.get("pending", []):
            product = self.known.products[entry["product"]]
            total[product] = total.get(product, 0) + entry["delta"]
        return total

    @property
    def held_since_count(self) -> dict[Product, int]:
        """The same without what a later count includes, which changes nothing on hand."""
        total: dict[Product, int] = {}
        for entry in self.facts.get("pending", []):
            product = self.known.products[entry["product"]]
            count = self.known.counts.get(product.pk)
            happened_at = datetime.fromisoformat(entry["at"]) if "at" in entry else self.row.created_at
            absorbed = count is not None and happened_at <= count.occurred_at
            total[product] = total.get(product, 0) + (0 if absorbed else entry["delta"])
        return total

    def is_counted(self, movement: StockMovement) -> bool:
        """Whether a later count includes a movement, so that its reversal changes nothing on hand."""
        count = self.known.counts.get(movement.product_id)
        return count is not None and count.includes(movement)

    @property
    def asks_quantity(self) -> bool:
        """Whether what was not booked is too much to be booked without asking for the quantity."""
        return any(abs(delta) > MAX_QUANTITY for delta in self.held.values())

    @property
    def booked(self) -> list[StockMovement]:
        """What was booked on a guess."""
        return [found for key in self.facts.get("booked", []) if (found := self.known.movements.get(key))]

    @property
    def standing(self) -> list[StockMovement]:
        """What of it is not reversed."""
        return [movement for movement in self.booked if movement.pk not in self.known.taken_back]

    def line(self, product: Product) -> OrderLine | None:
        """The order's line of this product; None if it was removed or the order is cancelled."""
        order = self.order
        if order is None or order.status == Order.Status.CANCELLED:
            return None
        line = self.known.lines.get((order.pk, product.pk))
        return line if line and line.removed_at is None else None

    @property
    def person(self) -> str:
        return str(self.known.users.get(self.row.user_id or 0) or "")

    @property
    def device(self) -> str:
        device = self.known.devices.get(self.row.device_id or 0)
        return device_name(device) if device else ""

    @property
    def origin(self) -> str:
        """When it came, from which person and device."""
        when = {"when": moment(self.row.created_at), "person": self.person, "device": self.device}
        if self.person and self.device:
            return gettext("Sent on %(when)s by %(person)s, device “%(device)s”.") % when
        if self.person:
            return gettext("Entered on %(when)s by %(person)s in the admin.") % when
        return gettext("Noticed by the server on %(when)s.") % when

    def picked_goods(self) -> str:
        """What was picked, in words: `2 × SHIRT · Shirts, 1 × CAP · Caps`."""
        picked = self.facts.get("picked")
        if isinstance(picked, dict):
            named = {str(key): product for key, product in self.known.products.items() if str(key) in picked}
            pairs: list[tuple[object, int]] = [(named.get(key) or gettext("unknown product"), count)
                                               for key, count in picked.items()]  # fmt: skip
        else:
            pairs = [(product, -delta) for product, delta in self.held.items()]
        return ", ".join(f"{number(count)} × {goods}" for goods, count in pairs) or gettext("nothing")

    @property
    def earlier(self) -> StockMovement | None:
        """The receipt that a possible duplicate looks like."""
        return self.known.earlier.get(self.row.pk)

    @property
    def words(self) -> Mapping[str, object]:
        """The values of the placeholders in the sentences of all kinds (`kinds.py`); a dash for what is not known."""
        facts, held = self.facts, self.held.values()
        said = {name: number(value) if isinstance(value, int) else value or "–" for name, value in facts.items()}
        quantity, picked = facts.get("quantity") or 0, facts.get("picked")
        count = quantity or (picked if isinstance(picked, int) else sum(held))
        changes = list(held) or [facts.get("change") or quantity]
        earlier = self.earlier
        return defaultdict(lambda: "–", {
            "on_hand": number(self.on_hand), **said,
            "goods": self.goods, "sku": self.row.sku or "–", "order": self.order or "–",
            "other": self.named("taken_by") or gettext("another product"), "old": self.named("archived"),
            "pieces": pieces(count), "number": number(quantity) if quantity else said.get("sent", "0"),
            "change": ", ".join(signed(change) for change in changes),
            "picked": said["picked"] if isinstance(picked, int) else self.picked_goods(),
            "earlier": pieces(earlier.quantity_delta) if earlier else "",
            "when": moment(earlier.recorded_at) if earlier else "",
        })  # fmt: skip


# --- The facts of all kinds -----------------------------------------------------------------------------------------
def facts_of(case: Case) -> list[Fact]:
    """The facts of a discrepancy, in the order in which people read them."""
    facts, result = case.facts, list[Fact]()
    if case.product:
        result.append(goods_fact("product", _("product"), case.product))
    elif case.row.sku:
        result.append(Fact("sku", _("SKU"), case.row.sku, case.row.sku))
    if case.order:
        named = {"id": case.order.pk, "customer": case.order.customer_name}
        result.append(Fact("order", _("order"), named, str(case.order)))
    for name, label in _SAID.items():
        value = facts.get(name)
        if isinstance(value, bool) or value is None or value == "" or (name == "customer" and case.order):
            continue
        if isinstance(value, int):
            result.append(count_fact(name, label, value, sign=name == "change"))
        elif isinstance(value, str):
            result.append(Fact(name, label, value, value))
        elif name == "picked":
            result.append(Fact(name, label, value, case.picked_goods()))
    for name, label in _PRODUCTS.items():
        if (other := case.named(name)) and other != case.product:
            result.append(goods_fact(name, label, other))
    return [*result, *_of_movements(case), *_of_origin(case)]


def _of_movements(case: Case) -> list[Fact]:
    result = []
    if earlier := case.earlier:
        text = f"{signed(earlier.quantity_delta)}, {moment(earlier.recorded_at)}"
        result.append(Fact("earlier", _("similar earlier receipt"), earlier.pk, text))
    if case.booked:
        told = []
        for movement in case.booked:
            undone = f" ({gettext('reversed')})" if movement.pk in case.known.taken_back else ""
            told.append(f"{signed(movement.quantity_delta)}, {moment(movement.recorded_at)}{undone}")
        result.append(Fact("booked", _("booked"), [movement.pk for movement in case.booked], "; ".join(told)))
    if held := case.held:
        value = [{"product": product.pk, "delta": delta} for product, delta in held.items()]
        one = len(held) == 1
        text = ", ".join(signed(delta) if one else f"{signed(delta)} {product}" for product, delta in held.items())
        result.append(Fact("pending", _("not booked"), value, text))
    if case.product:
        result.append(count_fact("on_hand_now", _("on hand now"), case.on_hand))
    return result


def _of_origin(case: Case) -> list[Fact]:
    at = case.row.created_at
    result = [Fact("created_at", _("when"), at, moment(at))]
    if case.person:
        result.append(Fact("user", _("person"), case.person, case.person))
    if case.device:
        result.append(Fact("device", _("device"), case.device, case.device))
    return result


_SAID: dict[str, Text] = {
    "customer": _("customer"),
    "name": _("name"),
    "sent": _("the phone says"),
    "kept": _("on the server"),
    "quantity": _("pieces"),
    "on_hand": _("on hand then"),
    "change": _("change"),
    "to_pick": _("to pick"),
    "picked": _("picked"),
    "sent_sku": _("SKU as sent"),
    "sent_name": _("name as sent"),
    "sent_location": _("location as sent"),
    "sent_customer_name": _("customer as sent"),
    "sent_photo": _("why there is no photo"),
}
"""Labels of facts that are texts or numbers. Without `id`, a phone's own key of a row, which people do not know."""

_PRODUCTS: dict[str, Text] = {
    "archived": _("archived product"),
    "taken_by": _("has this SKU"),
    "moved_to": _("moved to"),
}
