"""Ways to save fixtures: many small cases in one test, and data that several tests share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from api.rest import ready


def each(names: str | tuple[str, ...], cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Like `pytest.mark.parametrize`, but all cases are one test, so fixtures, which often take longer than a case, are
    made once.

    names: the test's parameters that a case fills in. cases: a value, or a tuple of values, for each case. Every case
    that fails is reported. A case's changes in the database are rolled back, and the caches cleared, before the next
    case; other changes stay.
    """
    known = (names,) if isinstance(names, str) else names
    rows = [(case,) if isinstance(names, str) else case for case in cases]
    assert rows

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        given = [part for part in inspect.signature(test).parameters.values() if part.name not in known]
        is_outer = any(part.name == "subtests" for part in given)  # `test` is itself decorated by `each`

        @wraps(test)
        def run_cases(*, subtests: pytest.Subtests, **fixtures: Any) -> None:
            if is_outer:
                fixtures["subtests"] = subtests
            for row in rows:
                case = dict(zip(known, row, strict=True))
                try:
                    with transaction.atomic():
                        test(**fixtures, **case)
                        transaction.set_rollback(True)
                except (Exception, pytest.fail.Exception):
                    with subtests.test(**{name: repr(value)[:80] for name, value in case.items()}):
                        raise
                cache.clear()
                ready.forget()

        added = [] if is_outer else [inspect.Parameter("subtests", inspect.Parameter.KEYWORD_ONLY)]
        run_cases.__signature__ = inspect.Signature([*given, *added])  # type: ignore[attr-defined]
        del run_cases.__wrapped__
        return run_cases

    return decorate


@contextmanager
def made_once(blocker: DjangoDbBlocker) -> Iterator[None]:
    """A context manager for a fixture of a class or module: the rows that are created in this block stay until the
    fixture ends, and are then rolled back. Each test undoes its own changes. Not for tests with real transactions."""
    hashers = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
    with blocker.unblock(), transaction.atomic(), hashers:
        yield
        transaction.set_rollback(True)
