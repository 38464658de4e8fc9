"""Shared by all pages of the desk: who may see them, forms sent twice, messages, pages of long lists."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Generic, TypeVar

from django.contrib import messages
from django.core.exceptions import DisallowedHost, PermissionDenied, SuspiciousOperation
from django.db import transaction
from django.db.models import Count, Model, QuerySet, Subquery
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    UnreadablePostError,
)
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext

from api.actions import once as sent_forms
from api.actor import Actor
from api.errors import Text
from api.models import Discrepancy, Revision, User
from api.texts import storable, tidy

FORM_TOKEN = "form_token"
"""The name of the field with the one-time token of a form."""

MOST_TYPED = 500_000
"""The most characters of a form that are carried through a login."""
STOP_POLLING = 286
"""The status code at which htmx shows the response and stops polling."""
SECRET = ("password", "secret")
"""The values of fields with these words in their names are never put into a page."""

Row = TypeVar("Row", bound=Model)
View = Callable[..., HttpResponseBase]


# --- Who ----------------------------------------------------------------------------------------------------------
def person(request: HttpRequest) -> User:
    """The person who is signed in."""
    assert isinstance(request.user, User)
    return request.user


def actor(request: HttpRequest) -> Actor:
    """The person at the desk, who acts without a device."""
    return Actor(user=person(request), at=timezone.now())


def page(view: View) -> View:
    """Decorate a view as a page for managers, by GET, HEAD and POST. Others are asked to log in, or get a 403."""
    return _page(view, for_storekeepers=False)


def stock_page(view: View) -> View:
    """Decorate a view as a page for storekeepers and managers, by GET, HEAD and POST. Others as with `page`."""
    return _page(view, for_storekeepers=True)


def _page(view: View, *, for_storekeepers: bool) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        if not request.user.is_authenticated:
            return ask_to_log_in(request)
        if not (person(request).keeps_stock if for_storekeepers else person(request).is_manager):
            raise PermissionDenied
        request.live_mark = live_mark()  # type: ignore[attr-defined]  # before the page reads anything
        return view(request, *args, **kwargs)

    guarded.for_storekeepers = for_storekeepers  # type: ignore[attr-defined]  # the navigation reads it
    return guarded


def live_mark() -> str:
    """A text that changes whenever something changes that pages show live: products, orders, movements, questions. One
    query."""
    newest = Discrepancy.objects.order_by("-id").values("id")[:1]
    number_open = Discrepancy.objects.open().order_by().values("status").annotate(number=Count("id")).values("number")
    seen = Revision.objects.values_list("value", Subquery(newest), Subquery(number_open)).get(id=1)
    return "-".join(str(part or 0) for part in seen)


def ask_to_log_in(request: HttpRequest) -> HttpResponseBase:
    """The response to a request without a session: a redirect to the login page, or that page.

    The fields of a form are carried through the login, since a session can end while somebody types. For the same
    reason a page that only polls for changes is not left: it shows that the session has ended.
    """
    is_htmx, sends = bool(getattr(request, "htmx", False)), request.method == "POST"
    here = request.headers.get("HX-Current-URL", "/") if is_htmx else request.get_full_path()
    target = f"{reverse('desk:login')}?{urlencode({'next': page_before(request) or here if sends else here})}"
    typed, is_whole = typed_in(request)
    if is_htmx and not sends:
        answer = render(request, "desk/_ended.html", {"target": target}, status=STOP_POLLING)
        return _in_place(answer, "#messages", "#ended", "innerHTML")
    if not sends or not is_whole:
        answer = HttpResponse(status=401) if is_htmx else HttpResponseRedirect(target)
        answer.headers["HX-Redirect" if is_htmx else "Location"] = target
        return answer
    from api.desk.session import LoginForm  # not above: it imports this module

    kept = json.dumps({"to": request.get_full_path(), "fields": typed})
    context = {"form": LoginForm(), "form_action": target, "typed": kept, "has_ended": True}
    answer = render(request, "desk/login.html", context, status=200 if is_htmx else 401)  # htmx shows no 401
    return _in_place(answer, "#main", "#main", "outerHTML") if is_htmx else answer


def _in_place(answer: HttpResponse, target: str, part: str, swap: str) -> HttpResponse:
    """Make htmx show `part` of the response in `target` instead of where the page asked for. swap: how to insert it."""
    for name, value in (("HX-Retarget", target), ("HX-Reselect", part), ("HX-Reswap", swap)):
        answer.headers[name] = value
    return answer


def page_before(request: HttpRequest) -> str:
    """The page of this server that a request came from, "" if it does not say so."""
    before = request.headers.get("Referer", "")
    try:
        is_ours = url_has_allowed_host_and_scheme(before, {request.get_host()}, require_https=request.is_secure())
    except DisallowedHost:
        return ""
    return before if is_ours else ""


def typed_in(request: HttpRequest) -> tuple[list[tuple[str, str]], bool]:
    """The fields that a form sent, to send them again or to copy them, and whether they are all of them.

    Passwords and files are left out. A form that is too long or cannot be read has no fields.
    """
    try:
        sent, has_files = request.POST, bool(request.FILES)
    except (UnreadablePostError, SuspiciousOperation, MultiPartParserError):
        return [], False
    fields = [(name, str(value)) for name, values in sent.lists() for value in values if name != "csrfmiddlewaretoken"]
    kept = [field for field in fields if not any(word in field[0] for word in SECRET)]
    if sum(len(value) for _name, value in kept) > MOST_TYPED:
        return [], False
    return kept, not has_files and len(kept) == len(fields)


# --- Forms --------------------------------------------------------------------------------------------------------
def once(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """Make a form idempotent: sent twice, as by a double click, it takes effect once and gets the same response.

    The form has a `{% form_token %}`. answer: does what the form asks for and returns the response, in one transaction.
    Any response but a redirect means that nothing was done: it is rolled back, and the form may be sent again. So it
    may after a redirect with nothing but refusals.
    """
    if not request.POST.get(FORM_TOKEN):
        return answer()
    key = _form_key(request)
    with transaction.atomic():
        if earlier := sent_forms.claim(key, at=timezone.now()):
            return _answer_again(request, earlier.answer)
        response = answer()
        shown = request.__dict__.get("shown_messages", [])
        if response.status_code != 302:
            transaction.set_rollback(True)
        elif {level for level, _text in shown} == {"bad"}:
            sent_forms.forget(key)
        else:
            sent_forms.keep(key, {"location": response.headers["Location"], "said": shown})
    return response


def _answer_again(request: HttpRequest, kept: dict[str, Any] | None) -> HttpResponse:
    """The response to a form that was sent before: its messages and redirect again. kept: None if they are unknown."""
    for level, text in kept["said"] if kept else []:
        tell(request, text, level)
    tell(request, gettext("The form was sent twice. It took effect once."), "info")
    return HttpResponseRedirect(kept["location"] if kept else request.get_full_path())


def _form_key(request: HttpRequest) -> str:
    """A hash of user, address and content. A form that is changed after going back to it has another hash."""
    files = [(name, [(one.name, one.size) for one in request.FILES.getlist(name)]) for name in sorted(request.FILES)]
    content = [(name, values) for name, values in sorted(request.POST.lists()) if name != "csrfmiddlewaretoken"]
    whole = json.dumps([person(request).pk, request.get_full_path(), content, files], default=str)
    return hashlib.sha256(whole.encode()).hexdigest()


def tell(request: HttpRequest, text: Text, level: str = "good") -> None:
    """Show a message on this page or the next one. level: "good", "bad" or "info"."""
    request.__dict__.setdefault("shown_messages", []).append([level, str(text)])
    messages.add_message(request, messages.ERROR if level == "bad" else messages.SUCCESS, str(text), extra_tags=level)


def sought(request: HttpRequest) -> str:
    """The text that is searched for, without characters that the database refuses: PostgreSQL takes no NUL."""
    return tidy(storable(request.GET.get("q", "")))


# --- Long lists ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Rows(Generic[Row]):
    """A page of a list. next, previous: the query strings of the pages after and before it, "" if there is none."""

    list: list[Row]
    next: str
    previous: str


def rows_of(request: HttpRequest, found: QuerySet[Row], size: int = 50) -> Rows[Row]:
    """The page of `found` with the number in the query's `page`, from 1. size: rows on a page.

    The rows are not counted: in a large table that takes longer than to fetch the page.
    """
    asked = request.GET.get("page", "")
    number = max(int(asked), 1) if asked.isascii() and asked.isdecimal() and len(asked) <= 6 else 1
    rows = list(found[(number - 1) * size : number * size + 1])
    neighbors = [number + 1 if len(rows) > size else 0, number - 1]
    following, previous = (_with_page(request, other) if other else "" for other in neighbors)
    return Rows(rows[:size], following, previous)


def _with_page(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"
