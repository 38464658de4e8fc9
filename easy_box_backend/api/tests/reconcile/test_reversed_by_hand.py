"""What a manager has reversed by hand does not stop a phone."""

from __future__ import annotations

from api.models import StockMovement
from api.tests.reconcile.people import Caller, Phone, Warehouse


def test_a_resent_queue_goes_on_after_its_duplicate_was_reversed_by_hand(
    warehouse: Warehouse, anna: Phone, vera: Caller
) -> None:
    warehouse.product("SOCK")
    anna.add("SOCK", 2)
    anna.add("SOCK", 3)
    anna.loses_connection()
    warehouse.later()
    anna.add("SOCK", 2)
    repeated = StockMovement.objects.latest("id").pk
    assert vera.send("post", f"/api/movements/{repeated}/reverse/", {}).status_code == 200
    anna.add("SOCK", 3)
    assert warehouse.on_hand("SOCK") == 5
    assert StockMovement.objects.filter(reverses=repeated).count() == 1
