"""Reads the tables of the two former backends of the Easy Box app, and changes nothing in them.

Both were made with Django: `core_*`, with pictures as names at Cloudinary, and `api_*`, with pictures as addresses.
Logins of both are in `authtoken_token`. The columns are read from the database itself. A server of
PostgreSQL 13 will do.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

FAMILIES = ("core", "api")
OURS = "api_stockmovement"
"""A table that only this backend has."""
TABLES: dict[str, tuple[set[str], set[str]]] = {
    "user": (
        {"id", "email", "username", "password", "is_active", "is_staff", "is_superuser"},
        {"first_name", "last_name", "last_login", "date_joined"},
    ),
    "product": ({"id", "sku", "name", "quantity"}, {"location", "image", "image_url", "thumbnail", "thumbnail_url"}),
    "order": ({"id", "customer_name", "status"}, set()),
    "orderline": ({"id", "order_id", "product_id", "quantity_to_pick", "quantity_picked"}, set()),
}
"""By table, without the prefix: the columns that it must have, and others that it can have."""

Row = dict[str, Any]


class Unreadable(Exception):
    """The database can't be read, or has no tables of a former backend. The text says why, without its address."""


@dataclass(frozen=True, slots=True)
class OldBackend:
    """The rows of a former backend.

    family: the prefix of its tables. lines: by the order's id. tokens: of logins, by the person's id; a person had one
    for all phones. not_read: columns that this module does not know.
    """

    family: str
    users: list[Row] = field(default_factory=list)
    products: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    lines: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    tokens: dict[int, str] = field(default_factory=dict)
    not_read: list[str] = field(default_factory=list)


Query = Callable[[str], list[Row]]
"""Runs a SELECT and returns its rows."""


def read(url: str, family: str = "") -> OldBackend:
    """All rows of the former backend in this database, as they are at one moment.

    url: postgres://… or sqlite:///path. family: one of FAMILIES, if the database has the tables of both.
    Raises Unreadable.
    """
    with _connected(url) as (query, columns_of):
        family = _family(columns_of, family)
        old = OldBackend(family)
        for table, (needed, known) in TABLES.items():
            columns = columns_of.get(f"{family}_{table}", set())
            if missing := needed - columns:
                raise Unreadable(f"The table {family}_{table} lacks {', '.join(sorted(missing))}.")
            old.not_read.extend(sorted(f"{family}_{table}.{name}" for name in columns - needed - known))
        old.users.extend(query(f'SELECT * FROM "{family}_user" ORDER BY id'))  # noqa: S608 (one of FAMILIES)
        old.products.extend(query(f'SELECT * FROM "{family}_product" ORDER BY id'))  # noqa: S608
        old.orders.extend(query(f'SELECT * FROM "{family}_order" ORDER BY id'))  # noqa: S608
        for line in query(f'SELECT * FROM "{family}_orderline" ORDER BY id'):  # noqa: S608
            old.lines[line["order_id"]].append(line)
        if {"key", "user_id"} <= columns_of.get("authtoken_token", set()):
            tokens = query("SELECT user_id, key FROM authtoken_token")
            old.tokens.update({row["user_id"]: row["key"] for row in tokens})
        return old


def picture_of(product: Row) -> str:
    """The address or the name of a product's picture, "" without one."""
    return str(product.get("image_url") or product.get("image") or "").strip()


def _family(columns_of: dict[str, set[str]], chosen: str) -> str:
    if OURS in columns_of:
        raise Unreadable(
            "These are the tables of this backend itself: nothing to import. Name the former one's database."
        )
    found = [family for family in FAMILIES if f"{family}_product" in columns_of]
    if not found:
        shown = ", ".join(sorted(columns_of)[:30]) or "none"
        raise Unreadable(f"There is no table core_product or api_product. The tables there: {shown}.")
    if chosen and chosen not in found:
        raise Unreadable(f"There is no table {chosen}_product.")
    if len(found) > 1 and not chosen:
        raise Unreadable("There are the tables of both former backends: choose by --tables core, or --tables api.")
    return chosen or found[0]


@contextmanager
def _connected(url: str) -> Iterator[tuple[Query, dict[str, set[str]]]]:
    """A context manager: a function that queries the database, read-only, and the columns of each table."""
    try:
        if url.startswith("sqlite:///"):
            with closing(sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True)) as lite:
                lite.row_factory = sqlite3.Row
                query: Query = lambda sql: [dict(row) for row in lite.execute(sql)]  # noqa: E731
                columns = query("SELECT m.name AS t, p.name AS c FROM sqlite_master m, pragma_table_info(m.name) p")
                yield query, _by_table(columns)
        elif url.startswith(("postgres://", "postgresql://")):
            with psycopg.connect(url, row_factory=dict_row, connect_timeout=10) as postgres:
                postgres.read_only, postgres.isolation_level = True, psycopg.IsolationLevel.REPEATABLE_READ
                query = lambda sql: postgres.execute(sql).fetchall()  # noqa: E731
                where = "WHERE table_schema = 'public'"
                names = "table_name AS t, column_name AS c"
                columns = query(f"SELECT {names} FROM information_schema.columns {where}")  # noqa: S608
                yield query, _by_table(columns)
        else:
            raise Unreadable("The address is neither postgres://user:password@host:5432/name nor sqlite:///path.")
    except (psycopg.Error, sqlite3.Error) as error:
        raise Unreadable(f"The database can't be read: {type(error).__name__} {_reason(error)}".strip()) from None


def _by_table(columns: list[Row]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in columns:
        found[row["t"]].add(row["c"])
    return found


def _reason(error: Exception) -> str:
    """The first line of a database error. For a failed connection a hint instead, since that error contains the
    address."""
    if isinstance(error, psycopg.OperationalError):
        return "(is it reachable from here, and are name and password right?)"
    return str(error).split("\n")[0]
