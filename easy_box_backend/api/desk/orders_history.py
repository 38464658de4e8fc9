"""The history of an order in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.errors import Text
from api.models import Device, Order, OrderVersion, User

SHOWN = 50
"""How many changes are shown."""

LABELS = {
    "customer_name": _("customer"), "outside_number": _("outside number"), "due_on": _("due on"), "note": _("note"),
    "status": _("status"), "pieces": _("to pick"), "picked": _("picked"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """A change of an order: when, by whom, and what, in words."""

    at: datetime
    user: User | None
    device: Device | None
    changes: list[str]


def history_of(order: Order) -> list[Step]:
    """The latest changes of an order, the newest first; two queries."""
    versions = list(order.versions.select_related("user", "device").order_by("-revision")[: SHOWN + 1])
    names = dict(order.lines.values_list("product_id", "name"))
    before: list[OrderVersion | None] = [*versions[1:], None]
    pairs = list(zip(versions, before, strict=True))[:SHOWN]
    return [Step(now.changed_at, now.user, now.device, _changes(now, then, names)) for now, then in pairs]


def _changes(now: OrderVersion, then: OrderVersion | None, names: dict[int, str]) -> list[str]:
    """What changed from one version to the next, in words. then: None for the first. names: of products, by id."""
    if then is None:
        return [gettext("Created")]
    found = []
    for name in ("customer_name", "outside_number", "due_on", "note", "status"):
        if getattr(now, name) != getattr(then, name):
            found.append(_became(LABELS[name], shown(then, name), shown(now, name)))
    before, after = ({line["product"]: line for line in version.lines} for version in (then, now))
    for product in {**before, **after}:
        found += _line_changed(names.get(product, f"#{product}"), before.get(product), after.get(product))
    if now.archived != then.archived:
        found.append(gettext("Archived"))
    return found or [gettext("Saved without a change")]


def shown(version: OrderVersion, name: str) -> str:
    """A value of an order for people, a dash if it is empty."""
    value: Any = version.get_status_display() if name == "status" else getattr(version, name)
    return (date_format(value) if name == "due_on" and value else str(value or "")) or "–"


def _line_changed(name: str, before: dict[str, int] | None, after: dict[str, int] | None) -> list[str]:
    if before is None and after is not None:
        return [gettext("added: %(name)s × %(quantity)s") % {"name": name, "quantity": after["quantity_to_pick"]}]
    if before is None or after is None:
        return [gettext("removed: %(name)s") % {"name": name}]
    fields = (("quantity_to_pick", LABELS["pieces"]), ("quantity_picked", LABELS["picked"]))
    return [f"{name}, {_became(label, before[key], after[key])}" for key, label in fields if before[key] != after[key]]


def _became(field: Text, old: object, new: object) -> str:
    return gettext("%(field)s: %(old)s → %(new)s") % {"field": field, "old": old, "new": new}
