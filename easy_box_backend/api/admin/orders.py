"""Orders. They are created here, since the app has no screen for it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.actions import orders
from api.admin.base import (
    EMPTY,
    ActionForm,
    ArchivedFilter,
    Archives,
    ManagersOnly,
    TidyField,
    WholeInput,
    actor,
    badge,
    changes_table,
)
from api.admin.products import became, picture
from api.models import MAX_QUANTITY, Order, OrderLine, OrderVersion, Product
from api.rest.requests import parse_id

LOOKS = {"open": "primary", "inProgress": "info", "picked": "success", "cancelled": "secondary"}


class ProductChoice(AutocompleteSelect):
    """A product by search. One query gets the names for all lines of the order."""

    known: dict[int, str] = {}

    def optgroups(self, name: str, value: Any, attrs: dict[str, Any] | None = None) -> Any:
        chosen = str(value[0]) if value else ""
        if not chosen.isdecimal() or int(chosen) not in self.known:
            return super().optgroups(name, value, attrs)
        option = self.create_option(name, chosen, self.known[int(chosen)], True, 0)
        return [(None, [option], 0)]


class KnownRow(forms.ModelChoiceField):
    """A row by its id, from rows that one query has read: an order can have a thousand lines."""

    rows: dict[str, Any] = {}

    def to_python(self, value: Any) -> Any:
        return self.rows.get(str(value)) or super().to_python(value)


class LineForm(ActionForm):
    quantity_to_pick = forms.IntegerField(label=_("to pick"), min_value=1, max_value=MAX_QUANTITY, widget=WholeInput)
    quantity_picked = forms.IntegerField(
        label=_("picked"), min_value=0, max_value=MAX_QUANTITY, initial=0, required=False, widget=WholeInput
    )

    class Meta:
        model = OrderLine
        fields = ("product", "quantity_to_pick", "quantity_picked")

    def clean_quantity_picked(self) -> int:
        return self.cleaned_data["quantity_picked"] or 0

    def _get_validation_exclusions(self) -> set[str]:
        """Without the product, which is known to exist; Django would query it for each line."""
        return {*super()._get_validation_exclusions(), "product"}  # type: ignore[misc]


class LineFormSet(forms.BaseInlineFormSet):
    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        line, before = form.instance, form.fields["id"]
        field = KnownRow(before.queryset, initial=before.initial, required=False, widget=forms.HiddenInput)
        field.rows = {str(line.pk): line} if line.pk else {}
        form.fields["id"] = field

    def validate_unique(self) -> None:
        """Left to the action, which makes one line of two with the same product."""

    @property
    def wanted(self) -> list[orders.Line]:
        """All lines of the submitted form."""
        kept = [form.cleaned_data for form in self.forms if form not in self.deleted_forms]
        return [
            orders.Line(data["product"].pk, data["quantity_to_pick"], data["quantity_picked"])
            for data in kept
            if data.get("product")
        ]


class LineInline(ManagersOnly, admin.TabularInline):
    model = OrderLine
    form = LineForm
    formset = LineFormSet
    fields = ("preview", "product", "place", "quantity_to_pick", "quantity_picked")
    readonly_fields = ("preview", "place")
    verbose_name = _("product")
    verbose_name_plural = _("What to pick")

    def get_extra(self, request: HttpRequest, obj: Order | None = None, **kwargs: Any) -> int:
        return 3 if obj is None else 1

    def get_queryset(self, request: HttpRequest) -> "QuerySet[OrderLine]":
        lines = super().get_queryset(request).select_related("product")
        # A submitted line may have been removed meanwhile; the action reports that.
        return lines if request.method == "POST" else lines.filter(removed_at__isnull=True)

    def get_formset(self, request: HttpRequest, obj: Order | None = None, **kwargs: Any) -> Any:
        self.order = obj
        return super().get_formset(request, obj, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name != "product":
            return super().formfield_for_foreignkey(db_field, request, **kwargs)
        key = request.resolver_match.kwargs.get("object_id", "") if request.resolver_match else ""
        here = set(OrderLine.objects.filter(order=parse_id(key)).values_list("product_id", flat=True))
        sent = {parse_id(str(value)) for name, value in request.POST.items() if name.endswith("-product")} - {None}
        choices = Product.objects.filter(Q(archived_at__isnull=True) | Q(pk__in=here))
        known = list(choices.filter(pk__in=here | sent))
        widget = ProductChoice(db_field, self.admin_site)
        widget.known = {product.pk: str(product) for product in known}
        given = {"form_class": KnownRow, "widget": widget, "queryset": choices}
        field: Any = super().formfield_for_foreignkey(db_field, request, **{**kwargs, **given})
        field.rows = {str(product.pk): product for product in known}
        return field

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Without the links to change or delete the product."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "product" and field is not None:
            field.widget.can_add_related = field.widget.can_change_related = False
            field.widget.can_delete_related = field.widget.can_view_related = False
        return field

    @admin.display(description="")
    def preview(self, line: OrderLine) -> SafeString | str:
        return picture(line.product, 40) if line.product_id else ""

    @admin.display(description=_("where, on hand"))
    def place(self, line: OrderLine) -> str:
        if not line.product_id:
            return ""
        product = line.product
        return f"{product.location or EMPTY} · {product.quantity}"


class OrderForm(ActionForm):
    """`held` is the revision that the person saw, so that later changes are not overwritten."""

    held = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Order
        fields = ("customer_name", "status")
        field_classes = {"customer_name": TidyField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "held" in self.fields:
            self.fields["held"].initial = self.instance.revision
            self.fields["held"].label = ""


@admin.register(Order)
class OrderAdmin(Archives):
    form = OrderForm
    inlines = (LineInline,)
    list_display = ("number", "customer_name", "state", "progress", "created_at", "updated_at")
    list_display_links = ("number", "customer_name")
    list_filter = (ArchivedFilter, "status")
    search_fields = ("customer_name", "lines__sku", "lines__name")
    search_help_text = _("Customer, SKU or product")
    ordering = ("-id",)
    date_hierarchy = "created_at"
    readonly_fields = ("latest_changes", "archived_at")
    jazzmin_section_order = (None, LineInline.verbose_name_plural, _("Latest changes"))

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Order]":
        there = Q(lines__removed_at__isnull=True)
        return super().get_queryset(request).annotate(
            line_count=Count("lines", filter=there),
            to_pick=Sum("lines__quantity_to_pick", filter=there, default=0),
            picked=Sum("lines__quantity_picked", filter=there, default=0),
        )  # fmt: skip

    def get_fieldsets(self, request: HttpRequest, obj: Order | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": ("customer_name", "status", "held")})]
        last = ("archived_at",) if obj.archived_at else ("held",)
        return [
            (None, {"fields": ("customer_name", "status", *last)}),
            (_("Latest changes"), {"fields": ("latest_changes",)}),
        ]

    # --- Saving ---------------------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Order, form: Any, change: bool) -> None:
        """`save_related` saves the order together with its lines."""

    def save_related(self, request: HttpRequest, form: OrderForm, formsets: Any, change: bool) -> None:
        lines: LineFormSet = formsets[0]
        order, data = form.instance, form.cleaned_data
        held = data.pop("held")
        if change:
            held = None if held is None else [held]
            orders.update(order.pk, **data, lines=lines.wanted, by=actor(request), revisions_held=held)
        else:
            order.pk = orders.create(**data, lines=lines.wanted, by=actor(request)).pk
        # For Django's log of the page:
        lines.new_objects = [f.instance for f in lines.extra_forms if f.has_changed()]
        lines.changed_objects = [(f.instance, f.changed_data) for f in lines.initial_forms if f.has_changed()]
        lines.deleted_objects = [f.instance for f in lines.deleted_forms]

    def archive(self, request: HttpRequest, key: int) -> None:
        orders.archive(key, by=actor(request))

    # --- Columns and fields ---------------------------------------------------------------------------------------
    @admin.display(description="№", ordering="id")
    def number(self, order: Order) -> str:
        return f"#{order.pk}"

    @admin.display(description=_("status"), ordering="status")
    def state(self, order: Order) -> SafeString:
        mark = badge(order.get_status_display(), LOOKS.get(order.status, "secondary"))
        return format_html("{} {}", mark, badge(gettext("archived"))) if order.archived_at else mark

    @admin.display(description=_("picked"))
    def progress(self, order: Any) -> SafeString | str:
        if not order.line_count:
            return EMPTY
        return format_html(
            '<progress value="{}" max="{}"></progress> <span class="text-nowrap">{}</span>',
            min(order.picked, order.to_pick), order.to_pick or 1,
            gettext("%(picked)s of %(wanted)s") % {"picked": order.picked, "wanted": order.to_pick},
        )  # fmt: skip

    @admin.display(description="")
    def latest_changes(self, order: Order) -> SafeString:
        names = dict(order.lines.values_list("product_id", "name"))
        return changes_table(order.versions.all(), lambda version, before: what_changed(version, before, names))


def what_changed(version: OrderVersion, before: OrderVersion | None, names: dict[int, str]) -> list[str]:
    """The changes of a version in words. before: the one before it, None for the first. names: of products, by id."""
    if before is None:
        return [gettext("Created")]
    changes = []
    if version.customer_name != before.customer_name:
        changes.append(became(_("customer"), before.customer_name, version.customer_name))
    if version.status != before.status:
        changes.append(became(_("status"), before.get_status_display(), version.get_status_display()))
    old_lines = {line["product"]: line for line in before.lines}
    new_lines = {line["product"]: line for line in version.lines}
    for product in {**old_lines, **new_lines}:
        changes += _line_changed(names.get(product, f"#{product}"), old_lines.get(product), new_lines.get(product))
    if version.archived != before.archived:
        changes.append(gettext("Archived"))
    return changes or [gettext("Saved without a change")]


def _line_changed(name: str, old: dict[str, int] | None, new: dict[str, int] | None) -> list[str]:
    if old is None and new is not None:
        facts = {"name": name, "quantity": new["quantity_to_pick"]}
        return [gettext("added: %(name)s × %(quantity)s") % facts]
    if new is None or old is None:
        return [gettext("removed: %(name)s") % {"name": name}]
    fields = (("quantity_to_pick", _("to pick")), ("quantity_picked", _("picked")))
    return [f"{name}, {became(text, old[field], new[field])}" for field, text in fields if old[field] != new[field]]
