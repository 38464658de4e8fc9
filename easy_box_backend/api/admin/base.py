"""Shared by all pages: permissions, forms saved by actions, errors as messages, one-click buttons."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ERROR_FLAG, ChangeList
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from api.actions import once
from api.actor import Actor
from api.errors import DomainError
from api.texts import tidy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Text: TypeAlias = "str | _StrPromise"

EMPTY = "–"
LATEST = 10
"""How many movements and changes a page shows."""


class WholeInput(forms.NumberInput):
    """A number field with the style of the other fields."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "form-control", **(attrs or {})})


def is_manager(request: HttpRequest) -> bool:
    """Whether the person may use the admin. The only other distinction is `is_superuser`."""
    return bool(request.user.is_active and request.user.is_staff)


def actor(request: HttpRequest) -> Actor:
    """The person in the admin, who acts without a device."""
    return Actor(user=request.user, at=timezone.now())  # type: ignore[arg-type]


class TidyField(forms.CharField):
    """A text without surrounding spaces and invisible characters, which pasting often adds."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(tidy(value) if isinstance(value, str) else value)


class TidyEmailField(TidyField, forms.EmailField):
    """The same for an e-mail address."""


class ActionForm(forms.ModelForm):
    """A form that an action saves. The action checks the rules that need the database, and words their errors.

    error: the action's error for these values, once it was called.
    error_fields: the form's field for a field of the error, where the names differ.
    """

    error: DomainError | None = None
    error_fields: dict[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The action names the value that is taken; Django would name the constraint.
        self.instance.validate_constraints = lambda exclude=None: None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.error is not None:
            shown = False
            for name, texts in self.error.fields.items():
                field = self.error_fields.get(name, name)
                if field in self.fields:
                    self.add_error(field, [str(text) for text in texts])
                    shown = True
            if not shown:
                self.add_error(None, str(self.error.detail))
        return data

    def validate_unique(self) -> None:
        """The action does that."""


class ManagersOnly:
    """Permissions that depend on being a manager, not on permissions per table."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_manager(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_manager(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_manager(request) and getattr(obj, "archived_at", None) is None

    has_add_permission = has_view_permission
    has_delete_permission = has_change_permission


class ReadOnly(ManagersOnly):
    """For tables that record what happened."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_delete_permission = has_change_permission


class List(ChangeList):
    def get_filters(self, request: HttpRequest) -> Any:
        """Django's. Also treats a NUL and a year beyond 9999 as invalid filters: they would fail in the database."""
        for name, value in request.GET.items():
            if "\0" in value or (name.endswith("__year") and not re.fullmatch("[1-9][0-9]{0,3}", str(value))):
                raise IncorrectLookupParameters
        return super().get_filters(request)


class Lists(admin.ModelAdmin):
    """A table's pages. Its list accepts any query."""

    list_per_page = 50
    show_full_result_count = False

    def address(self, page: str, *args: object) -> str:
        """The address of a page of this table."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return List

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Django's, which redirects an invalid filter to ?e=1. Removes all other parameters there: if one were invalid,
        Django would render a page that our theme can't."""
        if ERROR_FLAG in request.GET and request.GET.dict() != {ERROR_FLAG: "1"}:
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
        return super().changelist_view(request, extra_context)


TOKEN = "form_token"
"""The name of the one-time token in forms and in the addresses of buttons."""


