"""Prepared statements for the hottest queries: PostgreSQL parses and plans them once per connection, which halves the
cost of an addition (docs/benchmarks.md). Django's own cursors never prepare."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from psycopg import Cursor


def one_row(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Any:
    """The first row of the result, None if there is none. Raises Django's database errors."""
    return next(iter(rows(statement, parameters)), None)


def rows(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
    """The rows of the result. Raises Django's database errors.

    On SQLite, and if queries are logged or wrapped, it is an ordinary statement.
    """
    connection.ensure_connection()
    if connection.vendor != "postgresql" or connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        return cursor.execute(statement, parameters).fetchall()
