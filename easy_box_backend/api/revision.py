"""The one revision counter.

Every change of anything that a phone sees takes the counter's next value as the **last lock** of its transaction:
first lock and write rows, then `take()`, then write the number to rows that are already locked or new. The counter's
row stays locked until the commit, so revisions become visible in their order, and a reader that has seen revision N
has seen everything up to N. A long transaction may write a number that is `ahead`, and must `reach` it at its end.
With a sequence or a clock, a reader could miss a change that commits late.
"""

import uuid
from collections.abc import Collection

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from api.errors import Stale
from api.models import Order, Product, Revision
from backend import prepared

AHEAD = 1_000_000
"""A number larger than that of the changes that can be made while an import runs."""
_READ = "SELECT epoch, value FROM api_revision WHERE id = 1"
_TAKE = "UPDATE api_revision SET value = value + 1 WHERE id = 1 RETURNING value"


def take() -> int:
    """The next revision. The counter stays locked until the end of the surrounding transaction.

    Raises RuntimeError outside a transaction: the revision would be visible before the change it belongs to.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A revision is taken inside the transaction that it stamps.")
    value: int = prepared.one_row(_TAKE, [])[0]
    return value


def ahead() -> int:
    """A revision for a long transaction: AHEAD of the counter, which is not locked and makes nobody wait until `reach`
    takes it as the last lock."""
    return current() + AHEAD


def reach(number: int) -> None:
    """Set the counter to a number that was `ahead`. It stays locked until the end of the surrounding transaction.

    All smaller numbers have been committed then, so this one becomes visible in its order too. Raises Stale if the
    counter is as far already, as after another long transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_revision SET value = %s WHERE id = 1 AND value < %s", [number, number])
        if not cursor.rowcount:
            raise Stale(_("Too much has changed in the meantime. Try again."))


def current() -> int:
    """The latest visible revision. Read it before the data that it is sent with."""
    value: int = prepared.one_row(_READ, [])[1]
    return value


def epoch() -> str:
    """The name of the current epoch. A restored backup begins a new one."""
    name: str = prepared.one_row(_READ, [])[0]
    return name


def tag() -> str:
    """Epoch and revision as one word, for `ETag`."""
    epoch, value = prepared.one_row(_READ, [])
    return f"{epoch}-{value}"


def require_held(row: Product | Order, held: Collection[int] | None) -> None:
    """Raise Stale unless a locked row has one of these revisions, which the caller has seen; None: any."""
    if held is not None and row.revision not in held:
        raise Stale(_("This was changed in the meantime. Load it again."), facts={"revision": row.revision})


def since(old: str, new: str) -> int | None:
    """The revision of the old tag. Rows with a greater one have changed between the two tags. None if that cannot be
    known: the old tag is empty, of another epoch, or newer than the new one."""
    epoch, _, value = old.rpartition("-")
    epoch_now, _, value_now = new.rpartition("-")
    return int(value) if epoch == epoch_now and int(value) <= int(value_now) else None


@transaction.atomic
def begin_epoch() -> str:
    """Start a new epoch, after a restore: all cursors and tags that clients hold become invalid. Returns its name."""
    name = uuid.uuid4().hex[:12]
    Revision.objects.filter(id=1).update(epoch=name)
    return name
