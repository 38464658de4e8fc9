"""`.env.example` lists what the backend reads, no more and no less."""

import re

from dev.common import BACKEND, settings_variables

READ = re.compile(r'\b(?:str|choice|boolean|natural|words|rate|secret|database)\(\s*"([A-Z0-9_]+)"')
FOR_MAKE_RUN = {"HOST", "PORT"}
FOR_CHECKS = {"ENV_FILE", "TEST_SQLITE_PATH"}


def test_the_example_lists_every_variable_that_settings_read() -> None:
    """A setting that nobody can find is not a setting."""
    read = set(READ.findall((BACKEND / "backend" / "settings.py").read_text(encoding="utf-8")))
    assert settings_variables() - FOR_MAKE_RUN == read - FOR_CHECKS
