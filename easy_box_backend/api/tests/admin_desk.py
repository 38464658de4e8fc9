"""A person at the admin, for its tests: fills in a page's form as a browser would, changes some of it, and sends it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from api.models import User


class _Inputs(HTMLParser):
    """The values that a browser would send of a page's main form."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}
        self.in_form = False
        self.select: str | None = None
        self.area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.in_form = (given.get("id") or "").endswith("_form")
        name = given.get("name")
        if not self.in_form or (tag != "option" and not name):
            return
        kind = given.get("type", "text")
        if tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in given:
            self.values[self.select] = given.get("value") or ""
        elif tag == "textarea":
            self.area = name
            self.values[str(name)] = ""
        elif tag == "input" and kind not in ("submit", "file") and (kind != "checkbox" or "checked" in given):
            self.values[str(name)] = given.get("value") or ("on" if kind == "checkbox" else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.in_form = False
        elif tag == "select":
            self.select = None

    def handle_data(self, data: str) -> None:
        if self.area:
            self.values[self.area] += data
            self.area = None


class Desk(Client):
    """Somebody who is logged in to the admin, in English."""

    user: User

    def list(self, page: str, query: str = "") -> HttpResponseBase:
        return self.get(reverse(f"admin:api_{page}_changelist") + query)

    def open(self, page: str, key: int | None = None) -> dict[str, Any]:
        """The values of a page's form as they stand; without a key, of the page for a new one."""
        answer = self.get(address(page, key))
        assert answer.status_code == 200, answer.status_code
        inputs = _Inputs()
        inputs.feed(answer.content.decode())
        return inputs.values

    def save(self, page: str, key: int | None = None, **changes: Any) -> HttpResponseBase:
        """Open a page, change some values, save."""
        return self.send(page, key, {**self.open(page, key), **changes})

    def send(self, page: str, key: int | None, values: dict[str, Any]) -> HttpResponseBase:
        return self.post(address(page, key), values)

    def click(self, page: str, key: int, verb: str, **values: Any) -> HttpResponseBase:
        """Press a one-click button."""
        return self.post(reverse(f"admin:api_{page}_do", args=[key, verb]), values, follow=True)

    def act(self, page: str, action: str, *keys: int, **values: Any) -> HttpResponseBase:
        """Do an action to the selected rows of a list."""
        data = {"action": action, "_selected_action": [str(key) for key in keys], **values}
        return self.post(reverse(f"admin:api_{page}_changelist"), data, follow=True)


def address(page: str, key: int | None = None) -> str:
    return reverse(f"admin:api_{page}_add") if key is None else reverse(f"admin:api_{page}_change", args=[key])


def enter(user: User, language: str = "en") -> Desk:
    """Log a person in to the admin, whatever their password."""
    desk = Desk()
    desk.user = user
    desk.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    desk.cookies["django_language"] = language
    return desk


def text(answer: HttpResponseBase) -> str:
    """A page as text."""
    return answer.content.decode()  # type: ignore[attr-defined]
