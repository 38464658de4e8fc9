"""How many examples a test with very many values tries: a tenth of them in a share of `make test`, otherwise all."""

from collections.abc import Iterable
from random import Random
from typing import TypeVar

from hypothesis import settings

T = TypeVar("T")
ALL = 100
"""Hypothesis' max_examples if the number is not reduced (conftest.py)."""


def examples(number: int) -> int:
    """`number`, or in a share of `make test` a tenth of it, rounded up. `DB=both` and `.ci/run` try all examples."""
    return -(-number * settings().max_examples // ALL)


def some(values: Iterable[T], of: object) -> list[T]:
    """All these values, or in a share of `make test` a tenth of them.

    of: the subject of the test, such as an endpoint. It chooses the tenth: another one for each subject, but the same
    one in each run.
    """
    everything = list(values)
    places = Random(str(of)).sample(range(len(everything)), examples(len(everything)))
    return [everything[place] for place in sorted(places)]
