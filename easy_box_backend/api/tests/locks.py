"""Lock timeouts of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def waiting_at_most(time: str) -> Iterator[None]:
    """Set the lock timeout of this thread's connection, such as "100ms"; reset it and close the connection afterwards.

    Closing only returns a connection to the pool, so without the reset the next test would get it with this timeout.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = %s", [time])
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
        connection.close()
