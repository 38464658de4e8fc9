"""Prepared statements for the hottest queries: PostgreSQL parses and plans them once per connection, and they go to
libpq without a cursor. Together that is an eighth of what Django's cursors cost, which never prepare
(docs/benchmarks.md)."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

_MARK = re.compile(r"%s|%\((\w+)\)s")
# How a value of PostgreSQL is read, by its type (`select oid, typname from pg_type`). Others are texts.
_READ: dict[int, Callable[[bytes], Any]] = {
    16: b"t".__eq__, 20: int, 21: int, 23: int, 1184: lambda text: datetime.fromisoformat(text.decode()),
}  # fmt: skip
_names: WeakKeyDictionary[Any, dict[str, bytes]] = WeakKeyDictionary()
"""By connection: the names of the statements that are prepared there."""


def one_row(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Any:
    """The first row of the result, None if there is none. Raises Django's database errors."""
    return next(iter(rows(statement, parameters)), None)


def rows(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
    """The rows of the result. Raises Django's database errors.

    On SQLite, if queries are logged or wrapped, or if nothing is to be prepared, it is an ordinary statement.
    parameters: texts, numbers, times, None, and lists of texts.
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
        if link.prepare_threshold is None or not _has_begun(link):
            with psycopg.Cursor(link) as cursor:
                return cursor.execute(statement, parameters).fetchall()
        return _rows(link, statement, parameters)


def _has_begun(link: "psycopg.Connection[Any]") -> bool:
    """Whether no BEGIN is due, which psycopg's cursors send by themselves."""
    return link.autocommit or link.pgconn.transaction_status != TransactionStatus.IDLE


def _rows(link: "psycopg.Connection[Any]", statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
    text, order = _numbered(statement)
    given = parameters if not isinstance(parameters, Mapping) else [parameters[name] for name in order]
    names = _names.setdefault(link, {})
    name = names.get(statement)
    if name is None:
        name = f"hot_{len(names)}".encode()
        _checked(link, link.pgconn.prepare(name, text))
        names[statement] = name
    texts: list[Any] = [_text(value) for value in given]
    result = _checked(link, link.pgconn.exec_prepared(name, texts))
    columns = [(place, _READ.get(result.ftype(place), bytes.decode)) for place in range(result.nfields)]
    return [
        tuple(None if (value := result.get_value(row, place)) is None else read(value) for place, read in columns)
        for row in range(result.ntuples)
    ]


@cache
def _numbered(statement: str) -> tuple[bytes, list[str]]:
    """The statement with $1, $2 and so on, and the names of these, as far as they have any."""
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
    if isinstance(value, list):
        value = "{" + ",".join(map(_quoted, value)) + "}"
    text = str(value).encode()
    if b"\0" in text:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return text


def _quoted(text: str) -> str:
    """A text of a list."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _checked(link: "psycopg.Connection[Any]", result: PGresult) -> PGresult:
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return result
    if link.pgconn.status != ConnStatus.OK:
        raise psycopg.OperationalError(result.get_error_message())
    raise error_from_result(result)
