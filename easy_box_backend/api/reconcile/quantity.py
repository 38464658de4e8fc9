"""What a phone's PUT did to a quantity.

The app has no other way to correct stock than + and −, each of which sends the whole product with the number that the
phone shows, one up or down. That number can be old. So the number itself says little; its distance to a number that
the phone can have shown says which button was pressed. (docs/flutter-app.md, section 3; docs/reconciliation.md)
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """A number that the phone can have shown.

    counted: the last own addition (a movement's id) in the number; 0 for none since it was pulled.
    """

    quantity: int
    counted: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """delta: the pieces that the person added or took away. sure: whether nothing else explains the number.
    counted: the last own addition that the sent number includes. instead: of an unsure 0, the step it may have been."""

    delta: int
    sure: bool
    counted: int
    instead: int = 0


def growing(start: int, counted: int, additions: Sequence[tuple[int, int]]) -> list[View]:
    """The views of a phone that began at `start` and has since added goods itself, `(movement, pieces)` each, the
    fullest first: a number that was typed before an addition does not include it."""
    views = [View(start, counted)]
    for movement, pieces in additions:
        views.append(View(views[-1].quantity + pieces, movement))
    return views[::-1]


def read(
    sent: int,
    views: Sequence[View],
    *,
    edited: bool,
    earlier_numbers: Collection[int] = (),
    added_since: bool = False,
) -> Reading:
    """What the sent number means, given the views the phone can have had, the likeliest first (not empty).

    edited: the same PUT changes the description or the photo, so it comes from the edit page, which leaves the number
    alone. earlier_numbers: what this phone has sent for the product lately: when its queue comes again from the
    beginning, the numbers go back, and the differences add up to nothing once it is through. added_since: whether the
    phone has added goods after the last of them, so that the same number again is likelier a new step than that.
    """
    first = views[0]
    same = [view for view in views if view.quantity == sent]
    steps = [view for view in views if abs(sent - view.quantity) == 1]
    if same and sent in earlier_numbers and first not in same and first in steps and not edited:
        step = sent - first.quantity
        if added_since:
            return Reading(step, sure=False, counted=first.counted)
        return Reading(0, sure=False, counted=same[0].counted, instead=step)
    if same and (edited or not steps or sent in earlier_numbers):
        return Reading(0, sure=True, counted=same[0].counted)
    if steps and not edited:
        chosen = steps[0]
        agree = all(view.quantity == chosen.quantity for view in steps)
        # Nobody saves a product page without a change, so the step is likelier than none; but it is a guess.
        return Reading(sent - chosen.quantity, sure=agree and first not in same, counted=chosen.counted)
    return Reading(sent - first.quantity, sure=sent in earlier_numbers, counted=first.counted)
