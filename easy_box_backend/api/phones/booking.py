"""Makes the ledger agree with the likeliest story of a phone, and asks a manager where another one may be true."""

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
def told(memory: Memory) -> Iterator[Stories]:
    """The stories of a phone; as they are at the end of the block, they are kept in its memory."""
    stories = restored(memory.stories, settings.STORY_MARGIN)
    yield stories
    memory.stories = stored(stories)


def acted(memory: Memory, arrival: Arrival, *, by: Actor, also: int | None = None) -> None:
    """The phone sent a creation, an update or a deletion: a pass has ended, or has sent all its additions.

    also: the product that the caller locks afterwards.
    """
    if memory.stories.stories:
        with told(memory) as stories:
            stories.act(arrival.timing)
            agree(memory, stories, by=by, also=[also] if also else [])


def note(
    memory: Memory, stories: Stories, product_id: int, quantity: int, timing: Timing, *, by: Actor
) -> Addition:  # fmt: skip
    """Tell the stories that the phone has sent an addition. timing: of its look-up."""
    number = stories.add(product_id, quantity, timing)
    addition = memory.additions[number] = Addition(product_id, quantity, by.at.timestamp())
    return addition


def is_all(addition: Addition, memory: Memory, stories: Stories) -> bool:
    """Whether `agree` would only book this addition, and nobody could doubt that later. Then the memory is as after
    it."""
    if memory.questions or _wrong(memory, stories) != [addition] or stories.doubts():
        return False
    _forget_settled(memory, stories, {})
    return all(mine is not addition for mine in memory.additions.values())


def agree(
    memory: Memory, stories: Stories, *, by: Actor, also: Sequence[int] = (), final: Doubts | None = None
) -> list[StockMovement]:  # fmt: skip
    """Book and take back additions so that the ledger agrees with the likeliest story, and ask about the others.

    also: products that the caller locks afterwards, and no others. final: doubts that nothing later can decide: their
    questions stay open. Returns what was booked, reversals included.
    """
    _hear_answers(memory, stories)
    wrong, booked = _wrong(memory, stories), list[StockMovement]()
    if len(wrong) + len(also) > 1 or (wrong and (wrong[0].movement or memory.questions)):
        movements = unknown_goods.receipts_after_moves([mine.movement for mine in wrong if mine.movement])
        places = StockMovement.objects.filter(id__in=movements).values_list("product_id", flat=True)
        stock.lock({*also, *places, *(mine.product for mine in wrong)})
        _hear_answers(memory, stories)  # with these locks nobody can answer meanwhile
        wrong = _wrong(memory, stories)
    for mine in wrong:
        booked += _correct(mine, memory, by)
    doubts = stories.doubts()
    _ask(memory, stories, {**doubts, **(final or {})}, by)
    for product in final or {}:
        memory.questions.pop(product, None)
    _forget_settled(memory, stories, doubts)
    return booked


def _forget_settled(memory: Memory, stories: Stories, doubts: Doubts) -> None:
    stories.settle()
    named = stories.named(doubts)
    memory.additions = {number: mine for number, mine in memory.additions.items() if number in named}


def _hear_answers(memory: Memory, stories: Stories) -> None:
    """Questions that a manager has answered, or whose goods were moved to another product, are decided."""
    if not memory.questions:
        return
    asked = [question.discrepancy for mine in memory.questions.values() for question in mine]
    still_open = set(Discrepancy.objects.open().filter(id__in=asked).values_list("product_id", "id"))
    for product, mine in list(memory.questions.items()):
        answered = [question for question in mine if (product, question.discrepancy) not in still_open]
        numbers = {number for question in answered for number in question.additions}
        if numbers:
            additions = {n: memory.additions[n] for n in numbers}
            stories.pin({n: addition.quantity if addition.movement else 0 for n, addition in additions.items()})
            memory.questions[product] = [question for question in mine if question not in answered]


def _wrong(memory: Memory, stories: Stories) -> list[Addition]:
    """The additions of which the ledger and the likeliest story say different things."""
    additions = ((memory.additions[effect.number], effect) for effect in stories.told())
    return [
        mine for mine, effect in additions if mine.movement != DECIDED and bool(effect.pieces) != bool(mine.movement)
    ]


def _correct(mine: Addition, memory: Memory, by: Actor) -> list[StockMovement]:
    """Book an addition, or take it back if it is booked, unless somebody has reversed it. Returns the movement, if
    there is one."""
    if mine.movement is None:
        movement = _book(mine, by)
        mine.movement = movement.pk if movement else DECIDED
        if movement is None:
            memory.implausible.append((mine.product, mine.quantity))
        return [movement] if movement else []
    (movement_id,) = unknown_goods.receipts_after_moves([mine.movement])
    mine.movement = DECIDED
    if StockMovement.objects.not_reversed().filter(id=movement_id).exists():
        mine.movement = None
        return [reversing.reverse(movement_id, by=by, reason=str(_("The phone sent its queue again.")))]
    return []


