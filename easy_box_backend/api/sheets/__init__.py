"""Spreadsheets: reads what people export from other programs, recognises the columns, and writes our own. It does not
use the database.

`files` reads the rows of a file, `columns` finds the header and what each column holds, `cells` reads one cell,
`writing` writes files.
"""

from django.utils.functional import Promise


class Unreadable(Exception):
    """A file that cannot be read. reason: a sentence for people."""

    def __init__(self, reason: str | Promise) -> None:
        super().__init__(str(reason))
        self.reason = reason
