"""What a phone's PUT did to a quantity.

The app can correct stock only by + and −, each of which sends the whole product with the number that the phone shows,
one up or down. That number can be old. So the number itself says little; its distance to a number that the phone can
have shown tells which button was pressed. (docs/flutter-app.md, section 3; docs/reconciliation.md)
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """A number that the phone can have shown.

    last_addition: the device's last addition (a movement's id) in the number; 0 for none since it was pulled.
    """

    quantity: int
    last_addition: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sent number means.

    delta: the pieces that the person added or took away. sure: whether nothing else explains the number.
    last_addition: the device's last addition that the number includes. possible_delta: if the delta is an unsure 0,
    what it may have been. sure_base: whether the next number can be compared with this one without a doubt.
    """

    delta: int
    sure: bool
    last_addition: int
    possible_delta: int = 0
    sure_base: bool = True


def growing(start: int, last_addition: int, additions: Sequence[tuple[int, int]]) -> list[View]:
    """The numbers that a phone can show that began at `start` and has since added goods itself, the largest first.

    last_addition: the one that `start` includes. additions: `(movement, pieces)` each, in order. A number sent before
    an addition does not include it.
    """
    views = [View(start, last_addition)]
    for movement, pieces in additions:
        views.append(View(views[-1].quantity + pieces, movement))
    return views[::-1]


def read(
    sent: int,
    views: Sequence[View],
    *,
    edited: bool,
    sent_before: Mapping[int, Sequence[View]] | None = None,
    possible_errors: Collection[int] = (0,),
) -> Reading:
    """What the sent number means, given the numbers the phone can have shown, the likeliest first (not empty).

    edited: the same PUT changes the description or the photo, so it comes from the edit page, which does not change the
    number. sent_before: the numbers that this phone has sent for the product lately, the latest first, each with the
    views it has grown to by own additions since. When a queue is sent again from its beginning, the numbers go back,
    and the differences add up to 0 at its end. possible_errors: by how many pieces each view may be wrong, since
    additions in it may be duplicates; 0 is in them.

    A number that is more than one step off is not booked: such guesses do more harm than the presses they may hide.
    """
    first = views[0]
    same = [view for view in views if view.quantity == sent]
    steps = [] if edited else [view for view in views if abs(sent - view.quantity) == 1]
    if sent_before and sent in sent_before:
        last = next(iter(sent_before.values()))[0]
        now, then = sent_before[sent][0], sent_before[sent][-1]
        if now == then or not steps:
            return _back_and_forth(now.quantity - last.quantity, then.last_addition, len(sent_before))
        # Goods came since, so the same number is likelier a new step than the old one.
        return Reading(sent - steps[0].quantity, sure=False, last_addition=steps[0].last_addition)
    if same and edited:
        return Reading(0, sure=True, last_addition=same[0].last_addition)
    if steps:
        chosen = steps[0]
        step = sent - chosen.quantity
        agree = not any(view.quantity + offset == sent + step for view in views for offset in possible_errors)
        return Reading(step, sure=agree and not same, last_addition=chosen.last_addition)
    if same:
        # Few people save a product page without a change, so there may be a press that the server does not know of.
        possible = {view.quantity + offset for view in views for offset in possible_errors}
        return Reading(0, sure=len(possible) == 1, last_addition=same[0].last_addition, sure_base=False)
    for grown in [] if edited else (sent_before or {}).values():
        for view in grown:
            if abs(sent - view.quantity) == 1:
                # The next number of one pass, while another one had gone back to the beginning.
                change = sent + grown[0].quantity - view.quantity - first.quantity
                return _back_and_forth(change, view.last_addition, len(sent_before or {}) + 1)
    nearest = min(views, key=lambda view: abs(sent - view.quantity))
    return Reading(0, sure=False, last_addition=nearest.last_addition, possible_delta=sent - nearest.quantity)


def _back_and_forth(change: int, last_addition: int, steps: int) -> Reading:
    """A change between numbers of one series, by `steps` presses at most; a greater one is not booked either."""
    if abs(change) > steps:
        return Reading(0, sure=False, last_addition=last_addition, possible_delta=change)
    return Reading(change, sure=True, last_addition=last_addition)
