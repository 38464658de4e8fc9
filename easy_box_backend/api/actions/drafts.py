"""Drafts of orders: what a manager enters, before it is saved. Each change is stored at once, so that none is lost.

A draft holds only what its person has changed (`mine`). The rest is the order as it is now, so that two people can
change different things of one order. `held` is the order's revision when the person began.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from api import texts
from api.actions import orders
from api.actor import Actor
from api.errors import Invalid
from api.models import MAX_QUANTITY, Order, OrderDraft, OrderVersion, Product

MOST_LINES = 1000
MOST_LISTED = 100
"""How many codes that could not be added to a line are listed."""

KEPT_BATCHES = 50
"""How many names of batches are remembered, to recognise one that is sent again."""

Values = dict[str, Any]
"""An order's DESCRIPTION, and `pieces:7` and `picked:7` for the line of the product 7. A date is its ISO text."""


@dataclass(slots=True)
class Draft:
    """A person's draft. order: None for a new one. now: its stored values. base: those when the person began."""

    row: OrderDraft
    order: Order | None
    now: Values
    base: Values

    @property
    def mine(self) -> Values:
        """The values that this person has changed. None for the pieces of a line that they have removed."""
        return self.row.content.setdefault("mine", {})

    @property
    def values(self) -> Values:
        """The order as it is going to be. A removed line has no `pieces`."""
        return {key: value for key, value in (self.now | self.mine).items() if value is not None}

    @property
    def products(self) -> list[int]:
        """The products of the lines, the one entered last first."""
        there = [int(key.removeprefix("pieces:")) for key in self.values if key.startswith("pieces:")]
        turns = {product: turn for turn, product in enumerate(self.row.content.get("entered", []))}
        return sorted(there, key=lambda product: (-turns.get(product, -1), product))

    @property
    def not_added(self) -> list[dict[str, str]]:
        """The codes that could not be added to a line, each with the reason: `unknown`, `quantity` or `limit`."""
        return self.row.content.setdefault("not_added", [])

    @property
    def changed_by_others(self) -> list[str]:
        """The keys of the values that somebody else changed since the person began."""
        return sorted(key for key in self.base | self.now if self.base.get(key) != self.now.get(key))


def of(user_id: int, order: Order | None) -> Draft:
    """This person's draft of an order or, for None, of a new order. A draft that is still empty is not stored."""
    row = OrderDraft.objects.filter(user_id=user_id, order=order).first() or OrderDraft(user_id=user_id, order=order)
    return _draft(row, order)


def _draft(row: OrderDraft, order: Order | None) -> Draft:
    if order is None:
        return Draft(row, None, {}, {})
    held = row.content.setdefault("held", order.revision)
    return Draft(row, order, values_at(order, order.revision), values_at(order, held))


def values_at(order: Order, number: int) -> Values:
    """The values of an order at a revision that its history has; else at the latest."""
    versions = OrderVersion.objects.filter(order=order)
    version = versions.filter(revision=number).first() or versions.order_by("revision").last()
    if version is None:
        return {}
    values = {name: getattr(version, name) for name in orders.DESCRIPTION}
    values["due_on"] = version.due_on.isoformat() if version.due_on else ""
    for line in version.lines:
        values[f"pieces:{line['product']}"] = line["quantity_to_pick"]
        values[f"picked:{line['product']}"] = line["quantity_picked"]
    return values


@contextmanager
def _changing(order_id: int | None, by: Actor, held: int | None = None) -> Iterator[Draft]:
    """A context manager: a transaction with the stored draft, locked. Saves the draft at the end.

    held: the order's revision that the person saw. Raises NoSuchOrder.
    """
    with transaction.atomic():
        order = None if order_id is None else Order.objects.live().filter(id=order_id).first()
        if order_id is not None and order is None:
            raise orders.NoSuchOrder(order_id)
        made, _is_new = OrderDraft.objects.get_or_create(user=by.user, order=order)
        row = OrderDraft.objects.select_for_update().get(pk=made.pk)
        if held is not None and not row.content.get("mine"):
            row.content["held"] = held
        draft = _draft(row, order)
        yield draft
        if row.pk is not None:
            row.save()


def change(order_id: int | None, values: Values, *, held: int | None = None, by: Actor) -> None:
    """Set values of a draft. None for the pieces of a line removes it. Raises NoSuchOrder."""
    with _changing(order_id, by, held) as draft:
        draft.mine.update(values)


