"""Makes the ledger agree with the likeliest story of a phone, and asks a manager where another story may be true."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from api.actions import discrepancies, products, reversing, stock, unknown_goods
from api.actor import Actor
from api.discrepancies import story
from api.models import Discrepancy, Product, StockMovement
from api.reconcile.chances import Timing
from api.reconcile.memory import DECIDED, Addition, Arrival, Memory, Question, fingerprint_of
from api.reconcile.stored_stories import restored, stored
from api.reconcile.stories import Doubts, Stories, parts

Kind = Discrepancy.Kind


@contextmanager
def stories_in(memory: Memory) -> Iterator[Stories]:
    """The stories in a phone's memory. At the end of the block they are written back into it."""
    stories = restored(memory.stories, settings.STORY_MARGIN)
    yield stories
    memory.stories = stored(stories)


def note_other_change(memory: Memory, arrival: Arrival, *, by: Actor, also: int | None = None) -> None:
    """Note that the phone sent a creation, an update or a deletion, and bring the ledger up to date.

    Such a request means that a pass has ended, or has sent all its additions.

    also: the product that the caller locks afterwards.
    """
    if memory.stories.stories:
        with stories_in(memory) as stories:
            stories.act(arrival.timing)
            agree(memory, stories, by=by, also=[also] if also else [])


def note_addition(
    memory: Memory, stories: Stories, product_id: int, quantity: int, timing: Timing, *, by: Actor
) -> Addition:  # fmt: skip
    """Extend the stories by an addition that the phone sent. timing: of its look-up. Returns the addition."""
    number = stories.add(product_id, quantity, timing)
    addition = memory.additions[number] = Addition(product_id, quantity, by.at.timestamp())
    return addition


def is_certainly_new(addition: Addition, memory: Memory, stories: Stories) -> bool:
    """Whether `agree` would book this addition and do nothing else, and nothing could make it doubtful later. If so,
    the memory is changed as `agree` would change it."""
    if memory.questions or _to_correct(memory, stories) != [addition] or stories.doubts():
        return False
    _forget_settled(memory, stories, {})
    return all(kept is not addition for kept in memory.additions.values())


def agree(
    memory: Memory, stories: Stories, *, by: Actor, also: Sequence[int] = (), final: Doubts | None = None
) -> list[StockMovement]:  # fmt: skip
    """Book and reverse additions so that the ledger agrees with the likeliest story, and ask about the other stories.

    also: all the products that the caller locks afterwards. final: doubts that nothing later can decide: their
    questions stay open. Returns the movements, reversals included.
    """
    _pin_answered(memory, stories)
    to_correct, booked = _to_correct(memory, stories), list[StockMovement]()
    if len(to_correct) + len(also) > 1 or (to_correct and (to_correct[0].movement or memory.questions)):
        movements = unknown_goods.receipts_after_moves([one.movement for one in to_correct if one.movement])
        places = StockMovement.objects.filter(id__in=movements).values_list("product_id", flat=True)
        stock.lock({*also, *places, *(one.product for one in to_correct)})
        _pin_answered(memory, stories)  # with these locks nobody can answer meanwhile
        to_correct = _to_correct(memory, stories)
    for addition in to_correct:
        booked += _correct(addition, memory, by)
    doubts = stories.doubts()
    _ask(memory, stories, {**doubts, **(final or {})}, by)
    for product in final or {}:
        memory.questions.pop(product, None)
    _forget_settled(memory, stories, doubts)
    return booked


def _forget_settled(memory: Memory, stories: Stories, doubts: Doubts) -> None:
    """Forget the additions about which all stories agree."""
    stories.settle()
    unsettled = stories.named(doubts)
    memory.additions = {number: addition for number, addition in memory.additions.items() if number in unsettled}


def _pin_answered(memory: Memory, stories: Stories) -> None:
    """Pin the additions of questions that a manager has answered, or whose goods were moved to another product: every
    story then books them as the ledger does."""
    if not memory.questions:
        return
    asked = [question.discrepancy for questions in memory.questions.values() for question in questions]
    still_open = set(Discrepancy.objects.open().filter(id__in=asked).values_list("product_id", "id"))
    for product, questions in list(memory.questions.items()):
        answered = [question for question in questions if (product, question.discrepancy) not in still_open]
        numbers = {number for question in answered for number in question.additions}
        if numbers:
            additions = {n: memory.additions[n] for n in numbers}
            stories.pin({n: addition.quantity if addition.movement else 0 for n, addition in additions.items()})
            memory.questions[product] = [question for question in questions if question not in answered]


def _to_correct(memory: Memory, stories: Stories) -> list[Addition]:
    """The additions that the ledger books and the likeliest story does not, or the other way round."""
    additions = ((memory.additions[effect.number], effect) for effect in stories.told())
    return [
        addition for addition, effect in additions
        if addition.movement != DECIDED and bool(effect.pieces) != bool(addition.movement)
    ]  # fmt: skip


def _correct(addition: Addition, memory: Memory, by: Actor) -> list[StockMovement]:
    """Book an addition, or reverse its movement if it is booked, unless somebody has reversed it already. Returns the
    new movement, or none."""
    if addition.movement is None:
        movement = _book(addition, by)
        addition.movement = movement.pk if movement else DECIDED
        if movement is None:
            memory.implausible.append((addition.product, addition.quantity))
        return [movement] if movement else []
    (movement_id,) = unknown_goods.receipts_after_moves([addition.movement])
    addition.movement = DECIDED
    if StockMovement.objects.not_reversed().filter(id=movement_id).exists():
        addition.movement = None
        return [reversing.reverse(movement_id, by=by, reason=str(_("The phone sent its queue again.")))]
    return []


