"""The people of docs/reconciliation.md: Anna and Boris with a phone each, Vera the manager."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from api.tests.reconcile.people import Caller, Phone, Warehouse

MORNING = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def warehouse(db: None) -> Iterator[Warehouse]:
    """A warehouse on a morning, with a simulated clock. After each test its ledger is checked."""
    with time_machine.travel(MORNING, tick=False) as clock:
        place = Warehouse(clock)
        yield place
    assert place.has_correct_ledger()


@pytest.fixture
def anna(warehouse: Warehouse) -> Phone:
    return warehouse.phone("Anna")


@pytest.fixture
def boris(warehouse: Warehouse) -> Phone:
    return warehouse.phone("Boris")


@pytest.fixture
def vera(warehouse: Warehouse) -> Caller:
    """The manager, who uses a program: the server takes her requests literally."""
    return warehouse.program("Vera", manager=True)


@pytest.fixture
def shop(warehouse: Warehouse) -> Caller:
    """A program (a device of the kind `integration`), not a phone."""
    return warehouse.program("Shop")
