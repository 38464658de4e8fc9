"""What people did, noted as they do it. The server's data is compared with this."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Finished:
    """A person has picked an order: so many pieces of each product id."""

    who: str
    picked: dict[int, int]


@dataclass
class Intentions:
    """By SKU and by order id. Everything here happened exactly once in the warehouse."""

    stock: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    """Pieces more or less, and who did it."""
    presses: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """The part of `stock` that came from the + and − buttons."""
    nonsense: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How often an impossible quantity was entered. It is not in `stock`."""
    created: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """SKU -> who created it -> the name."""
    deleted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    edited: dict[tuple[str, str], dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """(SKU, field) -> the last value that each person gave it."""
    muddled: set[tuple[str, str]] = field(default_factory=set)
    """(SKU, field) edited while an older edit by the same person was queued: the app sends that one later."""
    touched: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """SKU -> everybody who moved goods of it, edited or created it."""
    finished: dict[int, list[Finished]] = field(default_factory=lambda: defaultdict(list))
    cancelled: set[int] = field(default_factory=set)
    picked_before_cancel: set[int] = field(default_factory=set)
    """The cancelled orders of which something was picked already."""
    to_pick: dict[tuple[int, int], int] = field(default_factory=dict)
    """(order, product) -> the quantity to pick that the manager set."""
    unfinished_business: list[str] = field(default_factory=list)
    """Acts that a person could not do although the network had recovered."""

    def moved(self, who: str, sku: str, delta: int, *, press: bool = False) -> None:
        """Note that goods came or left."""
        self.stock[sku].append((delta, who))
        self.touched[sku].add(who)
        if press:
            self.presses[sku] += delta

    def made(self, who: str, sku: str, name: str) -> None:
        """Note that a product was created, as far as its creator knows."""
        self.created[sku].setdefault(who, name)
        self.touched[sku].add(who)

    def set_field(self, who: str, sku: str, name: str, value: str) -> None:
        """Note that a name or a location was set."""
        self.edited[sku, name][who] = value
        self.touched[sku].add(who)

    def total(self, sku: str) -> int:
        """The change of the stock of a SKU by all this, without orders."""
        return sum(delta for delta, _who in self.stock[sku])

    pictures: dict[str, str] = field(default_factory=dict)
    """Photo URL -> what was photographed."""
    odd_pictures: list[str] = field(default_factory=list)
