"""Who does something, from which device, when, and on which connection."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from api.models import Device, User


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, from where and when. A front door makes it for each request, and passes it on as `by`.

    user: the person, None for the server itself. device: the login it came through, None for the admin. at: now.
    connection: a name of the TCP connection, "" if unknown (`auth/callers.py`).
    """

    user: User | None
    device: Device | None = None
    at: datetime = field(kw_only=True)
    connection: str = field(default="", kw_only=True)

    @property
    def is_app(self) -> bool:
        """Whether the request comes from the Easy Box app, and is read as such (docs/reconciliation.md)."""
        return self.device is not None and self.device.is_app

    @property
    def is_manager(self) -> bool:
        """Whether the person may do what only managers may (docs/rights.md); the server itself may."""
        return self.user is None or self.user.is_manager

    @property
    def keeps_stock(self) -> bool:
        """Whether the person may set what is on hand; the server itself may."""
        return self.user is None or self.user.keeps_stock

    def then(self, at: datetime) -> Self:
        """The same actor at another time."""
        return replace(self, at=at)
