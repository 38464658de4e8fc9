"""A question describes in words the story that the server believes, and the other story that may be true."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest
from django.utils import timezone, translation

from api.actions import discrepancies
from api.actor import Actor
from api.discrepancies import kinds, story
from api.models import Discrepancy, Product
from api.reconcile import program
from api.tests.reconcile.people import Phone, Warehouse

pytestmark = pytest.mark.any_database


def stories(language: str = "en") -> tuple[str, str]:
    """The texts of both stories of the only question: the believed one, and the other one."""
    with translation.override(language):
        (text,) = kinds.describe(list(Discrepancy.objects.all()))
        assert text.stories
        return text.stories.believed, text.stories.other


def test_every_way_of_an_addition_has_a_text() -> None:
    functions = (program.ways, program.goes_on, program.by_hand, program.ways_without_look_up)
    trees = [ast.parse(inspect.getsource(function)) for function in functions]
    yields = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Yield)]
    names = {
        way.elts[0].value for way in yields if isinstance(way, ast.Tuple) and isinstance(way.elts[0], ast.Constant)
    }
    assert len(names) > 8
    assert names == set(story.WAYS)


@pytest.fixture
def entered_again(warehouse: Warehouse, anna: Phone) -> None:
    """Anna received 5 and may have been shown an error; soon after that her phone sends 5 again."""
    warehouse.product("SOCK", 10)
    anna.pull()
    warehouse.later(30.5)
    anna.add("SOCK", 5)
    anna.loses_connection()
    warehouse.later(0.7)
    anna.add("SOCK", 5)


def test_both_stories_of_an_addition_that_was_entered_again_are_told(entered_again: None) -> None:
    believed, other = stories()
    assert believed == (
        "08:30: 5 pieces received. 08:31: Anna entered the same again (5 pieces), since the answer to the first had "
        "been lost. Together 5 pieces."
    )
    assert other == (
        "08:30: 5 pieces received. 08:31: 5 pieces more received by Anna. Together 10 pieces."
    )  # fmt: skip


def test_an_api_client_gets_both_stories_as_details(entered_again: None, vera: Any) -> None:
    (row,) = vera.send("get", "/api/discrepancies/").json()
    details = {fact["name"]: (fact["label"], fact["text"]) for fact in row["details"]}
    assert details["believed"] == ("the server believes", stories()[0])
    assert details["or_else"] == ("but perhaps", stories()[1])


def test_both_stories_of_a_queue_that_is_sent_again_are_told(warehouse: Warehouse, anna: Phone) -> None:
    for sku in ("SOCK", "CAP"):
        warehouse.product(sku, 10)
    anna.pull()
    warehouse.later()
    anna.add("SOCK", 1)
    anna.add("CAP", 1)
    anna.loses_connection()
    warehouse.later(5)
    anna.add("SOCK", 1)
    assert stories() == (
        "08:35: the phone sent its list again from the beginning (1 piece), since it had broken off.",
        "08:35: 1 piece more received by Anna.",
    )


def test_the_ways_stay_when_the_stories_have_merged(entered_again: None, warehouse: Warehouse, anna: Phone) -> None:
    before = stories()
    question = warehouse.question()
    anna.send("get", "/api/products/")
    warehouse.later()
    anna.pull()
    question.refresh_from_db()
    assert question.status == "open"
    assert stories() == before


def test_a_question_of_an_earlier_release_is_described_from_its_other_facts(
    entered_again: None, warehouse: Warehouse
) -> None:
    question = warehouse.question()
    question.facts.pop("story")
    question.save()
    believed, other = stories()
    assert believed == "08:30: 5 pieces received. 08:31: the same once more (5 pieces), nothing new. Together 5 pieces."
    assert other.endswith("08:31: 5 pieces more received by Anna. Together 10 pieces.")


def test_a_question_of_a_later_release_is_described_from_its_other_facts_too(
    entered_again: None, warehouse: Warehouse
) -> None:
    question = warehouse.question()
    question.facts["story"] = {"version": story.VERSION + 1, "additions": "in another form"}
    question.save()
    assert stories()[0].endswith("Together 5 pieces.")


def test_several_equal_additions_are_one_sentence(warehouse: Warehouse, anna: Phone) -> None:
    product = warehouse.product("SOCK", 10)
    at = "2026-05-04T08:00:00+00:00"
    additions = [
        {"number": n, "at": at, "pieces": n, "booked": True, "new": "by hand", "again": "pass from the beginning"}
        for n in (1, 2, 3)
    ]
    ask(anna, product, "possible_duplicate", quantity=6, booked=[], story={"version": 1, "additions": additions})
    believed, other = stories()
    assert believed == "4 May 2026, 08:00: 6 pieces more received by Anna."
    assert other == (
        "4 May 2026, 08:00: the phone sent its list again from the beginning (6 pieces), since it had broken off."
    )


def ask(phone: Phone, product: int, kind: str, **facts: Any) -> Discrepancy:
    by = Actor(phone.user, phone.device, at=timezone.now())
    return discrepancies.record(Discrepancy.Kind(kind), by=by, product=Product.objects.get(pk=product), **facts)


# --- Numbers ----------------------------------------------------------------------------------------------------------
def test_numbers_of_plus_and_minus_are_described_as_they_are_read(warehouse: Warehouse, anna: Phone) -> None:
    warehouse.product("SOCK", 10)
    seen = anna.pull()["SOCK"]
    warehouse.later()
    for quantity in (11, 12, 25):
        anna.put(seen, quantity=quantity)
        warehouse.later(1)
    anna.pull()
    believed, other = stories()
    assert believed.startswith("The page showed 10, and + was pressed: 11, 12. Nothing explains 25. Together +")
    assert other.startswith("The page showed 10, and + was pressed: 11, 12. Nothing explains 25. Together +")
    assert believed != other


@pytest.mark.parametrize(
    ("numbers", "steps", "total", "text"),
    [
        ([11, 12], [(1, False), (1, False)], 2, "The page showed 10, and + was pressed: 11, 12. Together +2."),
        ([11, 11], [(1, False), (0, False)], 1,
         "The page showed 10, and + was pressed: 11. Sent again: 11. Together +1."),
        ([11, 20], [(1, False), (1, False)], 2,
         "The page showed 10, and + was pressed: 11. The page showed 19, and + was pressed: 20. Together +2."),
        ([9, 8], [(-1, False), (-1, False)], -2, "The page showed 10, and − was pressed: 9, 8. Together −2."),
        ([10], [(0, False)], 0, "The number was not changed: 10. Together 0."),
        ([25], [(1, True)], 1, "Nothing explains 25. Together +1."),
        ([], [], 3, "Together +3."),
    ],
)  # fmt: skip
def test_numbers_have_the_expected_text(
    numbers: list[int], steps: list[tuple[int, bool]], total: int, text: str
) -> None:
    with translation.override("en"):
        assert story._numbers(numbers, steps, total) == text


@pytest.mark.parametrize(
    ("language", "believed"),
    [
        ("ru", "08:30: принято 5 шт. 08:31, Anna: то же самое введено ещё раз (5 шт.), потому что ответ на первую "
               "отправку потерялся. Всего 5 шт."),
        ("de", "08:30: 5 Stück angenommen. 08:31: Anna hat dasselbe noch einmal eingegeben (5 Stück), weil die Antwort "
               "auf das erste Mal verloren ging. Zusammen 5 Stück."),
    ],
)  # fmt: skip
def test_the_stories_are_in_the_language_of_the_reader(entered_again: None, language: str, believed: str) -> None:
    assert stories(language)[0] == believed
