"""Waiting for locks of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def waiting_at_most(time: str) -> Iterator[None]:
    """This thread's connection waits so long for a lock, e.g. "100ms", and is closed afterwards. That only brings it
    back into the pool, so the next test would get it as it was left."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = %s", [time])
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
        connection.close()
