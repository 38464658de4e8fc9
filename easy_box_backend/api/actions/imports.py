"""Imports of sheets: upload, say how it is read, check, book all of it or nothing, take the last one back.

The long functions (check, run, undo) yield their progress. They run while the answer is being sent, so that they need
no worker; if the reader goes away, the transaction is rolled back.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from api import revision
from api.actions import import_booking, import_plans, import_rows, import_undo
from api.actions.import_rows import Reading, Steps
from api.actor import Actor
from api.errors import Conflict, Invalid, NoSuch
from api.models import Import, SheetColumns
from api.sheets import Unreadable, columns, files
from api.texts import cut, storable

Status = Import.Status


class NoSuchImport(NoSuch):
    code, sentence = "no_such_import", gettext_lazy("There is no such import.")


class BadSheet(Invalid):
    """The file cannot be read, or a required column is missing."""

    code = "bad_sheet"


class NotNow(Conflict):
    """The import's status does not allow this, or the data have changed since it was checked."""

    code = "not_now"


def upload(kind: str, file_name: str, content: bytes, *, by: Actor) -> Import:
    """Store a file, with the columns that are remembered or recognised. Raises BadSheet."""
    first = head(content, Reading())
    reading = Reading(header=columns.header_at(first, kind))
    reading.columns = remembered(kind, columns.headers(first, reading.header))
    return Import.objects.create(
        kind=kind, file_name=cut(storable(file_name), 255), content=content, reading=asdict(reading), user=by.user,
        created_at=by.at,
    )  # fmt: skip


def head(content: bytes, reading: Reading) -> list[files.Row]:
    """The first rows of a file; the header is one of them. Raises BadSheet."""
    first: list[files.Row] = []
    try:
        for row in files.rows(content, reading.encoding, reading.delimiter):
            first.append(row)
            if len(first) == columns.HEADER_WITHIN + 5:
                break
    except Unreadable as error:
        raise BadSheet(error.reason, field="file") from error
    if not any(any(row) for row in first):
        raise BadSheet(gettext_lazy("The file is empty."), field="file")
    return first


def remembered(kind: str, headers: Sequence[str]) -> dict[str, int]:
    """The place of the column by field: as somebody chose for these headers, or else as `columns.guess` finds it."""
    known = SheetColumns.objects.filter(kind=kind, headers=columns.digest(headers)).first()
    if known is None:
        return columns.guess(kind, headers)
    return {name: headers.index(word) for name, word in known.columns.items() if word in headers}


@transaction.atomic
def read_again(import_id: int, reading: Reading, *, by: Actor) -> Import:
    """Read the file with another encoding, delimiter or header, and recognise its columns again.

    Raises BadSheet, NoSuchImport, and NotNow after it was imported.
    """
    found = _locked(import_id, Status.NEW, Status.CHECKED)
    first = head(bytes(found.content or b""), reading)
    reading.header = min(reading.header, len(first) - 1)
    reading.columns = remembered(found.kind, columns.headers(first, reading.header))
    found.reading, found.report, found.status = asdict(reading), {}, Status.NEW
    found.save(update_fields=["reading", "report", "status"])
    return found


@transaction.atomic
def read_as(import_id: int, reading: Reading, *, by: Actor) -> Import:
    """Set how a file is read, and remember its columns for files with the same headers. It must then be checked again.

    Raises BadSheet, NoSuchImport, and NotNow after it was imported.
    """
    found = _locked(import_id, Status.NEW, Status.CHECKED)
    first = head(bytes(found.content or b""), reading)
    if reading.header >= len(first):
        raise BadSheet(gettext_lazy("The file does not have this row."), field="header")
    for field in columns.KINDS[found.kind]:
        if field.required and field.name not in reading.columns:
            raise BadSheet(_("Say which column holds: %(field)s.") % {"field": field.label}, field=field.name)
    if len(set(reading.columns.values())) < len(reading.columns):
        raise BadSheet(gettext_lazy("One column cannot hold two things."), field="columns")
    headers = columns.headers(first, reading.header)
    words = {name: headers[column] for name, column in reading.columns.items() if column < len(headers)}
    if len(set(words.values())) == len(words) and all(words.values()):
        SheetColumns.objects.update_or_create(
            kind=found.kind, headers=columns.digest(headers), defaults={"columns": words}
        )
    found.reading, found.report, found.status = asdict(reading), {}, Status.NEW
    found.save(update_fields=["reading", "report", "status"])
    return found


