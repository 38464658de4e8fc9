"""Who does something, and from which device."""

from dataclasses import dataclass

from api.models import Device, User


@dataclass(frozen=True, slots=True)
class Actor:
    """user: the person, None for the server itself. device: the login it came through, None for the admin."""

    user: User | None
    device: Device | None = None

    @property
    def is_app(self) -> bool:
        """Whether the request is to be read as the Easy Box app's (docs/reconciliation.md)."""
        return self.device is not None and self.device.is_app

    @property
    def is_manager(self) -> bool:
        """Whether they may do what a picker may not (docs/rights.md); the server itself may."""
        return self.user is None or self.user.is_manager
