"""Stock movements and discrepancies."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from api.actions import reversing, settling
from api.admin.base import EMPTY, Buttons, ReadOnly, Text, actor, badge, for_each, link, renamed, table
from api.discrepancies import kinds
from api.discrepancies.case import device_name, moment, signed
from api.errors import DomainError, Invalid
from api.models import Device, Discrepancy, Product, StockMovement
from api.rest.requests import parse_id

LOOKS = {
    "apply": "success", "move": "outline-primary", "reverse": "outline-danger", "dismiss": "outline-secondary",
}  # fmt: skip
"""The Bootstrap style of each answer's button."""

SETTLED = {"apply": _("Applied."), "move": _("Moved."), "reverse": _("Reversed."), "dismiss": _("Dismissed.")}

MOST_CHOICES = 100
"""How many products or phones a filter offers at most; search finds the others."""

MOST_REASONS = 10
"""How many errors are shown in full when many discrepancies are settled at once."""


class Record(ReadOnly, Buttons):
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
    list_display = ("recorded_at", "goods", "kind", "change", "quantity_after", "reason", "order", "who", "state")
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
        """Also allows `product__id__exact`, for the link on a product's page."""
        return lookup == "product__id__exact" or super().lookup_allowed(lookup, value, request)

    def do(self, request: HttpRequest, key: int, verb: str) -> Text:
        if verb != "reverse":
            raise KeyError(verb)
        reversing.reverse(key, by=actor(request))
        return gettext("The movement is reversed.")

    @admin.action(description=_("Reverse the selected movements"))
    def reverse_selected(self, request: HttpRequest, queryset: "QuerySet[StockMovement]") -> None:
        by = actor(request)
        text = ngettext_lazy("%(count)d movement is reversed.", "%(count)d movements are reversed.", "count")
        for_each(self, request, queryset, lambda row: reversing.reverse(row.pk, by=by), text)

    @admin.display(description=_("change"), ordering="quantity_delta")
    def change(self, row: StockMovement) -> SafeString:
        look = "desk-more" if row.quantity_delta > 0 else "desk-fewer"
        return format_html('<span class="{}">{}</span>', look, signed(row.quantity_delta))

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
    """Shows open discrepancies by default."""

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


class RowFilter(admin.SimpleListFilter):
    """By a row that `parameter_name` refers to."""

    @property
    def chosen(self) -> int | None:
        return parse_id(self.value() or "")

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Discrepancy]") -> "QuerySet[Discrepancy]":
        return queryset.filter(**{self.parameter_name or "": self.chosen}) if self.chosen else queryset


class GoodsFilter(RowFilter):
    """The products with most open discrepancies."""

    title = _("product")
    parameter_name = "product"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Text]]:
        found = Product.objects.filter(discrepancies__status=Discrepancy.Status.OPEN)
        most = list(found.annotate(cases=Count("discrepancies")).order_by("-cases", "sku")[:MOST_CHOICES])
        if self.chosen and self.chosen not in {product.pk for product in most}:
            most += Product.objects.filter(pk=self.chosen)
        return [(str(product.pk), str(product)) for product in most]


class PhoneFilter(RowFilter):
    title = _("device")
    parameter_name = "device"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Text]]:
        concerned = Discrepancy.objects.filter(device__isnull=False).values("device")
        phones = Device.objects.filter(pk__in=concerned).select_related("user").order_by("user__username", "name", "pk")
        return [(str(phone.pk), f"{phone.user} · {device_name(phone)}") for phone in phones[:MOST_CHOICES]]


