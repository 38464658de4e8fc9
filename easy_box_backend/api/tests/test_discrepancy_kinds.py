"""The texts about each kind of discrepancy: for programs, at the desk, in Telegram and in the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation
from pytest_django import DjangoDbBlocker

from api.actions import settling
from api.alerts import messages
from api.discrepancies import kinds
from api.discrepancies.answers import Deed
from api.discrepancies.kinds import KINDS, Told
from api.models import Alert, Discrepancy, Order
from api.tests.cases import made_once
from api.tests.discrepancy_examples import BARCODE, Examples

pytestmark = pytest.mark.any_database
LANGUAGES = ("en", "ru", "de")
NOT_BOOKED = {"en": "not booked", "ru": "не провед", "de": "icht gebucht"}


@pytest.fixture(scope="module")
def examples(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with made_once(django_db_blocker):
        Examples().all()
        yield


@pytest.fixture
def questions(db: None, examples: None) -> list[Discrepancy]:
    """The recorded examples, in the order of the kinds."""
    return list(Discrepancy.objects.order_by("pk"))


def descriptions(questions: list[Discrepancy], language: str = "en") -> list[Told]:
    with translation.override(language):
        return kinds.describe([Discrepancy.objects.get(pk=row.pk) for row in questions])


def test_every_kind_has_a_description_and_every_deed_an_implementation() -> None:
    assert set(KINDS) == set(Discrepancy.Kind)
    assert set(settling.DEEDS) == set(Deed)


def test_the_examples_are_of_every_kind_and_form(questions: list[Discrepancy]) -> None:
    for kind in Discrepancy.Kind:
        assert sum(row.kind == kind for row in questions) >= len(KINDS[kind].rows)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_a_complete_sentence_in_every_language(questions: list[Discrepancy], language: str) -> None:
    english = {one.row.pk: one for one in descriptions(questions)}
    for one in descriptions(questions, language):
        texts = [one.label, one.sentence, *(answer.text for answer in one.answers),
                 *(str(fact.label) for fact in one.facts), *(fact.text for fact in one.facts),
                 *(str(ask.label) for answer in one.answers for ask in answer.asks)]  # fmt: skip
        for text in texts:
            assert text, one.row.kind
            assert not re.search(r"%\(|None|\.\.|  |<|\bNo product\b", text), text
        assert one.sentence.endswith(".")
        assert "Анна" in one.sentence, "from whom"
        assert "Pixel 7" in one.sentence, "from which phone"
        assert re.search(r"20\d\d,? \d\d:\d\d", one.sentence), "when"
        if language != "en":
            same = english[one.row.pk]
            assert one.what != same.what
            for mine, theirs in zip(one.answers, same.answers, strict=True):
                assert mine.text != theirs.text
                assert mine.token == theirs.token, "the token does not depend on the language of the page"


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_texts_about_held_back_pieces_say_not_booked(questions: list[Discrepancy], language: str) -> None:
    for one in descriptions(questions, language):
        says = NOT_BOOKED[language] in one.what.lower()
        held = "pending" in one.row.facts
        never = one.row.kind in (Discrepancy.Kind.UNKNOWN_ORDER, Discrepancy.Kind.PICKED_AFTER_CANCEL)
        never = never or (one.row.kind, one.row.facts.get("quantity")) == (Discrepancy.Kind.IMPLAUSIBLE_QUANTITY, 0)
        assert says == (held or never), one.what


def test_no_text_shows_a_database_id(questions: list[Discrepancy]) -> None:
    """Except orders, whose number is on the paper; products, people and phones have names."""
    for one in descriptions(questions):
        words = [one.sentence, *(answer.text for answer in one.answers), *(fact.text for fact in one.facts)]
        order = f"#{Order.objects.get().pk} "
        for text in words:
            assert "#" not in text.replace(order, "")
            assert "987654" not in text
            assert "1f0c2f8e" not in text
        assert not {"id", "requests"} & {fact.name for fact in one.facts}


def test_a_taken_sku_names_the_product_that_has_it(questions: list[Discrepancy]) -> None:
    one = next(one for one in descriptions(questions) if one.row.kind == "sku_taken")
    assert "which belongs to SHIRT · Рубашка белая" in one.sentence
    assert {fact.name: fact.text for fact in one.facts}["taken_by"] == "SHIRT · Рубашка белая"


def test_a_possible_duplicate_names_the_receipt_that_it_equals(questions: list[Discrepancy]) -> None:
    booked, held = [one for one in descriptions(questions) if one.row.kind == "possible_duplicate"]
    for one in (booked, held):
        assert "The same phone sent 5 pieces on " in one.sentence
    earlier = {fact.name: fact for fact in booked.facts}["earlier"]
    assert earlier.value < booked.row.facts["booked"][0]
    assert booked.answers[1].text == "Take 5 pieces back out: 22 → 17"
    assert held.answers[0].text == "Book 5 pieces: 22 → 27"


def test_a_long_number_is_written_in_groups_and_never_offered_to_be_booked(questions: list[Discrepancy]) -> None:
    one = next(one for one in descriptions(questions, "ru") if one.row.kind == "implausible_quantity")
    assert "4 006 381 333 999" in one.sentence.replace("\xa0", " ")
    assert [ask.name for ask in one.answers[0].asks] == ["quantity"]
    assert str(BARCODE) not in one.answers[0].text


@pytest.mark.parametrize(
    ("language", "apply", "reverse"),
    [
        ("en", "Book 5 pieces: 22 → 27", "Take 5 pieces back out: 22 → 17"),
        ("ru", "Принять 5 шт.: было 22, станет 27", "Списать обратно 5 шт.: было 22, станет 17"),
        ("de", "5 Stück buchen: 22 → 27", "5 Stück wieder ausbuchen: 22 → 17"),
    ],
)
def test_a_button_says_what_it_does_with_the_numbers(
    questions: list[Discrepancy], language: str, apply: str, reverse: str
) -> None:
    booked, held = [one for one in descriptions(questions, language) if one.row.kind == "possible_duplicate"]
    assert (held.answers[0].text, booked.answers[1].text) == (apply, reverse)


def test_one_piece_is_written_in_the_singular(questions: list[Discrepancy]) -> None:
    texts = [answer.text for one in descriptions(questions) for answer in one.answers]
    assert "Put 1 piece back: 4 → 5" in texts
    assert not [text for text in texts if re.search(r"\b1 pieces", text)]


def test_many_are_described_in_as_many_queries_as_one(
    questions: list[Discrepancy], django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(9):  # type: ignore[operator]
        kinds.describe(questions)


def test_the_changes_of_several_questions_build_on_each_other(questions: list[Discrepancy]) -> None:
    held = [row for row in questions if row.kind == "possible_duplicate" and "pending" in row.facts] * 2
    with translation.override("en"):
        first, second = kinds.describe(held, in_turn="apply")
    assert (first.answers[0].text, second.answers[0].text) == ("Book 5 pieces: 22 → 27", "Book 5 pieces: 27 → 32")


def test_telegram_tells_what_happened_and_links_to_it(questions: list[Discrepancy], settings: object) -> None:
    settings.ADMIN_LANGUAGE_CODE = "ru"  # type: ignore[attr-defined]
    settings.PUBLIC_BASE_URL = "https://box.example.com"  # type: ignore[attr-defined]
    row = next(row for row in questions if row.kind == "over_picked" and "pending" in row.facts)
    message = messages.compose(list(Alert.objects.filter(facts__discrepancy=row.pk)))
    assert "Не проведено." in message
    assert "Анна, устройство «Pixel 7»" in message
    assert f"/questions/{row.pk}/" in message


def test_telegram_tells_both_stories_if_they_are_short(questions: list[Discrepancy], settings: object) -> None:
    settings.ADMIN_LANGUAGE_CODE = "en"  # type: ignore[attr-defined]
    row = next(row for row in questions if row.kind == "possible_duplicate" and "pending" in row.facts)
    alert = Alert.objects.filter(facts__discrepancy=row.pk)
    message = messages.compose(list(alert))
    assert "\n<i>the server believes</i>: " in message
    assert "\n<i>but perhaps</i>: " in message
    many = [{"number": n, "at": "2026-05-04T08:00:00+00:00", "pieces": n, "booked": n % 2 == 0, "new": "by hand"}
            for n in range(1, 30)]  # fmt: skip
    row.facts["story"] = {"version": 1, "additions": many}
    row.save()
    assert "but perhaps" not in messages.compose(list(alert))


def test_the_documentation_has_the_same_table() -> None:
    """To write it: `manage.py shell -c "from api.discrepancies import kinds as k; print(*k.table(), sep='\\n')"`."""
    page = (Path(settings.ROOT_DIR) / "docs" / "reconciliation.md").read_text(encoding="utf-8")
    rows = page[page.index("| kind | what happened") :].split("\n\n", 1)[0].splitlines()
    assert rows == kinds.table()


def test_the_managers_guide_in_russian_names_the_kinds_as_the_desk_does() -> None:
    page = (Path(settings.ROOT_DIR) / "docs" / "reconciliation.ru.md").read_text(encoding="utf-8")
    rows = page[page.index("| вид | что случилось") :].split("\n\n", 1)[0].splitlines()[2:]
    with translation.override("ru"):
        labels = {str(label) for label in Discrepancy.Kind.labels}
    assert {row.split(" | ")[0].removeprefix("| ") for row in rows} == labels


def test_the_documentation_offers_what_the_buttons_offer(questions: list[Discrepancy]) -> None:
    described = descriptions(questions)
    for kind in Discrepancy.Kind:
        offered = {answer.action for one in described if one.row.kind == kind for answer in one.answers}
        rows = KINDS[kind].rows
        assert ("apply" in offered) == any(row.apply != "–" for row in rows), kind
        assert ("reverse" in offered) == any(row.reverse != "–" for row in rows), kind
