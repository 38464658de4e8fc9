"""Products: the list with its search, editing shelf and minimum in a row or of many at once, and a product's page."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from api.actions import barcodes, counts, many_products, products, reversing, stock
from api.actor import Actor
from api.desk.base import actor, once, person, rows_of, stock_page, tell
from api.desk.history import history
from api.desk.products_forms import (
    AdjustForm,
    BarcodeForm,
    CodeForm,
    CountForm,
    DescriptionForm,
    Form,
    ManyForm,
    MovementForm,
    NewForm,
    NoForm,
    PhotoForm,
    ReceiveForm,
    RowForm,
    show_error,
)
from api.discrepancies import words
from api.errors import DomainError, Stale, Text
from api.models import Discrepancy, Order, OrderLine, Product, ProductText, Unindexed
from api.rest.requests import parse_id
from api.texts import check_digit_ok

MOST_AT_ONCE = 500

STOCKS: dict[str, tuple[Text, Q]] = {
    "": (_("All in use"), Q()),
    "low": (_("Below the minimum"), Q(product__in=Product.objects.live().low())),
    "none": (_("None on hand"), Q(product__quantity=0)),
    "negative": (_("Below zero"), Q(product__quantity__lt=0)),
    "unverified": (_("Without a name"), Q(product__in=Product.objects.live().filter(unverified=True))),
    "archived": (_("Archived"), Q(product__archived_at__isnull=False)),
}
SORTS: dict[str, tuple[Text, str]] = {
    "": (_("By name"), "name"),
    "-name": (_("By name, from the end"), "-name"),
    "sku": (_("By SKU"), "product__sku"),
    "shelf": (_("By location"), "product__location"),
    "-shelf": (_("By location, from the end"), "-product__location"),
    "quantity": (_("On hand, fewest first"), "product__quantity"),
    "-quantity": (_("On hand, most first"), "-product__quantity"),
    "changed": (_("Changed last"), "-product__revision"),
}


# --- The list -------------------------------------------------------------------------------------------------------
@stock_page
def product_list(request: HttpRequest) -> HttpResponseBase:
    """All products, or those that are searched for. A whole code and Enter, as a scanner sends, opens its product."""
    asked, chosen, sort = (request.GET.get(name, "") for name in ("q", "stock", "sort"))
    if request.GET.get("open") and (found := Product.objects.by_code(asked)):
        return HttpResponseRedirect(address(found.pk))
    rows = rows_of(request, texts_of(asked, chosen, SORTS.get(sort, SORTS[""])[1]).only("pk"))
    products = Product.objects.in_bulk([text.pk for text in rows.list])
    context = {
        "rows": rows, "products": with_promised([products[text.pk] for text in rows.list]), "asked": asked,
        "stock": chosen, "sort": sort, "stocks": {key: label for key, (label, _only) in STOCKS.items()},
        "sorts": {key: label for key, (label, _order) in SORTS.items()},
    }  # fmt: skip
    return render(request, "desk/_products.html" if is_part(request) else "desk/products.html", context)


def texts_of(asked: str, chosen: str, column: str) -> QuerySet[ProductText]:
    """The products that are searched for, sorted by a column; "-" before its name: descending.

    asked: the words. chosen: a key of STOCKS. Where few products match, they are looked up first and then sorted; a
    word of three letters or more can be looked up in an index.
    """
    texts = ProductText.objects.matching(asked).filter(STOCKS.get(chosen, STOCKS[""])[1])
    if chosen != "archived":
        texts = texts.filter(product__archived_at__isnull=True) if chosen or "__" in column else texts.live()
    are_few = chosen or any(len(word) >= 3 for word in asked.split())
    order = Unindexed(column.lstrip("-")) if are_few else F(column.lstrip("-"))
    return texts.order_by(OrderBy(order, descending=column.startswith("-")), "product_id")


def with_promised(found: list[Product]) -> list[Product]:
    """These products, each with the pieces that are `promised` to running orders, and those that are `free`."""
    waiting = OrderLine.objects.promised([product.pk for product in found])
    for product in found:
        product.promised = waiting.get(product.pk, 0)  # type: ignore[attr-defined]
        product.free = product.quantity - product.promised  # type: ignore[attr-defined]
    return found


def is_part(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page."""
    return bool(getattr(request, "htmx", False))


def address(product_id: int) -> str:
    """The address of a product's page."""
    return reverse("desk:product", args=[product_id])


@stock_page
def product_row(request: HttpRequest, key: int) -> HttpResponseBase:
    """Set the shelf or the minimum in a row of the list. What somebody else changed meanwhile is not overwritten."""
    product = get_object_or_404(Product, id=key)
    form, problem = RowForm(request.POST or None), ""
    if request.method == "POST":
        problem = str(set_in_row(product, form, actor(request))) if form.is_valid() else form.problem
        product.refresh_from_db()
    if is_part(request):
        with_promised([product])
        context = {"product": product, "problem": problem, "of_minimum": "min_quantity" in request.POST}
        return render(request, "desk/_product_row.html", context)
    if problem:
        tell(request, problem, "bad")
    return HttpResponseRedirect(reverse("desk:products"))


