"""Phones as people use them: one method per request of the app, over HTTP, with a simulated clock and network.

anna = warehouse.phone("Anna")
anna.pull()
anna.add("SOCK", 5)          # the look-up, then the addition
anna.loses_connection()      # the server cannot know whether the last answer arrived
warehouse.later()            # half an hour later, so that the next request is a person's, not a pass's
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from api.actions import devices, ledger, products
from api.actor import Actor
from api.models import Device, Discrepancy, Product, StockMovement, User
from api.phones import booking
from api.phones.memory import remembered
from api.reconcile.memory import Addition
from api.reconcile.program import State
from api.reconcile.stories import Effect, Stories, Story
from api.tests.calls import PASSWORD

DART = "Dart/3.5 (dart:io)"
AT_MACHINE_SPEED = 0.02
"""Seconds between two requests that the app sends by itself, as in a pass."""

_ports = itertools.count(40_000)


class Caller:
    """A client of one login. By default each request comes directly after the previous one, on the same connection."""

    agent = "warehouse-program/1.0"

    def __init__(self, clock: time_machine.Traveller | None, user: User) -> None:
        self.clock, self.user = clock, user
        self.http = APIClient(headers={"User-Agent": self.agent})
        kind = Device.Kind.APP if self.agent == DART else Device.Kind.INTEGRATION
        self.device, token = devices.log_in(user, kind=kind, name=self.agent, at=timezone.now())
        self.http.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        self.port = next(_ports)

    def send(self, method: str, path: str, body: Any = None, form: str = "json", **headers: str) -> Any:
        if self.clock:
            self.clock.shift(AT_MACHINE_SPEED)
        return getattr(self.http, method)(
            path, body, format=form if body is not None else None, headers=headers, REMOTE_PORT=str(self.port)
        )

    def loses_connection(self) -> None:
        """Send the next requests on another connection, so that the server cannot know whether the last answer
        arrived."""
        self.port = next(_ports)

    def create(self, sku: str, name: str = "Socks", **more: Any) -> Any:
        return self.send("post", "/api/products/", {"sku": sku, "name": name, "quantity": "0", **more}, "multipart")

    def find(self, sku: str) -> dict[str, Any] | None:
        """Look a SKU up, by `?sku=`; returns the product, or None if there is none."""
        answer = self.send("get", f"/api/products/?sku={quote(sku)}")
        assert answer.status_code == 200, answer.content
        found = answer.json()
        assert len(found) <= 1
        return found[0] if found else None

    def book(self, product: int | str, pieces: Any) -> Any:
        """Send an addition (`add_stock`) without a look-up. product: its id."""
        return self.send("post", f"/api/products/{product}/add_stock/", {"quantity": pieces})

    def add(self, sku: str, pieces: int) -> None:
        """Add goods as the app does: look the SKU up, then send an addition to the product that was found."""
        found = self.find(sku)
        assert found, f"{sku} is unknown: the app hangs here"
        answer = self.book(found["id"], pieces)
        assert answer.status_code == 200, answer.content

    def send_queued(self, sku: str, pieces: int) -> None:
        """A pass with one queued addition: goods were received without a network, and are sent when the list is opened
        with one. All answers arrive."""
        self.add(sku, pieces)
        self.send("get", "/api/products/")

    def put(self, seen: Mapping[str, Any], key: int | str | None = None, **changes: Any) -> Any:
        """Send a whole product (PUT), as the app does.

        seen: the product as the phone shows it. key: another id for the address. changes: the fields that the person
        has changed.
        """
        shown = {name: seen[name] for name in ("name", "sku", "quantity", "location", "image_url")}
        body = {"id": str(key or seen["id"]), **shown, "thumbnail_url": None, **changes}
        return self.send("put", f"/api/products/{key or seen['id']}/", body)

    def delete(self, product: int | str) -> Any:
        return self.send("delete", f"/api/products/{product}/")

    def finish(self, order: Mapping[str, Any], *, picked: Mapping[str, int] | None = None, **changes: Any) -> Any:
        """Send an order as finished (PUT).

        order: the order as the phone shows it. picked: by SKU, the picked quantities of lines that were not picked in
        full.
        """
        lines = [
            {
                "product": line["product"]["id"],
                "quantity_to_pick": line["quantity_to_pick"],
                "quantity_picked": (picked or {}).get(line["product"]["sku"], line["quantity_to_pick"]),
            }
            for line in order["lines"]
        ]
        body = {"customer_name": order["customer_name"], "status": "picked", "lines": lines, **changes}
        return self.send("put", f"/api/orders/{order['id']}/", body)


class Phone(Caller):
    """A phone with the app."""

    agent = DART

    def pull(self) -> dict[str, dict[str, Any]]:
        """Pull: fetch the whole product list; returns it by SKU."""
        return {row["sku"]: row for row in self.send("get", "/api/products/").json()}

    def scan(self, *skus: str, times: int = 50, every: float = 0.2, connections: int = 1) -> list[bool]:
        """Scan with the camera, which has these labels in view in turns, and looks one up every `every` seconds.

        times: the number of look-ups. connections: the number of connections that they alternate between. Returns for
        each look-up whether it found a product.
        """
        ports = [self.port, *(next(_ports) for _ in range(connections - 1))]
        found = []
        for n in range(times):
            if self.clock:
                self.clock.shift(every - AT_MACHINE_SPEED)
            self.port = ports[n % len(ports)]
            found.append(self.find(skus[n % len(skus)]) is not None)
        return found

    def pull_orders(self) -> list[dict[str, Any]]:
        return list(self.send("get", "/api/orders/").json())


class Warehouse:
    """Creates the people with their devices, moves the clock, and reads stock and discrepancies from the database."""

    def __init__(self, clock: time_machine.Traveller | None) -> None:
        self.clock = clock

    def later(self, minutes: float = 30) -> None:
        """Move the clock on."""
        assert self.clock
        self.clock.shift(minutes * 60)

    def phone(self, name: str, *, manager: bool = True) -> Phone:
        """A new login with the app. By default it is a manager's: a picker's deletion only asks a manager, and a picker
        can only pick orders."""
        return Phone(self.clock, self._person(name, manager=manager))

    def program(self, name: str = "Shop", *, manager: bool = True) -> Caller:
        """A new login of a program: a device of the kind `integration`."""
        return Caller(self.clock, self._person(name, manager=manager))

    def _person(self, name: str, *, manager: bool = False) -> User:
        known = User.objects.filter(username=name).first()
        return known or User.objects.create_user(
            email=f"{name.lower()}@example.com", password=PASSWORD, username=name, is_staff=manager
        )

    def product(self, sku: str, quantity: int = 0, *, name: str = "Socks", location: str = "A1") -> int:
        """Create a product on the server, without a phone; returns its id."""
        from api.actor import Actor

        made = products.create(
            sku=sku, name=name, location=location, quantity=quantity, by=Actor(None, at=timezone.now())
        )
        return made.pk

    def on_hand(self, sku: str) -> int:
        """The pieces on hand of the live product with this SKU."""
        return Product.objects.live().get(sku=sku).quantity

    def movements(self, sku: str) -> list[int]:
        """The quantities of all movements of the products with this SKU, archived ones too, the oldest first."""
        found = StockMovement.objects.filter(product__sku=sku).order_by("id")
        return list(found.values_list("quantity_delta", flat=True))

    def questions(self) -> list[tuple[str, str]]:
        """The open discrepancies, `(kind, sku)` each, the oldest first."""
        return list(Discrepancy.objects.open().order_by("id").values_list("kind", "sku"))

    def question(self) -> Discrepancy:
        """The only discrepancy in the database."""
        return Discrepancy.objects.get()

    def has_correct_ledger(self) -> bool:
        """Whether all quantities agree with the movements."""
        return ledger.broken_ledgers() == []


def turns_out_to_be_a_duplicate(phone: Phone, booked: StockMovement) -> None:
    """Let the phone's likeliest story change: it no longer books the addition of `booked`, which the server then
    reverses."""
    by = Actor(phone.device.user, phone.device, at=timezone.now())
    with remembered(by) as memory:
        stories = Stories()
        stories.stories = [Story(State(), effects=Effect(1, booked.product_id, 0, None, "pass from the beginning"))]
        came_at = booked.occurred_at.timestamp()
        memory.additions = {1: Addition(booked.product_id, booked.quantity_delta, came_at, booked.pk)}
        booking.agree(memory, stories, by=by)
