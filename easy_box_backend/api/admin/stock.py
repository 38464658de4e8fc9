"""The ledger, and what the server could not decide by itself."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from api.actions import reversing, settling
from api.admin import words
from api.admin.base import EMPTY, Buttons, LooksOnly, Text, actor, badge, for_each, link, renamed
from api.models import Discrepancy, StockMovement


class Record(LooksOnly, Buttons):
    list_per_page = 50
    show_full_result_count = False
    empty_value_display = EMPTY

    @admin.display(description=_("product"), ordering="product__name")
    def goods(self, row: Any) -> SafeString | str:
        return link("product", row.product_id, row.product) if row.product_id else row.sku or EMPTY

    @admin.display(description=_("who"), ordering="user__username")
    def who(self, row: Any) -> SafeString | str:
        if row.device_id is None:
            return link("user", row.user_id, row.user)
        return format_html("{}<br><small>{}</small>", link("user", row.user_id, row.user), row.device)


@admin.register(StockMovement)
class StockMovementAdmin(Record):
    list_display = (
        "recorded_at",
        "goods",
        "kind",
        "change",
        "quantity_after",
        "reason",
        "order",
        "who",
        "state",
    )
    list_filter = ("kind", "user")
    list_select_related = ("product", "user", "device", "order_line", "reversed_by")
    search_fields = ("product__sku", "product__name", "reason")
    search_help_text = _("SKU, product or reason")
    date_hierarchy = "recorded_at"
    fields = (
        "goods", "kind", "change", "quantity_after", "counted", "reason", "order", "who", "occurred_at", "recorded_at",
        "reverses", "state",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("reverse_selected",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """`product__id__exact` is what a product's page links to."""
        return lookup == "product__id__exact" or super().lookup_allowed(lookup, value, request)

    def do(self, request: HttpRequest, key: int, verb: str) -> Text:
        if verb != "reverse":
            raise KeyError(verb)
        reversing.reverse(key, by=actor(request), at=timezone.now())
        return gettext("The movement is reversed.")

    @admin.action(description=_("Reverse the selected movements"))
    def reverse_selected(self, request: HttpRequest, queryset: "QuerySet[StockMovement]") -> None:
        by = actor(request)
        done = for_each(self, request, queryset, lambda row: reversing.reverse(row.pk, by=by, at=timezone.now()))
        if done:
            text = ngettext("%(count)d movement is reversed.", "%(count)d movements are reversed.", done)
            self.message_user(request, text % {"count": done}, messages.SUCCESS)

    @admin.display(description=_("change"), ordering="quantity_delta")
    def change(self, row: StockMovement) -> SafeString:
        look = "desk-more" if row.quantity_delta > 0 else "desk-fewer"
        return format_html('<span class="{}">{}</span>', look, words.signed(row.quantity_delta))

    @admin.display(description=_("order"))
    def order(self, row: StockMovement) -> SafeString | str:
        if row.order_line is None:
            return EMPTY
        return link("order", row.order_line.order_id, f"#{row.order_line.order_id}")

    @admin.display(description="")
    def state(self, row: StockMovement) -> SafeString | str:
        if row.reverses_id is not None or row.is_part_of_count:
            return EMPTY
        if getattr(row, "reversed_by", None) is not None:
            return badge(gettext("reversed"))
        return self.button(row.pk, "reverse", _("Reverse"), "outline-secondary")


class OpenFilter(admin.SimpleListFilter):
    """What waits for a manager, unless one asks for the rest."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Text]]:
        settled = [choice for choice in Discrepancy.Status.choices if choice[0] != Discrepancy.Status.OPEN]
        return [*settled, ("all", _("all"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Discrepancy]") -> "QuerySet[Discrepancy]":
        if self.value() == "all":
            return queryset
        return queryset.filter(status=self.value() or Discrepancy.Status.OPEN)

    def choices(self, changelist: Any) -> Any:
        return renamed(super().choices(changelist), _("open"))


@admin.register(Discrepancy)
class DiscrepancyAdmin(Record):
    list_display = ("created_at", "kind", "in_words", "goods", "for_order", "who", "state")
    list_display_links = ("created_at", "kind")
    list_filter = (OpenFilter, "kind")
    list_select_related = ("product", "order", "user", "device")
    search_fields = ("sku", "product__name", "order__customer_name", "user__username")
    search_help_text = _("SKU, product, customer or person")
    date_hierarchy = "created_at"
    fields = (
        "kind", "in_words", "goods", "for_order", "booked", "who", "created_at", "settle", "resolved_by",
        "resolved_at", "note",
    )  # fmt: skip
    readonly_fields = fields

    def get_fields(self, request: HttpRequest, obj: Discrepancy | None = None) -> Any:
        """An open one has not been settled by anybody yet."""
        still_open = obj is not None and obj.status == Discrepancy.Status.OPEN
        return self.fields[:-3] if still_open else self.fields

    def do(self, request: HttpRequest, key: int, verb: str) -> Text:
        text = words.SETTLED[verb]
        note = request.POST.get("note", "").strip()[:1000]
        settling.resolve(key, verb, by=actor(request), at=timezone.now(), note=note)
        return text

    @admin.display(description=_("what happened"))
    def in_words(self, row: Discrepancy) -> SafeString:
        return format_html("{}<br><small>{}</small>", words.what_happened(row), words.facts(row))

    @admin.display(description=_("order"))
    def for_order(self, row: Discrepancy) -> SafeString | str:
        return link("order", row.order_id, row.order)

    @admin.display(description=_("booked"))
    def booked(self, row: Discrepancy) -> SafeString | str:
        movements = StockMovement.objects.filter(id__in=row.facts.get("booked", [])).order_by("id")
        links = [(link("stockmovement", movement.pk, movement),) for movement in movements]
        return format_html_join(", ", "{}", links) or EMPTY

    @admin.display(description=_("settle"))
    def state(self, row: Discrepancy) -> SafeString:
        if row.status != Discrepancy.Status.OPEN:
            return badge(row.get_status_display())
        buttons = [(self.button(row.pk, way, *words.WAYS[way]),) for way in settling.ways(row)]
        return format_html('<div class="desk-buttons">{}</div>', format_html_join("", "{}", buttons))

    @admin.display(description=_("settle"))
    def settle(self, row: Discrepancy) -> SafeString:
        if row.status != Discrepancy.Status.OPEN:
            return self.state(row)
        return format_html(
            '<textarea name="note" rows="2" maxlength="1000" class="form-control mb-2" placeholder="{}">'
            "</textarea>{}",
            gettext("Note (may stay empty)"), self.state(row),
        )  # fmt: skip
