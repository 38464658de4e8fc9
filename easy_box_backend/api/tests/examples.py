"""How much of what is tried with very many values is tried: in a share of `make test` a tenth, elsewhere all."""

from collections.abc import Iterable
from random import Random
from typing import TypeVar

from hypothesis import settings

T = TypeVar("T")
ALL = 100


def examples(number: int) -> int:
    """This number; in a share of `make test` (conftest.py) a tenth, rounded up. `DB=both` and `.ci/run` try all."""
    return -(-number * settings().max_examples // ALL)


def some(values: Iterable[T], of: object) -> list[T]:
    """All these values; in a share of `make test` a tenth of them. of: what they are tried on. It decides which tenth,
    so that what is not tried on one is tried on others, and the same each time."""
    everything = list(values)
    places = Random(str(of)).sample(range(len(everything)), examples(len(everything)))
    return [everything[place] for place in sorted(places)]
