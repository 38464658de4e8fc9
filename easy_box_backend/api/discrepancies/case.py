"""A discrepancy with all that it refers to, as of now: products, order, people, movements."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from api.discrepancies.known import Known
from api.discrepancies.words import device_name, moment, number, pieces, signed
from api.models import (
    MAX_QUANTITY,
    Discrepancy,
    Order,
    OrderLine,
    Product,
    StockMovement,
)


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
        """The pieces that were not booked, by product."""
        total: dict[Product, int] = {}
        for entry in self.facts.get("pending", []):
            product = self.known.products[entry["product"]]
            total[product] = total.get(product, 0) + entry["delta"]
        return total

    @property
    def held_since_count(self) -> dict[Product, int]:
        """The pieces that were not booked, by product, without pieces that a later count already includes. Only these
        change the quantity on hand when they are booked."""
        total: dict[Product, int] = {}
        for entry in self.facts.get("pending", []):
            product = self.known.products[entry["product"]]
            count = self.known.counts.get(product.pk)
            happened_at = datetime.fromisoformat(entry["at"]) if "at" in entry else self.row.created_at
            is_counted = count is not None and happened_at <= count.occurred_at
            total[product] = total.get(product, 0) + (0 if is_counted else entry["delta"])
        return total

    def is_counted(self, movement: StockMovement) -> bool:
        """Whether a later count includes a movement, so that its reversal changes nothing on hand."""
        count = self.known.counts.get(movement.product_id)
        return count is not None and count.includes(movement)

    @property
    def asks_quantity(self) -> bool:
        """Whether a quantity that was not booked is implausibly large, so that a manager has to enter the real one."""
        return any(abs(delta) > MAX_QUANTITY for delta in self.held.values())

    @property
    def booked(self) -> list[StockMovement]:
        """The movements that were booked although it was not certain that they are right."""
        return [found for key in self.facts.get("booked", []) if (found := self.known.movements.get(key))]

    @property
    def still_booked(self) -> list[StockMovement]:
        """The movements of `booked` that are not reversed."""
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
        """A sentence that says when the discrepancy came, and from which person and device."""
        values = {"when": moment(self.row.created_at), "person": self.person, "device": self.device}
        if self.person and self.device:
            return gettext("Sent on %(when)s by %(person)s, device “%(device)s”.") % values
        if self.person:
            return gettext("Entered on %(when)s by %(person)s at the desk.") % values
        return gettext("Noticed by the server on %(when)s.") % values

    def picked_goods(self) -> str:
        """The picked goods in words: `2 × SHIRT · Shirts, 1 × CAP · Caps`."""
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
        texts = {name: number(value) if isinstance(value, int) else value or "–" for name, value in facts.items()}
        quantity, picked = facts.get("quantity") or 0, facts.get("picked")
        count = quantity or (picked if isinstance(picked, int) else sum(held))
        changes = list(held) or [facts.get("change") or quantity]
        earlier = self.earlier
        return defaultdict(lambda: "–", {
            "on_hand": number(self.on_hand), **texts,
            "goods": self.goods, "sku": self.row.sku or "–", "order": self.order or "–",
            "other": self.named("taken_by") or gettext("another product"), "old": self.named("archived"),
            "pieces": pieces(count), "number": number(quantity) if quantity else texts.get("sent", "0"),
            "change": ", ".join(signed(change) for change in changes),
            "picked": texts["picked"] if isinstance(picked, int) else self.picked_goods(),
            "earlier": pieces(earlier.quantity_delta) if earlier else "",
            "when": moment(earlier.recorded_at) if earlier else "",
        })  # fmt: skip
