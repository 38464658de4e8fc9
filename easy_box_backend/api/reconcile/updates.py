"""What a phone's PUT of a product means, compared with what the phone has shown of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.reconcile.memory import Arrival, Memory, Shown, fingerprint_of


@dataclass(frozen=True, slots=True)
class Sent:
    """What a phone sent of a product.

    local: whether it names the product by the phone's own UUID. quantity: None if it was not sent. file: the
    phone's own photo that it names: the path on the phone, or the digest of one that it has uploaded; "" for none.
    """

    local: bool
    fields: Mapping[str, str]
    quantity: int | None
    file: str

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.fields, self.quantity)


def is_edited(sent: Sent, latest: Shown | None, *, changed: bool) -> bool:
    """Whether the PUT saves the page, and is no press of + or −.

    changed: whether it changes the description. latest: what the phone's PUT before said, if any. After a save with a
    new photo the page goes on uploading this photo at each press (docs/flutter-app.md, section 3).
    """
    return changed or sent.file not in ("", latest.photo if latest else "")


def is_of_pass_before_pull(memory: Memory, arrival: Arrival, product: int, sent: int | None) -> bool:
    """Whether another pass, which began before the last pull, sends this quantity.

    Such a pass uses another connection than the pull's. Then the numbers go back and forward again, as in a pass that
    starts again.
    """
    elsewhere = not arrival.connection or arrival.connection != memory.pull_connection
    under_way = memory.quick_since_pull or arrival.stream <= memory.pull_number
    page = memory.pages.get(product)
    return bool(elsewhere and under_way and page and sent in page.old and product in memory.shown_before)


def now_shown(memory: Memory, shown: Shown | None, sent: Sent, revision: int) -> Shown:
    """What the phone shows of the product after this PUT. revision: of the product now."""
    known = shown or Shown(first_request=memory.number)
    return Shown(known.first_request, [*known.fingerprints, sent.fingerprint], dict(sent.fields), revision, sent.file)


def is_of_second_pass(memory: Memory, shown: Shown) -> bool:
    """Whether two passes can be sending the same updates: all since the first of them came at machine speed."""
    return memory.quick_since <= shown.first_request
