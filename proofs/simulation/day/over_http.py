"""A real server as a reader of days: gunicorn and PostgreSQL, to which every request goes as the phone sends it.

Its clock is the day's (`wsgi.py`), and the name of the connection comes from the proxy, as nginx sends it. So it must
read a day just as `server.Server` does, however fast the day is played.
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from itertools import count
from typing import Any

from proofs.phone.dio import DART_USER_AGENT, Dio
from proofs.simulation import scene
from proofs.simulation.day.office import Question, question_of
from proofs.simulation.day.server import DAY, MORNING
from proofs.simulation.day.world import Request
from proofs.simulation.network import Line
from proofs.simulation.real import RealServer

_numbers = count(1)


@cache
def started() -> tuple[RealServer, str]:
    """The server, and a token of the manager's."""
    server = RealServer("proofs.simulation.day.wsgi:application", TRUSTED_PROXIES="1", PASS_GAP_MILLISECONDS="2000")
    atexit.register(server.close)
    return server, scene.log_in(server, scene.EMAIL, scene.PROGRAM)


class OverHttp:
    """Phones of their own for each day; the products are new each day as well."""

    def __init__(self, margin: float = 0.0) -> None:
        self.server, token = started()
        self.office, self.headers = scene.program(self.server, token)
        self.prefix = f"D{next(_numbers)}-"
        self.phones: dict[str, tuple[Dio, str]] = {}
        self.rows: dict[int, int] = {}
        self.shown: dict[int, int] = {}
        """The list that the phone was sent last, by product's id."""
        self.start: dict[int, int] = {}
        self.others: Mapping[int, int] = {}

    def begin(self, start: dict[int, int], others: Mapping[int, int]) -> None:
        """Make the products of the day."""
        self.start, self.others = start, others
        for product, quantity in start.items():
            sku = f"{self.prefix}{product}"
            body = {"sku": sku, "name": sku, "quantity": quantity}
            self.rows[product] = self._ask("POST", "/products/", body)["id"]

    def changed(self, product: int, change: int, at: float) -> None:
        """Somebody else changed the stock."""
        body = {"quantity_delta": change, "reason": "others"}
        self._ask("POST", f"/products/{self.rows[product]}/adjust/", body, at)

    def read(self, request: Request) -> None:
        key = self.rows.get(request.product, 0)
        if request.kind == "pull":
            self.shown = {row["id"]: row["quantity"] for row in self._send(request, "GET", "/products/")}
        elif request.kind == "find":
            self._send(request, "GET", f"/products/?sku={self.prefix}{request.product or 'unknown'}")
        elif request.kind == "add":
            self._send(request, "POST", f"/products/{key}/add_stock/", {"quantity": request.quantity})
        elif request.kind == "put":
            sku = f"{self.prefix}{request.product}"
            body = {"id": str(key), "name": sku, "sku": sku, "quantity": request.quantity, "location": None}
            self._send(request, "PUT", f"/products/{key}/", body | {"image_url": None, "thumbnail_url": None})

    def _send(self, request: Request, method: str, path: str, body: object = None) -> Any:
        dio, token = self._phone(request.phone)
        headers = {"x-connection": request.connection, "x-seconds": repr(request.at)}
        return dio.request(method, path, body, headers | {"authorization": f"Token {token}"}).data

    def _phone(self, phone: str) -> tuple[Dio, str]:
        """Each phone has a person of its own."""
        if phone not in self.phones:
            name = f"{self.prefix}{phone.replace(' ', '-')}".lower()
            account = {"email": f"{name}@example.com", "username": name, "password": scene.PASSWORD}
            self._ask("POST", "/users/", account)
            dio = Dio(self.server.base_url, Line(phone, self.server, []), user_agent=DART_USER_AGENT)
            self.phones[phone] = dio, scene.log_in(self.server, account["email"], DART_USER_AGENT)
        return self.phones[phone]

    def answered(self, stock: dict[int, int]) -> None:
        """The phone's list must be what programs are told."""
        assert all(self.shown[self.rows[product]] == quantity for product, quantity in stock.items())

    def booked(self) -> dict[int, int]:
        now = {row["id"]: row["quantity"] for row in self._ask("GET", "/products/")}
        return {p: now[key] - self.start[p] - self.others.get(p, 0) for p, key in self.rows.items()}

    def questions(self) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        for question in self.open_questions():
            changes = found.setdefault(question.product, set())
            for change in {*question.answers.values()} - {0}:
                changes |= {change + other for other in changes} | {change}
        return found

    def _ask(self, method: str, path: str, body: object = None, at: float = -DAY) -> Any:
        """As the manager, or as a program."""
        return self.office.request(method, path, body, self.headers | {"x-seconds": repr(at)}).data

    # --- office.Desk

    def sell(self, product: int, pieces: int, at: float) -> None:
        """A finished order."""
        line = {"product": self.rows[product], "quantity_to_pick": pieces, "quantity_picked": pieces}
        self._ask("POST", "/orders/", {"customer_name": "Web shop", "status": "picked", "lines": [line]}, at)

    def count(self, product: int, counted: int, at: float) -> None:
        self._ask("POST", f"/products/{self.rows[product]}/count/", {"counted": counted}, at)

    def reverse(self, product: int, at: float) -> tuple[float, int] | None:
        rows = self._ask("GET", f"/products/{self.rows[product]}/movements/?limit=500")
        gone = {row["reverses"] for row in rows}
        for row in rows:
            came_at = (datetime.fromisoformat(row["occurred_at"]) - MORNING).total_seconds()
            if row["kind"] == "receipt" and row["id"] not in gone and came_at >= 0:
                self._ask("POST", f"/movements/{row['id']}/reverse/", {}, at)
                return came_at, row["quantity_delta"]
        return None

    def open_questions(self) -> list[Question]:
        products = {key: product for product, key in self.rows.items()}
        rows = self._ask("GET", "/discrepancies/?limit=500")
        return [question_of(row, products) for row in reversed(rows) if row["product"] in products]

    def settle(self, question: int, action: str, at: float) -> None:
        self._ask("POST", f"/discrepancies/{question}/resolve/", {"action": action}, at)