def set_in_row(product: Product, form: RowForm, by: Actor) -> Text:
    """Set the field that a row sent. Returns why it was show_error, "" if it was set.

    Only this field must be as the person saw it: the field typed before it may be saved at the same time. So if the
    product has a newer revision, the field is compared again, up to three times.
    """
    for name, value in form.changes().items():
        for is_last in (False, False, True):
            now = getattr(product, name)
            if str(now) != form.cleaned_data["was"] and now != value:
                return gettext("Changed meanwhile, now: %(now)s") % {"now": now or "–"}
            try:
                products.update(product.pk, {name: value}, revisions_held=[product.revision], by=by)
                break
            except Stale as error:
                if is_last:
                    return error.detail
                product.refresh_from_db()
            except DomainError as error:
                return error.detail
    return ""


# --- Many at once ---------------------------------------------------------------------------------------------------
@stock_page
def bulk(request: HttpRequest) -> HttpResponseBase:
    """Do one thing to the chosen products: print labels, export, set shelf and minimum, or archive."""
    ids = {found for text in request.POST.getlist("product")[:MOST_AT_ONCE] if (found := parse_id(text)) is not None}
    verb, listed = request.POST.get("do", ""), reverse("desk:products")
    if not ids:
        tell(request, _("Choose products first."), "bad")
        return HttpResponseRedirect(listed)
    if verb == "labels":
        return HttpResponseRedirect(f"{reverse('desk:labels')}?{urlencode({'product': sorted(ids)}, doseq=True)}")
    if verb == "export":
        chosen = {"export": "products", "format": "xlsx", "id": sorted(ids)}
        return HttpResponseRedirect(f"{reverse('desk:sheets')}?{urlencode(chosen, doseq=True)}")
    form = ManyForm(request.POST if verb == "save" else None)
    if verb == "archive" or (verb == "save" and form.is_valid()):
        return once(request, lambda: act_on_many(request, ids, form, verb))
    return bulk_page(request, ids, form)


def bulk_page(request: HttpRequest, ids: Iterable[int], form: ManyForm) -> HttpResponse:
    """The page with the chosen products and the form for them."""
    chosen = with_promised(list(Product.objects.live().filter(id__in=ids).order_by("text__name", "id")))
    return render(request, "desk/products_bulk.html", {"products": chosen, "form": form})


def act_on_many(request: HttpRequest, ids: set[int], form: ManyForm, verb: str) -> HttpResponse:
    """Archive or change these products. verb: "archive" or "save"."""
    by = actor(request)
    try:
        if verb == "archive":
            count = many_products.archive(ids, by=by)
            text = ngettext("%(count)s product is archived.", "%(count)s products are archived.", count)
        else:
            count = many_products.update(ids, form.changes(), by=by)
            text = ngettext("%(count)s product is changed.", "%(count)s products are changed.", count)
    except DomainError as error:
        form.add_error(None, str(error.detail))
        return bulk_page(request, ids, form)
    tell(request, text % {"count": words.number(count)})
    return HttpResponseRedirect(reverse("desk:products"))


# --- One product ----------------------------------------------------------------------------------------------------
@stock_page
def new(request: HttpRequest) -> HttpResponseBase:
    """Create a product."""
    form = NewForm(request.POST or None, request.FILES or None, initial={"sku": request.GET.get("sku", "")})
    if request.method == "POST" and form.is_valid():
        return once(request, lambda: create(request, form))
    return render(request, "desk/product_new.html", {"form": form})


def create(request: HttpRequest, form: NewForm) -> HttpResponse:
    """Create the product of a valid form."""
    try:
        made = products.create(**form.cleaned_data, by=actor(request))
    except DomainError as error:
        show_error(form, error)
        return render(request, "desk/product_new.html", {"form": form})
    tell(request, gettext("“%(row)s” is created.") % {"row": made})
    return HttpResponseRedirect(address(made.pk))


@stock_page
def product(request: HttpRequest, key: int) -> HttpResponseBase:
    """A product, its history, and a form for each thing that can be done to it."""
    found = get_object_or_404(Product, id=key)
    forms = {verb: form(product=found, prefix=verb) for verb, (form, _do) in VERBS.items()}
    verb = request.POST.get("do", "")
    if verb == "reverse" and not person(request).is_manager:
        raise PermissionDenied
    if request.method == "POST" and verb in VERBS:
        sent = VERBS[verb][0](request.POST, request.FILES, product=found, prefix=verb)
        forms[verb] = sent
        if sent.is_valid():  # before the transaction, since preparing a photo takes time
            return once(request, lambda: act(request, found, forms, verb))
    return product_page(request, found, forms)