def check(import_id: int, *, by: Actor) -> Steps[Import]:
    """The dry run: find out what an import would do, and keep it as the report.

    Raises BadSheet, NoSuchImport, and NotNow after it was imported.
    """
    found = _get(import_id, Status.NEW, Status.CHECKED)
    table = yield from _read(found)
    plan = yield from import_plans.make(found.kind, table, Reading(**found.reading), locked=False)
    found.report, found.status = plan.report(), Status.CHECKED
    Import.objects.filter(pk=import_id, status__in=[Status.NEW, Status.CHECKED], reading=found.reading).update(
        report=found.report, status=found.status
    )
    return found


def run(import_id: int, *, leave_out: bool = False, by: Actor) -> Steps[Import]:
    """Book a checked import: all of it, in one transaction, or nothing.

    leave_out: import it without its wrong rows. Raises BadSheet, NoSuchImport, and NotNow if it is not checked, has
    open questions, or would do something else now.
    """
    found = _get(import_id, Status.CHECKED)
    reading = Reading(**found.reading)
    if not is_ready(found, leave_out=leave_out):
        raise NotNow(gettext_lazy("Answer the questions and look at the wrong rows first."))
    table = yield from _read(found)
    with transaction.atomic():
        found, since = _locked(import_id, Status.CHECKED), revision.current()
        plan = yield from import_plans.make(found.kind, table, reading, locked=True)
        if found.reading != asdict(reading) or _essence(plan.report()) != _essence(found.report):
            raise NotNow(gettext_lazy("Products or orders have changed since the check. Check again."))
        Import.objects.filter(status=Status.DONE).update(did={})  # only the last one can be taken back
        number = revision.ahead()
        found.did = yield from import_booking.BOOKING[found.kind](plan, reading, number, by)
        found.revision, found.status, found.done_at, found.content = number, Status.DONE, by.at, None
        found.save(update_fields=["did", "revision", "status", "done_at", "content"])
        revision.reach(number)
        if look_again := import_booking.AT_THE_END.get(found.kind):
            look_again(plan, since, number)
    return found


def is_ready(found: Import, *, leave_out: bool = False) -> bool:
    """Whether an import can be booked: checked, no open question, and no wrong row, unless those are left out."""
    report = found.report
    if found.status != Status.CHECKED or report["unclear"] or report["meant"]:
        return False
    return bool(report["to_do"]) and (not report["bad"] or leave_out)


def undo(import_id: int, *, by: Actor) -> Steps[Import]:
    """Take the last import back, as far as nothing has happened since. The report says what stayed, and why.

    Raises NoSuchImport, and NotNow if it is not the last one.
    """
    with transaction.atomic():
        found = _locked(import_id, Status.DONE)
        if not is_last(found):
            raise NotNow(gettext_lazy("Only the last import can be taken back."))
        number = revision.ahead()
        found.report["left"] = yield from import_undo.UNDOING[found.kind](found, number, by)
        found.status, found.undone_at, found.did = Status.UNDONE, by.at, {}
        found.save(update_fields=["report", "status", "undone_at", "did"])
        revision.reach(number)
    return found


def is_last(found: Import) -> bool:
    """Whether this is the import that was booked last."""
    done = Import.objects.filter(status__in=[Status.DONE, Status.UNDONE]).order_by("-done_at", "-id")
    return found.pk == done.values_list("pk", flat=True).first()


def _get(import_id: int, *statuses: str) -> Import:
    found = Import.objects.filter(pk=import_id).first()
    if found is None:
        raise NoSuchImport(import_id)
    if found.status not in statuses:
        raise NotNow(_("This import is: %(status)s.") % {"status": found.get_status_display()})
    return found


def _locked(import_id: int, *statuses: str) -> Import:
    Import.objects.select_for_update().filter(pk=import_id).values_list("pk").first()
    return _get(import_id, *statuses)


def _read(found: Import) -> Steps[Any]:
    try:
        return (yield from import_rows.read(bytes(found.content or b""), Reading(**found.reading)))
    except Unreadable as error:
        raise BadSheet(error.reason, field="file") from error


def _essence(report: dict[str, Any]) -> dict[str, Any]:
    """The part of a report that must be the same at the check and at the import. Without sentences, which depend on the
    reader's language, and without how many of the counted products agree, since a receipt changes that."""
    kept = {name: report[name] for name in ("rows", "new", "to_do", "meant", "unclear")}
    return {**kept, "bad": [row for row, _reason in report["bad"]]}