def take_theirs(order_id: int, key: str, *, by: Actor) -> None:
    """Drop this person's change of a value, in favour of what somebody else has saved. Raises NoSuchOrder."""
    with _changing(order_id, by) as draft:
        draft.mine.pop(key, None)


def enter(
    order_id: int | None, text: str, *, batch: str, held: int | None = None, by: Actor
) -> list[tuple[Product, int]]:  # fmt: skip
    """Add the pieces of scanned, typed or pasted codes, one a row (`texts.entered`). Returns the products and pieces.

    A row that is not a code of a live product is listed (`Draft.not_added`), and the other rows are added. batch: a
    name that the sender gives to these codes; if it is sent again, after a lost answer, it has no effect. Raises
    NoSuchOrder.
    """
    added = []
    with _changing(order_id, by, held) as draft:
        content = draft.row.content
        batches = content.setdefault("batches", [])
        if batch in batches:
            return []
        content["batches"] = [*batches, batch][-KEPT_BATCHES:]
        product_of = cache(Product.objects.by_code)
        for row in filter(texts.tidy, re.split(r"\r\n|\r|\n", text)):
            product, pieces = next(
                ((product, pieces) for code, pieces in texts.entered(row) if (product := product_of(code))), (None, 0)
            )
            reason = _add(draft, product, pieces * product.pack) if product else "unknown"
            if product and not reason:
                added.append((product, pieces * product.pack))
            else:
                listed = {"code": texts.cut(texts.storable(texts.tidy(row)), 200), "reason": reason}
                content["not_added"] = [listed, *(one for one in draft.not_added if one != listed)][:MOST_LISTED]
    return added


def _add(draft: Draft, product: Product, pieces: int) -> str:
    """Add pieces to a line. Returns the reason if they can't be added, else ""."""
    key = f"pieces:{product.pk}"
    total = draft.values.get(key, 0) + pieces
    if pieces < 1:
        return "quantity"
    if total > MAX_QUANTITY or (key not in draft.values and len(draft.products) >= MOST_LINES):
        return "limit"
    entered = draft.row.content.setdefault("entered", [])
    if key not in draft.values:
        draft.row.content["entered"] = [*(one for one in entered if one != product.pk), product.pk]
    draft.mine[key] = total
    return ""


def forget_codes(order_id: int | None, *, by: Actor) -> None:
    """Empty the list of codes that could not be added. Raises NoSuchOrder."""
    with _changing(order_id, by) as draft:
        draft.row.content["not_added"] = []


def discard(order_id: int | None, *, by: Actor) -> None:
    """Throw a draft away. Idempotent."""
    OrderDraft.objects.filter(user=by.user, order=order_id).delete()


@transaction.atomic
def save(order_id: int | None, *, held: int | None = None, by: Actor) -> Order:
    """Make the order, or change it, and throw the draft away.

    held: the revision that the person saw. Raises Invalid, Stale, and what `orders.create` and `orders.update` raise.
    """
    with _changing(order_id, by) as draft:
        values, mine = draft.values, draft.mine
        lines = [orders.Line(product, values[f"pieces:{product}"], mine.get(f"picked:{product}"))
                 for product in reversed(draft.products)]  # fmt: skip
        _check(values, lines)
        if draft.order is None:
            described = {name: values.get(name, "") for name in orders.DESCRIPTION}
            described["due_on"] = _date(values)
            order = orders.create(**described, lines=lines, by=by)
        else:
            described = {name: mine[name] for name in orders.DESCRIPTION if name in mine}
            if "due_on" in described:
                described["due_on"] = _date(values)
            wanted = lines if any(":" in key for key in mine) else None
            revisions = None if held is None else [held]
            order = orders.update(draft.order.pk, **described, lines=wanted, by=by, revisions_held=revisions)
        draft.row.delete()
    return order


def _check(values: Values, lines: list[orders.Line]) -> None:
    fields: dict[str, list[Any]] = {}
    for name, longest in (("customer_name", 255), ("outside_number", 100), ("note", 2000)):
        if len(values.get(name, "")) > longest:
            fields[name] = [_("At most %(most)d characters.") % {"most": longest}]
    if not values.get("customer_name"):
        fields["customer_name"] = [_("Enter the customer.")]
    if not lines:
        fields["lines"] = [_("Enter at least one product.")]
    if fields:
        raise Invalid(next(iter(fields.values()))[0], fields=fields)


def _date(values: Values) -> date | None:
    try:
        return date.fromisoformat(values["due_on"]) if values.get("due_on") else None
    except ValueError as error:
        raise Invalid(_("This is no date."), field="due_on") from error