def act(request: HttpRequest, found: Product, forms: dict[str, Form], verb: str) -> HttpResponse:
    """Do what a valid form asks for."""
    try:
        message = VERBS[verb][1](found, forms[verb].cleaned_data, actor(request))
    except DomainError as error:
        show_error(forms[verb], error)
        return product_page(request, found, forms)
    tell(request, message)
    return HttpResponseRedirect(address(found.pk))


def product_page(request: HttpRequest, found: Product, forms: dict[str, Form]) -> HttpResponse:
    """The page of a product. forms: by verb, with their errors if one was show_error."""
    found.refresh_from_db()
    with_promised([found])
    codes = list(found.barcodes.all())
    for row in codes:
        row.is_odd = check_digit_ok(row.code) is False  # type: ignore[attr-defined]
    context = {
        "product": found, "forms": forms, "barcodes": codes, "history": history(request, found),
        "orders": Order.objects.waiting_for(found.pk).order_by("id")[:20],
        "questions": Discrepancy.objects.open().filter(product=found).order_by("id")[:20],
        "problems": [text for form in forms.values() if isinstance(form, MovementForm | NoForm | CodeForm)
                     for text in form.problems()],
    }  # fmt: skip
    return render(request, "desk/product.html", context)


# --- What can be done to a product. Each function returns the message for the person --------------------------------
def describe(found: Product, data: dict[str, Any], by: Actor) -> Text:
    products.update(found.pk, data["changes"], by=by)
    return _("Saved.")


def verify(found: Product, data: dict[str, Any], by: Actor) -> Text:
    products.update(found.pk, {"unverified": not found.unverified}, by=by)
    return _("Saved.")


def photograph(found: Product, data: dict[str, Any], by: Actor) -> Text:
    products.update(found.pk, {}, photo=data["photo"], by=by)
    return _("The new photo is saved.")


def receive(found: Product, data: dict[str, Any], by: Actor) -> Text:
    return on_hand_now(stock.receive(found.pk, data["quantity"], by=by).quantity_after)


def count(found: Product, data: dict[str, Any], by: Actor) -> Text:
    made, _later = counts.count(found.pk, data["counted"], counted_at=by.at, by=by)
    return on_hand_now(made.quantity_after)


def adjust(found: Product, data: dict[str, Any], by: Actor) -> Text:
    made = stock.adjust(found.pk, data["quantity_delta"], reason=data["reason"], by=by)
    return on_hand_now(made.quantity_after)


def on_hand_now(quantity: int) -> str:
    """The message that says the new quantity on hand."""
    return gettext("On hand now: %(quantity)s.") % {"quantity": words.number(quantity)}


def add_barcode(found: Product, data: dict[str, Any], by: Actor) -> Text:
    row = barcodes.add(found.pk, data["code"], pieces=data["pieces"] or 1, by=by)
    if check_digit_ok(row.code) is False:
        text = gettext("The barcode %(code)s is saved. Its check digit is wrong: is it a typing error?")
        return text % {"code": row.code}
    return gettext("The barcode %(code)s is saved.") % {"code": row.code}


def remove_barcode(found: Product, data: dict[str, Any], by: Actor) -> Text:
    barcodes.remove(found.pk, data["code"], by=by)
    return gettext("The barcode %(code)s is removed.") % {"code": data["code"]}


def reverse_movement(found: Product, data: dict[str, Any], by: Actor) -> Text:
    reversing.reverse(data["movement"], by=by)
    return _("The movement is reversed.")


def archive(found: Product, data: dict[str, Any], by: Actor) -> Text:
    products.archive(found.pk, by=by)
    return gettext("“%(row)s” is archived.") % {"row": found}


def unarchive(found: Product, data: dict[str, Any], by: Actor) -> Text:
    products.unarchive(found.pk, by=by)
    return gettext("“%(row)s” is back on the list.") % {"row": found}


VERBS: dict[str, tuple[type[Form], Callable[[Product, dict[str, Any], Actor], Text]]] = {
    "describe": (DescriptionForm, describe),
    "verify": (NoForm, verify),
    "photo": (PhotoForm, photograph),
    "receive": (ReceiveForm, receive),
    "count": (CountForm, count),
    "adjust": (AdjustForm, adjust),
    "barcode": (BarcodeForm, add_barcode),
    "unbarcode": (CodeForm, remove_barcode),
    "reverse": (MovementForm, reverse_movement),
    "archive": (NoForm, archive),
    "unarchive": (NoForm, unarchive),
}
"""By the value of `do`: the form of a verb, and the function that does it."""

urls = [
    path("products/", product_list, name="products"),
    path("products/new/", new, name="product_new"),
    path("products/bulk/", bulk, name="products_bulk"),
    path("products/<int:key>/", product, name="product"),
    path("products/<int:key>/row/", product_row, name="product_row"),
]
