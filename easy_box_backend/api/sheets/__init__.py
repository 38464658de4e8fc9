"""Spreadsheets: read what people export from other programs, recognise its columns, write our own. Knows no table.

`files` makes rows of a file, `columns` finds the header and what each column holds, `cells` reads one cell, `writing`
makes files.
"""

from django.utils.functional import Promise


class Unreadable(Exception):
    """A file that cannot be read. reason: a sentence for people."""

    def __init__(self, reason: str | Promise) -> None:
        super().__init__(str(reason))
        self.reason = reason
