"""Products: their data, location, stock and history."""

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from api import images
from api.actions import products, stock
from api.admin.base import (
    EMPTY,
    LATEST,
    ActionForm,
    ArchivedFilter,
    Archives,
    Buttons,
    Text,
    TidyField,
    WholeInput,
    actor,
    badge,
    changes_table,
    table,
)
from api.discrepancies.case import number
from api.models import MAX_QUANTITY, Order, Product, ProductVersion

DESCRIPTIVE = ("sku", "name", "location", "min_quantity", "unverified")


class ProductForm(ActionForm):
    """The form also sends the values that it showed (`show_hidden_initial`). Only changed fields are written, so a page
    that was left open does not overwrite other people's work."""

    error_fields = {"quantity": "adjust_by"}

    photo = forms.FileField(
        label=_("new photo"), required=False, widget=forms.FileInput(attrs={"accept": "image/*"}),
        help_text=_("JPEG, PNG, WebP or HEIC, up to 20 MB."),
    )  # fmt: skip
    first_quantity = forms.IntegerField(
        label=_("on hand"), required=False, min_value=0, max_value=MAX_QUANTITY, initial=0,
        widget=WholeInput, help_text=_("The quantity on hand at the start."),
    )  # fmt: skip
    adjust_by = forms.IntegerField(
        label=_("adjust by"), required=False, min_value=-MAX_QUANTITY, max_value=MAX_QUANTITY,
        widget=WholeInput, help_text=_("For example 5 or −2. Stays in the history together with the reason."),
    )  # fmt: skip
    adjust_reason = forms.CharField(label=_("reason"), required=False, max_length=255, widget=AdminTextInputWidget)

    class Meta:
        model = Product
        fields = DESCRIPTIVE
        field_classes = {"sku": TidyField, "name": TidyField, "location": TidyField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_new = self.instance.pk is None
        for name in ("adjust_by", "adjust_reason") if is_new else ("first_quantity",):
            del self.fields[name]
        for name in DESCRIPTIVE:
            if name in self.fields:
                self.fields[name].show_hidden_initial = not is_new
        if "min_quantity" in self.fields:
            self.fields["min_quantity"].max_value = MAX_QUANTITY  # type: ignore[attr-defined]

    def clean_min_quantity(self) -> int:
        value: int = self.cleaned_data["min_quantity"]
        if value > MAX_QUANTITY:
            raise ValidationError(_("At most %(most)s.") % {"most": MAX_QUANTITY})
        return value

    def clean_photo(self) -> images.Photo | None:
        upload: UploadedFile | None = self.cleaned_data["photo"]
        if upload is None:
            return None
        try:
            return images.prepare(upload, lock_folder=Path(settings.MEDIA_ROOT))  # type: ignore[arg-type]
        except (images.BadImage, images.DecoderBusy) as error:
            raise ValidationError(error.detail, code=error.code) from error

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("adjust_by") and not data.get("adjust_reason"):
            self.add_error("adjust_reason", gettext("Give a reason for the change."))
        return data

    @property
    def changes(self) -> dict[str, Any]:
        """The descriptive fields that were changed in the form."""
        return {name: self.cleaned_data[name] for name in DESCRIPTIVE if name in self.changed_data}


class StockFilter(admin.SimpleListFilter):
    title = _("stock")
    parameter_name = "stock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Text]]:
        return [("low", _("below the minimum")), ("none", _("none on hand")), ("negative", _("below zero"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Product]") -> "QuerySet[Product]":
        chosen = {"low": Q(quantity__lt=F("min_quantity")), "none": Q(quantity=0), "negative": Q(quantity__lt=0)}
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(Product)
class ProductAdmin(Archives, Buttons):
    form = ProductForm
    list_display = ("preview", "sku", "titled", "location", "on_hand", "min_quantity", "updated_at")
    list_display_links = ("preview", "sku")
    list_filter = (ArchivedFilter, StockFilter, "unverified")
    search_fields = ("sku", "name", "location")
    search_help_text = _("SKU, name or location")
    ordering = ("name", "id")
    readonly_fields = ("photo_now", "on_hand", "latest_movements", "latest_changes", "archived_at", "unarchive")

    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": ("sku", "name", "location", "first_quantity", "min_quantity", "photo")})]
        shown = [
            (None, {"fields": (*DESCRIPTIVE, "photo_now", "photo")}),
            (_("Stock"), {"fields": ("on_hand", "adjust_by", "adjust_reason")}),
        ]
        if obj.is_archived:
            shown = [(None, {"fields": (*DESCRIPTIVE, "photo_now", "on_hand", "archived_at", "unarchive")})]
        return [
            *shown,
            (_("Latest movements"), {"fields": ("latest_movements",)}),
            (_("Latest changes"), {"fields": ("latest_changes",)}),
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Product]", search_term: str
    ) -> tuple["QuerySet[Product]", bool]:
        """Django's. The product field of an order offers only live products."""
        if request.path.endswith("/autocomplete/"):
            queryset = queryset.live()  # type: ignore[attr-defined]
        return super().get_search_results(request, queryset, search_term)

    # --- Saving ---------------------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Product, form: ProductForm, change: bool) -> None:
        data, by = form.cleaned_data, actor(request)
        if not change:
            made = products.create(
                sku=data["sku"], name=data["name"], location=data["location"], quantity=data["first_quantity"] or 0,
                min_quantity=data["min_quantity"], photo=data["photo"], by=by,
            )  # fmt: skip
            obj.pk = made.pk
            return
        if form.changes or data["photo"]:
            products.update(obj.pk, form.changes, photo=data["photo"], by=by)
        if data["adjust_by"]:
            stock.adjust(obj.pk, data["adjust_by"], reason=data["adjust_reason"], by=by)

    def archive(self, request: HttpRequest, key: int) -> None:
        products.archive(key, by=actor(request))

    def worth_knowing(self, row: Product) -> Text:
        waiting = list(Order.objects.waiting_for(row.pk).order_by("id").values_list("id", flat=True))
        facts = {"on_hand": number(row.quantity), "orders": ", ".join(f"#{key}" for key in waiting)}
        if not waiting:
            return gettext("%(on_hand)s on hand; in no open order.") % facts
        text = ngettext("%(on_hand)s on hand; in the open order %(orders)s.",
                        "%(on_hand)s on hand; in the open orders %(orders)s.", len(waiting))  # fmt: skip
        return text % facts

    def do(self, request: HttpRequest, key: int, verb: str) -> Text:
        if verb != "unarchive":
            raise KeyError(verb)
        product = products.unarchive(key, by=actor(request))
        return gettext("“%(row)s” is back on the list.") % {"row": product}

    # --- Columns and fields ---------------------------------------------------------------------------------------
    @admin.display(description="")
    def preview(self, product: Product) -> SafeString | str:
        return picture(product, 48)

    @admin.display(description=_("name"), ordering="name")
    def titled(self, product: Product) -> SafeString:
        marks = [badge(gettext("unverified"), "warning")] if product.unverified else []
        marks += [badge(gettext("archived"))] if product.is_archived else []
        return format_html("{} {}", product.name, format_html_join(" ", "{}", ((mark,) for mark in marks)))

    @admin.display(description=_("on hand"), ordering="quantity")
    def on_hand(self, product: Product) -> SafeString | str:
        if product.quantity < 0:
            return badge(product.quantity, "danger")
        if product.quantity < product.min_quantity:
            return badge(product.quantity, "warning")
        return str(product.quantity)

    @admin.display(description="")
    def unarchive(self, product: Product) -> SafeString:
        return self.button(product.pk, "unarchive", _("Bring back from the archive"))

    @admin.display(description=_("photo"))
    def photo_now(self, product: Product) -> SafeString | str:
        return picture(product, 160)

    @admin.display(description="")
    def latest_movements(self, product: Product) -> SafeString:
        rows = product.movements.select_related("user", "device", "order_line").order_by("-id")[:LATEST]
        more = f"{reverse('admin:api_stockmovement_changelist')}?product__id__exact={product.pk}"
        return table("movements", list(rows), more=more)

    @admin.display(description="")
    def latest_changes(self, product: Product) -> SafeString:
        return changes_table(product.versions.all(), what_changed)


def picture(product: Product, side: int) -> SafeString | str:
    """A product's thumbnail, loaded lazily. side: in pixels."""
    if not product.thumbnail:
        return format_html('<span class="desk-no-photo" style="width:{0}px;height:{0}px"></span>', side)
    return format_html(
        '<img class="desk-photo" src="{0}" alt="" loading="lazy" width="{1}" height="{1}">',
        product.thumbnail.url,
        side,
    )


def became(field: Text, old: object, new: object) -> str:
    """A changed value in words. field: its label."""
    facts = {"field": field, "old": EMPTY if old == "" else old, "new": EMPTY if new == "" else new}
    return gettext("%(field)s: %(old)s → %(new)s") % facts


def what_changed(version: ProductVersion, before: ProductVersion | None) -> list[str]:
    """The changes of a version in words. before: the version before it, None for the first."""
    if before is None:
        return [gettext("Created")]
    names = {"sku": _("SKU"), "name": _("name"), "location": _("location")}
    changes = [
        became(name, getattr(before, field), getattr(version, field))
        for field, name in names.items()
        if getattr(before, field) != getattr(version, field)
    ]
    if version.image != before.image:
        changes.append(gettext("New photo"))
    if version.archived != before.archived:
        changes.append(gettext("Archived") if version.archived else gettext("Brought back from the archive"))
    return changes or [gettext("Minimum or check mark changed")]