# --- Questions ----------------------------------------------------------------------------------------------------
def _ask(memory: Memory, stories: Stories, doubts: Doubts, by: Actor) -> None:
    """Keep exactly one open question for each part of each doubt: record, update or withdraw questions."""
    before, memory.questions = memory.questions, {}
    for product, doubts_of_product in doubts.items():
        asked = before.pop(product, [])
        for additions in parts(doubts_of_product):
            facts = _facts(memory, additions)
            fingerprint = fingerprint_of(facts)
            question = asked.pop(0) if asked else Question(_record(product, memory, stories, additions, by))
            if question.facts and question.facts != fingerprint:
                known = discrepancies.facts_of(question.discrepancy).get("story", {})
                discrepancies.change(question.discrepancy, **facts, story=_story(memory, stories, additions, known))
            question.additions, question.facts = additions, fingerprint
            memory.questions.setdefault(product, []).append(question)
        before[product] = asked
    for question in [question for questions in before.values() for question in questions]:
        note = str(_("The next requests of the phone have answered this."))
        discrepancies.withdraw(question.discrepancy, note=note, by=by)


def _record(product_id: int, memory: Memory, stories: Stories, additions: Mapping[int, int], by: Actor) -> int:
    """Record a question about these additions. Returns its id."""
    product, facts = Product.objects.get(id=product_id), _facts(memory, additions)
    stored_story = _story(memory, stories, additions)
    return discrepancies.record(Kind.POSSIBLE_DUPLICATE, by=by, product=product, **facts, story=stored_story).pk


def _story(
    memory: Memory, stories: Stories, additions: Mapping[int, int], known: Mapping[str, Any] | None = None
) -> dict[str, Any]:  # fmt: skip
    """How each addition can have come, as the fact `story` of a question (`discrepancies/story.py`).

    known: the fact as it was stored before. It is needed for ways of stories that have merged since: these are lost.
    """
    ways = stories.ways()
    before = {entry["number"]: entry for entry in (known or {}).get("additions", [])}
    entries = []
    for number, pieces in additions.items():
        addition, way, old = memory.additions[number], ways.get(number, {}), before.get(number, {})
        entries.append({
            "number": number, "at": _moment(addition.came_at).isoformat(), "pieces": addition.quantity,
            "booked": pieces < 0,
            "new": way.get(True) or old.get("new", ""), "again": way.get(False) or old.get("again", ""),
        })  # fmt: skip
    return {"version": story.VERSION, "additions": entries}


def _facts(memory: Memory, additions: Mapping[int, int]) -> dict[str, Any]:
    """The facts of a question on which its answers act.

    additions: by number, the pieces that another story books more (or less, if negative). If all of them are booked,
    they can be reversed; else their sum can be booked.
    """
    known = [(memory.additions[number], pieces) for number, pieces in additions.items()]
    facts = {"quantity": abs(sum(additions.values())), "requests": list(additions)}
    if all(pieces < 0 for _, pieces in known):
        return {**facts, "booked": [addition.movement for addition, _ in known]}
    return {**facts, "pending": [
        {"product": addition.product, "delta": pieces, "at": _moment(addition.came_at).isoformat()}
        for addition, pieces in known
    ]}  # fmt: skip


# --- Booking ------------------------------------------------------------------------------------------------------
def _book(addition: Addition, by: Actor) -> StockMovement | None:
    """Book an addition. If it is implausibly large, or the stock would be, it is not booked: a manager is asked.

    Returns None if it was not booked.
    """
    came_at = None if addition.came_at == by.at.timestamp() else _moment(addition.came_at)
    try:
        return _receive(addition.product, addition.quantity, by=by, came_at=came_at)
    except (stock.ImplausibleQuantity, stock.OnHandOutOfBounds):
        ask_about_quantity(Product.objects.get(id=addition.product), addition.quantity, by=by)
        return None


def ask_about_quantity(product: Product, quantity: int, *, by: Actor) -> None:
    """Ask a manager about an implausible quantity; if it is positive, the manager can book it."""
    pending: dict[str, Any] = {"pending": [{"product": product.pk, "delta": quantity}]} if quantity > 0 else {}
    discrepancies.record(Discrepancy.Kind.IMPLAUSIBLE_QUANTITY, by=by, product=product, quantity=quantity, **pending)


def _receive(product_id: int, quantity: int, *, by: Actor, came_at: datetime | None) -> StockMovement:
    """Book goods. If their product is archived, they go to the product that has its SKU now; without one, the product
    is restored."""
    try:
        return stock.receive(product_id, quantity, by=by, occurred_at=came_at)
    except stock.NoSuchProduct:
        with transaction.atomic():  # if the receipt is refused, the product is not restored either
            return _receive_archived(product_id, quantity, by=by, came_at=came_at)


def _receive_archived(product_id: int, quantity: int, *, by: Actor, came_at: datetime | None) -> StockMovement:
    """Book goods of an archived product, and ask a manager, unless one has chosen a product for such goods."""
    sku = Product.objects.values_list("sku", flat=True).get(id=product_id)
    chosen = unknown_goods.heir_of(product_id)
    heir = chosen or products.holder_of(sku, but=product_id)
    product = stock.lock([product_id, *([heir.pk] if heir else [])])[product_id]
    if chosen is not None:  # a manager has chosen the product for such goods
        return stock.receive(chosen.pk, quantity, by=by, occurred_at=came_at)
    if heir is None:
        products.apply(product, {}, revive=True, by=by)
    movement = stock.receive((heir or product).pk, quantity, by=by, occurred_at=came_at)
    discrepancies.record(
        Discrepancy.Kind.ARCHIVED_STOCK, by=by, product=heir or product, quantity=quantity,
        archived=product_id, booked=[movement.pk],
    )  # fmt: skip
    return movement


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
