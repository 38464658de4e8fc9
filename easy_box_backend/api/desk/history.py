"""The history of a product in one list: its movements and the changes of its description."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import pairwise

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.models import Product, ProductVersion, StockMovement
from api.rest.requests import parse_id

LATEST = 30
"""How many entries a page has."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the history. row: the movement or version, with its user and device. changes: of the description, in
    words. movement: None for a change of the description."""

    at: datetime
    row: StockMovement | ProductVersion
    changes: list[str]
    movement: StockMovement | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A page of the history, the latest entry first. older: the query string of the next page, "" if there is none."""

    entries: list[Entry]
    older: str


def history(request: HttpRequest, product: Product) -> History:
    """The page that follows the movement and the version named in the query, with which the page before ended."""
    bounds = {name: parse_id(request.GET.get(name, "")) for name in ("movement", "version")}
    movements = product.movements.select_related("user", "device", "order_line", "reversed_by").order_by("-id")
    versions = product.versions.select_related("user", "device").order_by("-revision")
    if bounds["movement"] is not None:
        movements = movements.filter(id__lt=bounds["movement"])
    if bounds["version"] is not None:
        versions = versions.filter(revision__lt=bounds["version"])
    # Movements and versions each stay in their own order, even if a clock was wrong. So the next page can continue
    # after the last of each.
    merged = merge(_of_movements(movements), _of_versions(versions), reverse=True,
                   key=lambda entry: (entry.at, entry.movement is not None))  # fmt: skip
    found = list(merged)
    shown = found[:LATEST]
    if len(found) == len(shown):
        return History(shown, "")
    for entry in shown:
        bounds["movement" if entry.movement else "version"] = (
            entry.movement.pk if entry.movement else getattr(entry.row, "revision", None)
        )
    return History(shown, "?" + "&".join(f"{name}={bound}" for name, bound in bounds.items() if bound is not None))


def _of_movements(movements: "QuerySet[StockMovement]") -> Iterator[Entry]:
    for movement in movements[: LATEST + 1]:
        yield Entry(movement.recorded_at, movement, [], movement)


def _of_versions(versions: "QuerySet[ProductVersion]") -> Iterator[Entry]:
    rows: list[ProductVersion | None] = [*versions[: LATEST + 2]]
    if len(rows) < LATEST + 2:
        rows.append(None)  # the oldest of these is the first version
    for version, before in pairwise(rows):
        if version is not None:
            yield Entry(version.changed_at, version, what_changed(version, before))


def what_changed(version: ProductVersion, before: ProductVersion | None) -> list[str]:
    """The changes of a version in words. before: the version before it, None for the first."""
    if before is None:
        return [gettext("Created")]
    names = {"sku": _("SKU"), "name": _("name"), "location": _("location"), "min_quantity": _("minimum")}
    changes = [
        gettext("%(field)s: %(old)s → %(new)s") % {"field": name, "old": _shown(old), "new": _shown(new)}
        for field, name in names.items()
        if (old := getattr(before, field)) != (new := getattr(version, field)) and None not in (old, new)
    ]
    if version.image != before.image:
        changes.append(gettext("New photo"))
    changes += _barcodes(before.barcodes or {}, version.barcodes or {})
    if version.archived != before.archived:
        changes.append(gettext("Archived") if version.archived else gettext("Brought back from the archive"))
    return changes or [gettext("Check mark changed")]


def _barcodes(old: dict[str, int], new: dict[str, int]) -> list[str]:
    added = [code if pieces == 1 else f"{code} × {pieces}" for code, pieces in new.items() if old.get(code) != pieces]
    gone = [code for code in old if code not in new]
    texts = {gettext("Barcode added: %(codes)s"): added, gettext("Barcode removed: %(codes)s"): gone}
    return [text % {"codes": ", ".join(codes)} for text, codes in texts.items() if codes]


def _shown(value: object) -> object:
    return "–" if value == "" else value
