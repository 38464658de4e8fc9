"""Clients that are not the app: a manager's program and a web shop. Their network has no faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proofs.phone.dio import Dio, DioException
from proofs.simulation.intentions import Intentions
from proofs.simulation.network import Line
from proofs.simulation.plan import Act
from proofs.simulation.scene import CUSTOMER, PROGRAM, Scene, make_order

ATTEMPTS = 5
STALE = 412


class Program:
    """A client that is not the app, with a token of its own."""

    def __init__(self, name: str, line: Line, scene: Scene, notes: Intentions) -> None:
        self.name, self.line, self.scene, self.notes = name, line, scene, notes
        self.dio = Dio(line.server.base_url, line, user_agent=PROGRAM)
        self.headers = {"authorization": f"Token {scene.tokens[name]}"}

    def do(self, act: Act) -> None:
        """Do an act of the plan, unless it is no longer possible."""
        self.line.begin(act.n)
        getattr(self, f"do_{act.verb}")(act)

    def do_create(self, act: Act) -> None:
        body = {"sku": self.scene.sku(act.sku), "name": act.text}
        try:
            self._send("POST", "/products/", body)
        except DioException as error:
            if error.status != 400:
                raise
        else:
            self.notes.made(self.name, act.sku, act.text)

    def do_rename(self, act: Act) -> None:
        field, _, value = act.text.partition("=")
        product = self._product(act)
        if product:
            self._send("PATCH", f"/products/{product['id']}/", {field: value})
            self.notes.set_field(self.name, act.sku, field, value)

    do_relocate = do_rename

    def do_archive(self, act: Act) -> None:
        product = self._product(act)
        if product:
            self._send("DELETE", f"/products/{product['id']}/")
            self.notes.deleted[act.sku].add(self.name)

    def do_add(self, act: Act) -> None:
        product = self._product(act)
        if product:
            self._send("POST", f"/products/{product['id']}/add_stock/", {"quantity": act.quantity})
            self.notes.moved(self.name, act.sku, act.quantity)

    def do_set(self, act: Act) -> None:
        """Set the quantity to the number just read plus `quantity`, on condition that it has not changed (If-Match)."""

        def attempt() -> int:
            product = self._product(act)
            if product is None:
                return 0
            delta = act.quantity if product["quantity"] + act.quantity >= 0 else -act.quantity
            body = {key: product[key] for key in ("name", "sku", "location")}
            body["quantity"] = product["quantity"] + delta
            self._send("PUT", f"/products/{product['id']}/", body, product["revision"])
            return delta

        delta = self._while_stale(attempt)
        if delta:
            self.notes.moved(self.name, act.sku, delta)

    def do_order(self, act: Act) -> None:
        customer = f"{CUSTOMER} {len(self.scene.orders)}"
        try:
            order = make_order(self.dio, self.headers, self.scene, customer, {act.sku: act.quantity})
        except DioException as error:
            if error.status != 400:  # the product is archived
                raise
            return
        self.scene.orders.append(order)

    def do_cancel(self, act: Act) -> None:
        def attempt() -> None:
            order = self._order(act)
            if order and order["status"] != "cancelled":
                body = {"status": "cancelled"}
                self._send("PATCH", f"/orders/{order['id']}/", body, order["revision"])
                self.notes.cancelled.add(order["id"])
                if any(line["quantity_picked"] for line in order["lines"]):
                    self.notes.picked_before_cancel.add(order["id"])

        self._while_stale(attempt)

    def do_extend(self, act: Act) -> None:
        """Add pieces of a product to an order that is not finished: a new line, or a larger quantity in its line."""

        def attempt() -> None:
            order = self._order(act)
            product = self.scene.products[act.sku]
            if not order or order["status"] in ("picked", "cancelled"):
                return
            lines = {line["product"]["id"]: line["quantity_to_pick"] for line in order["lines"]}
            lines[product] = lines.get(product, 0) + act.quantity
            wanted = [{"product": key, "quantity_to_pick": n} for key, n in lines.items()]
            self._send("PATCH", f"/orders/{order['id']}/", {"lines": wanted}, order["revision"])
            self.notes.to_pick[order["id"], product] = lines[product]

        try:
            self._while_stale(attempt)
        except DioException as error:
            if error.status != 400:  # the product is archived
                raise

    # --- parts

    def _send(self, method: str, path: str, body: object = None, revision: int | None = None) -> Any:
        condition = {} if revision is None else {"if-match": f'"{revision}"'}
        return self.dio.request(method, path, body, self.headers | condition).data

    def _while_stale(self, attempt: Callable[[], Any]) -> Any:
        for _ in range(ATTEMPTS - 1):
            try:
                return attempt()
            except DioException as error:
                if error.status != STALE:
                    raise
        return attempt()

    def _product(self, act: Act) -> dict[str, Any] | None:
        found = self.dio.get(f"/products/?sku={self.scene.sku(act.sku)}", self.headers).data
        return found[0] if found else None

    def _order(self, act: Act) -> dict[str, Any] | None:
        if act.order >= len(self.scene.orders):
            return None
        order: dict[str, Any] = self._send("GET", f"/orders/{self.scene.orders[act.order]}/")
        return order