# --- Questions ----------------------------------------------------------------------------------------------------
def _ask(memory: Memory, stories: Stories, doubts: Doubts, by: Actor) -> None:
    """Have an open question for each part of each doubt, and no other."""
    before, memory.questions = memory.questions, {}
    for product, mine in doubts.items():
        asked = before.pop(product, [])
        for additions in parts(mine):
            facts = _facts(memory, additions)
            fingerprint = fingerprint_of(facts)
            question = asked.pop(0) if asked else Question(_record(product, memory, stories, additions, by))
            if question.facts and question.facts != fingerprint:
                known = discrepancies.facts_of(question.discrepancy).get("story", {})
                discrepancies.change(question.discrepancy, **facts, story=_story(memory, stories, additions, known))
            question.additions, question.facts = additions, fingerprint
            memory.questions.setdefault(product, []).append(question)
        before[product] = asked
    for question in [question for mine in before.values() for question in mine]:
        note = str(_("The next requests of the phone have answered this."))
        discrepancies.withdraw(question.discrepancy, note=note, by=by)


def _record(product: int, memory: Memory, stories: Stories, additions: Mapping[int, int], by: Actor) -> int:
    named, facts = Product.objects.get(id=product), _facts(memory, additions)
    told = _story(memory, stories, additions)
    return discrepancies.record(Kind.POSSIBLE_DUPLICATE, by=by, product=named, **facts, story=told).pk


def _story(
    memory: Memory, stories: Stories, additions: Mapping[int, int], known: Mapping[str, Any] | None = None
) -> dict[str, Any]:  # fmt: skip
    """How each addition can have come, for the question's words (`discrepancies/story.py`).

    known: the same as it was stored before. Stories that have merged since do not tell their ways any more.
    """
    ways = stories.ways()
    before = {entry["number"]: entry for entry in (known or {}).get("additions", [])}
    told = []
    for number, pieces in additions.items():
        mine, way, old = memory.additions[number], ways.get(number, {}), before.get(number, {})
        told.append({
            "number": number, "at": _moment(mine.came_at).isoformat(), "pieces": mine.quantity, "booked": pieces < 0,
            "new": way.get(True) or old.get("new", ""), "again": way.get(False) or old.get("again", ""),
        })  # fmt: skip
    return {"version": story.VERSION, "additions": told}


def _facts(memory: Memory, additions: Mapping[int, int]) -> dict[str, Any]:
    """What the answers act on. additions: by number, the pieces that another story books more or less.

    Where some were booked and others were not, their sum can be booked.
    """
    known = [(memory.additions[number], pieces) for number, pieces in additions.items()]
    facts = {"quantity": abs(sum(additions.values())), "requests": list(additions)}
    if all(pieces < 0 for _, pieces in known):
        return {**facts, "booked": [mine.movement for mine, _ in known]}
    return {**facts, "pending": [
        {"product": mine.product, "delta": pieces, "at": _moment(mine.came_at).isoformat()} for mine, pieces in known
    ]}  # fmt: skip


# --- Booking ------------------------------------------------------------------------------------------------------
def _book(mine: Addition, by: Actor) -> StockMovement | None:
    """Book an addition. If it is implausibly large, or the stock would be, it is not booked: a manager is asked.

    Returns None if it was not booked.
    """
    came_at = None if mine.came_at == by.at.timestamp() else _moment(mine.came_at)
    try:
        return _receive(mine.product, mine.quantity, by=by, came_at=came_at)
    except (stock.ImplausibleQuantity, stock.OnHandOutOfBounds):
        ask_about_quantity(Product.objects.get(id=mine.product), mine.quantity, by=by)
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
        with transaction.atomic():  # what is refused below does not restore the product either
            return _receive_archived(product_id, quantity, by=by, came_at=came_at)


def _receive_archived(product_id: int, quantity: int, *, by: Actor, came_at: datetime | None) -> StockMovement:
    sku = Product.objects.values_list("sku", flat=True).get(id=product_id)
    told = unknown_goods.heir_of(product_id)
    heir = told or products.holder_of(sku, but=product_id)
    product = stock.lock([product_id, *([heir.pk] if heir else [])])[product_id]
    if told is not None:  # a manager has said where such goods belong
        return stock.receive(told.pk, quantity, by=by, occurred_at=came_at)
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
