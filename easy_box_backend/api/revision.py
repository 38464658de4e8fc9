"""The one revision counter.

Every change of anything that a phone sees takes the counter's next value as the **last lock** of its transaction:
first lock and write rows, then `take()`, then stamp the number on rows that are already locked or new. The counter's
row stays locked until the commit, so revisions become visible in their order, and a reader that has seen revision N
has seen everything up to N. A sequence or a clock would let a reader pass over a change that commits late.
"""

import uuid
from collections.abc import Callable
from typing import TypeVar

from django.db import connection, transaction

from api.models import Revision

T = TypeVar("T")

_TAKE = "UPDATE api_revision SET value = value + 1 WHERE id = 1 RETURNING value"


def take() -> int:
    """The next revision, held to the end of the surrounding transaction.

    Raises RuntimeError outside a transaction, since the number would be visible before what it stamps.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A revision is taken inside the transaction that it stamps.")
    with connection.cursor() as cursor:
        cursor.execute(_TAKE)
        return cursor.fetchone()[0]


def current() -> int:
    """The latest revision that is visible now. Read it before the data that it is to vouch for."""
    return Revision.objects.values_list("value", flat=True).get(id=1)


def epoch() -> str:
    """The name of this line of history; a restored backup begins a new one."""
    return Revision.objects.values_list("epoch", flat=True).get(id=1)


def tag() -> str:
    """Epoch and revision as one word, for `ETag`."""
    epoch, value = Revision.objects.values_list("epoch", "value").get(id=1)
    return f"{epoch}-{value}"


def consistent(read: Callable[[], T], tries: int = 5) -> tuple[str, T]:
    """What `read` returns, with the tag that it is true for.

    Reads again while somebody writes in between. After the last try the tag is the one before the data, which then may
    be newer than it says; never older.
    """
    for _try in range(tries):
        before = tag()
        data = read()
        if tag() == before:
            break
    return before, data


@transaction.atomic
def begin_epoch() -> str:
    """Start a new line of history, after a restore: every cursor and tag that clients hold becomes void."""
    name = uuid.uuid4().hex[:12]
    Revision.objects.filter(id=1).update(epoch=name)
    return name
