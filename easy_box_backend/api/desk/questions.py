"""Questions: unclear cases that a manager settles (docs/reconciliation.md)."""

import json
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from api.actions import settling, unknown_goods
from api.desk.base import actor, once, page, rows_of, tell
from api.discrepancies import kinds
from api.errors import DomainError, Invalid
from api.models import Discrepancy

A_PAGE = 10
MOST_REASONS = 10
"""How many errors are shown in full when many questions are settled at once."""

SETTLED = {"apply": _("Applied."), "move": _("Moved."), "reverse": _("Reversed."), "dismiss": _("Dismissed.")}
REFERRED = ("product", "device", "order")
"""The rows that a question can be about, as the query names them."""
ALL_OF_THEM = {
    "apply": _("Apply all of these …"), "reverse": _("Reverse all of these …"), "dismiss": _("Dismiss all of these …"),
}  # fmt: skip


@page
def questions(request: HttpRequest) -> HttpResponseBase:
    """The list of questions. Open ones come oldest first, so that a new one does not move the others."""
    status = request.GET.get("status", Discrepancy.Status.OPEN)
    found = _chosen(request, status)
    rows = rows_of(request, found.order_by("id" if status == Discrepancy.Status.OPEN else "-id"), A_PAGE)
    told = kinds.describe(rows.list, around=True)
    offered = [answer.action for one in told for answer in one.answers if not answer.asks]
    together = [(action, text) for action, text in ALL_OF_THEM.items() if offered.count(action) > 1]
    by_kind = Discrepancy.objects.open().order_by().values_list("kind").annotate(number=Count("id"))
    open_ones = [(kind, Discrepancy.Kind(kind).label, number) for kind, number in sorted(by_kind)]
    context = {
        "rows": rows, "told": told, "together": together, "status": status, "open_ones": open_ones,
        "number_open": sum(number for _kind, _label, number in open_ones), "statuses": _statuses(),
        "kept": [(name, request.GET[name]) for name in ("kind", *REFERRED) if request.GET.get(name)],
    }  # fmt: skip
    return render(request, "desk/questions.html", context)


def _statuses() -> list[tuple[str, Any]]:
    settled = [choice for choice in Discrepancy.Status.choices if choice[0] != Discrepancy.Status.OPEN]
    return [*settled, ("all", _("all"))]


def _chosen(request: HttpRequest, status: str) -> QuerySet[Discrepancy]:
    """The questions that match the query. A value that is not possible matches none."""
    found = Discrepancy.objects.select_related("user", "device", "order", "resolved_by")
    if status != "all":
        found = found.filter(status=status) if status in Discrepancy.Status.values else found.none()
    if kind := request.GET.get("kind"):
        found = found.filter(kind=kind) if kind in Discrepancy.Kind.values else found.none()
    for name in REFERRED:
        if asked := request.GET.get(name):
            found = found.filter(**{name: int(asked)}) if asked.isdecimal() and len(asked) <= 18 else found.none()
    if text := request.GET.get("q", "").strip().replace("\0", ""):
        names = ("sku", "product__name", "order__customer_name", "user__username")
        matches = [Q(**{f"{name}__icontains": text}) for name in names]
        found = found.filter(matches[0] | matches[1] | matches[2] | matches[3])
    return found


@page
def question(request: HttpRequest, key: int) -> HttpResponseBase:
    """One question with all its facts, also a settled one. A POST answers it."""
    row = Discrepancy.objects.select_related("user", "device", "order", "resolved_by").filter(pk=key).first()
    if row is None:
        raise Http404
    if request.method == "POST":
        return once(request, lambda: _settle(request, row))
    told = kinds.describe([row], around=True)[0]
    return render(request, "desk/question.html", {"one": told, "whole": True})


def _settle(request: HttpRequest, row: Discrepancy) -> HttpResponse:
    """Give the answer whose button was pressed. It is refused if it would do something else by now."""
    sent = request.POST
    action, _colon, shown = sent.get("answer", "").partition(":")
    quantity = "".join(sent.get("quantity", "").split())
    try:
        entered = settling.Entered(_whole(quantity), sent.get("sku", "").strip(), sent.get("name", "").strip())
        note = sent.get("note", "").strip()[:1000]
        settling.resolve(row.pk, action, by=actor(request), note=note, entered=entered, shown=shown)
    except DomainError as error:
        tell(request, f"{capfirst(str(row))}: {error.detail}", "bad")
    else:
        tell(request, f"{capfirst(str(row))}: {SETTLED[action]}")
    return HttpResponseRedirect(_back(request))


def _whole(text: str) -> int | None:
    """The whole number in the text, None for an empty one. Raises Invalid if it is none."""
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise Invalid(_("Enter a whole number."), field="quantity")
    return int(text)


