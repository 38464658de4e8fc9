"""Prepared statements return the same as Django's own cursors, and take part in its transactions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from django.db import DataError, IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.utils import timezone as clock

from api.models import Revision
from backend import prepared

needs_postgres = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite prepares nothing")
pytestmark = pytest.mark.django_db(transaction=True)
COUNT = "UPDATE api_revision SET value = value + 1 WHERE id = 1 RETURNING value"
WORDS = ["", "a", "NULL", 'quo"te', "back\\slash", "{a,b}", "ё ﷺ 🎁", "\n\t", "%s %(x)s $1", "a'b;--"]
"""Texts with characters that are special in some place."""


@needs_postgres
@pytest.mark.parametrize("value", [0, -1, 10**15, None, *WORDS, True, False])
def test_a_value_is_stored_and_read_unchanged(value: Any) -> None:
    kind = {bool: "boolean", int: "bigint"}.get(type(value), "text")
    for _ in range(3):
        assert prepared.one_row(f"SELECT %s::{kind}", [value]) == (value,)


@needs_postgres
@pytest.mark.parametrize("minutes", [0, 330, -720])
def test_a_time_is_stored_and_read_unchanged(minutes: int) -> None:
    there = timezone(timedelta(minutes=minutes))
    for moment in (clock.now(), datetime(2026, 3, 1, tzinfo=there), datetime(1999, 1, 1, 1, 1, 1, 10, tzinfo=there)):
        assert prepared.one_row("SELECT %s::timestamptz", [moment]) == (moment,)


@needs_postgres
def test_parameter_names_may_repeat_and_have_any_order() -> None:
    text = "SELECT %(b)s::text, %(a)s::bigint, %(b)s::text || %(a)s::text"
    assert prepared.one_row(text, {"a": 7, "b": "x", "c": "is not used"}) == ("x", 7, "x7")


@needs_postgres
def test_a_value_that_cannot_be_stored_is_refused_and_not_truncated() -> None:
    with pytest.raises(DataError):
        prepared.one_row("SELECT %s::text", ["a\0b"])


def test_a_refused_statement_raises_djangos_error() -> None:
    with pytest.raises(IntegrityError):
        prepared.rows("UPDATE api_revision SET id = 2 WHERE id = %s RETURNING value", [1])
    assert prepared.one_row(COUNT, []), "the connection can still be used"


def test_the_first_statement_of_a_transaction_begins_it() -> None:
    before = Revision.objects.get().value
    for _ in range(3):
        with transaction.atomic():
            assert prepared.one_row(COUNT, []) == (before + 1,)
            transaction.set_rollback(True)
    assert Revision.objects.get().value == before
    with transaction.atomic():
        Revision.objects.get()
        prepared.one_row(COUNT, [])
        transaction.set_rollback(True)
    assert Revision.objects.get().value == before


@needs_postgres
def test_a_rollback_removes_no_prepared_statement() -> None:
    for _ in range(5):
        with transaction.atomic():
            prepared.one_row(COUNT, [])
    for _ in range(2):
        with transaction.atomic():
            Revision.objects.get()
            transaction.set_rollback(True)
    assert prepared.one_row(COUNT, [])
    with transaction.atomic():
        assert prepared.one_row(COUNT, [])


def prepared_statements() -> set[str]:
    """The names of this connection's prepared statements that change the revision. There may be some of other tests."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements WHERE statement LIKE 'UPDATE api_revision%'")
        names = {name for (name,) in cursor.fetchall()}
    assert names
    return names


@needs_postgres
def test_with_preparing_switched_off_psycopg_deallocates_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared.one_row(COUNT, [])
    there = prepared_statements()
    with monkeypatch.context() as patch:
        patch.setattr(connection.connection, "isolation_level", psycopg.IsolationLevel.READ_COMMITTED)
        for _ in range(5):
            prepared.one_row(COUNT, [])
    with transaction.atomic():
        Revision.objects.get()
        transaction.set_rollback(True)
    assert prepared_statements() == there


@needs_postgres
def test_deallocated_statements_are_prepared_again() -> None:
    prepared.one_row(COUNT, [])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert prepared.one_row(COUNT, [])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with pytest.raises(ProgrammingError), transaction.atomic():
        prepared.one_row(COUNT, [])
    with transaction.atomic():
        assert prepared.one_row(COUNT, [])


@needs_postgres
def test_a_lost_connection_is_an_operational_error() -> None:
    prepared.one_row(COUNT, [])
    with pytest.raises(OperationalError):
        prepared.one_row("SELECT pg_terminate_backend(pg_backend_pid())::text WHERE %s::text = 'x'", ["x"])
    with pytest.raises(OperationalError):
        prepared.one_row(COUNT, [])
    connection.close()
    assert prepared.one_row(COUNT, []), "a new connection prepares it again"


@needs_postgres
def test_with_preparing_switched_off_nothing_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    text = "SELECT %s::bigint + 4711"
    assert prepared.one_row(text, [1]) == (4712,)
    assert prepared.rows("SELECT 1 FROM pg_prepared_statements WHERE statement LIKE %s", ["%4711%"]) == []