class SentOnce(Lists):
    """Makes forms idempotent: one that is sent twice, as by a double click, acts once and gets the same answer."""

    def message_user(
        self, request: HttpRequest, message: Any, level: Any = messages.INFO, *args: Any, **more: Any
    ) -> None:
        """Django's. Also keeps the message for a duplicate of the form."""
        kept = request.__dict__.setdefault("messages_shown", [])
        kept.append([level, str(message), isinstance(message, SafeString)])
        super().message_user(request, message, level, *args, **more)

    def once(self, request: HttpRequest, answer: Callable[[], HttpResponse], *, together: bool = True) -> HttpResponse:
        """The result of `answer` if the form is new, else the stored answer to the first one. Any answer but a redirect
        means that nothing was done, so the form may be sent again.

        together: run `answer` and store its result in one transaction. Otherwise `answer` has its own transactions.
        """
        token = request.POST.get(TOKEN) or request.GET.get(TOKEN)
        if request.method != "POST" or not token:
            return answer()
        key = _form_key(request)
        with transaction.atomic() if together else nullcontext():
            if earlier := once.claim(key, at=timezone.now()):
                return self.answer_again(request, earlier.answer)
            response = None
            try:
                response = answer()
            finally:
                if response is not None and response.status_code == 302:
                    shown = request.__dict__.get("messages_shown", [])
                    once.keep(key, {"location": response.headers["Location"], "said": shown})
                elif not together:
                    once.forget(key)
                elif response is not None:
                    transaction.set_rollback(True)
        return response

    def answer_again(self, request: HttpRequest, kept: dict[str, Any] | None) -> HttpResponse:
        for level, text, is_safe in kept["said"] if kept else []:
            self.message_user(request, mark_safe(text) if is_safe else text, level)  # noqa: S308 # it was safe before
        self.message_user(request, gettext("The form was sent twice. It took effect once."))
        return HttpResponseRedirect(kept["location"] if kept else request.get_full_path())

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Django's. An action on many rows has one transaction per row."""
        view = super().changelist_view
        return self.once(request, lambda: view(request, extra_context), together=False)


def _form_key(request: HttpRequest) -> str:
    """A hash of user, address and content, so that going back and changing the form makes a new one."""
    files = [(name, [(one.name, one.size) for one in request.FILES.getlist(name)]) for name in sorted(request.FILES)]
    content = [(name, values) for name, values in sorted(request.POST.lists()) if name != "csrfmiddlewaretoken"]
    sent = json.dumps([request.user.pk, request.get_full_path(), content, files])
    return hashlib.sha256(sent.encode("utf-8", "surrogatepass")).hexdigest()


