"""The limit on wrong passwords, and for whom they are counted (docs/rights.md).

A stranger's wrong passwords count for the account and for the network, so neither many accounts nor many networks allow
more guesses. A device or network where the account was logged in before has a limit of its own, which no stranger can
use up: the right password always works there.
"""

from datetime import datetime, timedelta

from api import limits
from api.models import KnownPlace, User

LIMIT = limits.Limit(most=10, period=timedelta(minutes=1))
"""Wrong passwords per key."""
PLACE_KEPT = timedelta(days=30)
"""How long an account is known in a network after it was last there."""
PLACES_KEPT = 100
"""How many networks are kept for each person: the latest ones."""


def keys(account: str, network: str, *, device: str = "", at: datetime) -> list[str]:
    """The keys under which a wrong password for this account is counted.

    account: the e-mail, in lower case. network: as `callers.client_network` returns it. device: a name of the caller's
    device if this account has logged in on it before, else "".
    """
    if device:
        return [f"device {device}"]
    if is_known(account, network, at=at):
        return [f"place {account} {network}"]
    return [f"account {account}", *([f"network {network}"] if network else [])]


def is_known(account: str, network: str, *, at: datetime) -> bool:
    """Whether this account was logged in from this network lately."""
    places = KnownPlace.objects.filter(network=network, seen_at__gt=at - PLACE_KEPT)
    return bool(network) and places.filter(user__email=account, user__is_active=True).exists()


def was_here(user: User, network: str, *, at: datetime) -> None:
    """Remember that a person with a valid password or token was in this network. Does nothing if `network` is ""."""
    if not network:
        return
    KnownPlace.objects.bulk_create(
        [KnownPlace(user_id=user.pk, network=network, seen_at=at)],
        update_conflicts=True, unique_fields=["user", "network"], update_fields=["seen_at"],
    )  # fmt: skip
    limits.delete_some(KnownPlace.objects.filter(user_id=user.pk).order_by("-seen_at", "-pk"), beyond=PLACES_KEPT)
