"""Prepared statements for the most frequent queries: PostgreSQL parses and plans them once per connection, and they go
to libpq without a cursor. Together that costs an eighth of Django's cursors, which never prepare (docs/benchmarks.md).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

_MARK = re.compile(r"%s|%\((\w+)\)s")
# How a value from PostgreSQL is read, by its type (`select oid, typname from pg_type`). Other types are read as texts.
_READ: dict[int, Callable[[bytes], Any]] = {
    16: b"t".__eq__, 20: int, 21: int, 23: int, 1184: lambda text: datetime.fromisoformat(text.decode()),
}  # fmt: skip
Prepared = tuple[bytes, list[str], list[tuple[int, Callable[[bytes], Any]]]]
"""A prepared statement: its name on a connection, the names of its parameters, and how each of its columns is read."""
_known: WeakKeyDictionary[Any, dict[str, Prepared]] = WeakKeyDictionary()
"""The prepared statements by connection and SQL."""


def one_row(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Any:
    """The first row of the result, None if there is none. Raises Django's database errors."""
    return next(iter(rows(statement, parameters)), None)


def rows(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
    """The rows of the result. Raises Django's database errors.

    On SQLite, if queries are logged or wrapped, or if nothing may be prepared, it runs as an ordinary statement.
    parameters: texts, numbers, times and None.
    """
    db = connections[DEFAULT_DB_ALIAS]  # `connection` looks it up anew for each of its attributes
    if db.connection is None:
        db.ensure_connection()
    if db.vendor != "postgresql" or db.queries_logged or db.execute_wrappers:
        with db.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()
    link: psycopg.Connection[Any] = db.connection
    with db.wrap_database_errors:
        if link.prepare_threshold is None or link.isolation_level is not None:
            with psycopg.Cursor(link) as cursor:
                # If psycopg prepared one, it would deallocate ours too, after the next rollback (DEALLOCATE ALL).
                return cursor.execute(statement, parameters, prepare=False).fetchall()
        _begin(link)
        try:
            return _rows(link, statement, parameters)
        except InvalidSqlStatementName:  # the prepared statements were deallocated, as by a pooler
            _known.pop(link, None)
            if not link.autocommit:
                raise  # the transaction is lost
            return _rows(link, statement, parameters)


def _begin(link: "psycopg.Connection[Any]") -> None:
    """Send BEGIN before the first statement of a transaction, as psycopg's cursors do."""
    if not link.autocommit and link.pgconn.transaction_status == TransactionStatus.IDLE:
        _checked(link, link.pgconn.exec_(b"BEGIN"))


def _rows(link: "psycopg.Connection[Any]", statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
    name, order, columns = _prepared(link, statement)
    given = parameters if not isinstance(parameters, Mapping) else [parameters[each] for each in order]
    texts: list[Any] = [_text(value) for value in given]
    result = _checked(link, link.pgconn.exec_prepared(name, texts))
    return [
        tuple(None if (value := result.get_value(row, place)) is None else read(value) for place, read in columns)
        for row in range(result.ntuples)
    ]


def _prepared(link: "psycopg.Connection[Any]", statement: str) -> Prepared:
    """The statement, prepared on this connection. The first time, this prepares it."""
    known = _known.setdefault(link, {})
    if (found := known.get(statement)) is None:
        name, (text, order) = f"hot_{len(known)}".encode(), _numbered(statement)
        _checked(link, link.pgconn.prepare(name, text))
        described = _checked(link, link.pgconn.describe_prepared(name))
        columns = [(place, _READ.get(described.ftype(place), bytes.decode)) for place in range(described.nfields)]
        found = known[statement] = name, order, columns
    return found


@cache
def _numbered(statement: str) -> tuple[bytes, list[str]]:
    """The statement with the parameters $1, $2 and so on, and their names; "" for one without a name."""
    order: list[str] = []

    def number(mark: re.Match[str]) -> str:
        if (name := mark[1] or "") not in order or not name:
            order.append(name)
        return f"${order.index(name) + 1 if name else len(order)}"

    return _MARK.sub(number, statement).encode(), order


def _text(value: Any) -> bytes | None:
    """A parameter in PostgreSQL's own text form."""
    if value is None:
        return None
    text = str(value).encode()
    if b"\0" in text:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return text


def _checked(link: "psycopg.Connection[Any]", result: PGresult) -> PGresult:
    """The result. Raises psycopg's error if the statement failed or the connection broke."""
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return result
    if link.pgconn.status != ConnStatus.OK:
        raise psycopg.OperationalError(result.get_error_message())
    raise error_from_result(result)
