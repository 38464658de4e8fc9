"""api/texts.py: how texts are cleaned for storage, and which SKUs a text can mean."""

from __future__ import annotations

import pytest

from api import texts

SIGNS = ["\u200b", "\ufeff", "\u200e", "\u200f", "\u2060", "\u00ad", "\u202e", "\u2066", "\u180e"]


@pytest.mark.parametrize("sign", SIGNS)
def test_invisible_characters_are_removed_anywhere_in_a_text(sign: str) -> None:
    assert texts.tidy(f" {sign} A{sign}-1 {sign}") == "A-1"
    assert texts.tidy(f"{sign} {sign}") == ""


@pytest.mark.parametrize("text", ["👩\u200d🔧", "می\u200cخواهم", "A B", "(01)04006381333931\x1d10ABC", "e\u0301"])
def test_invisible_characters_that_a_script_needs_are_kept(text: str) -> None:
    assert texts.tidy(text) == text


def test_characters_that_no_database_stores_become_the_replacement_character() -> None:
    assert texts.storable("a\0b\ud83dc\ude00d😀") == "a\ufffdb\ufffdc\ufffdd😀"


def test_a_sku_has_at_most_255_characters_and_a_longer_one_is_shortened_to_a_unique_one() -> None:
    assert texts.sku_of("Щ" * 255) == "Щ" * 255
    one, other = "x" * 2900 + "1", "x" * 2900 + "2"
    kept = texts.sku_of(one)
    assert len(kept) == 255
    assert kept.startswith("xxx")
    assert texts.sku_of(f" {one}\u200b ") == kept
    assert texts.sku_of(other) != kept
    assert texts.sku_of(kept) == kept


ONE_NUMBER = ["036000291452", "0036000291452", "00036000291452"]


@pytest.mark.parametrize("written", ONE_NUMBER)
def test_an_article_number_may_have_fewer_or_more_leading_zeros(written: str) -> None:
    assert set(texts.gtins(written)) == set(ONE_NUMBER) - {written}


def test_an_ean_13_without_a_leading_zero_has_two_spellings_and_an_ean_8_four() -> None:
    assert texts.gtins("4006381333931") == ["04006381333931"]
    assert texts.gtins("96385074") == ["0000096385074", "000096385074", "00000096385074"]


@pytest.mark.parametrize(
    "text",
    ["036000291453", "4006381333932", "36000291452", "000036000291452", "", "03600029145x", "٠٣٦٠٠٠٢٩١٤٥٢",
     "036 00029145", "+36000291452"],
)  # fmt: skip
def test_any_other_text_and_a_wrong_check_digit_have_one_spelling(text: str) -> None:
    assert texts.gtins(text) == []


def test_the_candidates_for_a_scanned_text_begin_with_the_text_itself() -> None:
    assert texts.skus_of(" A\u200bB ", "A B") == ["AB", "A B", "A\u200bB"]
    assert texts.skus_of("0036000291452") == ["0036000291452", "036000291452", "00036000291452"]
    assert texts.skus_of("\u200b") == ["\u200b"]
    assert texts.skus_of("\u200b", "x", blank=texts.NO_SKU) == ["NO-SKU", "x", "\u200b"]
    assert texts.skus_of("+", " ", blank=texts.NO_SKU) == ["+"]
    assert texts.skus_of(" ", "") == []


def test_a_barcode_is_stored_in_one_spelling() -> None:
    for written in ONE_NUMBER:
        assert texts.barcode_of(f" {written}\u200b") == "0036000291452"
    assert {texts.barcode_of(text) for text in ("96385074", *texts.gtins("96385074"))} == {"96385074"}
    for text in ("4006381333931", "14006381333938", "036000291453", "A-1", "1234567", ""):
        assert texts.barcode_of(text) == text


def test_only_an_article_number_has_a_check_digit() -> None:
    assert [texts.check_digit_ok(text) for text in ("96385074", "4006381333931", "14006381333938")] == [True] * 3
    assert [texts.check_digit_ok(text) for text in ("96385075", "4006381333932")] == [False] * 2
    assert [texts.check_digit_ok(text) for text in ("", "A", "1234567", "٠٣٦٠٠٠٢٩١٤٥٢")] == [None] * 4
