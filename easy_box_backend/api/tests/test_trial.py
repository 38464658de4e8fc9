"""The checks of a release's trial before it serves (deploy/trial.sh): the app's calls, and the pages of the desk."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from api.models import User
from api.tests.calls import PASSWORD
from api.tests.conftest import MakeUser
from proofs.phone.desk import Browser, desk_pages
from proofs.phone.dio import Dio, MultipartFile
from proofs.phone.smoke import PHOTO, WrongAnswer, app_calls

pytestmark = pytest.mark.django_db(transaction=True)
DIRS: Any = settings.TEMPLATES[0]["DIRS"]


@pytest.fixture
def vera(make_user: MakeUser) -> User:
    """A manager who is no superuser."""
    return make_user("Vera", is_staff=True)


def test_every_call_of_the_app_succeeds_for_a_manager(vera: User, live_server: Any) -> None:
    app_calls(Dio(f"{live_server.url}/api"), vera.email, PASSWORD, MultipartFile(PHOTO, "photo.png"))


def test_every_page_of_the_desk_opens_for_a_manager(vera: User, live_server: Any) -> None:
    found = desk_pages(Browser(urlsplit(live_server.url).netloc), vera.email, PASSWORD)
    assert len(found.pages) > 15


def test_the_desk_opens_where_cookies_are_for_https_only(vera: User, live_server: Any, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    Browser(urlsplit(live_server.url).netloc).sign_in(vera.email, PASSWORD)


BASE = "{% extends 'desk/base.html' %}{% load static %}{% block main %}"


BROKEN = {
    "orders": (BASE + "{% url 'nowhere' %}{% endblock %}", "/orders/: 500"),
    "products": (BASE + "<img src='{% static 'no/such.svg' %}'>{% endblock %}", "no/such.svg|/products/: 500"),
    "labels": (BASE + "<script src='/static/no/such.js'></script>{% endblock %}", "such.js, which /labels/"),
    "people": (BASE + "<a href='/nowhere/'>?</a>{% endblock %}", "/nowhere/: 404"),
    "phone_errors": ("<!doctype html><html>stranger", "/errors/: 200, and nobody is signed in"),
}
"""By page of the desk: a template that breaks it, and the error that must be reported."""


def put(templates: Path, name: str, text: str, settings: Any) -> None:
    path = templates / "desk" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [templates, *DIRS]}]


def test_every_broken_page_of_the_desk_is_found(vera: User, live_server: Any, settings: Any, tmp_path: Path) -> None:
    for table, (text, _says) in BROKEN.items():
        put(tmp_path, f"{table}.html", text, settings)
    with pytest.raises(WrongAnswer) as caught:
        desk_pages(Browser(urlsplit(live_server.url).netloc), vera.email, PASSWORD)
    for _text, says in BROKEN.values():
        caught.match(says)


def test_a_desk_without_its_first_page_is_found(vera: User, live_server: Any, settings: Any, tmp_path: Path) -> None:
    put(tmp_path, "today.html", "{% nonsense %}", settings)
    with pytest.raises(WrongAnswer, match="signing in to the desk: 500"):
        desk_pages(Browser(urlsplit(live_server.url).netloc), vera.email, PASSWORD)


def test_a_desk_where_nobody_can_log_in_is_found(vera: User, live_server: Any) -> None:
    with pytest.raises(WrongAnswer, match="signing in to the desk: 200"):
        desk_pages(Browser(urlsplit(live_server.url).netloc), vera.email, "another")
