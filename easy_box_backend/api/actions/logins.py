"""Guessing passwords: who is slowed down, and by whose failures.

Ten wrong passwords within a minute are the limit. A stranger's are counted for the account and for the network, so that
neither many accounts nor many networks give more guesses. Whoever comes from where the account has been before has a
count of their own, which no stranger can use up: a right password works there whatever happens elsewhere.
"""

from datetime import datetime, timedelta

from api import limits
from api.models import KnownPlace, User

LIMIT = limits.Limit(most=10, period=timedelta(minutes=1))
"""Wrong passwords, under each key."""
PLACE_KEPT = timedelta(days=30)
"""For so long an account is known in a network after it was last there."""
PLACES_KEPT = 100
"""So many networks are kept of a person, the latest."""


def keys(account: str, network: str, *, device: str = "", at: datetime) -> list[str]:
    """Under which keys a wrong password for this account is counted.

    account: the e-mail, in lower case. network: as `http.client_network` gives it, "" if there is none. device: a name
    of the caller's device, if it has shown that this account has logged in on it.
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
    """The person has shown by a password or a token that they are in this network."""
    if not network:
        return
    KnownPlace.objects.bulk_create(
        [KnownPlace(user_id=user.pk, network=network, seen_at=at)],
        update_conflicts=True, unique_fields=["user", "network"], update_fields=["seen_at"],
    )  # fmt: skip
    limits.keep_newest(KnownPlace.objects.filter(user_id=user.pk).order_by("-seen_at", "-pk"), PLACES_KEPT)
