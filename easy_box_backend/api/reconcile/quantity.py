"""What a phone's PUT did to a quantity.

The app has no other way to correct stock than + and −, each of which sends the whole product with the number that the
phone shows, one up or down. That number can be old. So the number itself says little; its distance to a number that
the phone can have shown says which button was pressed. (docs/flutter-app.md, section 3; docs/reconciliation.md)
"""

from collections.abc import Collection, Mapping, Sequence
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
    counted: the last own addition that the sent number includes. instead: of an unsure 0, what it may have been.
    firm: whether the next number can be read against this one without a doubt."""

    delta: int
    sure: bool
    counted: int
    instead: int = 0
    firm: bool = True


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
    sent_before: Mapping[int, Sequence[View]] | None = None,
    offsets: Collection[int] = (0,),
) -> Reading:
    """What the sent number means, given the views the phone can have had, the likeliest first (not empty).

    edited: the same PUT changes the description or the photo, so it comes from the edit page, which leaves the number
    alone. sent_before: the numbers that this phone has sent for the product lately, the latest first, each with the
    views it has grown to by own additions since: when a queue comes again from its beginning, the numbers go back, and
    the differences add up to nothing once it is through. offsets: by how much each view may be wrong, since additions
    in it may be repetitions; 0 is in them.

    A number that is further off than a step is not believed: such guesses do more harm than the steps they may hide.
    """
    first = views[0]
    same = [view for view in views if view.quantity == sent]
    steps = [] if edited else [view for view in views if abs(sent - view.quantity) == 1]
    if sent_before and sent in sent_before:
        last = next(iter(sent_before.values()))[0]
        now, then = sent_before[sent][0], sent_before[sent][-1]
        if now == then or not steps:
            return _back_and_forth(now.quantity - last.quantity, then.counted, len(sent_before))
        # Goods came since, so the same number is likelier a new step than the old one.
        return Reading(sent - steps[0].quantity, sure=False, counted=steps[0].counted)
    if same and edited:
        return Reading(0, sure=True, counted=same[0].counted)
    if steps:
        chosen = steps[0]
        step = sent - chosen.quantity
        agree = not any(view.quantity + offset == sent + step for view in views for offset in offsets)
        return Reading(step, sure=agree and not same, counted=chosen.counted)
    if same:
        # Hardly anybody saves a product page without a change, so there may be a press that we don't know of.
        possible = {view.quantity + offset for view in views for offset in offsets}
        return Reading(0, sure=len(possible) == 1, counted=same[0].counted, firm=False)
    for grown in [] if edited else (sent_before or {}).values():
        for view in grown:
            if abs(sent - view.quantity) == 1:
                # The next number of one pass, while another one had gone back to the beginning.
                change = sent + grown[0].quantity - view.quantity - first.quantity
                return _back_and_forth(change, view.counted, len(sent_before or {}) + 1)
    nearest = min(views, key=lambda view: abs(sent - view.quantity))
    return Reading(0, sure=False, counted=nearest.counted, instead=sent - nearest.quantity)


def _back_and_forth(change: int, counted: int, steps: int) -> Reading:
    """Between numbers of one series, by `steps` presses at most; more than that is not believed either."""
    if abs(change) > steps:
        return Reading(0, sure=False, counted=counted, instead=change)
    return Reading(change, sure=True, counted=counted)
