"""What happened around a discrepancy, in the order of time: movements of its product, and its order's status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from api.discrepancies.case import Case
from api.discrepancies.words import device_name
from api.models import Device, OrderVersion, StockMovement, User


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened around a discrepancy.

    what: the event in words. person, device: who did it and with which device, "" if nobody or without one. change,
    on_hand: the pieces of a movement and the quantity after it; None for other events. order: the number of its order.
    is_asked: whether the question is about it.
    """

    at: datetime
    what: str
    person: str
    device: str
    change: int | None = None
    on_hand: int | None = None
    order: int | None = None
    is_asked: bool = False


def events_of(case: Case) -> list[Event]:
    """What happened around a discrepancy, the oldest first. The discrepancy itself is one of the events."""
    known, row = case.known, case.row
    booked = set(case.facts.get("booked", []))
    wanted = {*known.nearby_movements.get(row.pk, []), *booked} | ({case.earlier.pk} if case.earlier else set())
    events = [_of_movement(known.movements[key], booked) for key in sorted(wanted) if key in known.movements]
    events += [_of_version(version) for version in known.versions.get(row.order_id or 0, [])]
    asked = Event(row.created_at, gettext("This question"), case.person, case.device, is_asked=True)
    return sorted([*events, asked], key=lambda event: event.at)


def _of_movement(movement: StockMovement, booked: set[int]) -> Event:
    what = str(movement.get_kind_display())
    if movement.reason:
        what = f"{what}, {movement.reason}"
    if getattr(movement, "reversed_by", None) is not None:
        what = f"{what} ({gettext('reversed')})"
    return Event(
        movement.recorded_at, what, *_who(movement.user, movement.device), movement.quantity_delta,
        movement.quantity_after, movement.order_line.order_id if movement.order_line else None, movement.pk in booked,
    )  # fmt: skip


def _of_version(version: OrderVersion) -> Event:
    status = gettext("archived") if version.archived else version.get_status_display()
    what = gettext("Order: %(status)s") % {"status": status}
    return Event(version.changed_at, what, *_who(version.user, version.device), order=version.order_id)


def _who(user: User | None, device: Device | None) -> tuple[str, str]:
    """The names of a person and a device, "" for none."""
    return str(user or ""), device_name(device) if device else ""
