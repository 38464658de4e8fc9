"""What people wanted and did, noted as they do it. The server is measured against this."""

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
    """The part of `stock` that came by the + and − buttons."""
    nonsense: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Quantities that nobody can have meant: how often. They are in no stock."""
    created: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """SKU -> who made it under which name."""
    deleted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    edited: dict[tuple[str, str], dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """(SKU, field) -> the last value that each person gave it."""
    muddled: set[tuple[str, str]] = field(default_factory=set)
    """(SKU, field) edited while an older edit by the same person was queued: the app sends that one later."""
    touched: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """SKU -> everybody who moved goods of it, edited or made it."""
    finished: dict[int, list[Finished]] = field(default_factory=lambda: defaultdict(list))
    cancelled: set[int] = field(default_factory=set)
    picked_before_cancel: set[int] = field(default_factory=set)
    """Those of them of which something was picked when the manager cancelled."""
    to_pick: dict[tuple[int, int], int] = field(default_factory=dict)
    """(order, product) -> what the manager wants picked."""
    unfinished_business: list[str] = field(default_factory=list)
    """Acts that a person could not do although the network had recovered."""

    def moved(self, who: str, sku: str, delta: int, *, press: bool = False) -> None:
        """Goods came or went."""
        self.stock[sku].append((delta, who))
        self.touched[sku].add(who)
        if press:
            self.presses[sku] += delta

    def made(self, who: str, sku: str, name: str) -> None:
        """A product was created, as far as its maker knows."""
        self.created[sku].setdefault(who, name)
        self.touched[sku].add(who)

    def set_field(self, who: str, sku: str, name: str, value: str) -> None:
        """A name or a location was given."""
        self.edited[sku, name][who] = value
        self.touched[sku].add(who)

    def total(self, sku: str) -> int:
        """What all this did to the stock of a SKU, orders apart."""
        return sum(delta for delta, _who in self.stock[sku])

    pictures: dict[str, str] = field(default_factory=dict)
    """Photo address -> what was photographed."""
    odd_pictures: list[str] = field(default_factory=list)
