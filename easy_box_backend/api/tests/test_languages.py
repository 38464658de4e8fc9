"""Responses are in the caller's language: our own texts, REST framework's and Django's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation

from api.models import Discrepancy, Order, StockMovement
from api.tests import photos
from api.tests.calls import Caller
from api.tests.conftest import MakeProduct

pytestmark = pytest.mark.any_database

ROOT = Path(settings.ROOT_DIR)


def refused(answer: Any, field: str = "detail") -> str:
    found = answer.json()[field]
    return str(found if isinstance(found, str) else found[0])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "taken", "missing", "login", "fraction", "no_token", "nowhere"),
    [
        ("en", "A product with this SKU already exists.", "This field is required.", "Wrong e-mail or password.",
         "A valid integer is required.", "Authentication credentials were not provided.",
         "There is nothing at this address."),
        ("ru", "Товар с таким артикулом уже есть.", "Обязательное поле.", "Неверная почта или пароль.",
         "Введите правильное число.", "Учетные данные не были предоставлены.", "По этому адресу ничего нет."),
        ("de", "Einen Artikel mit dieser Artikelnummer gibt es bereits.", "Dieses Feld ist zwingend erforderlich.",
         "E-Mail oder Passwort ist falsch.", "Eine gültige Ganzzahl ist erforderlich.",
         "Anmeldedaten fehlen.", "Unter dieser Adresse gibt es nichts."),
    ],
)  # fmt: skip
def test_refusals_follow_accept_language(
    language: str, taken: str, missing: str, login: str, fraction: str, no_token: str, nowhere: str,
    picker: Caller, guest: Any, make_product: MakeProduct,
) -> None:  # fmt: skip
    product = make_product(sku="TAKEN")
    options: dict[str, Any] = {"headers": {"accept-language": language}}
    assert refused(picker.post("/api/products/", {"sku": "TAKEN", "name": "x"}, **options), "sku") == taken
    answer = picker.post("/api/products/", {"sku": "X"}, **options)
    assert (refused(answer, "name"), answer["Content-Language"]) == (missing, language)
    wrong = {"email": "picker@example.com", "password": "wrong"}
    assert refused(guest.post("/api/auth/token/", wrong, **options)) == login
    add = picker.post(f"/api/products/{product.pk}/add_stock/", {"quantity": "1.5"}, **options)
    assert refused(add, "quantity") == fraction
    assert refused(guest.get("/api/products/", **options)) == no_token
    assert refused(picker.get("/api/nothing-here/", **options)) == nowhere


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "json", "method", "short", "photo"),
    [
        ("en", "not valid JSON", 'Method "PATCH" not allowed.', "too short", "The file is not a picture."),
        ("ru", "не является правильным JSON", "Метод \"PATCH\" не разрешен.", "слишком короткий",
         "Файл не является изображением."),
        ("de", "kein gültiges JSON", 'Methode "PATCH" nicht erlaubt.', "zu kurz", "Die Datei ist kein Bild."),
    ],
)  # fmt: skip
def test_texts_of_django_and_of_the_parsers_follow_accept_language_too(
    language: str, json: str, method: str, short: str, photo: str, manager: Caller, make_product: MakeProduct
) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    product = make_product()
    options: dict[str, Any] = {"headers": {"accept-language": language}}
    broken = manager.generic("POST", "/api/products/", "{", content_type="application/json", **options)
    assert json in refused(broken)
    assert refused(manager.patch("/api/products/", {}, **options)) == method
    weak = {"email": "a@example.com", "username": "A", "password": "x1y2"}
    assert short in refused(manager.post("/api/users/", weak, **options), "password")
    upload = {"image": SimpleUploadedFile("x.jpg", photos.html())}
    answer = manager.post(f"/api/products/{product.pk}/upload_image/", upload, format="multipart", **options)
    assert photo in refused(answer, "image")


@pytest.mark.django_db
def test_another_language_is_answered_in_english(picker: Caller) -> None:
    answer = picker.post("/api/products/", {"sku": "X"}, headers={"accept-language": "fr"})
    assert refused(answer, "name") == "This field is required."


@pytest.mark.parametrize("language", ["ru", "de"])
def test_every_choice_that_people_see_is_translated(language: str) -> None:
    for choices in (Order.Status, StockMovement.Kind, Discrepancy.Kind, Discrepancy.Status):
        for choice in choices:
            with translation.override("en"):
                english = str(choice.label)
            with translation.override(language):
                assert str(choice.label) != english


def test_numbers_take_their_russian_forms() -> None:
    one, many = "%(count)s product has no name yet", "%(count)s products have no name yet"
    with translation.override("en"):
        assert len({translation.ngettext(one, many, n) for n in (1, 2, 5, 21)}) == 2
    with translation.override("ru"):
        first, two, five, twenty_one = (translation.ngettext(one, many, n) for n in (1, 2, 5, 21))
    assert first == twenty_one
    assert len({first, two, five}) == 3


def test_the_catalogues_are_complete_and_compiled() -> None:
    checked = subprocess.run(
        [sys.executable, "dev/messages.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert re.search(r"\d+ texts, 0 problems", checked.stdout)
