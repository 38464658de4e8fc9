"""The facts of a discrepancy that help people and programs to decide."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.discrepancies.case import Case
from api.discrepancies.words import moment, number, signed
from api.errors import Text
from api.models import (
    Product,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that helps to decide. name: stable, for programs. value: JSON-able. text: the value for people."""

    name: str
    label: Text
    value: Any
    text: str


def goods_fact(name: str, label: Text, product: Product) -> Fact:
    """A fact whose value is a product."""
    return Fact(name, label, {"id": product.pk, "sku": product.sku, "name": product.name}, str(product))


def count_fact(name: str, label: Text, value: int, *, sign: bool = False) -> Fact:
    """A fact whose value is a number. sign: show a plus sign too, as for a change."""
    return Fact(name, label, value, signed(value) if sign else number(value))


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
    for name, label in _LABELS.items():
        value = facts.get(name)
        if isinstance(value, bool) or value is None or value == "" or (name == "customer" and case.order):
            continue
        if isinstance(value, int):
            result.append(count_fact(name, label, value, sign=name == "change"))
        elif isinstance(value, str):
            result.append(Fact(name, label, value, value))
        elif name == "picked":
            result.append(Fact(name, label, value, case.picked_goods()))
    for name, label in _PRODUCT_LABELS.items():
        if (other := case.named(name)) and other != case.product:
            result.append(goods_fact(name, label, other))
    return [*result, *_of_movements(case), *_of_origin(case)]


def _of_movements(case: Case) -> list[Fact]:
    result = []
    if earlier := case.earlier:
        text = f"{signed(earlier.quantity_delta)}, {moment(earlier.recorded_at)}"
        result.append(Fact("earlier", _("similar earlier receipt"), earlier.pk, text))
    if case.booked:
        texts = []
        for movement in case.booked:
            note = f" ({gettext('reversed')})" if movement.pk in case.known.taken_back else ""
            texts.append(f"{signed(movement.quantity_delta)}, {moment(movement.recorded_at)}{note}")
        result.append(Fact("booked", _("booked"), [movement.pk for movement in case.booked], "; ".join(texts)))
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


_LABELS: dict[str, Text] = {
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
"""Labels of facts that are texts or numbers. `id` has none: it is a phone's own key of a row, unknown to people."""

_PRODUCT_LABELS: dict[str, Text] = {
    "archived": _("archived product"),
    "taken_by": _("has this SKU"),
    "moved_to": _("moved to"),
}
"""Labels of facts that are ids of products."""
