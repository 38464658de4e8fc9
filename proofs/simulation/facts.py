"""The server's data after a schedule: products, orders, movements, discrepancies. Read by the manager over HTTP."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from proofs.phone.dio import Dio, DioException
from proofs.simulation.scene import Scene

PAGE = 200


@dataclass
class Facts:
    """All data of one schedule.

    Attributes:
        live: the whole current list of products, also those of other schedules.
        products: by id, archived ones too.
        movements: by product id, in the order in which they were booked.
        orders: by id.
        discrepancies: the open ones.
        has_discrepancies: whether the server has such an endpoint.
        reversed_ids: the ids of movements that another movement reverses.
    """

    live: list[dict[str, Any]]
    products: dict[int, dict[str, Any]]
    movements: dict[int, list[dict[str, Any]]]
    orders: dict[int, dict[str, Any]]
    discrepancies: list[dict[str, Any]]
    has_discrepancies: bool = True
    reversed_ids: frozenset[int] = frozenset()

    def of_sku(self, scene: Scene, name: str) -> list[dict[str, Any]]:
        """The product that the plan calls `name`, and later products made with its SKU, archived ones too."""
        return [product for product in self.products.values() if self.name_of(scene, product) == name]

    def name_of(self, scene: Scene, product: dict[str, Any]) -> str:
        """The plan's name of a product: that of the SKU that it had at first, whatever its SKU is now."""
        first = {product_id: name for name, product_id in scene.products.items()}
        return first.get(product["id"]) or scene.name_of(product["sku"])

    def questions(self, scene: Scene) -> list[dict[str, Any]]:
        """The open discrepancies of this schedule."""
        rows = self.discrepancies
        return [
            row for row in rows
            if row["product"] in self.products or row["order"] in self.orders or scene.name_of(row["sku"])
        ]  # fmt: skip

    def discrepancies_of(self, scene: Scene, name: str) -> list[dict[str, Any]]:
        """The open discrepancies that name this SKU, or a product with it."""
        ids = {product["id"] for product in self.of_sku(scene, name)}
        found = self.discrepancies
        return [row for row in found if row["product"] in ids or scene.name_of(row["sku"]) == name]


def gather(dio: Dio, headers: dict[str, str], scene: Scene) -> Facts:
    """Read the data of a schedule over HTTP. headers: with a manager's token."""
    live = dio.get("/products/", headers).data
    products = {row["id"]: row for row in live if scene.name_of(row["sku"])}
    movements: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for movement in _movements(dio, headers, scene.first_movement):
        movements[movement["product"]].append(movement)
    for rows in movements.values():
        rows.sort(key=lambda row: (row["revision"], row["id"]))
    for product_id in set(movements) - set(products):
        row = dio.get(f"/products/{product_id}/", headers).data
        if scene.name_of(row["sku"]):
            products[product_id] = row
    orders = {row["id"]: row for row in dio.get("/orders/", headers).data if row["id"] in scene.orders}
    try:
        discrepancies, known = dio.get("/discrepancies/", headers).data, True
    except DioException as error:
        if error.status != 404:
            raise
        discrepancies, known = [], False
    reversed_ids = frozenset(row["reverses"] for rows in movements.values() for row in rows if row["reverses"])
    return Facts(live, products, movements, orders, discrepancies, known, reversed_ids)


def _movements(dio: Dio, headers: dict[str, str], first: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = dio.get(f"/movements/?limit={PAGE}{after}", headers).data
        found += [row for row in page if row["id"] > first]
        if len(page) < PAGE or page[-1]["id"] <= first:
            return found
        after = f"&after={page[-1]['id']}"
