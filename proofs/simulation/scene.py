"""The products, orders and logins at the start of a schedule. The manager makes them over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proofs.phone.app import AuthRepository, Session
from proofs.phone.dio import DART_USER_AGENT, Dio
from proofs.simulation.network import Line, Server
from proofs.simulation.plan import KNOWN, MANAGER, MANAGERS_WITH_PHONES, PHONES, SHOP, UNTOUCHED

EMAIL, PASSWORD = "vera@example.com", "correct horse battery"
PROGRAM = "warehouse-program/1.0"
READER, REVOKED = "reader", "revoked"
STOCK = {"A": 40, "B": 12, "C": 5, UNTOUCHED: 7}
LINES = ({"A": 2, "B": 1}, {"A": 1}, {"B": 2, "C": 1})
CUSTOMER = "Customer"
RELABELLED = "-new"


@dataclass(frozen=True)
class Scene:
    """The start of a schedule.

    Attributes:
        prefix: what the SKUs of this schedule begin with, so that schedules can share a database.
        tokens: name of a person or program -> token.
        products: the plan's name of a SKU -> product id.
        orders: order ids, in the plan's numbering; orders that the manager makes later are appended.
        first_movement: movements up to this id are older than the schedule.
        manager: the id of the account that the programs use.
    """

    prefix: str
    tokens: dict[str, str]
    products: dict[str, int]
    orders: list[int]
    first_movement: int
    manager: int = 0

    def sku(self, name: str) -> str:
        """The SKU that the plan calls `name`. The one for "B" has characters that must be escaped in a URL."""
        return f"{self.prefix}Б+2/{name}" if name == "B" else f"{self.prefix}{name}"

    def new_label(self, name: str) -> str:
        """The other SKU that people may give to the product that the plan calls `name`. Boxes then have both labels."""
        return f"{self.sku(name)}{RELABELLED}"

    def name_of(self, sku: str) -> str:
        """The plan's name of a SKU, old or new; "" if it is not of this schedule."""
        if not sku.startswith(self.prefix):
            return ""
        return sku.rpartition("/")[2].removeprefix(self.prefix).removesuffix(RELABELLED)


def program(server: Server, token: str | None, who: str = "setup") -> tuple[Dio, dict[str, str]]:
    """A client that is not the app, over a network without faults, and the headers with its token."""
    line = Line(who, server, [])
    headers = {"authorization": f"Token {token}"} if token else {}
    return Dio(server.base_url, line, user_agent=PROGRAM), headers


def log_in(server: Server, email: str, agent: str) -> str:
    """Log in as a new device. agent: its user agent. Returns the token."""
    dio = Dio(server.base_url, Line("login", server, []), user_agent=agent)
    return AuthRepository(dio, Session()).login(email, PASSWORD)


def make_accounts(server: Server) -> None:
    """Create the accounts of the people with phones, once for a database. The manager's account exists already."""
    dio, headers = program(server, log_in(server, EMAIL, PROGRAM))
    for name in PHONES:
        account: dict[str, Any] = {"email": f"{name.lower()}@example.com", "username": name, "password": PASSWORD}
        account["is_staff"] = name in MANAGERS_WITH_PHONES
        dio.request("POST", "/users/", account, headers)


def make_scene(server: Server, prefix: str) -> Scene:
    """Log everybody in, and create products and orders."""
    tokens = {name: log_in(server, f"{name.lower()}@example.com", DART_USER_AGENT) for name in PHONES}
    tokens |= {name: log_in(server, EMAIL, PROGRAM) for name in (MANAGER, SHOP, READER, REVOKED)}
    dio, revoked = program(server, tokens[REVOKED])
    dio.request("POST", "/auth/logout/", None, revoked)
    dio, headers = program(server, tokens[MANAGER])
    movements: list[dict[str, Any]] = dio.get("/movements/?limit=1", headers).data
    manager = dio.get("/users/me/", headers).data["id"]
    scene = Scene(prefix, tokens, {}, [], movements[0]["id"] if movements else 0, manager)
    for name in (*KNOWN, UNTOUCHED):
        body = {"sku": scene.sku(name), "name": f"Name {name}", "location": "A1-01-01", "quantity": STOCK[name]}
        scene.products[name] = dio.request("POST", "/products/", body, headers).data["id"]
    for number, lines in enumerate(LINES):
        scene.orders.append(make_order(dio, headers, scene, f"{CUSTOMER} {number}", lines))
    return scene


def make_order(dio: Dio, headers: dict[str, str], scene: Scene, customer: str, lines: dict[str, int]) -> int:
    """Create an order. lines: the plan's name of a SKU -> pieces. Returns the order's id."""
    wanted = [{"product": scene.products[name], "quantity_to_pick": n} for name, n in lines.items()]
    body = {"customer_name": customer, "lines": wanted}
    order_id: int = dio.request("POST", "/orders/", body, headers).data["id"]
    return order_id


def clear_away(server: Server, scene: Scene) -> None:
    """Archive all orders and products, so that the lists of the next schedules stay short."""
    dio, headers = program(server, scene.tokens[MANAGER])
    for row in dio.get("/orders/", headers).data:
        dio.request("DELETE", f"/orders/{row['id']}/", None, headers)
    for row in dio.get("/products/", headers).data:
        dio.request("DELETE", f"/products/{row['id']}/", None, headers)
