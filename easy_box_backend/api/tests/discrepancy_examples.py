"""A discrepancy of every kind, in each of its forms, as the server records it, for tests of the texts about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from api.actions import devices, discrepancies, orders, products, stock
from api.actions.orders import Line
from api.actor import Actor
from api.models import Discrepancy, Product, StockMovement, User

Kind = Discrepancy.Kind
BARCODE = 4_006_381_333_999


class Examples:
    """The warehouse of the examples: SHIRT and SOCK are on hand, CAP is not.

    anna: the Actor of a person with a phone. server: the Actor of the server itself.
    """

    def __init__(self) -> None:
        self.at = timezone.now()
        anna = User.objects.create_user("anna@example.com", "x", username="Анна")
        device, _token = devices.log_in(anna, kind="app", name="Pixel 7", at=self.at)
        self.anna, self.server = Actor(anna, device, at=timezone.now()), Actor(None, at=timezone.now())
        self.shirt = self.product("SHIRT", "Рубашка белая", 10)
        self.sock = self.product("SOCK", "Носки красные", 12)
        self.cap = self.product("CAP", "Кепка", 0)
        lines = [Line(self.shirt.pk, 2, 0), Line(self.sock.pk, 3, 0)]
        self.order = orders.create(customer_name="Петрова", lines=lines, by=self.server.then(self.at))

    def product(self, sku: str, name: str, quantity: int, **more: Any) -> Product:
        return products.create(sku=sku, name=name, quantity=quantity, by=self.server.then(self.at), **more)

    def ask(self, kind: Kind, **facts: Any) -> Discrepancy:
        return discrepancies.record(kind, by=self.anna.then(self.at), **facts)

    def received(self, product: Product, quantity: int) -> StockMovement:
        return stock.receive(product.pk, quantity, by=self.anna.then(self.at - timedelta(minutes=30)))

    def all(self) -> list[Discrepancy]:
        """Record all examples; returns them in the order of `Discrepancy.Kind`."""
        sokc = self.product("SOKC", "SOKC", 3, unverified=True)
        earlier, again = self.received(self.sock, 5), self.received(self.sock, 5)
        assert earlier
        shirt = {"product": self.shirt}
        held = [{"product": self.shirt.pk, "delta": -2}]
        both = [*held, {"product": self.sock.pk, "delta": -3}]
        of_order: dict[str, Any] = {"order": self.order, **shirt}
        seen = {"sent": 25, "on_hand": 10, "change": 0, "booked": []}
        return [
            self.ask(Kind.NAME_DIFFERS, product=self.shirt, sent="Сорочка", kept="Рубашка белая"),
            self.ask(Kind.SKU_TAKEN, product=self.sock, sent="SHIRT", kept="SOCK", taken_by=self.shirt.pk),
            self.ask(Kind.UNKNOWN_SKU, product=sokc),
            self.ask(Kind.ARCHIVED_STOCK, product=self.cap, quantity=4, archived=self.cap.pk,
                     booked=[self.received(self.cap, 4).pk]),
            self.ask(Kind.ARCHIVED_STOCK, product=self.cap, quantity=1, archived=self.shirt.pk,
                     booked=[self.received(self.cap, 1).pk]),
            self.ask(Kind.ARCHIVED_STOCK, product=self.cap, quantity=-1, booked=[self.taken(self.cap, 1).pk]),
            self.ask(Kind.QUANTITY_GUESS, product=self.shirt, sent=11, on_hand=10, change=1,
                     booked=[self.received(self.shirt, 1).pk]),
            self.ask(Kind.QUANTITY_GUESS, **shirt, **seen, pending=[{"product": self.shirt.pk, "delta": 15}]),
            self.ask(Kind.UNKNOWN_PRODUCT, sku="HAT", id="1f0c2f8e-7d6b-4a53", name="Шапка", quantity=6),
            self.ask(Kind.UNKNOWN_PRODUCT, sku="HAT", id="1f0c2f8e-7d6b-4a54", name="Шапка", quantity=None),
            self.ask(Kind.UNKNOWN_PRODUCT, id="1f0c2f8e-7d6b-4a55"),
            self.ask(Kind.POSSIBLE_DUPLICATE, product=self.sock, quantity=5, booked=[again.pk]),
            self.ask(Kind.POSSIBLE_DUPLICATE, product=self.sock, quantity=5,
                     pending=[{"product": self.sock.pk, "delta": 5}], requests=[7]),
            self.ask(Kind.OVER_PICKED, **of_order, to_pick=2, picked=3),
            self.ask(Kind.OVER_PICKED, **of_order, picked=2, pending=held),
            self.ask(Kind.PICKED_TWICE, **of_order, picked=2, pending=held),
            self.ask(Kind.PICKED_AFTER_CANCEL, order=self.order, customer="Петрова", pending=both),
            self.ask(Kind.PICKED_AFTER_CANCEL, order=self.order, customer="Петрова", id=str(self.order.pk),
                     picked={str(self.shirt.pk): 2, "987654": 1}),
            self.ask(Kind.NEGATIVE_STOCK, product=self.cap, on_hand=-2, change=-3),
            self.ask(Kind.IMPLAUSIBLE_QUANTITY, product=self.sock, quantity=BARCODE,
                     pending=[{"product": self.sock.pk, "delta": BARCODE}]),
            self.ask(Kind.IMPLAUSIBLE_QUANTITY, product=self.sock, sent=-BARCODE, on_hand=12, change=0,
                     pending=[{"product": self.sock.pk, "delta": -BARCODE - 12}]),
            self.ask(Kind.SHORT_PICKED, **of_order, quantity=1),
            self.ask(Kind.UNKNOWN_ORDER, id="987654", customer="Иванов", picked={str(self.shirt.pk): 2}),
            self.ask(Kind.UNKNOWN_PRODUCT, id="999", quantity=3),
            self.ask(Kind.IMPLAUSIBLE_QUANTITY, product=self.shirt, quantity=0),
            self.ask(Kind.IMPLAUSIBLE_QUANTITY, product=self.shirt, quantity=900_000,
                     pending=[{"product": self.shirt.pk, "delta": 900_000}]),
            self.ask(Kind.KEPT_IN_PART, product=self.shirt, sent_photo="This is no picture."),
            self.ask(Kind.KEPT_IN_PART, product=self.sock, sent_name="Носки" * 100),
            self.ask(Kind.KEPT_IN_PART, order=self.order, sent_customer_name="П" * 300),
            self.ask(Kind.DELETION_ASKED, product=self.sock),
        ]  # fmt: skip

    def taken(self, product: Product, quantity: int) -> StockMovement:
        return stock.adjust(product.pk, -quantity, reason="x", by=self.anna.then(self.at))
