"""Notes of what people really did. The server's data is compared with them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Finished:
    """A person has finished an order. picked: product id -> pieces that they took from the shelf."""

    who: str
    picked: dict[int, int]


@dataclass
class Intentions:
    """Everything noted here happened exactly once in the warehouse. SKUs are the plan's names of them (plan.py)."""

    stock: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    """SKU -> changes of the stock in pieces, each with who made it; without orders."""
    presses: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """The part of `stock` that came from the + and − buttons."""
    impossible_quantities: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """SKU -> how often an impossible quantity was entered for it. It is not in `stock`."""
    created: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """SKU -> who created it -> the name."""
    deleted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """SKU -> who deleted it."""
    edited: dict[tuple[str, str], dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """(SKU, field) -> the last value that each person gave it."""
    sent_out_of_order: set[tuple[str, str]] = field(default_factory=set)
    """(SKU, field) edited while an older edit of the same person was queued: the app sends the older edit later."""
    touched: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """SKU -> everybody who moved goods of it, edited or created it."""
    finished: dict[int, list[Finished]] = field(default_factory=lambda: defaultdict(list))
    """Order id -> the people who finished it."""
    cancelled: set[int] = field(default_factory=set)
    """The ids of the orders that the manager cancelled."""
    picked_before_cancel: set[int] = field(default_factory=set)
    """The ids of those cancelled orders of which something was picked before."""
    to_pick: dict[tuple[int, int], int] = field(default_factory=dict)
    """(order id, product id) -> the quantity to pick that the manager set."""
    failed_acts: list[str] = field(default_factory=list)
    """Acts that still failed after a person's last attempt, as text."""

    def moved(self, who: str, sku: str, delta: int, *, press: bool = False) -> None:
        """Note that `delta` pieces came (or left, if negative). press: by the + and − buttons."""
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
        """The sum of all noted changes of a SKU's stock, without orders."""
        return sum(delta for delta, _who in self.stock[sku])

    pictures: dict[str, str] = field(default_factory=dict)
    """Photo URL -> what was photographed."""
    reused_urls: list[str] = field(default_factory=list)
    """Photo URLs that later led to another photo, as text."""
