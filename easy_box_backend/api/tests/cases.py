"""Many small cases in one test, and what many tests share."""

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
    """Like `pytest.mark.parametrize`, but in one test: fixtures, which often take longer than a case, are made once.

    Every case that fails is reported. What one changes in the database is undone before the next; what it changes
    elsewhere is not.
    """
    known = (names,) if isinstance(names, str) else names
    rows = [(case,) if isinstance(names, str) else case for case in cases]
    assert rows

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        given = [part for part in inspect.signature(test).parameters.values() if part.name not in known]
        is_outer = any(part.name == "subtests" for part in given)  # around another one

        @wraps(test)
        def all_of_them(*, subtests: pytest.Subtests, **fixtures: Any) -> None:
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

        one_more = [] if is_outer else [inspect.Parameter("subtests", inspect.Parameter.KEYWORD_ONLY)]
        all_of_them.__signature__ = inspect.Signature([*given, *one_more])  # type: ignore[attr-defined]
        del all_of_them.__wrapped__
        return all_of_them

    return decorate


@contextmanager
def made_once(blocker: DjangoDbBlocker) -> Iterator[None]:
    """For a fixture of a class or module: what is made in this block stays until the fixture ends. Each test undoes its
    own changes. Not for tests with real transactions."""
    hashers = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
    with blocker.unblock(), transaction.atomic(), hashers:
        yield
        transaction.set_rollback(True)
