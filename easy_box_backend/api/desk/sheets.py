"""Import and export: upload a sheet, choose its columns, check what it would do, import it, take it back.

Long work runs while its page is being sent, and the page shows the progress. So it needs no worker and no script.
Closing the page stops the work, and then nothing is changed.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any

from django import forms
from django.db import OperationalError
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import timezone, translation
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from openpyxl.utils import get_column_letter

from api.actions import exports, imports
from api.actions.import_rows import Reading, Steps
from api.desk.base import actor, once, page, rows_of, tell
from api.errors import DomainError
from api.models import Import
from api.rest.requests import parse_id
from api.sheets import columns, files, writing
from api.texts import tidy

log = logging.getLogger(__name__)

BAD_SHOWN = 200
"""How many wrong rows are on the page. All of them are in a file to download."""
PREVIEWED = 8
"""How many rows the preview shows."""
STEP_SECONDS = 0.5
"""The least time between two steps of the progress, in seconds."""
_HERE = "<!-- steps -->"
"""Marks the place of the progress in the page."""


class UploadForm(forms.Form):
    """A file and what it holds."""

    kind = forms.ChoiceField(label=_("What the sheet has"), choices=Import.Kind.choices)
    file = forms.FileField(
        label=_("File"), help_text=_("CSV or XLSX, up to 20 MB and 100,000 rows."),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
    )  # fmt: skip

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > files.MAX_BYTES:
            raise forms.ValidationError(gettext("The file is too large. The limit is %(most)s MB.") % {"most": 20})
        return file


class FileForm(forms.Form):
    """How the file is read. first: its first rows, from which the header is chosen."""

    header = forms.TypedChoiceField(label=_("Row with the headers"), coerce=int)
    encoding = forms.ChoiceField(label=_("Encoding"), required=False)
    delimiter = forms.ChoiceField(label=_("Columns are separated by"), required=False)

    def __init__(self, found: Import, first: list[files.Row], data: Any) -> None:
        super().__init__(data, initial=found.reading)
        _choose(self, "header", [(at, _row_label(at, row)) for at, row in enumerate(first)])
        if files.is_xlsx(bytes(found.content or b"")):
            del self.fields["encoding"], self.fields["delimiter"]
        else:
            automatic = [("", gettext("find out"))]
            _choose(self, "encoding", [*automatic, *files.ENCODINGS.items()])
            _choose(self, "delimiter", [*automatic, *files.DELIMITERS.items()])


def _choose(form: forms.Form, name: str, choices: list[Any]) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices


class ColumnsForm(forms.Form):
    """Which column holds which field, and the answers to the questions of the last check."""

    def __init__(self, found: Import, headers: list[str], data: Any) -> None:
        super().__init__(data)
        self.names = list(columns.fields(found.kind))
        letters = [(at, f"{get_column_letter(at + 1)}: {header}"[:60]) for at, header in enumerate(headers)]
        for field in columns.KINDS[found.kind]:
            choices = [("", "–"), *letters]
            self.fields[f"column_{field.name}"] = forms.TypedChoiceField(
                label=capfirst(str(field.label)), choices=choices, coerce=int, empty_value=None,
                required=field.required, initial=found.reading["columns"].get(field.name, ""),
            )  # fmt: skip
        if found.kind == Import.Kind.STOCK:
            self.fields["counted_at"] = forms.DateTimeField(
                label=_("Counted at"), required=False, help_text=_("What moved since then is added. Empty: now."),
                initial=found.reading["counted_at"] and datetime.fromisoformat(found.reading["counted_at"]),
                widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            )  # fmt: skip
        self._ask(found)

    def _ask(self, found: Import) -> None:
        """Add fields for the questions of the last check."""
        meant, unclear = found.report.get("meant"), found.report.get("unclear")
        if meant or found.reading["meant"]:
            self.fields["meant"] = forms.ChoiceField(
                label=_("A spreadsheet has changed some SKUs. Are the SKUs on the right meant?"), required=False,
                choices=[("yes", _("Yes, those on the right")), ("no", _("No, take them as they are written"))],
                widget=forms.RadioSelect, initial=found.reading["meant"],
            )  # fmt: skip
        if unclear or found.reading["decimal"]:
            self.fields["decimal"] = forms.ChoiceField(
                label=_("What separates the decimal places of the numbers?"), required=False,
                choices=[(",", _("The comma: 5,000 is five, 5.000 is five thousand")),
                         (".", _("The point: 5.000 is five, 5,000 is five thousand"))],
                widget=forms.RadioSelect, initial=found.reading["decimal"],
            )  # fmt: skip

    def reading(self, before: Reading) -> Reading:
        """A reading with the columns and answers of the valid form. before: the reading so far."""
        given = self.cleaned_data
        chosen = {name: given[f"column_{name}"] for name in self.names}
        counted_at = given.get("counted_at")
        return replace(
            before, columns={name: column for name, column in chosen.items() if column is not None},
            meant=given.get("meant", ""), decimal=given.get("decimal", ""),
            counted_at=counted_at.isoformat() if counted_at else "",
        )  # fmt: skip


def _row_label(at: int, row: files.Row) -> str:
    cells = ", ".join(str(cell) for cell in row if cell not in (None, ""))
    return f"{at + 1}: {cells}"[:80]


# --- Pages --------------------------------------------------------------------------------------------------------
@page
def sheets(request: HttpRequest) -> HttpResponseBase:
    """The forms for upload and export, and the earlier imports."""
    if "export" in request.GET:
        return download(request)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return once(request, lambda: _upload(request, form))
    found = Import.objects.select_related("user").defer("content", "did", "report").order_by("-id")
    return render(
        request, "desk/sheets.html", {"form": form, "kinds": Import.Kind.choices, "rows": rows_of(request, found)}
    )


def _upload(request: HttpRequest, form: UploadForm) -> Any:
    file = form.cleaned_data["file"]
    try:
        found = imports.upload(form.cleaned_data["kind"], file.name, file.read(), by=actor(request))
    except DomainError as error:
        tell(request, error.detail, "bad")
        return HttpResponseRedirect(reverse("desk:sheets"))
    return HttpResponseRedirect(reverse("desk:sheet", args=[found.pk]))


@page
def sheet(request: HttpRequest, import_id: int) -> HttpResponseBase:
    """One import: its columns, what it would do, or what it did. `bad` in the query: its wrong rows as a file."""
    found = get_object_or_404(Import.objects.select_related("user"), pk=import_id)
    if "bad" in request.GET:
        header = [gettext("Row"), gettext("Reason")]
        return _csv(f"{found.kind}-{found.pk}.csv", iter([header, *found.report.get("bad", [])]))
    if found.status in (Import.Status.DONE, Import.Status.UNDONE):
        return _done(request, found)
    return _open(request, found)


def _done(request: HttpRequest, found: Import) -> HttpResponseBase:
    """The page of an import that was run. A POST takes it back."""
    if request.method == "POST":
        return _work(request, found, gettext("Taking back"), imports.undo(found.pk, by=actor(request)))
    context = {"sheet": found, "can_undo": found.status == Import.Status.DONE and imports.is_last(found)}
    return render(request, "desk/sheet_done.html", context)


def _open(request: HttpRequest, found: Import) -> HttpResponseBase:
    """The page of an import that was not run. A POST reads the file another way, checks it or runs it."""
    reading, by, do = Reading(**found.reading), actor(request), request.POST.get("do", "")
    if do == "run":
        leave_out = "leave_out" in request.POST
        return _work(request, found, gettext("Importing"), imports.run(found.pk, leave_out=leave_out, by=by))
    first = imports.head(bytes(found.content or b""), reading)
    headers = [tidy(str(text or "")) for text in columns.header_texts(first, reading.header)]
    file_form = FileForm(found, first, request.POST if do == "read" else None)
    columns_form = ColumnsForm(found, headers, request.POST if do == "check" else None)
    try:
        if do == "read" and file_form.is_valid():
            imports.read_again(found.pk, replace(reading, **file_form.cleaned_data), by=by)
            return HttpResponseRedirect(request.path)
        if do == "check" and columns_form.is_valid():
            imports.read_as(found.pk, columns_form.reading(reading), by=by)
            return _work(request, found, gettext("Checking"), imports.check(found.pk, by=by))
    except DomainError as error:
        tell(request, error.detail, "bad")
    bad = found.report.get("bad", [])
    context = {
        "sheet": found, "report": found.report, "file_form": file_form, "columns_form": columns_form,
        "preview": [(at + 1, row) for at, row in enumerate(first)][reading.header :][:PREVIEWED],
        "is_checked": found.status == Import.Status.CHECKED, "is_ready": imports.is_ready(found, leave_out=True),
        "bad": bad[:BAD_SHOWN], "more_bad": len(bad) - BAD_SHOWN, "meant": found.report.get("meant", [])[:BAD_SHOWN],
    }  # fmt: skip
    return render(request, "desk/sheet.html", context)


# --- Long work ----------------------------------------------------------------------------------------------------
def _work(request: HttpRequest, found: Import, title: str, steps: Steps[Import]) -> HttpResponseBase:
    """A page that is sent while the work is done. steps: does the work and yields its progress."""
    context = {"sheet": found, "title": title, "here": _HERE}
    before, after = render_to_string("desk/sheet_work.html", context, request).split(_HERE)
    answer = StreamingHttpResponse(_parts(before, after, steps, request.path, translation.get_language()))
    answer.headers["X-Accel-Buffering"] = "no"  # nginx would keep the progress until the end
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _parts(before: str, after: str, steps: Steps[Import], url: str, language: str | None) -> Iterator[str]:
    """The parts of such a page: what is before the progress, its steps, the result, what is after it."""
    yield before
    failure, shown = "", 0.0
    with translation.override(language):
        try:
            for step in steps:
                if monotonic() - shown >= STEP_SECONDS:
                    shown = monotonic()
                    yield render_to_string("desk/_sheet_step.html", step._asdict())
        except DomainError as error:
            failure = str(error.detail)
        except OperationalError:
            log.warning("The database was busy", exc_info=True)
            failure = gettext("The server is busy. Nothing was changed. Try again.")
        except Exception:  # the response has begun, so this page has to show the error
            log.exception("An import failed")
            failure = gettext("This did not work. Nothing was changed.")
        yield render_to_string("desk/_sheet_end.html", {"failure": failure, "url": url})
    yield after


# --- Export -------------------------------------------------------------------------------------------------------
def download(request: HttpRequest) -> HttpResponseBase:
    """The export of a request such as `?export=products&format=xlsx`, with `id` for each row if not all are wanted."""
    kind = request.GET["export"]
    if kind not in Import.Kind.values:
        raise Http404
    chosen = request.GET.getlist("id")
    ids = [key for text in chosen if (key := parse_id(text)) is not None]
    if chosen and not ids:
        tell(request, gettext("None of these can be exported: there are no such rows."), "bad")
        return HttpResponseRedirect(reverse("desk:sheets"))
    rows = exports.rows(kind, ids if chosen else None)
    name = f"{kind}-{timezone.localdate()}"
    if request.GET.get("format") == "csv":
        return _csv(f"{name}.csv", rows)
    return FileResponse(writing.xlsx_file(rows), as_attachment=True, filename=f"{name}.xlsx")


def _csv(name: str, rows: Iterator[Any]) -> HttpResponseBase:
    answer = StreamingHttpResponse(writing.csv_lines(rows), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


urls = [
    path("sheets/", sheets, name="sheets"),
    path("sheets/<int:import_id>/", sheet, name="sheet"),
]
