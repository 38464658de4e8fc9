"""What a phone's PUT of a product means, compared with what the phone has shown of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from api.reconcile import quantity
from api.reconcile.memory import Arrival, Memory, Shown, fingerprint_of
from api.reconcile.quantity import Reading, View


@dataclass(frozen=True, slots=True)
class Sent:
    """What a phone sent of a product.

    local: whether it names the product by the phone's own UUID. quantity: None if it was not sent. file: the photo on
    the phone that it names, "" for none.
    """

    local: bool
    fields: Mapping[str, str]
    quantity: int | None
    file: str

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.fields, self.quantity)


def is_edited(edits: Mapping[str, str], sent: Sent, latest: Shown | None) -> bool:
    """Whether the PUT changes the description or the photo. latest: what the phone's PUT before said, if any."""
    return bool(edits) or (bool(sent.file) and sent.file != (latest.photo if latest else ""))


def is_of_pass_before_pull(memory: Memory, arrival: Arrival, product: int, sent: int | None) -> bool:
    """Whether another pass, which began before the last pull, sends this quantity.

    Such a pass uses another connection than the pull's. Then the numbers go back and forward again, as in a pass that
    starts again.
    """
    elsewhere = not arrival.connection or arrival.connection != memory.pull_connection
    return elsewhere and _was_sent_before_pull(memory, arrival, product, sent)


def read_quantity(
    memory: Memory, arrival: Arrival, product: int, sent: Sent, *, views: Sequence[View],
    sent_before: Mapping[int, Sequence[View]], on_hand: int, edited: bool,
) -> Reading:  # fmt: skip
    """What the sent quantity means.

    views: the numbers that the phone can have shown, the likeliest first. sent_before: the numbers that it has sent,
    see `quantity.read`. on_hand: pieces in stock now. edited: see `is_edited`.
    """
    if sent.quantity is None:
        return Reading(0, sure=True, last_addition=0)
    if is_of_pass_before_pull(memory, arrival, product, sent.quantity):
        views = sent_before[memory.shown_before[product].quantity]
        return quantity.read(sent.quantity, views, edited=edited, sent_before=sent_before)
    if not views:
        return Reading(sent.quantity - on_hand, sure=sent.quantity == on_hand, last_addition=0)
    errors = memory.possible_errors(product)
    reading = quantity.read(sent.quantity, views, edited=edited, sent_before=sent_before, possible_errors=errors)
    again = sent.quantity in sent_before
    if _is_doubtful(memory, arrival, product, reading, again=again, edited=edited):
        return replace(reading, sure=False)
    if _was_sent_before_pull(memory, arrival, product, sent.quantity):
        return replace(reading, sure=False)
    return reading


def now_shown(
    memory: Memory, arrival: Arrival, shown: Shown | None, sent: Sent, reading: Reading, revision: int
) -> Shown:
    """What the phone shows of the product after this PUT. revision: of the product now."""
    known = shown or Shown(quantity=0, last_addition=0, since=memory.last_pull)
    number = sent.quantity
    return Shown(
        quantity=known.quantity if number is None else number,
        last_addition=reading.last_addition,
        sent=known.sent if number is None else _at_the_end(known.sent, number, reading.last_addition),
        since=known.since,
        came_again=number in known.sent and arrival.connection not in known.sent_by_connection,
        first_request=known.first_request or memory.number,
        fingerprints=[*known.fingerprints, sent.fingerprint],
        pressed_outside_queue=known.pressed_outside_queue or _is_outside_queue(known, arrival, number),
        sent_by_connection=known.sent_by_connection | {arrival.connection: len(known.fingerprints) + 1},
        fields=dict(sent.fields),
        revision=revision,
        photo=sent.file,
        unsure=known.unsure or not (reading.sure and reading.sure_base),
    )


def _is_doubtful(
    memory: Memory, arrival: Arrival, product: int, reading: Reading, *, again: bool, edited: bool
) -> bool:
    """Whether the reading may be wrong for reasons that the numbers alone do not show.

    again: whether the phone has sent this number before.
    """
    # A look-up without its addition: the phone may hold goods that its number already includes.
    waiting = not reading.sure_base and memory.is_awaited(product)
    # A queue that is stuck at an unknown SKU: this number may build on others that wait behind that SKU.
    stuck = any(n > 0 for n in memory.misses.values()) and not edited and (reading.delta or not again)
    shown = memory.shown.get(product)
    if waiting or stuck or shown is None:
        return bool(waiting or stuck)
    # After a doubtful reading the difference to it is doubtful too: a manager may reverse the former.
    after_doubt = shown.unsure and (reading.delta or (not edited and not again))
    # The first number came again: it was the beginning of the queue, or it was sent ahead of a stuck queue that begins
    # with the same number.
    ahead = shown.came_again and len(shown.sent) == 1 and not edited and reading.delta
    # The same number twice in one pass is no duplicate if an answer has put the phone's number back in between.
    put_back = not edited and again and _is_put_back(memory, arrival, product, shown)
    # A queue that is sent again does not include what was pressed outside it, so it ends at another number.
    missing = shown.pressed_outside_queue and again and reading.delta
    return bool(after_doubt or ahead or put_back or missing)


def _is_put_back(memory: Memory, arrival: Arrival, product: int, shown: Shown) -> bool:
    """Whether an answer since the pull has replaced the phone's number, and its last PUT came over this connection."""
    answered = any(seen.kept and seen.product == product for seen in memory.seen_products)
    return answered and shown.sent_by_connection.get(arrival.connection) == len(shown.fingerprints)


def _was_sent_before_pull(memory: Memory, arrival: Arrival, product: int, sent: int | None) -> bool:
    """Whether this number was sent before the last pull too, and another pass from then may send it again."""
    before = memory.shown_before.get(product)
    under_way = memory.quick_since_pull or arrival.stream <= memory.pull_number
    return bool(under_way and before and sent in before.sent)


def _is_outside_queue(known: Shown, arrival: Arrival, number: int | None) -> bool:
    """Whether a PUT comes over a new connection without those before it: a queue would have begun with them."""
    return bool(known.fingerprints) and arrival.connection not in known.sent_by_connection and number not in known.sent


def _at_the_end(sent: dict[int, int], number: int, last_addition: int) -> dict[int, int]:
    return {earlier: seen for earlier, seen in sent.items() if earlier != number} | {number: last_addition}