class Desk(ManagersOnly, SentOnce):
    """A table's pages. Subclasses save by actions, whose errors become errors of the form."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.error = getattr(request, "action_error", None)
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Django's. If the action raises an error, renders the form again with it."""
        view = super().changeform_view

        def answer() -> HttpResponse:
            try:
                return view(request, object_id, form_url, extra_context)
            except DomainError as error:
                request.action_error = error  # type: ignore[attr-defined]
                return view(request, object_id, form_url, extra_context)

        return self.once(request, answer)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        raise NotImplementedError("An action saves.")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The action has saved everything."""


class Buttons(SentOnce):
    """Adds one-click buttons to lists and pages. `do` calls the action and returns the message for the person."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_do"
        ours = path("<int:key>/do/<slug:verb>/", self.admin_site.admin_view(self.do_view), name=name)
        return [ours, *super().get_urls()]

    def do(self, request: HttpRequest, key: int, verb: str) -> Text:
        """Call the action `verb` for the row `key`. Raises DomainError, and KeyError for an unknown verb."""
        raise NotImplementedError

    def do_view(self, request: HttpRequest, key: int, verb: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            return HttpResponse(status=403)
        return self.once(request, lambda: self.done(request, key, verb))

    def done(self, request: HttpRequest, key: int, verb: str) -> HttpResponse:
        try:
            self.message_user(request, self.do(request, key, verb), messages.SUCCESS)
        except DomainError as error:
            self.message_user(request, str(error.detail), messages.ERROR)
        except KeyError:
            return HttpResponse(status=404)
        return HttpResponseRedirect(self.way_back(request))

    def way_back(self, request: HttpRequest) -> str:
        """The page with the button if it is on this host, else the list."""
        before = request.headers.get("Referer", "")
        if url_has_allowed_host_and_scheme(before, {request.get_host()}, require_https=request.is_secure()):
            return before
        return self.address("changelist")

    def button(self, key: int, verb: str, label: Text, look: str = "outline-primary", **query: str) -> SafeString:
        """A button inside a page's form, whose CSRF token it sends. query: more parameters of its address."""
        url = self.address("do", key, verb)
        return format_html(
            '<button type="submit" class="btn btn-sm btn-{}" formaction="{}?{}" formmethod="post"'
            " formnovalidate>{}</button>",
            look, url, urlencode({TOKEN: secrets.token_urlsafe(12), **query}), label,
        )  # fmt: skip


class Archives(Desk):
    """Deleting archives the row: it leaves the list and stays in history."""

    actions = ["archive_selected"]
    delete_confirmation_template = "admin/api/archive_confirmation.html"

    def archive(self, request: HttpRequest, key: int) -> None:
        """Archive the row `key` by an action. Raises DomainError."""
        raise NotImplementedError

    def worth_knowing(self, row: Any) -> Text:
        """What to tell the person before this row is archived; "" for nothing."""
        return ""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {name: found for name, found in super().get_actions(request).items() if name != "delete_selected"}

    @admin.action(description=_("Archive the selected"))
    def archive_selected(self, request: HttpRequest, queryset: "QuerySet[Any]") -> HttpResponse | None:
        rows = queryset.filter(archived_at__isnull=True)
        if not request.POST.get("confirmed"):
            context = {
                **self.admin_site.each_context(request), "opts": self.opts, "media": self.media,
                "rows": [(row, self.worth_knowing(row)) for row in rows],
                "chosen": request.POST.getlist("_selected_action"), "title": gettext("Archive"),
            }  # fmt: skip
            return TemplateResponse(request, "admin/api/archive_selected.html", context)
        text = ngettext_lazy("Archived %(count)d row.", "Archived %(count)d rows.", "count")
        for_each(self, request, rows, lambda row: self.archive(request, row.pk), text)
        return None

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Only the rows themselves: archiving deletes no other rows and needs no permission for them."""
        return [str(row) for row in objs], {}, set(), []

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.archive(request, obj.pk)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        context = {**(extra_context or {}), "worth_knowing": self.worth_knowing(row) if row else ""}
        try:
            return super().delete_view(request, object_id, context)
        except DomainError as error:
            self.message_user(request, str(error.detail), messages.ERROR)
            return HttpResponseRedirect(self.address("change", unquote(object_id)))

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        self.message_user(request, gettext("“%(row)s” is archived.") % {"row": obj_display}, messages.SUCCESS)
        return HttpResponseRedirect(self.address("changelist"))


class ArchivedFilter(admin.SimpleListFilter):
    """Shows rows that are in use by default."""

    title = _("archive")
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Text]]:
        return [("yes", _("archived")), ("all", _("in use and archived"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() == "all" or request.resolver_match is None:
            return queryset
        return queryset.filter(archived_at__isnull=self.value() != "yes")

    def choices(self, changelist: Any) -> Iterator[Any]:
        return renamed(super().choices(changelist), _("in use"))


def renamed(choices: Iterable[Any], first: Text) -> Iterator[Any]:
    """A filter's choices with another name for the first, which is the default here, not "all"."""
    for position, choice in enumerate(choices):
        yield choice if position else {**choice, "display": first}


def for_each(
    desk: admin.ModelAdmin, request: HttpRequest, rows: Iterable[Model], do: Callable[[Any], Any], text: Text
) -> None:
    """Call `do` for each row. Shows its errors, and in `text` how many rows succeeded, if any."""
    done = 0
    for row in rows:
        try:
            do(row)
            done += 1
        except DomainError as error:
            desk.message_user(request, f"{row}: {error.detail}", messages.ERROR)
    if done:
        desk.message_user(request, text % {"count": done}, messages.SUCCESS)


def link(page: str, key: int | None, text: object) -> SafeString | str:
    """A link to the page of the row `key`; EMPTY without one."""
    if key is None:
        return EMPTY
    return format_html('<a href="{}">{}</a>', reverse(f"admin:api_{page}_change", args=[key]), text)


def badge(text: object, look: str = "secondary") -> SafeString:
    """A coloured badge; `look` is a Bootstrap colour."""
    return format_html('<span class="badge text-bg-{}">{}</span>', look, text)


def changes_table(versions: QuerySet[Any], in_words: Callable[[Any, Any], list[str]]) -> SafeString:
    """The latest versions of a row, each with its changes. in_words: tells these of a version and the one before."""
    latest = list(versions.select_related("user", "device").order_by("-revision")[: LATEST + 1])
    pairs = zip(latest, [*latest[1:], None], strict=True)
    return table("changes", [(version, in_words(version, before)) for version, before in pairs][:LATEST])


def table(template: str, rows: Sequence[Any], **context: Any) -> SafeString:
    """A read-only table within a form."""
    return render_to_string(f"admin/api/{template}.html", {"rows": rows, **context})
