"""Exports of sheets. The headers are those that an import recognises, so an export can be imported again."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from django.utils.translation import gettext as _

from api.models import Barcode, Import, Order, OrderLine, Product
from api.sheets import columns

AT_ONCE = 2000
"""How many rows are fetched from the database at a time."""
Rows = Iterator[Sequence[Any]]


def rows(kind: str, ids: Sequence[int] | None = None) -> Rows:
    """The header and the rows of a kind of sheet (`Import.Kind`), a few at a time. ids: only these products or orders;
    None: all.

    The texts are in the language that is active now.
    """
    header = [columns.title(field) for field in columns.KINDS[kind]]
    further, found = _EXPORTS[kind](ids)
    return chain([[*header, *further]], found)


def _live(ids: Sequence[int] | None) -> Any:
    products = Product.objects.live().order_by("id")
    return products if ids is None else products.filter(pk__in=ids)


def _products(ids: Sequence[int] | None) -> tuple[list[str], Iterable[Any]]:
    found = _live(ids).values_list("sku", "name", "location", "min_quantity", "quantity")
    return [_("On hand")], found.iterator(AT_ONCE)


def _stock(ids: Sequence[int] | None) -> tuple[list[str], Iterable[Any]]:
    found = _live(ids).values_list("sku", "quantity", "name", "location")
    return [columns.title(columns.NAME), _("Location")], found.iterator(AT_ONCE)


def _barcodes(ids: Sequence[int] | None) -> tuple[list[str], Iterable[Any]]:
    found = Barcode.objects.filter(product__in=_live(ids)).order_by("product", "id")
    return [], found.values_list("product__sku", "code", "pieces").iterator(AT_ONCE)


def _orders(ids: Sequence[int] | None) -> tuple[list[str], Iterable[Any]]:
    lines = OrderLine.objects.filter(removed_at__isnull=True, order__archived_at__isnull=True).order_by("order", "id")
    lines = lines if ids is None else lines.filter(order__in=ids)
    statuses = {str(value): str(label) for value, label in Order.Status.choices}
    fields = ("order__outside_number", "order__customer_name", "sku", "quantity_to_pick", "order__due_on",
              "order__note", "quantity_picked", "order__status", "order")  # fmt: skip
    return [_("Picked"), _("Status")], (
        (number or f"#{order}", customer, sku, to_pick, due and due.isoformat(), note, picked, statuses[status])
        for number, customer, sku, to_pick, due, note, picked, status, order in
        lines.values_list(*fields).iterator(AT_ONCE)
    )  # fmt: skip


_EXPORTS: dict[str, Callable[[Sequence[int] | None], tuple[list[str], Iterable[Any]]]] = {
    Import.Kind.PRODUCTS: _products,
    Import.Kind.STOCK: _stock,
    Import.Kind.BARCODES: _barcodes,
    Import.Kind.ORDERS: _orders,
}
"""By kind of sheet: a function that returns the headers after those of an import, and the rows."""