def _back(request: HttpRequest) -> str:
    """The address of the page with the button, such as the list with its filters; else of the whole list."""
    target = request.POST.get("back", "")
    secure = request.is_secure()
    allowed = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=secure)
    return target if allowed else reverse("desk:questions")


@page
def really(request: HttpRequest, key: int) -> HttpResponseBase:
    """The part “This is really …”: products to which the goods of an unknown SKU may belong."""
    row = Discrepancy.objects.select_related("product").filter(pk=key).first()
    if row is None or row.product is None:
        raise Http404
    answer = kinds.describe([row])[0].answer("move")
    text = request.GET.get("sku", "").strip().replace("\0", "")
    found = unknown_goods.suggestions(row.product, text) if answer else []
    context = {"row": row, "answer": answer, "found": found, "text": text, "back": request.GET.get("back", "")}
    return render(request, "desk/_really.html", context)


# --- Many at once ---------------------------------------------------------------------------------------------------
@page
def together(request: HttpRequest) -> HttpResponseBase:
    """Settle many questions by the same answer. A GET shows what will happen to each; the POST that confirms it does
    exactly that."""
    action = request.POST.get("action") or request.GET.get("action", "")
    if action not in ALL_OF_THEM:
        raise Http404
    if request.method != "POST":
        found = _chosen(request, Discrepancy.Status.OPEN).order_by("id")
        return _page_of_many(request, found, action)
    ticked = {int(key) for key in request.POST.getlist("id") if key.isdecimal() and len(key) <= 18}
    shown = _tokens(request.POST.get("shown", ""))
    if ticked != set(shown):
        tell(request, gettext("You have chosen others, so nothing was done yet. These are the numbers now."), "info")
        return _page_of_many(request, Discrepancy.objects.open().filter(id__in=ticked).order_by("id"), action)
    _settle_many(request, shown, action)
    return HttpResponseRedirect(_back(request))


def _page_of_many(request: HttpRequest, found: QuerySet[Discrepancy], action: str) -> HttpResponse:
    """The page that shows what the action will do to each of these questions, one after another: the numbers of each
    begin where those of the one before end."""
    rows = list(found[: settling.MOST_AT_ONCE + 1])
    told = kinds.describe(rows[: settling.MOST_AT_ONCE], in_turn=action)
    answers = [(one, one.answer(action)) for one in told]
    able = [(one, answer) for one, answer in answers if answer and not answer.asks]
    context = {
        "able": able, "left": [one for one, answer in answers if not answer or answer.asks], "action": action,
        "title": ALL_OF_THEM[action], "most": settling.MOST_AT_ONCE,
        "too_many": len(rows) > settling.MOST_AT_ONCE, "back": _list_of(request),
        "shown": json.dumps({one.row.pk: answer.token for one, answer in able}),
    }  # fmt: skip
    return render(request, "desk/questions_together.html", context)


def _list_of(request: HttpRequest) -> str:
    """The address of the list with the same filters."""
    if request.method == "POST":
        return _back(request)
    query = request.GET.copy()
    query.pop("action", None)
    return f"{reverse('desk:questions')}?{query.urlencode()}"


def _tokens(text: str) -> dict[int, str]:
    """By question, the token of the answer that the page showed; {} if the field cannot be read."""
    try:
        return {int(key): str(token) for key, token in json.loads(text).items()}
    except (ValueError, AttributeError):
        return {}


def _settle_many(request: HttpRequest, shown: dict[int, str], action: str) -> None:
    """Settle these questions, each in a transaction of its own. If the form is sent twice, they are settled already."""
    try:
        note = request.POST.get("note", "").strip()[:1000]
        done, failed = settling.resolve_many(shown, action, by=actor(request), note=note)
    except DomainError as error:
        tell(request, error.detail, "bad")
        return
    if done:
        text = ngettext("%(count)d is settled.", "%(count)d are settled.", len(done))
        tell(request, text % {"count": len(done)})
    if failed:
        text = ngettext("%(count)d is not settled.", "%(count)d are not settled.", len(failed))
        rows = Discrepancy.objects.in_bulk(list(failed)[:MOST_REASONS])
        reasons = [f"{rows.get(key, '')}: {failed[key].detail}" for key in list(failed)[:MOST_REASONS]]
        more = ["…"] if len(failed) > MOST_REASONS else []
        tell(request, " ".join([text % {"count": len(failed)}, *reasons, *more]), "bad")


urls = [
    path("questions/", questions, name="questions"),
    path("questions/together/", together, name="questions_together"),
    path("questions/<int:key>/", question, name="question"),
    path("questions/<int:key>/really/", really, name="question_really"),
]
