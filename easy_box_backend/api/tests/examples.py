"""How many examples hypothesis tries."""

from hypothesis import settings


def examples(number: int) -> int:
    """This number; in a half of `make test` a third of it (conftest.py). `DB=both` and `.ci/run` try all."""
    return number * settings.default.max_examples // 100