@admin.register(Discrepancy)
class DiscrepancyAdmin(Record):
    list_display = ("came_at", "kind", "in_words", "for_order", "who", "state")
    list_display_links = ("came_at", "kind")
    list_filter = (OpenFilter, "kind", GoodsFilter, PhoneFilter)
    list_select_related = ("product", "order", "user", "device")
    list_max_show_all = settling.MOST_AT_ONCE
    search_fields = ("sku", "product__name", "order__customer_name", "user__username")
    search_help_text = _("SKU, product, customer or person")
    date_hierarchy = "created_at"
    fields = ("kind", "in_words", "facts_told", "settle", "resolved_by", "resolved_at", "note")
    readonly_fields = fields
    actions = ("apply_selected", "reverse_selected", "dismiss_selected")

    def get_fields(self, request: HttpRequest, obj: Discrepancy | None = None) -> Any:
        """An open discrepancy has no `resolved_…` fields and no note to show."""
        still_open = obj is not None and obj.status == Discrepancy.Status.OPEN
        return self.fields[:-3] if still_open else self.fields

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Django's. Describes all rows of the page together, in a fixed number of queries."""
        page = super().get_changelist_instance(request)
        rows = list(page.result_list)
        for told in kinds.describe(rows):
            told.row.told = told  # type: ignore[attr-defined]
        page.result_list = rows
        return page

    # --- Settling -------------------------------------------------------------------------------------------------
    def do(self, request: HttpRequest, key: int, verb: str) -> Text:
        text = SETTLED[verb]
        sent = request.POST
        quantity = sent.get("quantity", "").strip()
        entered = settling.Entered(
            whole(quantity) if quantity else None, sent.get("sku", "").strip(), sent.get("name", "").strip()
        )
        settling.resolve(
            key, verb, by=actor(request), note=sent.get("note", "").strip()[:1000],
            entered=entered, shown=request.GET.get("shown"),
        )  # fmt: skip
        return text

    @admin.action(description=_("Apply the selected …"))
    def apply_selected(self, request: HttpRequest, queryset: "QuerySet[Discrepancy]") -> HttpResponse | None:
        return self.settle_selected(request, queryset, "apply")

    @admin.action(description=_("Reverse the selected …"))
    def reverse_selected(self, request: HttpRequest, queryset: "QuerySet[Discrepancy]") -> HttpResponse | None:
        return self.settle_selected(request, queryset, "reverse")

    @admin.action(description=_("Dismiss the selected …"))
    def dismiss_selected(self, request: HttpRequest, queryset: "QuerySet[Discrepancy]") -> HttpResponse | None:
        return self.settle_selected(request, queryset, "dismiss")

    def settle_selected(
        self, request: HttpRequest, queryset: "QuerySet[Discrepancy]", verb: str
    ) -> HttpResponse | None:
        """First shows a page with what will happen to each discrepancy. When it is confirmed, does exactly that."""
        if shown := request.POST.get("shown"):
            self.do_to_many(request, shown, verb)
            return None
        told = kinds.describe(list(queryset.order_by("-id")[: settling.MOST_AT_ONCE]), in_turn=verb)
        answers = [(one, one.answer(verb)) for one in told]
        able = [(one, answer) for one, answer in answers if answer and not answer.asks]
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "media": self.media, "verb": verb,
            "title": dict(self.get_action_choices(request))[f"{verb}_selected"],
            "rows": able, "left": [one for one, answer in answers if not answer or answer.asks],
            "button": (_("Do this for %(count)d") % {"count": len(able)}), "look": LOOKS[verb],
            "shown": json.dumps({one.row.pk: answer.token for one, answer in able}),
            "too_many": queryset.count() > settling.MOST_AT_ONCE, "most": settling.MOST_AT_ONCE,
        }  # fmt: skip
        return TemplateResponse(request, "admin/api/settle_selected.html", context)

    def do_to_many(self, request: HttpRequest, shown: str, verb: str) -> None:
        try:
            wanted = {int(key): str(token) for key, token in json.loads(shown).items()}
            note = request.POST.get("note", "").strip()[:1000]
            done, failed = settling.resolve_many(wanted, verb, by=actor(request), note=note)
        except (ValueError, AttributeError):
            self.message_user(request, gettext("Nothing is selected."), messages.ERROR)
            return
        except DomainError as error:
            self.message_user(request, str(error.detail), messages.ERROR)
            return
        if done:
            text = ngettext("%(count)d is settled.", "%(count)d are settled.", len(done)) % {"count": len(done)}
            self.message_user(request, text, messages.SUCCESS)
        if failed:
            text = ngettext("%(count)d is not settled.", "%(count)d are not settled.", len(failed))
            rows = Discrepancy.objects.in_bulk(list(failed)[:MOST_REASONS])
            reasons = [f"{rows.get(key, '')}: {failed[key].detail}" for key in list(failed)[:MOST_REASONS]]
            if len(failed) > MOST_REASONS:
                reasons.append("…")
            self.message_user(request, " ".join([text % {"count": len(failed)}, *reasons]), messages.ERROR)

    # --- Columns and fields ---------------------------------------------------------------------------------------
    @admin.display(description=_("when"), ordering="created_at")
    def came_at(self, row: Discrepancy) -> str:
        return moment(row.created_at)

    @admin.display(description=_("what happened"))
    def in_words(self, row: Discrepancy) -> str:
        return told_of(row).what

    @admin.display(description=_("facts"))
    def facts_told(self, row: Discrepancy) -> SafeString:
        pages = dict.fromkeys(("product", "archived", "taken_by", "moved_to"), "product") | {"order": "order"}
        rows = [
            (fact.label, link(pages[fact.name], fact.value["id"], fact.text) if fact.name in pages else fact.text)
            for fact in told_of(row).facts
        ]
        return table("facts", rows)

    @admin.display(description=_("order"))
    def for_order(self, row: Discrepancy) -> SafeString | str:
        return link("order", row.order_id, row.order)

    @admin.display(description=_("who"), ordering="user__username")
    def who(self, row: Discrepancy) -> SafeString | str:
        device = device_name(row.device) if row.device else ""
        return format_html("{}<br><small>{}</small>", link("user", row.user_id, row.user), device)

    @admin.display(description=_("settle"))
    def state(self, row: Discrepancy) -> SafeString:
        if row.status != Discrepancy.Status.OPEN:
            return badge(row.get_status_display())
        page = reverse("admin:api_discrepancy_change", args=[row.pk])
        buttons = [
            (self.answer_button(row, answer),) if not answer.asks
            else (format_html('<a class="btn btn-sm btn-{}" href="{}">{} …</a>',
                              LOOKS[answer.action], page, answer.text),)
            for answer in told_of(row).answers
        ]  # fmt: skip
        return format_html('<div class="desk-buttons">{}</div>', format_html_join("", "{}", buttons))

    @admin.display(description=_("settle"))
    def settle(self, row: Discrepancy) -> SafeString:
        if row.status != Discrepancy.Status.OPEN:
            return self.state(row)
        # Answers with a field come first: Enter, which scanners send too, presses the first button of a form.
        answers = sorted(told_of(row).answers, key=lambda answer: not answer.asks)
        return table("answers", [(answer, self.answer_button(row, answer)) for answer in answers])

    def answer_button(self, row: Discrepancy, answer: kinds.Answer) -> SafeString:
        return self.button(row.pk, answer.action, answer.text, LOOKS[answer.action], shown=answer.token)


def told_of(row: Any) -> kinds.Told:
    """The row's description: that of its page, else a new one."""
    return getattr(row, "told", None) or kinds.describe([row])[0]


def whole(text: str) -> int:
    """The whole number in the text. Raises Invalid if it is none."""
    plain = "".join(text.split())
    if not plain.isascii() or not plain.isdecimal() or len(plain) > 18:
        raise Invalid(_("Enter a whole number."), fields={"quantity": [_("Enter a whole number.")]})
    return int(plain)
